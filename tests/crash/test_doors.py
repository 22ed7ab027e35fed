# SPDX-License-Identifier: Apache-2.0
"""What workers that were killed leave hanging beside the door keeps nobody from ringing those that live."""

import os
import socket
from pathlib import Path

import pytest

from gateway.bell import Doors


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """The directory of the doorbells, with that of a killed worker which had this process's id."""
    _leave_behind(tmp_path, f"worker-{os.getpid()}.sock")
    return tmp_path


def _leave_behind(directory: Path, name: str) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as killed:
        killed.bind(str(directory / name))


def test_a_worker_takes_the_place_of_a_killed_one_with_its_process_id(directory: Path):
    doors = Doors(directory)
    with doors.bell() as bell:
        doors.strike([])
        assert bell.recv(1) == b"!"


def test_the_door_of_a_killed_worker_is_taken_off_by_whoever_strikes_first(
    directory: Path, monkeypatch: pytest.MonkeyPatch
):
    doors, real = Doors(directory), os.unlink
    _leave_behind(directory, "worker-0.sock")

    def unlink_after_another_striker(name: str, **options: int) -> None:
        real(name, **options)
        real(name, **options)

    with doors.bell() as bell:
        monkeypatch.setattr(os, "unlink", unlink_after_another_striker)
        doors.strike([])
        assert bell.recv(1) == b"!"
    monkeypatch.undo()
    assert not (directory / "worker-0.sock").exists()
