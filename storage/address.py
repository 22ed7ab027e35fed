# SPDX-License-Identifier: Apache-2.0
"""One mailbox as an envelope names it: RFC 5321 §4.1.2, with RFC 6531's UTF-8.

Enters: text without angle brackets. Leaves: a frozen value whose domain is in lower case; the local part keeps
its letter case, for only its own host may fold it. Fails: BadAddress, whose text is for the operator.
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import cached_property, lru_cache
from ipaddress import IPv4Address, IPv6Address

import idna

LOCAL_PART_OCTETS = 64  # RFC 5321 §4.5.3.1.1
DOMAIN_OCTETS = 255  # RFC 5321 §4.5.3.1.2
LABEL_OCTETS = 63  # RFC 1035 §2.3.4
REMEMBERED_CHARACTERS = 254  # RFC 5321 §4.5.3.1.3: a path with its angle brackets has 256 at most

# RFC 6531 §3.3: any scalar value but a surrogate; what ends a line or turns its direction would forge what people read.
_UTF8 = r"\xa0-\u2027\u202f-\u2065\u206a-\ud7ff\ue000-\U0010ffff"
_ATEXT = rf"[A-Za-z0-9!#$%&'*+/=?^_`{{|}}~{_UTF8}-]+"
_LOCAL = re.compile(rf'{_ATEXT}(?:\.{_ATEXT})*|"(?:[ !#-\[\]-~{_UTF8}]|\\[ -~])*"')
_LABEL = rf"[A-Za-z0-9_{_UTF8}](?:[A-Za-z0-9_{_UTF8}-]*[A-Za-z0-9{_UTF8}])?"
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_DOT_ATOM = re.compile(rf"{_ATEXT}(?:\.{_ATEXT})*")
_QUOTED_PAIR = re.compile(r"\\(.)")
_TO_QUOTE = re.compile(r'(["\\])')
_ALMOST = re.compile(r"[ -!#-;=?-~]*@[!#-;=?-~]{1,255}")
_LITERAL = re.compile(r"\[(?:(IPv6:)([0-9A-Fa-f:.]{2,45})|([0-9.]{7,15}))\]", re.IGNORECASE)


class BadAddress(ValueError):
    """The text is not one RFC 5321 mailbox."""


@dataclass(frozen=True)
class Address:
    """A mailbox; compare people by `key`, write `str()` on the wire."""

    local: str
    domain: str

    def __str__(self) -> str:
        return f"{self.local}@{self.domain}"

    @cached_property
    def key(self) -> str:
        """The one form of all spellings of a mailbox; its domain is in A-labels."""
        return f"{self.local_key}@{self.host}"

    @cached_property
    def local_key(self) -> str:
        """The local part in lower case and NFC (RFC 6532 §3.1), quoted only where it has to be (RFC 5321 §4.1.2)."""
        lower = self.local.lower()
        if lower.isascii() and not lower.startswith('"'):
            return lower
        value = _QUOTED_PAIR.sub(r"\1", lower[1:-1]) if lower.startswith('"') else lower
        value = unicodedata.normalize("NFC", value)
        return value if _DOT_ATOM.fullmatch(value) else '"' + _TO_QUOTE.sub(r"\\\1", value) + '"'

    @cached_property
    def host(self) -> str:
        """The domain as DNS has it: U-labels and A-labels of one name are the same (RFC 5890 §2.3.2.1)."""
        return a_labels(self.domain)


def untagged(key: str) -> str:
    """The key of the mailbox that a tagged address leads to: "x" of "x+tag@host.example"."""
    local, _, host = key.rpartition("@")
    bare = local.partition("+")[0]
    return f"{bare}@{host}" if bare and not local.startswith('"') else key


def parse(text: str) -> Address:
    """Read one mailbox, without angle brackets; raises BadAddress."""
    return _remembered(text) if len(text) <= REMEMBERED_CHARACTERS else _read(text)


def _read(text: str) -> Address:
    local, at, domain = text.rpartition("@")
    if not at or not _LOCAL.fullmatch(local) or not (_DOMAIN.fullmatch(domain) or is_literal(domain)):
        raise BadAddress(f"{text[:80]!r} is not a mailbox such as name@host.example")
    if len(local.encode()) > LOCAL_PART_OCTETS or len(domain.encode()) > DOMAIN_OCTETS:
        raise BadAddress(f"{text[:80]!r} is longer than RFC 5321 allows")
    if len(domain) > LABEL_OCTETS and max(map(len, domain.split("."))) > LABEL_OCTETS:
        raise BadAddress(f"{text[:80]!r} has a label longer than RFC 1035 allows")
    if not domain.isascii() and not all(map(_is_label, domain.split("."))):
        raise BadAddress(f"{text[:80]!r} has a label that no domain name can have")
    return Address(local, domain.lower())


_remembered = lru_cache(maxsize=4096)(_read)  # a mail names the same few mailboxes again and again


def tolerated(text: str) -> Address:
    """The same, but also takes what is almost a mailbox, such as `@host.example`, for whoever only annotates."""
    try:
        return parse(text)
    except BadAddress:
        local, _, domain = text.rpartition("@")
        if len(local) > LOCAL_PART_OCTETS or not _ALMOST.fullmatch(text):
            raise
        return Address(local, domain.lower())


def key_of(text: str) -> str:
    """The key of an address as it was stored; of a text that is none, the text in lower case."""
    try:
        return parse(text).key
    except BadAddress:
        return text.lower()


def a_labels(domain: str) -> str:
    """A domain as DNS has it, in lower case; what is no domain comes back as some other text that is none either."""
    lower = domain.lower()
    return lower if lower.isascii() else ".".join(map(_a_label, lower.split(".")))


def is_literal(domain: str) -> bool:
    """Whether this is an IP address in brackets (RFC 5321 §4.1.3); other kinds of literals were never registered."""
    match = _LITERAL.fullmatch(domain)
    if match is None:
        return False
    try:
        IPv6Address(match[2]) if match[1] else IPv4Address(match[3])
    except ValueError:
        return False
    return True


def _is_label(label: str) -> bool:
    """Whether this can be a U-label (RFC 5890 §2.3.2.1, RFC 5892): nothing that looks like another label or like none.

    Readers that map such characters away, as IDNA 2003 did, would see somebody else's name.
    """
    if label.isascii():
        return True
    lower = label.lower()
    if lower.startswith("xn--") or not _DOMAIN.fullmatch(normal := unicodedata.normalize("NFC", lower)):
        return False
    if any(unicodedata.category(one)[0] in "CZ" for one in normal):  # IDNA has joiners, which nobody sees
        return False
    return len(_a_label(normal)) <= LABEL_OCTETS and (normal.isascii() or _is_registrable(normal))


def _is_registrable(label: str) -> bool:
    try:
        idna.check_label(label)
    except idna.IDNAError:
        return False
    return True


def _a_label(label: str) -> str:
    """Without IDNA 2003's mapping, which makes two names of one where a name has a sharp s."""
    normal = label if label.isascii() else unicodedata.normalize("NFC", label)
    return normal if normal.isascii() else "xn--" + normal.encode("punycode").decode("ascii")
