# SPDX-License-Identifier: Apache-2.0
"""How one attempt ended, written down: delivered, deferred with its next instant, or failed and told.

A reply that failed, or waits for hours, is noted on its case; the agent who wrote it is told as they wished (RFC 3461,
docs/decisions/0013). A copy that failed is noted on the case. A notice is never followed by another (RFC 5321 §4.5.5).
All of it is one unit of work with the settlement.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from handlers import changing, delivery, probes, schedule, tokens
from handlers.acting import casegate
from handlers.identity import Mailbox
from handlers.notices import NoticePlan, agent_notice
from handlers.office import Office
from handlers.ports import R451_UNKNOWN
from handlers.reports import FULL_OCTETS, Action, Fate
from handlers.signing import Signer
from storage import cases, outbox, threads
from storage.address import parse
from storage.case_values import ENDED_KINDS
from storage.cases import Event
from storage.database import Unit
from storage.desk import Snapshot
from storage.outbox import Outgoing, Taken
from storage.response import Response
from storage.states import RecipientState

DELAY_AFTER = timedelta(hours=4)  # as most servers do: by then greylisting and restarts are over
_BY_DEFAULT = ("FAILURE", "DELAY")  # RFC 3461 §4.1 leaves the second to us


@dataclass(frozen=True, slots=True)
class Ending:
    """One response for one recipient; `jitter` is a random number in [0, 1]."""

    taken: Taken
    response: Response
    schedule: schedule.Schedule
    jitter: float
    office: Office
    signer: Signer
    now: datetime


def settle(unit: Unit, ending: Ending) -> str:
    """Write the outcome; returns it, or "lost" when the lease was no longer ours."""
    row = outbox.row_of(unit, ending.taken.outbox_id)
    next_at = schedule.next_attempt(ending.taken.attempts, row.created_at, ending.now, ending.schedule, ending.jitter)
    settlement = delivery.outcome(ending.response, next_at)
    state = RecipientState(settlement.outcome.value)
    at = (ending.now, settlement.next_attempt_at)
    if not outbox.settle(unit, ending.taken, state, str(ending.response), at):
        return "lost"
    if ending.response == R451_UNKNOWN:
        outbox.count_unsettled(unit, ending.taken)
    if row.kind == "probe" and state is RecipientState.FAILED:
        probes.refused(unit, row.id, ending.response, ending.now)
    action = _action(ending, row, state)
    if action is not None:
        _tell(unit, ending, row, action)
    return state.value


def _action(ending: Ending, row: Any, state: RecipientState) -> Action | None:
    """What there is to tell of this attempt, if anything."""
    if state is RecipientState.FAILED:
        return Action.FAILED
    if row.kind != "reply":
        return None
    if state is RecipientState.DELIVERED:
        return Action(ending.response.action) if ending.response.action else None
    is_late = ending.now - row.created_at >= DELAY_AFTER
    return Action.DELAYED if is_late and not ending.taken.delay_told else None


def _tell(unit: Unit, ending: Ending, row: Any, action: Action) -> None:
    """On the timeline for the team, by a notice for the agent."""
    case = cases.of_thread(unit, row.thread_id) if row.thread_id is not None else None
    if case is None:
        return
    if action in _EVENTS:
        told: dict[str, object] = {
            "mail": row.kind,
            "recipient": ending.taken.address,
            "response": str(ending.response),
        }
        cases.add_event(unit, case.id, Event("casegate", _EVENTS[action], told), ending.now)
    if action is Action.DELAYED:
        outbox.note_delay(unit, ending.taken)
    if row.kind == "copy":
        _take_from_owner(unit, ending.office.desk, case.id, row.agent_id, ending.now)
    if row.kind == "reply" and _is_wished(ending.taken.wish.notify or _BY_DEFAULT, action):
        _notify(unit, ending, row, case, action)


def _is_wished(notify: tuple[str, ...], action: Action) -> bool:
    """RFC 3461 §4.1; NEVER stands alone and is none of the words asked for."""
    return _WORDS.get(action, "SUCCESS") in notify


def _notify(unit: Unit, ending: Ending, row: Any, case: Any, action: Action) -> None:
    """A notice for the agent who wrote the reply, while they are one."""
    agent = ending.office.desk.agent_by_id(row.agent_id)
    if agent is None:
        return
    in_full = action is Action.FAILED and row.ret == "FULL" and outbox.size_octets(unit, row) <= FULL_OCTETS
    content = outbox.load(unit, row.id)[1] if in_full else bytes(row.head)
    taken, now = ending.taken, ending.now
    until = row.created_at + ending.schedule.give_up if action is Action.DELAYED else None
    name, token = tokens.new_name(now), threads.token_of(unit, row.thread_id)
    plan = NoticePlan(
        sender=Mailbox("casegate", parse(tokens.thread_address(ending.office.keys, token))),
        recipient=agent.value.address,
        message_id=tokens.message_id(ending.office.keys, token, name),
        server_name=ending.office.name,
        case_label=ending.office.desk.sections.cases.label(case.number),
        thread_id=token,
        fates=(Fate(taken.address, action, ending.response, now, taken.wish.orcpt, until),),
        arrived_at=row.created_at,
        envid=row.envid,
        content=content,
        date=now,
        in_full=in_full,
    )
    outbox.put(unit, _outgoing(plan, name, row, ending), now)


def _take_from_owner(unit: Unit, desk: Snapshot, case_id: int, agent_id: int, now: datetime) -> None:
    """An owner who cannot be reached never sees the case; in the team's queue it might come straight back to them."""
    case = cases.lock(unit, case_id)
    if case is None or case.owner_id != agent_id or case.status_kind in ENDED_KINDS:
        return
    wanted = {"queue": cases.FALLBACK_QUEUE, "owner_id": None}
    changing.change(unit, desk, case, wanted, casegate(now, "the owner's mailbox takes no mail"))


def _outgoing(plan: NoticePlan, name: str, row: Any, ending: Ending) -> Outgoing:
    written = agent_notice(plan)
    return Outgoing(
        name=name,
        kind="notice",
        thread_id=row.thread_id,
        message_seq=row.message_seq,
        agent_id=row.agent_id,
        message_id=plan.message_id,
        reverse_path="",
        head=ending.signer.sign_all(written, (ending.office.name,)) + written,
        content_id=None,
        body_offset=0,
        recipients=(str(plan.recipient),),
    )


_EVENTS = {Action.FAILED: "not_delivered", Action.DELAYED: "delayed"}
_WORDS = {Action.FAILED: "FAILURE", Action.DELAYED: "DELAY"}
