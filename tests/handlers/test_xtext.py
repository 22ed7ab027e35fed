# SPDX-License-Identifier: Apache-2.0
"""xtext and addresses of the DSN extension: what is hidden comes back, and never as more than one line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers import xtext

PRINTABLE = st.text(st.characters(min_codepoint=32, max_codepoint=126))


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        # RFC 3461 §4: plus and equals sign, and all but visible ASCII, are hidden.
        ("QQ314159", "QQ314159"),
        ("a+b=c", "a+2Bb+3Dc"),
        ("two words", "two+20words"),
        ("~!*,<>-", "~!*,<>-"),
    ],
)
def test_xtext_hides_what_would_end_a_parameter(text: str, hidden: str) -> None:
    assert xtext.encode(text) == hidden
    assert xtext.decode(hidden) == text


@given(PRINTABLE)
def test_what_was_hidden_comes_back(text: str) -> None:
    hidden = xtext.encode(text)
    assert xtext.decode(hidden) == text
    assert not set(hidden) & set(" =")


@given(st.text())
def test_nothing_but_one_printable_line_comes_back(hidden: str) -> None:
    assert all(" " <= character <= "~" for character in xtext.decode(hidden))


@pytest.mark.parametrize("hidden", ["+0D+0Ax", "+00", "+7F", "+FF", "x\r\ny", "\u00e4"])
def test_what_is_no_line_of_printable_ascii_is_nothing(hidden: str) -> None:
    assert xtext.decode(hidden) == ""


@pytest.mark.parametrize(
    ("address", "parameter", "shown"),
    [
        ("bob+1@far.example", "rfc822;bob+2B1@far.example", "rfc822; bob+1@far.example"),
        ('"two words"@far.example', 'rfc822;"two+20words"@far.example', 'rfc822; "two words"@far.example'),
        # RFC 6533 §3: another type, whose plus, equals sign and backslash are hidden in the same way as the rest.
        ("b\u00f6b@far.example", r"utf-8;b\x{F6}b@far.example", r"utf-8; b\x{F6}b@far.example"),
        ("+\U0001f600=@far.example", r"utf-8;\x{2B}\x{1F600}\x{3D}@far.example", None),
    ],
)
def test_addresses_are_ascii_with_their_type(address: str, parameter: str, shown: str | None) -> None:
    assert xtext.original_recipient(address) == parameter
    assert xtext.typed(address) == (shown or parameter.replace(";", "; ", 1))
