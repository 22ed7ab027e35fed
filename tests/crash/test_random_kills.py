# SPDX-License-Identifier: Apache-2.0
"""Deaths under load: processes of `serve`, all at once or one, die five times, at seeded counts of answered mails."""

import os
import random
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.crash.conftest import Build
from tests.crash.house import House
from tests.crash.ledger import LARGE_OCTETS, Ledger
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

MAILS, CLIENTS, KILLS = 100, 4, 5
LARGE_EVERY = 20
SEED = 20261122
LOAD_S = 240.0
MANY = {"mx": {"processes": 2}, "queue": {"workers": 2, "sweep_period": "300ms", "lease": "3s"}}


def _cut_power(house: House, _: random.Random) -> None:
    """Every process at one instant; then the operator starts it again."""
    house.installation.kill()
    house.installation.start()


def _kill_one(house: House, dice: random.Random) -> None:
    """One process, whatever its role; the supervisor starts it again while the others go on."""
    (program,) = house.installation.programs
    os.kill(dice.choice(wait_until(program.children, "a process to kill")), signal.SIGKILL)


def _kill_supervisor(house: House, _: random.Random) -> None:
    """Only the supervisor: its processes end what they have in hand, and nobody outlives it."""
    (program,) = house.installation.programs
    children = program.children()
    os.kill(program.pid, signal.SIGKILL)
    wait_until(lambda: not any(map(_lives, children)), "the processes to end after their supervisor")
    house.installation.kill()
    house.installation.start()


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize("strike", [_cut_power, _kill_one, _kill_supervisor])
def test_five_deaths_under_load_lose_and_double_nothing(build: Build, strike: Callable[[House, random.Random], None]):
    house, dice = build(MANY), random.Random(SEED)
    house.installation.start()
    with ThreadPoolExecutor(CLIENTS) as clients:
        sending = [clients.submit(_send_share, house.ledger, number) for number in range(CLIENTS)]
        for count in sorted(dice.sample(range(3, MAILS - 3), KILLS)):
            house.ledger.wait_answered(count, LOAD_S)
            strike(house, dice)
        for share in sending:
            share.result(LOAD_S)
    assert house.ledger.answered == MAILS
    assert house.check(orphans=None) == 0
    for sent in house.ledger.mails[:2]:
        assert house.installation.octets("message", "raw", sent.id) == sent.content
    house.installation.kill()


def _send_share(ledger: Ledger, first: int) -> None:
    for number in range(first, MAILS, CLIENTS):
        ledger.send(ledger.mail(LARGE_OCTETS if number % LARGE_EVERY == 0 else 0))
