# SPDX-License-Identifier: Apache-2.0
"""A copy that its agent's mailbox refuses for good: nobody would see the case, so it waits for people to look."""

from datetime import timedelta

import pytest

from handlers.schedule import Schedule
from handlers.settling import Ending, settle
from storage import cases, outbox
from storage.response import R250_OK, Response
from storage.states import Move
from tests.support.office import ANN, World, customer_address, field, mail

REFUSED, LATER = Response(550, "5.1.1", "No such mailbox"), Response(450, "4.2.0", "Later")
SCHEDULE = Schedule((timedelta(minutes=1),), timedelta(hours=1))


def settled(world: World, response: Response) -> list[str]:
    """What becomes of the recipients that are due; only the agent's mailbox answers so."""
    lease = timedelta(minutes=1)
    with world.database.move(Move.TAKE) as unit:
        taken = outbox.take(unit, world.now, lease, 10)
    outcomes = []
    for one in taken:
        answer = response if one.address == str(ANN) else R250_OK
        with world.database.move(Move.SETTLE) as unit:
            outcomes.append(settle(unit, Ending(one, answer, SCHEDULE, 0.5, world.office, world.signer, world.now)))
    return outcomes


@pytest.mark.parametrize("response", [REFUSED, LATER], ids=["5xx", "given up"])
def test_a_case_whose_owner_cannot_be_reached_waits_in_the_fallback_queue(world: World, response: Response) -> None:
    world.carl()
    if response == LATER:
        world.clock.advance(7200)
    assert "failed" in settled(world, response)
    case = world.case(1)
    assert (case.owner, case.queue) == (None, "fallback")
    assert [(kind, told.get("queue")) for _, kind, told in case.events][-2:] == [
        ("not_delivered", None),
        ("queued", "fallback"),
    ]
    # The sweep does not hand it straight back.
    with world.database.read() as unit:
        assert cases.waiting(unit, 10) == []


def test_the_next_mail_of_such_a_case_stays_there_with_it(world: World) -> None:
    first = world.carl()
    settled(world, REFUSED)
    world.carl(customer_address(first.token))
    assert (world.case(1).owner, world.case(1).queue) == (None, "fallback")


def test_a_copy_that_may_still_arrive_changes_nothing(world: World) -> None:
    world.carl()
    assert "deferred" in settled(world, LATER)
    assert (world.case(1).owner, world.case(1).queue) == ("ann", None)


def test_a_case_that_is_done_or_anothers_stays(world: World) -> None:
    world.carl()
    with world.database.move(Move.ASSIGN) as unit:
        cases.write(unit, world.case(1).id, {"status": "solved", "status_kind": "solved"})
    settled(world, REFUSED)
    assert (world.case(1).owner, world.case(1).queue) == ("ann", None)


def test_a_reply_that_was_refused_leaves_the_case_with_its_owner(world: World) -> None:
    world.carl()
    settled(world, R250_OK)
    copy = world.sent("copy")[0]
    to = field(copy, "reply-to").strip("<>")
    world.reply(mail(f"Ann <{ANN}>", to=to), to)
    with world.database.move(Move.TAKE) as unit:
        (taken,) = outbox.take(unit, world.now, timedelta(minutes=1), 10)
    with world.database.move(Move.SETTLE) as unit:
        assert settle(unit, Ending(taken, REFUSED, SCHEDULE, 0.5, world.office, world.signer, world.now)) == "failed"
    assert world.case(1).owner == "ann"
