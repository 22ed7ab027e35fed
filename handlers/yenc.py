# SPDX-License-Identifier: Apache-2.0
"""Files as Usenet writes them: octets between "=ybegin ... name=NAME" and "=yend" (yEnc 1.3).

Enters: a text with such files in its midst. Leaves: name and octets of each, or the text without them. A piece of a
file that came in several mails is a file. Never fails: what is escaped without need stays as it is. Linear.
"""

import re
from collections.abc import Iterator

_FILE = re.compile(
    rb"^=ybegin [^\r\n]{0,200}?\bname=([^\r\n]{1,255})\r?\n(?:=ypart [^\r\n]*+\r?\n)?"
    rb"((?:(?!=y(?:end|begin) )[^\n]*+\n)*+)=yend [^\r\n]*+(?:\r?\n|\Z)",
    re.MULTILINE,
)
_SHIFTED = bytes((octet - 42) & 255 for octet in range(256))
# What must be escaped, and what may be; "=" comes last, for it could begin another.
_ESCAPED = tuple((b"=" + bytes([octet + 64]), bytes([octet])) for octet in b"\0\t\n\r .=")


def files(octets: bytes) -> Iterator[tuple[str, bytes]]:
    """Name and octets of each file within a text."""
    for one in _FILE.finditer(octets) if b"=ybegin " in octets else ():
        yield one[1].strip(b' "').decode("utf-8", "surrogateescape"), _decoded(one[2])


def without_files(octets: bytes, most: int) -> bytes:
    """The text around the first of them."""
    return _FILE.sub(b"", octets, count=most) if most and b"=ybegin " in octets else octets


def _decoded(lines: bytes) -> bytes:
    octets = lines.translate(None, b"\r\n")
    for escaped, octet in _ESCAPED:
        octets = octets.replace(escaped, octet)
    return octets.translate(_SHIFTED)
