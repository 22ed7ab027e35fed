# SPDX-License-Identifier: Apache-2.0
"""The desk in the database: applied from a file, exported back, and read as one snapshot by every process.

Applying compares, writes what differs and counts the desk's version up, so that processes know when to read again.
What the file no longer names is retired, not deleted: cases and mail keep pointing at it. Contacts confirmed by an
agent's reply, and what a command added to blocks and lists, stay whatever the file says.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row, delete, insert, select, update

from storage import accounts, ageing, blocks, desk_contacts, lists, policies, sections, stranded, ways
from storage.address import parse
from storage.blocks import Blocklist
from storage.case_values import DEFAULT_HANDLING, Handling, Sections
from storage.database import Unit
from storage.desk_rows import apply_rows
from storage.desk_values import Agent, Desk, Policy, RoutingAddress, Team
from storage.desk_version import count_up, version
from storage.lists import Listed
from storage.schema_desk import agent, agent_team, contact_address, private_address, routing_address, team
from storage.ways import Way


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
    """Teams, agents, routing addresses and who may write to them, in force at one version of the desk."""

    version: int
    teams: Mapping[int, TeamRow]
    agents: Mapping[str, AgentRow]  # by login
    addresses: Mapping[str, AddressRow]  # by key
    past_addresses: tuple[str, ...] = ()  # what an agent once had and nobody has now, neither agent nor contact
    policy: Policy = field(default_factory=Policy)  # of addresses that do not say otherwise
    lists: Mapping[str, Listed] = field(default_factory=dict)  # by name
    blocks: Blocklist = field(default_factory=Blocklist)
    ways: Mapping[str, Way] = field(default_factory=dict)  # by key of the public address
    aliases: Mapping[str, AddressRow] = field(default_factory=dict)  # by key of the old address
    sections: Sections = field(default_factory=Sections)

    @property
    def private_addresses(self) -> tuple[str, ...]:
        """The addresses of the agents in force, none of which may leave."""
        return tuple(str(row.value.address) for row in self.agents.values())

    def handling_of(self, address: RoutingAddress | None) -> Handling:
        """How mail to this address is filed; the desk's where the address is no more. Everything is said."""
        desks = self.sections.cases.handling.over(DEFAULT_HANDLING)
        return desks if address is None else address.handling.over(desks)

    def is_in_use(self, row: AddressRow, way: Way | None = None) -> bool:
        """Whether an address, and one that leads to it, is verified: by a word, by its own way or by this one."""
        own = self.ways.get(row.value.address.key)
        return row.value.verified or any(one is not None and one.is_verified for one in (own, way))

    def agent_by_id(self, agent_id: int | None) -> AgentRow | None:
        return next((row for row in self.agents.values() if row.id == agent_id), None)

    def first_team_of(self, agent: AgentRow) -> int:
        """The first that the desk file names for them."""
        by_name = {row.value.name: row.id for row in self.teams.values()}
        return next(by_name[name] for name in agent.value.teams if name in by_name)


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
    aliases = ways.aliases(unit)
    addresses = {key: replace(row, value=_with_aliases(row.value, aliases)) for key, row in addresses.items()}
    present = {row.value.address.key for row in agents.values()}
    past = tuple(key for key in unit.execute(_PAST).scalars() if key not in present)
    return Snapshot(
        version=version(unit),
        teams=teams,
        agents=agents,
        addresses=addresses,
        past_addresses=past,
        policy=policies.of_desk(unit),
        lists={one.name: Listed(frozenset(one.entries)) for one in lists.in_force(unit)},
        blocks=blocks.blocklist(blocks.entries(unit)),
        ways=ways.all_of(unit),
        aliases={key: addresses[row.target_key] for key, row in aliases.items() if row.target_key in addresses},
        sections=sections.sections(unit),
    )


def apply(unit: Unit, desk: Desk, now: datetime | None = None) -> list[str]:
    """Make the database say what the desk says; returns one line a change."""
    rules = _target_rules(unit)
    changes = stranded.rename_teams(unit, desk.teams)
    changes += apply_rows(unit, team, "team", "name", {row.name: _team_columns(row) for row in desk.teams})
    changes += apply_rows(unit, agent, "agent", "login", {row.login: _agent_columns(row) for row in desk.agents})
    _remember_addresses(unit, desk)
    changes += _apply_members(unit, desk)
    ids = {row.name: row.id for row in unit.execute(select(team.c.id, team.c.name))}
    addresses = {row.address.key: address_columns(row, ids[row.team]) for row in desk.addresses}
    changes += apply_rows(unit, routing_address, "address", "key", addresses)
    changes += _apply_aliases(unit, desk)
    changes += accounts.apply(unit, desk.accounts)
    changes += desk_contacts.apply(unit, desk.contacts, now or datetime.now(UTC))
    changes += policies.apply(unit, desk.policy)
    changes += lists.apply(unit, desk.lists, now)
    changes += blocks.apply(unit, desk.blocks, now)
    changes += sections.apply(unit, desk.sections)
    if _target_rules(unit) != rules:
        ageing.look_at_all(unit, now or datetime.now(UTC))
    if changes:
        count_up(unit)
    return changes


def export(unit: Unit) -> Desk:
    """The desk in force as an operator would write it down; what replies and commands added is among it."""
    now = snapshot(unit)
    return Desk(
        teams=tuple(row.value for row in now.teams.values()),
        agents=tuple(row.value for row in now.agents.values()),
        addresses=tuple(row.value for row in now.addresses.values()),
        contacts=tuple(desk_contacts.in_force(unit)),
        policy=now.policy,
        lists=lists.in_force(unit),
        blocks=tuple(blocks.entries(unit)),
        accounts=tuple(accounts.in_force(unit)),
        sections=now.sections,
    )


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


def _target_rules(unit: Unit) -> tuple[object, ...]:
    """All that decides which target holds for a case, and when it is due."""
    said = sections.sections(unit)
    addresses = unit.execute(select(routing_address).where(routing_address.c.active)).all()
    named = {row.key: sections.handling_of(row.handling).target for row in addresses}
    aliases = {key: row.target_key for key, row in ways.aliases(unit).items()}
    return said.targets, said.calendars, said.cases.handling.target, named, aliases


def _apply_aliases(unit: Unit, desk: Desk) -> list[str]:
    """Old addresses; what the file names is the file's from now on, whoever added it."""
    names = [row.address.key for row in desk.addresses]
    unit.execute(update(routing_address).where(routing_address.c.key.in_(names)).values(source="file"))
    wanted = {old.key: (str(old), row.address.key) for row in desk.addresses for old in row.aliases}
    return ways.apply_aliases(unit, wanted, frozenset(names))


def _with_aliases(value: RoutingAddress, aliases: Mapping[str, Row[Any]]) -> RoutingAddress:
    mine = tuple(parse(row.address) for row in aliases.values() if row.target_key == value.address.key)
    return replace(value, aliases=mine)


def _team_columns(value: Team) -> dict[str, Any]:
    return {"name": value.name, "display_name": value.display_name, "sender": str(value.sender)}


def _agent_columns(value: Agent) -> dict[str, Any]:
    return {
        "login": value.login,
        "name": value.name,
        "address": str(value.address),
        "signature": value.signature,
    }


def address_columns(value: RoutingAddress, team_id: int) -> dict[str, Any]:
    return {
        "key": value.address.key,
        "address": str(value.address),
        "team_id": team_id,
        "verified": value.verified,
        "acknowledge": value.acknowledge,
        "handling": sections.handling_json(value.handling),
        **policies.to_columns(value.policy),
    }


def _team(row: Row[Any]) -> Team:
    return Team(row.name, row.display_name, parse(row.sender))


def _agent(row: Row[Any], members: Mapping[int, list[int]], teams: Mapping[int, TeamRow]) -> Agent:
    names = tuple(teams[team_id].value.name for team_id in members.get(row.id, ()) if team_id in teams)
    return Agent(row.login, row.name, parse(row.address), names, row.signature)


def _address(row: Row[Any], team_name: str) -> RoutingAddress:
    return RoutingAddress(
        parse(row.address),
        team_name,
        row.verified,
        row.acknowledge,
        policies.from_row(row),
        handling=sections.handling_of(row.handling),
    )


def _members(unit: Unit) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for row in unit.execute(select(agent_team).order_by(agent_team.c.agent_id, agent_team.c.team_id)):
        found.setdefault(row.agent_id, []).append(row.team_id)
    return found


_PAST = (
    select(private_address.c.key)
    .where(private_address.c.key.not_in(select(contact_address.c.key).where(contact_address.c.source != "mail")))
    .order_by(private_address.c.key)
)
