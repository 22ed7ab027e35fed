# SPDX-License-Identifier: Apache-2.0
"""What a draft may hold and a sent mail may not: undeclared 8-bit text, and lines of more than 998 octets.

Enters: content. Leaves: content in which only such leaves were encoded anew; their octets, decoded, stay the same.
"""

from handlers.edits.splice import (
    Replacement,
    has_long_line,
    quoted_printable,
    redeclared,
    splice,
    with_base64,
    with_text,
)
from handlers.mime_parts import Part, codec, parts, text

_UNDECLARED = ("", "us-ascii")
_WIDE = ("utf_16", "utf_32")


def declare_text(content: bytes) -> bytes:
    """RFC 6152 §3, RFC 2045 §6.1: text with the eighth bit says its character set, and travels as quoted-printable."""
    return splice(content, [edit for part in parts(content) if _is_shown(part) for edit in _declared(content, part)])


def shorten_lines(content: bytes) -> bytes:
    """RFC 5322 §2.1.1, for the bodies of leaves: text as quoted-printable, all else as base64."""
    edits: list[Replacement] = []
    for part in parts(content):
        if part.is_leaf and has_long_line(part.body.of(content)):
            edits += (
                with_text(content, part, text(content, part)) if _is_plain_text(part) else with_base64(content, part)
            )
    return splice(content, edits)


def _is_shown(part: Part) -> bool:
    return part.is_leaf and part.about.type.startswith("text/") and not part.is_attachment


def _is_plain_text(part: Part) -> bool:
    """base64 of over-long lines is wrapped anew without a look at the text."""
    return _is_shown(part) and part.about.encoding != "base64"


def _declared(content: bytes, part: Part) -> list[Replacement]:
    body = part.body.of(content)
    charset = part.about.charset
    if body.isascii() or part.about.encoding not in ("7bit", "8bit", "binary") or codec(charset).startswith(_WIDE):
        return []
    if charset not in _UNDECLARED and part.about.encoding == "8bit":
        return []
    if charset in _UNDECLARED:
        charset = _guess(body)
    encoded = Replacement(*part.body, quoted_printable(body))
    return [encoded, redeclared(content, part, charset, "quoted-printable")]


def _guess(octets: bytes) -> str:
    """UTF-8 says itself; C1 controls in Latin letters are Windows' typographic quotes."""
    try:
        octets.decode("utf-8")
    except ValueError:
        return "windows-1252" if any(0x80 <= octet < 0xA0 for octet in octets) else "iso-8859-1"
    return "utf-8"
