# SPDX-License-Identifier: Apache-2.0
"""A customer's NOTIFY=SUCCESS: honoured towards the proven author alone, once a message, twenty a day."""

from dataclasses import replace
from email import message_from_bytes, policy

import pytest

from storage import messages
from storage.case_values import CaseSettings, Handling, Sections
from storage.envelope import Wish
from storage.states import MessageState, Move
from tests.support.office import ANN, CARL, DESK, World, customer_address, field, mail, sign, verifies

SUCCESS = Wish(("SUCCESS",), "rfc822;help+2Bme@firm.example")


@pytest.fixture
def asking(world: World) -> World:
    """Whoever writes asks for a report."""
    world.wish, world.envid = SUCCESS, "QQ+2B314159"
    return world


def parts_of(octets: bytes):
    """The text, the fields of the message, those of each recipient, and the part told again."""
    text, status, told = message_from_bytes(octets, policy=policy.SMTP).iter_parts()
    about, *recipients = status.iter_parts()
    return text.get_content(), about, recipients, told


def test_a_proven_author_hears_that_their_mail_arrived(asking: World) -> None:
    found = asking.carl(body="canary-body")
    (sent,) = asking.sent("confirmation")
    assert (sent.reverse_path, sent.to) == ("", [CARL])
    assert field(sent, "from") == "Firm Support <support@firm.example>"
    assert field(sent, "auto-submitted") == "auto-replied"
    assert verifies(sent.octets, asking.signer) == [True, True]
    text, about, (recipient,), told = parts_of(sent.octets)
    assert "support@firm.example" in text
    assert dict(about) == {
        "Original-Envelope-Id": "QQ+314159",
        "Reporting-MTA": "dns; gw.example",
        "Arrival-Date": about["Arrival-Date"],
    }
    assert dict(recipient) == {
        "Original-Recipient": "rfc822; help+me@firm.example",
        "Final-Recipient": "rfc822; support@firm.example",
        "Action": "delivered",
        "Status": "2.1.5",
        "Last-Attempt-Date": recipient["Last-Attempt-Date"],
    }
    assert told.get_payload().strip() == f"Message-ID: <{found.message_id}>"
    assert ("casegate", "confirmed", {"message": found.id, "to": CARL}) in asking.case(1).events


def test_it_names_no_agent_and_repeats_nothing_of_the_mail(asking: World) -> None:
    asking.carl(subject="canary-subject", body="canary-body")
    (sent,) = asking.sent("confirmation")
    octets = sent.octets.lower()
    for private in (str(ANN).encode(), b"ann", b"private.example", b"canary"):
        assert private not in octets


def test_each_recipient_that_was_asked_for_is_told_and_no_other(asking: World) -> None:
    asking.carl("support@firm.example", "held@firm.example", "sales@firm.example")
    (sent,) = asking.sent("confirmation")
    _, _, recipients, _ = parts_of(sent.octets)
    assert [one["Final-Recipient"] for one in recipients] == [
        "rfc822; support@firm.example",
        "rfc822; sales@firm.example",  # held@ quarantined its mail: nothing was delivered there
    ]


def test_every_mail_of_a_case_has_its_own(asking: World) -> None:
    first = asking.carl()
    asking.carl(customer_address(first.token))
    assert len(asking.sent("confirmation")) == 2
    assert asking.case(1).number == 1


def test_working_a_message_twice_confirms_once(asking: World) -> None:
    found = asking.carl()
    assert found.row.state == MessageState.ROUTED.value
    with asking.database.move(Move.ROUTE) as unit:  # as a worker whose lease ran out meanwhile would go on
        assert messages.lock(unit, found.id, found.row.attempts) is None
    assert asking.work_one(found.id) is False
    assert len(asking.sent("confirmation")) == 1


def test_twenty_a_day_for_an_author(asking: World) -> None:
    for _ in range(22):
        asking.carl()
    assert len(asking.sent("confirmation")) == 20
    asking.carl(author="Dora <dora@other.example>")
    assert len(asking.sent("confirmation")) == 21
    asking.clock.advance(86_400)
    asking.carl()
    assert len(asking.sent("confirmation")) == 22


@pytest.mark.parametrize(
    ("octets", "sender"),
    [
        # Nobody signed, or somebody else: the reverse-path is whoever the sender likes.
        (mail(), CARL),
        (sign(mail(), "evil.example"), CARL),
        # A signed mail sent again by others, with a victim as its reverse-path: of the same organisation, of another.
        (sign(mail(), "customer.example"), "victim@customer.example"),
        (sign(mail(), "customer.example"), "victim@other.example"),
        # RFC 5321 §4.5.5: the null reverse-path is never answered.
        (sign(mail(), "customer.example"), None),
        # Our own people and addresses.
        (sign(mail("support@firm.example"), "firm.example"), "support@firm.example"),
        (sign(mail(f"Ann <{ANN}>"), "private.example"), str(ANN)),
    ],
)
def test_who_is_not_confirmed(asking: World, octets: bytes, sender: str | None) -> None:
    assert asking.receive(octets, sender=sender).case.number == 1
    assert asking.sent("confirmation") == []


@pytest.mark.parametrize(("joins", "case", "proof"), [("open", 1, "third_party"), ("standard", 2, "third_party")])
def test_a_third_party_hears_nothing_of_a_case_that_is_not_theirs(
    asking: World, joins: str, case: int, proof: str
) -> None:
    asking.apply(replace(DESK, sections=Sections(cases=CaseSettings(handling=Handling(threads=joins)))))
    first = asking.carl()
    octets = sign(mail("mal@evil.example"), "evil.example")
    found = asking.receive(octets, customer_address(first.token), sender="mal@evil.example")
    assert (found.case.number, found.proof) == (case, proof)
    tagged = sign(mail("eve@evil.example", x_casegate_thread=first.token), "evil.example")
    assert asking.receive(tagged, sender="eve@evil.example").proof == "unproven"
    assert [one.to for one in asking.sent("confirmation")] == [[CARL]]


@pytest.mark.parametrize("notify", [(), ("NEVER",), ("FAILURE",), ("FAILURE", "DELAY")])
def test_who_did_not_ask_hears_nothing(world: World, notify: tuple[str, ...]) -> None:
    world.wish = Wish(notify)
    world.carl()
    assert world.sent("confirmation") == []


def test_held_mail_is_not_confirmed(asking: World) -> None:
    octets = sign(mail(), "customer.example")
    asking.accept(octets, "held@firm.example")
    asking.route()
    assert asking.sent("confirmation") == []
