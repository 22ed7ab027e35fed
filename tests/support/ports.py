# SPDX-License-Identifier: Apache-2.0
"""Free TCP ports on loopback, for servers that cannot be told to take port 0."""

import random
import socket

# Below Linux's ephemeral range (32768-60999): no outgoing connection can take the port between the look and the use.
_RANGE = (20_000, 32_000)
_given: set[int] = set()


def free_port() -> int:
    """A port on 127.0.0.1 that nothing listens on now, and that this run has not given to anybody yet."""
    for _ in range(200):
        port = random.choice([one for one in range(*_RANGE) if one not in _given])
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            _given.add(port)
            return port
    raise RuntimeError("no free port on loopback")
