# SPDX-License-Identifier: Apache-2.0
"""Mail that was taken before a change and came to its case after it counts when the change is undone."""

from types import SimpleNamespace

import pytest

from handlers import changing
from storage import case_changes
from storage.states import Move
from tests.handlers.changes.hands import DORA, Hands
from tests.support.office import CARL, field, mail, sign


def two_that_wait(hands: Hands) -> tuple[SimpleNamespace, SimpleNamespace]:
    """Case 1 is Carl's, case 2 Dora's, both answered; the replies."""
    mails = hands.write(CARL), hands.write(DORA)
    replies = hands.answer(mails[0]), hands.answer(mails[1])
    assert statuses(hands) == ["pending", "pending"]
    return replies


def on_its_way(hands: Hands, reply: SimpleNamespace) -> str:
    """Dora's answer, before any job has seen it."""
    octets = mail(f"Dora <{DORA}>", in_reply_to=field(reply, "message-id"))
    return hands.accept(sign(octets, "other.example"), sender=DORA)


def statuses(hands: Hands, *numbers: int) -> list[str]:
    return [hands.case(number).status for number in numbers or (1, 2)]


def set_status(hands: Hands, number: int, status: str) -> None:
    with hands.database.move(Move.EDIT) as unit:
        changing.change(unit, hands.office.desk, case_changes.by_number(unit, number), {"status": status}, hands.by)


def test_after_a_merge_the_case_with_the_mail_is_open_and_the_other_as_it_was(hands: Hands):
    _, doras = two_that_wait(hands)
    on_its_way(hands, doras)
    hands.merge(2, 1, is_sure=True)
    hands.route()
    assert statuses(hands) == ["open", "closed"]
    hands.undo(1)
    assert statuses(hands) == ["pending", "open"]


def test_after_a_split_the_case_that_gets_its_mail_back_is_open(hands: Hands):
    _, doras = two_that_wait(hands)
    id_ = on_its_way(hands, doras)
    hands.split(2, id_)
    hands.route()
    assert statuses(hands, 2, 3) == ["pending", "new"]
    hands.undo(3)
    assert statuses(hands, 2, 3) == ["open", "closed"]


def test_a_case_whose_own_customer_wrote_meanwhile_stays_open(hands: Hands):
    carls, doras = two_that_wait(hands)
    hands.merge(2, 1, is_sure=True)
    hands.respond(carls, CARL)
    hands.respond(doras, DORA)
    hands.undo(1)
    assert statuses(hands) == ["open", "open"]


def test_a_case_that_the_merge_woke_stays_open_for_its_own_customers_mail(hands: Hands):
    carls, _ = two_that_wait(hands)
    set_status(hands, 2, "open")
    hands.merge(2, 1, is_sure=True)
    hands.respond(carls, CARL)
    hands.undo(1)
    assert statuses(hands) == ["open", "open"]


def test_what_a_person_said_of_the_case_since_the_mail_holds(hands: Hands):
    _, doras = two_that_wait(hands)
    hands.merge(2, 1, is_sure=True)
    hands.respond(doras, DORA)
    set_status(hands, 1, "on_hold")
    hands.undo(1)
    assert statuses(hands) == ["on_hold", "open"]


# What opens case 1, which has ended, and is undone then.
OPENED = {
    "a merge": ("open", lambda hands, _: hands.merge(2, 1, is_sure=True)),
    "an answer after it": (
        "solved",
        lambda hands, reply: (hands.merge(2, 1, is_sure=True), hands.respond(reply, DORA)),
    ),
    "a move": ("open", lambda hands, reply: hands.move(1, hands.respond(reply, DORA).id, is_sure=True)),
}


@pytest.mark.parametrize("how", OPENED)
def test_a_case_that_had_ended_has_its_outcome_and_its_end_again(hands: Hands, how: str):
    _, doras = two_that_wait(hands)
    with hands.database.move(Move.EDIT) as unit:
        ended = {"status": "solved", "outcome": "answered", "outcome_note": "sent the manual"}
        changing.change(unit, hands.office.desk, case_changes.by_number(unit, 1), ended, hands.by)

    def ending() -> tuple[object, ...]:
        case = hands.case(1)
        return case.status, case.outcome, case.outcome_note, case.ended_at

    before = ending()
    assert before[:3] == ("solved", "answered", "sent the manual")
    status, change = OPENED[how]
    set_status(hands, 2, status)
    hands.clock.advance(3600)
    change(hands, doras)
    assert ending() == ("open", "", "", None)
    hands.undo(1)
    assert ending() == before
