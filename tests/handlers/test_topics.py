# SPDX-License-Identifier: Apache-2.0
"""What a subject is about, and whether a mail quotes another: tables, the reason above each row."""

import pytest

from handlers.quoting import holds_a_quote
from handlers.topics import MAX_CHARACTERS, base_subject, behind_marks, topic
from storage.ways import Host, Passage, Way
from tests.support.cost import seconds, unit, within


@pytest.mark.parametrize(
    ("subject", "base", "is_answer"),
    [
        ("Broken", "broken", False),
        # Step 1: white space of any kind is one space.
        (" a b\tc\r\n d\t", "a b c d", False),
        # Step 2: trailers, as often as they come.
        ("Broken (fwd) (FWD) ", "broken", True),
        # Step 3: marks with blobs before the word and behind it.
        ("RE: fw: Fwd: Broken", "broken", True),
        ("[list] re [2] : Broken", "broken", True),
        # A blob without a mark goes, but not when nothing else is there.
        ("[list] Broken", "broken", False),
        ("[list]", "[list]", False),
        # Without its colon a mark is a word.
        ("fwd [list] Broken", "fwd [list] broken", False),
        # Step 6: a forward in brackets, and again from step 2.
        ("[Fwd: [list] Re: [fwd: Broken (fwd)]]", "broken", True),
        # Nothing is left, or what no subject may hold.
        ("Re: fwd [list]:", "", True),
        ("", "", False),
        ("re: a \0b", "", False),
    ],
)
def test_the_base_subject_of_rfc_5256(subject: str, base: str, is_answer: bool) -> None:
    assert base_subject(subject) == (base, is_answer)


def forwarded(before: str, after: str) -> Way:
    seen = Passage("", 0.0, Host(""), "", (), "", "", "", "", False, (), before, after, "")
    return Way("a@b.example", "a@b.example", "forwarded", learnt=seen)


@pytest.mark.parametrize(
    "subject",
    [
        # Marks of many languages, counted, with other colons, and tags of filters.
        "Re: AW: WG: Sv: VS: Antw: RES: ENC: R: I: RIF: Odp: YNT: Broken machine",
        "回复：转发: Broken machine",
        "Ответ: Broken machine",
        "RE[4]: Re(2): Re^3: Broken machine",
        "[EXT] ***SPAM*** EXTERNAL: Re: Broken machine",
        # Thread IDs say nothing about the topic.
        "Re: [JXA6PDRNQ2SO] Broken machine",
        "Broken machine JXA6PDRNQ2SO",
        # Full-width letters.
        "Ｒｅ： Ｂｒｏｋｅｎ machine",
        # Some programs end a subject that is too long.
        "Broken machine...",
    ],
)
def test_what_programs_put_around_a_subject_is_no_part_of_the_topic(subject: str) -> None:
    assert topic(subject) == "broken machine"


def test_what_the_forwarder_of_an_address_is_known_to_put_around_a_subject_is_none_either() -> None:
    assert topic("Firm says: Broken machine (via Firm)", [forwarded("Firm says:", "(via Firm)")]) == "broken machine"


@pytest.mark.parametrize(
    ("subject", "rest"),
    [("Re: AW: Broken", "Broken"), ("Broken: Re: x", "Broken: Re: x"), ("[a] Re: Broken", "Broken"), ("Re:", "")],
)
def test_the_words_begin_behind_the_marks(subject: str, rest: str) -> None:
    assert subject[behind_marks(subject) :] == rest


QUOTES = {
    "a quoted line": "Hello\n\n> It is broken",
    "an attribution": "Hello\n\nOn Sun, 22 Nov 2026 Firm Support <support@firm.example> wrote:\nIt hums.",
    "an attribution in a language without spaces": "你好\n\n在 2026年11月22日，Firm <support@firm.example> 写道：\n",
    "a divider": "Hello\n\n-----Ursprüngliche Nachricht-----\nIt hums.",
    "a rule": "Hello\n________________________________\nIt hums.",
    "a header block": "Hello\n\nVon: Firm <support@firm.example>\nGesendet: Sonntag\nAn: Carl\nBetreff: Broken",
    "a page of Gmail": '<div>Hello</div><div class="gmail_quote">It hums.</div>',
    "a page of Outlook": '<p>Hello</p><div style="border:none;border-top:solid #E1E1E1 1.0pt">From</div>',
    "a page that quotes": "<p>Hello</p><blockquote>It hums.</blockquote>",
}


@pytest.mark.parametrize("words", QUOTES.values(), ids=QUOTES)
def test_a_quote_is_seen(words: str) -> None:
    assert holds_a_quote(words)


@pytest.mark.parametrize(
    "words",
    [
        "",
        "Hello,\n\nplease send me a new key.\n\nCarl",
        # A signature is no quote.
        "Hello\n-- \nCarl Customer\nPhone: 555\nMail: carl@customer.example",
        # Nor is what a sentence announces.
        "I need the following:\na key\na lamp",
    ],
)
def test_words_of_ones_own_are_no_quote(words: str) -> None:
    assert not holds_a_quote(words)


@pytest.mark.parametrize("piece", ["[a]", "re:", "[", "(fwd) ", "re [", "[fwd:", "*", "a:@", "_", "1 "])
def test_no_subject_and_no_text_costs_more_than_its_length(piece: str) -> None:
    short, long = (piece * (size // len(piece)) for size in (4_000, 16_000))
    assert within(2 * unit(), lambda: topic(piece * MAX_CHARACTERS))
    assert seconds(lambda: holds_a_quote(long)) < 12 * seconds(lambda: holds_a_quote(short)) + 0.002
