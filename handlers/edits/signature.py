# SPDX-License-Identifier: Apache-2.0
"""The team's signature below the agent's words: in the first text/plain leaf and in the first text/html leaf.

Enters: content and the signature. Leaves: content in which only those leaves have grown. A file is never signed. A leaf
is re-encoded only where its encoding or character set forces it (base64, or characters that it cannot hold).
"""

from html import escape

from handlers.edits.splice import Replacement, has_long_line, quoted_printable, splice, whole_line, with_text
from handlers.mime_parts import Part, codec, parts, text

_WIDE = ("utf_16", "utf_32", "utf_7")


def add_signature(content: bytes, signature: str) -> bytes:
    """Append the signature; an empty one changes nothing."""
    lines = [line.rstrip() for line in signature.strip().splitlines()]
    if not lines:
        return content
    found = [part for part in parts(content) if part.is_leaf and not part.is_attachment]
    plain = next((part for part in found if part.about.type == "text/plain"), None)
    page = next((part for part in found if part.about.type == "text/html"), None)
    edits = [] if plain is None else _sign_plain(content, plain, lines)
    return splice(content, edits + ([] if page is None else _sign_page(content, page, lines)))


def _sign_plain(content: bytes, part: Part, lines: list[str]) -> list[Replacement]:
    """RFC 3676 §4.3: the line "-- ", then the signature."""
    if part.about.is_flowed:
        lines = [_stuffed(line) for line in lines]
    addition = "\r\n".join(("-- ", *lines, ""))
    octets = _fitting(part, addition)
    if octets is None:
        words = text(content, part)
        return with_text(content, part, words + ("" if words.endswith("\n") or not words else "\n") + addition)
    body = part.body.of(content)
    edits = [Replacement(part.body.end, part.body.end, _gap(body, part.about.encoding) + octets)]
    if part.header.end == part.body.start and part.parent is None:
        # A header section that nothing follows has no empty line of its own.
        edits = [Replacement(part.body.end, part.body.end, _end_of_head(content, part) + octets)]
    return edits


def _stuffed(line: str) -> str:
    """RFC 3676 §4.4: a line that could be read as a quote is space-stuffed."""
    return f" {line}" if line.startswith((" ", ">", "From ")) else line


def _fitting(part: Part, addition: str) -> bytes | None:
    """The addition as it can be appended to the encoded body; None where the leaf must be encoded anew."""
    name = codec(part.about.charset)
    encoding = part.about.encoding
    if name.startswith(_WIDE) or encoding not in ("7bit", "8bit", "quoted-printable"):
        return None
    try:
        octets = addition.encode(name)
    except (LookupError, ValueError):
        return None
    if encoding == "quoted-printable":
        return quoted_printable(octets)
    return octets if not has_long_line(octets) and (octets.isascii() or encoding == "8bit") else None


def _gap(body: bytes, encoding: str) -> bytes:
    """What must stand between the body and a new line."""
    gap = b"" if not body or body.endswith(b"\r\n") else b"\r\n"
    if encoding == "quoted-printable" and body.removesuffix(b"\r\n").endswith(b"="):
        return gap + b"\r\n"  # a soft line break would swallow the first line end
    return gap


def _end_of_head(content: bytes, part: Part) -> bytes:
    head = part.header.of(content)
    return whole_line(head)[len(head) :] + b"\r\n"


def _sign_page(content: bytes, part: Part, lines: list[str]) -> list[Replacement]:
    """Before </body>, as ASCII with character references, so that every character set can hold it."""
    shown = "<br>\r\n".join(escape(line) for line in lines)
    division = f"<div>-- <br>\r\n{shown}</div>".encode("ascii", "xmlcharrefreplace")
    body = part.body.of(content)
    place = _place(body)
    in_place = part.about.encoding in ("7bit", "8bit", "quoted-printable") and not has_long_line(division)
    words = "" if in_place and place is not None else text(content, part)
    cut = _place_in(words)
    if in_place and (place is not None or cut is None) and not codec(part.about.charset).startswith(_WIDE):
        at = part.body.start + (len(body) if place is None else place)
        octets = quoted_printable(division) if part.about.encoding == "quoted-printable" else division
        before = _gap(body[: at - part.body.start], part.about.encoding) if place is None else b"\r\n"
        return [Replacement(at, at, before + octets + b"\r\n")]
    words = words or text(content, part)
    cut = len(words) if cut is None else cut
    return with_text(content, part, words[:cut] + "\n" + division.decode() + "\n" + words[cut:])


def _place(body: bytes) -> int | None:
    """Where in the encoded octets the page's body ends, if one can see it there."""
    found = body.lower().rfind(b"</body")
    return found if found >= 0 else None


def _place_in(words: str) -> int | None:
    found = words.lower().rfind("</body")
    return found if 0 <= found <= len(words) else None
