# SPDX-License-Identifier: Apache-2.0
"""What every verb knows of the place it works in: our name, our keys, the desk in force; built by gateway."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

from handlers.admission_policy import Effective, effective
from handlers.inspection import Limits
from handlers.subject import AuthenticationPolicy
from handlers.tokens import Keys
from storage.address import Address, key_of, untagged
from storage.case_values import Handling
from storage.desk import AddressRow, Snapshot
from storage.desk_values import Policy
from storage.filing import NEW_CASE
from storage.ways import Way


@dataclass(frozen=True)
class Office:
    """`annotate` accepts every mail and only writes down what would have been done (policy.mode)."""

    name: str
    authserv_id: str
    keys: Keys
    desk: Snapshot
    authentication: AuthenticationPolicy
    annotate: bool
    limits: Limits = field(default_factory=Limits)

    @cached_property
    def inside(self) -> frozenset[str]:
        """Keys of our own people, past ones too, and of our addresses: none of them is a customer."""
        private = (key_of(text) for text in (*self.desk.private_addresses, *self.desk.past_addresses))
        senders = (row.value.sender.key for row in self.desk.teams.values())
        return frozenset((*self.routing_addresses, *private, *senders))

    def is_inside(self, key: str) -> bool:
        """Whether this key is one of our people or addresses, with a tag or without: none of them is a customer."""
        return key in self.inside or untagged(key) in self.inside or key.endswith(f"@{self.keys.host}")

    @cached_property
    def _public(self) -> frozenset[str]:
        return frozenset((*self.routing_addresses, *(row.value.sender.key for row in self.desk.teams.values())))

    def is_public(self, address: Address) -> bool:
        """Whether customers write to us at this address: one of the desk, tagged or not, or one of our own domain."""
        return address.host == self.keys.host or bool({address.key, untagged(address.key)} & self._public)

    @cached_property
    def routing_addresses(self) -> Mapping[str, AddressRow]:
        """Those of the desk, by Address.key, and the old addresses that lead to them."""
        return {**self.desk.aliases, **{row.value.address.key: row for row in self.desk.addresses.values()}}

    @cached_property
    def intakes(self) -> Mapping[str, str]:
        """Local parts of the hidden addresses that forwards lead to, each with the key of the public address."""
        return {way.intake: way.key for way in self.desk.ways.values() if way.intake}

    @cached_property
    def hidden(self) -> Mapping[str, str]:
        """The intakes by Address.key, each with the public address that is named instead."""
        return {f"{way.intake}@{self.keys.host}": way.address for way in self.desk.ways.values() if way.intake}

    def public(self, address: Address) -> str:
        """What may be told of an address that mail came to: never an intake."""
        return self.hidden.get(address.key, str(address))

    @cached_property
    def handling(self) -> Handling:
        """How mail is filed where no address says otherwise."""
        return self.desk.handling_of(None)

    @cached_property
    def handlings(self) -> Mapping[str, Handling]:
        """How mail to each address of the desk is filed, by Address.key."""
        return {key: self.desk.handling_of(row.value) for key, row in self.desk.addresses.items()}

    def handling_at(self, routing_address: str) -> Handling:
        """How the mail of a case is filed that came in by this address; the desk's where that is no more."""
        row = self.routing_addresses.get(key_of(routing_address))
        return self.handling if row is None else self.desk.handling_of(row.value)

    @cached_property
    def watches_topics(self) -> bool:
        """Whether some address wants a case of its own for another topic."""
        return any(one.topic_change == NEW_CASE for one in (*self.handlings.values(), self.desk.handling_of(None)))

    def is_in_use(self, row: AddressRow, way: Way | None = None) -> bool:
        """Whether an address, and one that leads to it, is verified: by a word, by its own way or by this one."""
        return self.desk.is_in_use(row, way)

    @cached_property
    def policies(self) -> Mapping[str, Effective]:
        """What admission asks of each address of the desk, by Address.key."""
        desk = self.desk
        return {
            key: effective(row.value.policy, desk.policy, str(row.value.address)) for key, row in desk.addresses.items()
        }

    @cached_property
    def _default_policy(self) -> Effective:
        return effective(Policy(), self.desk.policy, "")

    def policy_of(self, row: AddressRow | None) -> Effective:
        """The same of one address; the desk's where the address is no more."""
        return self._default_policy if row is None else self.policies[row.value.address.key]

    def makes(self, address: Address) -> bool:
        """Whether this is an address of the sort that we make: in our own domain, and none of the desk's."""
        return address.host == self.keys.host and address.key not in self.inside


class Lookups(Protocol):
    """The two questions that admission asks the store."""

    def is_known_contact(self, key: str) -> bool:
        """Whether this address is a contact of the desk or was confirmed by an agent's reply."""
        ...

    def address_of_thread(self, thread_id: str) -> AddressRow | None:
        """The routing address that the case of this thread came in by."""
        ...
