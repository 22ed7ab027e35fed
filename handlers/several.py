# SPDX-License-Identifier: Apache-2.0
"""One mail to the addresses of several teams: they watch its case, or each gets a case of its own (several_addresses).

Enters: the mail's case and its job. Leaves: watchers; or, for each other team, the mail a second time in a thread of
theirs, as if its author had sent it to them alone. What is in a case only grows by its people's mail: machines and
strangers bring no team to a case that exists.
"""

import json
from typing import Any

from handlers import persons, tokens
from handlers.acting import casegate
from handlers.office import Office
from handlers.opening import open_case
from handlers.work import Work
from storage import case_teams, cases, refiling, threads
from storage.address import key_of
from storage.cases import Event
from storage.database import Unit
from storage.messages import to_json
from storage.refiling import Elsewhere
from storage.threads import Link

Recipients = list[dict[str, Any]]


def tell_others(unit: Unit, case: Any, work: Work, *, is_new: bool) -> None:
    """Let the other teams that the mail was for have it, too."""
    if is_second(work.row) or not (is_new or persons.customer_wrote(work)):
        return
    for team_id, recipients in _others(case, work).items():
        if work.office.desk.sections.cases.several_addresses == "linked_cases":
            _file_with(unit, case, work, (team_id, recipients))
        else:
            _let_watch(unit, case, work, team_id)


def is_second(row: Any) -> bool:
    """Whether this is what another team got of a mail: its author has had all answers by the first."""
    return bool(row.link_kind == Link.SAME_MAIL.value)


def _others(case: Any, work: Work) -> dict[int, Recipients]:
    """The recipients that took the mail for other teams, by team, in the order of the envelope."""
    found: dict[int, Recipients] = {}
    for one in json.loads(work.row.recipients):
        team_id = _team_of(one, work.office)
        if team_id is not None and team_id != case.team_id:
            found.setdefault(team_id, []).append(one)
    return found


def _team_of(recipient: dict[str, Any], office: Office) -> int | None:
    if not recipient["routing_address"] or recipient["disposition"] != "accept":
        return None
    address = office.routing_addresses.get(key_of(recipient["routing_address"]))
    return address.team_id if address is not None else None


def _let_watch(unit: Unit, case: Any, work: Work, team_id: int) -> None:
    if case_teams.watch(unit, case.id, team_id):
        team, actor = work.office.desk.teams[team_id], casegate(work.now).actor
        told: dict[str, object] = {"team": team.value.name, "message": work.row.id}
        cases.add_event(unit, case.id, Event(actor, "watched", told), work.now)


def _file_with(unit: Unit, case: Any, work: Work, other: tuple[int, Recipients]) -> None:
    """The mail in the case that the team has of this matter, or in a new one; a job routes it there.

    The new case is made at once: the next mail of the thread finds it.
    """
    team_id, recipients = other
    theirs = case_teams.beside(unit, case.id, team_id)
    if theirs is not None:
        thread_id = threads.by_token(unit, theirs.thread_token)
        if thread_id is not None and _takes_part(unit, thread_id, key_of(work.row.author_address)):
            _add(unit, work, (thread_id, theirs.thread_token), recipients)
            return
    token = tokens.new_thread_id(work.office.keys)
    thread_id = threads.make(unit, token, work.now)
    threads.add_participants(unit, thread_id, "customer", _people(unit, work.row))
    row = _add(unit, work, (thread_id, token), recipients)
    open_case(unit, row, work.office, work.now)


def _add(unit: Unit, work: Work, place: tuple[int, str], recipients: Recipients) -> Any:
    named = ", ".join(str(one["address"]) for one in recipients)
    note = ("case", "second", f'several_addresses = "linked_cases" of the desk: message {work.row.id}, for {named}')
    silent = [{name: value for name, value in one.items() if name != "notify"} for one in recipients]
    made = (tokens.new_name(work.now), work.now, to_json(silent))
    return refiling.add(unit, work.row, Elsewhere(*place, note, work.row.thread_id, Link.SAME_MAIL), made)


def _takes_part(unit: Unit, thread_id: int, key: str) -> bool:
    return key in {one.key for one in threads.participants(unit, thread_id, "customer")}


def _people(unit: Unit, row: Any) -> list[threads.Person]:
    """Those of the thread who write or get this mail."""
    named = {key_of(address) for _, address in json.loads(row.to_) + json.loads(row.cc)}
    named.add(key_of(row.author_address))
    return [one for one in threads.participants(unit, row.thread_id, "customer") if one.key in named]
