# SPDX-License-Identifier: Apache-2.0
"""The desk file: [[team]], [[agent]], [[address]], [[contact]] in TOML, read and written. conf/desk.toml is a sample.

Enters: a TOML file. Leaves: a frozen Desk in which every name exists and nothing is there twice. Fails: ConfigError,
one line with file, row and key. `render` writes text that loads to the same Desk.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, ValidationError

from gateway.config_errors import Place, Reads, complaint, first_complaint, read_toml, show_found
from storage import address
from storage.address import Address
from storage.desk_values import Agent, Contact, Desk, RoutingAddress, Team

NAME_LENGTH = 100
TEXT_LENGTH = 10_000
_WORD = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_LOGIN = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,99}")


def _one_line(value: object) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > NAME_LENGTH or not value.isprintable():
        raise ValueError("not a name")
    return value


def _lines(value: object) -> str:
    if not isinstance(value, str) or len(value) > TEXT_LENGTH:
        raise ValueError("not text")
    if any(not c.isprintable() and c not in "\n\t" for c in value):
        raise ValueError("control characters")
    return value


def _matching(pattern: re.Pattern[str]) -> Callable[[Any], str]:
    def parse(value: object) -> str:
        if not isinstance(value, str) or not pattern.fullmatch(value):
            raise ValueError("no match")
        return value

    return parse


def _yes_or_no(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("not a boolean")
    return value


def _choice(*words: str) -> Reads:
    return Reads(_matching(re.compile("|".join(words))), " or ".join(f'"{word}"' for word in words))


Word = Annotated[str, Reads(_matching(_WORD), 'a short name in lower case such as "support"')]
Login = Annotated[str, Reads(_matching(_LOGIN), 'a login in lower case such as "ann"')]
Name = Annotated[str, Reads(_one_line, f"a name of 1 to {NAME_LENGTH} characters on one line")]
Text = Annotated[str, Reads(_lines, f"text of at most {TEXT_LENGTH} characters without control characters")]
Mailbox = Annotated[Address, Reads(lambda value: address.parse(value), 'an address such as "name@host.example"')]
YesOrNo = Annotated[bool, Reads(_yes_or_no, "true or false")]


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Team(_Row):
    name: Word
    display_name: Name
    sender: Mailbox


class _Agent(_Row):
    login: Login
    name: Name
    address: Mailbox
    teams: tuple[Word, ...] = ()
    signature: Text = ""


class _Address(_Row):
    address: Mailbox
    team: Word
    accept_from: Annotated[str, _choice("anyone", "known_contacts")] = "anyone"
    others: Annotated[str, _choice("reject", "quarantine", "discard")] = "reject"
    verified: YesOrNo = False
    acknowledge: Text = ""


class _Contact(_Row):
    name: Name
    addresses: tuple[Mailbox, ...]


class _File(_Row):
    team: tuple[_Team, ...] = ()
    agent: tuple[_Agent, ...] = ()
    address: tuple[_Address, ...] = ()
    contact: tuple[_Contact, ...] = ()


def load(path: Path) -> Desk:
    """Read and check the file; raises ConfigError."""
    try:
        file = _File.model_validate(read_toml(path))
    except ValidationError as error:
        raise first_complaint(path, _File, error) from None
    desk = Desk(
        teams=tuple(Team(**dict(row)) for row in file.team),
        agents=tuple(Agent(**dict(row)) for row in file.agent),
        addresses=tuple(RoutingAddress(**dict(row)) for row in file.address),
        contacts=tuple(Contact(**dict(row)) for row in file.contact),
    )
    _check(path, desk)
    return desk


def _check(path: Path, desk: Desk) -> None:
    _check_unique(path, ((("team", i, "name"), team.name) for i, team in enumerate(desk.teams)))
    _check_unique(path, ((("agent", i, "login"), agent.login) for i, agent in enumerate(desk.agents)))
    for index, contact in enumerate(desk.contacts):
        if not contact.addresses:
            raise complaint(path, ("contact", index, "addresses"), "[]", "at least one address")
    _check_unique(path, ((place, mailbox.key) for place, mailbox in _mailboxes(desk)))
    _check_private(path, desk)
    _check_teams(path, desk)


def _check_unique(path: Path, values: Iterable[tuple[Place, str]]) -> None:
    seen: dict[str, Place] = {}
    for place, value in values:
        if value in seen:
            kind, index = seen[value][:2]
            raise complaint(path, place, show_found(value), f"what {kind}[{index}] does not already have")
        seen[value] = place


def _mailboxes(desk: Desk) -> Iterator[tuple[Place, Address]]:
    """An agent's private address can be no routing address: the team's copies would come back as customers' mail."""
    for index, routing in enumerate(desk.addresses):
        yield ("address", index, "address"), routing.address
    for index, agent in enumerate(desk.agents):
        yield ("agent", index, "address"), agent.address
    for index, contact in enumerate(desk.contacts):
        for position, mailbox in enumerate(contact.addresses):
            yield ("contact", index, "addresses", position), mailbox


def _check_private(path: Path, desk: Desk) -> None:
    senders = {team.sender.key: index for index, team in enumerate(desk.teams)}
    for index, agent in enumerate(desk.agents):
        if agent.address.key in senders:
            expected = f"a private address, not the sender of team[{senders[agent.address.key]}]"
            raise complaint(path, ("agent", index, "address"), show_found(str(agent.address)), expected)


def _check_teams(path: Path, desk: Desk) -> None:
    known = {team.name for team in desk.teams}
    places: list[tuple[Place, str]] = [(("address", i, "team"), row.team) for i, row in enumerate(desk.addresses)]
    places += [
        (("agent", i, "teams", position), name)
        for i, agent in enumerate(desk.agents)
        for position, name in enumerate(agent.teams)
    ]
    for place, name in places:
        if name not in known:
            raise complaint(
                path, place, show_found(name), f"a team of this file: {', '.join(sorted(known)) or 'none yet'}"
            )


def render(desk: Desk) -> str:
    """The desk as a TOML file; keys at their defaults are left out."""
    rows: tuple[tuple[str, tuple[object, ...], dict[str, object]], ...] = (
        ("team", desk.teams, {}),
        ("agent", desk.agents, {"teams": (), "signature": ""}),
        ("address", desk.addresses, {"acknowledge": ""}),
        ("contact", desk.contacts, {}),
    )
    return "\n".join(_row(table, row, absent) for table, group, absent in rows for row in group)


def _row(table: str, row: object, absent: dict[str, object]) -> str:
    pairs = [(field.name, getattr(row, field.name)) for field in fields(row)]  # type: ignore[arg-type]
    lines = (f"{key} = {_value(value)}\n" for key, value in pairs if key not in absent or value != absent[key])
    return f"[[{table}]]\n{''.join(lines)}"


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return f"[{', '.join(_value(item) for item in value)}]"
    return json.dumps(str(value), ensure_ascii=False)
