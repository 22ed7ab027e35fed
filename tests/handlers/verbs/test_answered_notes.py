# SPDX-License-Identifier: Apache-2.0
"""What becomes of an agent's answer to a mail that told them of a change of a case."""

import re
import textwrap
from base64 import encodebytes
from dataclasses import replace
from quopri import encodestring
from types import SimpleNamespace

import pytest

from handlers import commenting
from handlers.acting import By
from handlers.changes import merging
from storage import cases
from storage.case_values import CaseSettings, Sections, Telling
from storage.response import R554_ANSWERS_A_NOTE, Response
from storage.states import Move
from tests.handlers.verbs.test_giving import answer
from tests.handlers.verbs.test_telling import change, told
from tests.support.office import ANN, CARL, DESK, World, field, mail

DORA = "Dora Other <dora@other.example>"
TOLD = ("message", "reply", "comment", "priority")


@pytest.fixture
def office(world: World) -> World:
    """Ann is told of all of it."""
    rules = tuple(Telling(name, agents=("ann",)) for name in TOLD)
    world.apply(replace(DESK, sections=Sections(cases=CaseSettings("FS-"), tellings=rules)))
    return world


def back(notice: SimpleNamespace) -> str:
    found = re.search("<(.*)>", field(notice, "from"))
    assert found is not None
    return found[1]


def answered(office: World, notice: SimpleNamespace, octets: bytes | None = None) -> object:
    """Ann answers a note; whom it went to, or the refusal."""
    ids = {"in_reply_to": field(notice, "message-id"), "references": field(notice, "message-id")}
    to = back(notice)
    made = office.reply(octets or mail(f"Ann <{ANN}>", "Dear you.", to=to, subject="Re: First", **ids), to)
    return office.sent("reply")[-1].to if isinstance(made, str) else made


def by_bob(office: World, happens: str) -> None:
    """What Ann is told of, in case 1."""
    by = By("agent:bob", office.now)
    if happens == "comment":
        with office.database.move(Move.EDIT) as unit:
            case = cases.lock_number(unit, 1)
            assert commenting.comment(unit, office.office.desk, case, commenting.Comment("Look here"), by) is None
    else:
        change(office, 1, by, priority="high")


# What Ann is told of, and what becomes of her answer: a note of words would answer whoever began the case.
@pytest.mark.parametrize(
    ("happens", "expected"), [("message", R554_ANSWERS_A_NOTE), ("comment", R554_ANSWERS_A_NOTE), ("priority", [CARL])]
)
def test_only_what_quotes_nobodys_words_is_answered_to_the_customer(
    office: World, happens: str, expected: object
) -> None:
    first = office.carl(subject="First", cc=DORA)
    told(office)
    if happens == "message":
        office.carl(author=DORA, subject="Re: First", in_reply_to=f"<{first.message_id}>")
    else:
        by_bob(office, happens)
    (notice,) = told(office)
    says = "answer the copy of the mail" in " ".join(notice.octets.decode().split())
    assert says == (expected is R554_ANSWERS_A_NOTE)
    assert answered(office, notice) == expected
    # Her answer to the copy of the mail itself goes to its author.
    author = "dora@other.example" if happens == "message" else CARL
    answer(office, "ann", "Dear you.")
    assert office.sent("reply")[-1].to == [author]


def test_an_answer_to_a_note_of_a_merged_case_shows_nobody_anothers_address(office: World) -> None:
    office.carl(subject="First")
    eves = office.carl(author="Eve Else <eve@else.example>", subject="Mine")
    with office.database.move(Move.CHANGE) as unit:
        merging.merge(unit, office.office.desk, (2, 1), By("operator:root", office.now), is_sure=True)
    told(office)
    office.carl(author="Eve Else <eve@else.example>", subject="Re: Mine", in_reply_to=f"<{eves.message_id}>")
    (notice,) = told(office)
    assert answered(office, notice) == R554_ANSWERS_A_NOTE
    assert office.sent("reply") == []


def quoted(notice: SimpleNamespace) -> list[str]:
    return [f"> {line}".rstrip() for line in notice.octets.decode().partition("\r\n\r\n")[2].splitlines()]


def wrapped(lines: list[str]) -> list[str]:
    """As a client does that quotes in narrow lines."""
    return [piece for line in lines for piece in textwrap.wrap(line, 20, break_long_words=False)]


def part(kind: str, encoding: str, octets: bytes) -> tuple[dict[str, str], str]:
    return {"content-type": kind, "content-transfer-encoding": encoding}, "\r\n".join(octets.decode().splitlines())


def html(lines: list[str]) -> bytes:
    return ("<p>Dear you.</p><blockquote>" + "<br>".join(lines).replace("c", "&#99;") + "</blockquote>").encode()


# How clients quote a note; the last rows are what is left when the agent cut all but its head, or its end.
QUOTES = {
    "as it stands": lambda lines: part("text/plain", "7bit", "\r\n".join(lines).encode()),
    "without marks": lambda lines: part("text/plain", "7bit", "\r\n".join(one[2:] for one in lines).encode()),
    "flowed": lambda lines: part("text/plain; format=flowed", "7bit", " \r\n".join(wrapped(lines)).encode()),
    "quoted-printable": lambda lines: part("text/plain", "quoted-printable", encodestring("\n".join(lines).encode())),
    "HTML in base64": lambda lines: part("text/html", "base64", encodebytes(html(lines))),
    "its first line": lambda lines: part("text/plain", "7bit", lines[0].encode()),
    "its last line": lambda lines: part("text/plain", "7bit", lines[-4].encode()),
}


@pytest.mark.parametrize("quote", QUOTES)
def test_an_answer_that_quotes_a_note_is_not_sent(office: World, quote: str) -> None:
    office.carl(subject="First")
    told(office)
    change(office, 1, By("agent:bob", office.now, "he is rude"), priority="high")
    (notice,) = told(office)
    fields, words = QUOTES[quote](quoted(notice))
    made = answered(office, notice, answering(notice, words, fields))
    assert isinstance(made, Response)
    assert str(made).endswith("it quotes a note of your desk; delete the quoted lines and send again")
    assert office.sent("reply") == []


def test_an_answer_with_the_quoted_lines_deleted_goes(office: World) -> None:
    office.carl(subject="First")
    told(office)
    change(office, 1, By("agent:bob", office.now, "he is rude"), priority="high")
    (notice,) = told(office)
    assert answered(office, notice, answering(notice, "Dear you, casegate says hello.", {})) == [CARL]
    for told_line in (b"rude", b"normal", b"casegatenote"):
        assert told_line not in office.sent("reply")[-1].octets


def answering(notice: SimpleNamespace, words: str, fields: dict[str, str]) -> bytes:
    ids = {"in_reply_to": field(notice, "message-id"), "references": field(notice, "message-id")}
    return mail(f"Ann <{ANN}>", words, to=back(notice), subject="Re: First", **ids, **fields)
