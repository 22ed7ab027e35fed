# SPDX-License-Identifier: Apache-2.0
"""What a job found in a message's content: its class, what it reports, and a line of its trace. Part of routing."""

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, select, update

from storage.database import Unit
from storage.messages import to_json
from storage.schema import message


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
    trace = {"notes": [], "dns": []} | (json.loads(row.trace) if row.trace else {})
    if found.note is not None:
        trace["notes"] = [*trace["notes"], list(found.note)]
    values = {
        "classification": found.classification,
        "report": to_json(found.report) if found.report else "",
        "trace": to_json(trace),
    }
    unit.execute(update(message).where(message.c.seq == row.seq).values(values))
    return unit.execute(select(message).where(message.c.seq == row.seq)).one()
