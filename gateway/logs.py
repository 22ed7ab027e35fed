# SPDX-License-Identifier: Apache-2.0
"""The log: standard error, one line a record, as text or JSON.

Whatever the network put into a record stays on its line: control characters are escaped, long lines are cut, passwords
in URLs are masked. Time, and the process where many write, stand in the journal and in each line.
"""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import TextIO

from gateway.config_errors import mask

LINE_LENGTH = 8192


def set_up(level: str, log_format: str, stream: TextIO | None = None) -> None:
    """Send every logger's records to one stream; a second call replaces the first."""
    handler = logging.StreamHandler(sys.stderr if stream is None else stream)
    handler.setFormatter(JsonFormatter() if log_format == "json" else TextFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # Our lines do not tell these, and finding them out costs as much as the rest of a line.
    logging.logThreads = logging.logMultiprocessing = False
    logging._srcfile = None  # as the logging HOWTO has it, "Optimization"
    for noisy in ("mail.log", "mail.debug", "asyncio", "alembic"):  # they write every command and step at info
        logging.getLogger(noisy).setLevel(logging.WARNING)


def scrub(text: str) -> str:
    """The text on one line: what is not printable is escaped, passwords in URLs are masked, the length is bounded."""
    clean = mask(text[:LINE_LENGTH])
    if not clean.isprintable():  # most text is
        clean = "".join(c if c.isprintable() else _escaped(c) for c in clean)
    return clean if len(text) <= LINE_LENGTH else f"{clean}..."


def _escaped(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")


def _message(record: logging.LogRecord) -> str:
    try:
        text = record.getMessage()
    except (TypeError, ValueError):  # a wrong log call must not lose the record
        text = str(record.msg)
    if record.exc_info:
        text += f" | {logging.Formatter().formatException(record.exc_info)}"
    return text


def _instant(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class TextFormatter(logging.Formatter):
    """2026-01-31T12:00:00.000Z info gateway.mx[123]: words."""

    def format(self, record: logging.LogRecord) -> str:
        level = record.levelname.lower()
        return f"{_instant(record)} {level} {record.name}[{record.process}]: {scrub(_message(record))}"


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, process, message."""

    def format(self, record: logging.LogRecord) -> str:
        fields = {
            "time": _instant(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "process": record.process,
            "message": scrub(_message(record)),
        }
        return json.dumps(fields)
