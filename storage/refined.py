# SPDX-License-Identifier: Apache-2.0
"""What a job found in a message's content: its class, what it reports, and a line of its trace. Part of routing."""

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, select, update

from storage import threads
from storage.database import Unit
from storage.messages import to_json
from storage.schema import message, message_key
from storage.threads import Person


@dataclass(frozen=True, slots=True)
class Found:
    """`report` is data for `message.report`; `note` is (step, decided, because), or None where nothing changed."""

    classification: str
    report: dict[str, object]
    note: tuple[str, str, str] | None


def brief_of(unit: Unit, message_id: str) -> Any:
    """What must be known before the content is read: content_id, classification, reverse_path."""
    columns = (message.c.content_id, message.c.classification, message.c.reverse_path)
    return unit.execute(select(*columns).where(message.c.id == message_id)).one()


def keep(unit: Unit, row: Row[Any], found: Found) -> Row[Any]:
    """Write it down; returns the row as it is now."""
    report = to_json(found.report) if found.report else ""
    return _written(unit, row, {"classification": found.classification, "report": report}, found.note)


@dataclass(frozen=True, slots=True)
class Original:
    """The mail that an agent passes on; `message_id` is its own, empty where that is not known."""

    author: Person
    subject: str
    message_id: str


def pass_on(unit: Unit, row: Row[Any], original: Original, note: tuple[str, str, str]) -> Row[Any]:
    """The mail is another's, passed on by an agent: that one takes the agent's place in the message and its thread.

    The agent's own Message-ID goes as well, for it would stand in the answer and tell where the agent writes from.
    """
    author = original.author
    threads.replace_participant(unit, row.thread_id, row.author_address, author)
    values: dict[str, object] = {"author_name": author.name, "author_address": author.address}
    values |= {"subject": original.subject, "message_id": original.message_id}
    return _written(unit, row, values, note)


def is_known_elsewhere(unit: Unit, row: Row[Any]) -> bool:
    """Whether a mail with this one's Message-ID has come before, whoever wrote it."""
    keys = message_key.c.hash == threads.key_of(row.message_id), message_key.c.names_message.is_(True)
    wanted = select(message_key.c.thread_id).where(*keys, message_key.c.thread_id != row.thread_id).limit(1)
    return unit.execute(wanted).first() is not None


def _written(unit: Unit, row: Row[Any], values: dict[str, object], note: tuple[str, str, str] | None) -> Row[Any]:
    trace = {"notes": [], "dns": []} | (json.loads(row.trace) if row.trace else {})
    if note is not None:
        trace["notes"] = [*trace["notes"], list(note)]
    unit.execute(update(message).where(message.c.seq == row.seq).values(values | {"trace": to_json(trace)}))
    return unit.execute(select(message).where(message.c.seq == row.seq)).one()
