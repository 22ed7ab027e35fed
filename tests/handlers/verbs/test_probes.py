# SPDX-License-Identifier: Apache-2.0
"""What a probe that comes back teaches, whatever the forwarder made of it, and when a forward is in alarm."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from handlers import probe_tokens, probes
from handlers.destinations import Destination, Kind
from handlers.probes import HEARTBEAT
from storage import addresses, ways
from storage.response import R550_NO_SUCH_ADDRESS, Response
from storage.states import Move
from storage.ways import Way
from tests.support.forwarding import GOOGLE, INTAKE_ADDRESS, KEY, MICROSOFT, OTHER, OWN, Yard, forwarded_desk
from tests.support.office import KEYS, mail


@pytest.fixture
def yard(tmp_path: Path) -> Iterator[Yard]:
    made = Yard(f"sqlite:///{tmp_path}/casegate.db")
    yield made
    made.close()


def cut(octets: bytes, *names: str) -> bytes:
    """Without these header fields."""
    head, _, body = octets.partition(b"\r\n\r\n")
    fields = head.replace(b"\r\n ", b"\0 ").replace(b"\r\n\t", b"\0\t").split(b"\r\n")
    kept = [one for one in fields if one.partition(b":")[0].decode().lower() not in names]
    return b"\r\n".join(kept).replace(b"\0", b"\r\n") + b"\r\n\r\n" + body


def bare(octets: bytes) -> bytes:
    """Only the body is left of it, behind somebody else's header section."""
    return mail("Ann <ann@firm.example>", subject="Fwd").partition(b"\r\n\r\n")[0] + b"\r\n\r\n"


FORWARDERS: list[tuple[str, Callable[[bytes], bytes]]] = [
    ("as it was", lambda octets: octets),
    # Mailing list software and some gateways write a Message-ID of their own.
    ("a new Message-ID", lambda octets: b"Message-ID: <new@x.example>\r\n" + cut(octets, "message-id")),
    ("no field of ours", lambda octets: cut(octets, "x-casegate-probe", "message-id")),
    ("a tag", lambda octets: octets.replace(b"Subject: ", b"Subject: [External] ")),
    ("another author", lambda octets: b"From: fwd@x.example\r\n" + cut(octets, "from", "message-id")),
    ("a footer", lambda octets: octets + b"-- \r\nThis mail came from outside.\r\n"),
    ("only our Message-ID", lambda octets: b"From: fwd@x.example\r\n" + cut(octets, "from", "x-casegate-probe")),
]


@pytest.mark.parametrize(("what", "made"), FORWARDERS, ids=[what for what, _ in FORWARDERS])
def test_a_probe_is_known_again_whatever_is_left_of_it(yard: Yard, what: str, made: Callable[[bytes], bytes]):
    message = yard.back(made(yard.send()))
    assert (message.classification, message.case, message.state) == ("probe", None, "routed")
    assert (yard.state(), yard.row().verified_at is not None) == ("returned", True)
    assert len(yard.sent()) == 1  # nothing is answered: only the probe itself has left


def test_a_probe_teaches_what_the_forwarder_does(yard: Yard):
    octets = yard.send()
    yard.clock.advance(12)
    trace = b"Received: from a (b [192.0.2.1]) by mail.forwarder.example; date\r\nX-Tagged: yes\r\n"
    tagged = octets.replace(b"Subject: ", b"Subject: [External] ") + b"-- \r\nA footer.\r\n"
    yard.back(trace + tagged, sender="SRS0=abcd=ef=gw.example=x@forwarder.example")
    learnt = yard.way().learnt
    assert learnt is not None
    assert (learnt.latency_s, learnt.host.peer, learnt.host.name) == (12.0, OWN, "mail.forwarder.example")
    assert (learnt.subject_before, learnt.dkim, learnt.body) == ("[External]", "fail", "text added")
    assert (learnt.is_rewritten, learnt.fields, learnt.received) == (True, ("x-tagged",), ("mail.forwarder.example",))


def test_what_passes_untouched_keeps_our_signature(yard: Yard):
    yard.back(yard.send())
    learnt = yard.way().learnt
    assert learnt is not None
    assert (learnt.dkim, learnt.body, learnt.fields, learnt.subject_before) == ("pass", "unchanged", (), "")


def test_a_copy_a_forgery_and_an_old_probe_teach_nothing(yard: Yard):
    octets = yard.send()
    yard.peer(OTHER)
    forged = octets.replace(b"probe.", b"probe.a")
    assert yard.rcpt(INTAKE_ADDRESS)
    refused = yard.judged(forged, INTAKE_ADDRESS)
    assert (refused.classification.value != "probe", refused.refusal.code) == (True, 451)
    yard.peer(OWN)
    yard.back(octets)
    first = yard.way()
    yard.peer(OTHER)
    yard.clock.advance(1)
    copy = yard.back(octets, sender="another@x.example")
    assert (copy.classification, copy.case) == ("probe", None)
    assert (yard.way(), yard.alarm()) == (first, "")
    old = yard.send(HEARTBEAT)
    yard.clock.advance(3 * 86400)
    yard.back(old, sender="old@x.example")
    assert (yard.way(), yard.state()) == (first, "sent")


def test_a_probe_counts_for_its_own_address_only(yard: Yard):
    name = probe_tokens.new_name(yard.now)
    token = probe_tokens.token(KEYS, name, KEY).encode()
    assert probe_tokens.find(KEYS, [KEY], [b"x", token.upper()]) == (name, KEY)
    assert probe_tokens.find(KEYS, ["sales@firm.example"], [token]) is None


def test_heartbeats_are_sent_once_a_period_however_often_workers_look(yard: Yard):
    assert yard.due() == 0  # not verified: nobody forwards it yet
    yard.verified()
    assert [yard.due(), yard.due()] == [0, 0]
    yard.clock.advance(3600)
    assert [yard.due(), yard.due()] == [1, 0]


def test_a_heartbeat_that_does_not_come_back_is_an_alarm_said_once_until_one_does(
    yard: Yard, caplog: pytest.LogCaptureFixture
):
    yard.verified()
    for _ in range(2):
        late = yard.send(HEARTBEAT)
        yard.clock.advance(1801)
        assert (yard.lose(), yard.lose()) == (1, 0)
    assert yard.alarm().startswith("stopped: no probe has come back since 2026-11-22T12:00:0")
    assert sum("alarm: forwarding of" in one.getMessage() for one in caplog.records) == 1
    assert [one.to for one in yard.sent("probe") if one.octets == late] == [[KEY]]
    assert yard.heartbeat() == ""
    assert "is over" in caplog.text


def test_a_lost_probe_that_comes_late_is_slow(yard: Yard):
    yard.verified()
    late = yard.send(HEARTBEAT)
    yard.clock.advance(3600)
    yard.lose()
    yard.back(late)
    assert (yard.state(), yard.alarm()) == ("returned", "slow: probes take much longer than when it was verified")


def test_an_older_probe_does_not_speak_for_the_forward_when_a_newer_is_back(yard: Yard):
    yard.verified()
    late = yard.send(HEARTBEAT)
    yard.clock.advance(3600)
    yard.lose()
    assert yard.heartbeat() == ""
    yard.back(late)
    assert yard.alarm() == ""


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda octets: octets.replace(b"Subject: ", b"Subject: [EXT] "),
            'changed: our DKIM signature does not survive any more (fail); changed: the subject is tagged "[EXT]"',
        ),
        (lambda octets: cut(octets, "dkim-signature"), "changed: our DKIM signature does not survive any more (none)"),
    ],
)
def test_what_is_not_as_it_was_learnt_is_an_alarm(yard: Yard, change: Callable[[bytes], bytes], words: str):
    yard.verified()
    yard.back(change(yard.send(HEARTBEAT)))
    assert yard.alarm() == words
    assert yard.heartbeat() == ""
    yard.back(change(yard.send()))  # verifying learns it
    assert yard.alarm() == ""


def test_another_host_is_an_alarm_and_another_one_of_its_pool_is_none(yard: Yard):
    yard.verified()
    words = "changed: it comes by other.forwarder.example [192.0.2.11], not by mail.forwarder.example [192.0.2.10]"
    assert yard.heartbeat(OTHER) == words
    assert {one.peer for one in yard.way().hosts} == {OWN}
    assert yard.heartbeat() == ""


def test_another_pool_is_an_alarm(yard: Yard):
    yard.verified(GOOGLE)
    assert yard.heartbeat(GOOGLE) == ""
    assert yard.heartbeat(MICROSOFT) == "changed: it comes by microsoft, not by google"


def test_a_probe_that_no_host_takes_is_an_alarm(yard: Yard):
    yard.verified()
    yard.send(HEARTBEAT)
    with yard.database.move(Move.SETTLE) as unit:
        outbox_id = max(one.id for one in yard.sent("probe"))
        probes.refused(unit, outbox_id, Response(550, "5.1.1", "no such user, id 123"), yard.now)
    assert (yard.state(), yard.alarm()) == ("refused", "refused: 550 5.1.1")


def token_of(octets: bytes) -> str:
    return octets.partition(b"X-Casegate-Probe: ")[2].partition(b"\r\n")[0].decode()


def petra(**fields: str) -> bytes:
    return mail("Petra <petra@customer.example>", **fields)


# A person's mail -> its octets, given the probe that they have seen.
PEOPLE: list[tuple[str, Callable[[bytes], bytes]]] = [
    ("quoted in the body", lambda octets: petra(body=f"What is this?\r\n> {token_of(octets)}")),
    ("answered with its subject", lambda octets: petra(subject=f"Re: Forwarding check {token_of(octets)}")),
    ("answered", lambda octets: petra(in_reply_to=f"<{token_of(octets)}@gw.example>")),
    ("in References", lambda octets: petra(references=f"<{token_of(octets)}@gw.example>")),
    ("in a name", lambda octets: mail(f'"{token_of(octets)}@gw.example" <petra@customer.example>')),
    ("in a longer Message-ID", lambda octets: petra(message_id=f"<x{token_of(octets)}@gw.example>")),
    ("forwarded in the body", lambda octets: bare(octets) + b"---- Forwarded ----\r\n" + octets),
    # A program that takes the probe's header section over into an answer.
    (
        "answered with all its fields",
        lambda octets: b"From: petra@customer.example\r\nIn-Reply-To: <x@y.example>\r\n" + cut(octets, "from"),
    ),
    (
        "its fields with References",
        lambda octets: b"From: petra@customer.example\r\nReferences: <x@y.example>\r\n" + cut(octets, "from"),
    ),
]


@pytest.mark.parametrize("days", [0, 400])
@pytest.mark.parametrize(("what", "made"), PEOPLE, ids=[what for what, _ in PEOPLE])
def test_a_mail_of_people_that_speaks_of_a_probe_makes_a_case(
    yard: Yard, what: str, made: Callable[[bytes], bytes], days: int
):
    octets = yard.send()
    yard.verified(octets=octets)
    yard.clock.advance(86400 * days)
    message = yard.back(made(octets), sender="petra@customer.example")
    assert (message.classification != "probe", message.case is not None) == (True, True)


def test_a_probe_is_one_only_at_its_own_intake_and_alone(yard: Yard):
    yard.verified()
    octets = yard.send(HEARTBEAT)
    for to in (
        (KEY,),
        ("sales@firm.example",),
        (INTAKE_ADDRESS, "sales@firm.example"),
        ("sales@firm.example", INTAKE_ADDRESS),
    ):
        judged = yard.judged(octets, *to, sender="probe@gw.example")
        assert (to, judged.classification.value != "probe") == (to, True)
    with yard.database.move(Move.ADDRESS) as unit:
        ways.put(
            unit, Way("sales@firm.example", "sales@firm.example", "forwarded", "in-bbbbbbbbbbbbbbbb"), "", yard.now
        )
    yard.look()
    other = yard.judged(octets, "in-bbbbbbbbbbbbbbbb@gw.example", sender="probe@gw.example")
    assert other.classification.value != "probe"
    assert yard.judged(octets, INTAKE_ADDRESS, INTAKE_ADDRESS, sender="x@gw.example").classification.value == "probe"


def test_a_probe_of_our_own_that_comes_too_late_makes_no_case_and_says_so(yard: Yard):
    yard.verified()
    octets = yard.send(HEARTBEAT)
    yard.clock.advance(86400 * 5)
    judged = yard.judged(octets, INTAKE_ADDRESS, sender="x@gw.example")
    assert [one.because for one in judged.notes if one.step == "way"] == [
        "a probe of ours that comes too late, by the signed token in its From: nothing is learnt from it"
    ]
    first = yard.way()
    assert yard.back(octets).case is None
    assert yard.way() == first
    # Where even its author is another, nobody knows any more whose it is.
    late = yard.back(b"From: fwd@x.example\r\n" + cut(octets, "from"))
    assert (late.classification != "probe", late.case is not None) == (True, True)


def test_people_who_write_to_a_probe_hear_that_nobody_reads_it(yard: Yard):
    yard.verified()
    sender = token_of(yard.send(HEARTBEAT)) + "@gw.example"
    found = yard.rcpt(sender)
    assert isinstance(found, Destination)
    assert found.kind is Kind.PROBE
    judged = yard.judged(petra(), sender, sender="petra@customer.example")
    assert judged.refusal == R550_NO_SUCH_ADDRESS
    assert [(one.recipient, one.response) for one in judged.refused] == [(sender, R550_NO_SUCH_ADDRESS)]
    for to in ((sender, "sales@firm.example"), ("sales@firm.example", sender)):
        message = yard.receive(petra(), *to, sender="petra@customer.example")
        assert (message.classification, message.case is not None) == ("person", True)
    for path in ("ann@firm.example", None):
        away = yard.receive(mail("Ann <ann@firm.example>", auto_submitted="auto-replied"), sender, sender=path)
        assert (away.classification, away.case, yard.state(), yard.alarm()) == ("probe", None, "sent", "")


def report(action: str, kind: str = "multipart/report") -> bytes:
    status = f"Reporting-MTA: dns; x.example\r\n\r\nFinal-Recipient: rfc822; {KEY}\r\nAction: {action}\r\nStatus: 5.1.1"
    parts = f"--b\r\n\r\nUndelivered.\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n{status}\r\n\r\n--b--"
    typed = f"{kind}; report-type=delivery-status; boundary=b"
    return mail("MAILER-DAEMON@firm.example", body=parts, subject="Mail", mime_version="1.0", content_type=typed)


@pytest.mark.parametrize(
    ("octets", "sender"),
    [
        (report("delayed"), None),
        (report("delivered"), None),
        (report("failed", "multipart/mixed"), None),
        (mail("MAILER-DAEMON@firm.example", subject="Undelivered"), None),
        (mail("Ann <ann@firm.example>", subject="Away"), None),
    ],
)
def test_only_a_report_of_a_failure_says_that_a_probe_was_refused(yard: Yard, octets: bytes, sender: str | None):
    yard.verified()
    probe = yard.send(HEARTBEAT)
    heard = yard.receive(octets, token_of(probe) + "@gw.example", sender=sender)
    assert (heard.classification, heard.case, yard.state(), yard.alarm()) == ("probe", None, "sent", "")


def test_a_bounce_of_a_probe_is_an_alarm_until_it_comes_back_all_the_same(yard: Yard):
    yard.verified()
    octets = yard.send(HEARTBEAT)
    sender = token_of(octets) + "@gw.example"
    bounced = yard.receive(report("failed"), sender, sender=None)
    assert (bounced.classification, bounced.case, yard.state()) == ("probe", None, "refused")
    assert yard.alarm() == "refused: a host sent the probe back"
    yard.back(octets)
    assert (yard.state(), yard.alarm()) == ("returned", "")
    yard.receive(report("failed"), sender, sender=None)  # whoever has got hold of the address
    assert (yard.state(), yard.alarm()) == ("returned", "")


def test_what_dns_did_not_say_when_it_was_learnt_is_an_alarm_until_a_heartbeat_fills_it_in(yard: Yard):
    yard.silent.add(GOOGLE)
    yard.verified(GOOGLE)
    assert yard.alarm() == "unknown: DNS does not name [192.0.2.20], by which it comes"
    assert yard.heartbeat(GOOGLE) == "unknown: DNS does not name [192.0.2.20], by which it comes"
    yard.silent.clear()
    assert yard.heartbeat(GOOGLE) == ""
    (host,) = yard.way().hosts
    assert (host.pool, host.is_sure, yard.way().learnt.host) == ("google", True, host)
    yard.silent.add(GOOGLE)
    assert yard.heartbeat(GOOGLE) == ""  # its address is enough for one that has been named before
    assert yard.way().hosts[0].pool == "google"


def test_a_host_that_dns_does_not_name_is_not_learnt_by_a_heartbeat(yard: Yard):
    yard.verified()
    yard.silent.add(OTHER)
    assert yard.heartbeat(OTHER) == "unknown: DNS does not name [192.0.2.11], by which it comes"
    assert [one.peer for one in yard.way().hosts] == [OWN]


def test_heartbeats_go_on_when_an_address_that_was_taken_out_is_taken_back(yard: Yard):
    yard.verified()
    whole = forwarded_desk()
    yard.apply(replace(whole, addresses=whole.addresses[1:]))
    yard.clock.advance(3700)
    assert yard.due() == 0
    yard.apply(whole)
    yard.clock.advance(3700)
    assert yard.due() == 1


def test_an_address_that_a_late_probe_verifies_is_watched_as_well(yard: Yard):
    octets = yard.send()
    yard.clock.advance(3700)
    assert yard.due() == 0
    yard.verified(octets=octets)
    assert yard.due() == 1


def test_a_probe_does_not_verify_an_address_that_was_taken_out_before_its_job(yard: Yard):
    octets = yard.send()
    yard.accept(octets, INTAKE_ADDRESS, sender="probe@gw.example")
    with yard.database.move(Move.ADDRESS) as unit:
        addresses.retire(unit, KEY)
        ways.forget(unit, KEY)
    yard.route()
    assert (yard.row().verified_at, yard.way().hosts) == (None, ())


def test_hosts_that_no_probe_came_by_for_long_are_forgotten(yard: Yard):
    yard.verified()
    yard.clock.advance(20 * 86400)
    yard.verified(OTHER)
    assert {one.peer for one in yard.way().hosts} == {OWN, OTHER}
    yard.clock.advance(20 * 86400)
    yard.heartbeat(OTHER)
    assert {one.peer for one in yard.way().hosts} == {OTHER}


def test_an_address_that_is_retired_is_not_probed_any_more(yard: Yard):
    yard.verified()
    with yard.database.move(Move.ADDRESS) as unit:
        ways.forget(unit, KEY)
    yard.look()
    yard.clock.advance(86400)
    assert yard.due() == 0
