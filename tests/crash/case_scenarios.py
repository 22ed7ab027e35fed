# SPDX-License-Identifier: Apache-2.0
"""The scenarios of moves that operators and the clock make on cases; tests/crash/scenarios.py says what one is."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from storage import cases, desk, members
from storage.states import Move
from tests.crash.house import House
from tests.crash.ledger import ROUTING_ADDRESS
from tests.support.installation import Delivered
from tests.support.waiting import wait_until

ARCHIVE = b"""From carl@customer.example Mon Jan  5 10:00:00 2026
From: Carl Customer <carl@customer.example>
To: support@firm.example
Subject: Long ago
Date: Mon, 5 Jan 2026 10:00:00 +0000
Message-ID: <old1@customer.example>

It was broken.

From support@firm.example Mon Jan  5 12:00:00 2026
From: Firm Support <support@firm.example>
To: carl@customer.example
Subject: Re: Long ago
Date: Mon, 5 Jan 2026 12:00:00 +0000
Message-ID: <old2@firm.example>
In-Reply-To: <old1@customer.example>

It is mended.
"""


def import_(house: House, side: str) -> int:
    """A portion of an archive is there whole or not at all; called again, nothing comes twice and nothing leaves."""
    path = house.installation.directory / "archive.mbox"
    path.write_bytes(ARCHIVE)
    words = ("import", str(path), "--to", ROUTING_ADDRESS)
    house.dying_call(f"import:{side}:1", *words)
    assert _imported(house) == ([["inbound", "outbound"]] if side == "after" else [])
    house.installation.call(*words)
    assert _imported(house) == [["inbound", "outbound"]]
    house.ledger.send(house.ledger.mail())
    return 0


def _imported(house: House) -> list[list[str]]:
    """The directions of the mail of each imported case."""
    shown = house.installation.json("case", "list")
    numbers = [str(one["number"]) for one in shown if one["source"] == "import"]
    cases = [house.installation.json("case", "show", number) for number in numbers]
    return [[one["direction"] for one in case["mail"]] for case in cases]


def hand(house: House, side: str) -> int:
    """A waiting case is given to an agent by hand; the worker dies while it gives them their copy."""
    house.installation.call("agent", "presence", "ann", "away")
    sent = house.ledger.send(house.ledger.mail())
    wait_until(lambda: house.message(sent).state == "routed", "the case in its queue")
    number = str(house.look(lambda unit: cases.of_thread(unit, house.message(sent).thread_id)).number)
    with house.dying("worker", f"hand:{side}:1"):
        house.installation.call("case", "assign", number, "--to", "ann")
    assert house.copy_of(sent)
    house.installation.call("agent", "presence", "ann", "available")
    return 0


def age(house: House, side: str) -> int:
    """A case that has been solved for long is closed, once, whichever worker closes it."""
    sent = house.ledger.send(house.ledger.mail())
    house.settle()
    number = str(house.look(lambda unit: cases.of_thread(unit, house.message(sent).thread_id)).number)
    house.installation.call("case", "set", number, "--status", "solved")
    long_ago = {"status_at": datetime.now(UTC) - timedelta(days=400)}
    with house.dying("worker", f"age:{side}:1"), house.database.move(Move.EDIT) as unit:
        cases.write(unit, cases.of_thread(unit, house.message(sent).thread_id).id, long_ago)
    house.settle()
    wait_until(lambda: house.installation.json("case", "show", number)["status"] == "closed", "the case to be closed")
    timeline = house.installation.json("case", "show", number)["timeline"]
    assert [one["after"] for one in timeline if one["kind"] == "status"] == ["solved", "closed"]
    return 0


def tell(house: House, side: str) -> int:
    """An agent is to be told of a change: one mail leaves, whichever worker writes it."""
    sent = house.ledger.send(house.ledger.mail())
    house.settle()
    case = house.look(lambda unit: cases.of_thread(unit, house.message(sent).thread_id))
    agent = house.look(lambda unit: desk.snapshot(unit).agents["ann"])
    change = {"field": "priority", "before": "normal", "after": "high"}
    detail = {"actor": "operator:root", "reason": "", "changes": [change]}
    with house.dying("worker", f"tell:{side}:1"), house.database.move(Move.EDIT) as unit:
        members.notify(unit, case.id, agent.id, detail, datetime.now(UTC))

    def told() -> list[Delivered]:
        mails = house.installation.maildir(str(agent.value.address))
        return [one for one in mails if f"Case {case.number}: priority high" in one.field("From")]

    wait_until(told, "the agent to be told")
    house.settle()
    assert len(told()) == 1
    return 0


SCENARIOS: dict[Move, Callable[[House, str], int]] = {
    Move.HAND: hand,
    Move.IMPORT: import_,
    Move.AGE: age,
    Move.TELL: tell,
}
