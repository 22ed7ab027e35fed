# SPDX-License-Identifier: Apache-2.0
"""A real Postfix forwards the firm's address here: proved by a probe, watched by others, and mail held against its way.

Heartbeats are due once a day here; a test says when the next one is, or that one has been away for too long.
"""

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import update

from gateway.cli import cli
from storage import ways
from storage.database import Database
from storage.schema_ways import probe
from storage.states import Move
from tests.support.dns import DnsZone
from tests.support.installation import DESK, Installation
from tests.support.peers.forwarder import FIRST, SECOND, TAG, Forwarder
from tests.support.peers.root import lacking
from tests.support.people import Customer, mail
from tests.support.tls import TlsFiles
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow

SUPPORT = "support@firm.example"
LOOKS_S = 30.0  # each look is a call of the command line, which takes its time as well


class House:
    """casegate behind a forwarder, with what an operator and a clock do."""

    def __init__(self, installation: Installation, forwarder: Forwarder, zone: DnsZone) -> None:
        self.installation, self.forwarder, self.zone = installation, forwarder, zone
        self.database = Database(installation.database_url)
        self.carl = Customer(installation, zone, "carl@customer.example")

    def operate(self, *words: str) -> tuple[int, str]:
        """One call of the command line: exit code and output."""
        done = CliRunner().invoke(cli, ["-c", str(self.installation.file), *words])
        return done.exit_code, done.output

    def shown(self) -> dict[str, Any]:
        """`address show --json`."""
        return json.loads(self.operate("address", "show", SUPPORT, "--json")[1])

    def verify(self) -> tuple[int, str]:
        return self.operate("address", "verify", SUPPORT, "--wait", "60s")

    def heartbeat(self) -> None:
        """The next one is due now."""
        with self.database.move(Move.ADDRESS) as unit:
            ways.plan_probe(unit, SUPPORT, datetime.now(UTC))

    def long_after(self) -> None:
        """What is on its way has been so for too long."""
        with self.database.move(Move.ADDRESS) as unit:
            unit.execute(update(probe).where(probe.c.state == "sent").values(due_at=datetime.now(UTC)))

    def wait_for_alarm(self, words: str) -> None:
        """Until the alarm says this, or is over for no words."""
        wait_until(
            lambda: (words in self.shown()["alarm"]) if words else not self.shown()["alarm"],
            f"the alarm {words!r}",
            LOOKS_S,
        )

    def ways_noted(self, subject: str) -> list[tuple[str, str]]:
        """What was decided about the way of the mail with this subject, and why."""
        told = self.installation.json("message", "explain", self.message(subject)["id"])
        return [(one["decided"], one["because"]) for one in told["notes"] if one["step"] == "way"]

    def message(self, subject: str) -> dict[str, Any]:
        """The mail of this subject, once it is there."""

        def found() -> list[str]:
            return [one["id"] for one in self.installation.json("message", "list") if subject in one["subject"]]

        return self.installation.message(wait_until(found, f"the mail {subject!r}", LOOKS_S)[0])


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, tls_files: TlsFiles) -> Iterator[House]:
    """An address added by command, forwarded by Postfix, verified."""
    reason = lacking(Forwarder.name)
    if reason:
        pytest.skip(reason)
    place = tmp_path_factory.mktemp("forwarding")
    desk = {**DESK, "address": []}
    with (
        closing(DnsZone()) as zone,
        Installation(place, nameservers=[zone.address], tls=tls_files, desk=desk) as installation,
        closing(Forwarder(tmp_path_factory.mktemp("root") / "root", installation.mx_port)) as forwarder,
    ):
        publish(zone)
        installation.configure(
            {
                "outbound": {"route": f"smtp://127.0.0.1:{forwarder.port}", "retry": ["1s"]},
                "addresses": {"probe_every": "1d", "probe_patience": "1d"},
                "mx": {"processes": 1},
            }
        )
        installation.set_up(zone)
        installation.start()
        made = House(installation, forwarder, zone)
        code, printed = made.operate("address", "add", SUPPORT, "--team", "support")
        assert (code, "MX of firm.example: mail.forwarder.example: not this host" in printed) == (0, True), printed
        forwarder.to = made.shown()["intake"]
        yield made
        assert installation.errors() == []
        made.database.close()


def publish(zone: DnsZone) -> None:
    """The forwarder's two addresses have names that lead back to them."""
    zone.set("firm.example", "MX", ["10 mail.forwarder.example"])
    zone.set("mail.forwarder.example", "A", [FIRST])
    zone.set("other.forwarder.example", "A", [SECOND])
    for address, name in ((FIRST, "mail.forwarder.example"), (SECOND, "other.forwarder.example")):
        zone.set(f"{'.'.join(reversed(address.split('.')))}.in-addr.arpa", "PTR", [f"{name}."])


@pytest.fixture
def verified(house: House) -> Iterator[House]:
    """The forward as it was learnt, without an alarm."""
    house.forwarder.to, house.forwarder.by = house.shown()["intake"], FIRST
    if house.shown()["learnt"] is None or house.shown()["alarm"]:
        code, printed = house.verify()
        assert code == 0, printed + house.forwarder.log()[-3000:]
    yield house
    house.forwarder.by = FIRST


def test_a_probe_that_comes_back_verifies_the_address_and_tells_what_the_forwarder_does(verified: House):
    one = verified.shown()
    learnt = one["learnt"]
    assert (one["verified"], one["way"], one["alarm"]) == (True, "forwarded", "")
    assert (learnt["host"]["peer"], learnt["host"]["name"]) == (FIRST, "mail.forwarder.example")
    assert (learnt["helo"], learnt["received"]) == ("mail.forwarder.example", ["mail.forwarder.example"] * 1)
    assert (learnt["subject_before"], learnt["subject_after"]) == (TAG, "")
    assert (learnt["dkim"], learnt["body"], learnt["is_rewritten"]) == ("fail", "unchanged", False)
    assert "x-forwarded-by" in learnt["fields"]
    assert 0 <= learnt["latency_s"] < 60
    assert verified.installation.cases() == []
    code, printed = verified.operate("address", "list")
    assert (code, "forwarded" in printed, max(map(len, printed.splitlines())) <= 80) == (0, True, True)


def test_mail_by_the_forwarder_is_vouched_for_and_direct_mail_is_unauthenticated(verified: House):
    carl = verified.carl
    verified.forwarder.send(carl.address, mail(carl.author, SUPPORT, "By the forwarder", "It is broken."))
    assert [one for one, _ in verified.ways_noted("By the forwarder")] == ["vouched"]
    cases = [
        ("Straight to the public address", SUPPORT, "straight to the public address"),
        ("To the intake by another host", str(verified.shown()["intake"]), "the probes of support@firm.example do not"),
    ]
    for subject, to, because in cases:
        carl.write(subject, to=to)
        message = verified.message(subject)
        assert message["disposition"] == "accept"
        ((decided, why),) = verified.ways_noted(subject)
        assert (decided, because in why) == ("unauthenticated", True)
        assert message["proof"] == "unproven"


def test_a_forward_by_another_host_is_an_alarm_until_it_is_verified_again(verified: House):
    verified.forwarder.by = SECOND
    verified.heartbeat()
    verified.wait_for_alarm("comes by other.forwarder.example [127.0.0.4], not by mail.forwarder.example [127.0.0.3]")
    code, printed = verified.operate("address", "list")
    assert (code, "changed: it comes by" in printed) == (1, True)
    assert sum("alarm: forwarding of" in line for line in lines(verified)) == 1
    carl = verified.carl
    verified.forwarder.send(carl.address, mail(carl.author, SUPPORT, "By the other host", "It is broken."))
    assert [one for one, _ in verified.ways_noted("By the other host")] == ["unauthenticated"]
    assert verified.verify()[0] == 0
    assert verified.operate("address", "list")[0] == 0
    assert {one["peer"] for one in verified.shown()["hosts"]} == {FIRST, SECOND}


def test_a_forward_that_stops_is_an_alarm_until_it_comes_back(verified: House):
    verified.forwarder.to = ""
    verified.heartbeat()
    wait_until(lambda: verified.shown()["probe"]["state"] == "sent", "a heartbeat on its way", LOOKS_S)
    verified.long_after()
    verified.wait_for_alarm("stopped: no probe has come back since")
    assert verified.operate("address", "list")[0] == 1
    verified.forwarder.to = verified.shown()["intake"]
    verified.heartbeat()
    verified.wait_for_alarm("")
    assert any("is over" in line for line in lines(verified))
    assert verified.operate("address", "list")[0] == 0


def lines(house: House) -> list[str]:
    return [line for program in house.installation.programs for line in program.log]
