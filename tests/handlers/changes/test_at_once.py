# SPDX-License-Identifier: Apache-2.0
"""Mail for several cases is taken, routed, answered and delivered while they are merged, split, moved and undone."""

import json
import logging
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from types import SimpleNamespace

import pytest
from sqlalchemy import select, text

from handlers import intake, proof
from handlers.answered import answered
from storage import cases, contact_merges, messages, threads
from storage import replies as reply_store
from storage.commit_group import GroupCommitter
from storage.content import packed
from storage.messages import Arrival, thread_stamp
from storage.schema import message, outbox, thread
from storage.schema_cases import case, case_event
from storage.states import Move
from tests.handlers.changes.crowd import Crowd
from tests.handlers.changes.hands import Hands
from tests.support.office import CARL, mail, sign
from tests.support.waiting import PATIENCE_S, wait_until

AUTHORS = (CARL, "cora@customer.example", "dora@other.example", "dirk@other.example")
MAILS, REPLIES, CHANGES = 8, 12, 16


def test_nothing_is_lost_doubled_or_torn_by_changes_at_the_same_time(hands: Hands, caplog: pytest.LogCaptureFixture):
    firsts = [hands.write(author) for author in AUTHORS]
    replies = [hands.answer(first) for first in firsts]
    crowd = Crowd(hands)
    with caplog.at_level(logging.ERROR), ThreadPoolExecutor(6) as people:
        work = [people.submit(crowd.operator, seed, CHANGES) for seed in (1, 2)]
        work += [people.submit(crowd.customer, *pair, MAILS) for pair in zip(AUTHORS[:3], replies[:3], strict=True)]
        work.append(people.submit(crowd.agent, firsts, REPLIES))
        for one in work:
            one.result()
    crowd.finish()
    crowd.close()
    assert [record.getMessage() for record in caplog.records if "could not be routed" in record.getMessage()] == []
    assert len(crowd.accepted) == len(set(crowd.accepted)) == 3 * MAILS
    assert len(crowd.made) >= CHANGES // 2  # the test would show nothing if most were refused
    check(hands, crowd.accepted + [first.id for first in firsts])


def check(hands: Hands, accepted: list[str]) -> None:
    """Every mail is once in one living case, and all that speaks of it agrees."""
    with hands.database.read() as unit:
        all_cases = {row.id: row for row in unit.execute(select(case))}
        all_threads = {row.id: row for row in unit.execute(select(thread))}
        mails = list(unit.execute(select(message)))
        sent = list(unit.execute(select(outbox).where(outbox.c.message_seq.is_not(None))))
        events = [row for row in unit.execute(select(case_event)) if row.kind in ("message", "reply")]
    inbound = {row.id: row for row in mails if row.direction == "inbound"}
    assert sorted(inbound) == sorted(accepted)
    assert {row.state for row in inbound.values()} == {"routed"}
    assert len(mails) - len(inbound) == REPLIES + len(AUTHORS)
    place = {row.seq: row.thread_id for row in mails}
    assert {row.thread_id for row in sent if row.thread_id != place[row.message_seq]} == set()
    for row in mails:
        assert all_cases[all_threads[row.thread_id].case_id].merged_into_id is None
        assert row.direction == "outbound" or thread_stamp(all_threads[row.thread_id].token) in bytes(row.stamp)
    filled = {row.case_id for row in all_threads.values()}
    assert {row.number for row in all_cases.values() if row.merged_into_id is None and row.id not in filled} == set()
    assert sorted(row.number for row in all_cases.values()) == list(range(1, len(all_cases) + 1))
    assert Counter(json.loads(row.detail)["message"] for row in events) == Counter(row.id for row in mails)
    copies = Counter((row.message_seq, row.agent_id) for row in sent if row.kind == "copy")
    assert {key: count for key, count in copies.items() if count > 1} == {}
    for row in inbound.values():
        assert copies[row.seq, all_cases[all_threads[row.thread_id].case_id].owner_id] == 1


def test_a_reply_that_was_made_before_a_merge_is_filed_after_it(hands: Hands):
    hands.write(CARL)
    two = hands.write(CARL)
    made = hands.begin_reply(two)
    hands.merge(2, 1)
    with hands.database.move(Move.SUBMIT) as unit:
        done = reply_store.submit(unit, made, answered(hands.office.desk))
    assert hands.message(done.id).case.number == 1
    assert hands.told(1, "reply")[0][1]["message"] == done.id
    assert (hands.case(1).status, hands.case(2).status) == ("pending", "closed")


_BLOCKED = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()")


@pytest.mark.postgres
def test_a_deadlock_with_a_job_costs_neither_of_them_anything(postgres_url: str):
    hands = Hands(postgres_url)
    one, two = hands.write(CARL), hands.write(CARL)
    begun, runs, committer = Event(), [], GroupCommitter(hands.database)

    def job(unit: object) -> None:
        """Locks the wrong way round, as jobs of one commit group may: a case, then a thread of another."""
        runs.append(unit)
        cases.lock(unit, one.case.id)
        begun.set()
        if len(runs) == 1:
            wait_until(lambda: blocked(hands), "the merge to wait for the case")
        threads.lock(unit, two.thread_id)

    worked = committer.submit(Move.ROUTE, job)
    assert begun.wait(PATIENCE_S)
    hands.merge(2, 1)
    assert worked.exception() is None
    assert hands.message(two.id).case.number == 1
    committer.close()
    hands.close()


@pytest.mark.postgres
def test_two_merges_of_contacts_wait_for_each_other_in_one_order(postgres_url: str):
    """By the contacts' numbers: the one made first is locked first, whatever its address is."""
    hands = Hands(postgres_url)
    first, second = (hands.write(author).case.contact_id for author in ("zoe@other.example", "abe@other.example"))
    assert first < second
    with ThreadPoolExecutor(1) as people:
        with hands.database.move(Move.CHANGE) as unit:
            unit.execute(_LOCK_CONTACT, {"i": first})
            merged = people.submit(merge_contacts, hands, "abe@other.example", "zoe@other.example")
            wait_until(lambda: blocked(hands), "the other to wait for the first contact")
            unit.execute(_LOCK_CONTACT, {"i": second})
        assert merged.result().cases == (2,)
    hands.close()


MAL = "mal@evil.example"


def taken_for_carl(hands: Hands, **fields: str) -> tuple[SimpleNamespace, Arrival]:
    """Carl's mail; and a mail of Mal's, who is taken for Carl, that the MX is about to accept into Carl's case."""
    carls = hands.carl()
    reply = hands.answer(carls)
    hands.write(MAL, subject="Mal's own")
    merge_contacts(hands, MAL, CARL)
    if fields:
        hands.write(MAL, in_reply_to=f"<{reply.message_id}>")
    octets = sign(mail(f"Mal <{MAL}>", in_reply_to=f"<{reply.message_id}>", **fields), "evil.example")
    return carls, intake.arrival(hands.judged(octets, sender=MAL), hands.office, packed(octets))


def accept(hands: Hands, arrival: Arrival) -> None:
    with hands.database.move(Move.ACCEPT) as unit:
        messages.accept(unit, arrival, proof.decide)


def unmerge(hands: Hands) -> contact_merges.Moved | None:
    with hands.database.move(Move.CHANGE) as unit:
        return contact_merges.unmerge(unit, MAL, "operator:root", hands.now)


@pytest.mark.postgres
def test_a_mail_that_comes_while_its_authors_contact_is_parted_finds_it_parted(postgres_url: str):
    hands = Hands(postgres_url)
    carls, arrival = taken_for_carl(hands)
    with ThreadPoolExecutor(1) as people:
        with hands.database.move(Move.CHANGE) as unit:
            assert contact_merges.unmerge(unit, MAL, "operator:root", hands.now) is not None
            accepted = people.submit(accept, hands, arrival)
            wait_until(lambda: blocked(hands) or accepted.done(), "the mail to wait for the contact")
        assert accepted.exception() is None
    hands.route()
    assert (hands.participants(carls.token), hands.message(arrival.id).case.number) == ({CARL}, 3)
    hands.close()


@pytest.mark.postgres
def test_whom_a_mail_copies_while_its_author_is_put_out_is_not_let_in(postgres_url: str):
    hands = Hands(postgres_url)
    carls, arrival = taken_for_carl(hands, cc="pal@evil.example")
    assert hands.participants(carls.token) == {CARL, MAL}
    with ThreadPoolExecutor(1) as people:
        with hands.database.move(Move.CHANGE) as unit:
            assert contact_merges.unmerge(unit, MAL, "operator:root", hands.now) is not None
            accepted = people.submit(accept, hands, arrival)
            wait_until(lambda: blocked(hands) or accepted.done(), "the mail to wait for the contact")
        assert accepted.exception() is None
    assert hands.participants(carls.token) == {CARL}
    hands.close()


@pytest.mark.postgres
def test_a_contact_that_is_parted_while_a_mail_is_accepted_through_it_lets_its_author_go(postgres_url: str):
    hands = Hands(postgres_url)
    carls, arrival = taken_for_carl(hands)
    with ThreadPoolExecutor(1) as people:
        with hands.database.move(Move.ACCEPT) as unit:
            messages.accept(unit, arrival, proof.decide)
            parted = people.submit(unmerge, hands)
            wait_until(lambda: blocked(hands) or parted.done(), "the other to wait for the mail")
        assert parted.result() is not None
    assert hands.participants(carls.token) == {CARL}
    hands.close()


def merge_contacts(hands: Hands, address: str, into: str) -> contact_merges.Moved:
    with hands.database.move(Move.CHANGE) as unit:
        made = contact_merges.merge(unit, (address, into), "operator:root", hands.now)
    assert made is not None
    return made


_LOCK_CONTACT = text("SELECT id FROM contact WHERE id = :i FOR NO KEY UPDATE")


def blocked(hands: Hands) -> bool:
    with hands.database.read() as unit:
        return bool(unit.execute(_BLOCKED).scalar())
