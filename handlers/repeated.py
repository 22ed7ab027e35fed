# SPDX-License-Identifier: Apache-2.0
"""A mail that its case has already, sent again by whoever has got it: it changes nothing and is given to nobody.

Its signature (DKIM) goes with it, so it is its author's still, and belongs where it was filed; but an old mail must not
open a case anew or bring other teams. Enters: the job of a mail whose thread has a case. Leaves: an event and a mark in
its trace. One by another way to an address that its author named, and that has not had it, is no such mail; nor is one
of which less was known before: whoever is first with a copy must not keep its author's own from being heard.
"""

import json
from collections import Counter
from contextlib import nullcontext
from typing import Any

from handlers import coverage, received
from handlers.classification import Class
from handlers.headers import Head
from handlers.identity import mailboxes
from handlers.releasing import authentication
from handlers.work import Work
from storage import cases, content, repeated
from storage.address import key_of
from storage.cases import Event
from storage.database import Unit

_DECIDES_HOW_TEXT_IS_READ = (b"mime-version", b"content-type", b"content-transfer-encoding")


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
    signatures = coverage.signatures(found)
    before = [one for one in repeated.earlier(unit, row, signatures) if _said_it(unit, one, work, signatures)]
    if not before:
        return None
    named = {_routing(str(one.address), work) for name in (b"to", b"cc") for one in mailboxes(covered, name)}
    had = {address for one in before for address in _taking(one)}
    return None if (_taking(row) & named) - had else str(before[-1].id)


def _said_it(unit: Unit, before: Any, work: Work, signatures: tuple[str, ...]) -> bool:
    """Whether all that this mail says was heard before: as its author's, as a person's, and read in the same way.

    What is above a signature may be anybody's, and so may the rest be where the signature failed.
    """
    passed = coverage.signatures(authentication(json.loads(before.authentication)))
    is_as_personal = before.classification in (Class.PERSON.value, work.row.classification)
    if not (set(passed) & set(signatures) and is_as_personal):
        return False
    its_head = received.head_of(content.pieces(lambda: nullcontext(unit), before.content_id))
    return _reading(its_head) <= _reading(work.mail.head)


def _reading(head: Head) -> Counter[bytes]:
    """The fields by which the body is read: who adds one later makes the words no others."""
    named = ((name, value) for name in _DECIDES_HOW_TEXT_IS_READ for value in head.all(name))
    return Counter(name + b":" + b" ".join(value.split()) for name, value in named)


def _routing(address: str, work: Work) -> str:
    """The routing address that an address names, itself or an old one of it."""
    row = work.office.routing_addresses.get(key_of(address))
    return key_of(str(row.value.address)) if row is not None else ""


def _taking(row: Any) -> set[str]:
    """The routing addresses that took the mail."""
    stored = [one for one in json.loads(row.recipients) if one["disposition"] == "accept"]
    return {key_of(one["routing_address"]) for one in stored if one["routing_address"]}
