# SPDX-License-Identifier: Apache-2.0
"""The program as a process: exit codes that scripts rely on, one line of words, never a traceback."""

import json
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from gateway.cli import cli
from gateway.cli_operator import BAD_CALL, NOT_FOUND, TRY_LATER
from storage.states import Move
from tests.support.office import World
from tests.support.waiting import PATIENCE_S

ROOT = Path(__file__).parent.parent.parent.parent
DOCUMENT = ROOT / "docs" / "cli.md"


@pytest.fixture
def is_fresh() -> bool:
    return True


def program(*words, stdin=b"", **options):
    """Run it as the console script does, from another directory than the checkout."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"}
    command = [sys.executable, "-P", "-m", "gateway", *map(str, words)]
    return subprocess.run(
        command, input=stdin, capture_output=True, env=environment, cwd="/", timeout=PATIENCE_S, **options
    )


def verbs(group=cli, before=()):
    """Every verb of the click tree, as it is typed."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from verbs(command, (*before, name))
        else:
            yield " ".join((*before, name))


# A call or a configuration that no later try can mend.
@pytest.mark.parametrize(
    "words",
    [
        ("nosuch",),
        ("message",),
        ("message", "show"),
        ("message", "list", "--limit", "0"),
        ("message", "list", "--nosuch"),
        ("case", "show", "one"),
        ("case", "show", "99999999999999999999"),
        ("run", "web"),
        ("agent", "presence", "ann", "asleep"),
        ("apply", "/nonexistent/desk.toml"),
    ],
)
def test_a_bad_call_is_one_line_and_exit_2(installation, words):
    installation.out("apply", str(installation.desk))
    installation.refused(BAD_CALL, *words)


@pytest.mark.parametrize("words", [("message", "list"), ("serve",), ("run", "mx"), ("migrate",), ("export",)])
def test_a_bad_configuration_is_one_line_and_exit_2(installation, words):
    installation.file.write_text("[server]\nnam = 1\n")
    assert "server.nam: found an unknown key" in installation.refused(BAD_CALL, *words)


def test_a_missing_configuration_names_the_default_file():
    done = program("address", "list")
    assert (done.returncode, done.stdout) == (BAD_CALL, b"")
    assert done.stderr.startswith(b"casegate: /etc/casegate/casegate.toml: found no readable file")
    assert done.stderr.count(b"\n") == 1


def test_a_database_that_cannot_be_reached_is_a_try_later(installation):
    text = installation.file.read_text()
    installation.file.write_text(text + '[database]\nurl = "postgresql+psycopg://me@127.0.0.1:1/db"\n')
    installation.refused(TRY_LATER, "message", "list")


def test_a_database_that_is_none_is_a_try_later(installation):
    (installation.directory / "casegate.db").write_bytes(b"these are not the bytes of a database " * 100)
    installation.refused(TRY_LATER, "case", "list")


def test_a_state_directory_that_cannot_be_made_is_exit_2(installation):
    installation.file.write_text('[server]\nname = "gw.example"\nstate_dir = "/dev/null/state"\n')
    assert "server.state_dir: cannot make /dev/null/state" in installation.refused(BAD_CALL, "team", "list")


def test_damaged_content_is_said_in_one_line(installation, world: World):
    arrived = world.carl()
    with world.database.move(Move.APPLY) as unit:
        unit.exec_driver_sql("DELETE FROM content_chunk")
    assert "damaged" in installation.refused(NOT_FOUND, "message", "raw", arrived.id)


def test_an_unexpected_failure_is_one_line_too(installation, monkeypatch):
    monkeypatch.setattr("storage.desk.export", lambda unit: 1 / 0)
    words = installation.refused(TRY_LATER, "export")
    assert "unexpected ZeroDivisionError at test_program.py" in words


def test_standard_output_holds_one_json_document_and_nothing_else(installation, world: World):
    world.carl()
    done = program("-c", installation.file, "message", "list", "--json")
    assert (done.returncode, done.stderr) == (0, b"")
    assert len(json.loads(done.stdout)) == 1


def test_a_reader_that_goes_away_is_no_fault(installation, world: World):
    world.carl()
    reader, writer = os.pipe()
    os.close(reader)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-P", "-m", "gateway", "-c", str(installation.file), "message", "list", "--json"]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, env=environment, cwd="/", timeout=PATIENCE_S)
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, b"")


def test_control_c_ends_a_call_without_words(installation, monkeypatch):
    def interrupted(_):
        raise KeyboardInterrupt

    monkeypatch.setattr("storage.desk.export", interrupted)
    result = installation.call("export")
    assert (result.exit_code, result.output.strip()) == (130, "")


def test_a_password_is_read_from_a_pipe(installation):
    installation.out("apply", str(installation.desk))
    done = program("-c", installation.file, "agent", "password", "ann", stdin=b"a long password\n")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"agent ann: password set\n", b"")


def test_every_verb_stands_in_the_documentation():
    text = DOCUMENT.read_text("utf-8")
    assert [verb for verb in verbs() if f"`casegate {verb}" not in text or f"\n    casegate {verb}" not in text] == [
        "agent password"  # its example is a pipe
    ]


def test_a_terminal_of_another_character_set_gets_escapes(installation, world: World):
    world.carl(subject="=?utf-8?q?Gr=C3=BC=C3=9Fe_=E2=82=AC?=")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "latin-1"}
    command = [sys.executable, "-P", "-m", "gateway", "-c", str(installation.file), "case", "show", "1"]
    done = subprocess.run(command, capture_output=True, env=environment, cwd="/", timeout=PATIENCE_S)
    assert done.returncode == 0, done.stderr
    assert b"Gr\xfc\xdfe \\u20ac" in done.stdout
