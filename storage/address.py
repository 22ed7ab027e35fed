# SPDX-License-Identifier: Apache-2.0
"""One mailbox as an envelope names it: RFC 5321 §4.1.2, with RFC 6531's UTF-8.

Enters: text without angle brackets. Leaves: a frozen value whose domain is in lower case; the local part keeps
its letter case, for only its own host may fold it. Fails: BadAddress, whose text is for the operator.
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv4Address, IPv6Address

LOCAL_PART_OCTETS = 64  # RFC 5321 §4.5.3.1.1
DOMAIN_OCTETS = 255  # RFC 5321 §4.5.3.1.2
LABEL_OCTETS = 63  # RFC 1035 §2.3.4

_UTF8 = r"\x80-\ud7ff\ue000-\U0010ffff"  # RFC 6531 §3.3: any scalar value, never a surrogate
_ATEXT = rf"[A-Za-z0-9!#$%&'*+/=?^_`{{|}}~{_UTF8}-]+"
_LOCAL = re.compile(rf'{_ATEXT}(?:\.{_ATEXT})*|"(?:[ !#-\[\]-~{_UTF8}]|\\[ -~])*"')
_LABEL = rf"[A-Za-z0-9_{_UTF8}](?:[A-Za-z0-9_{_UTF8}-]*[A-Za-z0-9{_UTF8}])?"
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
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
        """The form under which two spellings of one mailbox are the same to a desk."""
        return f"{self.local.lower()}@{self.domain}"

    @cached_property
    def dns_key(self) -> str:
        """The same where the domain may be written in either way: whom an envelope means."""
        return f"{self.local.lower()}@{self.host}"

    @cached_property
    def host(self) -> str:
        """The domain as DNS has it: U-labels and A-labels of one name are the same (RFC 5890 §2.3.2.1)."""
        return self.domain if self.domain.isascii() else ".".join(map(_a_label, self.domain.split(".")))


def parse(text: str) -> Address:
    """Read one mailbox, without angle brackets; raises BadAddress."""
    local, at, domain = text.rpartition("@")
    if not at or not _LOCAL.fullmatch(local) or not (_DOMAIN.fullmatch(domain) or is_literal(domain)):
        raise BadAddress(f"{text[:80]!r} is not a mailbox such as name@host.example")
    if len(local.encode()) > LOCAL_PART_OCTETS or len(domain.encode()) > DOMAIN_OCTETS:
        raise BadAddress(f"{text[:80]!r} is longer than RFC 5321 allows")
    if len(domain) > LABEL_OCTETS and max(map(len, domain.split("."))) > LABEL_OCTETS:
        raise BadAddress(f"{text[:80]!r} has a label longer than RFC 1035 allows")
    return Address(local, domain.lower())


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


def _a_label(label: str) -> str:
    """Without IDNA 2003's mapping, which makes two names of one where a name has a sharp s."""
    if label.isascii():
        return label
    return "xn--" + unicodedata.normalize("NFC", label).encode("punycode").decode("ascii")
