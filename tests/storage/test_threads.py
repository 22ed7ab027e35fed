# SPDX-License-Identifier: Apache-2.0
"""Which thread a mail joins, as the store decides it inside the commit."""

import threading
from collections.abc import Callable

import pytest
from sqlalchemy import func, insert, select

from storage import migrate, outbox, pointing, schema, threads
from storage.commit_group import GroupCommitter
from storage.database import Database
from storage.states import Move
from storage.threads import Author, Pointer, key_of
from tests.storage.given import NOW, accept, accepted, arrival, author, outgoing, person
from tests.support.waiting import PATIENCE_S

X = key_of("x@customer.example")


def _threads(database: Database) -> int:
    with database.read() as unit:
        return unit.execute(select(func.count()).select_from(schema.thread)).scalar_one()


def test_two_first_mails_of_a_proven_author_on_two_connections_make_one_thread(
    database: Database, connect: Callable[[], Database]
) -> None:
    committers = [GroupCommitter(database), GroupCommitter(connect())]
    for turn in range(5):
        key = key_of(f"turn-{turn}")
        start = threading.Barrier(4)

        def deliver(number: int, turn: int = turn, key: bytes = key, start: threading.Barrier = start) -> None:
            value = arrival(f"m{turn}-{number}", own_key=key)
            start.wait()
            committers[number % 2].submit(Move.ACCEPT, lambda unit: accept(unit, value)).result(60)

        workers = [threading.Thread(target=deliver, args=(number,)) for number in range(4)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    for committer in committers:
        committer.close()
    assert _threads(database) == 5
    with database.read() as unit:
        assert unit.execute(select(func.count()).select_from(schema.message)).scalar_one() == 20


@pytest.mark.postgres
def test_the_later_of_two_open_transactions_fails_with_the_race(postgres_url: str) -> None:
    database = Database(postgres_url)
    migrate.ready(database)
    asked, outcome = threading.Event(), list[BaseException]()

    def later() -> None:
        try:
            with database.move(Move.ACCEPT) as unit:
                thread_id = threads.make(unit, "LATER", NOW)
                asked.set()
                if threads.add_keys(unit, thread_id, "carl@customer.example", X, ()):
                    raise threads.ThreadRace
        except threads.ThreadRace as race:
            outcome.append(race)

    with database.move(Move.ACCEPT) as unit:
        accept(unit, arrival("one", own_key=X))
        second = threading.Thread(target=later)
        second.start()
        assert asked.wait(PATIENCE_S)
    second.join(PATIENCE_S)
    assert len(outcome) == 1
    assert _threads(database) == 1
    database.close()


def test_unproven_authors_never_share_a_thread_by_a_message_id(database: Database) -> None:
    one = accepted(database, "one", who=author(aligned=False), own_key=X)
    two = accepted(database, "two", who=author(aligned=False), own_key=X)
    assert one.thread_id != two.thread_id
    assert (two.proof, two.linked_thread_id) == ("unproven", one.thread_id)


def test_the_answer_may_come_before_the_first_mail(database: Database) -> None:
    later = accepted(database, "later", referred_keys=(X,))
    first = accepted(database, "first", own_key=X)
    assert first.thread_id == later.thread_id
    assert first.proof == "proven"


def test_a_stranger_who_refers_to_a_message_id_first_gains_nothing(database: Database) -> None:
    """Nor does the victim lose: ids that a stranger only refers to count for the stranger alone."""
    stranger = accepted(database, "s", who=author("mallory@evil.example"), referred_keys=(X,))
    victim = accepted(database, "v", own_key=X)
    assert victim.thread_id != stranger.thread_id
    assert (victim.proof, victim.linked_thread_id) == ("proven", None)


def test_a_stranger_who_uses_the_victims_message_id_first_gets_no_mail_of_theirs(database: Database) -> None:
    stranger = accepted(database, "s", who=author("mallory@evil.example"), own_key=X)
    victim = accepted(database, "v", own_key=X)
    answer = accepted(database, "a", pointers=(Pointer(key=X),))
    assert victim.thread_id != stranger.thread_id
    assert answer.thread_id == victim.thread_id
    with database.read() as unit:
        keys = [one.key for one in threads.participants(unit, stranger.thread_id, "customer")]
    assert keys == ["mallory@evil.example"]


def test_an_unproven_author_brings_nobody_into_the_thread(database: Database) -> None:
    friend = (person("friend@other.example"),)
    proven = accepted(database, "one", copied=friend)
    unproven = accepted(database, "two", who=author(aligned=False), copied=friend)
    with database.read() as unit:
        found = [{p.key for p in threads.participants(unit, row.thread_id, "customer")} for row in (proven, unproven)]
    assert found == [{"carl@customer.example", "friend@other.example"}, {"carl@customer.example"}]


def test_an_old_id_of_a_merged_thread_still_leads_to_it(database: Database) -> None:
    row = accepted(database, "one")
    with database.move(Move.ROUTE) as unit:
        unit.execute(insert(schema.thread_alias), {"token": "OLD", "thread_id": row.thread_id})
    with database.read() as unit:
        assert threads.by_token(unit, "OLD") == threads.by_token(unit, "TOKEN-one") == row.thread_id
        assert threads.by_token(unit, "NONE") is None
    assert accepted(database, "two", pointers=(Pointer(thread_token="OLD"),)).thread_id == row.thread_id


def test_a_mail_of_ours_leads_to_where_it_is_now_and_its_thread_id_with_it(database: Database) -> None:
    one, two = accepted(database, "one"), accepted(database, "two")
    with database.move(Move.SUBMIT) as unit:
        outbox.put(unit, outgoing("moved", one.seq, thread_id=two.thread_id), NOW)
        outbox.put(unit, outgoing("stayed", one.seq, thread_id=one.thread_id), NOW)
    rows = {
        # The row decides, whatever thread its id was made in.
        (Pointer("TOKEN-one", "moved", evidence=True),): [two.thread_id],
        # Nor does a signed address or a shown ID of the old thread say otherwise beside it.
        (Pointer("TOKEN-one"), Pointer("TOKEN-one", "moved", evidence=True)): [two.thread_id],
        # The nearest of several says where the thread went; each keeps its own way.
        (Pointer("TOKEN-one"), Pointer("TOKEN-one", "moved"), Pointer("TOKEN-one", "stayed")): [
            two.thread_id,
            one.thread_id,
        ],
        (Pointer("TOKEN-one"), Pointer("TOKEN-one", "stayed"), Pointer("TOKEN-one", "moved")): [
            one.thread_id,
            two.thread_id,
        ],
        # A row that is no longer kept: its thread ID counts.
        (Pointer("TOKEN-one", "forgotten", evidence=True),): [one.thread_id],
    }
    with database.read() as unit:
        found = {pointers: pointing.candidates(unit, pointers, author()) for pointers in rows}
        assert threads.by_row(unit, "moved") == two.thread_id
        assert threads.by_row(unit, "forgotten") is None
    assert {pointers: [one.thread_id for one in named] for pointers, named in found.items()} == rows
    assert found[next(iter(rows))][0].evidence


def test_an_agent_in_a_thread_is_no_customer_of_it(database: Database) -> None:
    row = accepted(database, "one", who=author("other@customer.example"))
    with database.move(Move.SUBMIT) as unit:
        threads.add_participants(unit, row.thread_id, "agent", [person("ann@private.example")])
        threads.add_participants(unit, row.thread_id, "agent", [person("ann@private.example")])
        pointer = Pointer(thread_token="TOKEN-one", evidence=True)
        (found,) = pointing.candidates(unit, [pointer], author("ann@private.example"))
        assert [one.key for one in threads.participants(unit, row.thread_id, "agent")] == ["ann@private.example"]
    assert not found.participant


def test_a_domain_that_once_passed_aligned_is_remembered(database: Database) -> None:
    facts = {"aligned": False, "spf": "pass", "publishes_dmarc": False}
    pointer = (Pointer(thread_token="TOKEN-one", evidence=True),)
    accepted(database, "one", who=author(**facts))
    likely = accepted(database, "two", who=author(**facts), pointers=pointer)
    accepted(database, "three")
    after = accepted(database, "four", who=author(**facts), pointers=pointer)
    assert (likely.proof, after.proof) == ("likely", "unproven")
    with database.read() as unit:
        assert threads.domain_has_passed(unit, "customer.example")
        assert not threads.domain_has_passed(unit, "other.example")


def test_candidates_come_best_pointer_first_each_once_with_all_its_evidence(database: Database) -> None:
    one = accepted(database, "one", own_key=X)
    two = accepted(database, "two")
    pointers = [
        Pointer(thread_token="TOKEN-two"),
        Pointer(key=X),
        Pointer(thread_token="TOKEN-two", evidence=True),
        Pointer(thread_token="UNKNOWN", evidence=True),
        Pointer(key=key_of("nobody")),
    ]
    with database.read() as unit:
        found = pointing.candidates(unit, pointers, author())
        nobody = pointing.candidates(unit, pointers, Author(None, aligned=False))
    assert [(c.thread_id, c.evidence, c.participant) for c in found] == [
        (two.thread_id, True, True),
        (one.thread_id, False, True),
    ]
    assert not any(c.participant for c in nobody)


def test_a_message_id_that_many_use_names_five_threads_at_most_ones_own_first(database: Database) -> None:
    for number in range(7):
        accepted(database, f"s{number}", who=author(f"s{number}@evil.example", aligned=False), own_key=X)
    with database.move(Move.ACCEPT) as unit:
        mine = threads.make(unit, "MINE", NOW)
        assert not threads.add_keys(unit, mine, "carl@customer.example", X, ())
        found = pointing.candidates(unit, [Pointer(key=X)], author())
    assert len(found) == 5
    assert found[0].thread_id == mine


@pytest.mark.parametrize(
    ("owner", "side", "is_strangers"),
    [
        # Made in the customer's domain, and used by somebody who has nothing to do with it.
        ("mal@evil.example", "customer.example", True),
        ("mal@notcustomer.example", "customer.example", True),
        # Of the same house: whoever answers it answers them.
        ("dora@customer.example", "customer.example", False),
        ("dora@mail.customer.example", "customer.example", False),
        ("dora@customer.example", "mail.customer.example", False),
        # Nobody knows in whose domain it was made.
        ("mal@evil.example", "", False),
    ],
)
def test_an_id_is_of_those_in_whose_domain_it_was_made(
    database: Database, owner: str, side: str, is_strangers: bool
) -> None:
    used = accepted(database, "used", who=author(owner), own_key=X)
    with database.read() as unit:
        (found,) = pointing.candidates(unit, [Pointer(key=X, side=side)], author("eve@customer.example"))
        shown = pointing.candidates(unit, [Pointer(key=X, side=side), Pointer(thread_token="TOKEN-used")], author())
    assert (found.thread_id, found.is_strangers) == (used.thread_id, is_strangers)
    assert not any(one.is_strangers for one in shown)  # the thread's ID leads there as well
