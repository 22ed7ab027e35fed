# SPDX-License-Identifier: Apache-2.0
"""Did this mail come the way that its address has learnt? A step before admission (design: who may join a thread).

Enters: a mail whose checks and class are known. Leaves: a probe of ours or a forwarder's question marked as such, taken
whatever the policies say; mail for a forwarded address that came another way without its author's proof; mail by a
forwarder that serves nobody else vouched for. Never rejects for the way alone; reads, never writes. No mail of people
is taken for a probe: what is one comes to the probe's own intake alone, and bears the token where the probe has it.
"""

from enum import Enum

from handlers import confirmations, probe_tokens
from handlers.arrival import Incoming, Refused
from handlers.classification import AUTOMATIC, Class
from handlers.destinations import Destination, Kind
from handlers.office import Office
from handlers.pools import pool_of
from handlers.results import IprevResult
from storage.messages import Verdict
from storage.response import R451_DNS, R451_TRY_LATER, R550_NO_SUCH_ADDRESS, Response
from storage.ways import Way

ABOUT_ADDRESSES = frozenset({Class.PROBE, Class.FORWARDING})

_NOT_VERIFIED = "the routing address is not verified yet: casegate address verify"
_PUBLIC = "it came straight to the public address, which is forwarded"
_NO_READER = "nobody reads what is sent to a probe's own address"
_NO_NAME = "DNS gave no name for the host, and the forwarder is known by its name"


class Match(Enum):
    """What a host is to the forwarder of an address."""

    OWN = "the learnt host"
    POOL = "the learnt pool"
    MOVED = "the pool that the newest probe came by"
    OTHER = "another host"
    UNKNOWN = "DNS does not say"
    UNSURE = "DNS did not say when the forwarder was learnt"


def follow(mail: Incoming, office: Office) -> Incoming:
    """Look at the way of one mail."""
    if mail.beyond is not None and not office.annotate:
        return mail
    if any(one.kind is Kind.PROBE for one in mail.destinations):
        mail = _answering(mail)
        if mail.classification is Class.PROBE or mail.refusal is not None:
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
        if peer == host.peer and not (host.is_sure and iprev.result != "temperror"):
            return Match.POOL  # by its address, and it may belong to many
        if not host.pool and not pool and (peer == host.peer or (name and name == host.name)):
            return Match.OWN
    if iprev.result == "temperror" and any(host.name for host in way.hosts):
        return Match.UNKNOWN
    if not all(host.is_sure for host in way.hosts):
        return Match.UNSURE
    learnt_pool = any(host.pool for host in way.hosts)
    latest = way.latest.host.pool if way.latest is not None else ""
    return Match.MOVED if learnt_pool and pool and pool == latest else Match.OTHER


def _answering(mail: Incoming) -> Incoming:
    """Mail to what a probe is sent from: a machine may say what became of it, and only by itself; people hear of it."""
    others = tuple(one for one in mail.destinations if one.kind is not Kind.PROBE)
    if not others and (not mail.envelope.reverse_path_text or mail.classification in AUTOMATIC):
        return _taken(mail, Class.PROBE, "what a machine says of a probe of ours, to the probe's own address")
    unread = tuple(
        Refused(str(one.address), _NO_READER, R550_NO_SUCH_ADDRESS)
        for one in mail.destinations
        if one.kind is Kind.PROBE
    )
    told = mail.noting("way", "unread", _NO_READER, refused=(*mail.refused, *unread))
    return told.but(destinations=others) if others else told.but(refusal=R550_NO_SUCH_ADDRESS)


def _of_ours(mail: Incoming, office: Office) -> Incoming | None:
    """A probe that came back, or a forwarder's question: about the address, not for it."""
    because = _probe(mail, office)
    if because:
        return _taken(mail, Class.PROBE, because)
    provider = confirmations.provider(mail) if all(_is_asked(one) for one in mail.destinations) else ""
    if provider:
        return _taken(mail, Class.FORWARDING, f"{provider} asks whether it may forward, by its own signature")
    return None


def _is_asked(one: Destination) -> bool:
    """Whether a question is kept at this recipient: at an address that may be forwarded."""
    return one.kind is Kind.ROUTING and not one.is_postmaster


def _probe(mail: Incoming, office: Office) -> str:
    """Why this is a probe of ours, if it is one: it comes to its own intake, and to nobody else."""
    first = mail.destinations[0]
    if not first.is_intake or first.way is None or any(one.address != first.address for one in mail.destinations):
        return ""
    author = str(mail.author.address) if mail.author is not None else ""
    name = probe_tokens.by_author(office.keys, first.way.key, author)
    if name and not probe_tokens.is_fresh(name, mail.received_at):
        return "a probe of ours that comes too late, by the signed token in its From: nothing is learnt from it"
    if name or probe_tokens.by_field(office.keys, first.way.key, mail.head, mail.received_at):
        return "a probe of ours or a copy of it, by the signed token in its header"
    return ""


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
        told = f"it came by {host}, as the probes of {way.address} do"
        return mail.noting("way", "vouched", told, vouched=len(mail.destinations) == 1)
    if found is Match.POOL:
        return mail.noting("way", "learnt", f"it came by {host}, as the probes of {way.address}: many send from there")
    if found is Match.MOVED:
        return mail.noting("way", "moved", f"it came by {host}, as the newest probe: see casegate address list")
    if found is Match.UNSURE:
        return mail.noting("way", "unknown", f"it came by {host}; DNS did not name the forwarder of {way.address} yet")
    return _unauthenticated(mail, f"it came by {host}, and the probes of {way.address} do not")


def _unauthenticated(mail: Incoming, because: str) -> Incoming:
    return mail.but(aligned=False, vouched=False).noting("way", "unauthenticated", because)


def _refused(mail: Incoming, response: Response, because: str) -> Incoming:
    refused = tuple(Refused(str(one.address), because) for one in mail.destinations)
    return mail.but(refusal=response, refused=refused)


def _host_words(peer: str, iprev: IprevResult) -> str:
    return f"{iprev.name} [{peer}]" if iprev.result == "pass" and iprev.name else f"[{peer}]"
