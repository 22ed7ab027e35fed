# SPDX-License-Identifier: Apache-2.0
"""An office whose address is forwarded: probes as they leave and come back, by hosts that DNS knows."""

from dataclasses import replace
from datetime import timedelta
from ipaddress import ip_address
from typing import Any

from handlers import probes
from handlers.ports import Answer, Found, Question
from handlers.probes import HEARTBEAT, VERIFY, Sender, Terms
from storage import desk, outbox, ways
from storage import probes as rows
from storage.desk_values import Desk
from storage.envelope import Session
from storage.states import Move
from storage.ways import Way
from tests.support.office import DESK, SUPPORT, World

INTAKE = "in-abcdefghijklmnop"
INTAKE_ADDRESS = f"{INTAKE}@gw.example"
KEY = SUPPORT.key
OWN, OTHER, GOOGLE, MICROSOFT = "192.0.2.10", "192.0.2.11", "192.0.2.20", "192.0.2.30"
NOBODY = "192.0.2.99"  # a host without a name
NAMES = {
    OWN: "mail.forwarder.example",
    OTHER: "other.forwarder.example",
    GOOGLE: "mail-sor-f41.google.com",
    MICROSOFT: "mail-db8eur05on2112.outbound.protection.outlook.com",
}
TERMS = Terms(timedelta(hours=1), timedelta(minutes=30))


def forwarded_desk() -> Desk:
    """support@firm.example without an operator's word, so that a probe has to prove it."""
    first, *others = DESK.addresses
    return replace(DESK, addresses=(replace(first, verified=False), *others))


class Yard(World):
    """The office, with hosts that have names; `peer` is who brings the next mail."""

    def __init__(self, url: str, value: Desk | None = None) -> None:
        self.silent: set[str] = set()  # hosts about which DNS does not answer
        super().__init__(url, value or forwarded_desk())
        self.put(Way(KEY, str(SUPPORT), "forwarded", INTAKE))
        self.peer(OWN)

    def put(self, way: Way) -> None:
        with self.database.move(Move.ADDRESS) as unit:
            ways.put(unit, way, "MX of firm.example: elsewhere", self.now)
        self.look()

    def word(self) -> None:
        """The operator speaks for the address, and nothing is known of its way."""
        self.apply(DESK)

    def look(self) -> None:
        """Read the desk anew, as every process does within a second."""
        with self.database.read() as unit:
            self.office = replace(self.office, desk=desk.snapshot(unit))

    def peer(self, address: str) -> None:
        """Who brings the next mail."""
        self.session = Session("s1", address, NAMES.get(address, "host.example"))

    def _answer(self, question: Question) -> Answer:
        for address, name in NAMES.items():
            if question == Question("PTR", ip_address(address).reverse_pointer):
                silent = address in self.silent
                return Answer(Found.TEMPORARY) if silent else Answer(Found.YES, (name.encode(),))
            if question == Question("A", name):
                return Answer(Found.YES, (address.encode(),))
        return super()._answer(question)

    def send(self, purpose: str = VERIFY) -> bytes:
        """A probe leaves; its octets."""
        sender = Sender(self.office, self.signer, TERMS, self.now)
        with self.database.move(Move.PROBE) as unit:
            way = ways.all_of(unit)[KEY]
            name = probes.send(unit, way, sender, purpose)
            return outbox.load(unit, rows.by_name(unit, name).outbox_id)[1]

    def back(self, octets: bytes, sender: str | None = None, to: str = INTAKE_ADDRESS) -> Any:
        """It comes to the intake, by `peer`; the message."""
        self.look()
        found = self.receive(octets, to, sender=sender or "probe@gw.example")
        self.look()
        return found

    def verified(self, peer: str = OWN, octets: bytes | None = None) -> None:
        """Proved by a probe that this host brought."""
        self.peer(peer)
        self.back(octets or self.send())
        assert self.row().verified_at is not None

    def heartbeat(self, peer: str = OWN) -> str:
        """A later probe comes back by this host; the alarm after it."""
        octets = self.send(HEARTBEAT)
        self.clock.advance(5)
        self.peer(peer)
        self.back(octets)
        return self.alarm()

    def row(self) -> Any:
        with self.database.read() as unit:
            return ways.rows(unit)[KEY]

    def way(self) -> Way:
        return ways.of_row(self.row())

    def alarm(self) -> str:
        return str(self.row().alarm)

    def state(self) -> str:
        """Of the newest probe."""
        with self.database.read() as unit:
            return str(rows.newest(unit, KEY).state)

    def lose(self) -> int:
        with self.database.move(Move.MISS) as unit:
            return probes.lose(unit, self.now)

    def due(self, terms: Terms = TERMS) -> int:
        """What a worker's sweep sends."""
        with self.database.move(Move.PROBE) as unit:
            return probes.send_due(unit, Sender(self.office, self.signer, terms, self.now))
