# SPDX-License-Identifier: Apache-2.0
"""Each file in tests/bad_conf is refused with the one line beside it."""

from pathlib import Path

import pytest

from gateway import config, desk_file
from gateway.config_errors import ConfigError

FOLDER = Path(__file__).parent.parent / "bad_conf"
FILES = sorted(path.name for path in FOLDER.glob("*.toml"))


def _load(name: str):
    if name.startswith("desk_"):
        desk_file.load(Path(name))
    else:
        config.load(Path(name), {})


@pytest.mark.parametrize("name", FILES)
def test_a_bad_file_is_refused_with_one_line(name, monkeypatch):
    monkeypatch.chdir(FOLDER)
    with pytest.raises(ConfigError) as caught:
        _load(name)
    assert str(caught.value) + "\n" == Path(name).with_suffix(".expected").read_text()
    assert "\n" not in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_every_expected_line_has_its_file():
    assert {path.stem for path in FOLDER.glob("*.expected")} == {Path(name).stem for name in FILES}
    assert len(FILES) >= 25


def test_a_file_that_is_not_there_is_one_line(tmp_path):
    with pytest.raises(ConfigError, match="found no readable file"):
        config.load(tmp_path / "absent.toml", {})


def test_a_file_that_is_not_utf8_is_one_line(tmp_path):
    (tmp_path / "bad.toml").write_bytes(b"[server]\nname = '\xff'\n")
    with pytest.raises(ConfigError, match="not UTF-8"):
        config.load(tmp_path / "bad.toml", {})


def test_a_file_of_deep_brackets_is_one_line(tmp_path):
    (tmp_path / "bad.toml").write_text("a = " + "[" * 100_000)
    with pytest.raises(ConfigError, match="fault in the syntax"):
        config.load(tmp_path / "bad.toml", {})
