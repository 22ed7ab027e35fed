# SPDX-License-Identifier: Apache-2.0
"""Thread IDs as people and programs leave them in subjects and texts, and the tag that we write."""

from base64 import b64encode

import pytest

from handlers import tokens
from handlers.headers import decode_text, encode_unstructured
from handlers.shown_ids import in_subject, in_text, tagged, without
from tests.support.cost import seconds
from tests.support.office import KEYS

ID = tokens.new_thread_id(KEYS)
OTHER = tokens.new_thread_id(KEYS)
WRONG = ID[:-1] + ("A" if ID[-1] != "A" else "B")


def wide(text: str) -> str:
    return "".join(chr(ord(one) + 0xFEE0) for one in text)


SUBJECTS = {
    "as we write it": f"Re: [{ID}] Broken",
    "bare, behind tags and marks": f"Re: AW: [EXT] Broken {ID}",
    "in lower case": f"re: [{ID.lower()}] broken",
    "alone": ID,
    "with other brackets": f"Re: ({ID}) #{ID}: <{ID}>",
    "with a space where a fold was": f"Re: [{ID[:5]} {ID[5:]}] Broken",
    "in full-width letters": f"Re: [{wide(ID)}] Broken",
    "typed with digits for letters": f"Re: {ID.replace('O', '0').replace('I', '1')}",
    "next to what is no letter": f"Broken_{ID}_x",
}


@pytest.mark.parametrize("subject", SUBJECTS.values(), ids=SUBJECTS)
def test_an_id_is_found_in_a_subject(subject: str) -> None:
    assert in_subject(subject, KEYS) == [ID]


@pytest.mark.parametrize(
    "octets",
    [
        encode_unstructured(f"Größe [{ID}] Broken"),
        # Each word of its own, with the ID cut between two.
        b"=?utf-8?q?Gr=C3=B6=C3=9Fe_[" + ID[:6].encode() + b"?= =?utf-8?q?" + ID[6:].encode() + b"]_Broken?=",
        b"=?utf-16?b?" + b64encode(f"[{ID}]".encode("utf-16")) + b"?=",
        b"=?iso-2022-jp?b?" + b64encode(f"障害 [{ID}]".encode("iso-2022-jp")) + b"?=",
    ],
)
def test_an_id_is_found_inside_encoded_words(octets: bytes) -> None:
    assert in_subject(decode_text(octets), KEYS) == [ID]


@pytest.mark.parametrize("subject", ["", WRONG, f"x{ID}", f"{ID}7", "SUBSCRIPTION conversation", f"{ID[:6]}  {ID[6:]}"])
def test_what_only_looks_like_one_is_none(subject: str) -> None:
    assert in_subject(subject, KEYS) == []


def test_several_are_given_in_their_order_each_once() -> None:
    assert in_subject(f"[{OTHER}] {ID} [{OTHER}]", KEYS) == [OTHER, ID]


def test_in_a_text_it_may_be_part_of_an_address_of_ours() -> None:
    assert in_text(f"From: Firm <r.{ID.lower()}.abc@gw.example>".encode(), KEYS) == [ID]
    assert in_text(f"> Größe: thread {ID}\n".encode(), KEYS) == [ID]


def test_a_text_full_of_words_that_look_like_ids_costs_no_more_than_another() -> None:
    words, spaces = f"{WRONG} ".encode() * 1200, b"words and so " * 1200
    assert seconds(lambda: in_text(words, KEYS)) < 10 * seconds(lambda: in_text(spaces, KEYS)) + 0.002


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        ("Broken", f"[{ID}] Broken"),
        # Behind the marks, so that the base subject stays what it was.
        ("Re: AW: Broken", f"Re: AW: [{ID}] Broken"),
        ("", f"[{ID}]"),
        ("Re:", f"Re: [{ID}]"),
        # Once, wherever it stood.
        (f"Re: [{ID}] Broken", f"Re: [{ID}] Broken"),
        (f"Re: Broken [{ID}] [{ID.lower()}]", f"Re: [{ID}] Broken"),
        # Somebody wrote it bare: it is there.
        (f"Re: Broken {ID}", f"Re: Broken {ID}"),
        # Another case's stays the writer's word.
        (f"Re: [{OTHER}] Broken", f"Re: [{ID}] [{OTHER}] Broken"),
    ],
)
def test_the_tag_stands_in_a_subject_once(subject: str, expected: str) -> None:
    assert tagged(subject, ID) == expected
    assert tagged(expected, ID) == expected


def test_without_its_tag_a_subject_reads_as_it_was() -> None:
    assert without(f"Re: [{ID}] Broken  [{ID.lower()}]", ID) == "Re: Broken"
