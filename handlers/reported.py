# SPDX-License-Identifier: Apache-2.0
"""What a report changes: the timeline of the case whose mail it speaks of, if it proves that it knows that mail.

Proof is our signed bounce address among its recipients, or the keyed Message-ID of the mail that it gives back; any
other report is data on its own message and moves nothing. Enters: a job and what its content reports. Leaves: events.
"""

import json
from collections.abc import Iterator
from typing import Any

from handlers import tokens
from handlers.bounces.values import Kind, Recipient, Report
from handlers.work import Work
from storage import cases, threads
from storage.address import BadAddress, parse
from storage.cases import Event
from storage.database import Unit

MAX_EVENTS = 20  # of one report


def tell(unit: Unit, work: Work, report: Report) -> None:
    """One event for each recipient that did not get the mail, or complained."""
    told = set()
    for mail in _mails(work, report):
        thread_id = threads.by_row(unit, mail.outbox_name) or threads.by_token(unit, mail.thread_id)
        case = cases.of_thread(unit, thread_id) if thread_id is not None else None
        if case is None or case.id in told:
            continue
        told.add(case.id)
        for one in _worth_telling(report)[:MAX_EVENTS]:
            cases.add_event(unit, case.id, Event("casegate", _KINDS[report.kind], _shown(work.row, one)), work.now)


def _mails(work: Work, report: Report) -> Iterator[tokens.OwnMessageId]:
    """The mails of ours that it provably knows."""
    keys = work.office.keys
    for one in json.loads(work.row.recipients):
        try:
            address = parse(one["address"])
        except BadAddress:
            continue
        found = tokens.read_bounce_address(keys, address.local_key) if address.host == keys.host else None
        if found is not None:
            yield found
    own = tokens.read_message_id(keys, report.original_message_id)
    if own is not None:
        yield own


def _worth_telling(report: Report) -> tuple[Recipient, ...]:
    """A report that names nobody still says that something went wrong."""
    return report.recipients or (Recipient(""),)


def _shown(row: Any, one: Recipient) -> dict[str, object]:
    said = {"recipient": one.address or None, "status": one.status, "reason": one.reason, "hard": one.hard}
    return {"message": row.id, **said, "diagnostic": one.diagnostic[:200]}


_KINDS = {
    Kind.BOUNCE: "bounced",
    Kind.DELAY: "delay_reported",
    Kind.DELIVERY: "delivery_reported",
    Kind.COMPLAINT: "complained",
}
