# SPDX-License-Identifier: Apache-2.0
"""One evaluation of SPF (RFC 7208) by pyspf, its DNS read from the mail's book.

Enters: the client's address, an identity, the book. Leaves: result, matching mechanism and explanation, or Missing
while DNS is to be asked. pyspf asks through one function for the whole process and swallows what is raised while it
looks for an explanation (dependencies G2, G25); so its methods that ask are replaced here, and the explanation is
looked for afterwards, when it is wanted at all. Its cost is bounded: records, terms and modifiers have limits.
"""

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import spf

from handlers.book import Book, Missing, question
from handlers.iprev import address_of
from handlers.ports import Answer, Found, Question

RECORD_OCTETS = 8_192  # RFC 7208 §3.4 recommends 450; what is longer than this is a bomb
TERM_CHARACTERS = 512  # pyspf's expressions are quadratic in it
TERMS = 2_000  # of all records of one evaluation
MODIFIERS = 20  # of one record; pyspf compares each with all before it
NAMES_AHEAD = spf.MAX_LOOKUP  # asked for before it is known whether they matter
NAME_CHARACTERS = 253  # RFC 7208 §7.3

_AHEAD = re.compile(
    r"[+?~-]?(?:(?P<kind>a|mx|exists|include)(?::(?P<of>[^/%:]+))?(?:/[0-9/]*)?|redirect=(?P<to>[^/%:]+))",
    re.IGNORECASE,
)
_KINDS = {"mx": "MX", "exists": "A", "include": "TXT", "redirect": "TXT"}
_MODIFIER = re.compile(r"(?:^| )[A-Za-z][\w.-]*=")


@dataclass(frozen=True, slots=True)
class _Explanation:
    """Where the explanation is, should it be wanted: the domain-spec, and the domain whose record names it."""

    spec: str
    domain: str


class Evaluation(spf.query):  # type: ignore[misc]
    """spf.query whose DNS is a book; one object is one evaluation."""

    def __init__(self, peer: str, identity: tuple[str, str], helo: str, book: Book) -> None:
        """`identity` is the local part without quotes, and the domain in A-labels."""
        super().__init__(peer, "@".join(identity), helo, strict=True)
        self.l, self.o = identity  # pyspf would part them at the first "@"
        self.d = self.o
        self._book = book
        self._terms = 0
        self._ahead: dict[Question, None] = {}
        self._validated: list[str] | None = None

    def run(self) -> tuple[str, str, str, str]:
        """Result, matching mechanism, what went wrong, explanation; raises Missing."""
        result, _, text = self.check()
        if result in ("temperror", "permerror"):
            return result, "", self.prob, ""
        if result != "none" and self.mechanism is None:
            return result, "default", "", ""
        found = self._explain(text) if result == "fail" and isinstance(text, _Explanation) else ""
        return result, self.mechanism or "", "", found

    def _explain(self, where: _Explanation) -> str:
        """RFC 7208 §6.2: whatever goes wrong here only costs the explanation."""
        self.d = where.domain
        try:
            texts = self.dns_txt(where.spec, ignore_void=True)
            return self.expand(spf.to_ascii(texts[0]), stripdot=False) if len(texts) == 1 else ""
        except (spf.TempError, spf.PermError):
            return ""

    # --- what pyspf asks of DNS ------------------------------------------------------------------------------------

    def dns(self, name: Any, qtype: str, cnames: Any = None, ignore_void: bool = False) -> list[Any]:
        """Records of one name; none for a name that cannot exist (RFC 7208 §4.3; RFC 8616 §4 where it is not ASCII)."""
        name = str(name).removesuffix(".").lower()
        if not name.isascii() or len(name) > NAME_CHARACTERS or not all(0 < len(one) < 64 for one in name.split(".")):
            return []
        found = _records(self._ask(qtype, name), name, qtype)
        if not found and not ignore_void:
            self.void_lookups += 1
            if self.void_lookups > spf.MAX_VOID_LOOKUPS:  # RFC 7208 §4.6.4
                raise spf.PermError(f"more than {spf.MAX_VOID_LOOKUPS} names without records")
        return found

    def _ask(self, kind: str, name: str) -> Answer:
        """The answer; with what is missing goes what the records seen so far will want next."""
        try:
            return self._book.ask(kind, _escaped(name))
        except Missing as missing:
            raise Missing([*missing.questions, *self._book.unknown(self._ahead)]) from None

    def _want(self, kind: str, names: Iterable[str]) -> None:
        """Missing for all of these at once; what is known already is read one by one afterwards."""
        self._book.ask_all_of(kind, [_escaped(name) for name in names if name])

    def dns_spf(self, domain: str) -> str | None:
        """The record of a domain, within the bounds."""
        record: str | None = super().dns_spf(domain)
        if record is None:
            return None
        terms = [term for term in record.split(" ") if term]
        self._terms += len(terms)
        too_long = len(record) > RECORD_OCTETS or max(map(len, terms)) > TERM_CHARACTERS
        if too_long or self._terms > TERMS or len(_MODIFIER.findall(record)) > MODIFIERS:
            raise spf.PermError("the SPF record is too long", domain)
        self._look_ahead(terms, domain)
        return record

    def _look_ahead(self, terms: list[str], domain: str) -> None:
        """What these terms ask of DNS, if they are reached; no more than one evaluation may ask (RFC 7208 §4.6.4)."""
        for term in terms:
            match = _AHEAD.fullmatch(term)
            if match is None or len(self._ahead) >= NAMES_AHEAD:
                continue
            kind = str(_KINDS.get((match["kind"] or "redirect").lower(), self.A))
            name = match["of"] or match["to"] or domain
            if _is_name(name):
                self._ahead.setdefault(question(kind, _escaped(name)))

    def dns_mx(self, domainname: str) -> list[str]:
        """The addresses of all its hosts, asked for at once."""
        hosts = sorted(self.dns(domainname, "MX"))
        if len(hosts) > spf.MAX_MX:
            raise spf.PermError(f"more than {spf.MAX_MX} MX records")
        self._want(self.A, (host for _, host in hosts))
        return [address for _, host in hosts for address in self.dns_a(host, self.A)]

    def validated_ptrs(self) -> list[str]:
        """RFC 7208 §5.5: a DNS error means that a name is not there."""
        if self._validated is None:
            names = self._or_none(f"{spf.reverse_dots(self.i)}.{self.v}.arpa", "PTR")[: spf.MAX_PTR]
            self._want(self.A, names)
            self._validated = [one for one in names if self.cidrmatch(self._or_none(one, self.A), self.cidrmax)]
        return self._validated

    def _or_none(self, name: str, kind: str) -> list[str]:
        try:
            return self.dns(name, kind)
        except spf.TempError:
            return []

    def get_explanation(self, spec: str) -> _Explanation:
        """Not now: pyspf calls it for every record with exp=, and drops what it raises."""
        return _Explanation(spec, self.d)

    # --- what would be slow ----------------------------------------------------------------------------------------

    def set_ip(self, i: str) -> None:
        """The client's address, which pyspf would read at each evaluation; IPv4 in IPv6 clothes does not come here."""
        address: Any = address_of(i)
        self.iplist, self.ipaddr, self.c = False, address, i
        self.cidrmax = address.max_prefixlen
        if address.version == 6:
            self.A, self.v, self.i = "AAAA", "ip6", ".".join(address.exploded.replace(":", "").upper())
        else:
            self.A, self.v, self.i = "A", "in-addr", i

    def expand(self, s: str, stripdot: bool = True) -> str:
        """Macros, within the bounds; a name too long loses labels on its left until it fits (RFC 7208 §7.3)."""
        if "%" in s and len(s) > TERM_CHARACTERS:
            raise spf.PermError("a text with macros is too long")
        found: str = super().expand(s, stripdot) if "%" in s else s.removesuffix("." * stripdot)
        if not stripdot or len(found) <= NAME_CHARACTERS:
            return found
        cut = found.find(".", len(found) - NAME_CHARACTERS - 1)
        return found[cut + 1 :] if cut >= 0 else found

    def cidrmatch(self, ipaddrs: Iterable[str], n: int) -> bool:
        """Whether the client is in one of these networks."""
        shift = self.cidrmax - n
        ours = int(self.ipaddr) >> shift
        try:
            return any(int(ipaddress.ip_address(one)) >> shift == ours for one in ipaddrs)
        except ValueError as error:
            raise spf.PermError(str(error)) from None


def _records(answer: Answer, name: str, kind: str) -> list[Any]:
    """Records as pyspf takes them."""
    if answer.found is Found.TEMPORARY:
        raise spf.TempError(f"DNS has no answer now for {kind} of {name}")
    if answer.found is Found.MALFORMED:
        raise spf.PermError(f"DNS has no usable answer for {kind} of {name}")
    if kind == "TXT":
        return [(record,) for record in answer.records]
    texts = [record.decode("ascii", "replace") for record in answer.records]
    if kind != "MX":
        return texts
    return [(int(preference), host) for preference, _, host in (text.partition(" ") for text in texts)]


def _escaped(name: str) -> str:
    r"""As DNS software reads it, where \ is not part of a name."""
    return name.replace("\\", "\\\\")


def _is_name(name: str) -> bool:
    return "." in name and len(name) <= NAME_CHARACTERS and all(0 < len(one) < 64 for one in name.split("."))
