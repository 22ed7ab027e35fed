# SPDX-License-Identifier: Apache-2.0
"""What a colleague wrote to others than the customer: an answer to its copy never goes to the customer."""

import pytest

from storage.response import R554_SIDE_LETTER
from tests.handlers.verbs.test_giving import answer, give, office, sweep
from tests.support.office import ANN, CARL, World, field, mail

__all__ = ["office"]
EXPERT, BOSS, DORA = "expert@supplier.example", "boss@supplier.example", "dora@other.example"
WORDS = "Between us: Carl broke it himself."


def letter(office: World, *to: str) -> None:
    """Ann writes in case 1 to these alone, and Cat, who has the case, gets the copy."""
    copy = [one for one in office.sent("copy") if str(ANN) in one.to][-1]
    fields = {"to": ", ".join(to), "subject": "Re: First", "in_reply_to": field(copy, "message-id")}
    assert isinstance(office.reply(mail(f"ann <{ANN}>", WORDS, **fields), *to, login="ann"), str)
    sweep(office)


def cats_answer(office: World, *others: str, via: str = "in_reply_to") -> object:
    """Cat presses Reply on her last copy; whom it went to, or the refusal."""
    copy = [one for one in office.sent("copy") if "cat.poe@private.example" in one.to][-1]
    assert WORDS.encode() in copy.octets
    back = field(copy, "reply-to")
    ids = {"in_reply_to": field(copy, "message-id")}
    if via == "references":  # her own words on it, which came to nothing, stand between
        named = f"{field(copy, 'references')} {field(copy, 'message-id')} <mine@laptop.example>"
        ids = {"in_reply_to": "<mine@laptop.example>", "references": named}
    fields = {"to": back, "cc": ", ".join(others) or None, "subject": "Re: First", **ids}
    octets = mail("cat <cat.poe@private.example>", f"I agree.\r\n\r\n> {WORDS}", **fields)
    made = office.reply(octets, back, *others, login="cat")
    return sorted(office.sent("reply")[-1].to) if isinstance(made, str) else made


# (whom Ann wrote to, whom Cat adds, and whom Cat's answer goes to).
LETTERS = {
    "one reader, who is not the customer": ((EXPERT,), (), [EXPERT]),
    "the same, by Reply-All": ((EXPERT,), (EXPERT,), [EXPERT]),
    "one reader, and Cat names another beside them": ((EXPERT,), (BOSS,), R554_SIDE_LETTER),
    "two readers, neither of them the customer": ((EXPERT, BOSS), (), R554_SIDE_LETTER),
    "the customer among them": ((EXPERT, CARL), (), [CARL]),
}


@pytest.mark.parametrize("via", ["in_reply_to", "references"])
@pytest.mark.parametrize("row", LETTERS)
def test_an_answer_to_the_copy_of_a_letter_goes_to_who_had_the_letter(office: World, row: str, via: str) -> None:
    to, others, expected = LETTERS[row]
    office.carl(subject="First")
    give(office, 1, to="cat")
    sweep(office)
    letter(office, *to)
    assert cats_answer(office, *others, via=via) == expected
    assert WORDS.encode() not in b"".join(one.octets for one in office.sent("reply") if one.to == [CARL]) or CARL in to


def test_so_it_is_for_who_takes_the_case_over_later(office: World) -> None:
    office.carl(subject="First")
    letter(office, EXPERT)
    give(office, 1, to="cat")
    sweep(office)
    assert cats_answer(office) == [EXPERT]


def test_of_several_readers_the_one_who_had_asked_is_answered(office: World) -> None:
    first = office.carl(subject="First", cc=DORA)
    office.carl(author=f"Dora Other <{DORA}>", subject="Re: First", in_reply_to=f"<{first.message_id}>")
    give(office, 1, to="cat")
    sweep(office)
    answer(office, "ann", WORDS, cc=CARL)
    sweep(office)
    assert cats_answer(office, via="references") == [DORA]
