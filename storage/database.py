# SPDX-License-Identifier: Apache-2.0
"""SQLite or PostgreSQL behind one face: `read()` for questions, `move()` for the one way to write.

A write transaction names its moves, holds the writers' file lock on SQLite (busy_timeout alone starves writers, G19b)
and passes their kill points around the commit. Open a Database in the process that uses it, never before a fork:
sockets and file locks would be shared. Fails with DatabaseUnavailable when the store cannot be reached.
"""

import fcntl
import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError, TimeoutError

from storage.states import Move, pass_kill_point

Unit = Connection  # one unit of work; handlers pass it on and never look inside

BUSY_TIMEOUT_MS = 10_000
WAL_PRESSURE_OCTETS = 64 * 1024 * 1024  # above it the checkpointer stops the writers for a moment
# What SQLite maps at most, for readers: a look-up in a large store is a third cheaper; a writer pays at each commit.
MAPPED_OCTETS = 2**31 - 65_536
CHECKPOINT_PATIENCE_S = 0.25  # how long the writers wait for a reader of old pages before they go on

_ILL_SQLSTATES = ("08", "40001", "40P01", "53", "55P03", "57P")  # connection, conflict, resources, lock, shutdown
_ILL_SQLITE = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_PROTOCOL,
    }
)


class DatabaseUnavailable(Exception):
    """The store cannot be reached or is not ours to use; the text is for the operator."""


class WriterLock:
    """One file lock before BEGIN IMMEDIATE, so that writers of all processes queue in the kernel instead of polling."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._threads = threading.Lock()

    def __enter__(self) -> None:
        self._threads.acquire()
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        fcntl.flock(self._file, fcntl.LOCK_UN)
        self._threads.release()

    def close(self) -> None:
        os.close(self._file)


class Database:
    """The store of one process."""

    def __init__(self, url: str) -> None:
        self.url = make_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.path = Path(self.url.database or "") if self.is_sqlite else None
        self._lock: WriterLock | None = None
        try:
            if self.path is not None:
                self._lock = WriterLock(self.path.with_name(self.path.name + ".writer"))
                self._writer, self._reader = _sqlite_engines(url)
            else:
                self._writer = create_engine(url, pool_size=4, max_overflow=12, pool_pre_ping=True)
                self._reader = self._writer.execution_options(
                    postgresql_readonly=True, isolation_level="REPEATABLE READ"
                )
        except OSError as error:
            raise DatabaseUnavailable(f"database.url: cannot open {self.path}: {error.strerror}") from error
        except ModuleNotFoundError as error:
            raise DatabaseUnavailable(f"database.url: {error.name} is not installed: casegate[postgres]") from error

    @contextmanager
    def read(self) -> Iterator[Unit]:
        """A read-only look at one instant; it never takes the write lock."""
        with self._reader.connect() as unit, unit.begin():
            yield unit

    def move(self, *moves: Move) -> AbstractContextManager[Unit]:
        """One write transaction that makes these moves; durable when the block has been left without an exception."""
        return self.moves(moves)

    @contextmanager
    def moves(self, moves: Iterable[Move]) -> Iterator[Unit]:
        """The same for moves of which the block itself makes the list."""
        with self._exclusive(), self._writer.connect() as unit:
            transaction = unit.begin()
            try:
                yield unit
                _pass_all(moves, "before")
                transaction.commit()
            except BaseException:
                transaction.rollback()
                raise
            _pass_all(moves, "after")

    @contextmanager
    def _exclusive(self) -> Iterator[None]:
        if self._lock is None:
            yield
            return
        with self._lock:
            yield

    def checkpoint(self) -> None:
        """Bring the write-ahead log back into the database file (SQLite only); one process does this."""
        if self.path is None:
            return
        wal = self.path.with_name(self.path.name + "-wal")
        pressing = wal.exists() and wal.stat().st_size > WAL_PRESSURE_OCTETS
        with self._exclusive() if pressing else self._no_lock():
            raw = sqlite3.connect(self.path, timeout=CHECKPOINT_PATIENCE_S, isolation_level=None)
            try:
                raw.execute(f"PRAGMA wal_checkpoint({'TRUNCATE' if pressing else 'PASSIVE'})").fetchall()
            finally:
                raw.close()

    @contextmanager
    def _no_lock(self) -> Iterator[None]:
        yield

    @property
    def engine(self) -> Engine:
        """The writing engine, for migrations."""
        return self._writer

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the writers' lock without a transaction, for migrations."""
        with self._exclusive():
            yield

    def close(self) -> None:
        """Give back every connection and the lock."""
        self._writer.dispose()
        self._reader.dispose()
        if self._lock is not None:
            self._lock.close()
            self._lock = None


def _pass_all(moves: Iterable[Move], side: str) -> None:
    for move in moves:
        pass_kill_point(move, side)


def _sqlite_engines(url: str) -> tuple[Engine, Engine]:
    """A writer whose BEGIN is IMMEDIATE and a reader that cannot write (dependencies G19b)."""
    options: dict[str, Any] = {"connect_args": {"check_same_thread": False}}
    writer = create_engine(url, pool_size=1, max_overflow=0, **options)
    reader = create_engine(url, pool_size=4, max_overflow=12, **options)
    event.listen(writer, "connect", lambda raw, _: _pragmas(raw, query_only=False))
    event.listen(reader, "connect", lambda raw, _: _pragmas(raw, query_only=True))
    event.listen(writer, "begin", lambda unit: unit.exec_driver_sql("BEGIN IMMEDIATE"))
    event.listen(reader, "begin", lambda unit: unit.exec_driver_sql("BEGIN"))
    return writer, reader


def _pragmas(raw: Any, *, query_only: bool) -> None:
    raw.isolation_level = None
    for pragma in (
        f"busy_timeout={BUSY_TIMEOUT_MS}",
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "wal_autocheckpoint=0",
        f"mmap_size={MAPPED_OCTETS if query_only else 0}",
        f"query_only={'ON' if query_only else 'OFF'}",
    ):
        raw.execute(f"PRAGMA {pragma}").fetchall()


def is_unavailable(error: Exception) -> bool:
    """Whether an exception speaks of the store rather than of a bug."""
    return isinstance(error, (SQLAlchemyError, DatabaseUnavailable, OSError))


def is_ill(error: BaseException) -> bool:
    """Whether the store failed for a reason of its own, such as a deadlock or a full disk, whatever the work was."""
    if isinstance(error, (DatabaseUnavailable, TimeoutError)):
        return True
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    cause = error.orig if isinstance(error, DBAPIError) else error
    sqlstate = getattr(cause, "sqlstate", None) or ""
    if isinstance(error, OperationalError) and hasattr(cause, "sqlstate") and not sqlstate:
        return True  # psycopg's own word: no server answered, so there was no connection that could be lost
    sqlite_code = getattr(cause, "sqlite_errorcode", None)
    return sqlstate.startswith(_ILL_SQLSTATES) or (sqlite_code is not None and sqlite_code & 0xFF in _ILL_SQLITE)
