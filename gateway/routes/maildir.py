# SPDX-License-Identifier: Apache-2.0
"""The route into a maildir: one file a recipient in DIR/new, with Return-Path and Delivered-To in front of the content.

Exactly once: the file's name is made from the outbox row and the recipient, so a second delivery of the same row finds
the first one, read or not. 250 leaves only after the file and its directory are on the disk; any failure of the
disk is a 451 for that recipient. What a crash leaves in DIR/tmp is overwritten by the next attempt.
"""

import asyncio
import fcntl
import hashlib
import logging
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path

from gateway.line_guard import refusal
from gateway.routes.responses import R250_FILED, R451_NOT_FILED, R451_UNREADABLE, R553_BAD_ADDRESS
from handlers.contents import Unreadable
from handlers.ports import Departure
from storage.address import BadAddress, parse
from storage.response import Response

_log = logging.getLogger(__name__)
_SAFE_NAME = re.compile(r"[A-Za-z0-9_+=-][A-Za-z0-9_+=.-]{0,99}")


class MaildirRoute:
    """handlers.ports.Route into `directory`, which is made with its three folders where it is missing."""

    def __init__(self, directory: Path) -> None:
        self._tmp, self._new, self._cur = (directory / name for name in ("tmp", "new", "cur"))

    def groups(self, recipients: Sequence[str]) -> list[tuple[str, ...]]:
        """All in one go: no recipient waits for another's host."""
        return [tuple(recipients)]

    async def send(self, departure: Departure) -> Mapping[str, Response]:
        """One response for each recipient, after the disk has it."""
        return await asyncio.to_thread(self._send, departure)

    def _send(self, departure: Departure) -> dict[str, Response]:
        refused = refusal(departure.content)
        if refused is not None:
            return dict.fromkeys(departure.recipients, refused)
        try:
            for folder in (self._tmp, self._new, self._cur):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            responses = {recipient: self._file(departure, recipient) for recipient in departure.recipients}
            _sync(self._new)
        except OSError as error:
            _log.error("maildir %s: %s", self._new.parent, error.strerror)
            return dict.fromkeys(departure.recipients, R451_NOT_FILED)
        return responses

    def _file(self, departure: Departure, recipient: str) -> Response:
        name = file_name(departure.name, recipient)
        try:
            parse(recipient)
            self._write_once(name, chain((_front(departure, recipient),), departure.content.pieces()))
        except BadAddress:
            return R553_BAD_ADDRESS
        except Unreadable as error:
            _log.error("outbox row %s: %s", departure.name, error)
            return R451_UNREADABLE
        except OSError as error:
            _log.error("maildir %s: %s", self._new.parent, error.strerror)
            return R451_NOT_FILED
        return R250_FILED.about(name)

    def _write_once(self, name: str, pieces: Iterable[bytes]) -> None:
        """The lock on the temporary file keeps out a second worker with the same row, whose lease ran out."""
        path = self._tmp / name
        descriptor = _lock(path)
        try:
            if not self._is_filed(name):
                os.ftruncate(descriptor, 0)
                for piece in pieces:
                    _write(descriptor, piece)
                os.fsync(descriptor)
                os.link(path, self._new / name)
        finally:
            path.unlink(missing_ok=True)
            os.close(descriptor)

    def _is_filed(self, name: str) -> bool:
        """In new, or in cur with whatever flags; a reader moves files one way only, so new is looked at first."""
        return (self._new / name).exists() or any(
            entry == name or entry.startswith(f"{name}:") for entry in os.listdir(self._cur)
        )


def file_name(row: str, recipient: str) -> str:
    """The name that one row and one recipient always have."""
    safe = row if _SAFE_NAME.fullmatch(row) else hashlib.sha256(row.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{safe}.{hashlib.sha256(recipient.encode('utf-8', 'surrogatepass')).hexdigest()[:20]}"


def _front(departure: Departure, recipient: str) -> bytes:
    """RFC 5321 §4.4: the final delivery puts the reverse-path in front."""
    return f"Return-Path: <{departure.reverse_path or ''}>\r\nDelivered-To: {recipient}\r\n".encode()


def _lock(path: Path) -> int:
    """An open, locked descriptor of the file that has this path now."""
    while True:
        descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if os.path.samestat(os.stat(path), os.fstat(descriptor)):
                return descriptor
        except FileNotFoundError:
            pass  # another worker has filed this row and taken the path away
        except OSError:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _write(descriptor: int, octets: bytes) -> None:
    view = memoryview(octets)
    while view:
        view = view[os.write(descriptor, view) :]


def _sync(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
