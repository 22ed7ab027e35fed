# SPDX-License-Identifier: Apache-2.0
"""The secrets of an installation: made once, kept for good, never replaced."""

import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from gateway import config, keys, opening
from gateway.config_errors import ConfigError
from handlers import tokens
from storage import threads
from storage.states import Move


@pytest.fixture
def is_fresh() -> bool:
    return True


def configured(directory):
    path = directory / "casegate.toml"
    path.write_text(f'[server]\nname = "gw.example"\nstate_dir = "{directory}/state"\n')
    return config.load(path, {})


def test_new_keys_are_private_and_stay_the_same(tmp_path):
    made = keys.load(tmp_path, "gw.example", make=True)
    assert keys.load(tmp_path, "gw.example", make=False) == made
    directory = tmp_path / "keys"
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir()} == dict.fromkeys(
        keys.FIRST_FILES, 0o600
    )
    assert [path.name for path in tmp_path.iterdir()] == ["keys"]


def test_no_keys_and_no_leave_to_make_them_is_refused_in_one_line(tmp_path):
    with pytest.raises(ConfigError, match="restore keys/ from the backup") as refusal:
        keys.load(tmp_path, "gw.example", make=False)
    assert "\n" not in str(refusal.value)
    assert not (tmp_path / "keys").exists()


def test_what_is_there_is_kept_when_the_rest_is_made(tmp_path):
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys/address.c.key").write_text("ab" * 32)
    made, _ = keys.load(tmp_path, "gw.example", make=True)
    assert made.addresses.keys == {"c": b"\xab" * 32}
    assert not (tmp_path / "keys/address.a.key").exists()


def test_the_last_letter_signs_and_the_earlier_ones_verify(tmp_path):
    old, _ = keys.load(tmp_path, "gw.example", make=True)
    given = tokens.message_id(old, "JXA6PDRNQ2SO", "b" * 20)
    (tmp_path / "keys/message-id.b.key").write_text("cd" * 32)
    new, _ = keys.load(tmp_path, "gw.example", make=False)
    assert new.message_ids.current == "b"
    assert tokens.read_message_id(new, given) is not None


def test_processes_that_start_at_once_end_up_with_the_same_keys(tmp_path):
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: keys.load(tmp_path, "gw.example", make=True), range(4)))
    assert all(each == found[0] for each in found)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("thread.key", ""),  # a disk that was full
        ("message-id.a.key", "ab" * 31),  # cut
        ("address.a.key", "not hex at all"),
        ("dkim.pem", "-----BEGIN PRIVATE KEY-----\n"),
    ],
)
def test_a_damaged_key_is_named_in_one_line(tmp_path, name, text):
    keys.load(tmp_path, "gw.example", make=True)
    (tmp_path / "keys" / name).write_text(text)
    with pytest.raises(ConfigError, match=name) as refusal:
        keys.load(tmp_path, "gw.example", make=False)
    assert "\n" not in str(refusal.value)


def test_a_fresh_installation_gets_keys_by_itself(tmp_path):
    conf = configured(tmp_path)
    database = opening.open_store(conf)
    made = opening.open_keys(conf, database)
    assert opening.open_keys(conf, database) == made
    database.close()


def test_lost_keys_are_not_replaced_once_there_are_threads(tmp_path):
    conf = configured(tmp_path)
    database = opening.open_store(conf)
    with database.move(Move.ACCEPT) as unit:
        threads.make(unit, "JXA6PDRNQ2SO", datetime(2026, 1, 1, tzinfo=UTC))
    with pytest.raises(ConfigError, match="restore keys/ from the backup"):
        opening.open_keys(conf, database, complete=True)
    database.close()


def test_one_lost_key_is_not_replaced_by_a_start(tmp_path):
    conf = configured(tmp_path)
    database = opening.open_store(conf)
    opening.open_keys(conf, database)
    (tmp_path / "state/keys/dkim.pem").unlink()
    with pytest.raises(ConfigError, match=r"dkim\.pem"):
        opening.open_keys(conf, database)
    opening.open_keys(conf, database, complete=True)
    database.close()
