# SPDX-License-Identifier: Apache-2.0
"""One inbound mail looked at while it comes: header section, signatures' digests, MIME structure.

Enters: the content cut anyhow. Leaves, after `finish`: all that handlers/policy.py judges by; of the content only the
header section is held. Linear. Never fails: `beyond` is the refusal of a mail that passes a limit, as soon as it does.
"""

from dataclasses import dataclass, field
from datetime import datetime

from handlers.attachments import Files, MimeFiles
from handlers.dkim import Signatures
from handlers.dkim_policy import DkimPolicy
from handlers.headers import Head, HeaderLimits, scan
from handlers.mime_bounds import MimeBounds, MimeLimits
from handlers.section import SectionReader
from storage.response import R554_MIME_STRUCTURE, R554_TOO_MANY_HEADER_FIELDS, Response

OPENING_OCTETS = 16 * 1024  # of the body: enough for a mail of our own to be known again


@dataclass(frozen=True, slots=True)
class Limits:
    """What one mail may be, and how many of its octets are held in memory before it goes to the store in pieces."""

    header: HeaderLimits = field(default_factory=HeaderLimits)
    mime: MimeLimits = field(default_factory=MimeLimits)
    held_octets: int = 256_000
    files: bool = False  # whether the names and types of attachments are gathered


@dataclass(frozen=True, slots=True)
class _Known:
    """What looks at the body, once the header section has come."""

    head: Head
    signatures: Signatures
    bounds: MimeBounds
    files: MimeFiles | None

    def see(self, body: bytes) -> None:
        self.signatures.feed(body)
        self.bounds.feed(body)
        if self.files is not None:
            self.files.feed(body)


class Inspection:
    """What is known of one mail so far; `now` is when it came, and the instant of all that is judged by time."""

    def __init__(self, limits: Limits, dkim: DkimPolicy, now: datetime) -> None:
        self.now = now
        self._limits, self._dkim = limits, dkim
        self._section = SectionReader(limits.header.octets)
        self._known: _Known | None = None
        self.opening = b""  # the first octets of the body
        self.size_octets = 0

    @property
    def beyond(self) -> Response | None:
        """The refusal of a mail that is more than we read."""
        if self._known is None:
            return None
        if self._known.head.truncated:
            return R554_TOO_MANY_HEADER_FIELDS
        return R554_MIME_STRUCTURE if self._known.bounds.exceeded else None

    def feed(self, octets: bytes) -> None:
        """Take the next octets of the content."""
        self.size_octets += len(octets)
        body = self._section.feed(octets)
        if self._known is None and self._section.is_known:
            self._known = self._read()
        if self._known is not None and body:
            self._known.see(body)
            if len(self.opening) < OPENING_OCTETS:
                self.opening += body[: OPENING_OCTETS - len(self.opening)]

    def finish(self) -> tuple[Head, Signatures]:
        """The content is complete; a mail without an empty line is all header section."""
        known = self._known = self._known or self._read()
        known.bounds.finish()
        return known.head, known.signatures

    def files(self) -> Files | None:
        """What the finished mail says of its attachments, where that is gathered."""
        files = self._known.files if self._known is not None else None
        return files.finish() if files is not None else None

    def _read(self) -> _Known:
        section = self._section.section
        head = scan(section, self._limits.header)
        return _Known(
            head,
            Signatures(head, self._dkim, self.now),
            MimeBounds(section, self._limits.mime),
            MimeFiles(section, self._limits.mime) if self._limits.files else None,
        )
