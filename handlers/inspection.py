# SPDX-License-Identifier: Apache-2.0
"""One inbound mail looked at while it comes: header section, signatures' digests, MIME structure.

Enters: the content cut anyhow. Leaves, after `finish`: all that handlers/policy.py judges by; of the content only the
header section is held. Linear. Never fails: `beyond` is the refusal of a mail that passes a limit, as soon as it does.
"""

from dataclasses import dataclass, field
from datetime import datetime

from handlers.authentication import DkimPolicy, Signatures
from handlers.headers import Head, HeaderLimits, scan
from handlers.mime_bounds import MimeBounds, MimeLimits
from storage.response import R554_MIME_STRUCTURE, R554_TOO_MANY_HEADER_FIELDS, Response


@dataclass(frozen=True, slots=True)
class Limits:
    """What one mail may be, and how many of its octets are held in memory before it goes to the store in pieces."""

    header: HeaderLimits = field(default_factory=HeaderLimits)
    mime: MimeLimits = field(default_factory=MimeLimits)
    held_octets: int = 256_000


@dataclass(frozen=True, slots=True)
class _Known:
    """What looks at the body, once the header section has come."""

    head: Head
    signatures: Signatures
    bounds: MimeBounds

    def see(self, body: bytes) -> None:
        self.signatures.feed(body)
        self.bounds.feed(body)


class Inspection:
    """What is known of one mail so far."""

    def __init__(self, limits: Limits, dkim: DkimPolicy, now: datetime) -> None:
        self._limits, self._dkim, self._now = limits, dkim, now
        self._section = bytearray()
        self._known: _Known | None = None

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
        if self._known is not None:
            self._known.see(octets)
            return
        searched = max(0, len(self._section) - 2)
        self._section += octets
        end = _section_end(self._section, searched)
        if end or len(self._section) > self._limits.header.octets:
            self._known = self._read(end or len(self._section))

    def finish(self) -> tuple[Head, Signatures]:
        """The content is complete; a mail without an empty line is all header section."""
        known = self._known = self._known or self._read(len(self._section))
        known.bounds.finish()
        return known.head, known.signatures

    def _read(self, end: int) -> _Known:
        whole = scan(bytes(self._section[:end]), self._limits.header)
        section, body = whole.content[: whole.body_offset], bytes(self._section[whole.body_offset :])
        self._section.clear()
        head = Head(section, whole.fields, whole.body_offset, whole.truncated)
        known = _Known(head, Signatures(head, self._dkim, self._now), MimeBounds(section, self._limits.mime))
        known.see(body)
        return known


def _section_end(octets: bytearray, start: int) -> int:
    """Where the body begins, behind the first empty line; 0 when that has not come."""
    if octets.startswith((b"\r\n", b"\n")):
        return octets.index(b"\n") + 1
    ends = [at + len(mark) for mark in (b"\n\r\n", b"\n\n") if (at := octets.find(mark, start)) >= 0]
    return min(ends, default=0)
