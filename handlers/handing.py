# SPDX-License-Identifier: Apache-2.0
"""An agent new to a case gets all mail of it that they have not had and did not write, of cases made by hand the text.

Enters: a case that has a new owner. Leaves: copies in the outbox. Whoever changes owners without a signer leaves a
mark in the case (`copies_due_at`), in the same transaction; the sweep then comes here, which is the move `hand`.
"""

from contextlib import nullcontext
from dataclasses import replace
from itertools import chain
from typing import Any

from handlers import briefing, copying, received
from handlers.work import Work
from storage import case_changes, cases, content, messages, outbox, repeated
from storage.address import key_of
from storage.database import Unit
from storage.states import MessageState


def hand_over(unit: Unit, case_id: int, work: Work) -> bool:
    """Give the owner what is due, and take the mark away; an owner who has left meanwhile gets nothing."""
    case = cases.lock(unit, case_id)
    if case is None or case.copies_due_at is None:
        return False
    cases.write(unit, case.id, {"copies_due_at": None})
    if work.office.desk.agent_by_id(case.owner_id) is not None:
        give_all(unit, case, case.owner_id, work)
    return True


def give_all(unit: Unit, case: Any, agent_id: int, work: Work) -> None:
    """Copies of what the agent has not had, each in its own thread; doing it twice is harmless."""
    has = cases.copied_to(unit, case.id, agent_id)
    for made in case_changes.untold(unit, case.id, agent_id):
        briefing.brief(unit, (made, case.number), agent_id, work)
    for thread_id in cases.threads_of(unit, case.id):
        left = outbox.replies_in_thread(unit, thread_id)
        for row in messages.of_thread(unit, thread_id):
            if row.seq in has:
                continue
            if _is_a_customers(row):
                mail = _read(unit, row.content_id)
                copying.copy_to_agent(unit, case, agent_id, replace(work, row=row, mail=mail))
            elif row.direction == "outbound" and not _is_by(row, left.get(row.seq), agent_id, work):
                sent = left.get(row.seq)
                mail = _read(unit, sent.content_id, bytes(sent.head)) if sent else _read(unit, row.content_id)
                copying.copy_reply(unit, case, agent_id, sent, replace(work, row=row, mail=mail))


def _read(unit: Unit, content_id: int, head: bytes = b"") -> received.Received:
    return received.read(chain([head], content.pieces(lambda: nullcontext(unit), content_id)))


def _is_by(row: Any, sent: Any, agent_id: int, work: Work) -> bool:
    """Whether the agent wrote it themselves; of an imported one the author tells."""
    if sent is not None:
        return bool(sent.agent_id == agent_id)
    agent = work.office.desk.agent_by_id(agent_id)
    return agent is not None and key_of(row.author_address) == agent.value.address.key


def _is_a_customers(row: Any) -> bool:
    """What came in, and was not only sent again."""
    return row.direction == "inbound" and row.state == MessageState.ROUTED.value and not repeated.is_marked(row)
