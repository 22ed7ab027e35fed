# SPDX-License-Identifier: Apache-2.0
"""How one attempt ended, written down: delivered, deferred with its next instant, or failed and told.

A reply that failed is noted on its case and told to the agent who wrote it; a copy that failed is noted on the case. A
notice is never followed by another (RFC 5321 §4.5.5). All of it is one unit of work with the settlement.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from handlers import delivery, schedule, tokens
from handlers.identity import Mailbox
from handlers.notices import Failure, NoticePlan, agent_notice
from handlers.office import Office
from handlers.ports import R451_UNKNOWN
from handlers.signing import Signer
from storage import cases, outbox
from storage.address import parse
from storage.cases import Event
from storage.database import Unit
from storage.desk import AgentRow
from storage.outbox import Outgoing, Taken
from storage.response import Response
from storage.states import RecipientState


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
    if state is RecipientState.FAILED:
        _tell(unit, ending, row)
    return state.value


def _tell(unit: Unit, ending: Ending, row: Any) -> None:
    case = cases.of_thread(unit, row.thread_id) if row.thread_id is not None else None
    if case is None:
        return
    told: dict[str, object] = {
        "mail": row.kind,
        "recipient": ending.taken.address,
        "response": str(ending.response),
    }
    cases.add_event(unit, case.id, Event("casegate", "not_delivered", told), ending.now)
    if row.kind == "copy":
        _take_from_owner(unit, case.id, row.agent_id, ending.now)
    agent = ending.office.desk.agent_by_id(row.agent_id)
    if row.kind == "reply" and agent is not None:
        _, content = outbox.load(unit, row.id)
        outbox.put(unit, _notice(ending, row, case, (agent, content)), ending.now)


def _take_from_owner(unit: Unit, case_id: int, agent_id: int, now: datetime) -> None:
    """An owner who cannot be reached never sees the case; in the team's queue it might come straight back to them."""
    case = cases.lock(unit, case_id)
    if case is None or case.owner_id != agent_id or case.status in cases.CLOSED_STATUSES:
        return
    cases.set_queue(unit, case_id, cases.FALLBACK_QUEUE, None)
    told: dict[str, object] = {"queue": cases.FALLBACK_QUEUE, "reason": "the owner's mailbox takes no mail"}
    cases.add_event(unit, case_id, Event("casegate", "queued", told), now)


def _notice(ending: Ending, row: Any, case: Any, about: tuple[AgentRow, bytes]) -> Outgoing:
    agent, content = about
    office, name = ending.office, tokens.new_name(ending.now)
    message_id = tokens.message_id(office.keys, case.thread_token, name)
    address = agent.value.address
    plan = NoticePlan(
        sender=Mailbox("casegate", parse(tokens.thread_address(office.keys, case.thread_token))),
        recipient=address,
        message_id=message_id,
        server_name=office.name,
        case_number=case.number,
        thread_id=case.thread_token,
        failures=(Failure(parse(ending.taken.address), ending.response, ending.now),),
        content=content,
        date=ending.now,
    )
    written = agent_notice(plan)
    return Outgoing(
        name=name,
        kind="notice",
        thread_id=row.thread_id,
        message_seq=row.message_seq,
        agent_id=agent.id,
        message_id=message_id,
        reverse_path="",
        head=ending.signer.sign_all(written, (office.name,)) + written,
        content_id=None,
        body_offset=0,
        recipients=(str(address),),
    )
