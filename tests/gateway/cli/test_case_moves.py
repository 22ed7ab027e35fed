# SPDX-License-Identifier: Apache-2.0
"""`case merge|split|move|undo|link|unlink`: what the calls print, refuse and change; how a case shows it."""

import pytest

from gateway import keys, persistence
from gateway.cli_output import cells
from storage.case_changes import Moved
from tests.support.office import CARL, World

DORA = "dora@other.example"


@pytest.fixture
def calls(installation, world: World):
    """Two cases of Carl's and one of Dora's; Carl has written a second time into the first."""
    keys.load(installation.directory, "gw.example", make=True)
    first = world.carl(subject="One")
    world.carl(subject="Two")
    world.carl(author=f"Dora <{DORA}>", subject="Three")
    world.carl(subject="Re: One", in_reply_to=f"<{first.row.message_id}>")
    return installation


def mail_of(calls, number: int) -> list[str]:
    return [one["subject"] for one in calls.json("case", "show", str(number))["mail"]]


def test_a_merge_is_shown_with_both_cases_and_undone_by_one_call(calls):
    assert calls.out("case", "merge", "2", "into", "1", "--as", "ann") == "case 2 is merged into case 1 (change 1)\n"
    assert mail_of(calls, 1) == ["One", "Two", "Re: One"]
    assert [one["number"] for one in calls.json("case", "list")] == [3, 1]
    assert [one["number"] for one in calls.json("case", "list", "--merged")] == [3, 2, 1]
    kept, gone = calls.json("case", "show", "1"), calls.json("case", "show", "2")
    assert (kept["merged"], kept["merged_into"], gone["merged_into"]) == ([2], None, 1)
    merged = next(one for one in kept["timeline"] if one["kind"] == "merged")
    assert (merged["actor"], merged["number"], merged["change"]) == ("agent:ann", 2, 1)
    theirs = [one["kind"] for one in kept["timeline"] if one.get("case") == 2]
    assert theirs[:2] == ["created", "message"]  # in the order in which it happened, marked
    assert calls.out("case", "undo", "1") == "undone; its mail is of case 2 again (change 1)\n"
    assert [mail_of(calls, number) for number in (1, 2)] == [["One", "Re: One"], ["Two"]]
    assert calls.json("case", "show", "1")["merged"] == []


def test_the_page_of_a_merged_case_fits_a_terminal(calls):
    calls.out("case", "merge", "2", "1")
    for number in ("1", "2"):
        page = calls.out("case", "show", number)
        assert all(cells(line) <= 80 for line in page.splitlines())
    assert "merged_into" in page


def test_mail_is_split_off_and_moved_by_its_id(calls):
    first, second = (one["id"] for one in calls.json("case", "show", "1")["mail"])
    done = calls.json("case", "split", "1", second, "--subject", "Another matter")
    assert done == {"change": 1, "number": 4, "label": "4"}
    assert calls.json("case", "show", "4")["subject"] == "Another matter"
    assert calls.json("case", "show", "4")["links"] == [{"kind": "split_from", "number": 1}]
    assert calls.out("case", "undo", "4", "1") == "undone; its mail is of case 1 again (change 1)\n"
    assert calls.out("case", "move", second, "--to", "2") == "the mail is of case 2 now (change 2)\n"
    assert calls.json("message", "show", second)["case"] == 2
    assert mail_of(calls, 1) == ["One"]
    assert calls.json("message", "explain", second)["events"]  # its story is told wherever it is
    assert calls.json("message", "show", first)["case"] == 1
    told = [note["because"] for note in calls.json("message", "explain", second)["notes"] if note["step"] == "case"]
    assert [" ".join(words.split()[1:7]) for words in told] == [
        "took it from case 1 to",
        "took it back to case 1",
        "took it from case 1 to",
    ]
    assert "0 of 1 would be otherwise" in calls.out("message", "replay", second)


def test_links_are_made_and_taken_away(calls):
    assert calls.out("case", "link", "2", "parent", "1") == "case 2: parent case 1\n"
    assert calls.out("case", "link", "1", "child", "2") == "case 1: child case 2; it was so already\n"
    assert calls.json("case", "show", "1")["links"] == [{"kind": "child", "number": 2}]
    assert calls.out("case", "unlink", "2", "parent", "1") == "case 2: no longer parent case 1\n"
    assert calls.json("case", "show", "1")["links"] == []


# Each row: a call, its exit code, and a word of what it says.
@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("merge", "1"), 2, "casegate case merge 12 into 7"),
        (("merge", "1", "onto", "2"), 2, "casegate case merge 12 into 7"),
        (("merge", "1", "into", "x"), 2, "is not a case"),
        (("merge", "1", "into", "9"), 1, "no case 9"),
        (("merge", "3", "into", "1"), 2, f"case 3 is {DORA}'s and case 1 {CARL}'s; --yes if that is meant"),
        (("merge", "2", "into", "1", "--as", "nobody"), 1, "no agent"),
        (("split", "1", "\udcff"), 1, "no message"),
        (("split", "1", "x", "--subject", "a\nb"), 2, "one line"),
        (("move", "x", "--to", "1"), 1, "no message 'x' in any case"),
        (("undo", "1"), 1, "case 1 has no merge, split or move to undo"),
        (("undo", "1", "0"), 2, "not in the range"),
        (("link", "1", "cousin", "2"), 2, "possibly_belongs_to"),
        (("unlink", "1", "related", "2"), 1, "no link related"),
    ],
)
def test_a_call_that_cannot_be_done_says_why(calls, words: tuple[str, ...], code: int, said: str):
    before = [mail_of(calls, number) for number in (1, 2, 3)]
    result = calls.call("case", *words)
    assert (result.exit_code, result.stdout) == (code, "")
    assert said in result.stderr
    assert "Traceback" not in result.stderr
    assert [mail_of(calls, number) for number in (1, 2, 3)] == before


def test_a_merge_of_two_contacts_that_is_meant_is_done(calls, world: World):
    calls.out("case", "merge", "3", "into", "1", "--yes")
    assert mail_of(calls, 1) == ["One", "Three", "Re: One"]


def test_a_change_that_meets_another_at_the_same_rows_is_tried_again(world: World):
    found: list[int] = []

    def do(unit: object) -> str:
        found.append(1)
        if len(found) < 3:
            raise Moved
        return "done"

    assert persistence.persistent(world.database, persistence.changing, do) == "done"
    assert len(found) == 3


def test_a_call_that_never_finds_the_rows_as_they_were_says_try_later(calls, monkeypatch):
    def moved(*_: object, **__: object) -> None:
        raise Moved

    monkeypatch.setattr(persistence, "PAUSE_S", 0.0)
    monkeypatch.setattr("handlers.changes.merging.merge", moved)
    line = calls.refused(75, "case", "merge", "2", "into", "1")
    assert "being changed by others" in line
