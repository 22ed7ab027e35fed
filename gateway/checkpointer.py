# SPDX-License-Identifier: Apache-2.0
"""One process of all brings SQLite's write-ahead log back into the database: the one that holds a file lock.

Every process of casegate runs this thread; whoever gets the lock does the work until it ends. On PostgreSQL it does
nothing.
"""

import fcntl
import logging
import os
import threading
from pathlib import Path

from storage.database import Database

log = logging.getLogger(__name__)

PERIOD_S = 1.0


class Checkpointer:
    """A thread that checkpoints every second while it holds the lock."""

    def __init__(self, database: Database, directory: Path) -> None:
        self._database = database
        self._path = directory / "checkpoint.lock"
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="checkpointer", daemon=True)

    def start(self) -> None:
        if self._database.is_sqlite:
            self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        lock = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            while not self._stopping.wait(PERIOD_S):
                if self._is_ours(lock):
                    self._checkpoint()
        finally:
            os.close(lock)

    def _is_ours(self, lock: int) -> bool:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _checkpoint(self) -> None:
        try:
            self._database.checkpoint()
        except Exception:
            log.exception("the write-ahead log could not be checkpointed")
