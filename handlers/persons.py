# SPDX-License-Identifier: Apache-2.0
"""Whether a person may have written a mail, and whether it is the customer's own: what may change a case at all."""

import json
from typing import Any

from handlers.classification import AUTOMATIC, Class
from handlers.refining import is_surely_automatic
from handlers.work import Work
from storage.threads import Proof

_CUSTOMERS = frozenset({"proven", "likely"})
PEOPLE = frozenset({Class.PERSON.value, Class.LIST.value, Class.CALENDAR.value})
_MACHINES = frozenset({Class.BOUNCE.value, Class.COMPLAINT.value, *(one.value for one in AUTOMATIC)})


def customer_wrote(work: Work) -> bool:
    """A participant's own words: machines, strangers and third parties change no case."""
    return takes_part(work.row) and may_be_a_persons(work)


def takes_part(row: Any) -> bool:
    """Whether its author was found to be of its thread."""
    return row.proof in _CUSTOMERS


def is_guests(row: Any) -> bool:
    """Whether it joined a thread in which its author takes no part: a third party who was let in, or a bounce."""
    return row.proof == Proof.THIRD_PARTY.value and row.linked_thread_id is None


def may_be_a_persons(work: Work) -> bool:
    """What only looks as if a machine wrote it must not stay unseen."""
    row = work.row
    if row.classification in _MACHINES:
        was, is_formal = Class(row.classification), bool(row.report) and json.loads(row.report).get("formal") is True
        return not is_surely_automatic(work.mail.head, was, is_formal=is_formal, is_null=not row.reverse_path)
    return row.classification in PEOPLE and not _is_calendar_answer(row)


def _is_calendar_answer(row: Any) -> bool:
    """Calendars answer invitations by themselves (RFC 5546 §3.2.3); whoever invites, or calls off, is a person."""
    return row.classification == Class.CALENDAR.value and '"method":"REPLY"' in row.report.replace(" ", "")
