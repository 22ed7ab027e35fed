# SPDX-License-Identifier: Apache-2.0
"""Probes: what we send to a forwarded address, what we make of its return or absence, and when that is an alarm.

Enters: a way that is due, a message that came back, a probe whose time is over. Leaves: outbox rows, what the way has
learnt, its alarm, said once in the log. Each function is one part of a unit of work and doing it twice is harmless.
"""

import json
import logging
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Any

from handlers import confirmations, passages, probe_tokens, tokens
from handlers.bounces.reading import read_report
from handlers.bounces.values import Action, Kind
from handlers.classification import Class
from handlers.edits.reply_header import bracketed, mailbox_octets
from handlers.headers import fold
from handlers.identity import Mailbox
from handlers.office import Office
from handlers.reports import text_part
from handlers.results import IprevResult
from handlers.signing import Signer
from handlers.ways import Match, match
from handlers.work import Work
from storage import content, outbox, probes, ways
from storage.address import Address, parse
from storage.database import Unit
from storage.outbox import Outgoing
from storage.probes import NewProbe
from storage.response import Response
from storage.ways import Confirmation, Host, Passage, Way

log = logging.getLogger(__name__)

AT_ONCE = 20
BODY_OCTETS = 256 * 1024  # what is read of a probe that came back
MOST_HOSTS = 10
HOST_LIFE = timedelta(days=30)  # an address that no probe has come by for so long may have another tenant
SLOW_FACTOR, SLOW_FROM_S = 4, 300.0
UNSENT = timedelta(minutes=15)  # a worker that lives looks every few seconds
CLOCKS_DIFFER = timedelta(minutes=1)  # of several hosts on one database

VERIFY, HEARTBEAT = "verify", "heartbeat"


@dataclass(frozen=True, slots=True)
class Terms:
    """How often a probe goes, and how long it may take."""

    every: timedelta = timedelta(hours=1)
    patience: timedelta = timedelta(minutes=30)

    def latest(self, now: datetime) -> datetime:
        """No heartbeat is due later than this, but for one that was planned by a longer period, or a wrong clock."""
        return now + self.every + CLOCKS_DIFFER


@dataclass(frozen=True, slots=True)
class Sender:
    """What it takes to send a probe."""

    office: Office
    signer: Signer
    terms: Terms
    now: datetime


def send(unit: Unit, way: Way, sender: Sender, purpose: str) -> str:
    """Put one probe into the outbox; the next heartbeat is a period away. Returns its name."""
    name, outbox_name, now = probe_tokens.new_name(sender.now), tokens.new_name(sender.now), sender.now
    address = probe_tokens.probe_address(sender.office.keys, name, way.key)
    written = _written(way, address, sender)
    outgoing = Outgoing(
        name=outbox_name,
        kind="probe",
        thread_id=None,
        message_seq=None,
        agent_id=None,
        message_id=address,
        reverse_path=address,
        head=sender.signer.sign_all(written, (sender.office.keys.host,)) + written,
        content_id=None,
        body_offset=0,
        recipients=(way.address,),
    )
    outbox_id = outbox.put(unit, outgoing, now)
    probes.add(unit, NewProbe(name, way.key, outbox_id, purpose, now, now + sender.terms.patience))
    ways.plan_probe(unit, way.key, now + sender.terms.every)
    return name


def send_due(unit: Unit, sender: Sender) -> int:
    """The heartbeats that are due; an address that was taken out has none, until it is taken back."""
    sent = 0
    for row in ways.due(unit, sender.now, sender.terms.latest(sender.now), AT_ONCE):
        way = ways.of_row(row)
        if way.kind != "forwarded" or not way.is_verified:
            ways.plan_probe(unit, row.key, None)
        elif way.key in sender.office.routing_addresses:
            send(unit, way, sender, HEARTBEAT)
            sent += 1
        else:
            ways.plan_probe(unit, row.key, sender.now + sender.terms.every)
    return sent


def lose(unit: Unit, now: datetime) -> int:
    """Probes whose time is over: the forward has stopped. What has not left yet is not sent any more."""
    lost = probes.lose(unit, now, AT_ONCE)
    for one in lost:
        outbox.give_up(unit, one.outbox_id, "not sent in time")
        row = ways.lock(unit, one.way_key)
        if row is not None and row.verified_at is not None:
            _alarm(unit, ways.of_row(row), _stopped(ways.of_row(row)), now)
    return len(lost)


def unwatched(row: Any, now: datetime) -> str:
    """The alarm that no worker raises, for none sends heartbeats: whoever looks at the way sees it."""
    due = row.next_probe_at
    if row.kind != "forwarded" or row.verified_at is None or due is None or due + UNSENT > now:
        return ""
    return f"unwatched: a heartbeat was due at {due:%Y-%m-%dT%H:%M:%SZ} and was not sent: do the workers run?"


def refused(unit: Unit, outbox_id: int, response: Response, now: datetime) -> None:
    """A host did not take a probe."""
    one = probes.refuse(unit, outbox_id, str(response), now)
    if one is not None:
        _note_refusal(unit, one, f"refused: {response.code} {response.enhanced}".strip(), now)


def hear(unit: Unit, work: Work) -> None:
    """A message about routing addresses, by the class that handlers/ways.py gave it."""
    if work.row.classification == Class.FORWARDING.value:
        _keep_question(unit, work)
    else:
        back(unit, work)


def back(unit: Unit, work: Work) -> None:
    """A probe, or what was sent to a probe's own address; a copy teaches nothing, nor what comes of a lost address."""
    for one in _recipients(work):
        if one.host == work.office.keys.host and probe_tokens.looks_like_one(one.local_key):
            _answered(unit, work, one.local_key)
            return
    routed = (key for key in _ways_of(work) if ways.is_routed(unit, key))
    name = next((found for key in routed if (found := _name(work, key))), "")
    probe = probes.come_back(unit, name, work.row.received_at) if name else None
    if probe is None:
        log.info("message %s is a copy of a probe that is over: nothing is learnt from it", work.row.id)
        return
    body = _body(unit, work)
    row, sent = ways.lock(unit, probe.way_key), outbox.load(unit, probe.outbox_id)
    if row is not None:
        told = (sent[1], str(sent[0].reverse_path), probe.sent_at)
        _learn(unit, ways.of_row(row), passages.passage(work.row, work.mail, body, told), probe, work.now)


def changes(way: Way, seen: Passage) -> list[str]:
    """What is not as it was learnt, in words that stay the same while it lasts."""
    learnt = way.learnt
    if learnt is None:
        return []
    found = []
    if _matched(way, seen.host) is Match.OTHER:
        found.append(f"changed: it comes by {shown(seen.host)}, not by {shown(learnt.host)}")
    if learnt.dkim == "pass" and seen.dkim not in ("pass", "temperror"):  # of which DNS says nothing
        found.append(f"changed: our DKIM signature does not survive any more ({seen.dkim})")
    if (seen.subject_before, seen.subject_after) != (learnt.subject_before, learnt.subject_after):
        tag = f"{seen.subject_before} {seen.subject_after}".strip()
        found.append(f'changed: the subject is tagged "{tag}"' if tag else "changed: the subject has lost its tag")
    if seen.latency_s > max(SLOW_FROM_S, SLOW_FACTOR * learnt.latency_s):
        found.append("slow: probes take much longer than when it was verified")
    return found


def shown(host: Host) -> str:
    """A host in the operator's words."""
    if host.pool:
        return host.pool
    return f"{host.name} [{host.peer}]" if host.name else f"[{host.peer}]"


def _written(way: Way, address: str, sender: Sender) -> bytes:
    """The probe; it says what it is to whoever finds it in a mailbox."""
    word, host = address.partition("@")[0], sender.office.keys.host
    section = (
        fold(b"From", mailbox_octets(Mailbox("Forwarding check", parse(address)))),
        fold(b"To", way.address.encode()),
        fold(b"Subject", f"Forwarding check {word}".encode()),
        fold(b"Date", format_datetime(sender.now).encode()),
        fold(b"Message-ID", bracketed(address)),
        fold(b"X-Casegate-Probe", word.encode()),
        fold(b"Auto-Submitted", b"auto-generated"),  # RFC 3834 §5
        fold(b"X-Auto-Response-Suppress", b"All"),
        b"MIME-Version: 1.0\r\n",
    )
    text = (
        f"{host} checks with this mail whether {way.address} is still forwarded.\nThere is nothing to do.\n\n{word}\n"
    )
    return b"".join(section) + text_part(text)


def _matched(way: Way, host: Host) -> Match:
    """What the host of a probe is to those that were learnt."""
    iprev = IprevResult("pass" if host.name else "none" if host.is_sure else "temperror", host.name)
    return match(replace(way, latest=None), host.peer, iprev)


def _name(work: Work, way_key: str) -> str:
    """The probe that this message is, as handlers/ways.py has found."""
    keys, row = work.office.keys, work.row
    author = probe_tokens.by_author(keys, way_key, row.author_address or "")
    return author or probe_tokens.by_field(keys, way_key, work.mail.head, row.received_at)


def _ways_of(work: Work) -> list[str]:
    """The ways whose intake the message was sent to."""
    intakes, host = work.office.intakes, work.office.keys.host
    return [intakes[one.local_key] for one in _recipients(work) if one.host == host and one.local_key in intakes]


def _recipients(work: Work) -> list[Address]:
    return [parse(one["address"]) for one in json.loads(work.row.recipients)]


def _keep_question(unit: Unit, work: Work) -> None:
    """A forwarder asks whether it may: the operator finds the answer at the address. The log has no secret."""
    name = confirmations.provider_of(work.row.author_address)
    asked = confirmations.read(name, work.mail, _body(unit, work), work.office.keys.host)
    at = work.row.received_at.strftime("%Y-%m-%dT%H:%M:%SZ")
    kept = Confirmation(name, asked.account, asked.code, asked.link, at)
    asked_of = _asked_of(work)
    for key, address in asked_of.items():
        ways.add_confirmation(unit, key, address, kept)
        log.warning("%s asks whether it may forward to %s: casegate address show", name, key)
    if not asked_of:
        log.warning("%s asks whether it may forward to an address that is no more: message %s", name, work.row.id)


def _asked_of(work: Work) -> dict[str, str]:
    """Key and words of the addresses that a question is kept at; the way of one that was taken out keeps it too."""
    office, desk_ways = work.office, work.office.desk.ways
    found = {key: desk_ways[key].address for key in _ways_of(work)}
    for one in _recipients(work):
        row = office.routing_addresses.get(one.key)
        if one.key in desk_ways:
            found[one.key] = desk_ways[one.key].address
        elif row is not None:  # an old address keeps nothing itself
            found[row.value.address.key] = str(row.value.address)
    return found


def _body(unit: Unit, work: Work) -> bytes:
    """As much of the body as a probe has."""
    octets = bytearray()
    for piece in content.pieces(lambda: nullcontext(unit), work.row.content_id):
        octets += piece
        if len(octets) > BODY_OCTETS + work.mail.head.body_offset:
            break
    return bytes(octets[work.mail.head.body_offset :])


def _answered(unit: Unit, work: Work, local: str) -> None:
    """Mail to the probe's own address: a host could not deliver it further, or a mailbox answered."""
    found = probe_tokens.find(work.office.keys, work.office.desk.ways, [local.encode()])
    if found is None or not _is_failure(unit, work):
        log.info("message %s answers a probe: nothing is learnt from it", work.row.id)
        return
    one = probes.bounce(unit, found[0], "it bounced", work.now)
    if one is not None:
        _note_refusal(unit, one, "refused: a host sent the probe back", work.now)


def _is_failure(unit: Unit, work: Work) -> bool:
    """Whether this is a report (RFC 3464) of a host that has given up; one that still tries may yet deliver."""
    head = work.mail.head
    is_report = (head.first(b"content-type") or b"").strip().lower().startswith(b"multipart/report")
    if work.row.reverse_path or not is_report:
        return False
    report = read_report(head.content[: head.body_offset] + _body(unit, work), by_nobody=True)
    if report is None or not report.is_formal or report.kind is not Kind.BOUNCE:
        return False
    return any(one.action is Action.FAILED for one in report.recipients)


def _note_refusal(unit: Unit, one: Any, alarm: str, now: datetime) -> None:
    row = ways.lock(unit, one.way_key)
    if row is not None and row.verified_at is not None:
        _alarm(unit, ways.of_row(row), alarm, now)


def _learn(unit: Unit, way: Way, seen: Passage, one: Any, now: datetime) -> None:
    """A probe that verifies teaches; a heartbeat is held against what was learnt."""
    learns = one.purpose == VERIFY or way.learnt is None
    found = [] if learns else changes(way, seen)
    is_same_way = learns or _matched(way, seen.host) not in (Match.OTHER, Match.UNKNOWN)
    hosts = _with(way.hosts, seen.host, now) if is_same_way else way.hosts
    if not seen.host.is_sure and not any(host.is_sure and host.peer == seen.host.peer for host in hosts):
        found.append(f"unknown: DNS does not name [{seen.host.peer}], by which it comes")
    value = replace(
        way,
        hosts=hosts,
        learnt=seen if learns else _filled(way.learnt, seen, is_same_way=is_same_way),
        latest=seen,
        is_verified=True,
    )
    newer = probes.newest_returned(unit, way.key, one.id)
    if newer is not None:
        return
    ways.note_passage(unit, value, learns=learns, now=now)
    _alarm(unit, way, "; ".join(found), now)
    if learns:
        log.info("%s is verified: a probe came back by %s", way.address, shown(seen.host))


def _with(hosts: tuple[Host, ...], seen: Host, now: datetime) -> tuple[Host, ...]:
    """The host in front of the others, one for each pool, without those long unseen."""
    oldest = (now - HOST_LIFE).strftime("%Y-%m-%dT%H:%M:%SZ")
    if not seen.is_sure:  # what DNS said of it before still holds
        known = next((one for one in hosts if one.is_sure and one.peer == seen.peer), seen)
        seen = replace(known, seen_at=seen.seen_at)
    others = [one for one in hosts if one.seen_at >= oldest and not _is_replaced(one, seen)]
    return (seen, *others)[:MOST_HOSTS]


def _is_replaced(one: Host, seen: Host) -> bool:
    """Whether the newer host stands for this one; what DNS did not name may well be of the pool that it names now."""
    if one.peer == seen.peer:
        return True
    return bool(seen.pool) and (one.pool == seen.pool or not one.is_sure)


def _filled(learnt: Passage | None, seen: Passage, *, is_same_way: bool) -> Passage | None:
    """What was learnt, with the host's name and pool, and how our signature fared, where DNS did not say so then."""
    if learnt is None or not is_same_way:
        return learnt
    host = learnt.host if learnt.host.is_sure or not seen.host.is_sure else seen.host
    return replace(learnt, host=host, dkim=seen.dkim if learnt.dkim == "temperror" else learnt.dkim)


def _stopped(way: Way) -> str:
    since = f" since {way.latest.at}" if way.latest is not None else ""
    return f"stopped: no probe has come back{since}"


def _alarm(unit: Unit, way: Way, words: str, now: datetime) -> None:
    """Said once in the log, when it begins, changes or ends."""
    if not ways.set_alarm(unit, way.key, words, now):
        return
    if words:
        log.warning("alarm: forwarding of %s: %s", way.address, words)
    else:
        log.warning("the alarm for the forwarding of %s is over", way.address)
