# SPDX-License-Identifier: Apache-2.0
"""What an address says of threads: who may join, by contact alone, another topic; end to end, on both databases."""

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from handlers import changing, intake, proof
from handlers.acting import casegate
from handlers.ports import Answer, Found
from storage import cases, messages
from storage.address import parse
from storage.case_values import Handling
from storage.content import packed
from storage.desk_values import Contact, Desk
from storage.response import R554_TAKES_NO_PART
from storage.states import Move
from storage.threads import ThreadRace
from storage.trace import facts_of
from tests.support.office import ANN, CARL, DESK, World, customer_address, field, mail, sign
from tests.support.waiting import PATIENCE_S, wait_until

HOME = "carl@home.example"
MALLORY, DORA = "Mallory <mal@evil.example>", "Dora <dora@other.example>"
ONE_CARL = (Contact("Carl Customer", (parse(CARL), parse(HOME))),)


def desk(*, sales: Handling | None = None, contacts: tuple[Contact, ...] = (), **support: Any) -> Desk:
    """The usual desk, with this handling of support@ and sales@."""
    said = {"support@firm.example": Handling(**support), "sales@firm.example": sales or Handling()}
    addresses = tuple(replace(one, handling=said.get(str(one.address), one.handling)) for one in DESK.addresses)
    return replace(DESK, addresses=addresses, contacts=(*DESK.contacts, *contacts))


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """An empty office on either database."""
    is_sqlite = request.param == "sqlite"
    made = World(f"sqlite:///{tmp_path}/casegate.db" if is_sqlite else request.getfixturevalue("postgres_url"))
    yield made
    made.close()


def because(world: World, message_id: str) -> str:
    """Why, as `message explain` tells it."""
    facts = facts_of(world.message(message_id).trace)
    assert facts is not None
    return facts.because


# --- strict, standard, open -----------------------------------------------------------------------------------------

# Policy of the address -> what becomes of each proof: the case's number, the mark, the link.
POLICIES = {
    "strict": {"proven": (1, None), "likely": (2, "possibly_belongs_to"), "third_party": (2, "third_party")},
    "standard": {"proven": (1, None), "likely": (1, None), "third_party": (2, "third_party")},
    "open": {"proven": (1, None), "likely": (1, None), "third_party": (1, None)},
}


def by_carl(world: World, token: str) -> Any:
    return world.carl(customer_address(token))


def by_carl_unsigned(world: World, token: str) -> Any:
    """Carl's domain publishes nothing, and has never proven anybody."""
    return world.receive(mail("Ned <ned@neighbour.example>"), customer_address(token), sender="ned@neighbour.example")


def by_mallory(world: World, token: str) -> Any:
    return world.carl(customer_address(token), author=MALLORY)


AUTHORS = {"proven": by_carl, "likely": by_carl_unsigned, "third_party": by_mallory}


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("wanted", AUTHORS)
def test_each_policy_has_its_table(world: World, policy: str, wanted: str) -> None:
    world.apply(desk(threads=policy))
    first = world.carl(cc="Ned <ned@neighbour.example>")
    found = AUTHORS[wanted](world, first.token)
    assert (found.proof, (found.case.number, found.link_kind)) == (wanted, POLICIES[policy][wanted])
    assert because(world, found.id)
    marked = "[unverified]" in field(world.sent("copy")[-1], "subject")
    assert marked == (wanted != "proven")
    stranger = world.receive(mail(MALLORY, subject=f"[{first.token}]"), sender="mal@evil.example")
    assert (stranger.proof, stranger.link_kind) == ("unproven", "possibly_belongs_to")
    assert stranger.case.number > 1


def test_a_third_party_who_is_let_in_gains_nothing_but_a_place_in_the_agents_copies(world: World) -> None:
    """No part, no status, no acknowledgement, no answer, no one copied; nor do customers see an id of theirs."""
    world.apply(desk(threads="open"))
    first = world.carl()
    to = field(world.sent("copy")[-1], "reply-to")
    assert isinstance(world.reply(mail("ann.doe@private.example", to=to), to), str)
    status = world.case(1).status
    world.carl(customer_address(first.token), author=MALLORY, cc=DORA, reply_to=MALLORY, message_id="<m@evil.example>")
    assert (world.case(1).status, world.participants(first.token)) == (status, {CARL})
    assert len(world.sent("acknowledgement")) == 1
    copy = world.sent("copy")[-1]
    to = field(copy, "reply-to")
    answer = mail("ann.doe@private.example", to=to, in_reply_to=field(copy, "message-id"), body="Hello")
    assert world.reply(answer, to) == R554_TAKES_NO_PART  # it would quote to Carl what Mallory wrote
    to = field(world.sent("copy")[0], "reply-to")
    assert isinstance(world.reply(mail("ann.doe@private.example", to=to), to), str)
    reply = world.sent("reply")[-1]
    assert reply.to == [CARL]
    assert b"evil.example" not in reply.octets


def test_an_agent_who_means_the_third_party_writes_to_them_by_their_own_address(world: World) -> None:
    world.apply(desk(threads="open"))
    first = world.carl()
    world.carl(customer_address(first.token), author=MALLORY)
    copy = world.sent("copy")[-1]
    answer = mail("ann.doe@private.example", to="mal@evil.example", in_reply_to=field(copy, "message-id"))
    assert isinstance(world.reply(answer, "mal@evil.example"), str)
    assert world.sent("reply")[-1].to == ["mal@evil.example"]
    assert CARL.encode() not in world.sent("reply")[-1].octets


def test_the_rules_are_those_of_the_cases_address_and_not_of_the_door_that_a_mail_chose(world: World) -> None:
    world.apply(desk(threads="strict", sales=Handling(threads="open")))
    world.carl()
    ours = field(world.sent("acknowledgement")[0], "message-id")
    assert world.carl("sales@firm.example", author=MALLORY, in_reply_to=ours).case.number == 2


def test_a_bounce_joins_at_our_bounce_address_whatever_the_policy(world: World) -> None:
    world.apply(desk(threads="strict"))
    world.carl()
    report = mail("Mail System <mailer-daemon@mx.private.example>", subject="Undelivered")
    bounce = world.receive(report, world.sent("copy")[0].reverse_path, sender=None)
    assert (bounce.case.number, bounce.proof) == (1, "third_party")


# --- by contact -----------------------------------------------------------------------------------------------------


def test_by_contact_a_proven_authors_mail_joins_their_open_case_without_a_pointer(world: World) -> None:
    world.apply(desk(thread_by="contact"))
    numbers = [world.carl(subject=one).case.number for one in ("One", "Two")]
    assert numbers == [1, 1]
    assert 'thread_by = "contact"' in because(world, world.carl(subject="Three").id)


def test_by_contact_the_latest_open_case_is_taken_and_an_ended_one_is_not(world: World) -> None:
    world.carl(subject="One")
    world.carl(subject="Two")
    world.apply(desk(thread_by="contact"))
    assert world.carl(subject="Three").case.number == 2
    close(world, 2)
    assert world.carl(subject="Four").case.number == 1
    close(world, 1)
    assert world.carl(subject="Five").case.number == 3
    assert world.carl(subject="Six").case.number == 3


@pytest.mark.parametrize(
    "send",
    [
        # Nobody vouches for the author.
        lambda world: world.receive(mail()),
        # It is another's case.
        lambda world: world.carl(author=DORA),
        # It came to another address.
        lambda world: world.carl("sales@firm.example"),
    ],
)
def test_by_contact_nobody_else_and_nowhere_else(world: World, send: Any) -> None:
    world.apply(desk(thread_by="contact"))
    world.carl()
    assert send(world).case.number == 2


def test_by_contact_a_pointer_still_leads_where_it_points(world: World) -> None:
    world.apply(desk(thread_by="contact"))
    world.carl("sales@firm.example")
    first = world.case(1)
    world.carl()
    assert world.carl(customer_address(first.row.thread_token)).case.number == 1


def test_by_contact_a_burst_of_first_mails_makes_one_case(world: World) -> None:
    """No job has made a case yet when the next one comes."""
    world.apply(desk(thread_by="contact"))
    ids = [world.accept(sign(mail(subject=one), "customer.example")) for one in ("One", "Two", "Three")]
    world.route()
    assert [world.message(one).case.number for one in ids] == [1, 1, 1]


def test_by_contact_another_address_of_the_contact_takes_part_where_it_joins(world: World) -> None:
    world.apply(desk(thread_by="contact", contacts=ONE_CARL))
    world.carl()
    found = world.carl(author=f"Carl <{HOME}>")
    assert (found.case.number, world.participants(found.token)) == (1, {CARL, HOME})
    copy = next(one for one in world.sent("copy") if one.message_seq == found.seq)
    to = field(copy, "reply-to")
    world.reply(mail(str(ANN), "We come.", to=to, in_reply_to=field(copy, "message-id")), to)
    assert world.sent("reply")[-1].to == [HOME]


def test_by_contact_what_our_own_people_pass_on_before_any_job_ran_stays_apart(world: World) -> None:
    """Each mail is another customer's, whoever sent it to us."""
    world.apply(desk(thread_by="contact"))
    customers = (CARL, "dora@other.example")
    ids = []
    for one in customers:
        old = f"---------- Forwarded message ---------\r\nFrom: <{one}>\r\nSubject: Pay\r\nTo: <{ANN}>\r\n\r\nHi.\r\n"
        octets = sign(mail(f"Ann Doe <{ANN}>", old, subject="Fwd: Pay"), ANN.domain)
        ids.append(world.accept(octets, sender=str(ANN)))
    world.route()
    found = [world.message(one) for one in ids]
    assert [(one.case.number, one.case.contact_address) for one in found] == [(1, customers[0]), (2, customers[1])]


def test_by_contact_our_own_peoples_mail_begins_a_case_each_time(world: World) -> None:
    world.apply(desk(thread_by="contact"))
    octets = [sign(mail(f"Ann Doe <{ANN}>", subject=one), ANN.domain) for one in ("One", "Two")]
    assert [world.receive(one, sender=str(ANN)).case.number for one in octets] == [1, 2]


@pytest.mark.postgres
def test_by_contact_two_first_mails_at_one_moment_meet(postgres_url: str) -> None:
    """The later one waits for the first, sees what it has made, and is tried again as the commit group does it."""
    world = World(postgres_url, desk(thread_by="contact"))
    octets = [sign(mail(subject=one), "customer.example") for one in ("One", "Two")]
    one, two = (intake.arrival(world.judged(it), world.office, packed(it)) for it in octets)
    made, outcome = threading.Event(), list[BaseException]()

    def later() -> None:
        made.wait(PATIENCE_S)
        try:
            with world.database.move(Move.ACCEPT) as unit:
                messages.accept(unit, two, proof.decide)
        except ThreadRace as race:
            outcome.append(race)

    second = threading.Thread(target=later)
    second.start()
    with world.database.move(Move.ACCEPT) as unit:
        messages.accept(unit, one, proof.decide)
        made.set()
        wait_until(lambda: _is_waiting(world), "the later one to wait")
    second.join(PATIENCE_S)
    assert len(outcome) == 1
    with world.database.move(Move.ACCEPT) as unit:
        messages.accept(unit, two, proof.decide)
    world.route()
    assert [world.message(it.id).case.number for it in (one, two)] == [1, 1]
    world.close()


def _is_waiting(world: World) -> bool:
    with world.database.read() as unit:
        waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        return int(unit.execute(text(waits)).scalar_one()) > 0


# --- another address of the same contact ----------------------------------------------------------------------------


def test_another_address_of_the_same_contact_counts_as_the_participant_if_it_is_proven(world: World) -> None:
    world.apply(desk(contacts=ONE_CARL))
    first = world.carl()
    found = world.carl(customer_address(first.token), author=f"Carl <{HOME}>")
    assert (found.case.number, found.proof) == (1, "proven")
    assert "another address" in because(world, found.id)
    unsigned = world.receive(mail(f"Carl <{HOME}>"), customer_address(first.token), sender=HOME)
    assert unsigned.case.number == 2


def test_their_answer_goes_to_the_address_that_they_wrote_from(world: World) -> None:
    world.apply(desk(contacts=ONE_CARL))
    first = world.carl()
    world.carl(customer_address(first.token), author=f"Carl <{HOME}>")
    copy = world.sent("copy")[-1]
    to = field(copy, "reply-to")
    world.reply(mail("ann.doe@private.example", to=to, in_reply_to=field(copy, "message-id")), to)
    assert world.sent("reply")[-1].to == [HOME]


def test_a_contact_of_ones_own_is_nobody_elses(world: World) -> None:
    world.apply(desk(contacts=(Contact("Carl", (parse(CARL),)), Contact("Carl", (parse(HOME),)))))
    first = world.carl()
    assert world.carl(customer_address(first.token), author=f"Carl <{HOME}>").proof == "third_party"


# --- another topic --------------------------------------------------------------------------------------------------


def answered(world: World) -> dict[str, str]:
    """Carl's case, which Ann has answered; the fields of an answer to her."""
    world.carl(subject="Broken machine")
    to = field(world.sent("copy")[-1], "reply-to")
    assert isinstance(world.reply(mail("ann.doe@private.example", to=to, subject="Re: Broken machine"), to), str)
    return {"in_reply_to": field(world.sent("reply")[-1], "message-id")}


TOPICS = {
    # Known ids, another base subject, nothing quoted: a case of its own.
    "another subject": ({"subject": "A new matter"}, True),
    "another subject that claims to be an answer": ({"subject": "Re: A new matter"}, True),
    # The same topic, whatever stands around it.
    "the same subject": ({"subject": "AW: [EXT] Re: Broken machine (fwd)"}, False),
    # Something that went before is quoted.
    "another subject with a quote": ({"subject": "A new matter", "body": "Yes.\r\n\r\n> Is it this one?"}, False),
    # No subject says nothing.
    "no subject": ({"subject": ""}, False),
    "nothing but marks": ({"subject": "Re: "}, False),
    # A machine's subject is its own.
    "an absence notice": ({"subject": "Out of office", "auto_submitted": "auto-replied"}, False),
}


@pytest.mark.parametrize(("fields", "is_new"), TOPICS.values(), ids=TOPICS)
@pytest.mark.parametrize("wish", ["new_case", "stay"])
def test_another_topic_begins_a_case_that_follows_where_the_address_wants_it(
    world: World, fields: dict[str, str], is_new: bool, wish: str
) -> None:
    world.apply(desk(topic_change=wish))
    named = answered(world)
    found = world.carl(**named, **fields)
    expected = (2, "follows") if is_new and wish == "new_case" else (1, None)
    assert (found.case.number, found.link_kind, found.proof) == (*expected, "proven")
    assert ('topic_change = "new_case"' in because(world, found.id)) == (expected[0] == 2)


def test_mail_under_the_new_topic_goes_on_in_its_own_case(world: World) -> None:
    world.apply(desk(topic_change="new_case"))
    named = answered(world)
    new = world.carl(**named, subject="A new matter")
    chain = f"{named['in_reply_to']} <{new.message_id}>"
    assert world.carl(references=chain, subject="Re: A new matter").case.number == 2
    # Also where the client kept the signed address of the first, or only its ids.
    assert world.carl(customer_address(world.case(1).thread_token), references=chain, subject="More").case.number > 1
    assert world.carl(**named, subject="Re: Broken machine").case.number == 1
    assert world.case(1).links[0] == ("followed_by", 2)


def test_whoever_puts_the_thread_id_into_the_subject_means_that_thread(world: World) -> None:
    world.apply(desk(topic_change="new_case"))
    named = answered(world)
    token = world.case(1).thread_token
    assert world.carl(**named, subject=f"A new matter [{token}]").case.number == 1


def test_an_agent_who_changed_the_subject_changed_it_for_the_customer_too(world: World) -> None:
    world.apply(desk(topic_change="new_case"))
    world.carl(subject="Broken machine")
    to = field(world.sent("copy")[-1], "reply-to")
    world.reply(mail("ann.doe@private.example", to=to, subject="Your order 7"), to)
    again = world.carl(in_reply_to=field(world.sent("reply")[-1], "message-id"), subject="Re: Your order 7")
    assert again.case.number == 1


# --- likely, and DNS ------------------------------------------------------------------------------------------------


def test_strict_lets_no_forwarder_vouch(world: World) -> None:
    world.apply(desk(threads="strict"))
    world.carl()
    world.txt["_dmarc.customer.example"] = Answer(Found.YES, (b"v=DMARC1; p=none",))
    ours = field(world.sent("acknowledgement")[0], "message-id")
    world.vouched = True
    found = world.receive(mail(in_reply_to=ours))
    assert (found.proof, found.case.number, found.link_kind) == ("likely", 2, "possibly_belongs_to")


def test_what_is_stored_of_a_decision_tells_it_again(world: World) -> None:
    world.apply(desk(threads="open"))
    first = world.carl()
    found = world.carl(customer_address(first.token), author=MALLORY)
    stored = json.loads(found.trace)["thread"]
    assert stored["candidates"][0][4] == "support@firm.example"
    assert "open" in stored["because"]


def close(world: World, number: int) -> None:
    with world.database.move(Move.EDIT) as unit:
        case = cases.lock(unit, world.case(number).id)
        changing.change(unit, world.office.desk, case, {"status": "closed"}, casegate(world.now))
