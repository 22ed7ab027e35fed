# SPDX-License-Identifier: Apache-2.0
"""`case list` with its filters and the desk's views; `case show` as a page."""

from dataclasses import replace

import pytest

from gateway.cli_output import cells
from gateway.clock import SystemClock
from storage import cases
from storage.address import parse
from storage.case_values import Account, Sections, View
from storage.desk_values import Contact
from storage.states import Move
from tests.support.office import CARL, DESK, World, field, mail, sign

VIEWS = (
    View("urgent", statuses=("new", "open"), priorities=("urgent",)),
    View("mine", owners=("me",)),
    View("sales", teams=("sales",)),
)


@pytest.fixture
def four_cases(world: World) -> World:
    """1: Carl's, Ann's, urgent; 2: Vera's, sales, Bob's; 3: Carl's, solved; 4: nobody's, in the queue, overdue."""
    return with_four_cases(world)


def with_four_cases(world: World) -> World:
    vera = replace(DESK.contacts[0], account="Known Ltd")
    carl = Contact("Carl Customer", (parse(CARL),))
    world.apply(
        replace(
            DESK,
            contacts=(vera, carl),
            accounts=(Account("Known Ltd"), Account("Customer AG", ("customer.example",))),
            sections=Sections(views=VIEWS),
        )
    )
    world.carl(subject="One")
    world.carl("sales@firm.example", author="Vera <vera@known.example>", subject="Two")
    world.carl(subject="Three")
    world.presence("ann", "away")
    world.receive(sign(mail("Dora <dora@other.example>", subject="Four"), "other.example"), sender="dora@other.example")
    _write(world, 1, priority="urgent")
    _write(world, 3, status="solved", status_kind="solved", ended_at=world.now)
    _write(world, 4, due_at=world.now.replace(year=2020))
    return world


def _write(world: World, number: int, **values: object) -> None:
    with world.database.move(Move.ASSIGN) as unit:
        cases.write(unit, world.case(number).id, values)


# What was asked, and the numbers of the cases that are shown.
ASKED = [
    ((), [4, 3, 2, 1]),
    (("--owner", "ann"), [3, 1]),
    (("--owner", "ann", "--owner", "bob"), [3, 2, 1]),
    (("--unassigned",), [4]),
    (("--owner", "nobody", "--owner", "bob"), [4, 2]),
    (("--owner", "me", "--as", "bob"), [2]),
    (("--team", "sales"), [2]),
    (("--queue", "support"), [4]),
    (("--status", "solved"), [3]),
    (("--status", "new", "--priority", "urgent"), [1]),
    (("--account", "Customer AG"), [3, 1]),
    (("--account", "Known Ltd"), [2]),
    (("--contact", "CARL@customer.example"), [3, 1]),
    (("--overdue",), [4]),
    (("--view", "urgent"), [1]),
    (("--view", "urgent", "--priority", "normal"), [4, 2]),  # what is given holds in place of what the view says
    (("--view", "mine", "--as", "ann"), [3, 1]),
    (("--view", "mine", "--as", "ann", "--status", "solved"), [3]),
]


@pytest.mark.parametrize(("words", "numbers"), ASKED)
def test_a_list_shows_what_was_asked_for(installation, four_cases: World, words, numbers):
    assert [one["number"] for one in installation.json("case", "list", *words)] == numbers


def test_an_unknown_view_names_those_that_there_are(installation, four_cases: World):
    result = installation.call("case", "list", "--view", "mien")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "mine, sales, urgent" in result.stderr


# Words that name nothing: an empty list would look like no cases.
WRONG = [
    ("--account", "nope"),
    ("--account", "customer ag"),  # names are taken as they are written
    ("--status", "bogus"),
    ("--priority", "hugh"),
    ("--team", "nobody"),
    ("--queue", "nobody"),
    ("--owner", "carl"),
    ("--contact", "nobody@customer.example"),
    ("--owner", "me", "--as", "nope"),
]


@pytest.mark.parametrize("words", WRONG)
def test_a_word_that_names_nothing_is_told(installation, four_cases: World, words):
    result = installation.call("case", "list", *words)
    assert (result.exit_code, result.stdout) == (1, "")
    assert f"no {words[0].strip('-').replace('owner', 'agent')} {words[-1]!r}" in result.stderr


def test_a_view_of_an_account_that_is_no_more_is_told(installation, four_cases: World):
    _write_view(four_cases, View("old", account="Gone Ltd"))
    assert installation.call("case", "list", "--view", "old").exit_code == 1


def _write_view(world: World, view: View) -> None:
    world.apply(replace(DESK, sections=Sections(views=(view,))))


def test_me_needs_to_be_said(installation, four_cases: World):
    result = installation.call("case", "list", "--view", "mine")
    assert result.exit_code == 2
    assert "--as LOGIN" in result.stderr


def test_the_page_of_a_case_fits_a_terminal_and_shows_its_thread(installation, four_cases: World):
    page = installation.out("case", "show", "1")
    assert all(cells(line) <= 80 for line in page.splitlines())
    for words in ("urgent", "carl@customer.example", "support@firm.example", "One", "assigned"):
        assert words in page


def test_a_line_of_the_thread_says_who_wrote_when_to_whom_about_what(installation, four_cases: World):
    (line,) = installation.json("case", "show", "1")["mail"]
    assert (line["from"], line["to"], line["cc"]) == ("carl@customer.example", ["support@firm.example"], [])
    assert (line["subject"], line["direction"], line["proof"], line["files"]) == ("One", "inbound", "proven", [])


def test_nothing_on_the_page_is_cut(installation, four_cases: World):
    subject, note = "Words " * 40 + "end of subject", "Said " * 100 + "end of note"
    long = four_cases.carl(subject=subject)
    _write(four_cases, 5, outcome_note=note)
    installation.out("case", "set", "5", "--note", note.replace("Said", "Says"))
    page = installation.out("case", "show", "5")
    assert all(cells(line) <= 80 for line in page.splitlines())
    joined = " ".join(page.split())
    for words in (f"mail {long.row.received_at:%Y-%m-%dT%H:%M:%SZ} {long.id}", f"message={long.id}", subject, note):
        assert words in joined
    assert "…" not in page


def test_a_page_says_to_whom_mail_went_and_what_it_brought(installation, four_cases: World):
    ours = field(four_cases.sent("copy")[0], "reply-to")
    reply = mail("Ann <ann.doe@private.example>", to=ours, cc="Eve <eve@third.example>", subject="Re: One")
    assert isinstance(four_cases.reply(reply, ours, "eve@third.example"), str)
    theirs = field(four_cases.sent("reply")[0], "reply-to")
    four_cases.receive(
        sign(
            mail(
                f"Carl <{CARL}>",
                body="--b\r\nContent-Type: image/png; name=hum.png\r\n\r\nx\r\n--b--",
                to=theirs,
                content_type="multipart/mixed; boundary=b",
            ),
            "customer.example",
        ),
        theirs,
    )
    page = installation.out("case", "show", "1")
    assert "@gw.example" not in page
    blocks = [block.split("\n")[1:] for block in page.split("\nmail  ")[1:]]
    to = [next(line.split()[1:] for line in block if line.startswith("  to ")) for block in blocks]
    assert to == [["support@firm.example"], [f"{CARL},", "eve@third.example"], ["support@firm.example"]]
    assert "  files    hum.png" in blocks[2]
    assert [one["sent_to"] for one in installation.json("case", "show", "1")["mail"]] == [
        [],
        [CARL, "eve@third.example"],
        [],
    ]


def test_a_page_says_what_mail_is_not_proven(installation, four_cases: World):
    four_cases.receive(mail("Eve <eve@third.example>", subject="Eight"), sender="eve@third.example")
    assert "  proof    unproven" in installation.out("case", "show", "5").splitlines()
    assert "\n  proof " not in installation.out("case", "show", "1")


# What was asked, and the columns that the list has for it.
COLUMNS = [
    (("--status", "solved"), ["LABEL", "CREATED AT", "STATUS", "TEAM", "OWNER", "CONTACT", "SUBJECT"]),
    (("--owner", "ann"), ["LABEL", "CREATED AT", "STATUS", "PRIORITY", "TEAM", "OWNER", "CONTACT", "SUBJECT"]),
    (("--overdue",), ["LABEL", "DUE AT", "STATUS", "TEAM", "OWNER", "CONTACT", "SUBJECT"]),
]


@pytest.mark.parametrize(("words", "columns"), COLUMNS)
def test_a_list_has_the_columns_that_tell_its_cases_apart(installation, four_cases: World, words, columns):
    titles, *rows = installation.out("case", "list", *words).splitlines()
    assert [one.strip() for one in titles.split("  ") if one] == columns
    assert all(cells(line) <= 80 for line in (titles, *rows))


def test_a_list_names_the_year_of_what_is_long_ago(installation, four_cases: World):
    _write(four_cases, 3, created_at=four_cases.now.replace(year=2017, month=3, day=14))
    now = SystemClock().now()
    _write(four_cases, 1, created_at=now)
    lines = installation.out("case", "list").splitlines()
    assert "2017-03-14" in next(line for line in lines if "Three" in line)
    assert f"{now:%m-%d %H:%M}" in next(line for line in lines if "One" in line)


@pytest.fixture
def watched_cases(four_cases: World) -> World:
    """5: Carl's, to both teams, which sales watches; 6: the same from sales' side; 7: sales' alone."""
    return with_watched_cases(four_cases)


def with_watched_cases(four_cases: World) -> World:
    both = ("support@firm.example", "sales@firm.example")
    four_cases.carl(*both, subject="Five")
    four_cases.carl(*both[::-1], subject="Six")
    four_cases.carl(both[1], subject="Seven")
    return four_cases


# What was asked, and the numbers of the cases that are shown: a team has what it watches beside its own.
WATCHED = [
    (("--team", "sales"), [7, 6, 5, 2]),
    (("--team", "support"), [6, 5, 4, 3, 1]),
    (("--team", "sales", "--team", "support"), [7, 6, 5, 4, 3, 2, 1]),
    (("--team", "sales", "--limit", "3"), [7, 6, 5]),
    (("--team", "sales", "--owner", "bob"), [7, 6, 2]),  # the other filters hold for these too
    (("--team", "sales", "--queue", "support"), [5]),
    (("--view", "sales"), [7, 6, 5, 2]),
]


@pytest.mark.parametrize(("words", "numbers"), WATCHED)
def test_a_team_finds_the_cases_that_it_watches(installation, watched_cases: World, words, numbers):
    assert [one["number"] for one in installation.json("case", "list", *words)] == numbers


@pytest.mark.postgres
def test_postgresql_lists_the_same(installation, postgres_store: str):
    with installation.file.open("a") as configuration:
        configuration.write(f'[database]\nurl = "{postgres_store}"\n')
    world = World(postgres_store)
    for fill, asked in ((with_four_cases, ASKED), (with_watched_cases, WATCHED)):
        fill(world)
        found = [[one["number"] for one in installation.json("case", "list", *words)] for words, _ in asked]
        assert found == [numbers for _, numbers in asked]
    world.close()


def test_a_list_and_a_page_tell_what_is_only_watched(installation, watched_cases: World):
    listed = {one["number"]: (one["team"], one["watchers"]) for one in installation.json("case", "list")}
    assert (listed[5], listed[6], listed[7]) == (
        ("support", ["sales"]),
        ("sales", ["support"]),
        ("sales", []),
    )
    assert installation.json("case", "show", "5")["watchers"] == ["sales"]
    table = installation.out("case", "list", "--team", "sales").splitlines()
    at = table[0].index("WATCHERS")
    assert [line[at:].split()[0] for line in table[1:-1]] == ["-", "support", "sales", "-"]
    assert all(cells(line) <= 80 for line in table)
    assert "WATCHERS" not in installation.out("case", "list", "--team", "sales", "--contact", "vera@known.example")


def test_a_team_that_got_the_case_watches_it_no_more(installation, watched_cases: World):
    installation.out("case", "assign", "5", "--team", "sales")
    (five,) = [one for one in installation.json("case", "list", "--team", "sales") if one["number"] == 5]
    assert (five["team"], five["watchers"]) == ("sales", [])
    assert 5 not in [one["number"] for one in installation.json("case", "list", "--team", "support")]


def test_later_mail_of_a_watched_case_stands_in_it(installation, watched_cases: World):
    first = installation.json("case", "show", "5")
    watched_cases.carl(subject=f"Re: [{first['thread_id']}] Five")
    (five,) = [one for one in installation.json("case", "list", "--team", "sales") if one["number"] == 5]
    assert len(five["messages"]) == 2
    assert installation.json("case", "show", "5")["mail"][-1]["id"] == five["messages"][-1]
