# SPDX-License-Identifier: Apache-2.0
"""Links between cases: each says what the other is to it; no status changes and no mail moves."""

import pytest

from handlers.case_edits import Refusal
from tests.handlers.changes.hands import Hands
from tests.support.office import CARL


# Each row: what is said of the other case, and what the other then says of this one.
@pytest.mark.parametrize(
    ("kind", "back"),
    [
        ("parent", "child"),
        ("child", "parent"),
        ("duplicate", "duplicate"),
        ("possibly_belongs_to", "possibly_belongs_to"),
        ("related", "related"),
    ],
)
def test_a_link_is_seen_from_both_cases(hands: Hands, kind: str, back: str):
    hands.write(CARL)
    hands.write(CARL)
    assert hands.link(1, kind, 2) is True
    assert hands.link(1, kind, 2) is False
    assert (hands.case(1).links, hands.case(2).links) == ([(kind, 2)], [(back, 1)])
    assert hands.told(2, "linked") == [("linked", {"kind": back, "number": 1})]
    assert {hands.case(1).status, hands.case(2).status} == {"new"}
    assert hands.unlink(2, back, 1) is True
    assert (hands.case(1).links, hands.case(2).links) == ([], [])
    assert hands.told(1, "unlinked") == [("unlinked", {"kind": kind, "number": 2})]


def test_a_link_that_mail_made_can_be_taken_away(hands: Hands):
    hands.write(CARL)
    other = hands.write("dora@other.example", subject="Broken", in_reply_to=f"<{hands.mail_of(1)[0]}@x.example>")
    first = hands.message(hands.mail_of(1)[0])
    linked = hands.write("dora@other.example", in_reply_to=f"<{first.row.message_id}>")
    assert other.case.number == 2
    assert hands.case(3).links == [("possibly_belongs_to", 1)]
    assert linked.case.number == 3
    assert hands.unlink(3, "possibly_belongs_to", 1) is True
    assert hands.case(1).links == []


# Each row: links that are there, the one that is refused, and a word of why.
@pytest.mark.parametrize(
    ("there", "asked", "word"),
    [
        ([], (1, "related", 1), "twice"),
        ([], (1, "related", 9), "no case 9"),
        ([(1, "parent", 2)], (1, "parent", 3), "has a parent, case 2"),
        ([(1, "parent", 2)], (3, "child", 1), "has a parent, case 2"),
        ([(1, "parent", 2)], (2, "parent", 1), "above case 1 already"),
        ([(1, "parent", 2), (2, "parent", 3)], (3, "parent", 1), "above case 1 already"),
    ],
)
def test_a_link_that_makes_no_sense_is_refused(hands: Hands, there: list[tuple], asked: tuple, word: str):
    for _ in range(3):
        hands.write(CARL)
    for one in there:
        assert hands.link(*one) is True
    refusal = hands.link(*asked)
    assert isinstance(refusal, Refusal)
    assert word in refusal.words


def test_what_is_not_linked_cannot_be_unlinked(hands: Hands):
    hands.write(CARL)
    hands.write(CARL)
    hands.link(1, "related", 2)
    refusal = hands.unlink(1, "parent", 2)
    assert refusal.is_absent
    assert hands.case(1).links == [("related", 2)]
