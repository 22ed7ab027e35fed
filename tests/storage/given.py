# SPDX-License-Identifier: Apache-2.0
"""Plain values for the tests of storage: each function makes one that is good, and takes what a test changes."""

from datetime import UTC, datetime
from typing import Any

from handlers.proof import decide
from storage import desk, listing, messages, threads
from storage.address import parse
from storage.content import packed
from storage.database import Database, Unit
from storage.desk_values import Agent, Contact, Desk, RoutingAddress, Team
from storage.envelope import Envelope, Session
from storage.messages import Accepted, Arrival, Header, Verdict
from storage.outbox import Outgoing
from storage.placing import Placing
from storage.states import MessageState, Move
from storage.threads import Author, Person, Pointer

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
CONTENT = b"From: carl@customer.example\r\nSubject: Help\r\n\r\nIt is broken.\r\n"


def person(address: str = "carl@customer.example", name: str = "Carl Customer") -> Person:
    return Person(name, address, address.lower())


def author(address: str = "carl@customer.example", *, aligned: bool = True, **facts: Any) -> Author:
    return Author(person(address), aligned, **facts)


def arrival(name: str, **changes: Any) -> Arrival:
    """A first mail of Carl's, named `name` in every id, judged and good."""
    who = changes.pop("who", author())
    own = changes.pop("own_key", threads.key_of(f"{name}@customer.example"))
    placing = Placing(
        author=who,
        pointers=changes.pop("pointers", (Pointer(key=own),) if own else ()),
        own_key=own,
        referred_keys=changes.pop("referred_keys", ()),
        copied=changes.pop("copied", ()),
        new_token=changes.pop("token", f"TOKEN-{name}"),
    )
    values: dict[str, Any] = {
        "id": name,
        "received_at": NOW,
        "session": Session("s1", "192.0.2.1", "mail.customer.example"),
        "envelope": Envelope(parse("carl@customer.example"), (parse("support@firm.example"),)),
        "content": CONTENT + name.encode("utf-8", "surrogatepass"),
        "header": Header(who.person or Person("?", "", ""), (), (), "Help", f"{name}@customer.example"),
        "placing": placing,
        "authentication": "{}",
        "classification": "person",
        "state": MessageState.ACCEPTED,
        "disposition": "accept",
        "reason": "",
        "verdicts": (Verdict("support@firm.example", "support@firm.example", "accept"),),
        "trace": "{}",
        "stamp": b"Received: here\r\n",
        "left_out": (),
    }
    values |= changes
    return Arrival(**(values | {"content": packed(values["content"])}))


def accept(unit: Unit, value: Arrival) -> Accepted:
    return messages.accept(unit, value, decide)


def accepted(database: Database, name: str, **changes: Any) -> Any:
    """Accept such a mail in its own transaction; returns its row."""
    with database.move(Move.ACCEPT) as unit:
        accept(unit, arrival(name, **changes))
        return listing.message_by_id(unit, name)


def the_desk(**changes: Any) -> Desk:
    values: dict[str, Any] = {
        "teams": (Team("support", "Firm Support", parse("support@firm.example")),),
        "agents": (
            Agent("ann", "Ann Doe", parse("ann.doe@private.example"), ("support",), "Ann"),
            Agent("bob", "Bob Roe", parse("bob@private.example"), ("support",)),
        ),
        "addresses": (RoutingAddress(parse("support@firm.example"), "support", verified=True),),
        "contacts": (Contact("Carl Customer", (parse("carl@customer.example"),)),),
    }
    return Desk(**(values | changes))


def applied(database: Database, value: Desk | None = None) -> list[str]:
    with database.move(Move.APPLY) as unit:
        return desk.apply(unit, value or the_desk())


def outgoing(name: str, message_seq: int | None, **changes: Any) -> Outgoing:
    values: dict[str, Any] = {
        "name": name,
        "kind": "copy",
        "thread_id": None,
        "message_seq": message_seq,
        "agent_id": None,
        "message_id": f"{name}@gw.example",
        "reverse_path": "b.x@gw.example",
        "head": b"Subject: Help\r\n\r\n",
        "content_id": None,
        "body_offset": 0,
        "recipients": ("ann.doe@private.example",),
    }
    return Outgoing(**(values | changes))
