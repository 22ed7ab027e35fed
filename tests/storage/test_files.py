# SPDX-License-Identifier: Apache-2.0
"""Comments, files and the case team in the store: files once by their hash, members once by agent."""

import threading
from collections.abc import Callable

from sqlalchemy import func, select

from storage import cases, comments, content, desk, files, members, threads
from storage.cases import Opening
from storage.content import packed
from storage.database import Database, Unit
from storage.files import FileOfMail, NewFile
from storage.schema import content as contents
from storage.schema_cases import file
from storage.states import Move
from tests.storage.given import NOW, accepted, applied

PLAN = b"%PDF-1.4 the plan"


def new_file(name: str = "plan.pdf", octets: bytes = PLAN) -> NewFile:
    return NewFile(name, "application/pdf", packed(octets))


def opened(unit: Unit, thread_id: int, token: str) -> int:
    opening = Opening(thread_id, token, cases.some_team(unit), "support", "Carl", "carl@customer.example", "", "Help")
    return int(cases.make(unit, opening, NOW).id)


def count(database: Database) -> tuple[int, int]:
    """(files, contents)."""
    with database.read() as unit:
        return tuple(unit.execute(select(func.count()).select_from(one)).scalar() for one in (file, contents))


def test_a_file_that_stands_in_many_places_is_kept_once_and_listed_with_all(database: Database) -> None:
    applied(database)
    mail = accepted(database, "m1")
    found = [FileOfMail("plan.pdf", "application/pdf", len(PLAN), packed(PLAN).sha256), FileOfMail("", "a/b", 0, b"x")]
    with database.move(Move.EDIT) as unit:
        case_id = opened(unit, mail.thread_id, "TOKEN-m1")
        for _ in range(2):
            files.index(unit, mail.seq, found)
        for name in ("copy.pdf", "again.pdf"):
            comments.add(unit, (case_id, "agent:ann", "See this."), [new_file(name), new_file()], NOW)
        rows = files.of_cases(unit, [case_id])
        names = sorted(row.name for row in rows if bytes(row.sha256) == packed(PLAN).sha256)
        assert names == ["again.pdf", "copy.pdf", "plan.pdf", "plan.pdf", "plan.pdf"]
        assert {row.message for row in rows} == {"m1", None}
        assert len({row.comment for row in rows}) == 3
        content_id, _ = files.content_of(unit, packed(PLAN).sha256)
        assert content.load(unit, content_id) == PLAN
        assert list(files.mails_with(unit, packed(PLAN).sha256)) == [(mail.content_id, "plan.pdf")]
        assert files.content_of(unit, b"x") is None
    assert count(database) == (1, 2)


def test_two_who_keep_the_same_file_at_once_keep_it_once(connect: Callable[[], Database], database: Database) -> None:
    applied(database)
    start, failures = threading.Barrier(2), []

    def keep(own: Database) -> None:
        start.wait()
        try:
            for at in range(10):
                with own.move(Move.EDIT) as unit:
                    files.keep(unit, new_file(octets=b"%d" % at), NOW)
        except Exception as error:
            failures.append(error)

    workers = [threading.Thread(target=keep, args=(connect(),)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert failures == []
    assert count(database) == (10, 10)


def test_a_member_has_one_role_and_a_note_is_taken_once(database: Database) -> None:
    applied(database)
    with database.move(Move.EDIT) as unit:
        thread_id = threads.make(unit, "T1", NOW)
        case_id = opened(unit, thread_id, "T1")
        ann, bob = (desk.snapshot(unit).agents[login].id for login in ("ann", "bob"))
        for role in ("helper", "manager"):
            members.put(unit, case_id, ann, role)
        members.put(unit, case_id, bob, "helper")
        assert members.roles(unit, case_id) == {ann: "manager", bob: "helper"}
        members.remove(unit, case_id, bob)
        assert list(members.by_login(unit, case_id)) == ["ann"]
        members.notify(unit, case_id, ann, {"actor": "casegate"}, NOW)
        (noted,) = members.notices(unit, 10)
    with database.move(Move.TELL) as unit:
        assert members.take_notice(unit, noted).agent_id == ann
        assert members.take_notice(unit, noted) is None
    with database.read() as unit:
        assert members.notices(unit, 10) == []
