# SPDX-License-Identifier: Apache-2.0
"""What every verb gets: the configuration, the open store, and the words and codes with which a call ends.

Fails: errors leave as they are; `exit_code` says what each means to a script and `gateway.cli` prints one line.
"""

import getpass
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click
from sqlalchemy.exc import InterfaceError, OperationalError

from gateway import config, opening
from gateway.config import Config
from gateway.config_errors import ConfigError
from gateway.listening import CannotListen
from gateway.logs import scrub
from storage.address import BadAddress
from storage.content import ContentMissing
from storage.database import Database, DatabaseUnavailable
from storage.migrate import SchemaOutdated

NOT_FOUND = 1
BAD_CALL = 2
TRY_LATER = 75  # sysexits' EX_TEMPFAIL


class NotFound(LookupError):
    """What the call names is not there; the text says what."""


@dataclass(frozen=True, slots=True)
class Operator:
    """Who calls: the configuration file, and whether `-c` named it."""

    file: Path
    is_named: bool

    def config(self) -> Config:
        """Read the configuration; raises ConfigError."""
        return config.load(self.file, os.environ)

    @contextmanager
    def store(self) -> Iterator[Database]:
        """The store of this configuration until the block ends."""
        database = opening.open_store(self.config())
        try:
            yield database
        finally:
            database.close()


def actor(login: str | None = None) -> str:
    """Who stands in the timeline for what this call does: the agent it is done for, else who runs it."""
    return f"agent:{login}" if login else f"operator:{_user()}"


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user id without a name
        return str(os.getuid())


def exit_code(error: Exception) -> int:
    """What an error means to the script that called; an unknown failure is a temporary one."""
    if isinstance(error, click.ClickException | ConfigError | BadAddress | SchemaOutdated):
        return BAD_CALL
    if isinstance(error, NotFound | ContentMissing):
        return NOT_FOUND
    return TRY_LATER


def words_of(error: Exception) -> str:
    """One line for the operator."""
    if isinstance(error, click.ClickException):
        return _one_line(error.format_message())
    if isinstance(error, OperationalError | InterfaceError):
        return f"the database cannot be used now: {_one_line(str(error.orig))}"
    if exit_code(error) != TRY_LATER or isinstance(error, DatabaseUnavailable | CannotListen):
        return _one_line(str(error))
    if isinstance(error, OSError) and error.strerror:
        return _one_line(f"{error.filename or 'system'}: {error.strerror}")
    return f"unexpected {type(error).__name__}{_place(error)}: {_one_line(str(error))}"


def _one_line(text: str) -> str:
    return scrub(" ".join(text.split()))  # it may hold the words of a mail


def _place(error: Exception) -> str:
    """Where a bug showed itself, in place of a traceback."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f" at {Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace is not None else ""
