# SPDX-License-Identifier: Apache-2.0
"""What the client host is called, where its name leads back to it (RFC 8601 §3).

Enters: the client's address, DNS as a book. Leaves: an IprevResult, whose name is a host name and nothing else: who
owns the address writes what stands there. Few names are looked at, for some addresses have hundreds.
"""

import ipaddress
import re
from functools import lru_cache

from handlers.book import Book
from handlers.ports import Answer, Found
from handlers.results import IprevResult
from handlers.subject import Subject

MAX_NAMES = 5

_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST = re.compile(rf"(?=.{{4,253}}$){_LABEL}(?:\.{_LABEL})+")

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def check(subject: Subject, book: Book) -> IprevResult:
    """Raises Missing while DNS is to be asked."""
    peer = address_of(subject.session.peer)
    if peer is None:
        return IprevResult()
    pointers = book.ask("PTR", peer.reverse_pointer)
    if pointers.found is not Found.YES:
        return IprevResult("temperror" if pointers.found is Found.TEMPORARY else "permerror")
    names = _names(pointers)
    answers = book.ask_all_of("AAAA" if peer.version == 6 else "A", names)
    for name, answer in zip(names, answers, strict=True):
        if any(address_of(one.decode("ascii", "replace")) == peer for one in answer.records):
            return IprevResult("pass", name)
    undecided = any(answer.found is Found.TEMPORARY for answer in answers)
    return IprevResult("temperror" if undecided else "fail")


@lru_cache(maxsize=1024)
def address_of(text: str) -> _Address | None:
    """An IP address without a zone, IPv4 in its own form; None for a pipe and for what is none."""
    try:
        found = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return (found.ipv4_mapped or found) if isinstance(found, ipaddress.IPv6Address) else found


def _names(pointers: Answer) -> tuple[str, ...]:
    found = (one.decode("ascii", "replace").lower() for one in pointers.records)
    return tuple(sorted({name for name in found if _HOST.fullmatch(name)})[:MAX_NAMES])
