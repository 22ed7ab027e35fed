# SPDX-License-Identifier: Apache-2.0
"""The desk as one MX process sees it: never older than the question, and cheap however many ask."""

import asyncio
import contextlib
import threading
import time

import pytest

from gateway.config import Config, Server
from gateway.reception import LOOKS_PER_S, Reception
from storage import migrate
from storage.database import Database
from tests.support.office import KEYS

CONFIG = Config(server=Server(name="gw.example"))


class Watched:
    """A store whose looks are counted, and may be held or fail."""

    def __init__(self, database):
        self._database, self.looks, self.broken = database, 0, False
        self.begun, self.go_on = threading.Event(), threading.Event()
        self.go_on.set()

    @contextlib.contextmanager
    def read(self):
        self.looks += 1
        self.begun.set()
        assert self.go_on.wait(30)
        if self.broken:
            raise OSError("no store")
        with self._database.read() as unit:
            yield unit


@pytest.fixture
def store(tmp_path):
    database = Database(f"sqlite:///{tmp_path}/casegate.db")
    migrate.ready(database)
    yield Watched(database)
    database.close()


def test_a_flood_of_questions_shares_one_look(store):
    async def ask():
        reception = Reception(CONFIG, KEYS, store)
        offices = await asyncio.gather(*(reception.newest() for _ in range(1000)))
        assert all(one is offices[0] for one in offices)

    asyncio.run(ask())
    assert store.looks == 1


def test_one_question_after_the_other_makes_at_most_twenty_looks_a_second(store):
    async def ask():
        reception = Reception(CONFIG, KEYS, store)
        for _ in range(8):
            await asyncio.gather(*(reception.newest() for _ in range(10)))

    begin = time.monotonic()
    asyncio.run(ask())
    assert store.looks <= 1 + (time.monotonic() - begin) * LOOKS_PER_S


def test_who_asks_during_a_look_gets_the_one_after_it(store):
    """The desk may have changed since that look began."""

    async def ask():
        reception = Reception(CONFIG, KEYS, store)
        store.go_on.clear()
        first = asyncio.ensure_future(reception.newest())
        await asyncio.to_thread(store.begun.wait, 30)
        second = asyncio.ensure_future(reception.newest())
        await asyncio.sleep(0)
        store.go_on.set()
        await asyncio.gather(first, second)

    asyncio.run(ask())
    assert store.looks == 2


def test_a_look_that_failed_fails_for_those_who_asked_and_not_for_the_next(store):
    async def ask():
        reception = Reception(CONFIG, KEYS, store)
        store.broken = True
        answers = await asyncio.gather(*(reception.office() for _ in range(3)), return_exceptions=True)
        assert [type(one) for one in answers] == [OSError] * 3
        store.broken = False
        assert (await reception.office()).name == "gw.example"

    asyncio.run(ask())
    assert store.looks == 2


def test_who_goes_away_takes_no_answer_from_the_others(store):
    async def ask():
        reception = Reception(CONFIG, KEYS, store)
        store.go_on.clear()
        gone, stays = asyncio.ensure_future(reception.newest()), asyncio.ensure_future(reception.newest())
        await asyncio.to_thread(store.begun.wait, 30)
        gone.cancel()
        store.go_on.set()
        assert (await stays).name == "gw.example"

    asyncio.run(ask())
    assert store.looks == 1


def test_within_a_second_the_office_is_not_looked_for_again(store):
    async def ask():
        reception = Reception(CONFIG, KEYS, store)
        return {id(await reception.office()) for _ in range(100)}

    assert len(asyncio.run(ask())) == 1
    assert store.looks <= 2
