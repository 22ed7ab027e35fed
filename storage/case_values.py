# SPDX-License-Identifier: Apache-2.0
"""What the desk file says of cases: statuses, outcomes, fields, targets, accounts, teams, views; how mail is filed.

Each value is one row of its section, or the section itself. Durations are seconds; 0 means that nothing is said.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import date
from typing import Any

# What a status is, whatever its name; a desk may add statuses of each kind but "new".
STATUS_KINDS = ("new", "open", "pending", "on_hold", "solved", "closed")
ENDED_KINDS = ("solved", "closed")
LIVE_KINDS = tuple(kind for kind in STATUS_KINDS if kind not in ENDED_KINDS)
PRIORITIES = ("low", "normal", "high", "urgent")
MOST_FIELD_CHARACTERS = 1000

_TAG = re.compile(r"[^\s,\"']{1,64}")
_NUMBER = re.compile(r"-?[0-9]{1,15}(?:\.[0-9]{1,10})?", re.ASCII)
_YES_NO = {"yes": "yes", "true": "yes", "no": "no", "false": "no"}


def is_tag(text: str) -> bool:
    """Whether this may be a tag: no spaces, commas and quotes."""
    return _TAG.fullmatch(text) is not None and text.isprintable()


@dataclass(frozen=True, slots=True)
class Handling:
    """How mail to an address is filed, and what its cases begin with; what is empty or None is not said here.

    `reopen_days`: how long a solved or closed case is opened again by its customer's mail; 0: never.
    """

    threads: str = ""  # "strict", "standard" or "open": who may join (docs/threads.md)
    thread_by: str = ""  # "token" or "contact"
    topic_change: str = ""  # "new_case" or "stay"
    subject_tag: bool | None = None  # whether the thread ID stands in the subject from the team's first reply on
    reopen_days: int | None = None
    priority: str = ""
    tags: tuple[str, ...] | None = None
    fields: Mapping[str, str] | None = None
    target: str = ""  # the name of the target; empty: the first that fits

    def over(self, other: "Handling") -> "Handling":
        """This one, and where it says nothing the other."""
        said = {one.name: getattr(self, one.name) for one in fields(self)}
        return Handling(
            **{name: value if value not in ("", None) else getattr(other, name) for name, value in said.items()}
        )


DEFAULT_HANDLING = Handling(
    threads="standard",
    thread_by="token",
    topic_change="stay",
    subject_tag=False,
    reopen_days=30,
    priority="normal",
    tags=(),
    fields={},
)


@dataclass(frozen=True, slots=True)
class CaseSettings:
    """The section [cases]; what it says of handling holds where an address does not say otherwise."""

    number_prefix: str = ""
    number_start: int = 1
    several_addresses: str = "one_case"  # or "linked_cases": a mail to routing addresses of several teams
    auto_close_days: int = 14  # from solved to closed; 0: never
    handling: Handling = field(default_factory=Handling)

    def label(self, number: int) -> str:
        """A case's number as people see it and may type it."""
        return f"{self.number_prefix}{number}"


@dataclass(frozen=True, slots=True)
class Status:
    """A status of the desk's own."""

    name: str
    kind: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """An outcome code; `label` is what people read."""

    code: str
    label: str = ""


@dataclass(frozen=True, slots=True)
class CaseField:
    """A custom field."""

    name: str
    type: str = "text"  # "text", "number", "date", "choice" or "yes_no"
    label: str = ""
    choices: tuple[str, ...] = ()
    default: str = ""

    def normal(self, text: str) -> str:
        """A value as it is kept; the ValueError says what this field takes."""
        return _NORMAL[self.type](self, text.strip())


def _normal_text(_field: CaseField, text: str) -> str:
    if not text or not text.isprintable() or len(text) > MOST_FIELD_CHARACTERS:
        raise ValueError(f"one line of 1 to {MOST_FIELD_CHARACTERS} characters")
    return text


def _normal_number(_field: CaseField, text: str) -> str:
    if not _NUMBER.fullmatch(text):
        raise ValueError("a number such as 12 or -3.5")
    return text


def _normal_date(_field: CaseField, text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise ValueError("a date such as 2026-12-25") from None


def _normal_choice(field_: CaseField, text: str) -> str:
    found = next((one for one in field_.choices if one.casefold() == text.casefold()), None)
    if found is None:
        raise ValueError(f"one of {', '.join(field_.choices)}")
    return found


def _normal_yes_no(_field: CaseField, text: str) -> str:
    if text.lower() not in _YES_NO:
        raise ValueError("yes or no")
    return _YES_NO[text.lower()]


_NORMAL: Mapping[str, Callable[[CaseField, str], str]] = {
    "text": _normal_text,
    "number": _normal_number,
    "date": _normal_date,
    "choice": _normal_choice,
    "yes_no": _normal_yes_no,
}


@dataclass(frozen=True, slots=True)
class Calendar:
    """Business hours in a time zone; holidays are dates."""

    name: str
    zone: str = "UTC"
    hours: tuple[str, ...] = ("mon-fri 09:00-17:00",)
    holidays: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Target:
    """How soon a team answers and resolves, in seconds of the calendar's hours; it holds for what it names."""

    name: str
    first_response: int = 0
    resolution: int = 0
    calendar: str = ""  # empty: around the clock
    priorities: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    teams: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Account:
    """An organisation, and the mail domains of its people."""

    name: str
    domains: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Role:
    """A role in a case team."""

    name: str
    access: str = "read"  # or "write"


@dataclass(frozen=True, slots=True)
class CaseTeam:
    """A predefined case team: members as "login:role"."""

    name: str
    members: tuple[str, ...] = ()


# What a rule of [[tell]] may name beside the desk's own fields.
WATCHED = "watched"  # becomes the name of a team
MEMBER = "member"  # becomes a role
WORDS = ("message", "reply", "comment")  # somebody wrote
HAPPENINGS = (WATCHED, MEMBER, *WORDS)  # no values of a case; told where they happen
TELLING_FIELDS = ("status", "priority", "owner", "team", "queue", "outcome", "subject", "target", "missed", *HAPPENINGS)
MISSED = FIRST_RESPONSE, RESOLUTION = ("first_response", "resolution")  # what "missed" may become


@dataclass(frozen=True, slots=True)
class Telling:
    """Who is told when a field of a case becomes a value: {field = "priority", becomes = "high", roles = [...]}."""

    field: str
    becomes: str = ""  # empty: whatever it becomes
    roles: tuple[str, ...] = ()  # members of the case with these roles
    agents: tuple[str, ...] = ()  # these agents, whatever the case


@dataclass(frozen=True, slots=True)
class View:
    """A list of cases under a name: each filter that is given must hold, with one of its values."""

    name: str
    statuses: tuple[str, ...] = ()  # names or kinds
    priorities: tuple[str, ...] = ()
    teams: tuple[str, ...] = ()
    queues: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()  # logins, "me" or "nobody"
    tags: tuple[str, ...] = ()
    contact: str = ""  # an address
    account: str = ""
    overdue: bool = False


@dataclass(frozen=True, slots=True)
class Sections:
    """All of it."""

    cases: CaseSettings = field(default_factory=CaseSettings)
    statuses: tuple[Status, ...] = ()
    outcomes: tuple[Outcome, ...] = ()
    fields: tuple[CaseField, ...] = ()
    calendars: tuple[Calendar, ...] = ()
    targets: tuple[Target, ...] = ()
    roles: tuple[Role, ...] = ()
    case_teams: tuple[CaseTeam, ...] = ()
    tellings: tuple[Telling, ...] = ()
    views: tuple[View, ...] = ()

    def first_fields(self, handling: Handling) -> dict[str, str]:
        """The custom fields of a new case: the defaults of the fields, and over them what its address says."""
        said = {one.name: one.default for one in self.fields if one.default} | dict(handling.fields or {})
        known = {one.name: one for one in self.fields}
        return {name: known[name].normal(value) for name, value in said.items() if name in known and value}

    def kind_of(self, status: str) -> str | None:
        """What a status is, or None where the desk knows none of that name."""
        if status in STATUS_KINDS:
            return status
        return next((one.kind for one in self.statuses if one.name == status), None)


ROWS: Mapping[str, type[Any]] = {
    "statuses": Status,
    "outcomes": Outcome,
    "fields": CaseField,
    "calendars": Calendar,
    "targets": Target,
    "roles": Role,
    "case_teams": CaseTeam,
    "tellings": Telling,
    "views": View,
}

# What one row of a section is called, in the desk file and in what apply prints.
NOUNS: Mapping[str, str] = {
    "statuses": "status",
    "outcomes": "outcome",
    "fields": "field",
    "calendars": "calendar",
    "targets": "target",
    "roles": "role",
    "case_teams": "case_team",
    "tellings": "tell",
    "views": "view",
}
