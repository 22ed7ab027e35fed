# SPDX-License-Identifier: Apache-2.0
"""The scenario of the move `change`: merge, split, move and each undo, every one killed; tests/crash/scenarios.py."""

from storage import cases
from tests.crash.house import House
from tests.crash.ledger import Sent


def change(house: House, side: str) -> int:
    """Each change is there whole or not at all; made again where it is not, the mail is where it should be.

    In the end every mail is where it came to; the case that the split made is empty and leads to the old one.
    """
    mails = [house.ledger.send(house.ledger.mail()) for _ in range(3)]
    house.settle()
    first, second, third = (_case_of(house, sent) for sent in mails)
    one, two, _ = mails
    steps = (
        (("merge", second, "into", first, "--yes"), two, first),
        (("split", first, two.id), two, None),
        (("undo", first), two, first),
        (("move", two.id, "--to", third, "--yes"), two, third),
        (("undo", third), two, first),
        (("undo", first), two, second),
    )
    for words, sent, expected in steps:
        before = _case_of(house, sent)
        house.dying_call(f"change:{side}:1", "case", *words)
        assert (_case_of(house, sent) == before) == (side == "before"), words
        if side == "before":
            house.installation.call("case", *words)
        now = _case_of(house, sent)
        assert now == expected if expected is not None else now not in (first, second, third), words
        assert _case_of(house, one) == first
        shown = house.installation.json("case", "show", now)
        assert sent.id in shown["messages"], words
    for sent in mails:
        assert house.installation.json("message", "show", sent.id)["case"] == int(_case_of(house, sent))
    return 0


def _case_of(house: House, sent: Sent) -> str:
    """The number of the case that a mail belongs to."""
    return str(house.look(lambda unit: cases.of_thread(unit, house.message(sent).thread_id)).number)
