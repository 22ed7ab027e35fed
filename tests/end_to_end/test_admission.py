# SPDX-License-Identifier: Apache-2.0
"""What the MX answers in the session: DNS that fails, a repeated delivery, addresses for known contacts only."""

import pytest
from sqlalchemy import select

from storage.schema import message
from tests.end_to_end.conftest import Build, World
from tests.support.dkim import key_record
from tests.support.people import Customer, accepted_id, mail
from tests.support.smtp_client import stuffed
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow

NOT_ALLOWED = "550 5.7.1 This address takes no mail from you"  # and what to do, and the id in the log


def said(answer):
    return f"{answer.code} {answer.text}".split(",")[0]


def put_off(carl: Customer, content: bytes) -> None:
    answer = carl.send(content)
    assert (answer.code, answer.text.split()[0]) == (451, "4.4.3")


def test_a_key_of_which_dns_is_silent_is_asked_for_again(build: Build) -> None:
    world = build(config={"authentication": {"timeout": "1s"}})
    world.installation.start("mx")
    carl = world.customer()
    world.zone.set(carl.signer.key_name, "TXT", {"rcode": "TIMEOUT"})
    put_off(carl, carl.compose("Broken tractor", "Patience."))


def test_a_key_that_dns_cannot_give_now_is_asked_for_again(world: World) -> None:
    carl = world.customer()
    content = carl.compose("Broken tractor", f"Patience, {carl.domain}.")
    world.zone.set(carl.signer.key_name, "TXT", {"rcode": "SERVFAIL"})
    put_off(carl, content)
    assert [one for one in world.installation.cases() if one["contact"] == carl.address] == []

    world.zone.set(carl.signer.key_name, "TXT", [key_record()])
    message_id = accepted_id(carl.send(content))
    world.agent.inbox(f"Patience, {carl.domain}.")
    assert carl.case()["messages"] == [message_id]
    shown = world.installation.message(message_id)
    assert shown["proof"] == "proven"
    assert [one["result"] for one in shown["authentication"]["dkim"]] == ["pass"]


def test_a_mail_sent_again_after_a_lost_250_is_there_once(world: World) -> None:
    carl = world.customer()
    content = carl.compose("Broken tractor", f"Only once, {carl.domain}.")
    with world.installation.mx() as session:
        for line in (f"MAIL FROM:<{carl.address}>", "RCPT TO:<support@firm.example>", "DATA"):
            assert session.command(line).code < 400
        session.send(stuffed(content))  # and hang up without reading the response
    first = wait_until(lambda: ids_of(world, carl), "the mail whose 250 was lost")

    again = accepted_id(carl.send(content))
    assert [again] == first
    world.agent.inbox(f"Only once, {carl.domain}.")
    assert carl.case()["messages"] == first
    assert ids_of(world, carl) == first


def test_two_deliveries_of_one_mail_at_the_same_time_are_one(world: World) -> None:
    carl = world.customer()
    content = carl.compose("Broken tractor", f"At once, {carl.domain}.")
    sessions = [world.installation.mx() for _ in range(4)]
    for session in sessions:
        for line in (f"MAIL FROM:<{carl.address}>", "RCPT TO:<support@firm.example>", "DATA"):
            assert session.command(line).code < 400
    for session in sessions:
        session.send(stuffed(content))
    ids = {accepted_id(session.read()) for session in sessions}
    for session in sessions:
        session.close()

    assert len(ids) == 1
    world.agent.inbox(f"At once, {carl.domain}.")
    assert carl.case()["messages"] == [*ids]


def test_a_stranger_is_refused_in_the_session(world: World) -> None:
    stranger = world.customer()
    assert said(stranger.send(stranger.compose("Hello", to="vip@firm.example"), "vip@firm.example")) == NOT_ALLOWED
    assert ids_of(world, stranger) == []


def test_a_known_contact_is_known_by_the_signature_alone(world: World) -> None:
    vera = world.customer("vera@known.example", "Vera Known")
    # From says vera, and nobody vouches for it.
    spoof = mail(vera.author, "vip@firm.example", "Hello", "It is me.")
    assert said(vera.send(spoof, "vip@firm.example")) == NOT_ALLOWED
    # Another domain vouches, which is not hers.
    assert said(vera.send(world.customer().signer.sign(spoof), "vip@firm.example")) == NOT_ALLOWED

    words = f"It is truly me, {len(world.installation.cases())}."
    vera.write("Hello", words, "vip@firm.example")
    world.agent.inbox(words)


# What becomes of a stranger's mail where the address does not refuse it: neither makes a case or a copy.
@pytest.mark.parametrize(("disposition", "state"), [("quarantine", "quarantined"), ("discard", "discarded")])
def test_a_strangers_mail_is_kept_apart(world: World, disposition: str, state: str) -> None:
    stranger, to = world.customer(), f"{disposition}@firm.example"
    shown = world.installation.message(stranger.write("Hello", to=to))
    assert (shown["disposition"], shown["state"]) == (disposition, state)
    assert shown["case"] is None


def test_one_recipient_who_accepts_speaks_for_all(world: World) -> None:
    stranger = world.customer()
    recipients = ["vip@firm.example", "support@firm.example"]
    content = stranger.compose("Hello", f"To both, {stranger.domain}.")
    with world.installation.mx() as session:
        message_id = accepted_id(session.send_mail(stranger.address, recipients, content))

    world.agent.inbox(f"To both, {stranger.domain}.")
    shown = world.installation.message(message_id)
    assert shown["dispositions"] == {"vip@firm.example": "quarantine", "support@firm.example": "accept"}


def test_the_mx_relays_nothing(world: World) -> None:
    carl = world.customer()
    answer = carl.send(carl.compose("Hello", to="someone@far.example"), "someone@far.example")
    assert (answer.code, answer.text.split()[0]) == (550, "5.1.1")


def ids_of(world: World, author: Customer) -> list[str]:
    """The messages of one author that are in the store."""
    with world.installation.read() as unit:
        found = unit.execute(select(message.c.id).where(message.c.author_address == author.address))
        return [row.id for row in found]
