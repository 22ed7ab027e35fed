# SPDX-License-Identifier: Apache-2.0
"""The last look at a mail before it leaves in the team's name: does any octet of it name the agent?

Enters: content and the private strings. Leaves: where one was found, in words for the agent, or None. Looked through
are the octets as they are, every header field decoded, every leaf without its transfer encoding (as octets, as text
of its character set, as UTF-16, with HTML references and percent-encoding undone), and attached mails in the same way.
Bounds: beyond them the answer is that the mail cannot be looked through, never that it is clean.
"""

from collections.abc import Iterable
from html import unescape
from urllib.parse import unquote

from handlers.headers import decode_text
from handlers.mime_fields import fields, parameters_of
from handlers.mime_parts import Part, decode, is_whole, parts, to_text

MAX_NESTING = 8


class Needles:
    """The private strings, gathered by domain: one look for the domain spares a look for each of its people."""

    def __init__(self, private: Iterable[str]) -> None:
        self.by_domain: dict[str, list[str]] = {}
        for word in {word.lower() for word in private if word}:
            _, at, domain = word.rpartition("@")
            self.by_domain.setdefault(at + domain, []).append(word)

    def __bool__(self) -> bool:
        return bool(self.by_domain)

    def in_text(self, text: str) -> bool:
        lower = text.lower()
        return any(common in lower and any(word in lower for word in words) for common, words in self.by_domain.items())

    def in_octets(self, octets: bytes) -> bool:
        lower = octets.lower()
        return any(
            common.encode(coding) in lower and any(word.encode(coding) in lower for word in words)
            for coding in ("utf-8", "utf-16-le", "utf-16-be")
            for common, words in self.by_domain.items()
        )


def find_leak(content: bytes, private: Iterable[str]) -> str | None:
    """Name the part that holds a private string; None if none does."""
    needles = Needles(private)
    return _look(content, needles, "") if needles else None


def _look(content: bytes, needles: Needles, within: str, nesting: int = 0) -> str | None:
    """Look through one mail, `within` saying which attachment it is."""
    found = parts(content)
    if not is_whole(found) or nesting > MAX_NESTING:
        return "a part that is nested too deep to be looked through"
    for part in found:
        where = _look_at(content, part, needles, nesting)
        if where:
            return within or where
    if needles.in_octets(content):
        return within or "the text between the parts"
    return None


def _look_at(content: bytes, part: Part, needles: Needles, nesting: int) -> str | None:
    section = part.header.of(content)
    if needles.in_octets(section) or any(needles.in_text(words) for words in _field_words(section)):
        return "a header field" if part.parent is None else f"a header field of {_name(part)}"
    if not part.is_leaf:
        return None
    octets = decode(content, part)
    if needles.in_octets(octets) or needles.in_octets(part.body.of(content)):
        return _name(part)
    if part.about.type.startswith("text/") and any(map(needles.in_text, _readings(octets, part))):
        return _name(part)
    if part.about.type.startswith("message/"):
        return _look(octets, needles, _name(part), nesting + 1)
    return None


def _field_words(section: bytes) -> Iterable[str]:
    for _, value in fields(section):
        yield decode_text(value)
        if b"*" in value:
            yield from parameters_of(value).values()


def _readings(octets: bytes, part: Part) -> Iterable[str]:
    """The text as it stands, and as a mail client or a browser may read it."""
    words = to_text(octets, part.about.charset)
    yield words
    if "%" in words:
        yield unquote(words)
    if "&" in words:
        try:
            yield unescape(words)
        except ValueError:  # a character number of thousands of digits
            return


def _name(part: Part) -> str:
    """What the agent would call this part."""
    if part.about.name:
        return f'the attachment "{part.about.name[:80]}"'
    if part.about.type == "message/rfc822":
        return "the attached mail"
    if part.about.type.startswith("text/"):
        return "the text"
    return f"a part of type {part.about.type[:80]}"
