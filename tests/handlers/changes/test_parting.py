# SPDX-License-Identifier: Apache-2.0
"""Split and move: some mail in a case of its own or in another one, and later answers follow it."""

from types import SimpleNamespace

import pytest

from handlers.case_edits import Refusal
from tests.handlers.changes.hands import DORA, Hands
from tests.support.office import CARL, SUPPORT, field, mail, sign


def two_matters(hands: Hands) -> tuple[SimpleNamespace, SimpleNamespace, SimpleNamespace]:
    """A case with two of Carl's mails, and the team's answer to the first."""
    first = hands.write(CARL)
    reply = hands.answer(first)
    second = hands.respond(reply, CARL, subject="And the other thing")
    assert hands.mail_of(1) == [first.id, hands.id_of(reply), second.id]
    return first, second, reply


def test_a_split_makes_a_case_of_its_own_with_the_owner_of_the_old_one(hands: Hands):
    first, second, reply = two_matters(hands)
    done = hands.split(1, second.id)
    assert hands.mail_of(1) == [first.id, hands.id_of(reply)]
    assert hands.mail_of(2) == [second.id]
    made = hands.case(2)
    assert (made.status, made.owner, made.subject, made.contact_address) == (
        "new",
        "ann",
        "And the other thing",
        CARL,
    )
    assert made.row.contact_id is not None
    assert made.row.contact_id == hands.case(1).row.contact_id
    assert made.links == [("split_from", 1)]
    assert hands.case(1).links == [("split_to", 2)]
    told = {"change": done.change_id, "messages": [second.id]}
    assert hands.told(1, "split_to") == [("split_to", told | {"number": 2})]
    assert hands.told(2, "split_from") == [("split_from", told | {"number": 1})]


def test_a_split_may_say_what_the_new_case_is_about(hands: Hands):
    _, second, _ = two_matters(hands)
    hands.split(1, second.id, subject="The other thing")
    assert hands.case(2).subject == "The other thing"


def test_what_we_show_of_a_mail_names_the_thread_it_is_in(hands: Hands):
    _, second, _ = two_matters(hands)
    old = hands.message(second.id)
    hands.split(1, second.id)
    new = hands.message(second.id)
    assert new.token != old.token
    assert f"X-Casegate-Thread: {new.token}\r\n".encode() in new.stamped
    assert old.token.encode() not in new.stamped.partition(b"\r\nFrom:")[0]
    hands.undo(1)
    assert hands.message(second.id).stamped == old.stamped


# What a customer's client may send after the split, by the ids that it names: where it belongs.
def test_later_answers_follow_the_mail_that_they_answer(hands: Hands):
    first, second, reply = two_matters(hands)
    hands.split(1, second.id)
    to_split = hands.answer(second, "As to the other thing.")
    rows = [
        # The team's reply to the mail that went: its own new thread, by address and by id.
        (to_split, {}, 2),
        # The same without the signed address.
        (to_split, {"to": str(SUPPORT)}, 2),
        # The team's reply to the mail that stayed.
        (reply, {}, 1),
        # The customer's own mail that went, by its foreign id alone.
        (to_split, {"to": str(SUPPORT), "in_reply_to": second.row.message_id, "subject": "Re: again"}, 2),
        (to_split, {"to": str(SUPPORT), "in_reply_to": first.row.message_id, "subject": "Re: again"}, 1),
    ]
    for answered, fields, number in rows:
        assert hands.respond(answered, CARL, **fields).case.number == number, fields


def test_an_answer_to_a_reply_that_went_follows_it_though_its_address_names_the_old_thread(hands: Hands):
    first, _, reply = two_matters(hands)
    hands.split(1, first.id, hands.id_of(reply))
    assert hands.respond(reply, CARL).case.number == 2
    assert hands.respond(reply, CARL, to=str(SUPPORT)).case.number == 2
    # The address alone names the thread that it was made for.
    assert hands.write(CARL, field(reply, "reply-to"), subject="No ids").case.number == 1


def test_an_agent_who_answers_an_old_copy_of_a_mail_that_went_answers_in_its_new_case(hands: Hands):
    first, second, _ = two_matters(hands)
    copy = hands.copy_of(second)
    hands.split(1, second.id)
    assert hands.copy_of(second).id == copy.id  # the owner has it already
    again = hands.answer(second, "As to the other thing.")
    assert hands.message(hands.id_of(again)).case.number == 2
    assert hands.message(second.id).token in again.octets.decode()
    assert first.token not in again.octets.decode()
    assert hands.case(2).status == "pending"


def test_only_those_whose_mail_went_take_part_in_the_new_thread(hands: Hands):
    first = hands.write(CARL, cc=f"Dora <{DORA}>, Eve <eve@customer.example>")
    reply = hands.answer(first)
    theirs = hands.respond(reply, DORA, to=str(SUPPORT))
    assert theirs.case.number == 1
    hands.split(1, theirs.id)
    assert hands.participants(hands.message(theirs.id).token) == {DORA}
    assert hands.participants(first.token) == {CARL, DORA, "eve@customer.example"}
    assert hands.case(2).contact_address == DORA
    assert hands.answer(theirs).to == [DORA]


def test_whom_a_reply_went_to_takes_part_where_the_reply_goes_though_it_names_them_nowhere(hands: Hands):
    """What an agent answers to stands in the envelope: the mail itself names the address that they were given."""
    first = hands.carl()
    reply = hands.answer(first)
    later = hands.respond(reply, CARL)
    hands.split(1, hands.id_of(reply))
    moved = hands.message(hands.id_of(reply))
    assert moved.case.number == 2
    assert hands.participants(moved.token) == {CARL}
    assert hands.message(later.id).case.number == 1


def test_an_answer_to_the_same_foreign_mail_comes_to_the_case_where_the_first_is(hands: Hands):
    first = hands.write(CARL)
    reply = hands.answer(first)
    second = hands.respond(reply, CARL, references="<theirs@customer.example> <" + field(reply, "message-id")[1:])
    hands.split(1, second.id)
    later = hands.write(CARL, subject="Again", in_reply_to="<theirs@customer.example>")
    assert later.case.number == 2


def test_mail_moves_to_the_case_that_it_belongs_to_and_wakes_it(hands: Hands):
    _, second, reply = two_matters(hands)
    other = hands.write(CARL, subject="Other matter")
    hands.answer(other)
    assert hands.case(2).status == "pending"
    done = hands.move(2, second.id)
    assert hands.message(second.id).case.number == 2
    assert second.id in hands.mail_of(2)
    assert second.id not in hands.mail_of(1)
    assert hands.case(2).status == "open"
    told = {"change": done.change_id, "messages": [second.id]}
    assert hands.told(1, "moved_to") == [("moved_to", told | {"number": 2})]
    assert hands.told(2, "moved_from") == [("moved_from", told | {"number": 1})]
    assert hands.respond(hands.answer(second), CARL).case.number == 2
    assert hands.respond(reply, CARL).case.number == 1


def test_mail_moved_to_another_teams_case_is_copied_to_its_owner(hands: Hands):
    _, second, _ = two_matters(hands)
    hands.write(CARL, "sales@firm.example")
    hands.move(2, second.id)
    assert hands.answer(second, login="bob").to == [CARL]


def test_undoing_a_move_takes_later_mail_back_and_gives_the_status_back(hands: Hands):
    first, second, reply = two_matters(hands)
    hands.write(CARL, subject="Other matter")
    hands.answer(hands.message(hands.mail_of(2)[0]))
    hands.move(2, second.id)
    other = hands.answer(second)
    later = hands.respond(other, CARL)
    hands.undo(2)
    assert hands.mail_of(1) == [first.id, hands.id_of(reply), second.id, hands.id_of(other), later.id]
    assert len(hands.mail_of(2)) == 2
    assert hands.respond(other, CARL).case.number == 1
    assert hands.case(1).status == "open"


def test_undoing_a_split_leaves_an_empty_case_that_leads_to_the_old_one(hands: Hands):
    _, second, _ = two_matters(hands)
    before = hands.mail_of(1)
    hands.split(1, second.id)
    answered = hands.answer(second)
    later = hands.respond(answered, CARL)
    assert later.case.number == 2
    hands.undo(2)
    assert hands.mail_of(1) == [*before, hands.id_of(answered), later.id]
    gone = hands.case(2)
    assert (gone.status, gone.merged_into, gone.links) == ("closed", 1, [])
    assert hands.case(1).status == "open"
    assert hands.respond(answered, CARL).case.number == 1
    assert hands.respond(hands.answer(second), CARL).case.number == 1
    hands.split(1, second.id)  # redo is doing it again
    assert hands.mail_of(3) == [second.id]


def test_mail_on_its_way_goes_where_it_was_split_to(hands: Hands):
    first = hands.write(CARL)
    reply = hands.answer(first)
    octets = sign(mail(to=field(reply, "reply-to"), in_reply_to=field(reply, "message-id")), "customer.example")
    waiting = hands.accept(octets, field(reply, "reply-to"))
    hands.split(1, waiting)
    hands.route()
    routed = hands.message(waiting)
    assert (routed.state, routed.case.number) == ("routed", 2)
    assert hands.answer(routed).to == [CARL]


def test_mail_of_two_conversations_stays_apart_in_the_new_case(hands: Hands):
    one, two = hands.write(CARL), hands.write(DORA)
    second = hands.respond(hands.answer(two), DORA)
    hands.merge(2, 1, is_sure=True)
    hands.split(1, one.id, two.id)
    assert hands.mail_of(3) == [one.id, two.id]
    tokens = [hands.message(message).token for message in (one.id, two.id)]
    assert [hands.participants(token) for token in tokens] == [{CARL}, {DORA}]
    assert hands.answer(two).to == [DORA]
    assert hands.message(second.id).case.number == 1
    hands.undo(3)
    assert [hands.message(one.id).token, hands.message(two.id).token] == [one.token, two.token]


# Each row: the change, and a word of its refusal.
def test_what_cannot_be_parted_is_refused_and_nothing_changes(hands: Hands):
    _, second, _ = two_matters(hands)
    stranger = hands.write(DORA)
    hands.write(CARL)
    rows = [
        (hands.split(1, "nothing"), "no message 'nothing'"),
        (hands.split(9, second.id), "no case 9"),
        (hands.split(2, second.id), "is of case 1"),
        (hands.split(1, second.id, stranger.id), "is of case 2"),
        (hands.split(2, stranger.id), "casegate case merge 2 N"),
        (hands.move(9, second.id), "no case 9"),
        (hands.move(1, second.id), "of case 1 already"),
        (hands.move(2, second.id), f"{CARL} takes no part in case 2; --yes"),
        (hands.move(1, stranger.id), "casegate case merge 2 1"),
        (hands.undo(1), "no merge, split or move"),
        (hands.undo(1, 77), "no change 77"),
    ]
    for refusal, words in rows:
        assert isinstance(refusal, Refusal)
        assert words in refusal.words
    assert len(hands.mail_of(1)) == 3
    assert hands.mail_of(2) == [stranger.id]


# What was done after a split, and whether the split can still be undone.
@pytest.mark.parametrize("after", ["merge away", "merge into", "merge source", "split again", "other split"])
def test_a_split_that_another_change_builds_on_is_undone_after_it(hands: Hands, after: str):
    first, second, _ = two_matters(hands)
    hands.write(CARL, subject="Third")
    done = hands.split(1, second.id)
    assert hands.case(3).links == [("split_from", 1)]
    more = hands.respond(hands.answer(second), CARL)
    changes = {
        "merge away": lambda: hands.merge(3, 2),
        "merge into": lambda: hands.merge(2, 3),
        "merge source": lambda: hands.merge(1, 2),
        "split again": lambda: hands.split(3, more.id),
        "other split": lambda: hands.split(1, first.id),  # of other mail: nothing stands on it
    }
    later = changes[after]()
    result = hands.undo(3, done.change_id)
    if after == "other split":
        assert second.id in hands.mail_of(1)
        return
    assert f"change {later.change_id}, a" in result.words
    hands.undo(later.number, later.change_id)
    hands.undo(3, done.change_id)
    assert second.id in hands.mail_of(1)
