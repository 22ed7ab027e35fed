# SPDX-License-Identifier: Apache-2.0
"""Merging: all mail of one case in another, later mail too, each conversation with its own people and ids."""

import pytest

from handlers import by_hand, case_edits, changing, tokens
from handlers.by_hand import Making
from handlers.case_edits import Edit, Refusal
from storage import case_changes
from storage.states import Move
from storage.threads import Person
from tests.handlers.changes.hands import DORA, Hands
from tests.support.office import ANN, CARL, KEYS, field, mail, sign


def test_a_merged_case_brings_its_mail_and_all_that_comes_later(hands: Hands):
    one, two = hands.write(CARL), hands.write(CARL, subject="Still broken")
    reply = hands.answer(two)
    hands.merge(2, 1)
    later = hands.respond(reply, CARL)
    assert hands.mail_of(1)[:2] == [one.id, two.id]
    assert later.id in hands.mail_of(1)
    assert later.case.number == 1
    assert hands.mail_of(2) == []
    gone = hands.case(2)
    assert (gone.status, gone.merged_into) == ("closed", 1)


def test_both_timelines_tell_of_a_merge(hands: Hands):
    hands.write(CARL)
    two = hands.write(CARL)
    done = hands.merge(2, 1)
    assert hands.told(2, "merged_into") == [("merged_into", {"change": done.change_id, "number": 1})]
    told = {"change": done.change_id, "number": 2, "messages": [two.id]}
    assert hands.told(1, "merged") == [("merged", told)]
    assert hands.told(2, "status")[-1][1]["after"] == "closed"


def test_an_answer_goes_to_the_people_of_its_own_thread_with_its_own_ids(hands: Hands):
    one, two = hands.write(CARL), hands.write(DORA, subject="Mine too")
    hands.merge(2, 1, is_sure=True)
    reply = hands.answer(two)
    assert reply.to == [DORA]
    assert two.row.message_id in field(reply, "references")
    text = reply.octets.decode()
    assert CARL not in text
    assert one.row.message_id not in text
    assert one.token not in text
    assert one.token.lower() not in text
    assert two.token in text
    assert hands.participants(one.token) == {CARL}
    assert hands.participants(two.token) == {DORA}
    assert hands.respond(reply, DORA).case.number == 1


def test_a_copy_made_after_a_merge_leads_to_its_own_thread(hands: Hands):
    hands.write(CARL)
    two = hands.write(DORA)
    reply = hands.answer(two)
    hands.merge(2, 1, is_sure=True)
    later = hands.respond(reply, DORA)
    copy = hands.copy_of(later)
    assert two.token.lower() in field(copy, "reply-to")
    assert hands.answer(later).to == [DORA]


def test_mail_on_its_way_while_its_case_is_merged_comes_into_the_other(hands: Hands):
    hands.write(CARL)
    two = hands.write(CARL)
    reply = hands.answer(two)
    octets = reply_octets(hands, reply)
    waiting = hands.accept(octets, field(reply, "reply-to"))
    hands.merge(2, 1)
    hands.route()
    assert hands.message(waiting).case.number == 1


def reply_octets(hands: Hands, reply: object) -> bytes:
    return sign(mail(to=field(reply, "reply-to"), in_reply_to=field(reply, "message-id")), "customer.example")


# Each row: the status of the merged case, that of the other, and what the other has then.
@pytest.mark.parametrize(
    ("gone", "kept", "then"),
    [
        ("new", "closed", "open"),  # an open matter must not vanish in a closed case
        ("open", "pending", "open"),  # a customer waits for an answer
        ("pending", "solved", "pending"),  # somebody else is to act
        ("closed", "open", "open"),
        ("closed", "solved", "solved"),  # nothing is to be done in either
        ("pending", "on_hold", "on_hold"),  # equally urgent: it keeps what it has
    ],
)
def test_the_case_that_stays_is_as_urgent_as_the_other_was(hands: Hands, gone: str, kept: str, then: str):
    hands.write(CARL)
    hands.write(CARL)
    set_status(hands, 1, kept)
    set_status(hands, 2, gone)
    hands.merge(2, 1)
    assert hands.case(1).status == then
    assert hands.case(2).status == "closed"
    hands.undo(2)
    assert (hands.case(1).status, hands.case(2).status) == (kept, gone)


def set_status(hands: Hands, number: int, status: str) -> None:
    with hands.database.move(Move.EDIT) as unit:
        changing.change(unit, hands.office.desk, case_changes.by_number(unit, number), {"status": status}, hands.by)


def test_the_new_owner_gets_the_mail_they_have_not_had(hands: Hands):
    hands.write(CARL, "sales@firm.example")
    two = hands.write(CARL)
    assert hands.case(1).owner == "bob"
    assert hands.case(2).owner == "ann"
    hands.merge(2, 1)
    assert hands.answer(two, login="bob").to == [CARL]
    before = len(hands.sent("copy"))
    hands.sweep()
    assert len(hands.sent("copy")) == before


# Each row: what is called, and a word that its refusal must hold.
@pytest.mark.parametrize(
    ("numbers", "word"),
    [
        ((1, 1), "twice"),
        ((1, 9), "no case 9"),
        ((9, 1), "no case 9"),
        # Other people's mail would come together: somebody must mean it.
        ((3, 1), f"case 3 is {DORA}'s and case 1 {CARL}'s; --yes"),
    ],
)
def test_what_cannot_be_merged_is_refused_and_nothing_changes(hands: Hands, numbers: tuple[int, int], word: str):
    mails = [hands.write(CARL), hands.write(CARL), hands.write(DORA)]
    refusal = hands.merge(*numbers)
    assert isinstance(refusal, Refusal)
    assert word in refusal.words
    assert [hands.mail_of(number) for number in (1, 2, 3)] == [[one.id] for one in mails]


def test_a_merged_case_names_the_one_to_use(hands: Hands):
    for _ in range(4):
        hands.write(CARL)
    hands.merge(3, 2)
    hands.merge(2, 1)
    for refusal in (hands.merge(3, 4), hands.merge(4, 3), hands.link(3, "related", 4)):
        assert refusal.words == "case 3 is merged into case 1: name that one"


def test_undoing_a_merge_gives_back_the_mail_and_what_came_since(hands: Hands):
    one, two = hands.write(CARL), hands.write(CARL)
    first, second = hands.answer(one), hands.answer(two)
    before = (hands.mail_of(1), hands.mail_of(2))
    hands.merge(2, 1)
    to_one, to_two = hands.respond(first, CARL), hands.respond(second, CARL)
    hands.undo(1)
    assert hands.mail_of(1) == [*before[0], to_one.id]
    assert hands.mail_of(2) == [*before[1], to_two.id]
    case = hands.case(2)
    assert (case.merged_into, case.status) == (None, "open")  # what came since waits for an answer
    later = hands.respond(second, CARL)
    assert later.case.number == 2
    assert hands.told(2, "undone")[0][1]["number"] == 1
    assert hands.undo(2).is_absent


def test_a_merge_that_another_builds_on_is_undone_after_it(hands: Hands):
    mails = [hands.write(CARL) for _ in range(3)]
    first, second = hands.merge(3, 2), hands.merge(2, 1)
    refusal = hands.undo(3)
    assert refusal.words.startswith(f"change {second.change_id}, a merge from case 2 to case 1, builds on change")
    assert f"casegate case undo 1 {second.change_id}" in refusal.words
    hands.undo(1, second.change_id)
    hands.undo(3, first.change_id)
    assert [hands.mail_of(number) for number in (1, 2, 3)] == [[one.id] for one in mails]
    hands.merge(3, 2)  # redo is doing it again
    assert hands.mail_of(2) == [mails[1].id, mails[2].id]


def test_a_contact_given_by_hand_takes_part_in_the_cases_own_conversation_alone(hands: Hands):
    one, two = hands.write(CARL), hands.write(DORA)
    hands.merge(2, 1, is_sure=True)
    with hands.database.move(Move.EDIT) as unit:
        person = Person("Eve", "eve@customer.example", "eve@customer.example")
        case_edits.edit(unit, hands.office.desk, case_changes.by_number(unit, 1), Edit(contact=person), hands.by)
    assert hands.participants(one.token) == {CARL, "eve@customer.example"}
    assert hands.participants(two.token) == {DORA}
    assert hands.answer(two).to == [DORA]


def test_the_text_of_a_case_made_by_hand_leads_to_its_own_conversation(hands: Hands):
    hands.presence("ann", "away")
    hands.write(CARL)
    making = Making("support@firm.example", Person("Dora", DORA, DORA), "Press hums", text="It hums.")
    token, ann = tokens.new_thread_id(KEYS), hands.office.desk.agents["ann"].id
    with hands.database.move(Move.EDIT) as unit:
        by_hand.make(unit, hands.office.desk, token, making, hands.by)
    hands.merge(1, 2, is_sure=True)
    with hands.database.move(Move.EDIT) as unit:
        wanted = {"owner_id": ann, "queue": None, "copies_due_at": hands.now}
        changing.change(unit, hands.office.desk, case_changes.by_number(unit, 2), wanted, hands.by)
    hands.sweep()
    brief = next(one for one in hands.sent("copy") if one.message_seq is None)
    octets = mail(str(ANN), to=field(brief, "reply-to"), in_reply_to=field(brief, "message-id"))
    assert isinstance(hands.reply(octets, field(brief, "reply-to")), str)
    assert hands.sent("reply")[-1].to == [DORA]


def made_by_hand(hands: Hands, customer: str, owner: str) -> int:
    """A case that an agent opened for a customer, and that this one has; its number."""
    making = Making("support@firm.example", Person("", customer, customer), "Press hums", f"For {customer}.")
    with hands.database.move(Move.EDIT) as unit:
        number = int(by_hand.make(unit, hands.office.desk, tokens.new_thread_id(KEYS), making, hands.by).number)
    give(hands, number, owner)
    return number


def give(hands: Hands, number: int, owner: str) -> None:
    with hands.database.move(Move.EDIT) as unit:
        wanted = {"owner_id": hands.office.desk.agents[owner].id, "queue": None, "copies_due_at": hands.now}
        changing.change(unit, hands.office.desk, case_changes.by_number(unit, number), wanted, hands.by)
    hands.sweep()


def briefs(hands: Hands, owner: str) -> list[tuple[str, bytes]]:
    """Of which customer this agent was told by a case's text, and what."""
    mine = [one for one in hands.sent("copy") if one.agent_id == hands.office.desk.agents[owner].id]
    return [(field(one, "x-casegate-author"), one.octets.rpartition(b"\r\n\r\n")[2].strip()) for one in mine]


def test_whoever_owns_merged_cases_has_the_text_of_each_once(hands: Hands):
    numbers = made_by_hand(hands, CARL, "ann"), made_by_hand(hands, DORA, "bob")
    carls, doras = (CARL, f"For {CARL}.".encode()), (DORA, f"For {DORA}.".encode())
    assert (briefs(hands, "ann"), briefs(hands, "bob")) == ([carls], [doras])
    hands.merge(numbers[1], numbers[0], is_sure=True)
    assert briefs(hands, "ann") == [carls, doras]
    give(hands, numbers[0], "bob")
    give(hands, numbers[0], "ann")
    assert (briefs(hands, "ann"), briefs(hands, "bob")) == ([carls, doras], [doras, carls])
    doras_brief = [one for one in hands.sent("copy") if field(one, "x-casegate-author") == DORA][-1]
    assert field(doras_brief, "x-casegate-case") == str(numbers[0])
    octets = mail(str(ANN), to=field(doras_brief, "reply-to"), in_reply_to=field(doras_brief, "message-id"))
    assert isinstance(hands.reply(octets, field(doras_brief, "reply-to")), str)
    assert hands.sent("reply")[-1].to == [DORA]
