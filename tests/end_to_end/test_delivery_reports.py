# SPDX-License-Identifier: Apache-2.0
"""Delivery reports from client to mailbox: what agents and customers asked for, and what nobody may learn by them."""

from collections.abc import Iterator, Sequence
from types import SimpleNamespace

import pytest

from tests.end_to_end.conftest import CANARIES, LAPTOP, LOGIN, MAILBOX, Build, World
from tests.support.canaries import found_canaries
from tests.support.fake_mx import FakeMx
from tests.support.installation import Delivered
from tests.support.people import Customer, accepted_id
from tests.support.smtp_client import RawClient
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow

RET_AND_ENVID = " RET=FULL ENVID=canary-laptop+2B1"
NOTIFY_AND_ORCPT = f" NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;{MAILBOX}"


@pytest.fixture(scope="module")
def smarthost() -> Iterator[FakeMx]:
    with FakeMx() as host:
        yield host


@pytest.fixture(scope="module")
def outside(smarthost: FakeMx, build_for_module: Build) -> Iterator[World]:
    """An installation that sends through the smarthost."""
    made = build_for_module(route=f"smtp://{smarthost.address}")
    made.installation.start()
    yield made
    assert made.installation.errors() == []
    made.installation.stop()


def hand_over(session: RawClient, mail: str, recipients: Sequence[str], content: bytes) -> str:
    """A transaction with parameters; every command must be taken."""
    for line in (f"MAIL FROM:{mail}", *(f"RCPT TO:{one}" for one in recipients)):
        answer = session.command(line)
        assert answer.code == 250, (line, answer)
    assert session.command("DATA").code == 354
    return accepted_id(session.send_content(content))


def reply(world: World, copy: Delivered, words: str) -> str:
    """The agent's answer, sent by a client that asks for every report."""
    to = copy.field("Reply-To")
    with world.installation.submission(LOGIN, helo=LAPTOP) as session:
        assert "DSN" in session.ehlo(LAPTOP).text.split("\n")
        content = world.agent.compose(copy, words)
        return hand_over(session, f"<{MAILBOX}>{RET_AND_ENVID}", [f"<{to}>{NOTIFY_AND_ORCPT}"], content)


def copy_at(smarthost: FakeMx, customer: Customer) -> Delivered:
    """The agent's copy of a new case of this customer."""
    words = f"Smoke at {customer.domain}."
    customer.write("Broken tractor", words)
    found = wait_until(lambda: [one for one in smarthost.mails if words.encode() in one.content], "the copy")
    return Delivered("", found[0].reverse_path, MAILBOX, found[0].content)


def report(mail: Delivered) -> SimpleNamespace:
    """The parts of a delivery report."""
    read = mail.message
    assert (read.get_content_type(), read.get_param("report-type")) == ("multipart/report", "delivery-status")
    text, status, told = read.iter_parts()
    about, recipient = status.iter_parts()
    return SimpleNamespace(text=text.get_content(), about=about, recipient=recipient, told=told)


def kinds(world: World, case: object) -> list[str]:
    """What the outbox holds for a case."""
    return [row["kind"] for row in world.installation.json("outbox", "list") if row["case"] == case]


def test_a_host_with_dsn_gets_the_wishes_and_no_name_of_the_agents(outside: World, smarthost: FakeMx) -> None:
    smarthost.extensions = ("DSN",)
    carl = outside.customer()
    copy = copy_at(smarthost, carl)
    message_id = reply(outside, copy, f"Turn it, {carl.domain}.")
    letter = wait_until(lambda: [one for one in smarthost.mails if carl.address in one.recipients], "the letter")[0]
    said = [line for line in smarthost.commands if carl.address in line or (letter.reverse_path or "?") in line]
    name = (letter.reverse_path or "").split(".")[2]
    assert said[-2:] == [
        f"MAIL FROM:<{letter.reverse_path}> RET=FULL ENVID={name}",
        f"RCPT TO:<{carl.address}> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;{carl.address}",
    ]
    assert found_canaries("\r\n".join(said).encode(), CANARIES) == []
    assert found_canaries(letter.content, CANARIES) == []
    shown = outside.installation.message(message_id)
    to = copy.field("Reply-To")
    assert {key: shown["envelope"][key] for key in ("ret", "envid", "notify", "orcpt")} == {
        "ret": "FULL",
        "envid": "canary-laptop+2B1",
        "notify": {to: ["SUCCESS", "FAILURE"]},
        "orcpt": {to: f"rfc822;{MAILBOX}"},
    }
    wait_until(lambda: outside.installation.message(message_id)["attempts"], "the outcome")
    assert "notice" not in kinds(outside, shown["case"])  # that host reports itself


def test_a_host_without_dsn_is_reported_on_as_relayed(outside: World, smarthost: FakeMx) -> None:
    smarthost.extensions = ()
    carl = outside.customer()
    reply(outside, copy_at(smarthost, carl), f"Turn it, {carl.domain}.")
    found = wait_until(
        lambda: [one for one in smarthost.mails if b"Relayed:" in one.content and carl.address.encode() in one.content],
        "the notice",
    )
    assert [(one.reverse_path, one.recipients) for one in found] == [(None, (MAILBOX,))]
    told = report(Delivered("", None, MAILBOX, found[0].content))
    assert told.about["Original-Envelope-Id"] == "canary-laptop+1"
    assert told.recipient["Original-Recipient"] == f"rfc822; {MAILBOX}"
    assert (told.recipient["Action"], told.recipient["Status"]) == ("relayed", "2.0.0")
    assert told.recipient["Final-Recipient"] == f"rfc822; {carl.address}"
    for one in smarthost.mails:
        if carl.address in one.recipients:
            assert found_canaries(one.content, CANARIES) == []


def test_what_the_maildir_takes_is_delivered(world: World) -> None:
    carl = world.customer()
    words = f"Smoke at {carl.domain}."
    carl.write("Broken tractor", words)
    message_id = reply(world, world.agent.inbox(words), f"Turn it, {carl.domain}.")
    letter = carl.inbox(f"Turn it, {carl.domain}.")
    assert found_canaries(letter.content, CANARIES) == []
    notice = wait_until(
        lambda: [
            one
            for one in world.installation.maildir(MAILBOX)
            if one.field("Subject").startswith("Delivered:") and carl.address.encode() in one.content
        ],
        "the notice",
    )[0]
    told = report(notice)
    assert (told.recipient["Action"], told.recipient["Status"]) == ("delivered", "2.1.5")
    assert told.about["Original-Envelope-Id"] == "canary-laptop+1"
    assert world.installation.message(message_id)["envelope"]["ret"] == "FULL"


def test_a_customer_hears_of_the_arrival_and_of_nobody_inside(world: World) -> None:
    carl = world.customer()
    content = carl.compose("Broken tractor", "Smoke.")
    recipients = ["<support@firm.example> NOTIFY=SUCCESS ORCPT=rfc822;help+2Bme@firm.example"]
    with world.installation.mx() as session:
        assert "DSN" in session.ehlo("mail.customer.example").text.split("\n")
        message_id = hand_over(session, f"<{carl.address}> ENVID=QQ+2B314159", recipients, content)
        # The same mail again, as after a lost 250: one mail, one report.
        assert hand_over(session, f"<{carl.address}> ENVID=QQ+2B314159", recipients, content) == message_id
    (letter,) = wait_until(lambda: world.installation.maildir(carl.address), "the report")
    told = report(letter)
    assert letter.return_path is None
    assert told.about["Original-Envelope-Id"] == "QQ+314159"
    assert told.recipient["Original-Recipient"] == "rfc822; help+me@firm.example"
    assert told.recipient["Final-Recipient"] == "rfc822; support@firm.example"
    assert (told.recipient["Action"], told.recipient["Status"]) == ("delivered", "2.1.5")
    assert found_canaries(letter.content, CANARIES) == []
    assert kinds(world, world.installation.message(message_id)["case"]).count("confirmation") == 1


def test_a_victim_hears_nothing(world: World) -> None:
    """A signed mail handed over again under a reverse-path of the same organisation."""
    carl = world.customer()
    victim = f"victim@{carl.domain}"
    with world.installation.mx() as session:
        session.ehlo("evil.example")
        recipients = ["<support@firm.example> NOTIFY=SUCCESS"]
        message_id = hand_over(session, f"<{victim}>", recipients, carl.compose("Broken", "Smoke."))
    wait_until(lambda: world.installation.message(message_id)["state"] == "routed", "the job")
    assert "confirmation" not in kinds(world, world.installation.message(message_id)["case"])
