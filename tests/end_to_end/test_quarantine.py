# SPDX-License-Identifier: Apache-2.0
"""Held mail and an operator's word on it, by the real program: what customers hear, and what the agent gets."""

import pytest

from tests.end_to_end.conftest import World
from tests.support.people import Customer, accepted_id, mail
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow

HELD, OPEN = "quarantine@firm.example", "support@firm.example"


def held_by(world: World, author: Customer) -> list[str]:
    """The ids in quarantine that name this author."""
    return [one["id"] for one in world.installation.json("quarantine", "list", "--from", author.address)]


def test_a_released_mail_reaches_the_agent_and_its_answer_the_customer(world: World) -> None:
    stranger = world.customer()
    words = f"Let me in, {stranger.domain}."
    message_id = stranger.write("Hello", words, HELD)
    assert held_by(world, stranger) == [message_id]
    shown = world.installation.json("quarantine", "show", message_id)
    assert (shown["recipients"], shown["verified"]) == ([HELD], True)
    assert "known" in shown["reason"]

    world.installation.call("quarantine", "release", message_id)
    copy = world.agent.inbox(words)
    assert held_by(world, stranger) == []
    assert stranger.case()["messages"] == [message_id]
    world.agent.reply(copy, f"You are in, {stranger.domain}.")
    answer = stranger.inbox(f"You are in, {stranger.domain}.")
    # Whom an agent has answered is a known contact: held no more.
    later = stranger.answer(answer, f"Thank you, {stranger.domain}.")
    world.agent.inbox(f"Thank you, {stranger.domain}.")
    assert stranger.case()["messages"][-1] == later


def test_an_unverified_mail_stays_unverified(world: World) -> None:
    stranger = world.customer()
    words = f"Believe me, {stranger.domain}."
    message_id = accepted_id(stranger.send(mail(stranger.author, HELD, "Hello", words), HELD))
    assert "UNVERIFIED" in world.installation.call("quarantine", "show", message_id)
    world.installation.call("quarantine", "release", message_id)
    assert world.agent.inbox(words).field("Subject").startswith("[unverified]")
    assert world.installation.maildir(stranger.address) == []


def test_the_share_of_one_address_is_let_in(world: World) -> None:
    stranger = world.customer()
    words = f"To both of you, {stranger.domain}."
    content = mail(stranger.author, f"{OPEN}, {HELD}", "Hello", words)
    with world.installation.mx() as session:
        message_id = accepted_id(session.send_mail(stranger.address, [OPEN, HELD], content))
    world.agent.inbox(words)
    (shown,) = world.installation.json("quarantine", "list", "--from", stranger.address)
    assert (shown["recipients"], shown["accepted_for"]) == ([HELD], [OPEN])

    world.installation.call("quarantine", "release", message_id)
    copies = wait_until(
        lambda: [one for one in world.installation.maildir(world.agent.address) if words.encode() in one.content][1:],
        "the second copy",
    )
    assert len(copies) == 1
    cases = [one for one in world.installation.cases() if one["contact"] == stranger.address]
    assert [one["routing_address"] for one in cases] == [OPEN, HELD]
    assert cases[1]["links"] == [{"kind": "possibly_belongs_to", "number": cases[0]["number"]}]


def test_whom_an_operator_blocks_is_refused_while_the_program_runs(world: World) -> None:
    stranger = world.customer()
    message_id = stranger.write("Hello", to=HELD)
    assert f"{stranger.address} is blocked" in world.installation.call("quarantine", "block", message_id)
    assert world.installation.message(message_id)["state"] == "dropped"

    def refused() -> bool:
        return stranger.send(stranger.compose("Hello again", to=OPEN)).code == 550

    wait_until(refused, "the block to be in force")
    assert held_by(world, stranger) == []
