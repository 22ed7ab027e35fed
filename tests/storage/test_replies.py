# SPDX-License-Identifier: Apache-2.0
"""An agent's reply: promised once, whole, with all that it means for its case."""

from dataclasses import replace
from typing import Any

from sqlalchemy import func, select

from handlers.answered import answered
from storage import case_views, cases, contacts, content, desk, listing, messages, outbox, replies, schema, threads
from storage.address import parse
from storage.cases import Opening
from storage.content import packed
from storage.database import Database
from storage.envelope import Envelope, Session
from storage.messages import Header
from storage.replies import Pointed, Submission
from storage.states import MessageState, Move
from tests.storage.given import NOW, accepted, applied, person

ANN = person("ann.doe@private.example", "Ann Doe")
ADDED = person("new@other.example", "New One")


def _opened(database: Database) -> Any:
    """A case of Carl's, without an owner."""
    applied(database)
    mail = accepted(database, "one")
    with database.move(Move.ROUTE) as unit:
        team_id = next(iter(desk.snapshot(unit).teams))
        carl = ("Carl Customer", "carl@customer.example")
        cases.make(
            unit, Opening(mail.thread_id, "TOKEN-one", team_id, "support", *carl, "support@firm.example", "Help"), NOW
        )
    return mail


def _reply(database: Database) -> Submission:
    with database.read() as unit:
        conversation = replies.conversation(unit, Pointed("TOKEN-one"))
        agent = desk.snapshot(unit).agents["ann"]
    assert conversation is not None
    return Submission(
        message_id="reply",
        received_at=NOW,
        session=Session("s2", "192.0.2.9", login="ann"),
        envelope=Envelope(parse(ANN.address), (parse("a.x@gw.example"),)),
        content=packed(b"Subject: Re: Help\r\n\r\nTry again.\r\n"),
        header=Header(ANN, (), (), "Re: Help", "r1@private.example"),
        agent_id=agent.id,
        agent_login="ann",
        conversation=conversation,
        outbox_name="out",
        own_message_id="out@gw.example",
        reverse_path="b.x@gw.example",
        head=b"Subject: Re: Help\r\n\r\n",
        body=packed(b"Try again.\r\n"),
        recipients=(conversation.contact, ADDED),
    )


def _submit(database: Database, reply: Submission) -> messages.Accepted:
    with database.move(Move.SUBMIT) as unit:
        return replies.submit(unit, reply, answered(desk.snapshot(unit)))


def test_a_thread_without_a_case_is_no_conversation(database: Database) -> None:
    accepted(database, "one")
    with database.read() as unit:
        assert replies.conversation(unit, Pointed("TOKEN-one")) is None
        assert replies.conversation(unit, Pointed("NOWHERE")) is None


def test_a_reply_is_kept_as_sent_and_leaves_as_rewritten(database: Database) -> None:
    mail = _opened(database)
    assert _submit(database, _reply(database)) == messages.Accepted("reply", False, MessageState.SUBMITTED)
    with database.read() as unit:
        row = listing.message_by_id(unit, "reply")
        assert (row.direction, row.state, row.due_at, row.thread_id) == ("outbound", "submitted", None, mail.thread_id)
        assert content.load(unit, row.content_id) == b"Subject: Re: Help\r\n\r\nTry again.\r\n"
        leaving = listing.outbox_recipients(unit, 10)
        assert [one.address for one in reversed(leaving)] == ["carl@customer.example", ADDED.address]
        assert outbox.load(unit, leaving[0].outbox_id)[1] == b"Subject: Re: Help\r\n\r\nTry again.\r\n"


def test_a_reply_sent_again_after_a_lost_250_leaves_once(database: Database) -> None:
    _opened(database)
    reply = _reply(database)
    _submit(database, reply)
    again = replace(reply, message_id="again", outbox_name="out2")
    assert _submit(database, again) == messages.Accepted("reply", True, MessageState.SUBMITTED)
    with database.read() as unit:
        assert unit.execute(select(func.count()).select_from(schema.outbox)).scalar_one() == 1


def test_those_written_to_belong_to_the_thread_and_are_known(database: Database) -> None:
    mail = _opened(database)
    _submit(database, _reply(database))
    with database.read() as unit:
        customers = {one.key for one in threads.participants(unit, mail.thread_id, "customer")}
        agents = {one.key for one in threads.participants(unit, mail.thread_id, "agent")}
        assert contacts.is_known_contact(unit, ADDED.key)
    assert (customers, agents) == ({"carl@customer.example", ADDED.key}, {ANN.key})


def test_a_reply_takes_the_case_and_waits_for_the_customer(database: Database) -> None:
    _opened(database)
    _submit(database, _reply(database))
    with database.read() as unit:
        case = case_views.by_number(unit, 1)
        told = [(event.actor, event.kind) for event in cases.timeline(unit, case.id)]
    assert (case.owner, case.queue, case.status) == ("ann", None, "pending")
    assert told == [("agent:ann", "reply"), ("agent:ann", "assigned"), ("casegate", "status")]


def test_a_reply_of_a_colleague_leaves_the_owner_and_a_closed_case_closed(database: Database) -> None:
    _opened(database)
    reply = _reply(database)
    with database.move(Move.ASSIGN) as unit:
        bob = desk.snapshot(unit).agents["bob"]
        cases.write(unit, reply.conversation.case_id, {"owner_id": bob.id, "queue": None})
        cases.write(unit, reply.conversation.case_id, {"status": "closed", "status_kind": "closed"})
    _submit(database, reply)
    with database.read() as unit:
        case = case_views.by_number(unit, 1)
    assert (case.owner, case.status) == ("bob", "closed")
