# SPDX-License-Identifier: Apache-2.0
"""A mail that an agent passes on to a routing address becomes the case of its original author (decision 0032).

Enters: the job of a mail that begins a case. Leaves: the work with the original author in the agent's place, or None
where it is any other mail. Whom the agent names is the agent's word, as if the agent had written to them: so only a
signature of the agent's domain over all that matters will do, and what is above the old mail is a comment for the team.
"""

import json
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from handlers import commenting, forwards, persons, reading
from handlers.acting import By
from handlers.forwards import Forward
from handlers.headers import Head
from handlers.identity import whole_list
from handlers.importing import date_of
from handlers.leaks import Needles
from handlers.office import Office
from handlers.work import Work
from storage import cases, contacts, content, refined
from storage.address import BadAddress, key_of, parse
from storage.cases import Event
from storage.database import Unit
from storage.threads import Person

MOST_OCTETS = 40_000_000

_ONCE = ("from", "to", "subject", "date", "message-id")  # each once
_AT_MOST_ONCE = ("cc", "content-type", "mime-version", "content-transfer-encoding")
_FRESH = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class PassedOn:
    """`work` has the row as it is now; `actor` is the agent."""

    work: Work
    actor: str
    forward: Forward


def passed_on(unit: Unit, work: Work) -> PassedOn | None:
    """Whose mail an agent passes on; the message and the thread are theirs from here on, and they are a contact."""
    login = _agent(work)
    if login is None or refined.is_known_elsewhere(unit, work.row):
        return None
    if content.facts(unit, work.row.content_id).size_octets > MOST_OCTETS:
        return None
    octets = content.load(unit, work.row.content_id)
    forward = forwards.of_mail(octets, reading.read(octets).text)
    author = _author(forward, work.office) if forward is not None else None
    if forward is None or author is None or not _is_marked(work.row.subject, forward):
        return None
    subject = forward.subject or forwards.without_prefix(work.row.subject)
    note = ("author", str(author.address), f"agent {login} passed their mail on")
    contacts.confirm_contact(unit, author.name, author.address)
    original = refined.Original(author, subject, _public_id(forward, work.office))
    row = refined.pass_on(unit, work.row, original, note)
    return PassedOn(replace(work, row=row), f"agent:{login}", forward)


def tell(unit: Unit, case: Any, found: PassedOn) -> None:
    """Who passed it on, and what they said about it: for the team alone."""
    by = By(found.actor, found.work.now)
    told: dict[str, object] = {"message": found.work.row.id, "from": found.work.row.author_address}
    cases.add_event(unit, case.id, Event(by.actor, "forwarded", told | {"date": found.forward.date}), by.now)
    words = found.forward.note[: commenting.MOST_TEXT_CHARACTERS]
    if words.strip():
        commenting.comment(unit, found.work.office.desk, case, commenting.Comment(words), by)


def _agent(work: Work) -> str | None:
    """The login of the agent who wrote a new mail to routing addresses alone, proven by a signature."""
    row = work.row
    if row.proof != "proven" or row.linked_thread_id is not None or not persons.may_be_a_persons(work):
        return None
    if not _is_for_us_alone(work) or not _is_signed(work.mail.head, json.loads(row.authentication)):
        return None
    written = date_of(work.mail.head, row.received_at)
    if written is None or abs(row.received_at - written) > _FRESH:
        return None
    author = key_of(row.author_address)
    agents = work.office.desk.agents.values()
    return next((one.value.login for one in agents if one.value.address.key == author), None)


def _is_for_us_alone(work: Work) -> bool:
    """To and Cc, read to their end, name routing addresses and nobody else."""
    both = [whole_list(work.mail.head, name) for name in (b"to", b"cc")]
    if None in both:
        return False
    named = [one.address.key for found in both for one in found or ()]
    return bool(named) and all(key in work.office.routing_addresses for key in named)


def _is_signed(head: Head, authentication: Any) -> bool:
    """One aligned signature covers all that says who writes what to whom: no part of it was written by another."""
    counts = {name: head.count(name.encode()) for name in (*_ONCE, *_AT_MOST_ONCE)}
    if head.truncated or any(counts[name] != 1 for name in _ONCE) or max(counts.values()) > 1:
        return False
    there = {name for name, count in counts.items() if count}
    vouching = {one.removeprefix("dkim:") for one in authentication["dmarc"].get("aligned", ()) if one[:5] == "dkim:"}
    passing = (one for one in authentication["dkim"] if one["result"] == "pass" and one["domain"] in vouching)
    return authentication.get("aligned") is True and any(set(one.get("signed", ())) >= there for one in passing)


def _author(forward: Forward, office: Office) -> Person | None:
    """The customer; our own people and addresses are none."""
    try:
        address = parse(forward.author_address)
    except BadAddress:
        return None
    if office.is_inside(address.key):
        return None
    return Person(forward.author_name, str(address), address.key)


def _public_id(forward: Forward, office: Office) -> str:
    """The attached mail's own Message-ID, which its author knows; never one that names an agent."""
    private = Needles((*office.desk.private_addresses, *office.desk.past_addresses))
    return "" if private.in_text(forward.message_id) else forward.message_id


def _is_marked(subject: str, forward: Forward) -> bool:
    return forward.is_attached or forwards.is_forward_subject(subject)
