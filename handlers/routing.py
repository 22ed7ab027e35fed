# SPDX-License-Identifier: Apache-2.0
"""The job of one accepted message, in one unit of work: case found or made, linked, assigned, copied, acknowledged.

Enters: a claimed message. Leaves: rows; nothing is sent here. Doing it twice is harmless, for the row leaves `accepted`
in the same unit of work. Mail of a thread goes in the order of acceptance. Fails by exception, which costs the message
an attempt; after the third, `shunt` makes a case in the fallback queue.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from handlers import (
    acknowledging,
    changing,
    confirming,
    contacting,
    copying,
    files_of_mail,
    following,
    forwarding,
    handing,
    persons,
    probes,
    repeated,
    reported,
    several,
    telling,
)
from handlers.acting import By, casegate
from handlers.office import Office
from handlers.opening import open_case
from handlers.work import Work
from storage import cases, files, messages, refined, threads
from storage.case_values import ENDED_KINDS
from storage.cases import Event
from storage.database import Unit
from storage.states import MessageState

ORDER_WAIT = timedelta(seconds=1)  # how long a mail waits for an earlier one of its thread


def route(unit: Unit, work: Work) -> bool:
    """Turn an accepted message into case, assignment, copy and answers; False while an earlier one waits."""
    row, now = work.row, work.now
    if row.classification in messages.ABOUT_ADDRESSES:
        probes.hear(unit, work)
        messages.finish(unit, row.seq, MessageState.ROUTED)
        return True
    if _must_wait(unit, row):
        messages.put_back(unit, row.id, now + ORDER_WAIT)
        return False
    work = _refined(unit, work)
    case = _case_of(unit, row.thread_id)
    is_new = case is None
    if case is not None and repeated.is_told(unit, case, work):
        files.index(unit, row.seq, files_of_mail.rows(work.mail.files))
        messages.finish(unit, row.seq, MessageState.ROUTED)
        return True
    if case is not None and following.goes_on(unit, case, work):
        return False
    if case is None:
        case, work = _begin(unit, work)
    files.index(unit, row.seq, files_of_mail.rows(work.mail.files))
    case = _note_arrival(unit, case, work, is_new=is_new)
    several.tell_others(unit, case, work, is_new=is_new)
    agent_id = _owner_of(case, work.office)
    if agent_id is None and _may_be_given(case):
        agent_id = _new_owner(unit, case, work, is_new=is_new)
    if agent_id is not None:
        copying.copy_to_agent(unit, case, agent_id, work)
    if not several.is_second(row):
        is_authors = work.row.author_address == row.author_address  # who did not write to us hears nothing
        _answer(unit, case, work, is_new=is_new and is_authors)
    messages.finish(unit, row.seq, MessageState.ROUTED)
    return True


def _new_owner(unit: Unit, case: Any, work: Work, *, is_new: bool) -> int | None:
    """Who gets the case by this mail; what a machine or a stranger writes into it leaves it to the sweep."""
    agent_id = assign(unit, case, work) if _brings_an_owner(work, is_new=is_new) else None
    if agent_id is None:
        _wait_in_queue(unit, case, work)
    elif not is_new:
        handing.give_all(unit, case, agent_id, work)
    return agent_id


def _brings_an_owner(work: Work, *, is_new: bool) -> bool:
    """Another team has a second mail because it is new, or its author takes part."""
    return is_new or several.is_second(work.row) or persons.customer_wrote(work)


def _begin(unit: Unit, work: Work) -> tuple[Any, Work]:
    """A new case, the author's or the one's whose mail an agent passes on; from then on the work is theirs."""
    found = forwarding.passed_on(unit, work)
    if found is None:
        case = open_case(unit, work.row, work.office, work.now)
        contacting.learn_language(unit, case, work.mail.head)
        return case, work
    case = open_case(unit, found.work.row, work.office, work.now)
    forwarding.tell(unit, case, found)
    return case, found.work


def _answer(unit: Unit, case: Any, work: Work, *, is_new: bool) -> None:
    """What the author hears, and the cases of which a report speaks: once for a mail."""
    if is_new:
        acknowledging.acknowledge(unit, case, work)
    confirming.confirm(unit, case, work)
    if work.mail.refined is not None and work.mail.refined.report is not None:
        reported.tell(unit, work, work.mail.refined.report)


def _case_of(unit: Unit, thread_id: int) -> Any:
    """The case of a thread, locked: nobody ends it while a mail is worked. Threads are locked before cases."""
    case_id = threads.lock_following(unit, thread_id)
    return cases.lock(unit, case_id) if case_id is not None else None


def _refined(unit: Unit, work: Work) -> Work:
    """The work with the class that the content gives (handlers/refining.py), written down where it tells anything."""
    seen = work.mail.refined
    if seen is None or (seen.found.value == work.row.classification and not seen.data):
        return work
    note = ("classification", seen.found.value, seen.because) if seen.because else None
    return replace(work, row=refined.keep(unit, work.row, refined.Found(seen.found.value, seen.data, note)))


def assign_waiting(unit: Unit, case_id: int, work: Work) -> bool:
    """Give a case that waited in its queue to an agent who has become available, with a copy of all its mail so far."""
    case = cases.lock(unit, case_id)
    if case is None or case.queue is None or not _may_be_given(case):
        return False
    agent_id = assign(unit, case, work)
    if agent_id is None:
        return False
    handing.give_all(unit, case, agent_id, work)
    return True


def _may_be_given(case: Any) -> bool:
    """What has ended, and what stands in the fallback queue, is given by hand alone."""
    return case.queue != cases.FALLBACK_QUEUE and case.status_kind not in ENDED_KINDS


def assign(unit: Unit, case: Any, work: Work) -> int | None:
    """Give a case to the team's available agent with the fewest open cases; None leaves it in its queue."""
    agent = cases.least_loaded(unit, case.team_id)
    if agent is None or work.office.desk.agent_by_id(agent.id) is None:  # newer than this desk: the next look sees them
        return None
    changing.change(unit, work.office.desk, case, {"owner_id": agent.id, "queue": None}, casegate(work.now))
    return int(agent.id)


def shunt(unit: Unit, row: Any, office: Office, reason: str, now: datetime) -> None:
    """The last resort: a case in the fallback queue with the mail attached, made without reading the mail.

    What is about a routing address belongs to no thread and makes none.
    """
    if row.thread_id is None:
        messages.finish(unit, row.seq, MessageState.SHUNTED)
        return
    case = cases.of_thread(unit, row.thread_id)
    if case is None:
        case = open_case(unit, row, office, now, in_fallback=True)
    else:
        # Of a case that has ended nobody would see the queue.
        reopened = {"status": "open"} if case.status_kind in ENDED_KINDS else {}
        changing.change(unit, office.desk, case, {"queue": cases.FALLBACK_QUEUE, **reopened}, casegate(now))
    cases.add_event(unit, case.id, Event("casegate", "routing_failed", {"message": row.id, "reason": reason}), now)
    messages.finish(unit, row.seq, MessageState.SHUNTED)


def _must_wait(unit: Unit, row: Any) -> bool:
    """Mail of a thread goes in the order of acceptance, and a linked case after the one it is linked to."""
    linked = row.linked_thread_id
    return messages.has_unfinished_before(unit, row.thread_id, row.seq) or (
        linked is not None and messages.has_unfinished_before(unit, linked, row.seq)
    )


def _owner_of(case: Any, office: Office) -> int | None:
    """Who owns the case and may still answer it: a retired agent, or one who left the team, does not."""
    owner = office.desk.agent_by_id(case.owner_id)
    return owner.id if owner is not None and case.team_id in owner.team_ids else None


def _wait_in_queue(unit: Unit, case: Any, work: Work) -> None:
    """A case whose owner is gone waits for another one."""
    if case.queue is None:
        team = work.office.desk.teams.get(case.team_id)
        queue = team.value.name if team is not None else cases.FALLBACK_QUEUE
        changing.change(unit, work.office.desk, case, {"queue": queue, "owner_id": None}, casegate(work.now))


def _note_arrival(unit: Unit, case: Any, work: Work, *, is_new: bool) -> Any:
    """Tell the timeline; a customer who writes again wakes a case that waited for them. The case as it is then."""
    row = work.row
    actor = f"contact:{row.author_address}" if row.author_address else "contact:unknown"
    told = {"message": row.id, "class": row.classification, "proof": row.proof}
    cases.add_event(unit, case.id, Event(actor, "message", told), work.now)
    if persons.may_be_a_persons(work):
        what = ("message", "", row.author_address or "unknown")
        telling.happened(unit, work.office.desk, case, what, By(actor, work.now))
    if is_new or not persons.customer_wrote(work) or case.status_kind in ("new", "open"):
        return case
    return changing.change(unit, work.office.desk, case, {"status": "open"}, casegate(work.now))
