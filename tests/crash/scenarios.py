# SPDX-License-Identifier: Apache-2.0
"""For each move of the state table: how a process is brought to make it, and what must be true after its death there.

A scenario leaves every role running without a kill point and everything answered; the accounts are closed afterwards.
It returns how many contents its death left `arriving`.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import func, insert, select, update

from storage import cases, content, desk, sessions, ways
from storage.schema import content as contents
from storage.schema import digest, message, outbox_recipient
from storage.schema_cases import case
from storage.schema_desk import contact_address
from storage.schema_ways import probe as probe_table
from storage.states import Move
from storage.ways import Way
from tests.crash import case_scenarios, change_scenarios
from tests.crash.house import House
from tests.crash.ledger import HELD_ADDRESS, LARGE_OCTETS, ROUTING_ADDRESS, Sent
from tests.support.installation import PASSWORD
from tests.support.waiting import wait_until

Scenario = Callable[[House, str], int]

ANOTHER_PASSWORD = "another-password-of-a-test"
LONG_AGO = timedelta(days=6)
A_YEAR = timedelta(days=365)


def arrive(house: House, side: str) -> int:
    """A large mail, cut off while its first chunk is written: nobody is promised anything, an orphan stays."""
    sent = house.ledger.mail(LARGE_OCTETS)
    with house.dying("mx", f"arrive:{side}:2"):
        assert not house.ledger.try_mail(sent)
    assert house.message(sent) is None
    house.ledger.send(sent)
    return 1


def accept(house: House, side: str) -> int:
    """After the commit the mail is there although nobody heard the 250: the repetition gets the same id.

    What had arrived of it is an orphan if the commit did not come; what arrives of the repetition is dropped at once.
    """
    sent = house.ledger.mail(LARGE_OCTETS)
    with house.dying("mx", f"accept:{side}:1"):
        assert not house.ledger.try_mail(sent)
    row = house.message(sent)
    assert (row is not None) == (side == "after")
    house.ledger.send(sent)
    assert row is None or row.id == sent.id
    return 1 if row is None else 0


def submit(house: House, side: str) -> int:
    """The agent's client repeats its reply, which leaves once."""
    asked = house.ledger.send(house.ledger.mail())
    reply = house.ledger.reply(house.copy_of(asked))
    with house.dying("submission", f"submit:{side}:1"):
        assert not house.ledger.try_reply(reply)
    row = house.message(reply)
    assert (row is not None) == (side == "after")
    house.ledger.send_reply(reply)
    assert row is None or row.id == reply.id
    return 0


def claim(house: House, side: str) -> int:
    return _job(house, f"claim:{side}:1", attempts=2 if side == "after" else 1)


def route(house: House, side: str) -> int:
    return _job(house, f"route:{side}:1", attempts=2 if side == "before" else 1)


def _job(house: House, point: str, attempts: int) -> int:
    """The worker dies with the mail in hand; it is routed once, and each claim has been counted."""
    with house.dying("worker", point):
        sent = house.ledger.send(house.ledger.mail())
    house.settle()
    row = house.message(sent)
    assert (row.state, row.attempts) == ("routed", attempts)
    return 0


def shunt(house: House, side: str) -> int:
    """A mail that kills its worker three times gets a case in the fallback queue, though the shunting dies as well."""
    house.stop("worker")
    house.start("worker", kill_at="route:before:1")
    sent = house.ledger.send(house.ledger.mail())
    house.bury("worker", deaths=3)
    house.start("worker", kill_at=f"shunt:{side}:1")
    house.bury("worker")
    assert house.message(sent).state == ("accepted" if side == "before" else "shunted")
    house.start("worker")
    house.settle()
    row = house.message(sent)
    assert (row.state, row.attempts) == ("shunted", 5 if side == "before" else 4)
    waiting = select(case.c.subject).where(case.c.queue == "fallback")
    subject = sent.content.partition(b"Subject: ")[2].partition(b"\r\n")[0].decode()
    assert subject in house.look(lambda unit: unit.execute(waiting).scalars().all())
    return 0


def release(house: House, side: str) -> int:
    """An operator lets a mail in: it is held or on its way, and releasing it again brings nothing twice."""
    sent = _held(house)
    house.dying_call(f"release:{side}:1", "quarantine", "release", sent.id)
    if side == "before":
        assert house.message(sent).state == "quarantined"
        house.installation.call("quarantine", "release", sent.id)
    assert sent.id in house.refused_call(1, "quarantine", "release", sent.id)
    wait_until(lambda: house.message(sent).state == "routed", "the released mail to be routed")
    return 0


def drop(house: House, side: str) -> int:
    """An operator drops a mail: all of it is there or nothing, and neither comes back by a repeated delivery."""
    sent = _held(house, LARGE_OCTETS)
    house.dying_call(f"drop:{side}:1", "quarantine", "drop", sent.id)
    assert house.message(sent).state == ("quarantined" if side == "before" else "dropped")
    if side == "before":
        house.installation.call("quarantine", "drop", sent.id)
    assert "dropped it" in house.refused_call(1, "quarantine", "release", sent.id)
    house.ledger.send(sent)
    return 0


def expire(house: House, side: str) -> int:
    """What was held for too long goes, whichever sweep does it."""
    sent = _held(house)
    with house.database.move(Move.ACCEPT) as unit:
        unit.execute(update(message).where(message.c.id == sent.id).values(held_at=datetime.now(UTC) - A_YEAR))
    with house.dying("worker", f"expire:{side}:1"):
        pass
    wait_until(lambda: house.message(sent).state == "dropped", "the mail to expire")
    return 0


def _held(house: House, octets: int = 0) -> Sent:
    """A stranger's mail in quarantine."""
    sent = house.ledger.send(house.ledger.mail(octets, to=HELD_ADDRESS))
    assert house.message(sent).state == "quarantined"
    return sent


def assign(house: House, side: str) -> int:
    """A case waits for an agent; when one becomes available, the worker dies while it is given to them."""
    house.installation.call("agent", "presence", "ann", "away")
    sent = house.ledger.send(house.ledger.mail())
    wait_until(lambda: house.message(sent).state == "routed", "the case in its queue")
    with house.dying("worker", f"assign:{side}:1"):
        house.installation.call("agent", "presence", "ann", "available")
    nobody = select(func.count()).select_from(case).where(case.c.queue == "support")
    wait_until(lambda: house.look(lambda unit: unit.execute(nobody).scalar()) == 0, "the case to be given to ann")
    return 0


def take(house: House, side: str) -> int:
    """After the commit the attempt is counted, and nobody saw its end."""
    return _delivery(house, f"take:{side}:1", unsettled=side == "after")


def settle(house: House, side: str) -> int:
    """Before the commit the mail has left, and nobody knows."""
    return _delivery(house, f"settle:{side}:1", unsettled=side == "before")


def _delivery(house: House, point: str, *, unsettled: bool) -> int:
    before = house.look(_unsettled)
    with house.dying("worker", point):
        house.ledger.send(house.ledger.mail())
    house.settle()
    lost = house.look(_unsettled) - before
    assert lost in ((1, 2) if unsettled else (0, 1)), lost  # copy and acknowledgement may leave together
    return 0


def _unsettled(unit) -> int:
    return unit.execute(select(func.coalesce(func.sum(outbox_recipient.c.unsettled), 0))).scalar()


def forget(house: House, side: str) -> int:
    """A content that nobody promised for a day goes, whichever sweep does it."""
    now = datetime.now(UTC)
    with house.database.move(Move.ARRIVE) as unit:
        orphan = content.arrive(unit, now - 2 * content.ORPHAN_AGE)
        content.add_chunk(unit, orphan, 0, content.pack(b"nobody's"))
    left = select(func.count()).select_from(contents).where(contents.c.id == orphan)
    with house.dying("worker", f"forget:{side}:1"):
        pass
    wait_until(lambda: house.look(lambda unit: unit.execute(left).scalar()) == 0, "the orphan to go")
    return 0


def tidy(house: House, side: str) -> int:
    """A digest goes after five days; those of younger mails stay, as the accounts show."""
    old = {"digest": side.encode(), "message_id": "long-gone", "created_at": datetime.now(UTC) - LONG_AGO}
    with house.database.move(Move.ACCEPT) as unit:
        unit.execute(insert(digest), old)
    left = select(func.count()).select_from(digest).where(digest.c.digest == side.encode())
    with house.dying("worker", f"tidy:{side}:1"):
        pass
    wait_until(lambda: house.look(lambda unit: unit.execute(left).scalar()) == 0, "the digest to go")
    return 0


def log(house: House, side: str) -> int:
    """The record of a session dies with the process or stays; the mail was promised before."""
    with house.dying("mx", f"log:{side}:1"):
        sent = house.ledger.send(house.ledger.mail())
    session = sent.id.rpartition("-")[0]
    known = house.look(lambda unit: sessions.by_id(unit, session))
    assert (known is not None) == (side == "after")
    assert known is None or sent.id in known.messages
    return 0


def apply(house: House, side: str) -> int:
    """The desk is the old one or the new one, and applying again brings the new one."""
    installation, address = house.installation, f"sales-{side}@firm.example"
    sales = {"address": address, "team": "support", "verified": True, "acknowledge": "We have your mail."}
    known = {"name": "Known", "addresses": [f"known-{side}@customer.example"]}
    file = installation.apply_file({**house.desk, "address": [*house.desk["address"], sales], "contact": [known]})
    house.dying_call(f"apply:{side}:1", "apply", str(file))
    shown = {one["address"] for one in installation.json("address", "list")}
    assert (address in shown) == (side == "after")
    contacts = house.look(lambda unit: unit.execute(select(contact_address.c.address)).scalars().all())
    assert (known["addresses"][0] in contacts) == (side == "after")
    assert ("no changes" in installation.call("apply", str(file))) == (side == "after")
    house.ledger.send(house.ledger.mail(to=address))
    return 0


def presence(house: House, side: str) -> int:
    """An agent is available or away, and saying it again is harmless."""
    house.dying_call(f"presence:{side}:1", "agent", "presence", "ann", "away")
    assert house.look(desk.presences) == {"ann": "away" if side == "after" else "available"}
    for word in ("away", "away", "available"):
        house.installation.call("agent", "presence", "ann", word)
    assert house.look(desk.presences) == {"ann": "available"}
    return 0


def password(house: House, side: str) -> int:
    """One of the two passwords opens the relay, never neither."""
    house.dying_call(f"password:{side}:1", "agent", "password", "ann", stdin=f"{ANOTHER_PASSWORD}\n")
    house.installation.submission(password=ANOTHER_PASSWORD if side == "after" else PASSWORD).quit()
    house.installation.call("agent", "password", "ann", stdin=f"{PASSWORD}\n")
    house.installation.submission().quit()
    return 0


def address(house: House, side: str) -> int:
    """An operator adds an address: it is there or not, and where it is not, adding it again helps."""
    installation, added = house.installation, f"extra-{side}@firm.example"
    words = ("address", "add", added, "--team", "support", "--word", "--acknowledge", "We have your mail.")
    house.dying_call(f"address:{side}:1", *words)
    shown = {one["address"] for one in installation.json("address", "list")}
    assert (added in shown) == (side == "after")
    if side == "before":
        installation.call(*words)
    house.ledger.send(house.ledger.mail(to=added))
    return 0


def edit(house: House, side: str) -> int:
    """An operator changes a case: all of it is there, told once, or nothing; doing it again is harmless."""
    sent = house.ledger.send(house.ledger.mail())
    house.settle()
    number = str(house.look(lambda unit: cases.of_thread(unit, house.message(sent).thread_id)).number)
    words = ("case", "set", number, "--priority", "high", "--tag", "+vip")
    house.dying_call(f"edit:{side}:1", *words)
    assert _told(house, number) == (["priority", "tags"] if side == "after" else [])
    house.installation.call(*words)
    house.installation.call(*words)
    assert _told(house, number) == ["priority", "tags"]
    shown = house.installation.json("case", "show", number)
    assert (shown["priority"], shown["tags"]) == ("high", ["vip"])
    return 0


def _told(house: House, number: str) -> list[str]:
    """What the timeline says of the change."""
    timeline = house.installation.json("case", "show", number)["timeline"]
    return [one["kind"] for one in timeline if one["kind"] in ("priority", "tags")]


def probe(house: House, side: str) -> int:
    """A heartbeat is due: one goes, whichever worker sends it."""
    before = len(_probes(house))
    with house.dying("worker", f"probe:{side}:1"):
        _make_due(house)
    wait_until(lambda: len(_probes(house)) > before, "a heartbeat")
    house.settle()
    assert len(_probes(house)) == before + 1
    return 0


def miss(house: House, side: str) -> int:
    """A heartbeat does not come back: it is lost once, and the address is in alarm."""
    before = len(_probes(house))
    _make_due(house)
    wait_until(lambda: len(_probes(house)) > before, "a heartbeat")
    house.settle()
    newest = _probes(house)[-1]
    with house.dying("worker", f"miss:{side}:1"), house.database.move(Move.ADDRESS) as unit:
        unit.execute(update(probe_table).where(probe_table.c.id == newest.id).values(due_at=datetime.now(UTC)))
    wait_until(lambda: _probes(house)[-1].state == "lost", "the heartbeat to be missed")
    assert house.look(lambda unit: ways.rows(unit)[ROUTING_ADDRESS].alarm).startswith("stopped: ")
    return 0


def _make_due(house: House) -> None:
    """The routing address is a forwarded one from now on, with a heartbeat due."""
    with house.database.move(Move.ADDRESS) as unit:
        ways.put(
            unit,
            Way(ROUTING_ADDRESS, ROUTING_ADDRESS, "forwarded", "in-crash", is_verified=True),
            "",
            datetime.now(UTC),
        )
        ways.plan_probe(unit, ROUTING_ADDRESS, datetime.now(UTC))


def _probes(house: House) -> list[Any]:
    return house.look(lambda unit: unit.execute(select(probe_table).order_by(probe_table.c.id)).all())


SCENARIOS: dict[Move, Scenario] = {
    Move.ARRIVE: arrive,
    Move.ACCEPT: accept,
    Move.SUBMIT: submit,
    Move.CLAIM: claim,
    Move.ROUTE: route,
    Move.SHUNT: shunt,
    Move.RELEASE: release,
    Move.DROP: drop,
    Move.EXPIRE: expire,
    Move.ASSIGN: assign,
    Move.TAKE: take,
    Move.SETTLE: settle,
    Move.FORGET: forget,
    Move.TIDY: tidy,
    Move.LOG: log,
    Move.APPLY: apply,
    Move.PRESENCE: presence,
    Move.PASSWORD: password,
    Move.ADDRESS: address,
    Move.EDIT: edit,
    Move.PROBE: probe,
    Move.MISS: miss,
    **case_scenarios.SCENARIOS,
    Move.CHANGE: change_scenarios.change,
}
