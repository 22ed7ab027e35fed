# SPDX-License-Identifier: Apache-2.0
"""The text at the beginning of a mail, as far as its first octets give it: for what is looked at before the promise.

Enters: the header section and the opening of the body. Leaves: text, tags of HTML and all. Bounded and never fails.
"""

import re

from handlers.headers import Head
from handlers.mime_parts import Part, parts, text

MAX_OCTETS = 16 * 1024
MAX_TEXTS = 4  # parts

_SOFT_BREAK = re.compile(rb"=[ \t]*\r?\n")


def first_words(head: Head, opening: bytes) -> str:
    """The first text parts, decoded."""
    about = b"".join(head.raw(field) for field in head.fields if field.name.startswith(b"content-"))
    content = about + b"\r\n" + opening[:MAX_OCTETS]
    shown = [part for part in parts(content) if _is_text(part)][:MAX_TEXTS]
    return "\n".join(text(content, part) for part in shown)


def needs_decoding(head: Head, opening: bytes) -> bool:
    """Whether ASCII words may stand in it in another form than their own octets."""
    return b"base64" in (head.first(b"content-transfer-encoding") or b"").lower() or b"base64" in opening.lower()


def unbroken(opening: bytes) -> bytes:
    """The octets with the soft line breaks of quoted-printable taken out (RFC 2045 §6.7)."""
    return _SOFT_BREAK.sub(b"", opening[:MAX_OCTETS]) if b"=" in opening else opening[:MAX_OCTETS]


def _is_text(part: Part) -> bool:
    return part.is_leaf and part.about.type in ("text/plain", "text/html") and not part.is_attachment
