# SPDX-License-Identifier: Apache-2.0
"""The desk as an operator writes it down: teams, agents, routing addresses and who may write to them, contacts."""

from dataclasses import dataclass, field

from storage.address import Address
from storage.blocks import Block
from storage.case_values import Account, Handling, Sections


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


NO_MAX_SIZE = -1  # said, and not the same as 0: here the desk's bound does not hold


@dataclass(frozen=True, slots=True)
class Policy:
    """What admission asks, of one address or of all; what is empty, 0 or None is not said here (docs/admission.md).

    A disposition is "accept", "quarantine", "reject" or "discard"; a rate is "60/h" or "off".
    """

    accept_from: str = ""  # "anyone", "known_contacts", "listed" or "authenticated"
    others: str = ""  # disposition of whom accept_from does not let in
    lists: tuple[str, ...] | None = None  # names of those that "listed" looks into
    dmarc_reject: str = ""  # disposition of a DMARC failure where the author's domain asks for reject
    dmarc_quarantine: str = ""
    dmarc_none: str = ""
    no_author: str = ""  # disposition of a mail that does not name exactly one author
    max_size: int = 0  # octets, or NO_MAX_SIZE
    forbid_attachments: tuple[str, ...] | None = None  # ".exe", "application/x-msdownload", "image/*"
    forbidden_attachment: str = ""  # disposition of a mail with one of them
    rate_author: str = ""
    rate_domain: str = ""
    rate_total: str = ""
    over_rate: str = ""  # "defer" or "reject"


@dataclass(frozen=True, slots=True)
class RoutingAddress:
    """A public address that feeds a team."""

    address: Address
    team: str
    verified: bool = False
    acknowledge: str = ""  # the text of the customer's acknowledgement; empty: none
    policy: Policy = field(default_factory=Policy)
    aliases: tuple[Address, ...] = ()  # old addresses whose mail it has
    handling: Handling = field(default_factory=Handling)


@dataclass(frozen=True, slots=True)
class SenderList:
    """Addresses and domains under a name: "name@host.example", "@host.example", "@*.host.example"."""

    name: str
    entries: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Contact:
    """A customer whom the operator knows."""

    name: str
    addresses: tuple[Address, ...]
    language: str = ""
    account: str = ""  # by its name; empty: that of the address's domain


@dataclass(frozen=True, slots=True)
class Desk:
    """All of it; `policy` holds for each address that does not say otherwise."""

    teams: tuple[Team, ...] = ()
    agents: tuple[Agent, ...] = ()
    addresses: tuple[RoutingAddress, ...] = ()
    contacts: tuple[Contact, ...] = ()
    policy: Policy = field(default_factory=Policy)
    lists: tuple[SenderList, ...] = ()
    blocks: tuple[Block, ...] = ()
    accounts: tuple[Account, ...] = ()
    sections: Sections = field(default_factory=Sections)
