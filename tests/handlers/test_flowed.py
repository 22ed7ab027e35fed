# SPDX-License-Identifier: Apache-2.0
"""format=flowed becomes paragraphs again (RFC 3676 §4)."""

import pytest

from handlers.flowed import unflow

JOINED = [
    # soft line ends go, hard ones stay
    ("one \ntwo\nthree\n", "one two\nthree\n"),
    # §4.4: stuffed lines
    (" From here\n >no quote\n", "From here\n>no quote\n"),
    # §4.5: only in the same depth of quotes
    (">> a \n>> b \n> c\nd", ">> a b \n> c\nd"),
    # §4.3: a signature is never joined
    ("bye \n-- \nAnn", "bye \n-- \nAnn"),
    ("end ", "end "),
    ("\n\n \n", "\n\n\n"),
]


@pytest.mark.parametrize(("text", "joined"), JOINED)
def test_paragraphs_are_joined(text: str, joined: str) -> None:
    assert unflow(text, is_delsp=False) == joined


def test_the_space_goes_where_the_mail_says_so() -> None:
    assert unflow("日本 \n語\n", is_delsp=True) == "日本語\n"
