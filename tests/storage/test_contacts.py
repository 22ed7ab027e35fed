# SPDX-License-Identifier: Apache-2.0
"""Contacts in the store: who they are through every change of the desk file, and two made one."""

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import func, select, update

from storage import accounts, cases, contact_merges, contact_story, contacts, desk, migrate, threads
from storage.address import parse
from storage.case_values import Account
from storage.cases import Opening
from storage.database import Database, Unit
from storage.desk_values import Contact, Desk
from storage.schema_cases import case
from storage.schema_desk import contact
from storage.states import Move
from tests.storage.given import NOW, applied, the_desk

CARL, HOME, DORA = "carl@customer.example", "carl@home.example", "dora@other.example"
FIRM = Account("Customer Ltd", ("customer.example",))


def with_contacts(*wanted: Contact, **changes: Any) -> Desk:
    return replace(the_desk(), contacts=wanted, **changes)


def a_contact(*addresses: str, name: str = "Carl Customer", **facts: str) -> Contact:
    return Contact(name, tuple(map(parse, addresses)), **facts)


def opened(unit: Unit, token: str, address: str) -> int:
    """A case of an author for whom somebody vouched."""
    contact_id = contacts.of_author(unit, "By Mail", address)
    thread_id = threads.make(unit, token, NOW)
    opening = Opening(thread_id, token, cases.some_team(unit), "support", "By Mail", address, "", "Help")
    return int(cases.make(unit, replace(opening, contact_id=contact_id), NOW).number)


def contact_of(unit: Unit, number: int) -> Any:
    return unit.execute(
        select(contact).join(case, case.c.contact_id == contact.c.id).where(case.c.number == number)
    ).one()


@pytest.fixture
def number(database: Database) -> int:
    """A case of Carl's, who is in the desk file."""
    applied(database)
    with database.move(Move.ROUTE) as unit:
        return opened(unit, "T1", CARL)


# What the file says then; the name of the case's contact, and whether it is still the same one.
SAME = {
    "another name": ((a_contact(CARL, name="Charles"),), "Charles"),
    "a second address": ((a_contact(CARL, HOME),), "Carl Customer"),
    "another contact before them": ((a_contact(DORA, name="Dora"), a_contact(CARL)), "Carl Customer"),
    "another name and a second address": ((a_contact(HOME, CARL, name="Charles"),), "Charles"),
    "a language": ((a_contact(CARL, language="de"),), "Carl Customer"),
    "no more": ((), "Carl Customer"),
}


@pytest.mark.parametrize("change", SAME)
def test_a_case_keeps_its_contact_through_a_change_of_the_file(database: Database, number: int, change: str) -> None:
    wanted, name = SAME[change]
    with database.read() as unit:
        before = contact_of(unit, number).id
    applied(database, with_contacts(*wanted))
    with database.read() as unit:
        found = contact_of(unit, number)
        assert (found.id, found.name) == (before, name)
        assert contacts.is_known_contact(unit, CARL) == bool(wanted)
    assert applied(database, with_contacts(*wanted)) == []
    applied(database)
    with database.read() as unit:
        assert contact_of(unit, number).id == before
        assert contacts.is_known_contact(unit, CARL)


def test_a_contact_that_the_file_divides_is_two_and_each_case_goes_with_its_address(database: Database) -> None:
    applied(database, with_contacts(a_contact(CARL, HOME)))
    with database.move(Move.ROUTE) as unit:
        numbers = [opened(unit, f"T{at}", address) for at, address in enumerate((CARL, HOME))]
        assert len({contact_of(unit, one).id for one in numbers}) == 1
    applied(database, with_contacts(a_contact(HOME, name="Carla"), a_contact(CARL)))
    with database.read() as unit:
        assert [contact_of(unit, one).name for one in numbers] == ["Carl Customer", "Carla"]
    applied(database, with_contacts(a_contact(CARL, HOME)))
    with database.read() as unit:
        assert [contact_of(unit, one).name for one in numbers] == ["Carl Customer", "Carl Customer"]
        assert unit.execute(select(func.count()).select_from(contact)).scalar() == 1


def test_who_is_without_cases_leaves_nothing_behind(database: Database) -> None:
    applied(database, with_contacts(a_contact(CARL), a_contact(DORA, name="Dora")))
    applied(database, with_contacts())
    with database.read() as unit:
        assert unit.execute(select(func.count()).select_from(contact)).scalar() == 0


def test_language_and_account_of_the_file_come_in_and_go_out(database: Database) -> None:
    said = with_contacts(a_contact(CARL, language="de", account="Customer Ltd"), accounts=(FIRM,))
    applied(database, said)
    with database.read() as unit:
        assert desk.export(unit).contacts == said.contacts
    assert applied(database, said) == []
    silent = with_contacts(a_contact(CARL), accounts=(FIRM,))
    assert applied(database, silent) == ["contact Carl Customer: changed"]
    with database.read() as unit:
        assert desk.export(unit).contacts == silent.contacts


def test_an_account_given_by_hand_stays_where_the_file_says_nothing(database: Database) -> None:
    silent = with_contacts(a_contact(DORA, name="Dora"), a_contact(CARL), accounts=(FIRM, Account("Other Ltd")))
    applied(database, silent)
    with database.move(Move.APPLY) as unit:
        row = contacts.by_key(unit, DORA)
        accounts.set_by_hand(unit, row.id, accounts.id_of(unit, "Customer Ltd"))
        assert [one.name for one in contact_story.of_account(unit, "Customer Ltd")] == ["Carl Customer", "Dora"]
    assert applied(database, silent) == []
    with database.read() as unit:
        assert desk.export(unit).contacts[0].account == "Customer Ltd"
        exported = desk.export(unit)
    assert applied(database, exported) == []
    said = with_contacts(a_contact(DORA, name="Dora", account="Other Ltd"), a_contact(CARL), accounts=silent.accounts)
    applied(database, said)
    with database.read() as unit:
        assert contact_story.one(unit, row.id).account == "Other Ltd"


def test_an_account_is_by_domain_by_hand_or_none(database: Database) -> None:
    applied(database, with_contacts(a_contact(DORA, name="Dora"), accounts=(FIRM,)))
    with database.move(Move.ROUTE) as unit:
        by_mail = contacts.of_author(unit, "By Mail", CARL)
        sub = contacts.of_author(unit, "Sub", "x@sub.customer.example")
        shown = {one.name: (one.account, one.account_by, one.is_known) for one in contact_story.contacts(unit, 10)}
    assert shown == {
        "By Mail": ("Customer Ltd", "domain", False),
        "Sub": ("", "", False),
        "Dora": ("", "", True),
    }
    assert by_mail != sub


def test_what_mail_alone_brought_is_no_known_contact_and_no_file_has_it(database: Database) -> None:
    applied(database)
    with database.move(Move.ROUTE) as unit:
        first, second = (contacts.of_author(unit, "Dora", DORA) for _ in range(2))
        assert first == second
        assert not contacts.is_known_contact(unit, DORA)
        assert DORA not in {str(address) for one in desk.export(unit).contacts for address in one.addresses}
        assert contacts.confirm_contact(unit, "Dora", DORA) == first
        assert contacts.is_known_contact(unit, DORA)
        assert DORA in {str(address) for one in desk.export(unit).contacts for address in one.addresses}


def test_who_was_an_agent_stays_private_though_they_write_to_us(database: Database) -> None:
    applied(database)
    moved = replace(the_desk().agents[0], address=parse("ann@new.example"))
    applied(database, replace(the_desk(), agents=(moved, the_desk().agents[1])))
    with database.move(Move.ROUTE) as unit:
        contacts.of_author(unit, "Ann", str(the_desk().agents[0].address))
        assert desk.snapshot(unit).past_addresses == (the_desk().agents[0].address.key,)


def test_two_contacts_made_one_and_parted_again(database: Database) -> None:
    applied(database, with_contacts(a_contact(CARL), accounts=(FIRM,)))
    with database.move(Move.CHANGE) as unit:
        numbers = [opened(unit, "T1", CARL), opened(unit, "T2", HOME)]
        carl, home = (contacts.by_key(unit, key).id for key in (CARL, HOME))
        contacts.learn_language(unit, home, "de")
        moved = contact_merges.merge(unit, (HOME, CARL), "operator:root", NOW)
        assert (moved.addresses, moved.cases) == ((HOME,), (numbers[1],))
        assert {contact_of(unit, one).id for one in numbers} == {carl}
        assert contact_story.one(unit, carl).language == ""  # the desk file's word
        assert not contacts.is_known_contact(unit, HOME)  # a merge lets nobody in
        assert contact_merges.merge(unit, (CARL, HOME), "operator:root", NOW) is None
        later = opened(unit, "T3", HOME)
        assert contact_of(unit, later).id == carl
    assert applied(database, with_contacts(a_contact(CARL), accounts=(FIRM,))) == []
    with database.move(Move.CHANGE) as unit:
        parted = contact_merges.unmerge(unit, HOME, "operator:root", NOW)
        assert parted.cases == (numbers[1], later)
        assert [contact_of(unit, one).id for one in (*numbers, later)] == [carl, home, home]
        assert contact_merges.unmerge(unit, HOME, "operator:root", NOW) is None
        told = [one.kind for one in cases.timeline(unit, cases.lock_number(unit, numbers[1]).id)]
        assert told == ["contact", "contact"]


def test_merges_in_a_row_are_undone_the_last_one_first(database: Database) -> None:
    applied(database, with_contacts())
    with database.move(Move.CHANGE) as unit:
        ids = [contacts.of_author(unit, key, key) for key in (CARL, HOME, DORA)]
        contacts.learn_language(unit, ids[0], "de")
        contact_merges.merge(unit, (CARL, HOME), "operator:root", NOW)
        assert contact_story.one(unit, ids[1]).language == "de"
        contact_merges.merge(unit, (HOME, DORA), "operator:root", NOW)
        where = [contacts.by_key(unit, key).id for key in (CARL, HOME, DORA)]
        assert where == [ids[2]] * 3
        contact_merges.unmerge(unit, CARL, "operator:root", NOW)
        assert [contacts.by_key(unit, key).id for key in (CARL, HOME, DORA)] == [ids[1], ids[1], ids[2]]
        contact_merges.unmerge(unit, CARL, "operator:root", NOW)
        assert [contacts.by_key(unit, key).id for key in (CARL, HOME, DORA)] == ids
        assert [contact_story.one(unit, one).language for one in ids] == ["de", "", ""]


def test_a_name_that_no_desk_file_takes_is_mended(database: Database) -> None:
    applied(database)
    with database.move(Move.SUBMIT) as unit:
        contacts.confirm_contact(unit, "", DORA)
        contacts.confirm_contact(unit, "x\r\ny" + "z" * 500, HOME)
        names = {str(one.addresses[0]): one.name for one in desk.export(unit).contacts}
    assert names[DORA] == DORA
    assert names[HOME] == "xy" + "z" * 198


def test_a_case_is_in_no_history_where_only_a_from_line_says_so(database: Database, number: int) -> None:
    with database.move(Move.ROUTE) as unit:
        forged = opened(unit, "T2", CARL)
        unit.execute(update(case).where(case.c.number == forged).values(contact_id=None))
        carl = contacts.by_key(unit, CARL).id
        assert [one.number for one in contact_story.history(unit, carl, 10)] == [number]


def test_jobs_that_meet_one_author_at_once_make_one_contact(connect: Callable[[], Database]) -> None:
    migrate.ready(connect())
    start, failures = threading.Barrier(2), []

    def write(own: Database) -> None:
        start.wait()
        try:
            for at in range(10):
                with own.move(Move.ROUTE) as unit:
                    contacts.of_author(unit, "Carl", f"carl{at}@customer.example")
        except Exception as error:
            failures.append(error)

    workers = [threading.Thread(target=write, args=(connect(),)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert failures == []
    with connect().read() as unit:
        assert unit.execute(select(func.count()).select_from(contact)).scalar() == 10
