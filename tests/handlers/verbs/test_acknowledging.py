# SPDX-License-Identifier: Apache-2.0
"""The acknowledgement: to a proven author, once a case, five a day, and not a word of theirs in it."""

from dataclasses import replace

import pytest

from handlers.headers import decode_text
from storage.desk_values import Policy
from tests.support.office import ACKNOWLEDGE, CARL, DESK, World, customer_address, field, mail, sign, verifies


def test_a_proven_author_is_acknowledged_with_the_null_reverse_path(world: World) -> None:
    found = world.carl()
    (sent,) = world.sent("acknowledgement")
    assert (sent.reverse_path, sent.to) == ("", [CARL])
    assert field(sent, "auto-submitted") == "auto-replied"
    assert field(sent, "from") == "Firm Support <support@firm.example>"
    assert field(sent, "in-reply-to") == f"<{found.message_id}>"
    assert field(sent, "x-casegate-thread") == found.token
    assert ACKNOWLEDGE.encode() in sent.octets
    assert verifies(sent.octets, world.signer) == [True, True]
    # Its Reply-To is an address by which the answer joins.
    assert world.carl(field(sent, "reply-to").strip("<>")).case.number == 1


def test_it_repeats_nothing_of_subject_and_body(world: World) -> None:
    world.carl(subject="Buy canary-pills now", body="see canary-link.example")
    (sent,) = world.sent("acknowledgement")
    assert b"canary" not in sent.octets
    assert "canary" not in decode_text(sent.head.first(b"subject"))


def test_once_a_case(world: World) -> None:
    first = world.carl()
    world.carl(customer_address(first.token))
    assert len(world.sent("acknowledgement")) == 1


def test_five_a_day_for_an_author(world: World) -> None:
    for _ in range(7):
        world.carl()
    assert len(world.sent("acknowledgement")) == 5
    world.carl(author="Dora <dora@other.example>")
    assert len(world.sent("acknowledgement")) == 6
    world.clock.advance(86_400)
    world.carl()
    assert len(world.sent("acknowledgement")) == 7


@pytest.mark.parametrize(
    ("octets", "sender"),
    [
        # Nobody signed, or somebody else: whoever writes in a victim's name must not make us write to the victim.
        (mail(), CARL),
        (sign(mail(), "evil.example"), CARL),
        # The null reverse-path; a machine; one of our own addresses.
        (sign(mail(), "customer.example"), None),
        (sign(mail(auto_submitted="auto-generated"), "customer.example"), CARL),
        (sign(mail("support@firm.example"), "firm.example"), "support@firm.example"),
        (sign(mail("Ann <ann.doe@private.example>"), "private.example"), "ann.doe@private.example"),
    ],
)
def test_who_is_not_acknowledged(world: World, octets: bytes, sender: str | None) -> None:
    assert world.receive(octets, sender=sender).case.number == 1
    assert world.sent("acknowledgement") == []


def test_a_mail_of_two_authors_is_acknowledged_to_neither_where_it_is_taken(world: World) -> None:
    world.apply(replace(DESK, policy=Policy(no_author="accept")))
    two = sign(mail("a@customer.example, b@customer.example"), "customer.example")
    assert world.receive(two).case.number == 1
    assert world.sent("acknowledgement") == []


def test_an_address_without_a_text_acknowledges_nothing(world: World) -> None:
    world.apply(replace(DESK, addresses=(replace(DESK.addresses[0], acknowledge=""),)))
    world.carl()
    assert world.sent("acknowledgement") == []


def test_the_timeline_says_why_there_is_none(world: World) -> None:
    def because(number: int) -> list[str]:
        return [told["because"] for _, kind, told in world.case(number).events if kind == "not_acknowledged"]

    world.receive(mail())
    world.carl(auto_submitted="auto-generated")
    world.carl(x_auto_response_suppress="All")
    assert because(1) == ["nothing proves who the author is"]
    assert because(2) == ["no person wrote it"]
    assert because(3) == ["it asks for silence, or nobody reads what is sent to its author"]
    for _ in range(6):
        world.carl()
    assert because(8) == []
    assert because(9) == ["the author has had 5 within a day"]
    # An address that wants none has nothing to explain.
    other = world.carl("sales@firm.example")
    assert because(other.case.number) == []
