# SPDX-License-Identifier: Apache-2.0
"""The table of storage/states.py is what the code obeys."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from storage import states
from storage.states import MessageState, Move, RecipientState

ROOT = Path(states.__file__).parent.parent


def _table() -> dict[str, tuple[str, set[str], set[str]]]:
    rows = re.findall(r"^\| (\w+) +\| (\w+) +\| ([^|]+)\| ([^|]+)\|", states.__doc__ or "", re.MULTILINE)
    return {
        move: (noun, set(before.split()), set(after.split())) for move, noun, before, after in rows if noun != "noun"
    }


def _sources() -> str:
    rooms = (ROOT / room for room in ("gateway", "handlers"))
    return "\n".join(path.read_text() for room in rooms for path in room.rglob("*.py"))


def test_the_table_has_a_row_for_every_move_and_no_other() -> None:
    assert list(_table()) == [move.value for move in Move]


@pytest.mark.parametrize(
    ("noun", "known", "more"),
    [
        ("message", {state.value for state in MessageState}, {"-", "arriving"}),  # arriving: of its content
        ("recipient", {state.value for state in RecipientState}, set()),
    ],
)
def test_the_table_names_every_state_and_no_other(noun: str, known: set[str], more: set[str]) -> None:
    named = set[str]().union(*(before | after for kind, before, after in _table().values() if kind == noun))
    assert named - more == known


def test_every_write_transaction_names_its_move() -> None:
    for call in re.findall(r"database\.move\((.*?)\)", _sources()):
        assert re.fullmatch(r"Move\.[A-Z]+(, Move\.[A-Z]+)*", call), call


def test_every_move_is_made_somewhere() -> None:
    made = set(re.findall(r"Move\.([A-Z]+)", _sources()))
    assert made == {move.name for move in Move}


def test_every_move_has_a_kill_point_on_either_side_of_its_commit() -> None:
    assert len(states.kill_points()) == 2 * len(Move)
    assert {"accept:before", "accept:after"} < set(states.kill_points())


def test_a_process_dies_at_its_kill_point_and_only_the_time_it_was_told() -> None:
    script = "from storage.states import *\nfor _ in range(3):\n pass_kill_point(Move.ROUTE, 'before'); print('passed')"
    environment = {**os.environ, states.KILL_VARIABLE: "route:before:3", "PYTHONUNBUFFERED": "1"}
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout.split()) == (-signal.SIGKILL, ["passed", "passed"])
