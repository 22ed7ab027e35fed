# SPDX-License-Identifier: Apache-2.0
"""Whose case a mail makes: a contact only where somebody vouches for the author, and nobody known by writing."""

from types import SimpleNamespace

import pytest

from storage import contacts
from tests.support.office import CARL, World, mail


def contact_of(world: World, case: SimpleNamespace) -> SimpleNamespace | None:
    """The contact of a case, by the address that it came from."""
    with world.database.read() as unit:
        found = contacts.by_key(unit, case.contact_address.lower())
    return found if found is not None and found.id == case.contact_id else None


def is_known(world: World, key: str = CARL) -> bool:
    with world.database.read() as unit:
        return contacts.is_known_contact(unit, key)


def test_two_cases_of_one_author_are_one_contacts_who_is_not_known_by_it(world: World) -> None:
    first, second = world.carl().case, world.carl(subject="Another matter").case
    assert first.id != second.id
    assert first.contact_id == second.contact_id == contact_of(world, first).id
    assert contact_of(world, first).name == "Carl Customer"
    assert not is_known(world)
    judged = world.judged(mail(), "held@firm.example")
    assert judged.disposition == "quarantine"  # this address takes mail of known contacts only


def test_a_from_line_attaches_no_case_to_whom_it_names(world: World) -> None:
    with world.database.read() as unit:
        assert contacts.is_known_contact(unit, "vera@known.example")
    forged = world.receive(mail("Vera Known <vera@known.example>"), sender="vera@known.example").case
    assert (forged.contact_id, forged.contact_address) == (None, "vera@known.example")
    unknown = world.receive(mail()).case
    assert unknown.contact_id is None
    with world.database.read() as unit:
        assert contacts.by_key(unit, CARL) is None


def test_an_agents_answer_gives_a_case_its_contact_and_makes_them_known(world: World) -> None:
    asked = world.receive(mail())
    assert asked.case.contact_id is None
    reply_to = world.sent("copy")[0].head.first(b"reply-to").decode()
    assert isinstance(world.reply(mail("Ann <ann.doe@private.example>", to=reply_to), reply_to), str)
    case = world.case(asked.case.number)
    assert case.contact_id == contact_of(world, case).id
    assert is_known(world)


def test_the_contact_of_a_mail_that_an_agent_answers_stays_the_same(world: World) -> None:
    asked = world.carl()
    reply_to = world.sent("copy")[0].head.first(b"reply-to").decode()
    world.reply(mail("Ann <ann.doe@private.example>", to=reply_to), reply_to)
    assert world.case(asked.case.number).contact_id == asked.case.contact_id
    assert is_known(world)
    assert contact_of(world, world.case(asked.case.number)).source == "reply"


# An auto-reply is a machine's; a colleague is no customer.
@pytest.mark.parametrize(
    ("author", "fields"),
    [
        ("Robot <robot@customer.example>", {"auto-submitted": "auto-replied"}),
        ("Ann Doe <ann.doe@private.example>", {}),
    ],
)
def test_neither_a_machine_nor_one_of_us_becomes_a_contact(world: World, author: str, fields: dict[str, str]) -> None:
    got = world.carl(author=author, **fields)
    assert got.case is None or got.case.contact_id is None
    with world.database.read() as unit:
        assert contacts.by_key(unit, author.rpartition("<")[2].rstrip(">")) is None


# What the client says first; what is no language tag says nothing; a machine's word for the first time only.
@pytest.mark.parametrize(
    ("said", "learnt"), [("de-CH, en", "de-CH"), ("ja", "ja"), ("", ""), ("?!", ""), ("x" * 300, "")]
)
def test_a_contacts_language_is_learnt_from_their_first_mail(world: World, said: str, learnt: str) -> None:
    case = world.carl(**{"content-language": said}).case
    assert contact_of(world, case).language == learnt
    if learnt:
        world.carl(**{"content-language": "fr"})
        assert contact_of(world, case).language == learnt


def test_the_language_of_the_desk_file_is_not_guessed_at(world: World) -> None:
    case = world.carl(author="Vera Known <vera@known.example>", **{"content-language": "de"}).case
    assert contact_of(world, case).source == "desk"
    assert contact_of(world, case).language == ""


# From of a first and a second mail of one author: the name that their second case has, and the contact then.
NAMED = [
    (f"Carl Customer <{CARL}>", CARL, "Carl Customer", "Carl Customer"),  # known by name, whatever this mail says
    (CARL, CARL, "", CARL),
    (CARL, f"Carl Customer <{CARL}>", "Carl Customer", "Carl Customer"),  # the name comes later
    (f"Carl Customer <{CARL}>", f"C. Customer <{CARL}>", "C. Customer", "Carl Customer"),  # the first name stays
    (f"Carl <{CARL}>", f'"boss@firm.example" <{CARL}>', "boss@firm.example", "Carl"),
]


@pytest.mark.parametrize(("first", "second", "cases_name", "contacts_name"), NAMED)
def test_a_contact_has_a_name_as_soon_as_one_is_known(
    world: World, first: str, second: str, cases_name: str, contacts_name: str
) -> None:
    world.carl(author=first)
    case = world.carl(author=second, subject="Another matter").case
    assert (case.contact_name, contact_of(world, case).name) == (cases_name, contacts_name)


def test_the_desk_names_its_contacts(world: World) -> None:
    vera = world.carl(author="vera@known.example", subject="One").case
    assert vera.contact_name == "Vera Known"
    world.carl(author="V. <vera@known.example>", subject="Two")
    assert contact_of(world, vera).name == "Vera Known"
