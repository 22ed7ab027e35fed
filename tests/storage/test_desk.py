# SPDX-License-Identifier: Apache-2.0
"""The desk: applied, told line by line, exported back."""

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage import blocks, contacts, desk, desk_version, lists
from storage.address import parse
from storage.blocks import Block
from storage.database import Database
from storage.desk_values import Agent, Contact, Desk, Policy, RoutingAddress, SenderList, Team
from storage.states import Move
from tests.storage.given import NOW, applied, the_desk
from tests.support import stores

BASE = the_desk()
SALES = Team("sales", "Firm Sales", parse("sales@firm.example"))


def test_applying_twice_changes_nothing_and_counts_no_version(database: Database) -> None:
    lines = applied(database)
    assert lines == [
        "team support: added",
        "agent ann: added",
        "agent bob: added",
        "agent ann: teams changed",
        "agent bob: teams changed",
        "address support@firm.example: added",
        "contact Carl Customer: added",
    ]
    assert applied(database) == []
    with database.read() as unit:
        assert desk_version.version(unit) == desk.snapshot(unit).version == 1
        assert desk.export(unit) == BASE


CHANGES = {
    "a team's name": (
        replace(BASE, teams=(replace(BASE.teams[0], display_name="Help"),)),
        ["team support: display_name changed"],
    ),
    "a new team": (replace(BASE, teams=(*BASE.teams, SALES)), ["team sales: added"]),
    "an agent who leaves": (replace(BASE, agents=BASE.agents[:1]), ["agent bob: retired"]),
    "an agent's address and signature": (
        replace(BASE, agents=(replace(BASE.agents[0], address=parse("a@b.example"), signature="A"), BASE.agents[1])),
        ["agent ann: address, signature changed"],
    ),
    "an agent without a team": (
        replace(BASE, agents=(BASE.agents[0], replace(BASE.agents[1], teams=()))),
        ["agent bob: teams changed"],
    ),
    "an address's policy": (
        replace(BASE, addresses=(replace(BASE.addresses[0], policy=Policy("known_contacts", "discard")),)),
        ["address support@firm.example: accept_from, others changed"],
    ),
    "more of an address's policy": (
        replace(
            BASE, addresses=(replace(BASE.addresses[0], policy=Policy(max_size=1000, lists=(), rate_total="1/s")),)
        ),
        ["address support@firm.example: lists, max_size, rate_total changed"],
    ),
    "the desk's policy": (
        replace(BASE, policy=Policy("authenticated", dmarc_none="quarantine", forbid_attachments=(".exe",))),
        ["policy: accept_from, dmarc_none, forbid_attachments changed"],
    ),
    "a list": (
        replace(BASE, lists=(SenderList("partners", ("@partner.example",)),)),
        ["list partners: added", "list partners: @partner.example added"],
    ),
    "a block": (replace(BASE, blocks=(Block("@spam.example", "why"),)), ["block @spam.example: added"]),
    "an address no more": (replace(BASE, addresses=()), ["address support@firm.example: retired"]),
    "a contact's name": (
        replace(BASE, contacts=(Contact("Charles", BASE.contacts[0].addresses),)),
        ["contact Charles: changed"],
    ),
    "a contact's second address": (
        replace(BASE, contacts=(Contact("Carl Customer", (*BASE.contacts[0].addresses, parse("c2@x.example"))),)),
        ["contact Carl Customer: changed"],
    ),
    "a contact no more": (
        replace(BASE, contacts=()),
        ["contact Carl Customer: carl@customer.example removed"],
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_each_change_is_told_in_one_line_and_can_be_taken_back(database: Database, change: str) -> None:
    changed, lines = CHANGES[change]
    applied(database)
    assert applied(database, changed) == lines
    assert applied(database, changed) == []
    assert len(applied(database)) == 1
    with database.read() as unit:
        assert desk_version.version(unit) == 3


def test_a_retired_agent_is_out_of_force_and_comes_back_with_presence_and_password(database: Database) -> None:
    applied(database)
    with database.move(Move.PRESENCE) as unit:
        assert desk.set_presence(unit, "ann", "away")
        assert desk.set_password_hash(unit, "ann", "secret")
        assert not desk.set_presence(unit, "nobody", "away")
        assert not desk.set_password_hash(unit, "nobody", "secret")
    applied(database, replace(BASE, agents=BASE.agents[1:]))
    with database.move(Move.PRESENCE) as unit:
        assert list(desk.snapshot(unit).agents) == ["bob"]
        assert desk.password_hash(unit, "ann") is None
        assert not desk.set_presence(unit, "ann", "available")
    assert applied(database) == ["agent ann: taken back"]
    with database.read() as unit:
        assert desk.presences(unit) == {"ann": "away", "bob": "available"}
        assert desk.password_hash(unit, "ann") == "secret"


def test_a_contact_confirmed_by_a_reply_stays_whatever_the_file_says(database: Database) -> None:
    applied(database)
    with database.move(Move.SUBMIT) as unit:
        for _ in range(2):
            contacts.confirm_contact(unit, "Dora", "Dora@other.example")
        contacts.confirm_contact(unit, "other name", "carl@customer.example")
    assert applied(database) == []
    with database.read() as unit:
        exported = desk.export(unit)
        assert contacts.is_known_contact(unit, "dora@other.example")
        assert contacts.contact_name(unit, "dora@other.example") == "Dora"
        assert contacts.contact_name(unit, "carl@customer.example") == "Carl Customer"
        assert contacts.contact_name(unit, "nobody@other.example") == ""
    assert applied(database, exported) == []
    applied(database)
    with database.read() as unit:
        assert contacts.is_known_contact(unit, "dora@other.example")


_WORDS = st.text("abcdefgh", min_size=1, max_size=6)
_ADDRESSES = st.builds(lambda local, host: parse(f"{local}@{host}.example"), _WORDS, _WORDS)
_TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20)


@st.composite
def _desks(draw: st.DrawFn) -> Desk:
    names = draw(st.lists(_WORDS, min_size=1, max_size=3, unique=True))
    teams = tuple(Team(name, draw(_TEXT), draw(_ADDRESSES)) for name in names)
    logins = draw(st.lists(_WORDS, max_size=3, unique=True))
    some = st.lists(st.sampled_from(names), unique=True).map(lambda chosen: tuple(sorted(chosen, key=names.index)))
    agents = tuple(Agent(login, draw(_TEXT), draw(_ADDRESSES), draw(some), draw(_TEXT)) for login in logins)
    feeding = draw(st.lists(_ADDRESSES, max_size=3, unique=True))
    addresses = tuple(
        RoutingAddress(one, draw(st.sampled_from(names)), verified=draw(st.booleans()), acknowledge=draw(_TEXT))
        for one in feeding
    )
    known = draw(st.lists(_ADDRESSES, max_size=4, unique=True))
    contacts = tuple(Contact(draw(_TEXT), (one,)) for one in known)
    return Desk(teams, agents, addresses, contacts)


@given(_desks())
@settings(max_examples=30)
def test_what_is_applied_to_a_fresh_store_is_exported_as_it_was(wanted: Desk) -> None:
    with TemporaryDirectory() as directory:
        url = f"sqlite:///{Path(directory) / 'casegate.db'}"
        stores.prepare(url)
        database = Database(url)
        applied(database, wanted)
        with database.read() as unit:
            assert desk.export(unit) == wanted
        assert applied(database, wanted) == []
        applied(database, BASE)
        applied(database, wanted)
        assert applied(database, wanted) == []
        database.close()


def test_an_address_that_an_agent_once_had_stays_private_until_a_contact_has_it(database: Database) -> None:
    applied(database)
    moved = replace(BASE.agents[0], address=parse("ann@new.example"))
    applied(database, replace(BASE, agents=(moved,)))
    with database.read() as unit:
        past = desk.snapshot(unit).past_addresses
    assert past == tuple(sorted(one.address.key for one in BASE.agents))
    back = Contact("Ann", (BASE.agents[0].address,))
    applied(database, replace(BASE, agents=(moved,), contacts=(*BASE.contacts, back)))
    with database.read() as unit:
        assert desk.snapshot(unit).past_addresses == (BASE.agents[1].address.key,)


def test_a_list_that_was_retired_comes_back_with_what_commands_added(database: Database) -> None:
    named = replace(BASE, lists=(SenderList("partners", ("@partner.example",)),))
    applied(database, named)
    with database.move(Move.APPLY) as unit:
        assert lists.add(unit, "partners", "@new.example", NOW)
        assert lists.remove(unit, "partners", "@partner.example").source == "file"
        with pytest.raises(LookupError):
            lists.add(unit, "friends", "@new.example", NOW)
    applied(database)
    with database.read() as unit:
        assert desk.snapshot(unit).lists == {}
    assert applied(database, named) == ["list partners: taken back", "list partners: @partner.example added"]
    with database.read() as unit:
        assert desk.snapshot(unit).lists["partners"].entries == {"@new.example", "@partner.example"}


def test_every_change_of_a_block_or_list_is_a_new_version(database: Database) -> None:
    """By which each process learns within a second that the desk is another one."""
    applied(database, replace(BASE, lists=(SenderList("partners"),)))
    seen = []
    for change in (
        lambda unit: blocks.add(unit, "192.0.2.0/24", "", NOW),
        lambda unit: blocks.remove(unit, "192.0.2.0/24"),
        lambda unit: lists.add(unit, "partners", "x@y.example", NOW),
        lambda unit: lists.remove(unit, "partners", "x@y.example"),
    ):
        with database.move(Move.APPLY) as unit:
            assert change(unit)
            assert not change(unit)  # done before
            seen.append(desk_version.version(unit))
    assert seen == [2, 3, 4, 5]
