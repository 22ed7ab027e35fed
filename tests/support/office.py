# SPDX-License-Identifier: Apache-2.0
"""A whole office over a real database, without wires: customers' mail in, jobs, agents' replies, what leaves."""

import json
from contextlib import nullcontext
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from itertools import count
from types import SimpleNamespace
from unittest.mock import patch

import dkim

from handlers import files_of_mail, intake, proof, received, releasing, replies, routing, tokens
from handlers.answered import answered
from handlers.arrival import Incoming
from handlers.assembling import assemble
from handlers.book import Book
from handlers.classification import Class
from handlers.destinations import Destination, destination
from handlers.headers import scan
from handlers.inspection import Inspection, Limits
from handlers.office import Office
from handlers.policy import Bench, judge
from handlers.ports import Answer, Found, Question
from handlers.rates import Rates, Uncounted
from handlers.received import Arrived
from handlers.signing import Signer
from handlers.subject import AuthenticationPolicy, Dnsbl
from handlers.tokens import Keyring, Keys
from handlers.work import Work
from storage import (
    case_views,
    cases,
    contacts,
    content,
    desk,
    listing,
    messages,
    migrate,
    outbox,
    quarantine,
    threads,
)
from storage import replies as reply_store
from storage.address import Address, parse
from storage.content import packed
from storage.database import Database
from storage.desk_values import Agent, Contact, Desk, Policy, RoutingAddress, Team
from storage.envelope import Envelope, Session, Wish
from storage.states import Move
from tests.support import stores
from tests.support.clock import FakeClock
from tests.support.dkim import key_record, private_pem

HOST = "gw.example"
KEYS = Keys(
    HOST,
    b"t" * 32,
    Keyring("b", {"a": b"retired message ids", "b": b"present message ids"}),
    Keyring("b", {"a": b"retired addresses", "b": b"present addresses"}),
)
SUPPORT, SALES = parse("support@firm.example"), parse("sales@firm.example")
ANN, BOB = parse("ann.doe@private.example"), parse("bob.roe@private.example")
CARL = "carl@customer.example"
ACKNOWLEDGE = "Thank you, we have your mail."
DESK = Desk(
    teams=(Team("support", "Firm Support", SUPPORT), Team("sales", "Firm Sales", SALES)),
    agents=(
        Agent("ann", "Ann Doe", ANN, ("support",), "Ann, Firm Support"),
        Agent("bob", "Bob Roe", BOB, ("sales",), "Bob, Firm Sales"),
    ),
    addresses=(
        RoutingAddress(SUPPORT, "support", verified=True, acknowledge=ACKNOWLEDGE),
        RoutingAddress(SALES, "sales", verified=True),
        RoutingAddress(parse("vip@firm.example"), "sales", verified=True, policy=Policy("known_contacts", "reject")),
        RoutingAddress(
            parse("held@firm.example"), "sales", verified=True, policy=Policy("known_contacts", "quarantine")
        ),
        RoutingAddress(parse("gone@firm.example"), "sales", verified=True, policy=Policy("known_contacts", "discard")),
        RoutingAddress(parse("new@firm.example"), "support"),
    ),
    contacts=(Contact("Vera Known", (parse("vera@known.example"),)),),
)
_numbers = count(1)
BEGINNING = datetime.fromisoformat("2026-11-22T12:00:00+00:00")


@cache
def sign(mail: bytes, domain: str) -> bytes:
    """The mail with dkimpy's signature of that domain on top."""
    with patch("dkim.time.time", return_value=BEGINNING.timestamp()):  # dkimpy has no clock of its own to hand over
        field = dkim.sign(mail, b"s1", domain.encode(), private_pem(), canonicalize=(b"relaxed", b"relaxed"))
    return field + mail


def mail(author: str = f"Carl Customer <{CARL}>", body: str = "Hello, it is broken.", **fields: str) -> bytes:
    """A mail with these fields; an underscore in a name stands for a hyphen, an empty value leaves the field out."""
    named = {name.replace("_", "-"): value for name, value in fields.items()}
    given = {"from": author, "to": str(SUPPORT), "subject": "Broken", "date": "Sun, 22 Nov 2026 12:00:00 +0000"}
    given["message-id"] = f"<m{next(_numbers)}@mail.customer.example>"
    given |= named
    section = "".join(f"{name.title()}: {value}\r\n" for name, value in given.items() if value)
    return section.encode() + b"\r\n" + body.encode() + b"\r\n"


class World:
    """One office, one database, one clock."""

    def __init__(self, url: str, desk_value: Desk = DESK) -> None:
        self.clock = FakeClock(BEGINNING)
        self.signer = Signer(private_pem(), "gw", self.clock)
        stores.prepare(url)
        self.database = Database(url)
        migrate.ready(self.database)
        self.annotate = False
        self.missing: set[str] = set()  # domains whose key DNS cannot give now
        self.txt: dict[str, Answer] = {}  # what else stands in DNS, by name
        self.hosts: dict[str, str] = {}  # and the addresses there
        self.session = Session("s1", "192.0.2.1", "mx.customer.example")
        self.rates: Rates = Uncounted()
        self.dnsbl: tuple[Dnsbl, ...] = ()
        self.vouched = False  # whether mail came the learnt way
        self.ret, self.envid, self.wish = "", "", Wish()  # what senders ask to be told (RFC 3461)
        self.apply(desk_value)

    def close(self) -> None:
        self.database.close()

    @property
    def now(self) -> datetime:
        return self.clock.now()

    def apply(self, value: Desk) -> None:
        """Another desk is in force."""
        with self.database.move(Move.APPLY) as unit:
            desk.apply(unit, value, self.now)
            snapshot = desk.snapshot(unit)
        self.office = Office(HOST, HOST, KEYS, snapshot, AuthenticationPolicy(dnsbl=self.dnsbl), self.annotate)
        self.office = replace(self.office, limits=Limits(files=True))

    def presence(self, login: str, presence: str) -> None:
        with self.database.move(Move.PRESENCE) as unit:
            assert desk.set_presence(unit, login, presence)

    def envelope(self, reverse_path: Address | None, recipients: tuple[Address, ...], id_: str = "") -> Envelope:
        """With the same wish for each recipient."""
        wishes = (self.wish,) * len(recipients)
        return Envelope(reverse_path, recipients, id_, self.ret, self.envid, wishes)

    # --- mail in ---------------------------------------------------------------------------------------------------

    def rcpt(self, address: str) -> Destination | object:
        """What RCPT says."""
        return destination(self.office, parse(address), self.now)

    def judged(self, octets: bytes, *recipients: str, sender: str | None = CARL) -> Incoming:
        """The mail after the last step; every recipient must be ours."""
        found = tuple(self.rcpt(one) for one in recipients or (str(SUPPORT),))
        assert all(isinstance(one, Destination) for one in found), found
        # dkimpy signs with the true time, which may be ahead of the test's.
        at = self.now
        looked_at = Inspection(self.office.limits, self.office.authentication.dkim, at)
        looked_at.feed(octets)
        envelope = self.envelope(parse(sender) if sender else None, tuple(one.address for one in found))
        arrived = assemble(looked_at, self.session, replace(envelope, id=tokens.new_name(at)), found, self.office)
        office = replace(self.office, annotate=self.annotate)
        with self.database.read() as unit:
            bench = Bench(office, Book(self._answer), Lookups(unit, self), self.rates)
            return judge(replace(arrived, vouched=self.vouched), bench)

    def _answer(self, question: Question) -> Answer:
        """Every domain has published our one key, and nothing else but what `txt` says."""
        if question.kind == "TXT" and question.name in self.txt:
            return self.txt[question.name]
        if question.kind == "A" and question.name in self.hosts:
            return Answer(Found.YES, (self.hosts[question.name].encode(),))
        if any(question.name.endswith(f"._domainkey.{domain}") for domain in self.missing):
            return Answer(Found.TEMPORARY)
        if question.kind == "TXT" and "._domainkey." in question.name:
            return Answer(Found.YES, (key_record().encode(),))
        return Answer(Found.NO_NAME)

    def accept(self, octets: bytes, *recipients: str, sender: str | None = CARL) -> str:
        """Judge and store; the id of the 250."""
        judged = self.judged(octets, *recipients, sender=sender)
        assert judged.refusal is None, judged.refusal
        with self.database.move(Move.ACCEPT) as unit:
            return messages.accept(unit, intake.arrival(judged, self.office, packed(octets)), proof.decide).id

    def route(self) -> list[str]:
        """Work every message that is due, as the jobs do; the ids worked."""
        done = []
        for _ in range(50):
            with self.database.read() as unit:
                due = messages.due(unit, self.now, 50)
            if not due:
                break
            done += [one for one, _ in due if self.work_one(one)]
            self.clock.advance(1)
        return done

    def work_one(self, message_id: str) -> bool:
        """Claim and route one message."""
        with self.database.move(Move.CLAIM) as unit:
            claimed = messages.claim(unit, [message_id], self.now, timedelta(minutes=1))
        with self.database.move(Move.ROUTE) as unit:
            row = messages.lock(unit, *claimed[0]) if claimed else None
            return row is not None and routing.route(unit, self.work(unit, row))

    def work(self, unit: object, row: object = None) -> Work:
        pieces = content.pieces(lambda: nullcontext(unit), row.content_id) if row is not None else ()
        arrived = Arrived(Class(row.classification), not row.reverse_path) if row is not None else None
        seen = received.read(pieces, arrived)
        if row is not None:
            seen = replace(seen, files=files_of_mail.of_mail(lambda: nullcontext(unit), row.content_id, seen))
        return Work(row, seen, self.office, self.signer, self.now)

    def receive(self, octets: bytes, *recipients: str, sender: str | None = CARL) -> SimpleNamespace:
        """Accept and route; how it ended."""
        message_id = self.accept(octets, *recipients, sender=sender)
        self.route()
        return self.message(message_id)

    def release(self, message_id: str) -> str:
        """What `casegate quarantine release` does; the id of the message that goes on."""
        with self.database.read() as unit:
            row = quarantine.by_id(unit, message_id)
        made = releasing.release(row, content.pieces(self.database.read, row.content_id), self.office, self.now)
        with self.database.move(Move.RELEASE) as unit:
            done = quarantine.release(unit, quarantine.lock(unit, message_id), made, proof.decide).id
        self.route()
        return done

    def carl(self, *recipients: str, author: str = f"Carl Customer <{CARL}>", **fields: str) -> SimpleNamespace:
        """An aligned mail of Carl's, or of another author."""
        address = author.rpartition("<")[2].rstrip(">")
        octets = sign(mail(author, **fields), address.rpartition("@")[2])
        return self.receive(octets, *recipients, sender=address)

    # --- replies out -----------------------------------------------------------------------------------------------

    def reply(self, octets: bytes, *recipients: str, login: str = "ann", sender: str | None = None) -> object:
        """What the relay says at the final dot: the id of the reply, or the refusal."""
        agent = self.office.desk.agents[login]
        at = self.clock.advance(1)
        for one in recipients:
            response = replies.recipient(self.office, agent, parse(one), at)
            if not response.is_positive:
                return response
        reverse_path = parse(sender or str(agent.value.address))
        envelope = self.envelope(reverse_path, tuple(map(parse, recipients)), tokens.new_name(at))
        session = Session("s2", "198.51.100.7", "laptop.canary-host.example", login=login)
        draft = replies.Draft(session, envelope, scan(octets, self.office.limits.header), agent, at)
        pointed = replies.thread_of(self.office, draft)
        if not isinstance(pointed, reply_store.Pointed):
            return pointed
        with self.database.move(Move.SUBMIT) as unit:
            found = reply_store.conversation(unit, pointed)
            made = replies.submission(self.office, self.signer, draft, found)
            return (
                reply_store.submit(unit, made, answered(self.office.desk)).id
                if isinstance(made, reply_store.Submission)
                else made
            )

    # --- looking ---------------------------------------------------------------------------------------------------

    def message(self, message_id: str) -> SimpleNamespace:
        """A message's row with its case."""
        with self.database.read() as unit:
            row = listing.message_by_id(unit, message_id)
            case = cases.of_thread(unit, row.thread_id) if row.thread_id is not None else None
            stamped = messages.stamped(row, content.load(unit, row.content_id))
            token = threads.token_of(unit, row.thread_id) if row.thread_id is not None else ""
            about = {"row": row, "case": case, "stamped": stamped, "token": token}
            return SimpleNamespace(**dict(row._mapping) | about)

    def case(self, number: int) -> SimpleNamespace:
        with self.database.read() as unit:
            row = case_views.by_number(unit, number)
            events = [(one.actor, one.kind, json.loads(one.detail)) for one in cases.timeline(unit, row.id)]
            links = case_views.links(unit, [row.id])[row.id]
            return SimpleNamespace(row=row, events=events, links=links, **dict(row._mapping))

    def participants(self, token: str) -> set[str]:
        with self.database.read() as unit:
            return {one.key for one in threads.participants(unit, threads.by_token(unit, token), "customer")}

    def sent(self, kind: str = "") -> list[SimpleNamespace]:
        """What leaves, oldest first; of one kind if that is given."""
        with self.database.read() as unit:
            found: dict[int, SimpleNamespace] = {}
            for one in reversed(listing.outbox_recipients(unit, 10_000)):
                row, octets = outbox.load(unit, one.outbox_id)
                mail_ = found.setdefault(
                    one.outbox_id,
                    SimpleNamespace(**dict(row._mapping) | {"octets": octets, "head": scan(octets), "to": []}),
                )
                mail_.to.append(one.address)
            return [one for one in found.values() if kind in ("", one.kind)]


class Lookups:
    """handlers.office.Lookups over one unit of work."""

    def __init__(self, unit: object, world: World) -> None:
        self._unit, self._world = unit, world

    def is_known_contact(self, key: str) -> bool:
        return contacts.is_known_contact(self._unit, key)

    def address_of_thread(self, thread_id: str) -> object:
        found = threads.by_token(self._unit, thread_id)
        case = cases.of_thread(self._unit, found) if found is not None else None
        return self._world.office.routing_addresses.get(case.routing_address.lower()) if case is not None else None


def field(sent: SimpleNamespace, name: str) -> str:
    """A header field of what leaves, unfolded; empty where there is none."""
    return (sent.head.first(name.encode()) or b"").decode()


def verifies(octets: bytes, signer: Signer) -> list[bool]:
    """dkimpy's word on each of our signatures, topmost first."""
    count_ = sum(one.name == b"dkim-signature" for one in scan(octets).fields)
    record = signer.public_record().encode()
    return [_verifies(octets, index, record) for index in range(count_)]


def _verifies(octets: bytes, index: int, record: bytes) -> bool:
    try:
        return dkim.DKIM(octets).verify(index, dnsfunc=lambda *_, **__: record)
    except dkim.ValidationError:
        return False


def customer_address(token: str, key: str = CARL, expires_at: datetime | None = None) -> str:
    """A signed reply address as our mail would carry it."""
    until = expires_at or datetime.fromisoformat("2027-11-22T00:00:00+00:00")
    return tokens.reply_address(KEYS, token, key, tokens.Role.CUSTOMER, until)


def address(text: str) -> Address:
    return parse(text)
