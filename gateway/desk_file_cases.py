# SPDX-License-Identifier: Apache-2.0
"""The desk file's sections about cases: read, checked against each other, and written back.

Enters: rows of the file. Leaves: storage/case_values.py. Fails: ConfigError with file, row and key.
"""

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from pydantic import BaseModel, ConfigDict

from gateway.config_errors import Place, show_found
from gateway.config_values import YesOrNo
from gateway.desk_file_case_values import (
    Access,
    CaseCount,
    Days,
    Domain,
    FieldType,
    Holiday,
    Hours,
    Member,
    Plain,
    Prefix,
    Priority,
    Several,
    Span,
    StatusKind,
    Tag,
    ThreadBy,
    ThreadPolicy,
    Topic,
    Values,
    Zone,
)
from gateway.desk_file_values import Login, Mailbox, Name, Text, Word
from storage.case_values import (
    HAPPENINGS,
    MEMBER,
    MISSED,
    NOUNS,
    PRIORITIES,
    ROWS,
    STATUS_KINDS,
    TELLING_FIELDS,
    WATCHED,
    Account,
    CaseField,
    CaseSettings,
    Handling,
    Sections,
)
from storage.cases import FALLBACK_QUEUE
from storage.desk_values import Desk

_BECOMES_NOTHING = frozenset(HAPPENINGS) - {MEMBER, WATCHED}


class Row(BaseModel):
    """One table of the file."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class HandlingRow(Row):
    """What [cases] and an address both may say."""

    threads: ThreadPolicy = ""
    thread_by: ThreadBy = ""
    topic_change: Topic = ""
    subject_tag: YesOrNo | None = None
    reopen_days: Days | None = None
    priority: Priority = ""
    tags: tuple[Tag, ...] | None = None
    fields: Values | None = None
    target: Word = ""


class _Cases(HandlingRow):
    number_prefix: Prefix = ""
    number_start: CaseCount = 1
    several_addresses: Several = "one_case"
    auto_close_days: Days = 14


class _Status(Row):
    name: Word
    kind: StatusKind


class _Outcome(Row):
    code: Word
    label: Text = ""


class _Field(Row):
    name: Word
    type: FieldType = "text"
    label: Text = ""
    choices: tuple[Name, ...] = ()
    default: Plain = ""


class _Calendar(Row):
    name: Word
    zone: Zone = "UTC"
    hours: tuple[Hours, ...] = ("mon-fri 09:00-17:00",)
    holidays: tuple[Holiday, ...] = ()


class _Target(Row):
    name: Word
    first_response: Span = 0
    resolution: Span = 0
    calendar: Word = ""
    priorities: tuple[Priority, ...] = ()
    addresses: tuple[Mailbox, ...] = ()
    teams: tuple[Word, ...] = ()


class _Account(Row):
    name: Name
    domains: tuple[Domain, ...] = ()


class _Role(Row):
    name: Word
    access: Access = "read"


class _CaseTeam(Row):
    name: Word
    members: tuple[Member, ...] = ()


class _Tell(Row):
    field: Word
    becomes: Text = ""
    roles: tuple[Word, ...] = ()
    agents: tuple[Login, ...] = ()


class _View(Row):
    name: Word
    statuses: tuple[Word, ...] = ()
    priorities: tuple[Priority, ...] = ()
    teams: tuple[Word, ...] = ()
    queues: tuple[Word, ...] = ()
    owners: tuple[Login, ...] = ()
    tags: tuple[Tag, ...] = ()
    contact: Text = ""
    account: Text = ""
    overdue: YesOrNo = False


class CaseTables(Row):
    """The tables that a desk file may have about cases."""

    cases: _Cases = _Cases()
    status: tuple[_Status, ...] = ()
    outcome: tuple[_Outcome, ...] = ()
    field: tuple[_Field, ...] = ()
    calendar: tuple[_Calendar, ...] = ()
    target: tuple[_Target, ...] = ()
    account: tuple[_Account, ...] = ()
    role: tuple[_Role, ...] = ()
    case_team: tuple[_CaseTeam, ...] = ()
    tell: tuple[_Tell, ...] = ()
    view: tuple[_View, ...] = ()


def handling(row: HandlingRow) -> Handling:
    """What a row says of how mail is filed."""
    return Handling(**{each.name: getattr(row, each.name) for each in fields(Handling)})


def sections(file: CaseTables) -> Sections:
    """All sections."""
    own = {each.name: getattr(file.cases, each.name) for each in fields(CaseSettings) if each.name != "handling"}
    rows = {name: tuple(ROWS[name](**_plain(row)) for row in getattr(file, NOUNS[name])) for name in NOUNS}
    return Sections(cases=CaseSettings(**own, handling=handling(file.cases)), **rows)


def accounts(file: CaseTables) -> tuple[Account, ...]:
    return tuple(Account(**dict(row)) for row in file.account)


def _plain(row: Row) -> dict[str, Any]:
    """The values of a row; addresses as their text."""
    given = dict(row)
    return {**given, **({"addresses": tuple(map(str, given["addresses"]))} if "addresses" in given else {})}


def names(desk: Desk) -> Iterator[tuple[Place, str]]:
    """Every name of a row, each with its place; none stands twice in its table."""
    for name, table in NOUNS.items():
        if table != "tell":
            key = fields(ROWS[name])[0].name
            for index, row in enumerate(getattr(desk.sections, name)):
                yield (table, index, key), f"{table} {getattr(row, key)}"
    for index, account in enumerate(desk.accounts):
        yield ("account", index, "name"), f"account {account.name}"
        for position, domain in enumerate(account.domains):
            yield ("account", index, "domains", position), f"domain {domain}"


def references(desk: Desk) -> Iterator[tuple[Place, str, str, set[str]]]:
    """Every name that must stand in another table: (place, name, what it is, what there is)."""
    said = desk.sections
    teams, logins = {one.name for one in desk.teams}, {one.login for one in desk.agents}
    roles, targets = {one.name for one in said.roles}, {one.name for one in said.targets}
    calendars, known_fields = {one.name for one in said.calendars}, {one.name for one in said.fields}
    for place, handled in _handlings(desk):
        if handled.target:
            yield (*place, "target"), handled.target, "target", targets
        for name in handled.fields or ():
            yield (*place, "fields", name), name, "field", known_fields
    for index, target in enumerate(said.targets):
        if target.calendar:
            yield ("target", index, "calendar"), target.calendar, "calendar", calendars
        for position, team in enumerate(target.teams):
            yield ("target", index, "teams", position), team, "team", teams
    for index, group in enumerate(said.case_teams):
        for position, member in enumerate(group.members):
            login, _, role = member.partition(":")
            yield ("case_team", index, "members", position), login, "agent", logins
            yield ("case_team", index, "members", position), role, "role", roles
    for index, telling in enumerate(said.tellings):
        yield ("tell", index, "field"), telling.field, "field", known_fields | set(TELLING_FIELDS)
        for position, role in enumerate(telling.roles):
            yield ("tell", index, "roles", position), role, "role", roles
        for position, login in enumerate(telling.agents):
            yield ("tell", index, "agents", position), login, "agent", logins
    yield from _references_of_views(desk)
    accounts_there = {one.name for one in desk.accounts}
    for index, contact in enumerate(desk.contacts):
        if contact.account:
            yield ("contact", index, "account"), contact.account, "account", accounts_there


def _references_of_views(desk: Desk) -> Iterator[tuple[Place, str, str, set[str]]]:
    statuses = {*STATUS_KINDS, *(one.name for one in desk.sections.statuses)}
    teams, targets = {one.name for one in desk.teams}, {one.name for one in desk.sections.targets}
    known = {
        "statuses": ("status", statuses),
        "teams": ("team", teams),
        "queues": ("work queue", teams | {FALLBACK_QUEUE}),
        "owners": ("agent", {"me", "nobody", *(one.login for one in desk.agents)}),
    }
    for index, view in enumerate(desk.sections.views):
        for key, (noun, there) in known.items():
            for position, name in enumerate(getattr(view, key)):
                yield ("view", index, key, position), name, noun, there
        if view.account:
            yield ("view", index, "account"), view.account, "account", {one.name for one in desk.accounts}
    for index, telling in enumerate(desk.sections.tellings):
        wanted = {"priority": set(PRIORITIES), "status": statuses, "target": targets}.get(telling.field)
        if wanted and telling.becomes:
            yield ("tell", index, "becomes"), telling.becomes, telling.field, wanted
        if telling.field == WATCHED and telling.becomes:
            yield ("tell", index, "becomes"), telling.becomes, "team", teams
        if telling.field == MEMBER and telling.becomes:
            yield ("tell", index, "becomes"), telling.becomes, "role", {one.name for one in desk.sections.roles}


def taken_words(desk: Desk) -> Iterator[tuple[Place, str]]:
    """Statuses of the desk's own that bear the name of a status that every desk has."""
    for index, status in enumerate(desk.sections.statuses):
        if status.name in STATUS_KINDS:
            yield ("status", index, "name"), status.name


def faults(desk: Desk) -> Iterator[tuple[Place, str, str]]:
    """What fits no value, is never reached, or means two things: (place, what is found, expected)."""
    for index, calendar in enumerate(desk.sections.calendars):
        if not calendar.hours:
            yield ("calendar", index, "hours"), "[]", "at least one line of hours, for no target would ever be due"
    yield from _faults_of_fields(desk)
    for index, telling in enumerate(desk.sections.tellings):
        if telling.field == "missed" and telling.becomes not in ("", *MISSED):
            expected = f"the target that is missed: {' or '.join(MISSED)}"
            yield ("tell", index, "becomes"), show_found(telling.becomes), expected
        if telling.field in _BECOMES_NOTHING and telling.becomes:
            yield ("tell", index, "becomes"), show_found(telling.becomes), f'nothing beside field = "{telling.field}"'


def _faults_of_fields(desk: Desk) -> Iterator[tuple[Place, str, str]]:
    """Custom fields that no value fits, and values that do not fit their field."""
    known = {one.name: one for one in desk.sections.fields}
    for index, field in enumerate(desk.sections.fields):
        row: Place = ("field", index)
        if field.name in TELLING_FIELDS:
            expected = f"a name that no value of every case has: {', '.join(sorted(TELLING_FIELDS))}"
            yield (*row, "name"), show_found(field.name), expected
        if field.type == "choice" and not field.choices:
            yield (*row, "choices"), "[]", "at least one choice, for nothing else can be chosen"
        if field.type != "choice" and field.choices:
            yield (*row, "choices"), "choices", f'none beside type = "{field.type}"'
        if len({one.casefold() for one in field.choices}) < len(field.choices):
            yield (*row, "choices"), "a choice twice", "each choice once, in capitals or not"
        if field.default and (expected := _unfit(field, field.default)):
            yield (*row, "default"), show_found(field.default), expected
    for place, handled in _handlings(desk):
        for name, value in (handled.fields or {}).items():
            if name in known and (expected := _unfit(known[name], value)):
                yield (*place, "fields", name), show_found(value), expected


def _unfit(field: CaseField, value: str) -> str:
    """What the field expects instead; empty where the value fits."""
    try:
        field.normal(value)
    except ValueError as error:
        return str(error)
    return ""


def _handlings(desk: Desk) -> Iterator[tuple[Place, Handling]]:
    yield ("cases",), desk.sections.cases.handling
    for index, row in enumerate(desk.addresses):
        yield ("address", index), row.handling
