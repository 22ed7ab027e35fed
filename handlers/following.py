# SPDX-License-Identifier: Apache-2.0
"""A case that has ended for good: its customer's next mail begins a new case, and all later mail goes there.

Enters: a case, locked, and the job of a mail in its thread. Leaves: the mail in the thread that goes on, still to be
routed. Decided by the job and not at arrival: only now is known what the content is, and whether the case has ended
since. A machine's mail, a stranger's and a third party's stay where they are and open nothing.
"""

from datetime import timedelta
from typing import Any

from handlers import persons, tokens
from handlers.work import Work
from storage import cases, messages, refiling, threads
from storage.address import key_of
from storage.case_values import ENDED_KINDS
from storage.database import Unit
from storage.refiling import Elsewhere
from storage.threads import Link


def goes_on(unit: Unit, case: Any, work: Work) -> bool:
    """Whether the mail was taken on into the case that follows; then it is due anew."""
    if not is_over(case, work) or not persons.customer_wrote(work):
        return False
    refiling.refile(unit, work.row, _elsewhere(unit, case, work))
    messages.put_back(unit, work.row.id, work.now)
    return True


def is_over(case: Any, work: Work) -> bool:
    """Whether the mail came too late to open the case again; what came before its end never does."""
    if case.status_kind not in ENDED_KINDS or case.ended_at is None:
        return False
    return bool(work.row.received_at > case.ended_at + timedelta(days=_reopen_days(case, work)))


def _reopen_days(case: Any, work: Work) -> int:
    address = work.office.routing_addresses.get(key_of(case.routing_address))
    return work.office.desk.handling_of(address.value if address is not None else None).reopen_days or 0


def _elsewhere(unit: Unit, case: Any, work: Work) -> Elsewhere:
    """The thread that goes on; one whose case has ended for good too has another after it, or gets one."""
    at = work.row.thread_id
    while (after := threads.following(unit, at)) is not None:
        at = after
        its_case = cases.of_thread(unit, at)
        if its_case is None or not is_over(its_case, work):
            return Elsewhere(at, threads.token_of(unit, at), _note(case, work, "goes on in the case after it"))
    token = tokens.new_thread_id(work.office.keys)
    new = threads.follow(unit, at, token, work.now)
    return Elsewhere(new, token, _note(case, work, "begins a case after it"), at, Link.FOLLOWS)


def _note(case: Any, work: Work, what: str) -> tuple[str, str, str]:
    days = _reopen_days(case, work)
    return ("case", "follows", f"case {case.number} ended more than {days} days before (reopen_days): the mail {what}")
