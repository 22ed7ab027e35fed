# SPDX-License-Identifier: Apache-2.0
"""The trace on a whole installation: mail of each sort is explained, and judged again by what was looked up then."""

import re

import pytest
from click.testing import CliRunner

from gateway.cli import cli
from tests.end_to_end.conftest import DESK_OF_TESTS, Build, World
from tests.support.people import Customer, accepted_id
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def world(build_for_module: Build) -> World:
    """An installation with mail of each sort in it."""
    made = build_for_module()
    made.installation.start()
    return made


def page(world: World, message_id: str) -> str:
    """What `message explain` says, on one line."""
    return " ".join(world.installation.call("message", "explain", message_id).split())


def complaint(world: World, *words: str, having: str) -> str:
    """What a call that names something unknown says, once it has this word."""
    done = CliRunner().invoke(cli, ["-c", str(world.installation.file), *words])
    assert done.exit_code == 1
    return done.stderr if having in done.stderr else ""


def with_policies(world: World, customer: Customer) -> Customer:
    """Their domain publishes SPF and DMARC, both strict."""
    world.zone.set(customer.domain, "TXT", ["v=spf1 ip4:127.0.0.1 -all"])
    world.zone.set(f"_dmarc.{customer.domain}", "TXT", ["v=DMARC1; p=reject"])
    return customer


def test_a_conversation_is_explained_and_judged_again(world: World) -> None:
    carl = with_policies(world, world.customer())
    first = carl.write("Broken tractor", "The first words.", to="hello@firm.example")
    reply = world.agent.reply(world.agent.inbox("The first words."), "Have you tried the other key?")
    second = carl.answer(carl.inbox("the other key"), "It was the other key.")
    world.agent.inbox("It was the other key.")

    said = page(world, first)
    assert f"dkim of {carl.domain}" in said
    assert f"SPF pass for {carl.domain}" in said
    assert f"DMARC pass for {carl.domain}, p=reject" in said
    assert f'TXT _dmarc.{carl.domain}: "v=DMARC1; p=reject"' in said
    assert "acknowledged" in said
    wait_until(lambda: "canary-mailbox@canary-private.example: delivered" in page(world, first), "the delivery, told")
    assert f"reply to {carl.address}: delivered" in page(world, reply)
    assert "by something only we can have made; the author takes part there" in page(world, second)

    # Nothing is asked again: the domain could have vanished.
    world.zone.remove(carl.domain)
    world.zone.remove(f"_dmarc.{carl.domain}")
    world.zone.remove(carl.signer.key_name)
    for one in (first, second):
        document = world.installation.json("message", "replay", one)
        assert (document["judged"], document["messages"]) == (1, [])


def test_a_large_mail_is_judged_again_from_its_pieces(world: World) -> None:
    carl = with_policies(world, world.customer())
    message_id = carl.write("Large tractor", "All of it. " * 30 + "\n" + "a line of it\n" * 100_000)
    document = world.installation.json("message", "replay", message_id)
    assert (document["judged"], document["messages"]) == (1, [])


def test_a_refused_mail_leads_to_its_session(world: World) -> None:
    eve = world.customer("eve@evil.example", "Eve")
    answer = eve.send(eve.compose("Let me in"), "vip@firm.example")
    assert answer.code == 550
    (refused,) = re.findall(r"[a-z2-7]{20}-\d+", answer.text)
    words = wait_until(
        lambda: complaint(world, "message", "explain", refused, having="was refused and is not stored"),
        "the session's record",
    )
    assert answer.text.split()[0] in words
    assert f"casegate session show {refused.partition('-')[0]}" in words


def test_another_desk_is_tried_on_all_mail_of_the_day(world: World) -> None:
    vera = with_policies(world, Customer(world.installation, world.zone, "vera@known.example", "Vera Known"))
    known = accepted_id(vera.send(vera.compose("Known tractor"), "hello@firm.example"))
    strangers = with_policies(world, world.customer())
    stranger = strangers.write("Strange tractor", to="hello@firm.example")
    held = strangers.write("Held tractor", to="quarantine@firm.example")
    for each in (known, stranger, held):
        assert world.installation.json("message", "replay", each)["messages"] == []

    stricter = [{**one, "accept_from": "known_contacts"} for one in DESK_OF_TESTS["address"]]
    path = world.installation.directory / "stricter.toml"
    kept = (world.installation.directory / "desk.toml").read_text()
    written = world.installation.apply_file({**DESK_OF_TESTS, "address": stricter})
    path.write_text(written.read_text())
    written.write_text(kept)
    document = world.installation.json("message", "replay", "--since", "1h", "--desk", str(path))
    otherwise = {item["id"]: item["differences"] for item in document["messages"]}
    assert {known, held}.isdisjoint(otherwise)
    assert [(one["what"], one["before"], one["after"]) for one in otherwise[stranger]] == [
        ("disposition", "accept", "reject"),
        ("for hello@firm.example", "accept", "reject"),
    ]
    assert all(one["because_after"] for one in otherwise[stranger])
