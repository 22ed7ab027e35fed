# SPDX-License-Identifier: Apache-2.0
"""The accepting transaction, claims and what lists show."""

import json
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from storage import columns, content, listing, messages, threads
from storage.address import parse
from storage.commit_group import GroupCommitter
from storage.database import Database
from storage.envelope import Envelope
from storage.messages import Accepted, Header
from storage.states import MessageState, Move
from tests.storage.given import CONTENT, NOW, accept, accepted, arrival, author, person
from tests.support.waiting import PATIENCE_S

LEASE = timedelta(minutes=5)


def _count(database: Database, table: str) -> int:
    with database.read() as unit:
        return unit.execute(select(func.count()).select_from(columns.metadata.tables[table])).scalar_one()


def _accept(database: Database, value: messages.Arrival) -> Accepted:
    with database.move(Move.ACCEPT) as unit:
        return accept(unit, value)


def test_an_accepted_mail_is_due_has_a_thread_and_says_so_in_its_stamp(database: Database) -> None:
    row = accepted(database, "one")
    assert (row.state, row.due_at, row.attempts, row.proof) == ("accepted", NOW, 0, "proven")
    assert bytes(row.stamp) == b"Received: here\r\nX-Casegate-Thread: TOKEN-one\r\n"
    with database.read() as unit:
        assert threads.token_of(unit, row.thread_id) == "TOKEN-one"
        assert content.load(unit, row.content_id) == CONTENT + b"one"
        assert [one.key for one in threads.participants(unit, row.thread_id, "customer")] == ["carl@customer.example"]


@pytest.mark.parametrize("state", [MessageState.QUARANTINED, MessageState.DISCARDED])
def test_what_is_not_accepted_has_no_thread_and_is_never_due(database: Database, state: MessageState) -> None:
    row = accepted(database, "one", state=state)
    assert (row.state, row.due_at, row.thread_id) == (state.value, None, None)
    assert bytes(row.stamp) == b"Received: here\r\n"
    with database.read() as unit:
        assert messages.due(unit, NOW + timedelta(days=9), 10) == []
    assert _count(database, "thread") == 0


def test_a_repeated_delivery_gets_the_first_id_and_writes_nothing(database: Database) -> None:
    accepted(database, "one")
    again = replace(arrival("one"), id="two")
    assert _accept(database, again) == Accepted("one", repeated=True, state=MessageState.ACCEPTED)
    assert [_count(database, table) for table in ("message", "content", "thread", "digest")] == [1, 1, 1, 1]


def test_a_repeated_delivery_may_name_its_recipients_in_another_order(database: Database) -> None:
    both = (parse("support@firm.example"), parse("sales@firm.example"))
    first = replace(arrival("one"), envelope=Envelope(None, both))
    assert not _accept(database, first).repeated
    assert _accept(database, replace(first, id="two", envelope=Envelope(None, both[::-1]))).repeated


DIFFERENT = {
    # one octet more is another mail
    "content": {"content": content.packed(CONTENT + b"one!")},
    # a second recipient must get it
    "recipients": {"envelope": Envelope(parse("carl@customer.example"), (parse("sales@firm.example"),))},
    # a bounce is no copy of the mail it carries
    "reverse-path": {"envelope": Envelope(None, (parse("support@firm.example"),))},
    # two mails may have one text
    "Message-ID": {"header": Header(person(), (), (), "Help", "other@customer.example")},
}


@pytest.mark.parametrize("change", DIFFERENT)
def test_a_delivery_that_differs_in_anything_is_a_new_mail(database: Database, change: str) -> None:
    accepted(database, "one")
    assert not _accept(database, replace(arrival("one"), id="two", **DIFFERENT[change])).repeated
    assert _count(database, "message") == 2


def test_a_digest_is_forgotten_after_five_days_and_not_before(database: Database) -> None:
    accepted(database, "one")
    with database.move(Move.TIDY) as unit:
        messages.forget_digests(unit, NOW + timedelta(days=5))
    assert _count(database, "digest") == 1
    with database.move(Move.TIDY) as unit:
        messages.forget_digests(unit, NOW + timedelta(days=5, seconds=1))
    assert _count(database, "digest") == 0


def test_one_mail_delivered_on_many_connections_at_once_is_accepted_once(
    database: Database, connect: Callable[[], Database]
) -> None:
    committers = [GroupCommitter(database), GroupCommitter(connect())]
    start = threading.Barrier(8)
    answers: list[Accepted] = []

    def deliver(number: int) -> None:
        value = replace(arrival("one"), id=f"one-{number}", placing=arrival("one", token=f"T{number}").placing)
        start.wait()
        done = committers[number % 2].submit(Move.ACCEPT, lambda unit: accept(unit, value))
        answers.append(done.result(timeout=PATIENCE_S))

    workers = [threading.Thread(target=deliver, args=(number,)) for number in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    for committer in committers:
        committer.close()
    assert len({answer.id for answer in answers}) == 1
    assert [answer.repeated for answer in answers].count(False) == 1
    assert _count(database, "message") == 1


def test_a_failure_anywhere_in_accept_leaves_nothing(database: Database) -> None:
    gone = replace(arrival("one"), content=content.Content(b"", 0, id=4711))  # the sweep forgot its chunks
    with pytest.raises(content.ContentMissing):
        _accept(database, gone)
    assert [_count(database, t) for t in ("message", "content", "thread", "digest", "message_key")] == [0] * 5


NASTY = "a\0b\ud800c\udcff"


def test_nul_and_lone_surrogates_in_any_text_become_replacement_characters(database: Database) -> None:
    mail = replace(
        arrival("nasty", who=author("carl@customer.example"), copied=(person("x@y.example", NASTY),)),
        header=Header(person(name=NASTY), (person(name=NASTY),), (), NASTY, NASTY),
        reason=NASTY,
        authentication=messages.to_json({"reason": NASTY}),
    )
    _accept(database, mail)
    with database.read() as unit:
        row = listing.message_by_id(unit, "nasty")
        names = {one.name for one in threads.participants(unit, row.thread_id, "customer")}
    clean = "a\ufffdb\ufffdc\ufffd"
    assert (row.subject, row.message_id, row.author_name, row.reason) == (clean,) * 4
    assert json.loads(row.authentication) == {"reason": "a\0b\ufffdc\ufffd"}
    assert clean in names


def test_a_question_with_nul_or_a_lone_surrogate_finds_nothing_and_does_no_harm(database: Database) -> None:
    with database.read() as unit:
        assert listing.message_by_id(unit, NASTY) is None
        assert threads.by_token(unit, NASTY) is None


def test_every_octet_of_content_and_stamp_is_kept(database: Database) -> None:
    everything = bytes(range(256)) * 3
    row = accepted(database, "one", content=everything, stamp=everything)
    with database.read() as unit:
        assert content.load(unit, row.content_id) == everything
    assert bytes(row.stamp).startswith(everything)


def test_stamped_puts_the_stamp_in_front_and_leaves_spans_out(database: Database) -> None:
    row = accepted(database, "one", content=b"0123456789", left_out=((0, 2), (4, 5), (9, 10)))
    assert messages.stamped(row, b"0123456789") == bytes(row.stamp) + b"235678"


def test_a_claim_leases_and_counts_and_is_given_once_until_the_lease_ends(database: Database) -> None:
    for name in ("b", "a"):
        accepted(database, name)
    with database.move(Move.CLAIM) as unit:
        assert messages.claim(unit, ["a", "b"], NOW, LEASE) == [("b", 1), ("a", 1)]
        assert messages.claim(unit, ["a", "b"], NOW, LEASE) == []
    with database.read() as unit:
        assert messages.due(unit, NOW + LEASE - timedelta(seconds=1), 10) == []
        assert messages.due(unit, NOW + LEASE, 10) == [("b", 1), ("a", 1)]
    with database.move(Move.CLAIM) as unit:
        assert messages.claim(unit, ["a"], NOW + LEASE, LEASE) == [("a", 2)]


def test_workers_that_claim_at_once_share_the_messages_out(database: Database, connect: Callable[[], Database]) -> None:
    names = [f"m{number}" for number in range(20)]
    for name in names:
        accepted(database, name)
    start = threading.Barrier(4)
    claimed: list[tuple[str, int]] = []

    def work(own: Database) -> None:
        start.wait()
        with own.move(Move.CLAIM) as unit:
            claimed.extend(messages.claim(unit, names, NOW, LEASE))

    workers = [threading.Thread(target=work, args=(connect(),)) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted(claimed) == sorted((name, 1) for name in names)


def test_a_worker_whose_lease_was_taken_over_cannot_lock_or_finish(database: Database) -> None:
    accepted(database, "one")
    with database.move(Move.CLAIM) as unit:
        messages.claim(unit, ["one"], NOW, LEASE)
    with database.move(Move.CLAIM) as unit:
        messages.claim(unit, ["one"], NOW + LEASE, LEASE)
    with database.move(Move.ROUTE) as unit:
        assert messages.lock(unit, "one", 1) is None
        row = messages.lock(unit, "one", 2)
        assert row is not None
        messages.finish(unit, row.seq, MessageState.ROUTED)
        assert messages.lock(unit, "one", 2) is None
    with database.read() as unit:
        assert listing.message_by_id(unit, "one").due_at is None
        assert messages.attempts_of(unit, ["one"]) == []


def test_mail_waits_for_an_earlier_one_of_its_thread(database: Database) -> None:
    first = accepted(database, "one")
    key = threads.key_of("one@customer.example")
    second = accepted(database, "two", pointers=(threads.Pointer(key=key),))
    assert second.thread_id == first.thread_id
    with database.move(Move.ROUTE) as unit:
        assert messages.has_unfinished_before(unit, second.thread_id, second.seq)
        assert not messages.has_unfinished_before(unit, first.thread_id, first.seq)
        messages.finish(unit, first.seq, MessageState.ROUTED)
        assert not messages.has_unfinished_before(unit, second.thread_id, second.seq)


def test_putting_back_does_not_count_the_attempt(database: Database) -> None:
    accepted(database, "one")
    with database.move(Move.CLAIM) as unit:
        messages.claim(unit, ["one"], NOW, LEASE)
        messages.put_back(unit, "one", NOW + timedelta(seconds=1))
    with database.read() as unit:
        assert messages.due(unit, NOW, 10) == []
        assert messages.due(unit, NOW + timedelta(seconds=1), 10) == [("one", 0)]
