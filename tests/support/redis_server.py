# SPDX-License-Identifier: Apache-2.0
"""A private Redis of Debian's on a free loopback port, that keeps nothing on disk."""

import shutil
import tempfile

from redis import Redis

from tests.support.ports import free_port
from tests.support.service import Service

PROGRAM = shutil.which("redis-server")


class RedisServer:
    """`url` stays the same over kill() and restart(); what it held is lost then, as it is meant to be."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._directory = tempfile.mkdtemp(prefix="casegate-redis-")
        options = {
            "bind": "127.0.0.1",
            "port": str(self.port),
            "dir": self._directory,
            "appendonly": "no",
            "save": "",
            "daemonize": "no",
            "maxmemory-policy": "noeviction",
        }
        command = [PROGRAM, *(word for key, value in options.items() for word in (f"--{key}", value))]
        self._service = Service(command, "Ready to accept connections")

    def start(self) -> None:
        """Start it and wait until it answers."""
        self._service.start()

    def kill(self) -> None:
        """SIGKILL; connections break, the port refuses."""
        self._service.kill()

    def restart(self) -> None:
        """Kill it if it runs, and start it empty on the same port."""
        self.kill()
        self.start()

    def flush(self) -> None:
        """FLUSHALL."""
        with Redis.from_url(self.url) as client:
            client.flushall()

    def close(self) -> None:
        """Kill it and remove its directory."""
        self.kill()
        shutil.rmtree(self._directory, ignore_errors=True)
