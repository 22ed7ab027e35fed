# SPDX-License-Identifier: Apache-2.0
"""Mail held against the way that its address has learnt, addresses that are not verified yet, old ones that lead on."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from handlers.ports import Answer, Found
from handlers.probes import HEARTBEAT, Terms
from storage import addresses, desk, ways
from storage.address import parse
from storage.desk_values import Contact, Policy, RoutingAddress
from storage.response import R451_DNS, R451_TRY_LATER, R550_DMARC, R550_NO_SUCH_ADDRESS
from storage.states import Move
from storage.ways import Way
from tests.support.forwarding import GOOGLE, INTAKE_ADDRESS, KEY, MICROSOFT, NOBODY, OTHER, OWN, Yard, forwarded_desk
from tests.support.office import ACKNOWLEDGE, CARL, mail, sign


@pytest.fixture
def yard(tmp_path: Path) -> Iterator[Yard]:
    made = Yard(f"sqlite:///{tmp_path}/casegate.db")
    yield made
    made.close()


def from_carl(**fields: str) -> bytes:
    return sign(mail(f"Carl <{CARL}>", **fields), "customer.example")


def judged(yard: Yard, peer: str, to: str = INTAKE_ADDRESS) -> Any:
    yard.peer(peer)
    return yard.judged(from_carl(), to)


def said(judged_: Any) -> list[str]:
    return [one.decided for one in judged_.notes if one.step == "way"]


def test_before_it_is_verified_an_address_takes_nothing_and_its_intake_lets_mail_wait(yard: Yard):
    assert yard.rcpt(KEY) == R550_NO_SUCH_ADDRESS
    assert judged(yard, OWN).refusal == R451_TRY_LATER
    yard.verified()
    assert judged(yard, OWN).refusal is None
    assert judged(yard, OWN, KEY).refusal is None
    assert yard.rcpt("in-aaaaaaaaaaaaaaaa@gw.example") == R550_NO_SUCH_ADDRESS
    assert yard.rcpt(INTAKE_ADDRESS.replace("gw.example", "firm.example")) == R550_NO_SUCH_ADDRESS


# Who learnt it -> by whom it comes, to which address -> what is decided, is the author's proof kept, is it vouched for.
WAYS = [
    (OWN, OWN, INTAKE_ADDRESS, "vouched", True, True),
    (OWN, OTHER, INTAKE_ADDRESS, "unauthenticated", False, False),
    (OWN, NOBODY, INTAKE_ADDRESS, "unauthenticated", False, False),
    (OWN, OWN, KEY, "unauthenticated", False, False),
    (OWN, GOOGLE, INTAKE_ADDRESS, "unauthenticated", False, False),
    # A host without a name is known by its address.
    (NOBODY, NOBODY, INTAKE_ADDRESS, "vouched", True, True),
    # Anybody can rent a mailbox in a pool.
    (GOOGLE, GOOGLE, INTAKE_ADDRESS, "learnt", True, False),
    (GOOGLE, MICROSOFT, INTAKE_ADDRESS, "unauthenticated", False, False),
    (GOOGLE, OWN, INTAKE_ADDRESS, "unauthenticated", False, False),
    (GOOGLE, GOOGLE, KEY, "unauthenticated", False, False),
]


@pytest.mark.parametrize(("learnt", "peer", "to", "decided", "aligned", "vouched"), WAYS)
def test_mail_is_held_against_the_learnt_way(
    yard: Yard, learnt: str, peer: str, to: str, decided: str, aligned: bool, vouched: bool
):
    yard.verified(learnt)
    found = judged(yard, peer, to)
    assert (said(found), found.aligned, found.vouched) == ([decided], aligned, vouched)
    assert (found.refusal, found.disposition) == (None, "accept")  # never refused for the way alone


def test_a_changed_pool_is_no_reason_to_doubt_mail_once_a_probe_came_by_it(yard: Yard):
    yard.verified(GOOGLE)
    assert judged(yard, MICROSOFT).aligned is False
    yard.heartbeat(MICROSOFT)
    found = judged(yard, MICROSOFT)
    assert (said(found), found.aligned, found.vouched) == (["moved"], True, False)


def test_a_changed_host_stays_another_way_until_it_is_verified(yard: Yard):
    yard.verified(OWN)
    yard.heartbeat(OTHER)
    assert said(judged(yard, OTHER)) == ["unauthenticated"]
    yard.verified(OTHER)
    assert said(judged(yard, OTHER)) == said(judged(yard, OWN)) == ["vouched"]


def test_where_dns_does_not_name_the_host_mail_that_it_would_matter_for_waits(yard: Yard):
    yard.verified(GOOGLE)
    yard.silent.add(OTHER)
    assert judged(yard, OTHER).refusal == R451_DNS
    yard.peer(OTHER)
    assert yard.judged(mail(), INTAKE_ADDRESS).refusal is None


def test_a_host_learnt_while_dns_was_silent_vouches_for_nobody(yard: Yard):
    yard.silent.add(OWN)
    yard.verified(OWN)
    found = judged(yard, OWN)
    assert (said(found), found.aligned, found.vouched) == (["learnt"], True, False)


def test_a_forwarder_that_dns_did_not_name_makes_no_mail_another_way(yard: Yard):
    yard.silent.add(GOOGLE)
    yard.verified(GOOGLE)
    for peer, decided in ((GOOGLE, "learnt"), (MICROSOFT, "unknown")):
        found = judged(yard, peer)
        assert (said(found), found.aligned, found.vouched) == ([decided], True, False)
    yard.silent.clear()
    found = judged(yard, GOOGLE)
    assert (said(found), found.aligned, found.vouched) == (["learnt"], True, False)
    yard.heartbeat(GOOGLE)
    assert said(judged(yard, MICROSOFT)) == ["unauthenticated"]


def test_a_key_of_ours_that_dns_does_not_give_says_nothing_of_the_forward(yard: Yard):
    yard.verified()
    yard.missing.add("gw.example")
    assert (yard.heartbeat(), yard.way().latest.dkim) == ("", "temperror")
    yard.verified(octets=yard.send())
    assert yard.way().learnt.dkim == "temperror"
    yard.missing.clear()
    assert (yard.heartbeat(), yard.way().learnt.dkim) == ("", "pass")


def test_a_shorter_period_holds_for_what_was_planned_by_a_longer_one(yard: Yard):
    yard.verified()
    yard.clock.advance(3600)
    assert [yard.due(Terms(every=timedelta(days=7))), yard.due(Terms(every=timedelta(days=7)))] == [1, 0]
    yard.clock.advance(10)
    assert [yard.due(), yard.due()] == [1, 0]


def test_a_pool_is_known_by_its_address_while_dns_is_silent(yard: Yard):
    yard.verified(GOOGLE)
    yard.silent.add(GOOGLE)
    found = judged(yard, GOOGLE)
    assert (said(found), found.refusal, found.aligned, found.vouched) == (["learnt"], None, True, False)


def test_a_mail_for_another_address_as_well_is_vouched_for_by_nobody(yard: Yard):
    yard.verified()
    for to in ((INTAKE_ADDRESS, "sales@firm.example"), ("sales@firm.example", INTAKE_ADDRESS)):
        found = yard.judged(from_carl(), *to)
        assert (said(found), found.aligned, found.vouched) == (["vouched"], True, False)


def test_an_old_address_and_the_postmaster_are_bound_as_the_address_they_lead_to(yard: Yard):
    yard.verified()
    alias(yard, "help@old.example", KEY)
    for to in ("help@old.example", "postmaster@gw.example"):
        found = judged(yard, NOBODY, to)
        assert (to, said(found), found.aligned) == (to, ["unauthenticated"], False)
        assert found.refusal is None
    yard.put(Way("help@old.example", "help@old.example", "direct", is_verified=True))
    assert judged(yard, NOBODY, "help@old.example").aligned


def test_over_lmtp_only_the_address_of_a_probe_is_refused(yard: Yard):
    yard.verified()
    probe = yard.send(HEARTBEAT).partition(b"Message-ID: <")[2].partition(b">")[0].decode()
    yard.session = replace(yard.session, protocol="LMTP")
    found = yard.judged(from_carl(), probe, "sales@firm.example")
    assert [str(one.address) for one in found.destinations] == ["sales@firm.example"]
    assert [(one.recipient, one.response) for one in found.refused] == [(probe, R550_NO_SUCH_ADDRESS)]


def test_unauthenticated_mail_is_nobodys_proof(yard: Yard):
    yard.verified()
    yard.peer(OTHER)
    message = yard.receive(from_carl(), INTAKE_ADDRESS)
    assert (message.proof, message.case is None) == ("unproven", False)
    assert yard.sent("acknowledgement") == []
    yard.peer(OWN)
    message = yard.receive(from_carl(), INTAKE_ADDRESS)
    assert message.proof == "proven"
    assert len(yard.sent("acknowledgement")) == 1
    assert message.case.routing_address == KEY


def test_the_way_alone_is_no_reason_to_refuse(yard: Yard):
    value = forwarded_desk()
    known = replace(value.addresses[0], policy=Policy("known_contacts", "reject"))
    yard.apply(replace(value, addresses=(known,), contacts=(Contact("Carl", (parse(CARL),)),)))
    yard.verified()
    assert judged(yard, OWN).disposition == "accept"
    found = judged(yard, OTHER)
    assert (found.refusal, found.disposition) == (None, "quarantine")
    assert "does not count as proven, for the mail came another way than its address has learnt" in found.reason
    stranger = sign(mail("x@stranger.example"), "stranger.example")
    refused = yard.judged(stranger, INTAKE_ADDRESS, sender="x@stranger.example").refusal
    assert refused is not None
    assert refused.code == 550


@pytest.mark.parametrize("peer", [GOOGLE, OTHER])
def test_what_forwarding_breaks_is_kept_and_not_refused(yard: Yard, peer: str):
    """The refusal would go to whoever is named; the forwarder has taken the mail."""
    strict = replace(forwarded_desk().addresses[0], policy=Policy(no_author="reject"))
    yard.apply(replace(forwarded_desk(), addresses=(strict, *forwarded_desk().addresses[1:])))
    yard.verified(GOOGLE)
    yard.txt["_dmarc.customer.example"] = Answer(Found.YES, (b"v=DMARC1; p=reject",))
    yard.peer(peer)
    for octets in (mail(), mail("Carl and Dora")):
        found = yard.judged(octets, INTAKE_ADDRESS)
        assert (found.refusal, found.disposition) == (None, "quarantine")
    assert yard.judged(mail(), "sales@firm.example").refusal == R550_DMARC


def test_an_operators_word_is_enough_and_binds_nothing(yard: Yard):
    value = forwarded_desk()
    yard.apply(replace(value, addresses=(replace(value.addresses[0], verified=True),)))
    found = judged(yard, NOBODY, KEY)
    assert (said(found), found.aligned, found.vouched) == ([], True, False)
    assert judged(yard, NOBODY).refusal is None  # to the intake as well: nothing has been learnt


def test_a_direct_or_hosted_way_needs_no_word(yard: Yard):
    yard.put(Way("sales2@firm.example", "sales2@firm.example", "direct", is_verified=True))
    with yard.database.move(Move.ADDRESS) as unit:
        assert addresses.add(unit, RoutingAddress(parse("sales2@firm.example"), "sales"))
        assert not addresses.add(unit, RoutingAddress(parse("sales3@firm.example"), "nosuch"))
    yard.look()
    assert judged(yard, NOBODY, "sales2@firm.example").aligned


def alias(yard: Yard, old: str, new: str) -> None:
    with yard.database.move(Move.ADDRESS) as unit:
        addresses.retire(unit, old)
        ways.put_alias(unit, old, old, new, "command")
    yard.look()


def test_an_old_address_leads_on_with_its_forward_and_its_cases(yard: Yard):
    yard.verified()
    first = yard.carl(INTAKE_ADDRESS)
    with yard.database.move(Move.ADDRESS) as unit:
        desk_value = RoutingAddress(parse("help@firm.example"), "support", verified=True, acknowledge=ACKNOWLEDGE)
        addresses.add(unit, desk_value)
    alias(yard, KEY, "help@firm.example")
    message = yard.receive(from_carl(), INTAKE_ADDRESS)
    assert message.case.routing_address == "help@firm.example"
    assert len(yard.sent("acknowledgement")) == 2
    again = yard.receive(from_carl(in_reply_to=yard.sent("acknowledgement")[0].message_id.join("<>")), INTAKE_ADDRESS)
    assert again.case.number == first.case.number
    assert yard.heartbeat(OTHER).startswith("changed: it comes by other")
    assert KEY in yard.office.inside


def test_applying_keeps_what_commands_added_and_export_writes_it_down(yard: Yard):
    with yard.database.move(Move.ADDRESS) as unit:
        addresses.add(unit, RoutingAddress(parse("help@firm.example"), "support", verified=True))
        ways.put_alias(unit, "old@firm.example", "Old@firm.example", "help@firm.example", "command")
    yard.apply(forwarded_desk())
    assert yard.rcpt("old@firm.example") != R550_NO_SUCH_ADDRESS
    with yard.database.read() as unit:
        exported = desk.export(unit)
    (help_,) = [one for one in exported.addresses if one.address.local == "help"]
    assert (help_.aliases, help_.verified) == ((parse("Old@firm.example"),), True)
    with yard.database.move(Move.APPLY) as unit:
        assert desk.apply(unit, exported) == []
        assert desk.apply(unit, forwarded_desk()) == [
            "address help@firm.example: retired",
            "alias old@firm.example: removed",
        ]


def test_the_desk_file_adds_moves_and_removes_aliases(yard: Yard):
    first, *others = forwarded_desk().addresses
    named = replace(first, aliases=(parse("info@firm.example"),), verified=True)
    with yard.database.move(Move.APPLY) as unit:
        value = replace(forwarded_desk(), addresses=(named, *others))
        assert "alias info@firm.example: added" in desk.apply(unit, value)
        assert desk.apply(unit, value) == []
        moved = replace(value, addresses=(replace(named, aliases=()), replace(others[0], aliases=named.aliases)))
        assert "alias info@firm.example: changed" in desk.apply(unit, moved)
        own = RoutingAddress(parse("info@firm.example"), "support", verified=True)
        assert "alias info@firm.example: removed" in desk.apply(unit, replace(value, addresses=(first, own)))
