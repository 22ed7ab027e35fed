# SPDX-License-Identifier: Apache-2.0
"""A release is an arrival put off: the same thread, the same proof, the same silence towards machines and strangers."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from handlers import intake, releasing
from handlers.results import Authentication, DkimResult, DmarcResult, SpfResult
from handlers.tokens import message_id as made_id
from handlers.tokens import new_thread_id
from storage import listing, quarantine
from storage.envelope import Wish
from tests.support.office import ACKNOWLEDGE, CARL, DESK, KEYS, World, customer_address, field, mail, sign

HELD, OPEN = "held@firm.example", "support@firm.example"
EVE = "eve@evil.example"


@pytest.fixture
def world(world: World) -> World:
    """The office of the other tests, whose held@ acknowledges."""
    answering = (replace(one, acknowledge=ACKNOWLEDGE) if str(one.address) == HELD else one for one in DESK.addresses)
    world.apply(replace(DESK, addresses=tuple(answering)))
    return world


def from_carl(**fields: str) -> bytes:
    return sign(mail(f"Carl <{CARL}>", **fields), "customer.example")


def release(world: World, message_id: str) -> str:
    """What `casegate quarantine release` does; the id of the message that goes on."""
    world.clock.advance(3600)
    return world.release(message_id)


def row_of(world: World, message_id: str):
    with world.database.read() as unit:
        return listing.message_by_id(unit, message_id)


def test_a_proven_author_is_acknowledged_and_their_copy_is_verified(world: World) -> None:
    message_id = world.accept(from_carl(), HELD)
    assert release(world, message_id) == message_id
    found = world.message(message_id)
    assert (found.state, found.proof, found.case.routing_address) == ("routed", "proven", HELD)
    (copy,), (answer,) = world.sent("copy"), world.sent("acknowledgement")
    assert "[unverified]" not in field(copy, "subject")
    assert answer.to == [CARL]
    assert world.participants(found.token) == {CARL}


def test_what_the_text_points_to_is_found_again(world: World) -> None:
    first = world.carl()
    message_id = world.accept(from_carl(body=f"> Case 1, thread {first.token}"), HELD)
    release(world, message_id)
    assert world.message(message_id).case.number == 1


def test_an_operators_word_proves_nobody(world: World) -> None:
    message_id = world.accept(mail(f"Eve <{EVE}>"), HELD, sender=EVE)
    release(world, message_id)
    found = world.message(message_id)
    assert (found.state, found.proof) == ("routed", "unproven")
    assert "[unverified]" in field(world.sent("copy")[0], "subject")
    assert world.sent("acknowledgement") == []


def test_what_made_the_author_proven_at_arrival_holds_though_the_key_is_gone(world: World) -> None:
    message_id = world.accept(from_carl(), HELD)
    world.missing = {"customer.example"}
    release(world, message_id)
    assert world.message(message_id).proof == "proven"


def test_a_mail_that_answers_a_case_joins_it(world: World) -> None:
    first = world.carl()
    message_id = world.accept(from_carl(in_reply_to=f"<{first.message_id}>"), HELD)
    release(world, message_id)
    found = world.message(message_id)
    assert (found.case.number, found.token, found.proof) == (1, first.token, "proven")
    assert f"X-Casegate-Thread: {first.token}".encode() in found.stamped


def test_a_strangers_pointer_joins_nothing(world: World) -> None:
    first = world.carl()
    message_id = world.accept(mail(f"Eve <{EVE}>", subject=f"Re: [{first.token}]"), HELD, sender=EVE)
    release(world, message_id)
    assert world.message(message_id).case.number == 2
    assert world.case(2).links == [("possibly_belongs_to", 1)]


def test_a_mail_released_after_its_own_answer_joins_it(world: World) -> None:
    message_id = world.accept(from_carl(message_id="<begin@customer.example>"), HELD)
    later = world.receive(from_carl(in_reply_to="<begin@customer.example>"), OPEN)
    release(world, message_id)
    assert world.message(message_id).token == later.token


def test_a_reply_address_that_expired_while_the_mail_was_held_still_counts(world: World) -> None:
    begun = world.accept(from_carl(), HELD)
    release(world, begun)
    until = world.now + timedelta(days=1)
    theirs = customer_address(world.message(begun).token, CARL, until)
    dora = sign(mail("Dora <dora@other.example>"), "other.example")
    message_id = world.accept(dora, theirs, sender="dora@other.example")
    assert row_of(world, message_id).state == "quarantined"
    world.clock.advance(3 * 86400)
    release(world, message_id)
    assert world.message(message_id).proof == "third_party"


def test_a_released_loop_is_copied_once_and_answered_by_no_machine(world: World) -> None:
    mark = made_id(KEYS, new_thread_id(KEYS), "a" * 20)
    world.wish = Wish(("SUCCESS",))
    message_id = world.accept(from_carl(x_casegate_loop=f"<{mark}>"), HELD)
    assert row_of(world, message_id).classification == "loop"
    release(world, message_id)
    found = world.message(message_id)
    assert (found.state, found.classification) == ("routed", "loop")
    (copy,) = world.sent()
    assert (copy.kind, copy.reverse_path) == ("copy", "")
    # What the agent's mailbox sends back is a mail of ours, and held again.
    world.wish = Wish()
    again = world.receive(copy.octets, HELD, sender=None)
    assert (again.state, again.classification) == ("quarantined", "loop")


def test_in_annotate_mode_nothing_is_held(world: World) -> None:
    world.annotate = True
    office, world.office = world.office, replace(world.office, annotate=True)
    message_id = world.accept(mail(f"Eve <{EVE}>"), HELD, OPEN, sender=EVE)
    world.office = office
    assert row_of(world, message_id).held_at is None


@pytest.mark.parametrize("octets", [from_carl(subject="proven"), mail(f"Carl <{CARL}>", subject="unproven")])
def test_a_share_is_confirmed_for_its_own_addresses(world: World, octets: bytes) -> None:
    world.wish = Wish(("SUCCESS",))
    message_id = world.accept(octets, OPEN, HELD)
    world.route()
    before = len(world.sent("confirmation"))
    new_id = release(world, message_id)
    proven = world.message(new_id).proof == "proven"
    assert world.message(new_id).case.number == (1 if proven else 2)
    confirmations = world.sent("confirmation")[before:]
    assert [f"; {HELD}".encode() in one.octets and f"; {OPEN}".encode() not in one.octets for one in confirmations] == [
        True
    ] * proven


def test_why_tells_the_reason_of_the_share(world: World) -> None:
    message_id = world.accept(mail(f"Eve <{EVE}>"), OPEN, HELD, sender=EVE)
    with world.database.read() as unit:
        assert releasing.why(quarantine.by_id(unit, message_id))


def test_results_are_read_back_as_they_were_written() -> None:
    found = Authentication(
        spf=SpfResult("pass", "customer.example"),
        dkim=(DkimResult("pass", "customer.example", signed=("from", "to")), DkimResult("permerror", reason="no key")),
        dmarc=DmarcResult("pass", "customer.example", aligned=("dkim:customer.example",)),
    )
    stored = json.loads(intake.authentication_json(found, aligned=found.aligned))
    assert releasing.authentication(stored) == found
    # Of another version: what it did not know has its default, what we do not know is left out.
    del stored["iprev"], stored["dkim"][0]["signed"]
    assert releasing.authentication(stored | {"later": {"result": "x"}}).spf == found.spf


def test_a_mail_whose_address_is_gone_is_released_all_the_same(world: World) -> None:
    message_id = world.accept(from_carl(), HELD)
    world.apply(replace(DESK, addresses=tuple(one for one in DESK.addresses if str(one.address) != HELD)))
    release(world, message_id)
    assert world.message(message_id).state == "routed"


def test_over_lmtp_only_those_who_hold_it_are_released_not_those_who_refused(world: World) -> None:
    world.session = replace(world.session, protocol="LMTP", peer="local")
    message_id = world.accept(from_carl(), "vip@firm.example", HELD, OPEN)
    with world.database.read() as unit:
        assert quarantine.holders(quarantine.by_id(unit, message_id)) == [HELD]
    made = world.message(release(world, message_id))
    assert [one["address"] for one in json.loads(made.recipients)] == [HELD]


def test_each_holder_has_its_reason(world: World) -> None:
    message_id = world.accept(mail(f"Eve <{EVE}>"), "vip@firm.example", HELD, OPEN, sender=EVE)
    with world.database.read() as unit:
        told = releasing.why(quarantine.by_id(unit, message_id))
    assert "vip@firm.example: " in told
    assert f"{HELD}: " in told
    assert OPEN not in told
