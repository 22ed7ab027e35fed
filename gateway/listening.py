# SPDX-License-Identifier: Apache-2.0
"""Listening sockets: made by the supervisor, or by systemd before it, and inherited by the processes that serve them.

Enters: `host:port`, `[v6]:port`, an absolute path, or a descriptor. Leaves: a Listening. Fails: OSError when the
address cannot be had, ValueError when it is none.
"""

import contextlib
import errno
import fcntl
import mmap
import os
import socket
import stat
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

BUSY = (errno.EADDRINUSE, errno.EADDRNOTAVAIL)  # another process still has it, or the network is not up yet
BACKLOG = 512


class CannotListen(Exception):
    """The address is not free now; a later try may work. The text is for the operator."""


class Listening(socket.socket):
    """One listening socket of several processes, and the word of the supervisor whether others follow us on it.

    Who stops serving leaves the queue of those not yet accepted to the others, unless there are none to come.
    """

    is_ours = True  # systemd's outlive us
    path: Path | None = None  # of a Unix socket that we made
    _made: tuple[int, ...] = ()
    _word: mmap.mmap

    @classmethod
    def inherited(cls, descriptor: int) -> "Listening":
        """What systemd has passed on; raises OSError when the descriptor is no socket."""
        taken = cls(fileno=descriptor)
        taken.is_ours = False
        taken.share()
        return taken

    def share(self) -> None:
        """Make it ready for forked processes and their event loops."""
        self._word = mmap.mmap(-1, 1)
        self.setblocking(False)

    @property
    def is_last(self) -> bool:
        """Whether nobody serves this socket after us: a client still in the queue would be reset."""
        return self._word[0] != 0

    def last_call(self) -> None:
        """Tell every process that nobody follows; a Unix socket's name goes, so that nobody new comes."""
        if not self.is_ours:
            return
        self._word[0] = 1
        if self.path is not None:
            with contextlib.suppress(OSError):
                if _identity(self.path) == self._made:  # another program's may stand there by now
                    os.unlink(self.path)

    def remember(self, path: Path) -> None:
        """The file that this socket has made."""
        self.path, self._made = path, _identity(path)


def _identity(path: Path) -> tuple[int, ...]:
    """Which file it is; the number of a removed one is soon given to another."""
    status = os.stat(path, follow_symlinks=False)
    return (status.st_dev, status.st_ino, status.st_mtime_ns)


def bind(address: str) -> Listening:
    """A listening socket that forked children inherit; port 0 takes a free one."""
    host, port = _split(address)
    v6 = ":" in host
    bound = Listening(socket.AF_INET6 if v6 else socket.AF_INET, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if v6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.bind((host, port))
        bound.listen(BACKLOG)
        bound.share()
    except OSError:
        bound.close()
        raise
    return bound


def bind_unix(path: Path, mode: int) -> Listening:
    """A listening Unix socket with exactly this mode; replaces the one of a process that has died."""
    bound = Listening(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with _directory_of_our_own(path.parent):
            _remove_dead(path)
            before = os.umask(0o777 & ~mode)  # the supervisor has one thread
            try:
                bound.bind(str(path))
            finally:
                os.umask(before)
            bound.remember(path)
            bound.listen(BACKLOG)  # within the lock: who looks meanwhile would take it for dead
        bound.share()
    except OSError:
        bound.close()
        raise
    return bound


@contextlib.contextmanager
def _directory_of_our_own(directory: Path) -> Iterator[None]:
    """Two programs that start at once do not remove each other's socket."""
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE), str(directory)) from None
        yield
    finally:
        os.close(handle)


def _remove_dead(path: Path) -> None:
    try:
        if not stat.S_ISSOCK(os.stat(path, follow_symlinks=False).st_mode):
            raise FileExistsError(errno.EEXIST, "a file that is no socket is there", str(path))
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.setblocking(False)  # a full queue answers EAGAIN, and is one of the living
            probe.connect(str(path))
    except FileNotFoundError:
        return
    except ConnectionRefusedError:
        os.unlink(path)
        return
    except BlockingIOError:
        pass
    raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE), str(path))


def _split(address: str) -> tuple[str, int]:
    host, colon, port = address.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise ValueError(f"{address!r} is not host:port or [v6]:port")
    v6 = host.startswith("[") and host.endswith("]")
    parsed = ip_address(host[1:-1] if v6 else host)  # raises ValueError: names are not resolved here
    if v6 != (parsed.version == 6):
        raise ValueError(f"{address!r} is not host:port or [v6]:port")
    return str(parsed), int(port)
