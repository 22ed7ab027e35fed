# SPDX-License-Identifier: Apache-2.0
"""Who joins a thread, end to end: judged, stored, routed, on both databases where the store decides."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from handlers import intake, proof, tokens
from storage import messages
from storage.content import packed
from storage.schema import message_key
from storage.states import Move
from tests.support.office import CARL, KEYS, SUPPORT, World, customer_address, field, mail, sign


def first(world: World) -> object:
    """Carl's first mail, routed."""
    found = world.carl()
    assert (found.state, found.proof, found.case.number) == ("routed", "proven", 1)
    return found


def test_a_customers_answer_joins_by_reply_address(world: World) -> None:
    opened = first(world)
    answer = world.carl(customer_address(opened.token))
    assert (answer.case.number, answer.proof) == (1, "proven")


def test_a_customers_answer_joins_by_our_message_id(world: World) -> None:
    first(world)
    ours = field(world.sent("acknowledgement")[0], "message-id")
    assert world.carl(in_reply_to=ours).case.number == 1
    assert world.carl(references=f"<x@y.example> {ours}").case.number == 1


def test_a_customers_mail_joins_by_the_id_of_their_own_earlier_mail(world: World) -> None:
    opened = first(world)
    assert world.carl(in_reply_to=f"<{opened.message_id}>").case.number == 1


@pytest.mark.parametrize("where", ["subject", "x_casegate_thread"])
def test_a_proven_participant_joins_by_the_public_thread_id(world: World, where: str) -> None:
    opened = first(world)
    assert world.carl(**{where: f"{opened.token}"}).case.number == 1


def test_without_a_pointer_a_customers_mail_is_a_new_case(world: World) -> None:
    first(world)
    assert world.carl().case.number == 2


@pytest.mark.parametrize("where", ["subject", "x_casegate_thread", "in_reply_to", "rcpt"])
def test_a_spoofed_author_makes_another_case_that_possibly_belongs(world: World, where: str) -> None:
    opened = first(world)
    pointer = {"subject": f"Re: [{opened.token}]", "x_casegate_thread": opened.token}
    pointer["in_reply_to"] = field(world.sent("acknowledgement")[0], "message-id")
    recipient = customer_address(opened.token) if where == "rcpt" else str(SUPPORT)
    spoofed = world.receive(mail(**{where: pointer[where]} if where in pointer else {}), recipient)
    assert (spoofed.case.number, spoofed.proof, spoofed.link_kind) == (2, "unproven", "possibly_belongs_to")
    assert world.case(2).links == [("possibly_belongs_to", 1)]
    assert world.case(1).links == [("possibly_belongs_to", 2)]
    assert [one.to for one in world.sent("acknowledgement")] == [[CARL]]


def test_a_signature_of_another_domain_proves_nothing(world: World) -> None:
    opened = first(world)
    spoofed = world.receive(sign(mail(), "evil.example"), customer_address(opened.token))
    assert (spoofed.case.number, spoofed.proof) == (2, "unproven")


def test_a_third_party_with_evidence_gets_a_linked_case_and_no_part_in_the_first(world: World) -> None:
    opened = first(world)
    world.carl(customer_address(opened.token), author="Mallory <mal@evil.example>")
    other = world.case(2)
    assert other.links == [("third_party", 1)]
    assert world.participants(opened.token) == {CARL}
    assert [one.to for one in world.sent("acknowledgement")] == [[CARL]]
    assert world.case(1).status == "new"


def test_an_expired_address_is_taken_as_unproven_and_still_lets_a_proven_author_in(world: World) -> None:
    opened = first(world)
    old = customer_address(opened.token, expires_at=world.now - timedelta(days=2))
    assert world.carl(old).case.number == 1
    stranger = world.carl(old, author="Mallory <mal@evil.example>")
    assert (stranger.proof, stranger.link_kind) == ("unproven", "possibly_belongs_to")


def test_an_author_whom_nobody_signed_for_never_joins_their_own_thread(world: World) -> None:
    opened = world.receive(mail())
    assert opened.proof == "unproven"
    again = world.receive(mail(in_reply_to=f"<{opened.message_id}>"))
    assert again.case.number == 2
    assert world.sent("acknowledgement") == []


def test_those_whom_a_proven_author_copies_may_join_and_agents_and_our_addresses_do_not(world: World) -> None:
    opened = world.carl(cc="Dora <dora@other.example>, ann.doe@private.example, sales@firm.example, x@gw.example")
    assert world.participants(opened.token) == {CARL, "dora@other.example"}
    assert world.carl(customer_address(opened.token), author="dora@other.example").case.number == 1


def test_those_whom_an_unproven_author_copies_belong_nowhere(world: World) -> None:
    opened = world.receive(mail(cc="mal@evil.example"))
    assert world.participants(opened.token) == {CARL}


def test_one_first_mail_by_two_ways_makes_one_case(world: World) -> None:
    octets = mail(to="support@firm.example, sales@firm.example", message_id="<same@customer.example>")
    one = world.receive(sign(octets, "customer.example"), "support@firm.example")
    two = world.receive(sign(octets, "customer.example"), "sales@firm.example")
    assert one.case.number == two.case.number == 1
    assert one.id != two.id


def test_the_same_mail_again_is_answered_with_the_first_id(world: World) -> None:
    octets = sign(mail(), "customer.example")
    assert world.accept(octets) == world.accept(octets)


def test_a_bounce_joins_at_our_bounce_address_marked_and_wakes_nothing(world: World) -> None:
    first(world)
    bounce_address = world.sent("copy")[0].reverse_path
    report = mail("Mail System <mailer-daemon@mx.private.example>", subject="Undelivered")
    bounce = world.receive(report, bounce_address, sender=None)
    assert (bounce.case.number, bounce.classification, bounce.proof) == (1, "bounce", "third_party")
    copy = world.sent("copy")[-1]
    assert copy.reverse_path == ""  # else a dead mailbox of an agent would feed its own case for ever
    assert "[unverified]" in field(copy, "subject")


def test_what_is_no_bounce_finds_no_evidence_in_a_bounce_address(world: World) -> None:
    first(world)
    bounce_address = world.sent("copy")[0].reverse_path
    stranger = world.carl(bounce_address, author="Mallory <mal@evil.example>")
    assert (stranger.case.number, stranger.proof) == (2, "unproven")


def test_a_retired_key_still_verifies(world: World) -> None:
    opened = first(world)
    retired = tokens.Keys(KEYS.host, KEYS.thread, *(tokens.Keyring("a", ring.keys) for ring in rings()))
    old = tokens.reply_address(retired, opened.token, CARL, tokens.Role.CUSTOMER, world.now + timedelta(days=1))
    assert ".a" in old
    assert world.carl(old).case.number == 1


def rings() -> tuple[tokens.Keyring, tokens.Keyring]:
    return KEYS.message_ids, KEYS.addresses


@pytest.mark.postgres
def test_on_postgresql_threads_are_decided_alike(postgres_url: str) -> None:
    world = World(postgres_url)
    try:
        opened = first(world)
        assert world.carl(customer_address(opened.token)).case.number == 1
        assert world.receive(mail(x_casegate_thread=opened.token)).case.number == 2
        assert world.carl(customer_address(opened.token), author="mal@evil.example").link_kind == "third_party"
        world.presence("ann", "away")
        assert world.carl(subject="Grüße \udcff".encode("utf-8", "replace").decode()).case.queue == "support"
    finally:
        world.close()


def test_a_mail_is_placed_once_even_if_a_neighbour_made_the_thread_meanwhile(world: World) -> None:
    octets = [
        sign(mail(message_id="<race@customer.example>", body=body), "customer.example") for body in ("once", "again")
    ]
    judged = [world.judged(one) for one in octets]
    for one, content in zip(judged, octets, strict=True):
        with world.database.move(Move.ACCEPT) as unit:
            messages.accept(unit, intake.arrival(one, world.office, packed(content)), proof.decide)
    world.route()
    assert [world.message(one.id).case.number for one in judged] == [1, 1]


def test_a_message_id_that_a_stranger_used_before_does_not_spoil_the_first_mail_of_its_owner(world: World) -> None:
    world.receive(mail("Mallory <mallory@evil.example>", message_id="<taken@customer.example>"))
    owner = world.carl(message_id="<taken@customer.example>")
    assert (owner.proof, owner.link_kind) == ("proven", None)


def test_the_ids_that_an_unproven_mail_refers_to_are_not_kept(world: World) -> None:
    """Else every such mail would leave twenty rows that nobody ever finds."""
    world.receive(mail(references=" ".join(f"<{n}@evil.example>" for n in range(20))))
    with world.database.read() as unit:
        assert unit.execute(select(func.count()).select_from(message_key)).scalar_one() == 1


def test_mail_for_the_postmaster_is_taken(world: World) -> None:
    assert world.receive(mail(), f"Postmaster@{KEYS.host}").case.number == 1
