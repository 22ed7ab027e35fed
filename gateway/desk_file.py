# SPDX-License-Identifier: Apache-2.0
"""The desk file: teams, agents, addresses, contacts, who may write; in TOML, read and written (sample: conf/desk.toml).

Enters: a TOML file. Leaves: a frozen Desk in which every name exists and nothing is there twice. Fails: ConfigError,
one line with file, row and key. `render` writes text that loads to the same Desk.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import MISSING, fields
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from gateway import desk_file_cases
from gateway.config_errors import Place, complaint, first_complaint, read_toml, show_found
from gateway.config_values import YesOrNo
from gateway.desk_file_cases import CaseTables, HandlingRow, Row
from gateway.desk_file_values import (
    AcceptFrom,
    Attachment,
    Blocked,
    ListEntry,
    Login,
    Mailbox,
    Name,
    OnFailure,
    Others,
    OverRate,
    Rate,
    Size,
    Text,
    Word,
)
from gateway.units import show_duration, show_size
from storage.address import Address
from storage.blocks import Block
from storage.case_values import NOUNS, ROWS, CaseSettings, Handling
from storage.desk_values import NO_MAX_SIZE, Agent, Contact, Desk, Policy, RoutingAddress, SenderList, Team


class _Team(Row):
    name: Word
    display_name: Name
    sender: Mailbox


class _Agent(Row):
    login: Login
    name: Name
    address: Mailbox
    teams: tuple[Word, ...] = ()
    signature: Text = ""


class _Policy(Row):
    accept_from: AcceptFrom = ""
    others: Others = ""
    lists: tuple[Word, ...] | None = None
    dmarc_reject: OnFailure = ""
    dmarc_quarantine: OnFailure = ""
    dmarc_none: OnFailure = ""
    no_author: OnFailure = ""
    max_size: Size = 0
    forbid_attachments: tuple[Attachment, ...] | None = None
    forbidden_attachment: Others = ""
    rate_author: Rate = ""
    rate_domain: Rate = ""
    rate_total: Rate = ""
    over_rate: OverRate = ""


class _Address(_Policy, HandlingRow):
    address: Mailbox
    team: Word
    verified: YesOrNo = False
    acknowledge: Text = ""
    aliases: tuple[Mailbox, ...] = ()


class _List(Row):
    name: Word
    entries: tuple[ListEntry, ...] = ()


class _Block(Row):
    what: Blocked
    reason: Text = ""


class _Contact(Row):
    name: Name
    addresses: tuple[Mailbox, ...]
    language: Text = ""
    account: Text = ""


class _File(CaseTables):
    team: tuple[_Team, ...] = ()
    agent: tuple[_Agent, ...] = ()
    address: tuple[_Address, ...] = ()
    contact: tuple[_Contact, ...] = ()
    policy: _Policy = _Policy()
    list: tuple[_List, ...] = ()
    block: tuple[_Block, ...] = ()


def load(path: Path) -> Desk:
    """Read and check the file; raises ConfigError."""
    try:
        file = _File.model_validate(read_toml(path))
    except ValidationError as error:
        raise first_complaint(path, _File, error) from None
    desk = Desk(
        teams=tuple(Team(**dict(row)) for row in file.team),
        agents=tuple(Agent(**dict(row)) for row in file.agent),
        addresses=tuple(_routing_address(row) for row in file.address),
        contacts=tuple(Contact(**dict(row)) for row in file.contact),
        policy=_policy(file.policy),
        lists=tuple(SenderList(**dict(row)) for row in file.list),
        blocks=tuple(Block(**dict(row)) for row in file.block),
        accounts=desk_file_cases.accounts(file),
        sections=desk_file_cases.sections(file),
    )
    _check(path, desk)
    return desk


def _routing_address(row: _Address) -> RoutingAddress:
    handling = desk_file_cases.handling(row)
    return RoutingAddress(row.address, row.team, row.verified, row.acknowledge, _policy(row), row.aliases, handling)


def _policy(row: _Policy) -> Policy:
    return Policy(**{field.name: getattr(row, field.name) for field in fields(Policy)})


def _check(path: Path, desk: Desk) -> None:
    _check_unique(path, ((("team", i, "name"), team.name) for i, team in enumerate(desk.teams)))
    _check_unique(path, ((("agent", i, "login"), agent.login) for i, agent in enumerate(desk.agents)))
    for index, contact in enumerate(desk.contacts):
        if not contact.addresses:
            raise complaint(path, ("contact", index, "addresses"), "[]", "at least one address")
    _check_unique(path, ((place, mailbox.key) for place, mailbox in _mailboxes(desk)))
    _check_unique(path, ((("list", i, "name"), row.name) for i, row in enumerate(desk.lists)))
    _check_unique(path, ((("block", i, "what"), row.what) for i, row in enumerate(desk.blocks)))
    _check_unique(path, desk_file_cases.names(desk))
    _check_private(path, desk)
    _check_teams(path, desk)
    _check_lists(path, desk)
    _check_cases(path, desk)


def _check_cases(path: Path, desk: Desk) -> None:
    for place, name, kind, known in desk_file_cases.references(desk):
        _check_known(path, [(place, name)], kind, known)
    for place, name in desk_file_cases.taken_words(desk):
        raise complaint(path, place, show_found(name), "a name that no status of every desk has")
    for place, found, expected in desk_file_cases.faults(desk):
        raise complaint(path, place, found, expected)


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
        for position, old in enumerate(routing.aliases):
            yield ("address", index, "aliases", position), old
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
    places: list[tuple[Place, str]] = [(("address", i, "team"), row.team) for i, row in enumerate(desk.addresses)]
    places += [
        (("agent", i, "teams", position), name)
        for i, agent in enumerate(desk.agents)
        for position, name in enumerate(agent.teams)
    ]
    _check_known(path, places, "team", {team.name for team in desk.teams})


def _check_lists(path: Path, desk: Desk) -> None:
    policies: list[tuple[Place, Policy]] = [(("policy",), desk.policy)]
    policies += [(("address", i), row.policy) for i, row in enumerate(desk.addresses)]
    places: list[tuple[Place, str]] = [
        ((*place, "lists", position), name)
        for place, policy in policies
        for position, name in enumerate(policy.lists or ())
    ]
    _check_known(path, places, "list", {one.name for one in desk.lists})
    for place, policy in policies:
        if policy.accept_from == "listed" and not (policy.lists or desk.policy.lists):
            raise complaint(path, (*place, "accept_from"), '"listed"', "lists beside it, for nobody could write")


def _check_known(path: Path, places: Iterable[tuple[Place, str]], kind: str, known: set[str]) -> None:
    for place, name in places:
        if name not in known:
            expected = (
                f"{'an' if kind[0] in 'aeiou' else 'a'} {kind} of this file: {', '.join(sorted(known)) or 'none yet'}"
            )
            raise complaint(path, place, show_found(name), expected)


def render(desk: Desk) -> str:
    """The desk as a TOML file; keys at their defaults are left out."""
    rows: list[tuple[str, Iterable[object], dict[str, object]]] = [
        ("team", desk.teams, {}),
        ("agent", desk.agents, {"teams": (), "signature": ""}),
        ("list", desk.lists, {"entries": ()}),
        ("address", desk.addresses, {"acknowledge": "", "aliases": ()}),
        ("account", desk.accounts, {"domains": ()}),
        ("contact", desk.contacts, {"language": "", "account": ""}),
        ("block", desk.blocks, {"reason": ""}),
    ]
    rows += [(table, getattr(desk.sections, name), _DEFAULTS[name]) for name, table in NOUNS.items()]
    tables = [f"[policy]\n{_said(desk.policy)}"] if desk.policy != Policy() else []
    if desk.sections.cases != CaseSettings():
        tables.append(f"[cases]\n{_lines(desk.sections.cases, _defaults(CaseSettings))}")
    return "\n".join([*tables, *(_row(table, row, absent) for table, group, absent in rows for row in group)])


def _defaults(kind: type[Any]) -> dict[str, object]:
    """What a value is where the file says nothing."""
    return {each.name: each.default for each in fields(kind) if each.default is not MISSING}


_DEFAULTS = {name: _defaults(kind) for name, kind in ROWS.items()}


def _row(table: str, row: object, absent: dict[str, object]) -> str:
    return f"[[{table}]]\n{_lines(row, absent)}"


def _lines(row: object, absent: dict[str, object]) -> str:
    pairs = [(field.name, getattr(row, field.name)) for field in fields(row) if field.compare]  # type: ignore[arg-type]
    return "".join(_line(key, value) for key, value in pairs if key not in absent or value != absent[key])


def _line(key: str, value: object) -> str:
    return _said(value) if isinstance(value, Policy | Handling) else f"{key} = {_value(key, value)}\n"


def _said(value: Policy | Handling) -> str:
    """What is said; sizes as the file has them."""
    said = {each.name: getattr(value, each.name) for each in fields(value)}
    if isinstance(value, Policy) and value.max_size:
        said["max_size"] = "off" if value.max_size == NO_MAX_SIZE else show_size(value.max_size)
    silent = ("", None) if isinstance(value, Handling) else ("", None, 0)
    return "".join(_line(key, one) for key, one in said.items() if one not in silent)


def _value(key: str, value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return _quoted(show_duration(timedelta(seconds=value))) if key in _SPANS else str(value)
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_quoted(name)} = {_quoted(one)}" for name, one in value.items()) + " }"
    if isinstance(value, tuple):
        return f"[{', '.join(_value(key, item) for item in value)}]"
    return _quoted(value)


def _quoted(value: object) -> str:
    return json.dumps(str(value), ensure_ascii=False)


_SPANS = ("first_response", "resolution")
