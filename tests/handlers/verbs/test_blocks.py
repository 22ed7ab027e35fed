# SPDX-License-Identifier: Apache-2.0
"""What looking for blocks costs: a From field is read once for a mail, however many recipients are asked about."""

from dataclasses import replace

import pytest

from storage import blocks
from storage.address import parse
from storage.desk_values import RoutingAddress
from storage.response import R550_NOT_ALLOWED
from storage.states import Move
from tests.support import cost
from tests.support.office import DESK, World, mail

MANY = tuple(f"a{n}@firm.example" for n in range(60))
AUTHORS = ",\r\n ".join(f"u{n}@b.example" for n in range(1000))


@pytest.mark.parametrize("what", ["", "@evil.example"])
def test_many_authors_are_read_once_for_all_recipients(world: World, what: str) -> None:
    more = tuple(RoutingAddress(parse(one), "sales", verified=True) for one in MANY)
    if what:
        with world.database.move(Move.APPLY) as unit:
            blocks.add(unit, what, "", world.now)
    world.apply(replace(DESK, addresses=DESK.addresses + more))
    octets = mail(AUTHORS)
    one = cost.seconds(lambda: world.judged(octets, MANY[0]))
    all_ = cost.seconds(lambda: world.judged(octets, *MANY))
    assert all_ < 4 * one


def test_a_blocked_author_among_many_is_found_for_each_recipient(world: World) -> None:
    with world.database.move(Move.APPLY) as unit:
        blocks.add(unit, "u999@b.example", "", world.now)
    world.apply(DESK)
    few = ", ".join(f"u{n}@b.example" for n in (1, 2, 999))
    assert world.judged(mail(few), "support@firm.example", "sales@firm.example").refusal == R550_NOT_ALLOWED
