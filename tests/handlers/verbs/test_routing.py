# SPDX-License-Identifier: Apache-2.0
"""The job of one message: case, number, owner, copies, timeline; in order, once, and never stuck."""

from dataclasses import replace
from typing import Any

import pytest

from handlers import changing, handing, routing
from handlers.acting import casegate
from handlers.headers import decode_text, scan
from storage import cases, listing, messages
from storage.case_values import CaseSettings, Handling, Sections
from storage.desk_values import Agent, Desk, Policy
from storage.states import Move
from tests.support.office import ANN, CARL, DESK, SUPPORT, World, address, customer_address, field, mail, sign, verifies

EVE = Agent("eve", "Eve Poe", address("eve.poe@private.example"), ("support",), "Eve")
TWO = replace(DESK, agents=(*DESK.agents, EVE))


def shunt(world: World, message_id: str, reason: str = "ValueError: x") -> None:
    """What the jobs do after the third crash."""
    with world.database.move(Move.SHUNT) as unit:
        routing.shunt(unit, listing.message_by_id(unit, message_id), world.office, reason, world.now)


def assign_waiting(world: World) -> list[bool]:
    with world.database.read() as unit:
        waiting = cases.waiting(unit, 10)
    done = []
    for case_id in waiting:
        with world.database.move(Move.ASSIGN) as unit:
            done.append(routing.assign_waiting(unit, case_id, world.work(unit)))
    return done


def test_cases_are_numbered_one_by_one_and_given_to_the_least_loaded(world: World) -> None:
    world.apply(TWO)
    found = [world.carl(subject=f"Matter {n}") for n in range(4)]
    assert [one.case.number for one in found] == [1, 2, 3, 4]
    assert [world.case(n).owner for n in (1, 2, 3, 4)] == ["ann", "eve", "ann", "eve"]
    assert [one.to[0] for one in world.sent("copy")] == [str(ANN), str(EVE.address)] * 2


def test_the_timeline_tells_all(world: World) -> None:
    found = world.carl()
    events = world.case(1).events
    assert [(actor, kind) for actor, kind, _ in events] == [
        ("casegate", "created"),
        (f"contact:{CARL}", "message"),
        ("casegate", "assigned"),
        ("casegate", "acknowledged"),
    ]
    assert events[1][2] == {"message": found.id, "class": "person", "proof": "proven"}


def test_a_case_waits_in_its_queue_and_its_agent_then_gets_all_mail_so_far(world: World) -> None:
    world.presence("ann", "away")
    first = world.carl()
    world.carl(customer_address(first.token), subject="More")
    assert (world.case(1).queue, world.case(1).owner, world.sent("copy"), assign_waiting(world)) == (
        "support",
        None,
        [],
        [],
    )
    world.presence("ann", "available")
    assert assign_waiting(world) == [True]
    assert [field(one, "subject") for one in world.sent("copy")] == ["Broken", "More"]
    assert assign_waiting(world) == []


def test_a_mail_that_finds_an_agent_for_a_waiting_case_brings_all_mail_so_far(world: World) -> None:
    world.presence("ann", "away")
    first = world.carl()
    world.presence("ann", "available")
    world.carl(customer_address(first.token), subject="More")
    assert [field(one, "subject") for one in world.sent("copy")] == ["Broken", "More"]
    assert world.case(1).owner == "ann"


@pytest.mark.parametrize("left", ["the desk", "the team"])
def test_a_case_whose_owner_left_goes_to_another_or_waits(world: World, left: str) -> None:
    first = world.carl()
    stays = [] if left == "the desk" else [replace(DESK.agents[0], teams=("sales",))]
    world.apply(replace(DESK, agents=(*stays, DESK.agents[1])))
    world.carl(customer_address(first.token), subject="More")
    assert (world.case(1).owner, world.case(1).queue) == (None, "support")
    world.apply(replace(DESK, agents=(*stays, DESK.agents[1], EVE)))
    assert assign_waiting(world) == [True]
    copies = [one for one in world.sent("copy") if one.to == [str(EVE.address)]]
    assert [field(one, "subject") for one in copies] == ["Broken", "More"]


def put(world: World, **columns: object) -> None:
    """As an operator does, some time ago."""
    with world.database.move(Move.EDIT) as unit:
        changing.change(unit, world.office.desk, cases.lock(unit, world.case(1).id), columns, casegate(world.now))
    world.clock.advance(1)


AUTO = {"auto_submitted": "auto-replied"}


@pytest.mark.parametrize(
    ("before", "fields", "after"),
    [
        # Only a customer's own words wake a case that has ended, and so bring it an agent.
        ({"status": "closed", "owner_id": None, "queue": None}, AUTO, ("closed", None, None)),
        ({"status": "solved", "owner_id": None, "queue": "support"}, AUTO, ("solved", None, "support")),
        ({"status": "closed", "owner_id": None, "queue": None}, {}, ("open", "ann", None)),
        # One that waits for an agent has the sweep; one that nobody is left for begins to wait.
        ({"status": "pending", "owner_id": None, "queue": "support"}, AUTO, ("pending", None, "support")),
        ({"status": "pending", "owner_id": None, "queue": None}, AUTO, ("pending", None, "support")),
        # From the fallback queue it is given by hand, whoever writes and wakes it.
        ({"owner_id": None, "queue": "fallback"}, AUTO, ("new", None, "fallback")),
        ({"owner_id": None, "queue": "fallback"}, {}, ("new", None, "fallback")),
        ({"status": "closed", "owner_id": None, "queue": "fallback"}, AUTO, ("closed", None, "fallback")),
        ({"status": "closed", "owner_id": None, "queue": "fallback"}, {}, ("open", None, "fallback")),
    ],
)
def test_what_mail_brings_a_case_an_owner(
    world: World, before: dict[str, object], fields: dict[str, str], after: tuple[object, ...]
) -> None:
    first = world.carl()
    put(world, **before)
    world.carl(in_reply_to=f"<{first.message_id}>", **fields)
    found = world.case(1)
    assert (found.status, found.owner, found.queue) == after


def test_no_stranger_changes_whose_a_case_is(world: World) -> None:
    world.apply(replace(DESK, sections=Sections(cases=CaseSettings(handling=Handling(threads="open")))))
    first = world.carl()
    put(world, status="closed", owner_id=None, queue="fallback")
    mal = sign(mail("mal@evil.example"), "evil.example")
    found = world.receive(mal, customer_address(first.token), sender="mal@evil.example")
    assert (found.proof, found.case.number) == ("third_party", 1)
    assert (world.case(1).status, world.case(1).owner, world.case(1).queue) == ("closed", None, "fallback")


def test_who_gets_a_case_out_of_the_fallback_queue_by_hand_gets_all_its_mail(world: World) -> None:
    first = world.carl()
    put(world, owner_id=None, queue="fallback")
    world.apply(TWO)
    world.carl(in_reply_to=f"<{first.message_id}>", subject="More")
    assert len(world.sent("copy")) == 1
    eve = world.office.desk.agents["eve"]
    put(world, owner_id=eve.id, queue=None, copies_due_at=world.now)
    with world.database.move(Move.HAND) as unit:
        assert handing.hand_over(unit, world.case(1).id, world.work(unit))
    assert [field(one, "subject") for one in world.sent("copy") if one.agent_id == eve.id] == ["Broken", "More"]


def test_an_agent_newer_than_the_jobs_desk_is_given_the_case_by_the_next_look(world: World) -> None:
    old = world.office
    world.apply(replace(DESK, agents=(EVE,)))
    world.office = old
    world.carl()
    assert world.case(1).queue == "support"


def test_mail_of_a_thread_goes_in_the_order_of_acceptance(world: World) -> None:
    first = world.accept(sign(mail(message_id="<one@customer.example>"), "customer.example"))
    second = world.accept(sign(mail(in_reply_to="<one@customer.example>"), "customer.example"))
    assert not world.work_one(second)
    row = world.message(second)
    assert (row.state, row.attempts, row.due_at > world.now) == ("accepted", 0, True)
    assert world.work_one(first)
    world.clock.advance(2)
    assert world.work_one(second)
    assert world.message(second).case.number == 1


def test_a_linked_case_waits_for_the_case_it_is_linked_to(world: World) -> None:
    first = world.accept(sign(mail(message_id="<one@customer.example>"), "customer.example"))
    spoofed = world.accept(mail(x_casegate_thread=world.message(first).token))
    assert not world.work_one(spoofed)
    world.clock.advance(2)
    assert world.route() == [first, spoofed]
    assert world.case(2).links == [("possibly_belongs_to", 1)]
    assert ("casegate", "linked", {"kind": "possibly_belongs_to", "number": 2}) in world.case(1).events


def test_a_message_is_worked_once_whoever_asks_again(world: World) -> None:
    found = world.carl()
    assert not world.work_one(found.id)
    with world.database.move(Move.ROUTE) as unit:
        assert messages.lock(unit, found.id, found.attempts) is None
    assert len(world.sent("copy")) == 1


def test_after_the_last_failure_a_case_in_the_fallback_queue_holds_the_mail(world: World) -> None:
    message_id = world.accept(mail())
    shunt(world, message_id)
    shunt(world, message_id)
    found = world.message(message_id)
    assert (found.state, found.due_at, found.case.queue) == ("shunted", None, "fallback")
    assert [kind for _, kind, _ in world.case(1).events][:2] == ["created", "routing_failed"]
    assert assign_waiting(world) == []
    assert world.route() == []


@pytest.mark.parametrize("work", [lambda world, message_id: world.work_one(message_id), shunt], ids=["route", "shunt"])
def test_mail_accepted_before_the_desk_lost_its_teams_waits_in_the_fallback_queue(world: World, work: Any) -> None:
    message_id = world.accept(sign(mail(), "customer.example"))
    world.apply(Desk())
    work(world, message_id)
    found = world.message(message_id)
    assert (found.due_at, found.case.queue, found.case.owner_id) == (None, "fallback", None)
    assert world.sent() == []
    world.apply(DESK)
    assert assign_waiting(world) == []


def test_a_mail_that_fails_in_an_existing_case_brings_that_case_to_the_fallback_queue(world: World) -> None:
    first = world.carl()
    message_id = world.accept(sign(mail(), "customer.example"), customer_address(first.token))
    shunt(world, message_id)
    assert (world.case(1).queue, world.case(1).owner) == ("fallback", "ann")
    assert world.message(message_id).case.number == 1


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({}, "open"),
        # A list may carry a person's words; a machine's mail wakes nothing.
        ({"list_id": "<x.example>"}, "open"),
        ({"auto_submitted": "auto-replied"}, "pending"),
        ({"subject": "Out of office: away", "x_auto_response_suppress": "All"}, "pending"),
        # People write such subjects, too.
        ({"subject": "Out of office: away"}, "open"),
    ],
)
def test_a_person_wakes_a_case_that_waits_for_them(world: World, fields: dict[str, str], status: str) -> None:
    first = world.carl()
    copy = world.sent("copy")[0]
    to = field(copy, "reply-to").strip("<>")
    world.reply(mail(f"Ann <{ANN}>", to=to), to)
    assert world.case(1).status == "pending"
    world.carl(customer_address(first.token), **fields)
    assert world.case(1).status == status


BODY = "Grüße \x01 \t \r\n.\r\n" + "x" * 900


@pytest.mark.parametrize(
    ("octets", "author"),
    [
        (b"Subject: no author\r\n\r\nx\r\n", ""),
        (b"From: a@x.example\r\nFrom: b@x.example\r\nSubject: two\r\n\r\nx\r\n", "a@x.example"),
        (b"From: a@x.example, b@x.example\r\n\r\nx\r\n", "a@x.example, b@x.example"),
        (b"From: a@x.example\r\nthis is no field\r\nSubject: x\r\n: y\r\n\r\nx\r\n", "a@x.example"),
        (b" leading space\r\nFrom: a@x.example\r\n\r\nx\r\n", ""),
        (b"\r\n", ""),
        (b"\r\nonly a body\r\n", ""),
        (b"From: a@x.example\r\n", "a@x.example"),
        (b"From: a@x.example\r\nSubject: \xff\xfe\x00\r\n\r\n\xff\xfe\x80\x01\r\n", "a@x.example"),
        (b"From: =?utf-8?b?////?= <a@x.example>\r\nMessage-ID: <\xff@x>\r\n\r\nx\r\n", "a@x.example"),
        (mail("a@x.example", BODY, message_id="<" + "i" * 900 + "@x.example>"), "a@x.example"),
    ],
)
def test_a_strange_mail_becomes_a_case_with_a_signed_copy(world: World, octets: bytes, author: str) -> None:
    world.apply(replace(DESK, policy=Policy(no_author="accept")))
    found = world.receive(octets, sender=None)
    assert (found.state, found.case.number) == ("routed", 1)
    (copy,) = world.sent("copy")
    assert verifies(copy.octets, world.signer) == [True]
    assert copy.octets.endswith(octets[scan(octets).body_offset :])
    assert decode_text(copy.head.first(b"subject")).startswith("[unverified]")
    assert author in found.author_name + found.author_address


def test_a_header_section_beyond_the_bound_becomes_a_case_where_nothing_is_refused(world: World) -> None:
    octets = mail(**{f"x_{n}": "y" * 900 for n in range(340)})
    assert len(octets) > 300_000
    refusal = world.judged(octets).refusal
    assert (refusal.code, refusal.enhanced) == (554, "5.6.0")
    world.annotate = True
    assert world.receive(octets).state == "routed"
    (copy,) = world.sent("copy")
    assert verifies(copy.octets, world.signer) == [True]


def test_a_mail_to_two_teams_is_one_case_of_the_first(world: World) -> None:
    found = world.receive(mail(), "sales@firm.example", str(SUPPORT))
    assert (world.case(1).team, found.case.routing_address) == ("sales", "sales@firm.example")
