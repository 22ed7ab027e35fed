# SPDX-License-Identifier: Apache-2.0
"""Judging again under the same configuration shows no difference, after a rate too, whatever has become of the mail."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.rates import SharedRates
from gateway.replaying import StoreThreads
from handlers.replaying import Place, replay
from storage import content, listing
from storage.address import parse
from storage.desk_values import Policy, RoutingAddress
from tests.handlers.verbs.test_confirmations import AUTHORS, GOOGLE, sample
from tests.handlers.verbs.test_releasing import release
from tests.support.forwarding import INTAKE_ADDRESS, Yard
from tests.support.office import DESK, SUPPORT, Lookups, World, mail, sign

BUSY, EVE = "busy@firm.example", "eve@evil.example"


@pytest.fixture
def world(world: World) -> Iterator[World]:
    """busy@ takes one mail an hour, and has had it."""
    with_rate(world, Policy(rate_total="1/h"))
    rates = SharedRates()
    world.rates = rates
    assert world.judged(from_eve(), BUSY, sender=EVE).disposition == "accept"
    yield world
    rates.close()


def with_rate(world: World, policy: Policy) -> None:
    busy = RoutingAddress(parse(BUSY), "sales", verified=True, policy=policy)
    world.apply(replace(DESK, addresses=(*DESK.addresses, busy)))


def from_eve() -> bytes:
    return mail(f"Eve <{EVE}>")


def differences(world: World, message_id: str) -> list[tuple[str, str, str]]:
    with world.database.read() as unit:
        row = listing.message_by_id(unit, message_id)
        office = replace(world.office, annotate=world.annotate)
        place = Place(office, Lookups(unit, world), StoreThreads(world.database))
        found = replay(row, content.pieces(world.database.read, row.content_id), place)
    return [(one.what, one.before, one.after) for one in found.differences]


@pytest.mark.parametrize("others", [(str(SUPPORT),), ("held@firm.example",), (str(SUPPORT), "held@firm.example")])
def test_who_was_over_a_rate_is_so_again_also_after_a_release(world: World, others: tuple[str, ...]) -> None:
    message_id = world.accept(from_eve(), BUSY, *others, sender=EVE)
    world.route()
    assert differences(world, message_id) == []
    released = release(world, message_id)
    assert differences(world, released) == []
    assert differences(world, message_id) == []


def test_a_rate_that_would_have_held_in_annotate_mode_is_told_again(world: World) -> None:
    world.annotate = True
    assert differences(world, world.accept(from_eve(), BUSY, sender=EVE)) == []


def test_without_the_rate_the_mail_would_have_been_taken(world: World) -> None:
    message_id = world.accept(from_eve(), BUSY, str(SUPPORT), sender=EVE)
    with_rate(world, Policy(rate_author="1/h"))
    assert differences(world, message_id) == [(f"for {BUSY}", "quarantine", "accept")]


def test_what_is_about_an_address_is_so_again_and_belongs_to_no_thread(tmp_path: Path) -> None:
    yard = Yard(f"sqlite:///{tmp_path}/casegate.db")
    octets = yard.send()
    asked = (sign(sample("google-en"), GOOGLE), INTAKE_ADDRESS, AUTHORS[GOOGLE])
    told = [yard.back(octets), yard.receive(asked[0], asked[1], sender=asked[2])]
    assert [one.classification for one in told] == ["probe", "forwarding"]
    assert [differences(yard, one.id) for one in told] == [[], []]
    yard.close()
