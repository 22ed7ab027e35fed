# SPDX-License-Identifier: Apache-2.0
"""A mail that a job files elsewhere than its thread decision said: in the thread that goes on, or in a second one too.

Enters: the message's row, locked, and where it goes. Leaves: rows; a later job works them as it works any accepted
mail, in the order of acceptance. What was decided at arrival stays in the trace. Nothing here commits.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select, update

from storage import threads
from storage.database import Unit
from storage.messages import thread_stamp, to_json
from storage.schema import message, message_key
from storage.states import MessageState
from storage.threads import Link

_THREAD = b"X-Casegate-Thread: "
_NAMED = b"X-Casegate-Message: "


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """The thread where a mail goes, and the one beside whose case its new case stands, if it gets one.

    `note` is a line of the trace: (step, decided, because).
    """

    thread_id: int
    token: str
    note: tuple[str, str, str]
    linked_thread_id: int | None = None
    link: Link | None = None


def refile(unit: Unit, row: Any, to: Elsewhere) -> None:
    """The mail and its own Message-ID belong to the other thread."""
    unit.execute(update(message).where(message.c.seq == row.seq).values(_values(row, to)))
    unit.execute(
        update(message_key)
        .where(
            message_key.c.hash == threads.key_of(row.message_id),
            message_key.c.author.in_((row.author_address.lower(), f"?{row.id}")),
            message_key.c.thread_id == row.thread_id,
        )
        .values(thread_id=to.thread_id)
    )


def add(unit: Unit, row: Any, to: Elsewhere, made: tuple[str, datetime, str]) -> Any:
    """The mail a second time, in another thread; `made` is its new id, the instant it is due, and its recipients."""
    new_id, now, recipients = made
    stored = {column.name: row._mapping[column.name] for column in message.c if column.name != "seq"}
    values = stored | _values(row, to) | {"id": new_id, "recipients": recipients, "due_at": now}
    values |= {"state": MessageState.ACCEPTED.value, "attempts": 0, "held_at": None}
    values["stamp"] = bytes(values["stamp"]).replace(_NAMED + row.id.encode(), _NAMED + new_id.encode())
    unit.execute(insert(message), values)
    return unit.execute(select(message).where(message.c.id == new_id)).one()


def _values(row: Any, to: Elsewhere) -> dict[str, Any]:
    """What differs in the mail's row."""
    trace = {"notes": [], "dns": []} | (json.loads(row.trace) if row.trace else {})
    stamp = bytes(row.stamp)
    return {
        "thread_id": to.thread_id,
        "linked_thread_id": to.linked_thread_id,
        "link_kind": to.link.value if to.link is not None else None,
        "stamp": (stamp.rpartition(_THREAD)[0] or stamp) + thread_stamp(to.token),
        "trace": to_json(trace | {"notes": [*trace["notes"], list(to.note)]}),
    }
