# SPDX-License-Identifier: Apache-2.0
"""The case that strangers are after: how it began, all that may be known of it, and what its people see of it."""

from dataclasses import dataclass, field, replace
from itertools import count
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import dkim

from handlers import changing
from handlers.acting import casegate
from handlers.leaks import find_leak
from handlers.ports import Answer, Found
from storage import cases, repeated, threads
from storage.address import parse
from storage.case_values import CaseSettings, Sections
from storage.messages import of_thread
from storage.states import Move
from tests.support.dkim import private_pem
from tests.support.office import ANN, BEGINNING, BOB, DESK, SALES, SUPPORT, World, customer_address, mail, sign
from tests.support.office import field as field_of

OUTLOOK = "AdF0ZXN0AAECAwQFBgcICQoLDA0ODw=="  # 22 octets
MALLORY = "mal@evil.example"
OF_M365 = (b"from", b"date", b"subject", b"message-id", b"content-type", b"mime-version")
OF_MOST = (b"from", b"to", b"subject", b"date", b"message-id")

_numbers = count(1)


@dataclass(frozen=True)
class Matter:
    """The case, and what a stranger may know; `signed` are mails of its people that strangers have got."""

    carl: str
    dora: str
    subject: str
    secret: str
    token: str
    thread_id: int
    number: int
    ours: str  # the Message-ID of our reply
    theirs: str
    next_id: str
    outside: str  # of a mail between its people that has not come to us
    bounce: str
    signed: dict[str, bytes] = field(default_factory=dict)
    welcomes_bounces: bool = False  # a bounce at the bounce address proves itself


def opened(world: World, desk: CaseSettings, domain: str) -> Matter:
    """Carl writes and copies Dora; Ann answers; where their domains vouch, Dora does, and Carl tells others of it."""
    world.clock.advance(40 * 86_400)
    world.apply(replace(DESK, sections=Sections(cases=desk)))
    number = next(_numbers)
    world.txt["_dmarc.other-customer.example"] = Answer(Found.YES, (b"v=DMARC1; p=none",))  # Dora's vouches as well
    carl, dora = f"carl{number}@{domain or 'quiet.example'}", f"dora{number}@other-customer.example"
    secret, subject = f"zebra{number}secret", f"The matter of unicorn{number}"
    fields = {"subject": subject, "cc": f"Dora <{dora}>", "thread_index": OUTLOOK}
    octets = signed(mail(f"Carl <{carl}>", f"It is about {secret}.", **fields), domain)
    first = world.receive(octets, sender=carl)
    to = field_of(copy_of(world, first), "reply-to").strip("<>")
    also = [dora] if domain else []  # whom an unproven author copies is nobody until somebody else writes to them
    assert isinstance(world.reply(mail(str(ANN), f"We answer about {secret}.", to=to), to, *also), str)
    ours = world.sent("reply")[-1]
    matter = Matter(
        carl,
        dora,
        subject,
        secret,
        first.token,
        first.thread_id,
        first.case.number,
        field_of(ours, "message-id").strip("<>"),
        first.message_id,
        f"next{number}@mail.customer.example",
        f"outside{number}@mail.customer.example",
        ours.reverse_path,
    )
    return replace(matter, signed=_signed_mails(world, matter, octets, domain) | {"ours": ours.octets})


def _signed_mails(world: World, matter: Matter, first: bytes, domain: str) -> dict[str, bytes]:
    """What a proven domain has signed: mail that we have, of this case and of another, and mail to others about it."""
    if not domain:
        return {}
    carl, about = f"Carl <{matter.carl}>", f"I tell you alone of {matter.secret}."
    address = customer_address(matter.token, matter.dora)
    dora = sign(mail(f"Dora <{matter.dora}>", "I agree.", to=address), "other-customer.example")
    assert world.receive(dora, address, sender=matter.dora).case.number == matter.number
    other = signed(mail(carl, "Another matter.", to=str(SALES), message_id=f"<{matter.outside}.sales>"), domain)
    world.receive(other, str(SALES), sender=matter.carl)
    named = {"subject": f"Fwd: {matter.subject} [{matter.token}]", "in_reply_to": f"<{matter.ours}>"}
    private = mail(carl, about, to=MALLORY, **named)
    return {
        "first": first,
        "dora's": dora,
        "of another case": other,
        "private": sign(private, domain),
        "private, as most sign": partly(private, domain, OF_MOST),
        "private, as Microsoft 365 signs": partly(mail(carl, about, to=MALLORY, **named), domain, OF_M365),
        "private, without an id": partly(mail(carl, about, to=MALLORY, message_id="", **named), domain, OF_MOST),
        "private, open at the end": partly(private, domain, OF_MOST, is_open=True),
    }


def signed(octets: bytes, domain: str) -> bytes:
    return sign(octets, domain) if domain else octets


def partly(octets: bytes, domain: str, names: tuple[bytes, ...], *, is_open: bool = False) -> bytes:
    """With a signature over these fields, and with l= of the body as it is."""
    named = [one for one in names if b"\r\n" + one + b":" in b"\r\n" + octets.lower()]
    with patch("dkim.time.time", return_value=BEGINNING.timestamp()):
        form = (b"relaxed", b"relaxed")
        about = {"canonicalize": form, "include_headers": named, "length": is_open}
        return bytes(dkim.sign(octets, b"s1", domain.encode(), private_pem(), **about)) + octets


def copy_of(world: World, found: SimpleNamespace) -> SimpleNamespace | None:
    return next((one for one in reversed(world.sent("copy")) if one.message_seq == found.seq), None)


def put(world: World, number: int, columns: dict[str, object]) -> None:
    """As an operator does."""
    with world.database.move(Move.EDIT) as unit:
        case = cases.lock(unit, world.case(number).id)
        changing.change(unit, world.office.desk, case, columns, casegate(world.now))
    world.clock.advance(1)


def seen(world: World, matter: Matter) -> dict[str, Any]:
    """All that a case is to its people; that others stand beside it, and what was sent again, is for the agents."""
    case = world.case(matter.number)
    columns = {name: value for name, value in case.row._mapping.items() if name != "id"}
    with world.database.read() as unit:
        mine = cases.threads_of(unit, case.id)
        mails = [row.id for one in mine for row in of_thread(unit, one) if not repeated.is_marked(row)]
        roles = [(each, role) for each in mine for role in ("customer", "agent")]
        people = sorted((role, one.key) for each, role in roles for one in threads.participants(unit, each, role))
    events = [event for event in case.events if event[1] not in ("linked", "repeated")]
    return {"columns": columns, "mails": mails, "people": people, "events": events}


def answer(world: World, found: SimpleNamespace) -> None:
    """An agent answers the stranger's own case."""
    copy = copy_of(world, found)
    if copy is None:  # it was sent again, or waits in a queue
        return
    to = field_of(copy, "reply-to").strip("<>")
    login = "ann" if copy.to == [str(ANN)] else "bob"
    world.reply(
        mail(str(ANN if login == "ann" else BOB), "We do not know you.", to=to, subject="Hello"), to, login=login
    )


def nothing_left(world: World, matter: Matter, before: set[int], spoken: str = "") -> None:
    """Whatever went to others than ourselves and the case's people tells nothing of it.

    `spoken` is what a stranger took for the Message-ID of their own mail, to which an answer refers.
    """
    inside = {str(ANN), str(BOB), str(SUPPORT), str(SALES), matter.carl, matter.dora}
    secrets = (matter.secret, matter.carl, matter.dora, matter.token, matter.subject)
    for one in world.sent():
        if one.id not in before and set(one.to) - inside:
            octets = one.octets.replace(f"<{spoken}>".encode(), b"")
            assert find_leak(octets, secrets) is None, (one.kind, one.to)


def goes_on(world: World, matter: Matter, domain: str) -> None:
    """The case, or the one that follows it, still hears Carl, and an answer goes to Carl alone."""
    put(world, matter.number, {"owner_id": world.office.desk.agents["ann"].id, "queue": None})
    fields = {
        "subject": f"Re: {matter.subject}",
        "message_id": f"<{matter.next_id}>",
        "in_reply_to": f"<{matter.ours}>",
    }
    address = customer_address(matter.token, matter.carl)
    octets = signed(mail(f"Carl <{matter.carl}>", "More.", **fields), domain)
    found = world.receive(octets, address, sender=matter.carl)
    kinds = {kind for kind, number in world.case(found.case.number).links if number == matter.number}
    is_strict = world.office.desk.sections.cases.handling.threads == "strict" and not domain
    assert found.case.number == matter.number or kinds & {"follows"} or is_strict, kinds
    copy = copy_of(world, found)
    assert copy is not None
    to = field_of(copy, "reply-to").strip("<>")
    assert isinstance(world.reply(mail(str(ANN), to=to), to), str)
    assert world.sent("reply")[-1].to == [parse(matter.carl).key]
    if domain:
        _begins(world, matter, domain)


def _begins(world: World, matter: Matter, domain: str) -> None:
    """Another matter of Carl's, which was first spoken of elsewhere: no stranger who knew its ids makes it doubtful."""
    fields = {"subject": "Another matter", "in_reply_to": f"<{matter.outside}>", "cc": f"Dora <{matter.dora}>"}
    found = world.receive(signed(mail(f"Carl <{matter.carl}>", **fields), domain), sender=matter.carl)
    assert found.proof == "proven"
    assert matter.dora in world.participants(found.token)
