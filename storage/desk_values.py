# SPDX-License-Identifier: Apache-2.0
"""The desk as an operator writes it down: teams, agents, routing addresses, contacts."""

from dataclasses import dataclass

from storage.address import Address


@dataclass(frozen=True, slots=True)
class Team:
    """A group of agents with a shared identity: customers see display name and sender, never an agent."""

    name: str
    display_name: str
    sender: Address


@dataclass(frozen=True, slots=True)
class Agent:
    """A person who answers; `address` is private and never leaves, `signature` is appended to their replies."""

    login: str
    name: str
    address: Address
    teams: tuple[str, ...] = ()
    signature: str = ""


@dataclass(frozen=True, slots=True)
class RoutingAddress:
    """A public address that feeds a team."""

    address: Address
    team: str
    accept_from: str = "anyone"  # or "known_contacts"
    others: str = "reject"  # whom accept_from does not let in: "reject", "quarantine" or "discard"
    verified: bool = False
    acknowledge: str = ""  # the text of the customer's acknowledgement; empty: none


@dataclass(frozen=True, slots=True)
class Contact:
    """A customer whom the operator knows."""

    name: str
    addresses: tuple[Address, ...]


@dataclass(frozen=True, slots=True)
class Desk:
    """All of it, in the order of the file."""

    teams: tuple[Team, ...] = ()
    agents: tuple[Agent, ...] = ()
    addresses: tuple[RoutingAddress, ...] = ()
    contacts: tuple[Contact, ...] = ()
