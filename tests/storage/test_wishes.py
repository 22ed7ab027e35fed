# SPDX-License-Identifier: Apache-2.0
"""What senders ask to be told (RFC 3461) is kept with the message and with what leaves."""

import json
from datetime import timedelta

import pytest
from sqlalchemy import select

from storage import cases, listing, outbox, schema
from storage.address import parse
from storage.database import Database
from storage.envelope import Envelope, Wish
from storage.messages import Verdict
from storage.outbox import Taken
from storage.states import Move
from tests.storage.given import NOW, accepted, outgoing

CARL, SUPPORT, SALES = (parse(f"{one}.example") for one in ("carl@customer", "support@firm", "sales@firm"))
SUCCESS, NEVER = Wish(("SUCCESS", "DELAY"), "rfc822;help+2Bme@firm.example"), Wish(("NEVER",))


def _take(database: Database) -> list[Taken]:
    with database.move(Move.TAKE) as unit:
        return outbox.take(unit, NOW, timedelta(minutes=1), 10)


def test_a_message_keeps_the_wish_of_each_recipient(database: Database) -> None:
    row = accepted(
        database,
        "one",
        envelope=Envelope(CARL, (SALES, SUPPORT), "t1", "FULL", "QQ+2B1", (NEVER, SUCCESS)),
        verdicts=tuple(Verdict(str(one), str(one), "accept") for one in (SUPPORT, SALES)),
    )
    assert (row.ret, row.envid) == ("FULL", "QQ+2B1")
    assert [(one["address"], one.get("notify"), one.get("orcpt")) for one in json.loads(row.recipients)] == [
        ("support@firm.example", ["SUCCESS", "DELAY"], "rfc822;help+2Bme@firm.example"),
        ("sales@firm.example", ["NEVER"], None),
    ]


def test_without_wishes_nothing_is_kept(database: Database) -> None:
    row = accepted(database, "one")
    assert (row.ret, row.envid) == ("", "")
    assert not {"notify", "orcpt"} & json.loads(row.recipients)[0].keys()


def test_delivery_finds_the_wish_of_each_recipient(database: Database) -> None:
    row = accepted(database, "one")
    changes = {"recipients": ("a@far.example", "b@far.example"), "wishes": (SUCCESS, NEVER)}
    with database.move(Move.ROUTE) as unit:
        outbox.put(unit, outgoing("out", row.seq, ret="HDRS", envid="QQ+2B1", **changes), NOW)
        outbox.put(unit, outgoing("plain", row.seq, recipients=("c@far.example",)), NOW)
    assert {one.address: one.wish for one in _take(database)} == {
        "a@far.example": SUCCESS,
        "b@far.example": NEVER,
        "c@far.example": Wish(),
    }
    with database.read() as unit:
        rows = unit.execute(select(schema.outbox).order_by(schema.outbox.c.id)).all()
        assert [(one.ret, one.envid) for one in rows] == [("HDRS", "QQ+2B1"), ("", "")]


def test_wishes_for_another_number_of_recipients_are_refused(database: Database) -> None:
    row = accepted(database, "one")
    with pytest.raises(ValueError, match="shorter"), database.move(Move.ROUTE) as unit:
        outbox.put(unit, outgoing("out", row.seq, recipients=("a@far.example", "b@far.example"), wishes=(NEVER,)), NOW)


def test_that_a_delay_was_told_is_remembered(database: Database) -> None:
    row = accepted(database, "one")
    with database.move(Move.ROUTE) as unit:
        outbox.put(unit, outgoing("out", row.seq), NOW)
    (taken,) = _take(database)
    with database.move(Move.SETTLE) as unit:
        outbox.note_delay(unit, taken)
        unit.execute(schema.outbox_recipient.update().values(due_at=NOW))
    (again,) = _take(database)
    assert (taken.delay_told, again.delay_told) == (False, True)


def test_the_size_of_what_leaves_is_known_without_loading_it(database: Database) -> None:
    row = accepted(database, "one")
    with database.move(Move.ROUTE) as unit:
        whole = outbox.put(unit, outgoing("whole", row.seq), NOW)
        divided = outbox.put(unit, outgoing("divided", row.seq, content_id=row.content_id), NOW)
    with database.read() as unit:
        for one in (whole, divided):
            found, octets = outbox.load(unit, one)
            assert outbox.size_octets(unit, found) == len(octets)


@pytest.mark.parametrize(("most", "allowed"), [(1, False), (2, True)])
def test_confirmations_are_bounded_for_each_author(database: Database, most: int, allowed: bool) -> None:
    row = accepted(database, "one")
    since = NOW - timedelta(days=1)
    with database.move(Move.ROUTE) as unit:
        assert cases.may_confirm(unit, "carl@customer.example", since, most)
        cases.note_confirmation(unit, row.seq, "carl@customer.example", NOW)
        assert cases.may_confirm(unit, "carl@customer.example", since, most) is allowed
        assert cases.may_confirm(unit, "carl@customer.example", NOW, most)
        assert cases.may_confirm(unit, "dora@customer.example", since, most)


def test_the_list_shows_what_a_message_asked_for(database: Database) -> None:
    accepted(database, "one", envelope=Envelope(CARL, (SUPPORT,), "t1", "HDRS", "", (SUCCESS,)))
    with database.read() as unit:
        (row,) = listing.messages(unit, 10)
    assert row.ret == "HDRS"
