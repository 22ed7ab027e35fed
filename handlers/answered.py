# SPDX-License-Identifier: Apache-2.0
"""What an agent's reply changes in its case, in the unit of work that promises to send it."""

from handlers import changing, telling
from handlers.acting import By, casegate
from storage import cases, contacts, threads
from storage.address import key_of
from storage.cases import Event
from storage.database import Unit
from storage.desk import Snapshot
from storage.replies import Answered, Submission


def answered(desk: Snapshot) -> Answered:
    """For storage.replies.submit."""
    return lambda unit, reply: _tell_case(unit, desk, reply)


def _tell_case(unit: Unit, desk: Snapshot, reply: Submission) -> None:
    """Those written to belong to the thread and are known contacts; the case waits for them."""
    where, now = reply.conversation, reply.received_at
    threads.add_participants(unit, where.thread_id, "customer", reply.recipients)
    threads.add_participants(unit, where.thread_id, "agent", (reply.header.author,))
    known = {person.key: contacts.confirm_contact(unit, person.name, person.address) for person in reply.recipients}
    actor = f"agent:{reply.agent_login}"
    told: dict[str, object] = {"message": reply.message_id, "to": [person.address for person in reply.recipients]}
    cases.add_event(unit, where.case_id, Event(actor, "reply", told), now)
    case = cases.lock(unit, where.case_id)
    if case is None:
        return
    telling.happened(unit, desk, case, ("reply", "", reply.agent_login), By(actor, now))
    if case.contact_id is None and key_of(case.contact_address) in known:  # an agent answered whom nobody vouched for
        cases.write(unit, case.id, {"contact_id": known[key_of(case.contact_address)]})
    if case.owner_id is None:
        case = changing.change(unit, desk, case, {"owner_id": reply.agent_id, "queue": None}, By(actor, now))
    elif case.owner_id != reply.agent_id:  # who has the case gets what a colleague wrote
        cases.write(unit, case.id, {"copies_due_at": now})
    if case.responded_at is None:
        case = changing.change(unit, desk, case, {"responded_at": now}, casegate(now))
    if case.status_kind in ("new", "open"):
        changing.change(unit, desk, case, {"status": "pending"}, casegate(now))
