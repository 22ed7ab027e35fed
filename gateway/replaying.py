# SPDX-License-Identifier: Apache-2.0
"""Where stored mail is judged again: the office of another configuration, or with another desk file, on the real store.

Enters: the configuration in force, and what is tried in its place. Leaves: a Place and the looks into the store; all of
them read only. What is known of contacts, lists and blocks is as the store is now, or as that desk file would make it.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import cast

from gateway import desk_file, keys
from gateway.config import Config
from gateway.reception import Reception, StoreLookups
from handlers.office import Office
from handlers.replaying import Place
from storage import desk, story, threads
from storage.database import Database
from storage.desk_copy import DeskCopy
from storage.placing import Placing, candidates
from storage.threads import Candidate


@contextmanager
def place(installed: Config, tried: Config, desk_path: Path | None, database: Database) -> Iterator[Place]:
    """The place of one run; the keys are always those of the installation, for its mail bears them."""
    secrets, _ = keys.load(installed.server.state_dir, installed.server.name, make=False)
    reception = Reception(tried, secrets, database)
    store_threads = StoreThreads(database)
    if desk_path is None:
        with database.read() as unit:
            office = reception.build(desk.snapshot(unit))
        yield Place(office, StoreLookups(database, office), store_threads)
        return
    wanted = desk_file.load(desk_path)
    with database.read() as unit:
        copy = DeskCopy(unit)
    try:
        office = reception.build(copy.apply(wanted))
        yield Place(office, TriedLookups(database, office, copy), store_threads)
    finally:
        copy.close()


class TriedLookups(StoreLookups):
    """What the desk says is asked of the copy, all else of the store."""

    def __init__(self, database: Database, office: Office, copy: DeskCopy) -> None:
        super().__init__(database, office)
        self._tried = StoreLookups(cast(Database, copy), office)  # of which it only reads

    def is_known_contact(self, key: str) -> bool:
        return self._tried.is_known_contact(key)


class StoreThreads:
    """handlers.replaying.Threads on the real store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def candidates(self, placing: Placing) -> Sequence[Candidate]:
        with self._database.read() as unit:
            return candidates(unit, placing)

    def domain_had_passed(self, domain: str, at: datetime) -> bool:
        with self._database.read() as unit:
            return story.domain_had_passed(unit, domain, at)

    def token_of(self, thread_id: int) -> str:
        with self._database.read() as unit:
            return threads.token_of(unit, thread_id)
