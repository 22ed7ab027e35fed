# SPDX-License-Identifier: Apache-2.0
"""Words to systemd over the socket of NOTIFY_SOCKET (sd_notify(3)); silent without one, and when nobody listens."""

import contextlib
import os
import socket
import time
from collections.abc import Mapping


def ready(status: str, environ: Mapping[str, str] = os.environ) -> None:
    """Every listener is bound and every process runs."""
    _tell(f"READY=1\nSTATUS={_one_line(status)}", environ)


def reloading(environ: Mapping[str, str] = os.environ) -> None:
    """The configuration is read again; `ready` says that this has come to its end, one way or the other."""
    _tell(f"RELOADING=1\nMONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}", environ)


def stopping(environ: Mapping[str, str] = os.environ) -> None:
    _tell("STOPPING=1", environ)


def status(text: str, environ: Mapping[str, str] = os.environ) -> None:
    """One line for `systemctl status`."""
    _tell(f"STATUS={_one_line(text)}", environ)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _tell(words: str, environ: Mapping[str, str]) -> None:
    name = environ.get("NOTIFY_SOCKET", "")
    if not name.startswith(("/", "@")):
        return
    address = f"\0{name[1:]}" if name.startswith("@") else name  # an abstract socket is written with @
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as link:
        link.setblocking(False)
        link.sendto(words.encode(), address)
