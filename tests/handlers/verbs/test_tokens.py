# SPDX-License-Identifier: Apache-2.0
"""What we sign we know again, in any letter case and with retired keys; everything else is not ours."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers import tokens
from handlers.tokens import Keyring, Keys, Role
from storage.address import parse
from tests.support.office import ANN, CARL, KEYS

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
THREAD = tokens.new_thread_id(KEYS)
NAME = tokens.new_name(NOW)
MESSAGE_ID = tokens.message_id(KEYS, THREAD, NAME)
CUSTOMER = tokens.reply_address(KEYS, THREAD, CARL, Role.CUSTOMER, NOW + timedelta(days=3))
AGENT = tokens.reply_address(KEYS, THREAD, ANN.key, Role.AGENT, NOW + timedelta(days=3))
BOUNCE = tokens.bounce_address(KEYS, THREAD, NAME)


def local(address: str) -> str:
    return address.partition("@")[0]


def read_any(text: str) -> object:
    """Whatever a token might be taken for."""
    found = tokens.read_reply_address(KEYS, local(text), NOW), tokens.read_bounce_address(KEYS, local(text))
    return next((one for one in (*found, tokens.read_message_id(KEYS, text)) if one is not None), None)


def test_a_thread_id_has_twelve_characters_and_a_keyed_check() -> None:
    made = {tokens.new_thread_id(KEYS) for _ in range(300)}
    assert len(made) == 300
    assert all(tokens.THREAD_ID.fullmatch(one) and tokens.is_thread_id(KEYS, one) for one in made)
    other = Keys(KEYS.host, b"another key", KEYS.message_ids, KEYS.addresses)
    assert not any(tokens.is_thread_id(other, one) for one in made)


@pytest.mark.parametrize(
    "text", ["", THREAD.lower(), THREAD + "A", THREAD[:-1], "AAAAAAAA\nAAA", "ÄÖÜAAAAAAAAA", THREAD + "\n"]
)
def test_what_is_not_a_thread_id(text: str) -> None:
    assert not tokens.is_thread_id(KEYS, text)


def test_what_we_make_we_read() -> None:
    assert tokens.read_message_id(KEYS, MESSAGE_ID) == tokens.OwnMessageId(THREAD, NAME)
    assert tokens.read_bounce_address(KEYS, local(BOUNCE)) == tokens.OwnMessageId(THREAD, NAME)
    customer = tokens.read_reply_address(KEYS, local(CUSTOMER), NOW)
    assert (customer.thread_id, customer.role, customer.expired) == (THREAD, Role.CUSTOMER, False)
    assert customer.participant == tokens.participant_tag(KEYS, CARL)
    assert tokens.read_reply_address(KEYS, local(AGENT), NOW).role is Role.AGENT


@pytest.mark.parametrize("text", [MESSAGE_ID, CUSTOMER, AGENT, BOUNCE])
def test_mail_systems_may_fold_the_letter_case(text: str) -> None:
    assert text == text.lower()
    assert read_any(text.upper()) == read_any(text) is not None


@pytest.mark.parametrize("text", [CUSTOMER, AGENT, BOUNCE])
def test_an_address_is_one_that_smtp_carries(text: str) -> None:
    assert len(parse(text).local) <= 64


@pytest.mark.parametrize("text", [MESSAGE_ID, CUSTOMER, AGENT, BOUNCE])
def test_one_bit_changed_anywhere_is_not_ours(text: str) -> None:
    end = len(local(text))
    for position in range(end):
        for bit in range(7):
            changed = text[:position] + chr(ord(text[position]) ^ 1 << bit) + text[position + 1 :]
            if changed.lower() != text:
                assert read_any(changed) is None, changed


def test_one_role_never_reads_as_the_other() -> None:
    assert tokens.read_reply_address(KEYS, "a" + local(CUSTOMER)[1:], NOW) is None
    assert tokens.read_reply_address(KEYS, "r" + local(AGENT)[1:], NOW) is None
    assert tokens.read_bounce_address(KEYS, local(CUSTOMER)) is None
    assert tokens.read_reply_address(KEYS, local(BOUNCE), NOW) is None
    # A bounce address and a Message-ID of one row hold different MACs.
    assert local(BOUNCE)[-16:] != local(MESSAGE_ID)[-16:]
    assert tokens.read_message_id(KEYS, local(BOUNCE)[2:] + "@gw.example") is None


def test_another_hosts_message_id_is_not_ours() -> None:
    assert tokens.read_message_id(KEYS, MESSAGE_ID.replace("gw.example", "gw.example.evil")) is None


def test_an_address_expires_at_the_end_of_its_day_and_says_so() -> None:
    def expired(at: datetime) -> bool:
        return tokens.read_reply_address(KEYS, local(CUSTOMER), at).expired

    assert not expired(datetime(2026, 11, 25, 23, 59, tzinfo=UTC))
    assert expired(datetime(2026, 11, 26, 0, 0, tzinfo=UTC))


def test_retired_keys_verify_and_forgotten_ones_do_not() -> None:
    retired = Keys(KEYS.host, KEYS.thread, Keyring("a", KEYS.message_ids.keys), Keyring("a", KEYS.addresses.keys))
    old = tokens.message_id(retired, THREAD, NAME)
    assert tokens.read_message_id(KEYS, old) is not None
    forgotten = Keyring("b", {"b": KEYS.message_ids.keys["b"]})
    assert tokens.read_message_id(Keys(KEYS.host, KEYS.thread, forgotten, KEYS.addresses), old) is None


def test_names_sort_by_the_time_of_making() -> None:
    times = [NOW + timedelta(milliseconds=step**3) for step in range(60)]
    names = [tokens.new_name(at) for at in times]
    assert names == sorted(names)
    assert all(len(name) == 20 for name in names)


@given(st.text(max_size=120))
def test_no_text_breaks_the_readers(text: str) -> None:
    tokens.is_thread_id(KEYS, text)
    assert read_any(text) is None


@given(st.text(alphabet="abcdefghijklmnopqrstuvwxyz234567", min_size=16, max_size=16))
def test_a_guessed_mac_is_not_ours(mac: str) -> None:
    for text in (CUSTOMER, AGENT, BOUNCE, MESSAGE_ID):
        guessed = local(text)[:-16] + mac + "@gw.example"
        assert guessed == text or read_any(guessed) is None


def test_a_participants_tag_cannot_be_guessed_without_the_key() -> None:
    other = Keys(KEYS.host, KEYS.thread, KEYS.message_ids, Keyring("a", {"a": b"another key"}))
    assert tokens.participant_tag(KEYS, CARL) != tokens.participant_tag(other, CARL)
    assert tokens.participant_tag(KEYS, CARL) != tokens.participant_tag(KEYS, ANN.key)
