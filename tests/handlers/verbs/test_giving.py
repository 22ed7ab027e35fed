# SPDX-License-Identifier: Apache-2.0
"""Who gets a case by hand: agents, teams, queues; and what mail the new owner has then."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from handlers import by_hand, giving, handing, routing, tokens
from handlers.acting import By
from handlers.by_hand import Making
from handlers.case_edits import Edit, Refusal
from handlers.giving import Giving
from storage import cases, contacts
from storage.address import parse
from storage.case_values import CaseSettings, Handling, Sections
from storage.desk_values import Agent
from storage.states import Move
from storage.threads import Person
from tests.support.office import DESK, KEYS, World, field, mail, verifies

OPERATOR = "operator:root"
CAT = Agent("cat", "Cat Poe", parse("cat.poe@private.example"), ("support", "sales"))
LONER = Agent("loner", "Lo Ner", parse("lo.ner@private.example"))
DORA = Person("Dora Other", "dora@other.example", "dora@other.example")
VALUE = replace(DESK, agents=(*DESK.agents, CAT, LONER), sections=Sections(cases=CaseSettings("FS-")))


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """Ann and Cat are in support, Bob and Cat in sales, and one is in no team; Cat takes no new cases."""
    sqlite = f"sqlite:///{tmp_path}/casegate.db"
    url = sqlite if request.param == "sqlite" else request.getfixturevalue("postgres_store")
    made = World(url, VALUE)
    made.presence("cat", "away")
    yield made
    made.close()


@pytest.fixture
def office(tmp_path: Path) -> Iterator[World]:
    """The same on SQLite, for tables that do not ask the store anything new."""
    made = World(f"sqlite:///{tmp_path}/casegate.db", VALUE)
    made.presence("cat", "away")
    yield made
    made.close()


def give(world: World, number: int, **wish):
    with world.database.move(Move.EDIT) as unit:
        row = cases.lock_number(unit, number)
        done = giving.give(unit, world.office.desk, row, Giving(**wish), By(OPERATOR, world.now))
        return done.words if isinstance(done, Refusal) else done


def make(world: World, contact: Person = DORA, **wish):
    """A case by hand; the row, or the words of the refusal."""
    given = {"address": "support@firm.example", "subject": "Called us", "text": "It hums.", **wish}
    with world.database.move(Move.EDIT) as unit:
        wanted, by = Making(contact=contact, **given), By(OPERATOR, world.now)
        done = by_hand.make(unit, world.office.desk, tokens.new_thread_id(KEYS), wanted, by)
        return done.words if isinstance(done, Refusal) else done


def sweep(world: World) -> int:
    """What a worker's sweep does of it; how many cases were handed over."""
    with world.database.read() as unit:
        due = cases.copies_due(unit, world.now, 10)
    for case_id in due:
        with world.database.move(Move.HAND) as unit:
            assert handing.hand_over(unit, case_id, world.work(unit))
    return len(due)


def copies(world: World, address: str) -> list[str]:
    """The subjects of what an agent was sent."""
    return [field(one, "subject") for one in world.sent("copy") if address in one.to]


def owner(world: World, number: int) -> tuple[str | None, str | None, str]:
    case = world.case(number)
    agent = world.office.desk.agent_by_id(case.owner_id)
    return (agent.value.login if agent else None, case.queue, world.office.desk.teams[case.team_id].value.name)


# (who is asked for, owner, queue and team then); it began with Ann of support.
@pytest.mark.parametrize(
    ("wish", "expected"),
    [
        ({"to": "cat"}, ("cat", None, "support")),
        # Bob is of sales only: the case goes with him.
        ({"to": "bob"}, ("bob", None, "sales")),
        ({"to": "cat", "team": "sales"}, ("cat", None, "sales")),
        # Ann is not of sales: it waits there.
        ({"team": "sales"}, (None, "sales", "sales")),
        # She is of support, and stays.
        ({"team": "support"}, ("ann", None, "support")),
        ({"nobody": True}, (None, "support", "support")),
        ({"nobody": True, "team": "sales"}, (None, "sales", "sales")),
        ({"queue": "sales"}, (None, "sales", "sales")),
        ({"queue": "fallback"}, (None, "fallback", "support")),
        ({"queue": "fallback", "team": "sales"}, (None, "fallback", "sales")),
    ],
)
def test_a_case_goes_where_it_is_given(office: World, wish: dict, expected: tuple):
    office.carl()
    give(office, 1, **wish)
    assert owner(office, 1) == expected


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ({}, "to whom?"),
        ({"to": "cat", "nobody": True}, "one of"),
        ({"to": "cat", "queue": "sales"}, "one of"),
        ({"to": "nemo"}, "no agent 'nemo'"),
        ({"to": "bob", "team": "support"}, "agent bob is not of team support, but of sales"),
        ({"to": "loner"}, "agent loner is of no team"),
        ({"team": "nowhere"}, "no team 'nowhere'"),
        ({"queue": "nowhere"}, "there are: support, sales, fallback"),
        ({"queue": "sales", "team": "support"}, "not of team support"),
    ],
)
def test_what_cannot_be_is_refused_with_what_can(office: World, wish: dict, words: str):
    office.carl()
    assert words in give(office, 1, **wish)
    assert owner(office, 1) == ("ann", None, "support")


def test_team_owner_and_queue_are_told_before_and_after(world: World):
    world.carl()
    give(world, 1, to="bob")
    give(world, 1, nobody=True)
    assert [one for one in world.case(1).events if one[0] == OPERATOR] == [
        (OPERATOR, "team", {"before": "support", "after": "sales"}),
        (OPERATOR, "assigned", {"before": "ann", "after": "bob", "agent": "bob"}),
        (OPERATOR, "queued", {"before": None, "after": "sales", "queue": "sales", "owner": "bob"}),
    ]


def test_a_new_owner_gets_all_mail_so_far_once(world: World):
    first = world.carl(subject="First")
    world.carl(subject="Re: First", references=first.message_id)
    give(world, 1, to="cat")
    assert copies(world, "cat.poe@private.example") == []
    assert [sweep(world), sweep(world)] == [1, 0]
    give(world, 1, to="ann")
    give(world, 1, to="cat")
    sweep(world)
    assert copies(world, "cat.poe@private.example") == ["First", "Re: First"]
    assert copies(world, "ann.doe@private.example") == ["First", "Re: First"]


# Routing gives the owner what comes, marked or not: the sweep adds what is missing.
def test_mail_that_comes_before_the_sweep_is_copied_once(world: World):
    first = world.carl(subject="First")
    give(world, 1, to="cat")
    world.carl(subject="Re: First", references=first.message_id)
    sweep(world)
    assert sorted(copies(world, "cat.poe@private.example")) == ["First", "Re: First"]


def answer(world: World, login: str, words: str, **fields: str) -> str:
    """What an agent writes back to their last copy; the id of the reply."""
    address = world.office.desk.agents[login].value.address
    copy = [one for one in world.sent("copy") if str(address) in one.to][-1]
    named = {"to": field(copy, "reply-to"), "in_reply_to": field(copy, "message-id"), **fields}
    octets = mail(f"{login} <{address}>", words, subject="Re: " + field(copy, "subject"), **named)
    others = [one for one in (fields.get("cc"),) if one]
    made = world.reply(octets, field(copy, "reply-to"), *others, login=login)
    assert isinstance(made, str), made
    return made


def test_a_new_owner_gets_what_colleagues_answered_as_the_customer_got_it(world: World):
    first = world.carl(subject="First")
    answer(world, "ann", "Turn the key.", cc="dora@other.example")
    give(world, 1, to="cat")
    sweep(world)
    asked, reply = [one for one in world.sent("copy") if "cat.poe@private.example" in one.to]
    (left,) = world.sent("reply")
    assert [field(one, "subject") for one in (asked, reply)] == ["First", "Re: First"]
    assert reply.octets[reply.head.body_offset :] == left.octets[left.head.body_offset :]
    assert field(reply, "from") == f"Firm Support <{first.token.lower()}@gw.example>"
    assert (field(reply, "to"), field(reply, "cc")) == (field(left, "to"), "dora@other.example")
    assert field(reply, "in-reply-to") == field(asked, "message-id")
    assert field(reply, "date") == field(left, "date")
    assert (field(reply, "x-casegate-thread"), field(reply, "x-casegate-case")) == (first.token, "FS-1")
    assert all(verifies(reply.octets, world.signer))
    for secret in (b"ann.doe", b"r." + first.token.lower().encode(), field(left, "message-id").encode()):
        assert secret not in reply.octets
    assert sweep(world) == 0


def test_an_answer_to_a_colleagues_reply_goes_to_the_customer_in_the_thread_that_they_know(world: World):
    world.carl(subject="First")
    answer(world, "ann", "Turn the key.")
    give(world, 1, to="cat")
    sweep(world)
    answer(world, "cat", "And push.")
    before, after = world.sent("reply")
    assert after.to == before.to == ["carl@customer.example"]
    assert field(after, "in-reply-to") == field(before, "message-id")


def test_whoever_has_the_case_gets_what_a_colleague_writes_and_never_their_own_words(world: World):
    world.carl(subject="First")
    give(world, 1, to="cat")
    sweep(world)
    answer(world, "cat", "I look.")
    answer(world, "ann", "Turn the key.")
    assert [sweep(world), sweep(world)] == [1, 0]
    assert copies(world, "cat.poe@private.example") == ["First", "Re: First"]
    give(world, 1, to="ann")
    sweep(world)
    assert copies(world, "ann.doe@private.example") == ["First", "Re: First"]
    assert b"I look." in world.sent("copy")[-1].octets


def test_an_owner_who_left_before_the_sweep_gets_nothing(world: World):
    world.carl()
    give(world, 1, to="cat")
    world.apply(replace(VALUE, agents=tuple(one for one in VALUE.agents if one is not CAT)))
    assert [sweep(world), sweep(world)] == [1, 0]
    assert copies(world, "cat.poe@private.example") == []


def test_the_next_mail_goes_to_the_new_owner_alone(world: World):
    first = world.carl(subject="First")
    give(world, 1, to="cat")
    sweep(world)
    world.carl(subject="Second", references=first.message_id)
    assert copies(world, "ann.doe@private.example") == ["First"]
    assert copies(world, "cat.poe@private.example") == ["First", "Second"]


# --- cases by hand ----------------------------------------------------------------------------------------------------


def test_a_case_by_hand_waits_in_its_teams_queue_and_knows_its_contact(world: World):
    row = make(world)
    case = world.case(row.number)
    assert (case.status, case.queue, case.source, case.contact_address) == ("new", "support", "hand", DORA.address)
    assert world.participants(case.thread_token) == {DORA.key}
    assert [one[:2] for one in case.events] == [(OPERATOR, "created")]
    with world.database.read() as unit:
        assert contacts.is_known_contact(unit, DORA.key)
        assert cases.text_of(unit, case.id) == "It hums."


def test_its_first_agent_gets_a_mail_whose_answer_reaches_the_contact(world: World):
    row = make(world, giving=Giving(to="ann"), text="Überall ein Summen.\nSeit gestern.")
    sweep(world)
    (brief,) = world.sent("copy")
    assert brief.to == ["ann.doe@private.example"]
    assert field(brief, "subject") == "Called us"
    assert field(brief, "x-casegate-case") == f"FS-{row.number}"
    assert field(brief, "from").startswith("Dora Other via Firm Support <")
    assert verifies(brief.octets, world.signer) == [True]
    assert b"=C3=9Cberall ein Summen." in brief.octets
    back = field(brief, "reply-to")
    told = {"to": back, "in_reply_to": f"<{brief.message_id}>", "subject": "Re: Called us"}
    assert isinstance(world.reply(mail("Ann <ann.doe@private.example>", **told), back), str)
    (reply,) = world.sent("reply")
    assert reply.to == [DORA.address]
    assert field(reply, "from") == "Firm Support <support@firm.example>"
    assert brief.message_id not in reply.octets.decode()
    answer = world.carl(author="Dora Other <dora@other.example>", references=f"<{reply.message_id}>")
    assert (answer.case.number, answer.proof) == (row.number, "proven")
    assert copies(world, "ann.doe@private.example") == ["Called us", "Broken"]


def test_whoever_gets_it_later_gets_its_text_too_and_nobody_gets_it_twice(world: World):
    row = make(world)
    with world.database.move(Move.ASSIGN) as unit:
        assert routing.assign_waiting(unit, row.id, world.work(unit))
    give(world, row.number, to="cat")
    sweep(world)
    give(world, row.number, to="ann")
    sweep(world)
    assert copies(world, "ann.doe@private.example") == ["Called us"]
    assert copies(world, "cat.poe@private.example") == ["Called us"]


def test_without_a_text_the_mail_says_where_the_answer_goes(world: World):
    make(world, text=" ", giving=Giving(to="ann"))
    sweep(world)
    (brief,) = world.sent("copy")
    assert b"FS-1 was opened by hand" in brief.octets
    assert b"dora@other.example" in brief.octets.partition(b"\r\n\r\n")[2]


def test_it_begins_with_what_its_address_says_and_over_that_what_is_wished_for(world: World):
    handling = Handling(priority="high", tags=("vip",))
    world.apply(replace(VALUE, addresses=(replace(DESK.addresses[0], handling=handling), *DESK.addresses[1:])))
    first, second = make(world), make(world, edit=Edit(priority="low", tags=("+called",)))
    assert (first.priority, first.tags) == ("high", '["vip"]')
    assert (second.priority, second.tags) == ("low", '["called","vip"]')


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ({"address": "nowhere@firm.example"}, "no routing address"),
        ({"subject": "two\nlines"}, "one line"),
        ({"text": "x" * 100_001}, "at most 100000"),
        ({"contact": Person("", "ann.doe@private.example", "ann.doe@private.example")}, "no contact's"),
        ({"edit": Edit(priority="huge")}, "no priority 'huge'"),
        ({"giving": Giving(to="nemo")}, "no agent 'nemo'"),
    ],
)
def test_what_is_wrong_is_said(office: World, wish: dict, words: str):
    assert words in make(office, **wish)


def test_a_known_contact_keeps_the_name_that_we_know(world: World):
    row = make(world, contact=Person("", "vera@known.example", "vera@known.example"))
    assert row.contact_name == "Vera Known"
