# SPDX-License-Identifier: Apache-2.0
"""What an operator, or an agent by their hand, may change in a case: each value checked against the desk, then written.

Enters: a case under lock and what it shall be. Leaves: the case as it is now, or a Refusal that says what is allowed,
before anything is written. Mail leaves later: the sweep gives a new owner their copies (handlers/handing.py).
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from handlers import changing, stranding
from handlers.acting import By
from storage import cases, contacts, threads
from storage.case_values import ENDED_KINDS, PRIORITIES, STATUS_KINDS, is_tag
from storage.database import Unit
from storage.desk import Snapshot
from storage.threads import Person

MOST_TAGS = 50
MOST_SUBJECT_CHARACTERS = 998
MOST_NOTE_CHARACTERS = 10_000

Columns = dict[str, object]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why nothing was changed; `is_absent`: something that was named does not exist."""

    words: str
    is_absent: bool = False


@dataclass(frozen=True, slots=True)
class Edit:
    """What a case shall be; None: as it is. `tags` are "+vip" and "-old"; a field's empty value takes it away."""

    status: str | None = None
    priority: str | None = None
    subject: str | None = None
    contact: Person | None = None
    outcome: str | None = None
    note: str | None = None
    tags: tuple[str, ...] = ()
    fields: Mapping[str, str] = field(default_factory=dict)


def edit(unit: Unit, desk: Snapshot, case: Any, wish: Edit, by: By) -> Any:
    """Change all of it, or refuse all of it."""
    wanted: Columns = {}
    if wish.contact is not None and not wish.contact.name:
        wish = replace(wish, contact=replace(wish.contact, name=contacts.contact_name(unit, wish.contact.key)))
    for rule in _RULES:
        found = rule(desk, case, wish)
        if isinstance(found, Refusal):
            return found
        wanted |= found
    if _lacks_outcome(desk, case, wanted):
        return Refusal(f"say how it ended: --outcome {_one_of(desk)}")
    if wish.contact is not None:
        wanted["contact_id"] = _let_in(unit, case, wish.contact)
    return stranding.free(unit, desk, changing.change(unit, desk, case, wanted, by), by)


def _let_in(unit: Unit, case: Any, person: Person) -> int:
    """An operator's word: this person takes part in what the case began with, and is a known contact.

    The conversations of cases that were merged into it are other people's.
    """
    thread_id = threads.by_token(unit, case.thread_token)
    if thread_id is not None:
        threads.add_participants(unit, thread_id, "customer", [person])
    return contacts.confirm_contact(unit, person.name, person.address)


def _status(desk: Snapshot, _case: Any, wish: Edit) -> Columns | Refusal:
    if wish.status is None:
        return {}
    if desk.sections.kind_of(wish.status) is None:
        known = (*STATUS_KINDS, *(one.name for one in desk.sections.statuses))
        return Refusal(f"no status {wish.status!r}; this desk has: {', '.join(known)}")
    return {"status": wish.status}


def _priority(_desk: Snapshot, _case: Any, wish: Edit) -> Columns | Refusal:
    if wish.priority is None:
        return {}
    if wish.priority not in PRIORITIES:
        return Refusal(f"no priority {wish.priority!r}; there are: {', '.join(PRIORITIES)}")
    return {"priority": wish.priority}


def _subject(_desk: Snapshot, _case: Any, wish: Edit) -> Columns | Refusal:
    if wish.subject is None:
        return {}
    fault = subject_fault(wish.subject)
    return Refusal(fault) if fault else {"subject": wish.subject.strip()}


def subject_fault(subject: str) -> str:
    """What is wrong with a subject given by hand, if anything."""
    if subject.strip() and subject.isprintable() and len(subject) <= MOST_SUBJECT_CHARACTERS:
        return ""
    return f"a subject is one line of 1 to {MOST_SUBJECT_CHARACTERS} characters"


def _contact(desk: Snapshot, _case: Any, wish: Edit) -> Columns | Refusal:
    if wish.contact is None:
        return {}
    fault = contact_fault(desk, wish.contact)
    return Refusal(fault) if fault else {"contact_name": wish.contact.name, "contact_address": wish.contact.address}


def contact_fault(desk: Snapshot, person: Person) -> str:
    """Our own people and addresses are no customers."""
    agents = (row.value.address.key for row in desk.agents.values())
    senders = (row.value.sender.key for row in desk.teams.values())
    is_ours = person.key in {*agents, *senders, *desk.addresses, *desk.aliases}
    return f"{person.address} is an address of this desk, no contact's" if is_ours else ""


def _outcome(desk: Snapshot, _case: Any, wish: Edit) -> Columns | Refusal:
    wanted: Columns = {}
    if wish.note is not None:
        if len(wish.note) > MOST_NOTE_CHARACTERS:
            return Refusal(f"a note has at most {MOST_NOTE_CHARACTERS} characters")
        wanted["outcome_note"] = wish.note.strip()
    if wish.outcome is None:
        return wanted
    if wish.outcome and wish.outcome not in {one.code for one in desk.sections.outcomes}:
        return Refusal(f"no outcome {wish.outcome!r}; this desk has: {_one_of(desk, ', ') or 'none'}")
    return {"outcome": wish.outcome, **wanted}


def _lacks_outcome(desk: Snapshot, case: Any, wanted: Columns) -> bool:
    """Where the desk lists outcomes, who ends a case by hand says which one it is."""
    ends = desk.sections.kind_of(str(wanted.get("status", ""))) in ENDED_KINDS and case.status_kind not in ENDED_KINDS
    return ends and bool(desk.sections.outcomes) and not wanted.get("outcome", case.outcome)


def _one_of(desk: Snapshot, between: str = "|") -> str:
    return between.join(one.code for one in desk.sections.outcomes)


def _tags(_desk: Snapshot, case: Any, wish: Edit) -> Columns | Refusal:
    if not wish.tags:
        return {}
    tags = set(json.loads(case.tags))
    for word in wish.tags:
        tag = word[1:] if word[:1] in "+-" else word
        if not is_tag(tag):
            return Refusal(f"{word!r} is no tag: +TAG adds one, -TAG takes it away, 1 to 64 characters without spaces")
        tags = tags - {tag} if word.startswith("-") else tags | {tag}
    if len(tags) > MOST_TAGS:
        return Refusal(f"a case has at most {MOST_TAGS} tags")
    return {"tags": cases.tags_text(tags)}


def _fields(desk: Snapshot, case: Any, wish: Edit) -> Columns | Refusal:
    if not wish.fields:
        return {}
    known = {one.name: one for one in desk.sections.fields}
    values: dict[str, str] = json.loads(case.fields)
    for name, text in wish.fields.items():
        if not text and (name in known or name in values):
            values.pop(name, None)
        elif name not in known:
            return Refusal(f"no field {name!r}; this desk has: {', '.join(known) or 'none'}")
        else:
            try:
                values[name] = known[name].normal(text)
            except ValueError as error:
                return Refusal(f"field {name}: {text!r} is not {error}")
    return {"fields": cases.fields_text(values)}


Rule = Callable[[Snapshot, Any, Edit], Columns | Refusal]
_RULES: tuple[Rule, ...] = (_status, _priority, _subject, _contact, _outcome, _tags, _fields)
