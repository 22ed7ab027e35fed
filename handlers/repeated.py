# SPDX-License-Identifier: Apache-2.0
"""A mail that its case has already, sent again by whoever has got it: it changes nothing and is given to nobody.

Its signature (DKIM) goes with it, so it is its author's still, and belongs where it was filed; but an old mail must not
open a case anew or bring other teams. Enters: the job of a mail whose thread has a case. Leaves: an event and a mark in
its trace. One by another way to an address that its author named, and that has not had it, is no such mail.
"""

import json
from typing import Any

from handlers import coverage
from handlers.identity import mailboxes
from handlers.releasing import authentication
from handlers.work import Work
from storage import cases, repeated
from storage.address import key_of
from storage.cases import Event
from storage.database import Unit


def is_told(unit: Unit, case: Any, work: Work) -> bool:
    """Whether the mail says nothing new; then the timeline has it, and nothing else is to be done."""
    of = _of(unit, work)
    if of is None:
        return False
    repeated.mark(unit, work.row, f"message {of} bears the same signature: it was sent again, and says nothing new")
    told: dict[str, object] = {"message": work.row.id, "of": of}
    cases.add_event(unit, case.id, Event("casegate", "repeated", told), work.now)
    return True


def _of(unit: Unit, work: Work) -> str | None:
    """The message that it is once more."""
    row, head = work.row, work.mail.head
    found = authentication(json.loads(row.authentication))
    covered = coverage.written(head, found)
    if covered is None:
        return None
    before = repeated.earlier(unit, row, coverage.signatures(found))
    if not before:
        return None
    named = {_routing(str(one.address), work) for name in (b"to", b"cc") for one in mailboxes(covered, name)}
    had = {address for one in before for address in _taking(one)}
    return None if (_taking(row) & named) - had else str(before[-1].id)


def _routing(address: str, work: Work) -> str:
    """The routing address that an address names, itself or an old one of it."""
    row = work.office.routing_addresses.get(key_of(address))
    return key_of(str(row.value.address)) if row is not None else ""


def _taking(row: Any) -> set[str]:
    """The routing addresses that took the mail."""
    stored = [one for one in json.loads(row.recipients) if one["disposition"] == "accept"]
    return {key_of(one["routing_address"]) for one in stored if one["routing_address"]}
