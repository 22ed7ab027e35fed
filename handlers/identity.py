# SPDX-License-Identifier: Apache-2.0
"""Who a mail says it is from and to: the one place where header text becomes an Address.

Enters: a scanned header section. Leaves: validated mailboxes, or None. Built on mail-parser's structural parser, for
the standard library's takes `alice@good.example <bob@evil.example>` for alice (dependencies G18). It fails closed: what
two readers could understand in two ways is no identity. The claimed author is text for people, never a key.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from email.utils import getaddresses
from functools import lru_cache

from mailparser.addresses import parse_address_header

from handlers.headers import Head, decode_text
from storage.address import Address, BadAddress, parse

MAX_AUTHOR_OCTETS = 4096
MAX_LIST_OCTETS = 16 * 1024  # of all fields of one name together: reading costs some microseconds an octet
MAX_MAILBOXES = 200
CLAIM_CHARACTERS = 300
REMEMBERED_OCTETS = 256

_Found = tuple[Sequence[tuple[str, str]], Sequence[dict[str, object]]]

# The usual form, which nobody can understand in two ways: words and a mailbox in brackets, or a mailbox alone. A third
# of the time of judging a mail's header section went into reading it by the whole grammar; a test compares them.
_WORDS = r"[A-Za-z0-9]++(?:[ -][A-Za-z0-9]++)*+"
_MAILBOX = r"[A-Za-z0-9_+-]++(?:\.[A-Za-z0-9_+-]++)*+@[A-Za-z0-9]++(?:[.-][A-Za-z0-9]++)*+"
_USUAL = re.compile(rf"(?:(?P<name>{_WORDS}) )?<(?P<of_name>{_MAILBOX})>|(?P<alone>{_MAILBOX})")
_QUOTED = re.compile(rb'"(?:[^"\\]|\\.)*"|\[[^\[\]]*\]', re.DOTALL)
_QUOTED_OR_SEMICOLON = re.compile(rb'"(?:[^"\\]|\\.)*"|;', re.DOTALL)
_PLAIN = r"[^]\[\"<>@:;,()\\\udc80-\udcff]*"
_IN_BRACKETS = re.compile(rf"{_PLAIN}\[{_PLAIN}\]{_PLAIN}")
_SURROGATE_OF_ZERO = 0xDC00  # PEP 383: an octet that is no UTF-8 is this plus its value
_STRAY = re.compile("[\udc80-\udcff]")
_DISPUTABLE = re.compile(r"[@>\\]")
_DISPUTED_LOCAL = re.compile(r'^"(?=.*[@<>,;\\])')  # who looks for an address in the quotes finds one
_CONTROLS = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_LINE_END_OF_SOME = re.compile(rb"\r(?!\n)|\x00")
_BETWEEN = rb"[^A-Za-z0-9:]*"
_ALMOST_FROM = re.compile(_BETWEEN.join((b"", b"f", b"r", b"o", b"m", b":")), re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Mailbox:
    """A display name, decoded and harmless, and the address it stands before."""

    name: str
    address: Address


def author(head: Head) -> Mailbox | None:
    """The one author: exactly one From field with exactly one undisputed mailbox, no group, no source route."""
    if head.truncated or head.count(b"from") != 1 or _hides_another(head):
        return None
    value = (head.first(b"from") or b"").rstrip(b"; \t")
    if len(value) > MAX_AUTHOR_OCTETS or _CONTROLS.search(value) or b":" in _QUOTED.sub(b"", value):
        return None
    found, defects = _read(_with_readable_name(value))
    if len(found) != 1 or any(not _is_harmless(defect) for defect in defects):
        return None
    one = _mailbox(*found[0])
    return None if one is None or _DISPUTED_LOCAL.search(one.address.local) else one


def mailboxes(head: Head, name: bytes) -> tuple[Mailbox, ...]:
    """The mailboxes of every To, Cc or Reply-To field, at most 200; defective ones are left out."""
    kept: list[Mailbox] = []
    budget = MAX_LIST_OCTETS
    for value in head.all(name):
        found, defects = _read(_as_list(_shortened(value, budget)))
        budget -= min(len(value), budget)
        disputed = {entry["address"] for defect in defects if not _is_harmless(defect) for entry in _candidates(defect)}
        read = (_mailbox(*pair) for pair in found if pair[1] not in disputed)
        kept += [mailbox for mailbox in read if mailbox is not None]
        if len(kept) >= MAX_MAILBOXES or not budget:
            break
    return tuple(kept[:MAX_MAILBOXES])


def whole_list(head: Head, name: bytes) -> tuple[Mailbox, ...] | None:
    """The mailboxes of the only To or Cc field where every reader sees just these; None where that is not sure."""
    value = head.first(name) or b""
    if (
        head.count(name) > 1
        or len(value) > MAX_LIST_OCTETS
        or _CONTROLS.search(value)
        or b":" in _QUOTED.sub(b"", value)
    ):
        return None
    found, defects = _read(value)
    read = [_mailbox(*pair) for pair in found]
    if defects or len(read) > MAX_MAILBOXES or (value and not read):
        return None
    kept = tuple(one for one in read if one is not None)
    return kept if len(kept) == len(read) else None


def claimed_author(head: Head) -> str:
    """What the topmost From field says, for display only."""
    return decode_text((head.first(b"from") or b"")[:MAX_AUTHOR_OCTETS])[:CLAIM_CHARACTERS]


def _hides_another(head: Head) -> bool:
    """Whether some reader could see one more From field: in what is none for us, or where lines end in two ways."""
    lines, usual = (head.content.count(end, 0, head.body_offset) for end in (b"\n", b"\r\n"))
    if lines > usual > 0 or _LINE_END_OF_SOME.search(head.content, 0, head.body_offset):
        return True
    return any(
        field.name != b"from" and _ALMOST_FROM.match(head.content, field.start, field.end) for field in head.fields
    )


def _read(value: bytes) -> _Found:
    """Names, addresses and defects; an octet that is no UTF-8 arrives as a surrogate, which is a defect."""
    return _remembered(value) if len(value) <= REMEMBERED_OCTETS else _parsed(value)


def _parsed(value: bytes) -> _Found:
    text = value.decode("utf-8", "surrogateescape")
    usual = _USUAL.fullmatch(text)
    if usual is not None:
        return [(usual["name"] or "", usual["of_name"] or usual["alone"])], []
    return parse_address_header(text, getaddresses)  # type: ignore[no-any-return]


_remembered = lru_cache(maxsize=1024)(_parsed)  # reading takes 40 us; who writes, and to whom, is often the same


def _with_readable_name(value: bytes) -> bytes:
    """Old programs write a name's octets unencoded: before the only pair of brackets they are read as Latin-1.

    The address stays strict; so does a name in which another charset may hide an address or an escaped quote.
    """
    name, bracket, rest = value.partition(b"<")
    text = name.decode("utf-8", "surrogateescape")
    if not bracket or b"<" in rest or not _STRAY.search(text) or _DISPUTABLE.search(text):
        return value
    return _STRAY.sub(_latin_1, text).encode() + bracket + rest


def _latin_1(stray: re.Match[str]) -> str:
    """What Latin-1 has no visible character for becomes the replacement character."""
    letter = chr(ord(stray[0]) - _SURROGATE_OF_ZERO)
    return letter if letter.isprintable() else "\ufffd"


def _mailbox(name: str, address: str) -> Mailbox | None:
    """An encoded-word may look like an atom, yet other readers decode it into another address (G18)."""
    if "=?" in address or "\ufffd" in address:
        return None
    try:
        return Mailbox(decode_text(name.encode("utf-8", "replace")), parse(address))
    except BadAddress:
        return None


def _is_harmless(defect: dict[str, object]) -> bool:
    """A name with no quotes that misleads nobody: the address again, or one with square brackets (`[Firm] Joe`)."""
    candidates = _candidates(defect)
    if defect["reason"] != "invalid-display-name" or len(candidates) != 1:
        return False
    name = candidates[0]["display_name"]
    return _bare(name) == candidates[0]["address"].lower() or _IN_BRACKETS.fullmatch(name) is not None


def _bare(name: str) -> str:
    """Outlook writes 'a@b.example' <a@b.example>."""
    return (name[1:-1] if len(name) > 1 and name[0] == name[-1] == "'" else name).lower()


def _candidates(defect: dict[str, object]) -> list[dict[str, str]]:
    candidates: list[dict[str, str]] = defect["candidates"]  # type: ignore[assignment]
    return candidates


def _as_list(value: bytes) -> bytes:
    """Some programs part mailboxes by semicolons, as people see them, or lose the last bracket."""
    if b";" in value and b":" not in (bare := _QUOTED.sub(b"", value)) and b"(" not in bare:
        value = _QUOTED_OR_SEMICOLON.sub(lambda one: b"," if one[0] == b";" else one[0], value)
    if b"\\" not in value:  # another character set could hide an escape; the address is none with such an octet
        value = _STRAY.sub("\ufffd", value.decode("utf-8", "surrogateescape")).encode()
    return value + b">" if value.rfind(b"<") > value.rfind(b">") else value


def _shortened(value: bytes, octets: int) -> bytes:
    """A list beyond the bound ends at its last comma before it."""
    return value if len(value) <= octets else value[:octets].rpartition(b",")[0]
