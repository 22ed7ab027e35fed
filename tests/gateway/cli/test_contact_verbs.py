# SPDX-License-Identifier: Apache-2.0
"""The verbs of contacts and accounts, over cases that real mail has made."""

from dataclasses import replace

import pytest

from storage.case_values import Account
from storage.desk_values import Contact
from tests.gateway.cli.conftest import Installation
from tests.support.office import CARL, DESK, World, mail, parse

HOME = "carl@home.example"


@pytest.fixture
def office(installation: Installation, world: World) -> Installation:
    """Carl has written twice from work and once from home; somebody has written in his name."""
    firm = Account("Customer Ltd", ("customer.example",))
    world.apply(replace(DESK, accounts=(firm,), contacts=(Contact("Carl Customer", (parse(CARL),)),)))
    world.carl(subject="Printer on fire")
    world.carl(subject="Another matter")
    world.carl(author=f"Carl <{HOME}>", subject="From home")
    world.receive(mail(subject="Forged"))
    installation.out("case", "close", "2")
    return installation


def test_contacts_are_listed_with_what_we_know_of_them(office: Installation) -> None:
    home, work = office.json("contact", "list")
    assert work == {
        "name": "Carl Customer",
        "addresses": [CARL],
        "known": True,
        "known_addresses": [CARL],
        "language": "",
        "account": "Customer Ltd",
        "account_by": "domain",
        "source": "desk",
    }
    assert (home["name"], home["known"], home["account"], home["source"]) == ("Carl", False, None, "mail")
    assert all(len(line) <= 80 for line in office.out("contact", "list").splitlines())


def test_a_contact_is_shown_with_their_cases_and_with_none_that_only_bears_their_name(office: Installation) -> None:
    shown = office.json("contact", "show", CARL.upper())
    assert [one["subject"] for one in shown["open"]] == ["Printer on fire"]
    assert [(one["number"], one["status"]) for one in shown["past"]] == [(2, "closed")]
    assert shown["open"][0]["last_mail_at"].startswith("2026-11-22T12:")
    page = office.out("contact", "show", CARL)
    assert "Customer Ltd (by domain)" in page
    assert "Printer on fire" in page
    assert "Forged" not in page
    assert [office.json("case", "show", number)["contact_verified"] for number in ("1", "4")] == [True, False]
    assert f"{CARL} (unverified)" in office.out("case", "show", "4")
    assert all(len(line) <= 80 for line in page.splitlines())


def test_two_contacts_become_one_and_are_parted_by_one_command(office: Installation) -> None:
    merged = office.json("contact", "merge", HOME, CARL)
    assert merged == {
        "from": f"Carl <{HOME}>",
        "into": f"Carl Customer <{CARL}>",
        "addresses": [HOME],
        "cases": [3],
        "left": [],
    }
    assert [one["number"] for one in office.json("contact", "show", HOME)["open"]] == [3, 1]
    told = office.json("case", "show", "3")["timeline"][-1]
    assert (told["kind"], told["before"], told["after"]) == ("contact", merged["from"], merged["into"])
    assert told["actor"].startswith("operator:")
    office.refused(2, "contact", "merge", HOME, CARL)
    assert "cases" in office.out("contact", "unmerge", HOME)
    assert [one["number"] for one in office.json("contact", "show", HOME)["open"]] == [3]
    office.refused(1, "contact", "unmerge", HOME)


def test_accounts_are_shown_with_their_people_and_cases(office: Installation) -> None:
    assert office.json("account", "list") == [{"name": "Customer Ltd", "domains": ["customer.example"]}]
    shown = office.json("account", "show", "Customer Ltd")
    assert [one["name"] for one in shown["contacts"]] == ["Carl Customer"]
    assert [one["number"] for one in shown["cases"]] == [2, 1]
    assert office.out("account", "set", HOME, "Customer Ltd") == "contact Carl: account Customer Ltd (by hand)\n"
    shown = office.json("account", "show", "Customer Ltd")
    assert [one["number"] for one in shown["cases"]] == [3, 2, 1]
    page = office.out("account", "show", "Customer Ltd")
    assert "From home" in page
    assert all(len(line) <= 80 for line in page.splitlines())
    assert office.out("account", "set", HOME, "") == "contact Carl: account none\n"


# Nobody of that name, and what is no address at all.
@pytest.mark.parametrize(
    ("code", "words"),
    [
        (1, ("contact", "show", "nobody@customer.example")),
        (1, ("contact", "merge", "nobody@customer.example", CARL)),
        (1, ("contact", "merge", CARL, "nobody@customer.example")),
        (1, ("contact", "unmerge", CARL)),
        (1, ("account", "show", "Nobody Ltd")),
        (1, ("account", "set", CARL, "Nobody Ltd")),
        (1, ("account", "set", "nobody@customer.example", "Customer Ltd")),
        (2, ("contact", "show", "carl")),
        (2, ("contact", "merge", CARL)),
    ],
)
def test_what_is_not_there_is_said_in_one_line(office: Installation, code: int, words: tuple[str, ...]) -> None:
    office.refused(code, *words)
