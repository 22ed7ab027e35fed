# SPDX-License-Identifier: Apache-2.0
"""The tools of every edit: octets replaced at their offsets, one part given another text, a field written anew.

Enters: content and the parts found in it. Leaves: replacements that `splice` puts in; all between them stays octet for
octet. Never fails: a text that its character set cannot hold becomes UTF-8, and the part's fields say so.
"""

import re
from base64 import encodebytes
from binascii import b2a_qp
from collections.abc import Iterable
from typing import NamedTuple

from handlers.headers import fold, scan
from handlers.mime_parts import Part, codec, decode

MAX_LINE_OCTETS = 998  # RFC 5322 §2.1.1, without CRLF

_CHARSET = re.compile(rb';\s*+charset(?:\*[01]?\*?)?\s*+=\s*+(?:"[^"]*+"|[^;\s]*+)', re.IGNORECASE)


class Replacement(NamedTuple):
    """New octets for a span; an empty span is an insertion."""

    start: int
    end: int
    octets: bytes


def splice(content: bytes, replacements: Iterable[Replacement]) -> bytes:
    """Put the replacements in; they do not overlap."""
    kept, at = [], 0
    for start, end, octets in sorted(replacements):
        kept += [content[at:start], octets]
        at = end
    return b"".join((*kept, content[at:]))


def with_text(content: bytes, part: Part, text: str) -> list[Replacement]:
    """Give a text leaf another text, in its own character set and transfer encoding where they can hold it."""
    crlf = text.replace("\r\n", "\n").replace("\n", "\r\n")
    charset, octets = _encoded(crlf, part.about.charset)
    encoding, body = _transfer_encoded(octets, part.about.encoding)
    edits = [Replacement(*part.body, body)]
    if (charset, encoding) != (part.about.charset, part.about.encoding):
        edits.append(redeclared(content, part, charset, encoding))
    return edits


def _encoded(text: str, charset: str) -> tuple[str, bytes]:
    name = codec(charset)
    if not name.startswith(("utf_16", "utf_32", "utf_7")):  # their octets are not lines of text
        try:
            return charset, text.encode(name)
        except (LookupError, ValueError):
            pass
    return "utf-8", text.encode("utf-8", "replace")


def _transfer_encoded(octets: bytes, encoding: str) -> tuple[str, bytes]:
    """RFC 2045 §6: the part's own encoding, unless the octets have outgrown it."""
    if encoding == "base64":
        return encoding, encodebytes(octets).replace(b"\n", b"\r\n")
    fits = not has_long_line(octets) and (octets.isascii() or encoding == "8bit")
    if encoding in ("7bit", "8bit") and fits:
        return encoding, octets
    return "quoted-printable", quoted_printable(octets)


def quoted_printable(octets: bytes) -> bytes:
    """RFC 2045 §6.7 with CRLF; the last line keeps its missing line end."""
    lines = (b2a_qp(line, istext=True).replace(b"=\n", b"=\r\n") for line in octets.split(b"\r\n"))
    return b"\r\n".join(lines)


def with_base64(content: bytes, part: Part) -> list[Replacement]:
    """Give a leaf the transfer encoding base64, and so lines that are short enough."""
    body = encodebytes(decode(content, part)).replace(b"\n", b"\r\n")
    edits = [Replacement(*part.body, body)]
    if part.about.encoding != "base64":
        edits.append(redeclared(content, part, part.about.charset, "base64"))
    return edits


def redeclared(content: bytes, part: Part, charset: str, encoding: str) -> Replacement:
    """The part's header section with other Content-Type and Content-Transfer-Encoding; the rest keeps its octets."""
    head = scan(part.header.of(content))
    declared = head.first(b"content-type") or b""
    if b"/" not in declared.partition(b";")[0]:  # RFC 2045 §5.2: what is no type was read as text/plain
        declared = part.about.type.encode("ascii", "replace")
    if charset != part.about.charset:
        declared = _CHARSET.sub(b"", declared) + b"; charset=" + charset.encode("ascii")
    gone = (b"content-type", b"content-transfer-encoding")
    kept = [whole_line(head.raw(field)) for field in head.fields if field.name not in gone]
    if part.parent is None and not head.count(b"mime-version"):
        kept.append(b"MIME-Version: 1.0\r\n")
    kept += [fold(b"Content-Type", declared), fold(b"Content-Transfer-Encoding", encoding.encode("ascii", "replace"))]
    return Replacement(part.header.start, part.body.start, b"".join(kept) + b"\r\n")


def whole_line(octets: bytes) -> bytes:
    """The octets with a final CRLF."""
    return octets if octets.endswith(b"\r\n") else octets.rstrip(b"\r\n") + b"\r\n"


def has_long_line(octets: bytes) -> bool:
    """Whether a line exceeds what may leave."""
    return any(len(line) > MAX_LINE_OCTETS for line in octets.split(b"\r\n"))
