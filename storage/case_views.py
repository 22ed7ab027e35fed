# SPDX-License-Identifier: Apache-2.0
"""Lists of cases: by a view of the desk or by the same filters given by hand. Only reads.

Newest first by number. Each filter that is given must hold; of its values one is enough. A team has the cases that are
its own and those that it watches.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, false, or_, select

from storage.case_values import LIVE_KINDS, PRIORITIES, STATUS_KINDS, View
from storage.cases import FALLBACK_QUEUE
from storage.database import Unit
from storage.schema import message, thread
from storage.schema_cases import case, case_link, case_tag, case_watcher
from storage.schema_desk import account, account_domain, agent, contact, contact_address, team

Rows = Sequence[Row[Any]]

AT_ONCE = 500  # cases whose parts are asked for in one question


@dataclass(frozen=True, slots=True)
class Asked:
    """A view, the instant at which it is looked at, and the login that its owner "me" stands for."""

    view: View
    now: datetime
    me: str = ""
    with_merged: bool = False


def found(unit: Unit, asked: Asked, limit: int) -> Rows:
    """The newest cases of a view."""
    wanted = [one for one in _conditions(unit, asked) if one is not None]
    if not asked.with_merged:
        wanted.append(case.c.merged_into_id.is_(None))
    cases = shown().where(*wanted).limit(limit)
    if not asked.view.teams:
        return unit.execute(cases.order_by(case.c.number.desc())).all()
    teams = unit.execute(select(team.c.id).where(team.c.name.in_(asked.view.teams))).scalars().all()
    own = unit.execute(cases.where(case.c.team_id.in_(teams)).order_by(case.c.number.desc())).all()
    rows = {row.id: row for row in (*own, *_watched(unit, cases, teams))}
    return sorted(rows.values(), key=lambda row: -row.number)[:limit]


def _watched(unit: Unit, cases: Select[Any], teams: Sequence[int]) -> list[Row[Any]]:
    """The newest of other teams that these watch.

    One question for each team, in the order of its index: an "or" beside the team's own would have the store look at
    all of them. Cases are made in the order of their numbers.
    """
    watched = cases.join(case_watcher, case_watcher.c.case_id == case.c.id).order_by(case_watcher.c.case_id.desc())
    others = watched.where(case.c.team_id.not_in(teams))
    return [row for one in teams for row in unit.execute(others.where(case_watcher.c.team_id == one))]


def unknown(unit: Unit, view: View, statuses: Collection[str]) -> str | None:
    """The first word of a view that names nothing here, with what it was to name; what is retired is still here."""
    names = {
        "status": ([one for one in view.statuses if not _has_cases(unit, one)], statuses),
        "priority": (view.priorities, PRIORITIES),
        "team": (view.teams, _all(unit, team.c.name)),
        "queue": (view.queues, [*_all(unit, team.c.name), FALLBACK_QUEUE]),
        "agent": ([one for one in view.owners if one not in ("me", "nobody")], _all(unit, agent.c.login)),
        "account": ([view.account] if view.account else [], _all(unit, account.c.name)),
    }
    for noun, (asked, there) in names.items():
        for word in asked:
            if word not in there:
                return f"no {noun} {word!r}"
    if view.contact and contact_id(unit, view.contact) is None:
        return f"no contact {view.contact!r}"
    return None


def contact_id(unit: Unit, key: str) -> int | None:
    """The contact whose address this is."""
    return unit.execute(select(contact_address.c.contact_id).where(contact_address.c.key == key)).scalar()


def _has_cases(unit: Unit, status: str) -> bool:
    """Cases keep a status that the desk has dropped."""
    return unit.execute(select(case.c.id).where(case.c.status == status).limit(1)).first() is not None


def _all(unit: Unit, column: Any) -> Sequence[str]:
    return unit.execute(select(column)).scalars().all()


def shown() -> Select[Any]:
    """A case row with its team's name, its owner's login, and the number of the case that it was merged into."""
    survivor = case.alias("survivor")
    return (
        select(case, team.c.name.label("team"), agent.c.login.label("owner"), survivor.c.number.label("merged_into"))
        .join(team, team.c.id == case.c.team_id)
        .outerjoin(agent, agent.c.id == case.c.owner_id)
        .outerjoin(survivor, survivor.c.id == case.c.merged_into_id)
    )


def by_number(unit: Unit, number: int) -> Row[Any] | None:
    """One case by its number."""
    return unit.execute(shown().where(case.c.number == number)).first()


def members(unit: Unit, case_ids: Sequence[int]) -> Mapping[int, list[str]]:
    """The ids of the messages of each case, in the order of acceptance."""
    gathered: dict[int, list[str]] = defaultdict(list)
    for some in _portions(case_ids):
        rows = unit.execute(
            select(thread.c.case_id, message.c.id)
            .join(message, message.c.thread_id == thread.c.id)
            .where(thread.c.case_id.in_(some))
            .order_by(message.c.seq)
        )
        for row in rows:
            gathered[row.case_id].append(row.id)
    return gathered


def links(unit: Unit, case_ids: Sequence[int]) -> Mapping[int, list[tuple[str, int]]]:
    """(kind, number) of what each case is linked with."""
    gathered: dict[int, list[tuple[str, int]]] = defaultdict(list)
    for some in _portions(case_ids):
        rows = unit.execute(
            select(case_link.c.case_id, case_link.c.kind, case.c.number)
            .join(case, case.c.id == case_link.c.other_id)
            .where(case_link.c.case_id.in_(some))
            .order_by(case.c.number, case_link.c.kind)
        )
        for row in rows:
            gathered[row.case_id].append((row.kind, row.number))
    return gathered


def watchers(unit: Unit, case_ids: Sequence[int]) -> Mapping[int, list[str]]:
    """The names of the teams that watch each case, which is another team's."""
    gathered: dict[int, list[str]] = defaultdict(list)
    for some in _portions(case_ids):
        rows = unit.execute(
            select(case_watcher.c.case_id, team.c.name)
            .join(team, team.c.id == case_watcher.c.team_id)
            .join(case, case.c.id == case_watcher.c.case_id)
            .where(case_watcher.c.case_id.in_(some), case.c.team_id != case_watcher.c.team_id)
            .order_by(team.c.name)
        )
        for row in rows:
            gathered[row.case_id].append(row.name)
    return gathered


def mail_of(unit: Unit, case_id: int) -> Rows:
    """Every message of the case in the order of acceptance, with the thread ID it belongs to."""
    return unit.execute(
        select(message, thread.c.token.label("thread_token"))
        .join(thread, thread.c.id == message.c.thread_id)
        .where(thread.c.case_id == case_id)
        .order_by(message.c.seq)
    ).all()


def _portions(case_ids: Sequence[int]) -> list[Sequence[int]]:
    return [case_ids[at : at + AT_ONCE] for at in range(0, len(case_ids), AT_ONCE)]


def _conditions(unit: Unit, asked: Asked) -> list[ColumnElement[bool] | None]:
    view = asked.view
    return [
        _with_status(view.statuses),
        _one_of(view.priorities, case.c.priority),
        _one_of(view.queues, case.c.queue),
        _owned(unit, view.owners, asked.me),
        _tagged(view.tags),
        _of_contact(unit, view.contact) if view.contact else None,
        _of_account(unit, view.account) if view.account else None,
        _overdue(asked.now) if view.overdue else None,
    ]


def _one_of(values: Sequence[str], column: Any) -> ColumnElement[bool] | None:
    return column.in_(values) if values else None


def _with_status(names: Sequence[str]) -> ColumnElement[bool] | None:
    """A kind is asked for as a kind, for which there is an index; it includes the desk's own statuses of that kind."""
    kinds, own = [one for one in names if one in STATUS_KINDS], [one for one in names if one not in STATUS_KINDS]
    wanted = [column.in_(some) for column, some in ((case.c.status_kind, kinds), (case.c.status, own)) if some]
    return or_(*wanted) if wanted else None


def _owned(unit: Unit, owners: Sequence[str], me: str) -> ColumnElement[bool] | None:
    """By ids that are known beforehand: what is asked for must be found by an index, however many cases there are."""
    if not owners:
        return None
    logins = [me if one == "me" else one for one in owners if one != "nobody"]
    ids = unit.execute(select(agent.c.id).where(agent.c.login.in_(logins))).scalars().all() if logins else []
    wanted = [case.c.owner_id.in_(ids)] if logins else []
    return or_(*wanted, *([case.c.owner_id.is_(None)] if "nobody" in owners else []))


def _tagged(tags: Sequence[str]) -> ColumnElement[bool] | None:
    return case.c.id.in_(select(case_tag.c.case_id).where(case_tag.c.tag.in_(tags))) if tags else None


def _of_contact(unit: Unit, key: str) -> ColumnElement[bool]:
    found = contact_id(unit, key)
    return case.c.contact_id == found if found is not None else false()


def _of_account(unit: Unit, name: str) -> ColumnElement[bool]:
    """Its contacts: given to it by hand, or of its domains and given to none."""
    account_id = unit.execute(select(account.c.id).where(account.c.name == name)).scalar()
    if account_id is None:
        return false()
    domains = unit.execute(select(account_domain.c.domain).where(account_domain.c.account_id == account_id)).scalars()
    of_hand = case.c.contact_id.in_(select(contact.c.id).where(contact.c.account_id == account_id))
    by_domain = [contact_address.c.key.like("%@" + _literal(domain), escape="\\") for domain in domains]
    if not by_domain:
        return of_hand
    of_domain = (
        select(contact_address.c.contact_id)
        .join(contact, contact.c.id == contact_address.c.contact_id)
        .where(or_(*by_domain), contact.c.account_id.is_(None))
    )
    return or_(of_hand, case.c.contact_id.in_(of_domain))


def _literal(domain: str) -> str:
    return domain.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _overdue(now: datetime) -> ColumnElement[bool]:
    return (case.c.due_at < now) & case.c.status_kind.in_(LIVE_KINDS)
