# SPDX-License-Identifier: Apache-2.0
"""How long the supervisor gives the processes that a reload sends away."""

import contextlib
import logging
import os
import select
import signal
import threading
from pathlib import Path

import pytest

from gateway import roles
from gateway.config import Limits
from gateway.listener import GRACE_S
from gateway.supervisor import CannotReload, Plan, Post, Supervisor
from tests.support.waiting import PATIENCE_S, wait_until


class Reloads:
    """A House of one post, whose processes say by which signal they are told to go, and stay until `door` is closed."""

    def __init__(self, grace_s):
        self._grace_s = grace_s
        self.heard, self._say = os.pipe()
        self._door, self.door = os.pipe()

    def plan(self):
        post = Post("one", self._body, retires_by=signal.SIGUSR1, grace_s=self._grace_s)
        return Plan((post,), lambda: None, lambda: None)

    def leave(self):
        pass

    def _body(self, ready):
        for signum in (signal.SIGUSR1, signal.SIGTERM):
            signal.signal(signum, lambda told, _frame: os.write(self._say, bytes([told])))
        os.write(self._say, b"r")
        ready()
        os.read(self._door, 1)


@pytest.fixture
def supervised(capfd):
    """supervised(grace_s) runs a supervisor in a child; returns its house and its process id."""
    children = []

    def supervised(grace_s):
        house = Reloads(grace_s)
        child = os.fork()
        if not child:
            logging.basicConfig(force=True, level="INFO")
            os.close(house.door)
            Supervisor(house, house.plan()).run()
            os._exit(0)
        children.append((child, house))
        assert os.read(house.heard, 1) == b"r"
        return house, child

    yield supervised
    for child, house in children:
        os.close(house.door)
        os.kill(child, signal.SIGTERM)
        os.waitpid(child, 0)


def test_an_old_process_is_asked_to_go_in_peace_and_killed_when_its_time_is_over(supervised, capfd):
    house, child = supervised(0.1)
    os.kill(child, signal.SIGHUP)
    assert [os.read(house.heard, 1) for _ in range(2)] == [b"r", bytes([signal.SIGUSR1])]
    wait_until(lambda: "killed after 0 s: one" in capfd.readouterr().err, "the old process to be killed")


def test_a_third_reload_waits_for_the_old_processes_and_kills_nobody(supervised, capfd):
    house, child = supervised(3600)
    for _ in range(2):
        os.kill(child, signal.SIGHUP)
        assert [os.read(house.heard, 1) for _ in range(2)] == [b"r", bytes([signal.SIGUSR1])]
    os.kill(child, signal.SIGHUP)
    said = []
    wait_until(lambda: said.append(capfd.readouterr().err) or "the reload waits" in "".join(said), "word of it")
    os.write(house.door, b"x")  # one of the three goes
    # ... be it an old one, then the reload goes on, or the current one, which is started again.
    assert os.read(house.heard, 1) == b"r"
    assert "killed" not in "".join(said)


class Refusing:
    """A House that can never reload, and says when it is asked."""

    def __init__(self, say):
        self._say = say

    def plan(self):
        os.write(self._say, b"p")
        raise CannotReload("never")

    def leave(self):
        pass


def test_a_signal_just_before_the_supervisor_waits_is_heard_at_once():
    """Python would call its handler after the wait. So it does where another thread takes the signal, as here."""
    asked, say = os.pipe()
    waits, go = os.pipe()

    def take_a_signal():
        os.read(waits, 1)
        signal.pthread_kill(threading.get_ident(), signal.SIGHUP)

    child = os.fork()
    if not child:
        with contextlib.suppress(BaseException):
            threading.Thread(target=take_a_signal, daemon=True).start()
            plan = Plan((), lambda: None, lambda: None)
            Supervisor(Refusing(say), plan).run()
        os._exit(0)
    try:
        wait_until(lambda: Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[0] == "S", "it to wait")
        os.write(go, b"g")
        assert select.select([asked], [], [], PATIENCE_S)[0]
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def test_a_mail_on_its_way_at_a_reload_may_take_as_long_as_its_content():
    limits = Limits(content_timeout="10m")
    assert roles.patience_s(limits) > 600
    assert roles.patience_s(Limits(content_timeout="1s")) > GRACE_S
