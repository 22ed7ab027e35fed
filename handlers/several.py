# SPDX-License-Identifier: Apache-2.0
"""One mail to the addresses of several teams: they watch its case, or each gets a case of its own (several_addresses).

Enters: the mail's case and its job. Leaves: watchers; or, for each other team, the mail a second time in a thread of
theirs, as if its author had sent it to them alone: whether it joins the case that they have of the matter is asked
anew. What is in a case only grows by its people's mail: machines and strangers bring no team to a case that exists.
"""

import json
from typing import Any

from handlers import following, persons, telling, tokens
from handlers.acting import casegate
from handlers.office import Office
from handlers.opening import open_case
from handlers.work import Work
from storage import case_teams, cases, filing, refiling, threads
from storage.address import key_of
from storage.case_teams import Theirs
from storage.cases import Event
from storage.database import Unit
from storage.messages import to_json
from storage.refiling import Elsewhere
from storage.threads import Link, Proof

Recipients = list[dict[str, Any]]

_SECOND = "second"  # what the trace says of it


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
    """Whether this is what another team got of a mail, wherever it went since: the first has had all answers."""
    if f'"{_SECOND}"' not in row.trace:
        return False
    return any(note[:2] == ["case", _SECOND] for note in json.loads(row.trace)["notes"])


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
        name, by = work.office.desk.teams[team_id].value.name, casegate(work.now)
        told: dict[str, object] = {"team": name, "message": work.row.id}
        cases.add_event(unit, case.id, Event(by.actor, "watched", told), by.now)
        telling.watched(unit, work.office.desk, case, name, by)


def _file_with(unit: Unit, case: Any, work: Work, other: tuple[int, Recipients]) -> None:
    """The mail in the case that the team has of this matter, or in a new one; a job routes it there."""
    team_id, recipients = other
    known = case_teams.of_matter(unit, case.id, team_id)
    if any(one.case.id == case.id for one in known):
        return  # theirs was merged into this one: the mail is there already
    mine = [one for one in known if persons.customer_wrote(work) and _takes_part(unit, one.thread_id, work)]
    welcome = [one for one in mine if following.lets_in(one.case, work)]
    if welcome:
        running = [one for one in welcome if not following.is_over(one.case, work)]
        _join(unit, case, work, (running or welcome)[0], recipients)
    elif mine:  # they ask for proof of which there is not enough: the author's own case, beside theirs
        _begin(unit, work, recipients, (mine[0].thread_id, Link.POSSIBLY_BELONGS_TO), {key_of(work.row.author_address)})
    else:
        _begin(unit, work, recipients, (work.row.thread_id, Link.SAME_MAIL), _named(work.row))


def _join(unit: Unit, case: Any, work: Work, theirs: Theirs, recipients: Recipients) -> None:
    """Whom a proven author copies belongs to their case as well, and the two stand beside each other."""
    if work.row.proof == Proof.PROVEN.value:
        threads.add_participants(unit, theirs.thread_id, "customer", _people(unit, work.row, _named(work.row)))
    place = theirs.thread_id, threads.token_of(unit, theirs.thread_id)
    _add(unit, work, place, recipients, (work.row.thread_id, Link.SAME_MAIL))
    if case_teams.link(unit, case.id, theirs.case.id):
        for one, number in ((case, theirs.case.number), (theirs.case, case.number)):
            told: dict[str, object] = {"kind": Link.SAME_MAIL.value, "number": number}
            cases.add_event(unit, one.id, Event(casegate(work.now).actor, "linked", told), work.now)


def _begin(unit: Unit, work: Work, recipients: Recipients, beside: tuple[int, Link], people: set[str]) -> None:
    """A case of theirs, made at once: the next mail of the thread finds it."""
    token = tokens.new_thread_id(work.office.keys)
    thread_id = threads.make(unit, token, work.now)
    threads.add_participants(unit, thread_id, "customer", _people(unit, work.row, people))
    open_case(unit, _add(unit, work, (thread_id, token), recipients, beside), work.office, work.now)


def _add(unit: Unit, work: Work, place: tuple[int, str], recipients: Recipients, beside: tuple[int, Link]) -> Any:
    named = ", ".join(str(one["address"]) for one in recipients)
    note = ("case", _SECOND, f'several_addresses = "linked_cases" of the desk: message {work.row.id}, for {named}')
    silent = [{name: value for name, value in one.items() if name != "notify"} for one in recipients]
    made = (tokens.new_name(work.now), work.now, to_json(silent))
    return refiling.add(unit, work.row, Elsewhere(*place, note, *beside), made)


def _takes_part(unit: Unit, thread_id: int, work: Work) -> bool:
    """Under this address, or if it is proven under another one of theirs."""
    key = key_of(work.row.author_address)
    others = filing.same_person(unit, key) if work.row.proof == Proof.PROVEN.value else []
    return bool(threads.with_any(unit, [thread_id], [key, *others]))


def _named(row: Any) -> set[str]:
    """Those who write or get this mail."""
    named = {key_of(address) for _, address in json.loads(row.to_) + json.loads(row.cc)}
    return {*named, key_of(row.author_address)}


def _people(unit: Unit, row: Any, keys: set[str]) -> list[threads.Person]:
    """These of the mail's thread."""
    return [one for one in threads.participants(unit, row.thread_id, "customer") if one.key in keys]
