# SPDX-License-Identifier: Apache-2.0
"""Did this mail come the way that its address has learnt? A step before admission (design: who may join a thread).

Enters: a mail whose checks and class are known. Leaves: a probe of ours or a forwarder's question marked as such, taken
whatever the policies say; mail for a forwarded address that came another way without its author's proof; mail by a
forwarder that serves nobody else vouched for. Never rejects for the way alone; reads, never writes.
"""

from collections.abc import Iterable
from dataclasses import replace
from enum import Enum

from handlers import confirmations, probe_tokens
from handlers.arrival import Incoming, Refused
from handlers.classification import Class
from handlers.destinations import Destination, Kind
from handlers.office import Office
from handlers.pools import pool_of
from handlers.results import IprevResult
from storage.messages import Verdict
from storage.response import R451_DNS, R451_TRY_LATER, Response
from storage.ways import Way

ABOUT_ADDRESSES = frozenset({Class.PROBE, Class.FORWARDING})

_NOT_VERIFIED = "the routing address is not verified yet: casegate address verify"
_PUBLIC = "it came straight to the public address, which is forwarded"
_NO_NAME = "DNS gave no name for the host, and the forwarder is known by its name"


class Match(Enum):
    """What a host is to the forwarder of an address."""

    OWN = "the learnt host"
    POOL = "the learnt pool"
    MOVED = "the pool that the newest probe came by"
    OTHER = "another host"
    UNKNOWN = "DNS does not say"


def follow(mail: Incoming, office: Office) -> Incoming:
    """Look at the way of one mail."""
    if mail.beyond is not None and not office.annotate:
        return mail
    found = _of_ours(mail, office)
    if found is not None:
        return found
    if any(one.is_intake and not one.is_in_use for one in mail.destinations):
        return _refused(mail, R451_TRY_LATER, _NOT_VERIFIED)
    for one in mail.destinations:
        if one.way is not None and one.way.kind == "forwarded" and one.way.hosts:
            mail = _bound(mail, one, one.way, office)
    return mail


def match(way: Way, peer: str, iprev: IprevResult) -> Match:
    """Whether this host is one that the way has learnt; a name counts only where DNS confirms it."""
    name = iprev.name if iprev.result == "pass" else ""
    pool = pool_of(name)
    for host in way.hosts:
        if host.pool and pool == host.pool:
            return Match.POOL
        if not host.pool and not pool and (peer == host.peer or (name and name == host.name)):
            return Match.OWN if host.is_sure and iprev.result != "temperror" else Match.POOL
    if iprev.result == "temperror" and any(host.name for host in way.hosts):
        return Match.UNKNOWN
    learnt_pool = any(host.pool for host in way.hosts)
    latest = way.latest.host.pool if way.latest is not None else ""
    return Match.MOVED if learnt_pool and pool and pool == latest else Match.OTHER


def _of_ours(mail: Incoming, office: Office) -> Incoming | None:
    """A probe that came back, what a host says of one, or a forwarder's question: about the address, not for it."""
    if any(one.kind is Kind.PROBE for one in mail.destinations) or _is_probe(mail, office):
        return _taken(mail, Class.PROBE, "a probe of ours, by its signed token")
    provider = confirmations.provider(mail)
    if provider:
        return _taken(mail, Class.FORWARDING, f"{provider} asks whether it may forward, by its own signature")
    return None


def _is_probe(mail: Incoming, office: Office) -> bool:
    ways = [one.way.key for one in mail.destinations if one.is_intake and one.way is not None]
    return bool(ways) and probe_tokens.find(office.keys, ways, _places(mail)) is not None


def _places(mail: Incoming) -> Iterable[bytes]:
    return probe_tokens.places(mail.head, mail.envelope.reverse_path_text, mail.opening)


def _taken(mail: Incoming, what: Class, because: str) -> Incoming:
    """No policy may refuse it: it makes no case and is never answered."""
    verdicts = tuple(Verdict(str(one.address), _public(one), "accept") for one in mail.destinations)
    taken = mail.but(classification=what, verdicts=verdicts, disposition="accept", reason="")
    return taken.noting("way", what.value, because)


def _public(one: Destination) -> str:
    return str(one.row.value.address) if one.row is not None else ""


def _bound(mail: Incoming, one: Destination, way: Way, office: Office) -> Incoming:
    """Hold the mail against what its address has learnt."""
    if not one.is_intake:
        return _unauthenticated(mail, _PUBLIC)
    peer, iprev = mail.session.peer, mail.authentication.iprev
    found, host = match(way, peer, iprev), _host_words(peer, iprev)
    if found is Match.UNKNOWN and mail.aligned and not office.annotate:
        return _refused(mail, R451_DNS, _NO_NAME)
    if found is Match.OWN:
        told = mail.noting("way", "vouched", f"it came by {host}, as the probes of {way.address} do")
        return replace(told, vouched=len(mail.destinations) == 1)
    if found is Match.POOL:
        return mail.noting("way", "learnt", f"it came by {host}, as the probes of {way.address}: many send from there")
    if found is Match.MOVED:
        return mail.noting("way", "moved", f"it came by {host}, as the newest probe: see casegate address list")
    return _unauthenticated(mail, f"it came by {host}, and the probes of {way.address} do not")


def _unauthenticated(mail: Incoming, because: str) -> Incoming:
    return mail.but(aligned=False, vouched=False).noting("way", "unauthenticated", because)


def _refused(mail: Incoming, response: Response, because: str) -> Incoming:
    refused = tuple(Refused(str(one.address), because) for one in mail.destinations)
    return mail.but(refusal=response, refused=refused)


def _host_words(peer: str, iprev: IprevResult) -> str:
    return f"{iprev.name} [{peer}]" if iprev.result == "pass" and iprev.name else f"[{peer}]"
