# SPDX-License-Identifier: Apache-2.0
"""What a recipient is to us: a verified routing address, a signed reply address, a bounce address, or nothing of ours.

The hidden intake of a forwarded address is one too, and takes probes before it is verified.

Asked at RCPT on the MX, so that a mail for nobody is refused before its content comes (550 5.1.1).
"""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from handlers import probe_tokens, tokens
from handlers.office import Office
from storage.address import Address
from storage.desk import AddressRow
from storage.response import R451_TRY_LATER, R550_NO_SUCH_ADDRESS, R550_USE_SUBMISSION, Response
from storage.ways import Way


class Kind(Enum):
    """The sorts of address that take mail at the MX."""

    ROUTING = "routing"
    REPLY = "reply"
    BOUNCE = "bounce"
    PROBE = "probe"  # what a probe is sent from: mail for it speaks of the probe


@dataclass(frozen=True, slots=True)
class Destination:
    """A recipient that is ours. `evidence` holds for a signed address that has not expired.

    `is_postmaster`: whatever the policy of the address says, mail for it is taken. `way` is how mail for a routing
    address comes, where that is known; `is_intake`: by the hidden address that its forward leads to.
    """

    address: Address
    kind: Kind
    row: AddressRow | None = None
    thread_id: str | None = None
    evidence: bool = False
    outbox_name: str | None = None
    is_postmaster: bool = False
    way: Way | None = None
    is_intake: bool = False
    is_in_use: bool = True


_NOT_VERIFIED = "the address is not verified yet: casegate address verify"


def destination(office: Office, recipient: Address, now: datetime) -> Destination | Response:
    """What this recipient is to the MX, or the refusal."""
    row = office.routing_addresses.get(recipient.key)
    if row is not None:
        own = office.desk.ways.get(recipient.key)
        found = Destination(recipient, Kind.ROUTING, row=row, way=_binding(office, row, own))
        return found if office.is_in_use(row, own) else R550_NO_SUCH_ADDRESS.given(_NOT_VERIFIED)
    if recipient.host != office.keys.host:
        return R550_NO_SUCH_ADDRESS
    if recipient.local_key == "postmaster":
        return _postmaster(office, recipient)
    intake = office.intakes.get(recipient.local_key)
    if intake is not None:
        return _intake(office, recipient, intake)
    if probe_tokens.find(office.keys, office.desk.ways, [recipient.local_key.encode()]) is not None:
        return Destination(recipient, Kind.PROBE)
    reply = tokens.read_reply_address(office.keys, recipient.local_key, now)
    if reply is not None:
        if reply.role is tokens.Role.AGENT:
            return R550_USE_SUBMISSION
        found = Destination(recipient, Kind.REPLY, thread_id=reply.thread_id, evidence=not reply.expired)
        return _while_staffed(office, found)
    bounce = tokens.read_bounce_address(office.keys, recipient.local_key)
    if bounce is not None:
        found = Destination(
            recipient, Kind.BOUNCE, thread_id=bounce.thread_id, evidence=True, outbox_name=bounce.outbox_name
        )
        return _while_staffed(office, found)
    return R550_NO_SUCH_ADDRESS


def _binding(office: Office, row: AddressRow, own: Way | None) -> Way | None:
    """How mail for this address comes: where nothing is known of an old one, as for the address that it leads to."""
    return own if own is not None and own.kind != "word" else office.desk.ways.get(row.value.address.key)


def _intake(office: Office, recipient: Address, way_key: str) -> Destination | Response:
    """What comes back from a forwarder, for the address that is forwarded."""
    row, way = office.routing_addresses.get(way_key), office.desk.ways[way_key]
    if row is None:
        return R550_NO_SUCH_ADDRESS
    in_use = office.is_in_use(row, way)
    return Destination(recipient, Kind.ROUTING, row=row, way=way, is_intake=True, is_in_use=in_use)


def _while_staffed(office: Office, found: Destination) -> Destination | Response:
    """Addresses we gave out stay ours while the desk has no team, but nobody could work their mail: it comes later."""
    return found if office.desk.teams else R451_TRY_LATER


def _postmaster(office: Office, recipient: Address) -> Destination | Response:
    """RFC 5321 §4.5.1: mail for the postmaster is taken from anyone; it goes where the first routing address goes."""
    first = next((row for row in office.desk.addresses.values() if office.is_in_use(row)), None)
    if first is None:
        return R550_NO_SUCH_ADDRESS
    return Destination(recipient, Kind.ROUTING, row=first, is_postmaster=True, way=_binding(office, first, None))
