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


class Inspection:
    """What is known of one mail so far; `head` is None until its header section has come."""

    def __init__(self, limits: Limits, dkim: DkimPolicy, now: datetime) -> None:
        self._limits, self._dkim, self._now = limits, dkim, now
        self._section = bytearray()
        self.head: Head | None = None
        self._signatures: Signatures | None = None
        self._bounds: MimeBounds | None = None

    @property
    def beyond(self) -> Response | None:
        """The refusal of a mail that is more than we read."""
        if self.head is not None and self.head.truncated:
            return R554_TOO_MANY_HEADER_FIELDS
        return R554_MIME_STRUCTURE if self._bounds is not None and self._bounds.exceeded else None

    def feed(self, octets: bytes) -> None:
        """Take the next octets of the content."""
        if self.head is not None:
            self._see_body(octets)
            return
        searched = max(0, len(self._section) - 2)
        self._section += octets
        end = _section_end(self._section, searched)
        if end or len(self._section) > self._limits.header.octets:
            self._read_section(end or len(self._section))

    def finish(self) -> tuple[Head, Signatures]:
        """The content is complete."""
        if self.head is None:
            self._read_section(len(self._section))
        if self.head is None or self._signatures is None or self._bounds is None:
            raise AssertionError("a header section was read")
        self._bounds.finish()
        return self.head, self._signatures

    def _read_section(self, end: int) -> None:
        head = scan(bytes(self._section[:end]), self._limits.header)
        body = bytes(self._section[head.body_offset :])
        head = Head(head.content[: head.body_offset], head.fields, head.body_offset, head.truncated)
        self._section.clear()
        self._signatures = Signatures(head, self._dkim, self._now)
        self._bounds = MimeBounds(head.content, self._limits.mime)
        self.head = head
        self._see_body(body)

    def _see_body(self, octets: bytes) -> None:
        if self._signatures is not None and self._bounds is not None:
            self._signatures.feed(octets)
            self._bounds.feed(octets)


def _section_end(octets: bytearray, start: int) -> int:
    """Where the body begins, behind the first empty line; 0 when that has not come."""
    if octets.startswith((b"\r\n", b"\n")):
        return octets.index(b"\n") + 1
    ends = [at + len(mark) for mark in (b"\n\r\n", b"\n\n") if (at := octets.find(mark, start)) >= 0]
    return min(ends, default=0)
