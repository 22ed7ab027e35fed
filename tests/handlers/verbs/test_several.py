# SPDX-License-Identifier: Apache-2.0
"""What goes into another case than the mail was accepted for is asked anew there: each address keeps its own rules."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from handlers import changing
from handlers.acting import casegate
from storage import cases
from storage.case_values import CaseSettings, Handling, Sections
from storage.states import Move
from tests.support.office import ANN, CARL, DESK, World, customer_address, field, mail

SUPPORT, SALES = "support@firm.example", "sales@firm.example"
NED = "ned@neighbour.example"  # whose domain publishes nothing, and has never proven anybody
STRICT_SALES = tuple(
    replace(one, handling=replace(one.handling, threads="strict")) if str(one.address) == SALES else one
    for one in DESK.addresses
)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """An office where each team gets a case of its own, and sales asks for proof."""
    sections = Sections(cases=CaseSettings(several_addresses="linked_cases", handling=Handling()))
    made = World(f"sqlite:///{tmp_path}/casegate.db", replace(DESK, addresses=STRICT_SALES, sections=sections))
    yield made
    made.close()


def by_ned(world: World, *recipients: str, **fields: str) -> SimpleNamespace:
    """What Ned may have written, or anybody who has seen an address that he was given."""
    return world.receive(mail(f"Ned <{NED}>", to=", ".join(recipients), **fields), *recipients, sender=NED)


def end(world: World, number: int) -> None:
    with world.database.move(Move.EDIT) as unit:
        case = cases.lock(unit, world.case(number).id)
        changing.change(unit, world.office.desk, case, {"status": "closed"}, casegate(world.now))


def test_what_is_likely_at_one_address_joins_no_case_of_another_that_asks_for_proof(world: World) -> None:
    first = by_ned(world, SUPPORT, SALES)
    end(world, 2)
    second = by_ned(world, customer_address(first.token, NED), SALES)
    assert (second.proof, second.case.number, world.case(1).status) == ("likely", 1, "new")
    assert (world.case(2).status, world.case(2).events[-1][1]) == ("closed", "linked")
    assert world.case(3).links == [("possibly_belongs_to", 2)]
    again = by_ned(world, customer_address(first.token, NED), SALES)
    assert (again.case.number, world.case(4).links) == (1, [("possibly_belongs_to", 2)])


def test_proof_joins_the_case_of_an_address_that_asks_for_it(world: World) -> None:
    first = world.carl(SUPPORT, SALES, to=f"{SUPPORT}, {SALES}")
    world.carl(SUPPORT, SALES, to=f"{SUPPORT}, {SALES}", in_reply_to=f"<{first.message_id}>")
    kinds = [kind for _, kind, _ in world.case(2).events]
    assert kinds.count("message") == 2
    assert world.case(1).links == [("same_mail", 2)]


def test_what_is_likely_goes_on_in_no_case_of_an_address_that_asks_for_proof(world: World) -> None:
    """The mail that began the case that goes on chose its address."""
    first = world.carl(cc=f"Ned <{NED}>")
    end(world, 1)
    world.clock.advance(31 * 86_400)
    assert world.carl(SALES, in_reply_to=f"<{first.message_id}>").case.number == 2
    late = by_ned(world, customer_address(first.token, NED))
    assert (late.proof, late.case.number, late.link_kind) == ("likely", 3, "possibly_belongs_to")
    assert world.participants(late.token) == {NED}
    assert world.case(2).links == [("follows", 1), ("possibly_belongs_to", 3)]


def test_a_second_answer_after_the_agents_own_goes_to_whom_the_first_went(world: World) -> None:
    first = world.carl(cc=f"Ned <{NED}>")
    ned = by_ned(world, customer_address(first.token, NED))
    copy = world.sent("copy")[-1]
    to = field(copy, "reply-to")
    answered = {"to": to, "in_reply_to": field(copy, "message-id")}
    world.reply(mail(ANN, message_id="<one@ann.example>", **answered), to)
    chain = f"{field(copy, 'message-id')} <one@ann.example>"
    world.reply(mail(ANN, to=to, in_reply_to="<one@ann.example>", references=chain), to)
    assert (ned.case.number, [one.to for one in world.sent("reply")]) == (1, [[NED], [NED]])
    world.reply(mail(ANN, to=to), to)
    assert world.sent("reply")[-1].to == [CARL]  # it answers no mail
