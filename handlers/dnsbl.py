# SPDX-License-Identifier: Apache-2.0
"""DNS blocklists (RFC 5782): whether the client's address is on a list that the operator has chosen, which none is.

Enters: the client's address, the lists, DNS as a book. Leaves: a DnsblResult. Only answers in 127.0.0.0/8 count, and of
these those that the operator names. Silence is no listing. A list that lists what none may (127.0.0.1, §5) is dead, its
domain sold or parked: it answers for everybody, and counts for nothing.
"""

import re
from ipaddress import AddressValueError, IPv4Address, IPv4Network, ip_network

from handlers.book import Book
from handlers.iprev import address_of
from handlers.ports import Answer, Found
from handlers.results import DnsblResult, Listing
from handlers.subject import Dnsbl, Subject

MOST_LISTS = 10

_LISTED = IPv4Network("127.0.0.0/8")
# The first is no listing by RFC 5782 §5; by the others large lists say that we may not ask.
_NO_LISTING = (IPv4Network("127.0.0.1/32"), IPv4Network("127.255.255.0/24"))
_INSIDE = tuple(
    map(
        ip_network,
        [
            "127.0.0.0/8",
            "10.0.0.0/8",
            "172.16.0.0/12",
            "192.168.0.0/16",
            "169.254.0.0/16",
            "::1",
            "fc00::/7",
            "fe80::/10",
        ],
    )
)
_HOST = re.compile(r"(?=.{3,180}$)[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)+")
_TEST = {4: "1.0.0.127", 6: ".".join(reversed("00000000000000000000ffff7f000001"))}


def parse(text: str) -> Dnsbl:
    """ "zone.example", "zone.example quarantine 127.0.0.2 127.0.0.4-127.0.0.11"; raises ValueError."""
    zone, *rest = text.lower().split()
    action = rest.pop(0) if rest and rest[0] in ("reject", "quarantine") else "reject"
    if not _HOST.fullmatch(zone):
        raise ValueError("not a zone")
    return Dnsbl(zone, action, tuple(map(_range, rest)))


def check(subject: Subject, book: Book) -> DnsblResult:
    """Raises Missing while DNS is to be asked; all lists at once."""
    peer = address_of(subject.session.peer)
    lists = subject.policy.dnsbl
    if peer is None or not lists or any(peer in one for one in _INSIDE):
        return DnsblResult()
    name = peer.reverse_pointer.removesuffix(".in-addr.arpa").removesuffix(".ip6.arpa")
    names = [f"{labels}.{one.zone}" for one in lists for labels in (name, _TEST[peer.version])]
    answers = book.ask_all_of("A", names)
    listed, dead = [], []
    for one, answer, test in zip(lists, answers[::2], answers[1::2], strict=True):
        code = next((code for code in _codes(answer) if _counts(one, code)), None)
        if _is_dead(answer, test):
            dead.append(one.zone)
        elif code is not None and test.found is not Found.TEMPORARY:
            listed.append(Listing(one.zone, str(code), one.action))
    return DnsblResult(tuple(listed), tuple(dead))


def explained(zone: str) -> tuple[str, str]:
    """What is made of a dead list, and why, for the trace and the log."""
    what = f"the DNS blocklist {zone} answers for everybody and counts for nothing"
    return (
        "ignored",
        f"{what}: it is dead, or refuses your resolver; take it out of policy.dnsbl, or ask by one of your own",
    )


def _is_dead(answer: Answer, test: Answer) -> bool:
    """It lists what is never listed (so does who may not ask hear), or answers with the address of a web site."""
    return any(code in _LISTED for code in _codes(test)) or any(code not in _LISTED for code in _codes(answer))


def _counts(one: Dnsbl, code: IPv4Address) -> bool:
    """Whether this answer is a listing."""
    if code not in _LISTED or any(code in each for each in _NO_LISTING):
        return False
    return not one.codes or any(low <= code <= high for low, high in one.codes)


def _codes(answer: Answer) -> list[IPv4Address]:
    found = []
    for record in answer.records:
        try:
            found.append(IPv4Address(record.decode("ascii", "replace")))
        except AddressValueError:
            continue
    return found


def _range(text: str) -> tuple[IPv4Address, IPv4Address]:
    low, _, high = text.partition("-")
    first, last = IPv4Address(low), IPv4Address(high or low)
    if first > last or first not in _LISTED or last not in _LISTED:
        raise ValueError("not a range in 127.0.0.0/8")
    return first, last
