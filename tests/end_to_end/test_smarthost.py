# SPDX-License-Identifier: Apache-2.0
"""Replies that leave through a smarthost which refuses, defers, and must never learn more than the envelope tells."""

from collections.abc import Iterator

import pytest

from tests.end_to_end.conftest import LOGIN, MAILBOX, Build, World
from tests.support.fake_mx import FakeMx, Mail
from tests.support.installation import Delivered
from tests.support.people import Customer, accepted_id
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow

BOB, EVE = "bob@far.example", "eve@secret.example"


@pytest.fixture(scope="module")
def smarthost() -> Iterator[FakeMx]:
    with FakeMx() as host:
        yield host


@pytest.fixture(scope="module")
def world(smarthost: FakeMx, build_for_module: Build) -> Iterator[World]:
    """Deferred mail is tried again within the second, and given up by a refusal alone."""
    outbound = {"retry": ["300ms", "300ms"], "give_up": "1h"}
    made = build_for_module(route=f"smtp://{smarthost.address}", config={"outbound": outbound})
    made.installation.start()
    yield made
    assert made.installation.errors() == []
    made.installation.stop()


def arrived(smarthost: FakeMx, to: str, words: str) -> Mail:
    """Wait for the one mail to a recipient whose content holds these words."""
    found = wait_until(
        lambda: [one for one in smarthost.mails if to in one.recipients and words.encode() in one.content],
        f"{words!r} for {to} at the smarthost",
    )
    assert len(found) == 1
    return found[0]


def as_delivered(mail: Mail, to: str) -> Delivered:
    return Delivered("", mail.reverse_path, to, mail.content)


def copy_of(world: World, smarthost: FakeMx, customer: Customer) -> Delivered:
    """The agent's copy of a new case of this customer."""
    words = f"Smoke at {customer.domain}."
    customer.write("Broken tractor", words)
    return as_delivered(arrived(smarthost, MAILBOX, words), MAILBOX)


def outbox_rows(world: World, recipient: str) -> list[dict[str, object]]:
    rows = world.installation.json("outbox", "list")
    return [row for row in rows if row["recipient"] == recipient]


def test_one_refused_recipient_of_three_is_told_and_blind_copies_stay_blind(world: World, smarthost: FakeMx) -> None:
    carl, ann = world.customer(), world.agent
    copy = copy_of(world, smarthost, carl)
    smarthost.script[f"RCPT {BOB}"] = "550 5.1.1 No such user"
    # A client that writes Bcc into the mail itself must not give eve away.
    draft = ann.compose(copy, f"Turn it, {carl.domain}.", Cc=f"Bob <{BOB}>", Bcc=f"Eve <{EVE}>")
    accepted_id(ann.send(draft, [copy.field("Reply-To"), BOB, EVE]))

    letter = arrived(smarthost, carl.address, f"Turn it, {carl.domain}.")
    assert BOB not in letter.recipients
    blind = arrived(smarthost, EVE, f"Turn it, {carl.domain}.")
    assert b"eve@" not in letter.content.lower()
    assert b"eve@" not in blind.content.lower()
    assert as_delivered(letter, carl.address).field("Cc") == f"Bob <{BOB}>"

    notice = as_delivered(arrived(smarthost, MAILBOX, "No such user"), MAILBOX)
    assert notice.return_path is None
    assert BOB.encode() in notice.content
    timeline = carl.case()["timeline"]
    (told,) = [event for event in timeline if event["kind"] == "not_delivered"]
    assert (told["recipient"], told["response"]) == (BOB, "550 5.1.1 No such user")
    assert [row["state"] for row in outbox_rows(world, BOB)] == ["failed"]
    wait_until(lambda: [row["state"] for row in outbox_rows(world, carl.address)] == ["delivered"], "the outcome")


def test_a_deferred_reply_leaves_once_the_smarthost_takes_it(world: World, smarthost: FakeMx) -> None:
    carl, ann = world.customer(), world.agent
    copy = copy_of(world, smarthost, carl)
    smarthost.script[f"RCPT {carl.address}"] = "451 4.2.1 Try again"
    ann.reply(copy, f"Turn it, {carl.domain}.")

    wait_until(lambda: sum(row["attempts"] for row in outbox_rows(world, carl.address)) >= 2, "a second attempt")
    (row,) = outbox_rows(world, carl.address)
    assert (row["state"], row["response"]) == ("deferred", "451 4.2.1 Try again")
    del smarthost.script[f"RCPT {carl.address}"]
    arrived(smarthost, carl.address, f"Turn it, {carl.domain}.")
    wait_until(lambda: outbox_rows(world, carl.address)[0]["state"] == "delivered", "the outcome")
    assert [event for event in carl.case()["timeline"] if event["kind"] == "not_delivered"] == []


def test_a_lost_250_makes_a_duplicate_that_is_counted(world: World, smarthost: FakeMx) -> None:
    carl, ann = world.customer(), world.agent
    copy = copy_of(world, smarthost, carl)
    wait_until(lambda: {row["state"] for row in outbox_rows(world, MAILBOX)} == {"delivered"}, "an empty outbox")
    smarthost.lose_250()
    message_id = ann.reply(copy, f"Turn it, {carl.domain}.")

    wait_until(lambda: outbox_rows(world, carl.address)[0]["state"] == "delivered", "the second attempt")
    found = [one for one in smarthost.mails if carl.address in one.recipients]
    assert [one.answered for one in found] == [False, True]
    assert len({one.content for one in found}) == 1  # the same mail, byte for byte, so that the far end can tell
    attempts = world.installation.message(message_id)["attempts"]
    assert [one["outcome"] for one in attempts] == ["deferred", "delivered"]


def test_an_agent_with_two_open_cases_keeps_them_apart(world: World, smarthost: FakeMx) -> None:
    first, second, ann = world.customer(), world.customer(), world.agent
    copies = [copy_of(world, smarthost, one) for one in (first, second)]
    answer = ann.send(ann.compose(copies[0], "To both."), [one.field("Reply-To") for one in copies])
    assert (answer.code, answer.text.split(",")[0]) == (554, "5.7.1 This mail answers more than one case")
    assert {first.case()["owner"], second.case()["owner"]} == {LOGIN}
