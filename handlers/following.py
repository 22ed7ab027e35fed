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
from storage.threads import Link, Proof


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


def lets_in(case: Any, work: Work) -> bool:
    """Whether a customer's mail of this proof may join at the address of that case (handlers/proof.py)."""
    is_strict = work.office.handling_at(case.routing_address).threads == "strict"
    return work.row.proof == Proof.PROVEN.value or (work.row.proof == Proof.LIKELY.value and not is_strict)


def _reopen_days(case: Any, work: Work) -> int:
    address = work.office.routing_addresses.get(key_of(case.routing_address))
    return work.office.desk.handling_of(address.value if address is not None else None).reopen_days or 0


def _elsewhere(unit: Unit, case: Any, work: Work) -> Elsewhere:
    """The thread that goes on; one whose case has ended for good too has another after it, or gets one.

    Whoever was brought into the old thread meanwhile, by this mail or by an agent's reply, comes along.
    """
    at = work.row.thread_id
    while (after := threads.following(unit, at)) is not None:
        threads.bring_along(unit, at, after)
        at = after
        its_case = cases.of_thread(unit, at)
        if its_case is not None and is_over(its_case, work):
            continue
        if its_case is not None and not lets_in(its_case, work):
            return _beside(unit, at, case, work)
        return Elsewhere(at, threads.token_of(unit, at), _note(case, work, "goes on in the case after it"))
    token = tokens.new_thread_id(work.office.keys)
    new = threads.follow(unit, at, token, work.now)
    return Elsewhere(new, token, _note(case, work, "begins a case after it"), at, Link.FOLLOWS)


def _beside(unit: Unit, at: int, case: Any, work: Work) -> Elsewhere:
    """The case that goes on came in by an address that asks for proof: one of the author alone, linked to it."""
    token = tokens.new_thread_id(work.office.keys)
    new = threads.make(unit, token, work.now)
    key = key_of(work.row.author_address)
    own = [one for one in threads.participants(unit, work.row.thread_id, "customer") if one.key == key]
    threads.add_participants(unit, new, "customer", own)
    note = _note(case, work, 'begins a case beside the one after it (threads = "strict" asks for proof)')
    return Elsewhere(new, token, note, at, Link.POSSIBLY_BELONGS_TO)


def _note(case: Any, work: Work, what: str) -> tuple[str, str, str]:
    days = _reopen_days(case, work)
    return ("case", "follows", f"case {case.number} ended more than {days} days before (reopen_days): the mail {what}")
