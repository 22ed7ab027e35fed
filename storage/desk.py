# SPDX-License-Identifier: Apache-2.0
"""The desk in the database: applied from a file, exported back, and read as one snapshot by every process.

Applying compares, writes what differs and counts the desk's version up, so that processes know when to read again.
What the file no longer names is retired, not deleted: cases and mail keep pointing at it. Contacts confirmed by an
agent's reply stay whatever the file says.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, Table, delete, insert, select, update

from storage.address import parse
from storage.database import Unit
from storage.desk_values import Agent, Contact, Desk, RoutingAddress, Team
from storage.schema_desk import (
    agent,
    agent_team,
    contact,
    contact_address,
    counter,
    private_address,
    routing_address,
    team,
)


@dataclass(frozen=True, slots=True)
class TeamRow:
    """A team with its database id."""

    id: int
    value: Team


@dataclass(frozen=True, slots=True)
class AgentRow:
    """An agent with their database id and their teams' ids."""

    id: int
    value: Agent
    team_ids: frozenset[int]


@dataclass(frozen=True, slots=True)
class AddressRow:
    """A routing address with its database id and its team's."""

    id: int
    value: RoutingAddress
    team_id: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Teams, agents and routing addresses in force at one version of the desk."""

    version: int
    teams: Mapping[int, TeamRow]
    agents: Mapping[str, AgentRow]  # by login
    addresses: Mapping[str, AddressRow]  # by key
    past_addresses: tuple[str, ...] = ()  # what an agent once had and nobody has now, neither agent nor contact

    @property
    def private_addresses(self) -> tuple[str, ...]:
        """The addresses of the agents in force, none of which may leave."""
        return tuple(str(row.value.address) for row in self.agents.values())

    def agent_by_id(self, agent_id: int | None) -> AgentRow | None:
        return next((row for row in self.agents.values() if row.id == agent_id), None)


def version(unit: Unit) -> int:
    """Counts up with every change of the desk."""
    return int(unit.execute(_VERSION).scalar_one())


def snapshot(unit: Unit) -> Snapshot:
    """Read the desk as it is in force."""
    teams = {row.id: TeamRow(row.id, _team(row)) for row in unit.execute(select(team).where(team.c.active))}
    members = _members(unit)
    agents = {
        row.login: AgentRow(row.id, _agent(row, members, teams), frozenset(members.get(row.id, ())) & teams.keys())
        for row in unit.execute(select(agent).where(agent.c.active).order_by(agent.c.id))
    }
    addresses = {
        row.key: AddressRow(row.id, _address(row, teams[row.team_id].value.name), row.team_id)
        for row in unit.execute(select(routing_address).where(routing_address.c.active).order_by(routing_address.c.id))
        if row.team_id in teams
    }
    present = {row.value.address.key for row in agents.values()}
    past = tuple(key for key in unit.execute(_PAST).scalars() if key not in present)
    return Snapshot(version(unit), teams, agents, addresses, past)


def is_known_contact(unit: Unit, key: str) -> bool:
    """Whether this address is in the desk file or was confirmed by an agent's reply."""
    return unit.execute(select(contact_address.c.key).where(contact_address.c.key == key)).first() is not None


def contact_name(unit: Unit, key: str) -> str:
    """The name the desk knows a contact by, or nothing."""
    row = unit.execute(
        select(contact.c.name)
        .join(contact_address, contact_address.c.contact_id == contact.c.id)
        .where(contact_address.c.key == key)
    ).first()
    return str(row.name) if row is not None else ""


def confirm_contact(unit: Unit, name: str, address: str) -> None:
    """An agent has answered this address: it is a known contact from now on."""
    key = parse(address).key
    if not is_known_contact(unit, key):
        new = unit.execute(insert(contact).returning(contact.c.id), {"name": name, "source": "reply"}).scalar_one()
        unit.execute(insert(contact_address), {"key": key, "address": address, "contact_id": new})


def apply(unit: Unit, desk: Desk) -> list[str]:
    """Make the database say what the desk says; returns one line a change."""
    changes = _apply_rows(unit, team, "team", "name", {row.name: _team_columns(row) for row in desk.teams})
    changes += _apply_rows(unit, agent, "agent", "login", {row.login: _agent_columns(row) for row in desk.agents})
    _remember_addresses(unit, desk)
    changes += _apply_members(unit, desk)
    ids = {row.name: row.id for row in unit.execute(select(team.c.id, team.c.name))}
    addresses = {row.address.key: _address_columns(row, ids[row.team]) for row in desk.addresses}
    changes += _apply_rows(unit, routing_address, "address", "key", addresses)
    changes += _apply_contacts(unit, desk)
    if changes:
        unit.execute(update(counter).where(counter.c.name == "desk").values(value=counter.c.value + 1))
    return changes


def export(unit: Unit) -> Desk:
    """The desk in force as an operator would write it down; contacts known by a reply are among them."""
    now = snapshot(unit)
    return Desk(
        teams=tuple(row.value for row in now.teams.values()),
        agents=tuple(row.value for row in now.agents.values()),
        addresses=tuple(row.value for row in now.addresses.values()),
        contacts=tuple(contacts(unit)),
    )


def contacts(unit: Unit) -> list[Contact]:
    """Every known contact with their addresses."""
    found: dict[int, Contact] = {}
    for row in unit.execute(
        select(contact.c.id, contact.c.name, contact_address.c.address)
        .join(contact_address, contact_address.c.contact_id == contact.c.id)
        .order_by(contact.c.id, contact_address.c.key)
    ):
        before = found.get(row.id, Contact(row.name, ()))
        found[row.id] = Contact(row.name, (*before.addresses, parse(row.address)))
    return list(found.values())


def presences(unit: Unit) -> dict[str, str]:
    """Login -> available or away."""
    return {row.login: row.presence for row in unit.execute(select(agent.c.login, agent.c.presence))}


def set_presence(unit: Unit, login: str, presence: str) -> bool:
    """Make an agent available or away; False for an unknown login."""
    return bool(
        unit.execute(update(agent).where(agent.c.login == login, agent.c.active).values(presence=presence)).rowcount
    )


def set_password_hash(unit: Unit, login: str, password_hash: str) -> bool:
    """Keep a new password; False for an unknown login."""
    changed = update(agent).where(agent.c.login == login, agent.c.active).values(password_hash=password_hash)
    return bool(unit.execute(changed).rowcount)


def password_hash(unit: Unit, login: str) -> str | None:
    """What `set_password_hash` kept, or None."""
    row = unit.execute(select(agent.c.password_hash).where(agent.c.login == login, agent.c.active)).first()
    return None if row is None else row.password_hash


def _apply_rows(unit: Unit, table: Table, noun: str, key: str, wanted: Mapping[str, dict[str, Any]]) -> list[str]:
    """Insert, update or retire the rows of one table by their key."""
    present = {row._mapping[key]: row for row in unit.execute(select(table))}
    changes = []
    for name, columns in wanted.items():
        row = present.get(name)
        if row is None:
            defaults = {"presence": "available"} if table is agent else {}
            unit.execute(insert(table), {**columns, **defaults, "active": True})
            changes.append(f"{noun} {name}: added")
            continue
        differing = [column for column, value in columns.items() if row._mapping[column] != value]
        if differing or not row.active:
            unit.execute(update(table).where(table.c.id == row.id).values(**columns, active=True))
            changes.append(f"{noun} {name}: {', '.join(differing) + ' changed' if differing else 'taken back'}")
    for name, row in present.items():
        if name not in wanted and row.active:
            unit.execute(update(table).where(table.c.id == row.id).values(active=False))
            changes.append(f"{noun} {name}: retired")
    return changes


def _remember_addresses(unit: Unit, desk: Desk) -> None:
    """What is private once stays private, whatever a later file says."""
    known = set(unit.execute(select(private_address.c.key)).scalars())
    new = dict.fromkeys(row.address.key for row in desk.agents if row.address.key not in known)
    if new:
        unit.execute(insert(private_address), [{"key": key} for key in new])


def _apply_members(unit: Unit, desk: Desk) -> list[str]:
    teams = {row.name: row.id for row in unit.execute(select(team.c.id, team.c.name))}
    agents = {row.login: row.id for row in unit.execute(select(agent.c.id, agent.c.login))}
    present = {(row.agent_id, row.team_id) for row in unit.execute(select(agent_team))}
    changes = []
    for value in desk.agents:
        agent_id = agents[value.login]
        wanted = {(agent_id, teams[name]) for name in value.teams}
        mine = {pair for pair in present if pair[0] == agent_id}
        if wanted != mine:
            unit.execute(delete(agent_team).where(agent_team.c.agent_id == agent_id))
            if wanted:
                unit.execute(insert(agent_team), [{"agent_id": a, "team_id": t} for a, t in sorted(wanted)])
            changes.append(f"agent {value.login}: teams changed")
    return changes


def _apply_contacts(unit: Unit, desk: Desk) -> list[str]:
    """Contacts have no key of their own: one is who their addresses say."""
    rows = unit.execute(
        select(contact_address.c.key, contact_address.c.contact_id, contact.c.name, contact.c.source).join(
            contact, contact.c.id == contact_address.c.contact_id
        )
    )
    present = {row.key: row for row in rows}
    changes: list[str] = []
    wanted_keys: set[str] = set()
    for value in desk.contacts:
        keys = {address.key: str(address) for address in value.addresses}
        wanted_keys |= keys.keys()
        ids = {present[key].contact_id for key in keys if key in present}
        if len(ids) == 1 and all(key in present and present[key].name == value.name for key in keys):
            continue
        _write_contact(unit, value.name, keys)
        changes.append(f"contact {value.name}: {'changed' if ids else 'added'}")
    gone = [row for key, row in present.items() if key not in wanted_keys and row.source == "desk"]
    for row in gone:
        unit.execute(delete(contact_address).where(contact_address.c.key == row.key))
        changes.append(f"contact {row.name}: {row.key} removed")
    return changes


def _write_contact(unit: Unit, name: str, keys: Mapping[str, str]) -> None:
    unit.execute(delete(contact_address).where(contact_address.c.key.in_(keys)))
    new = unit.execute(insert(contact).returning(contact.c.id), {"name": name, "source": "desk"}).scalar_one()
    unit.execute(
        insert(contact_address), [{"key": key, "address": text, "contact_id": new} for key, text in keys.items()]
    )


def _team_columns(value: Team) -> dict[str, Any]:
    return {"name": value.name, "display_name": value.display_name, "sender": str(value.sender)}


def _agent_columns(value: Agent) -> dict[str, Any]:
    return {
        "login": value.login,
        "name": value.name,
        "address": str(value.address),
        "signature": value.signature,
    }


def _address_columns(value: RoutingAddress, team_id: int) -> dict[str, Any]:
    return {
        "key": value.address.key,
        "address": str(value.address),
        "team_id": team_id,
        "accept_from": value.accept_from,
        "others": value.others,
        "verified": value.verified,
        "acknowledge": value.acknowledge,
    }


def _team(row: Row[Any]) -> Team:
    return Team(row.name, row.display_name, parse(row.sender))


def _agent(row: Row[Any], members: Mapping[int, list[int]], teams: Mapping[int, TeamRow]) -> Agent:
    names = tuple(teams[team_id].value.name for team_id in members.get(row.id, ()) if team_id in teams)
    return Agent(row.login, row.name, parse(row.address), names, row.signature)


def _address(row: Row[Any], team_name: str) -> RoutingAddress:
    return RoutingAddress(parse(row.address), team_name, row.accept_from, row.others, row.verified, row.acknowledge)


def _members(unit: Unit) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for row in unit.execute(select(agent_team).order_by(agent_team.c.agent_id, agent_team.c.team_id)):
        found.setdefault(row.agent_id, []).append(row.team_id)
    return found


_VERSION = select(counter.c.value).where(counter.c.name == "desk")
_PAST = (
    select(private_address.c.key)
    .where(private_address.c.key.not_in(select(contact_address.c.key)))
    .order_by(private_address.c.key)
)
