# SPDX-License-Identifier: Apache-2.0
"""Held mail: who asks finds it, one word decides it, and nothing of it happens twice."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, text

from handlers.proof import decide
from storage import content, listing, messages, migrate, quarantine
from storage.address import parse
from storage.database import Database, Unit
from storage.envelope import Envelope
from storage.messages import Verdict
from storage.quarantine import Filter, Release
from storage.schema import content_chunk, digest, message
from storage.states import MessageState, Move
from tests.storage.given import CONTENT, NOW, accept, arrival, author
from tests.storage.test_migrations import _set_up_as_first_released

HELD, OPEN = "held@firm.example", "support@firm.example"
NOTE = ("quarantine", "dropped", "somebody said so")
LATER = NOW + timedelta(days=10)


def hold(database: Database, name: str, *, accepted_for: str = "", **changes: Any) -> None:
    """A mail that held@ holds; whole, or while another address takes it."""
    taken = (Verdict(accepted_for, accepted_for, "accept"),) if accepted_for else ()
    state, disposition = (MessageState.ACCEPTED, "accept") if taken else (MessageState.QUARANTINED, "quarantine")
    verdicts = (*taken, Verdict(HELD, HELD, "quarantine", "a stranger"))
    about = {"state": state, "disposition": disposition, "reason": "" if taken else "a stranger", "held": True}
    about["trace"] = '{"notes":[],"dns":[]}'
    with database.move(Move.ACCEPT) as unit:
        accept(unit, arrival(name, verdicts=verdicts, **(about | changes)))


def released(unit: Unit, name: str, *, new_id: str = "", at: datetime = LATER) -> Any:
    """Release it as the command line does; None where it is not held any more."""
    row = quarantine.lock(unit, name)
    if row is None:
        return None
    placing = arrival(name, token=f"RELEASED-{name}").placing
    envelope = Envelope(parse("carl@customer.example"), (parse("support@firm.example"),))
    return quarantine.release(
        unit, row, Release(new_id or name, at, placing, envelope, b"Received: here\r\n", "let in", NOTE), decide
    )


def row(database: Database, name: str) -> Any:
    with database.read() as unit:
        return listing.message_by_id(unit, name)


def test_what_is_held_is_counted_and_found_newest_first(database: Database) -> None:
    with database.read() as unit:
        assert quarantine.tally(unit) == quarantine.Tally(0, None)
    hold(database, "first")
    hold(database, "second", received_at=NOW + timedelta(hours=1))
    hold(database, "share", received_at=NOW + timedelta(hours=2), accepted_for=OPEN)
    with database.move(Move.ACCEPT) as unit:
        accept(unit, arrival("other"))
    with database.read() as unit:
        found = quarantine.newest(unit, 10, Filter())
        assert quarantine.tally(unit) == quarantine.Tally(3, NOW)
        assert [one.id for one in quarantine.newest(unit, 1, Filter(recipient=HELD))] == ["share"]
        assert quarantine.by_id(unit, "other") is None
    assert [one.id for one in found] == ["share", "second", "first"]
    assert [quarantine.is_share(one) for one in found] == [True, False, False]
    assert [quarantine.holders(one) for one in found] == [[HELD]] * 3


def test_mail_that_an_older_version_quarantined_is_held_too(connect: Callable[[], Database]) -> None:
    old = connect()
    _set_up_as_first_released(old)
    with old.alone(), old.engine.begin() as connection:
        connection.execute(text("UPDATE message SET state = 'quarantined'"))
    migrate.upgrade(old)
    with old.read() as unit:
        assert quarantine.tally(unit) == quarantine.Tally(1, NOW)


def test_a_release_makes_it_an_accepted_mail_that_is_due(database: Database) -> None:
    hold(database, "mail")
    with database.move(Move.RELEASE) as unit:
        assert released(unit, "mail") == quarantine.Released("mail", "RELEASED-mail")
    found = row(database, "mail")
    assert (found.state, found.due_at, found.held_at, found.attempts) == ("accepted", LATER, None, 0)
    assert (found.disposition, found.proof, found.reason) == ("accept", "proven", "let in")
    assert (found.received_at, found.thread_token) == (NOW, "RELEASED-mail")
    assert json.loads(found.recipients)[0]["disposition"] == "accept"
    assert json.loads(found.trace)["notes"][-1] == list(NOTE)
    assert bytes(found.stamp) == b"Received: here\r\nX-Casegate-Thread: RELEASED-mail\r\n"
    with database.move(Move.CLAIM) as unit:
        assert messages.claim(unit, ["mail"], LATER, timedelta(minutes=1)) == [("mail", 1)]


def test_a_share_becomes_a_message_of_its_own(database: Database) -> None:
    hold(database, "mail", accepted_for=OPEN, who=author(aligned=False))
    stranger = arrival("mail", who=author(aligned=False), token="RELEASED").placing
    with database.move(Move.RELEASE) as unit:
        found = quarantine.lock(unit, "mail")
        made = Release("new", LATER, stranger, Envelope(None, ()), b"", "let in", NOTE)
        assert quarantine.release(unit, found, made, decide) == quarantine.Released("new", "RELEASED")
    first, second = row(database, "mail"), row(database, "new")
    assert (first.state, first.held_at, first.disposition) == ("accepted", None, "accept")
    assert (second.state, second.held_at, second.content_id) == ("accepted", None, first.content_id)
    assert [one["address"] for one in json.loads(second.recipients)] == [HELD]
    assert (second.linked_thread_id, second.link_kind) == (first.thread_id, "possibly_belongs_to")
    # What the first decision saw is not told as the second one's.
    assert second.trace.count('"thread"') == 1


def test_a_proven_authors_share_joins_the_thread_of_the_mail(database: Database) -> None:
    hold(database, "mail", accepted_for=OPEN)
    with database.move(Move.RELEASE) as unit:
        released(unit, "mail", new_id="new")
    assert row(database, "new").thread_id == row(database, "mail").thread_id


@pytest.mark.parametrize("way", ["release", "drop", "expire"])
def test_nothing_happens_twice(database: Database, way: str) -> None:
    hold(database, "mail")
    with database.move(Move.RELEASE) as unit:
        if way == "release":
            released(unit, "mail")
        elif way == "drop":
            quarantine.drop(unit, quarantine.lock(unit, "mail"), NOTE)
        else:
            assert quarantine.expire(unit, LATER, NOTE) == ["mail"]
    before = row(database, "mail")
    with database.move(Move.RELEASE) as unit:
        assert quarantine.lock(unit, "mail") is None
        assert quarantine.expire(unit, LATER, NOTE) == []
        assert quarantine.tally(unit).count == 0
    assert row(database, "mail") == before


def test_what_was_dropped_has_no_content_and_is_remembered(database: Database) -> None:
    hold(database, "mail")
    with database.move(Move.DROP) as unit:
        quarantine.drop(unit, quarantine.lock(unit, "mail"), NOTE)
    found = row(database, "mail")
    assert (found.state, found.disposition, found.subject) == ("dropped", "quarantine", "Help")
    with database.read() as unit:
        assert unit.execute(select(func.count()).select_from(content_chunk)).scalar() == 0
        assert content.facts(unit, found.content_id).size_octets == len(CONTENT + b"mail")
        with pytest.raises(content.ContentDropped, match="dropped from quarantine"):
            content.load(unit, found.content_id)
        with pytest.raises(content.ContentDropped):
            list(content.pieces(database.read, found.content_id))


def test_a_dropped_share_is_still_there_for_the_others(database: Database) -> None:
    hold(database, "mail", accepted_for=OPEN)
    with database.move(Move.DROP) as unit:
        quarantine.drop(unit, quarantine.lock(unit, "mail"), NOTE)
    found = row(database, "mail")
    assert (found.state, found.held_at) == ("accepted", None)
    with database.read() as unit:
        assert content.load(unit, found.content_id) == CONTENT + b"mail"


def test_a_delivery_repeated_after_its_end_is_the_same_mail(database: Database) -> None:
    hold(database, "mail")
    with database.move(Move.DROP) as unit:
        quarantine.drop(unit, quarantine.lock(unit, "mail"), NOTE)
    with database.move(Move.ACCEPT) as unit:
        again = accept(unit, arrival("mail", id="again", state=MessageState.QUARANTINED, held=True))
    assert (again.id, again.repeated) == ("mail", True)
    assert row(database, "again") is None


def test_a_delivery_repeated_after_a_late_release_is_the_same_mail(database: Database) -> None:
    hold(database, "mail")
    with database.move(Move.TIDY) as unit:
        messages.forget_digests(unit, LATER)
        assert unit.execute(select(func.count()).select_from(digest)).scalar() == 0
    with database.move(Move.RELEASE) as unit:
        released(unit, "mail")
    with database.move(Move.ACCEPT) as unit:
        assert accept(unit, arrival("mail", id="again", received_at=LATER)).id == "mail"


def test_expiry_takes_the_oldest_and_no_more_than_a_batch(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        hold(database, f"mail{number}", received_at=NOW + timedelta(hours=number))
    monkeypatch.setattr(quarantine, "EXPIRE_AT_ONCE", 2)
    taken = []
    for _ in range(3):
        with database.move(Move.EXPIRE) as unit:
            taken.append(quarantine.expire(unit, NOW + timedelta(hours=3), NOTE))
    assert taken == [["mail0", "mail1"], ["mail2"], []]
    with database.read() as unit:
        states = unit.execute(select(message.c.id).where(message.c.state == "quarantined").order_by(message.c.id))
        assert states.scalars().all() == ["mail3", "mail4"]


@pytest.mark.postgres
def test_expiry_leaves_alone_what_an_operator_has_in_hand(postgres_url: str) -> None:
    """SQLite has one writer; on PostgreSQL both are at it at once."""
    operator, sweep = Database(postgres_url), Database(postgres_url)
    migrate.ready(operator)
    hold(operator, "mail")
    with operator.move(Move.RELEASE) as unit:
        assert released(unit, "mail") is not None
        with sweep.move(Move.EXPIRE) as other:
            assert quarantine.expire(other, LATER, NOTE) == []
    assert row(sweep, "mail").state == "accepted"
    operator.close()
    sweep.close()
