# SPDX-License-Identifier: Apache-2.0
"""A contact that was merged by mistake is parted again: what the merge had let into others' conversations is out."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from storage import contact_merges
from storage.address import parse
from storage.desk_values import Contact
from storage.states import Move
from tests.handlers.changes.hands import DORA, Hands
from tests.support.office import CARL, DESK

MAL = "mal@evil.example"


def merge(hands: Hands, address: str, into: str) -> None:
    with hands.database.move(Move.CHANGE) as unit:
        contact_merges.merge(unit, (address, into), "operator:root", hands.clock.advance(1))


def unmerge(hands: Hands, address: str) -> contact_merges.Moved:
    with hands.database.move(Move.CHANGE) as unit:
        parted = contact_merges.unmerge(unit, address, "operator:root", hands.clock.advance(1))
    assert parted is not None
    return parted


def merged_by_mistake(hands: Hands, **fields: str) -> tuple[SimpleNamespace, SimpleNamespace]:
    """Mal is taken for Carl and joins Carl's case; Carl's mail and the team's reply to it."""
    carls = hands.carl()
    reply = hands.answer(carls)
    hands.write(MAL, subject="Mal's own")
    merge(hands, MAL, CARL)
    joined = hands.write(MAL, in_reply_to=reply_id(reply), **fields)
    assert (joined.case.number, hands.participants(carls.token) >= {CARL, MAL}) == (1, True)
    hands.answer(joined)  # the agent has not noticed yet
    return carls, reply


def reply_id(reply: SimpleNamespace) -> str:
    return f"<{reply.message_id}>"


def test_whom_only_the_merge_let_in_takes_part_no_more(hands: Hands):
    carls, reply = merged_by_mistake(hands)
    parted = unmerge(hands, MAL)
    assert parted.left == (1,)
    assert hands.participants(carls.token) == {CARL}
    again = hands.write(MAL, in_reply_to=reply_id(reply), subject=f"Re: [{carls.token}]")
    assert (again.case.number, again.case.contact_address) == (3, MAL)
    assert hands.told(1, "left") == [("left", {"people": [MAL], "reason": "contacts parted"})]


def test_whom_they_had_copied_there_take_part_no_more(hands: Hands):
    carls, _ = merged_by_mistake(hands, cc="pal@evil.example")
    hands.write(MAL, subject=f"Re: [{carls.token}]", cc="chum@evil.example")
    assert hands.participants(carls.token) == {CARL, MAL, "pal@evil.example", "chum@evil.example"}
    unmerge(hands, MAL)
    assert hands.participants(carls.token) == {CARL}


def test_the_others_mail_in_their_case_is_out_of_it_too(hands: Hands):
    hands.carl()
    mals = hands.write(MAL)
    merge(hands, MAL, CARL)
    assert hands.carl(subject=f"Re: [{mals.token}]").case.number == 2
    unmerge(hands, MAL)
    assert hands.participants(mals.token) == {MAL}


def test_who_took_part_by_themselves_still_does(hands: Hands):
    carls = hands.carl(cc=f"Mal <{MAL}>")
    dora = hands.write(DORA, cc=f"Mal <{MAL}>")
    hands.write(MAL)
    merge(hands, MAL, CARL)
    hands.write(MAL, subject=f"Re: [{carls.token}]")
    assert unmerge(hands, MAL).left == ()
    assert hands.participants(carls.token) == {CARL, MAL}
    assert hands.participants(dora.token) == {DORA, MAL}


def test_a_case_that_they_began_meanwhile_stays_theirs(hands: Hands):
    carls = hands.carl()
    merge_first = hands.write(MAL)
    merge(hands, MAL, CARL)
    joined = hands.write(MAL, subject=f"Re: [{carls.token}]")
    hands.split(1, joined.id)
    mine = hands.message(joined.id)
    assert mine.case.number == 3
    assert unmerge(hands, MAL).cases == (2, 3)
    assert hands.participants(mine.token) == {MAL}
    assert hands.participants(merge_first.token) == {MAL}


def named(name: str, *addresses: str) -> Contact:
    return Contact(name, tuple(map(parse, addresses)))


CARLS_AND_MALS = named("Carl Customer", CARL, MAL)

# How the desk file divides Carl, who has Mal's address in it by mistake.
DIVIDED = {
    "the address is another contact's": (named("Carl Customer", CARL), named("Mal", MAL)),
    "that contact was there before": (named("Carl Customer", CARL), named("Dora Other", DORA, MAL)),
    "the file names the address no more": (named("Carl Customer", CARL),),
    "it goes to a contact of the same name": (named("Carl Customer", MAL), named("Carl Smith", CARL)),
}


@pytest.mark.parametrize("how", DIVIDED)
def test_a_desk_file_that_divides_a_contact_lets_nobody_take_part_through_the_other(hands: Hands, how: str):
    hands.apply(replace(DESK, contacts=(CARLS_AND_MALS, named("Dora Other", DORA))))
    carls = hands.carl()
    reply = hands.answer(carls)
    assert hands.write(MAL, in_reply_to=reply_id(reply), cc="pal@evil.example").case.number == 1
    hands.apply(replace(DESK, contacts=DIVIDED[how]))
    assert hands.participants(carls.token) == {CARL}
    assert hands.told(1, "left") == [("left", {"people": [MAL, "pal@evil.example"], "reason": "contacts parted"})]
    assert hands.write(MAL, in_reply_to=reply_id(reply), subject=f"Re: [{carls.token}]").case.number == 2
    hands.apply(replace(DESK, contacts=DIVIDED[how]))
    assert len(hands.told(1, "left")) == 1


def test_a_desk_file_that_divides_two_whom_a_command_merged_lets_them_go_too(hands: Hands):
    carls, _ = merged_by_mistake(hands)
    hands.apply(replace(DESK, contacts=(named("Carl Customer", CARL), named("Mal", MAL))))
    assert hands.participants(carls.token) == {CARL}


def test_a_desk_file_that_only_renames_or_adds_lets_nobody_go(hands: Hands):
    hands.apply(replace(DESK, contacts=(CARLS_AND_MALS,)))
    carls = hands.carl()
    hands.write(MAL, subject=f"Re: [{carls.token}]")
    hands.apply(replace(DESK, contacts=(named("Carla", CARL, MAL, "carla@home.example"),)))
    assert (hands.participants(carls.token), hands.told(1, "left")) == ({CARL, MAL}, [])
