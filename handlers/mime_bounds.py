# SPDX-License-Identifier: Apache-2.0
"""How deep and how many are the parts of a mail (RFC 2046 §5.1), counted while the body comes, in pieces.

Enters: the header section, then the body cut anyhow. Leaves: `depth` and `parts` as handlers/mime_parts.py would find
them in the whole, and whether they are beyond the limits; once they are, the rest is not looked at. For whoever asks to
see the parts (handlers/attachments.py) the mails within are gone into, and count as parts; `is_clear` says whether all
readers find the same. Linear; at most one header section of a part is held, and one boundary for each level. Never
fails: what is malformed is a leaf.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from handlers.mime_fields import MAX_VALUE_OCTETS, Description, describe, fields

MAX_SECTION_OCTETS = 65_536  # of one part; fields behind it are passed over
MAX_DELIMITER_OCTETS = 256  # as in handlers/mime_parts.py

_FIELD_START = re.compile(rb"[ \t]|[!-9;-~]+[ \t]*:")
_DASHES = re.compile(rb"\n--([^\n]{0,%d})" % (MAX_DELIMITER_OCTETS - 2))
# Whole lines of a header section that cannot be delimiters, at once.
_FIELDS = re.compile(rb"(?:(?:[ \t]|(?!-)[!-9;-~]++[ \t]*+:)[^\n]*+\n)++")
_MAILS = ("message/rfc822", "message/global")
_REPORTS = re.compile(r"message/(?:(?:global-)?(?:delivery-status|disposition-notification|headers)|feedback-report)")
_BOUNDARY = re.compile(rb"(?i)(?<![\w!#$%&'*+.^`|~=-])boundary\s*+[*=]")
# One boundary without escapes, comments and blanks at its ends, and nothing behind it.
_SAME_TO_ALL = re.compile(
    rb';\s*+(?i:boundary)\s*+=\s*+(?:"(?! )[^"\\\x00-\x1f\x7f-\xff]{1,250}(?<! )"'
    rb"|(?!')[^\s;\"()\\\x00-\x1f\x7f-\xff]{1,250})\s*+(?:;|$)"
)
_HOLDS_PARTS = re.compile(rb"(?i)(?<![\w./+-])(?:multipart|message)\s*(?:/|$)")
_PLAIN_TYPE = re.compile(rb"(?i)(?:multipart|message)/[\w!#$&^.+-]{1,127}\s*+(?:;|$)")
_IDENTITY = (b"", b"7bit", b"8bit", b"binary")
_WAIT = -1


@dataclass(frozen=True, slots=True)
class MimeLimits:
    """What a mail's structure may be: levels below the mail itself, and parts with the mail itself."""

    depth: int = 50
    parts: int = 1000


class MimeBounds:
    """One pass over one mail; each step takes a place in the octets and gives the next one, or waits for more."""

    def __init__(self, section: bytes, limits: MimeLimits, see: Callable[[bytes], None] | None = None) -> None:
        """Where `see` is given, it is shown each part's header section, and attached mails are gone into too."""
        self.depth, self.parts = 0, 1
        self.is_clear = True
        self._limits, self._see = limits, see
        self._chain: list[bytes] = []  # boundaries of the parts that are open, the innermost last; a leaf has none
        self._places: dict[bytes, int] = {}  # boundary -> place in chain
        self._digests: set[bytes] = set()  # boundaries between mails (RFC 2046 §5.1.5)
        self._section = bytearray()
        self._held = b"\n"  # the line end before the first line of the body
        self._final = False
        self._step: Callable[[bytes, int], int] = self._body
        self._open(section)

    @property
    def exceeded(self) -> bool:
        """Whether the limits were passed."""
        return self.depth > self._limits.depth or self.parts > self._limits.parts

    def feed(self, octets: bytes) -> None:
        """Take the next octets of the body."""
        if self.exceeded or (not self._places and self._step == self._body):  # nothing that follows can divide
            return
        octets, at = self._held + octets, 0
        while at != _WAIT:
            at = self._step(octets, at)

    def finish(self) -> None:
        """The body is complete."""
        self._final = True
        self.feed(b"")

    def _body(self, octets: bytes, at: int) -> int:
        """Look for the next delimiter line; `at` lies no further than the line end before it."""
        if not self._places or self.exceeded:
            return self._wait(b"")
        at = self._candidate(octets, at)
        if at < 0:
            return self._wait(next((tail for tail in (b"\n-", b"\n") if octets.endswith(tail)), b""))
        line = self._line(octets, at + 1, MAX_DELIMITER_OCTETS)
        if line is None:
            return self._wait(octets[at:])
        if (found := self._delimiter(line)) is not None:
            self._divide(*found)
        return at + 1

    def _candidate(self, octets: bytes, at: int) -> int:
        """The line end before the next line that is a delimiter, or may become one when more comes; -1 for none."""
        for match in _DASHES.finditer(octets, at):
            boundary = match[1].rstrip()
            ends = boundary.endswith(b"--") and boundary[:-2] in self._places
            if ends or boundary in self._places or match.end() == len(octets):
                return match.start()
        return -1

    def _rest_of_line(self, octets: bytes, at: int) -> int:
        """Pass over the rest of a delimiter, or of a field that is too long; a part's header section goes on behind."""
        end = octets.find(b"\n", at + 1)
        if end < 0:
            return self._end_section() if self._final else self._wait(octets[-1:])
        self._step = self._header
        return end

    def _header(self, octets: bytes, at: int) -> int:
        """Read one line of a part's header section; `at` is the line end before it."""
        if fields := _FIELDS.match(octets, at + 1):
            self._keep(fields[0])
            return fields.end() - 1
        line = self._line(octets, at + 1, MAX_SECTION_OCTETS)
        if line is None:
            return self._wait(octets[at:])
        if line in (b"\r\n", b"\n", b""):
            return self._end_section(at + len(line))
        if self._delimiter(line) is not None:
            return self._end_section(at)
        if _FIELD_START.match(line) is None:  # a part without the blank line; some readers pass over this line
            self.is_clear = False
            return self._end_section(at)
        self._keep(line)
        if not line.endswith(b"\n"):
            self._step = self._rest_of_line
        return at + len(line)

    def _keep(self, lines: bytes) -> None:
        self._section += lines[: MAX_SECTION_OCTETS - len(self._section)]

    def _end_section(self, at: int = _WAIT) -> int:
        section = bytes(self._section)
        self._section.clear()
        self._open(section)
        return at

    def _open(self, section: bytes) -> None:
        """A part begins; what follows is its body, or the header section of the mail that it holds."""
        is_mail = self._see is not None and self._look_at(section, self._see) and not self.exceeded
        self._chain.append(_boundary(section))
        self._learn()
        self._step = self._header if is_mail else self._body
        if is_mail:
            self.parts += 1
            self.depth = max(self.depth, len(self._chain))

    def _look_at(self, section: bytes, see: Callable[[bytes], None]) -> bool:
        """Show a part; whether its body is a mail (RFC 2046 §5.2.1, RFC 6532 §3.7)."""
        see(section)
        is_in_digest = bool(self._chain) and self._chain[-1] in self._digests
        about = describe(section, "message/rfc822" if is_in_digest else "text/plain")
        if about.type == "multipart/digest":
            self._digests.add(about.boundary)
        self.is_clear = self.is_clear and _is_clear(section, about)
        return about.type in _MAILS and about.encoding not in ("base64", "quoted-printable")

    def _divide(self, place: int, is_last: bool) -> None:
        boundary = self._chain[place]
        del self._chain[place + 1 :]
        self._learn()
        if is_last:
            if self._see is None:  # else: some readers read on behind the end
                self._places.pop(boundary, None)
            return
        self.parts += 1
        self.depth = max(self.depth, place + 1)
        self._step = self._rest_of_line

    def _delimiter(self, line: bytes) -> tuple[int, bool] | None:
        """Whether this line divides an open multipart."""
        if not line.startswith(b"--"):
            return None
        boundary = line[2:MAX_DELIMITER_OCTETS].rstrip()
        if boundary in self._places:
            return self._places[boundary], False
        if boundary.endswith(b"--") and boundary[:-2] in self._places:
            return self._places[boundary[:-2]], True
        return None

    def _learn(self) -> None:
        deepest = self._chain[: self._limits.depth + 1]
        self._places = {boundary: place for place, boundary in enumerate(deepest) if boundary}

    def _line(self, octets: bytes, start: int, limit: int) -> bytes | None:
        """The line with its end, or its first `limit` octets; None when more must come."""
        end = octets.find(b"\n", start, start + limit) + 1
        if end:
            return octets[start:end]
        return octets[start : start + limit] if self._final or len(octets) - start >= limit else None

    def _wait(self, held: bytes) -> int:
        self._held = held
        return _WAIT


def _boundary(section: bytes) -> bytes:
    """What divides a multipart; nothing for a leaf."""
    if b"multipart" not in section.lower():
        return b""
    about = describe(section)
    return about.boundary if about.type.startswith("multipart/") else b""


def _is_clear(section: bytes, about: Description) -> bool:
    """Whether nobody finds other parts in this one than we do."""
    types = [value for name, value in fields(section) if name == "content-type"]
    could_hold = any(_HOLDS_PARTS.search(value.partition(b";")[0]) is not None for value in types)
    is_multipart, is_mail = about.type.startswith("multipart/"), about.type in _MAILS
    if _REPORTS.fullmatch(about.type) or not (could_hold or is_mail or is_multipart):
        return len(types) <= 1 or not could_hold
    is_plain = len(types) <= 1 and all(_PLAIN_TYPE.match(value) is not None for value in types)
    if not is_plain or not (is_multipart or is_mail) or not _is_as_it_stands(section):
        return False
    return is_mail or _is_divided_alike(types[0])


def _is_as_it_stands(section: bytes) -> bool:
    """Whether there is no transfer encoding; what has parts may have none (RFC 2045 §6.4), and some readers undo it."""
    values = (value for name, value in fields(section) if name == "content-transfer-encoding")
    return all(value.lower() in _IDENTITY for value in values)


def _is_divided_alike(value: bytes) -> bool:
    """Whether the field names one boundary, and all read it alike."""
    if len(value) > MAX_VALUE_OCTETS or len(_BOUNDARY.findall(value)) != 1:
        return False
    return _SAME_TO_ALL.search(value) is not None
