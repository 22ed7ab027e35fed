# SPDX-License-Identifier: Apache-2.0
"""`case new|set|assign|close` and the ways to name a case."""

import pytest

from tests.gateway.cli.conftest import DESK, Installation
from tests.support.office import World, mail

MORE = """
[cases]
number_prefix = "FS-"
number_start = 12
[[team]]
name = "sales"
display_name = "Firm Sales"
sender = "sales@firm.example"
[[agent]]
login = "bob"
name = "Bob Roe"
address = "bob.roe@private.example"
teams = ["sales"]
[[outcome]]
code = "sold"
[[field]]
name = "product"
type = "choice"
choices = ["press", "drill"]
"""
NEW = ("case", "new", "--address", "support@firm.example", "--contact", "Dora Other <dora@other.example>")


@pytest.fixture
def desk(installation: Installation) -> Installation:
    """With a prefix, two teams, an outcome and a field."""
    installation.desk.write_text(DESK + MORE)
    installation.out("init", str(installation.directory))
    installation.out("apply", str(installation.desk))
    return installation


def test_a_case_is_made_changed_given_and_closed_by_hand(desk: Installation):
    assert desk.out(*NEW, "--subject", "Called us", "--text", "-", stdin="It hums.\n").startswith("FS-12  created")
    words = ("case", "set", "fs-12", "--priority", "high", "--tag", "+vip", "--tag", "-old", "--field", "product=Press")
    assert desk.out(*words).splitlines() == [
        "FS-12  priority normal -> high",
        "FS-12  tags - -> vip",
        "FS-12  field product: - -> press",
    ]
    assert desk.out(*words) == "FS-12  nothing changes\n"
    assert desk.out("case", "assign", "#12", "--to", "bob", "--as", "ann").splitlines() == [
        "FS-12  team support -> sales",
        "FS-12  assigned - -> bob",
    ]
    assert desk.out("case", "close", "12", "--outcome", "sold", "--note", "one").splitlines() == [
        "FS-12  status new -> closed",
        "FS-12  outcome - -> sold note=one",
    ]
    shown = desk.json("case", "show", "FS-12")
    keys = ("number", "label", "status", "priority", "team", "owner", "outcome", "outcome_note", "tags", "fields")
    expected = (12, "FS-12", "closed", "high", "sales", "bob", "sold", "one", ["vip"], {"product": "press"})
    assert tuple(shown[key] for key in keys) == expected
    assert (shown["source"], shown["contact"], shown["contact_name"]) == ("hand", "dora@other.example", "Dora Other")
    assert [one["text"] for one in shown["comments"]] == ["It hums."]
    actors = {one["actor"] for one in shown["timeline"]}
    assert actors == {"agent:ann", shown["timeline"][0]["actor"]}


def test_a_long_change_is_told_in_80_columns(desk: Installation):
    desk.out(*NEW, "--subject", "word " * 40)
    told = desk.out("case", "set", "12", "--subject", "other " * 30).splitlines()
    assert told[0].startswith("FS-12  subject word word")
    assert len(told) > 3
    assert all(line.startswith("       ") for line in told[1:])
    assert max(map(len, told)) <= 80


def test_with_json_each_call_is_one_document(desk: Installation):
    made = desk.json(*NEW, "--subject", "Called us")
    assert (made["number"], made["label"], len(made["thread_id"])) == (12, "FS-12", 12)
    done = desk.json("case", "set", "12", "--status", "open")
    assert (done["number"], done["label"]) == (12, "FS-12")
    (change,) = done["changes"]
    assert change.keys() == {"at", "actor", "kind", "before", "after"}
    assert (change["kind"], change["before"], change["after"]) == ("status", "new", "open")
    assert desk.json("case", "assign", "12", "--nobody")["changes"] == []


# Another system's label, and what is no number at all.
@pytest.mark.parametrize("word", ["XX-12", "FS-", "0", "-3", "12a", "99999999999999999999", "#", "F S-12"])
def test_what_names_no_case_of_ours_is_a_bad_call(desk: Installation, word: str):
    for verb in (("case", "show"), ("case", "set", "--priority", "high"), ("case", "close"), ("case", "assign")):
        assert desk.refused(2, *verb, "--", word)


@pytest.mark.parametrize(
    ("code", "words", "said"),
    [
        (1, ("set", "13", "--status", "open"), "no case 13"),
        (1, ("set", "12", "--status", "open", "--as", "nemo"), "no agent 'nemo'"),
        (1, ("assign", "12", "--to", "nemo"), "no agent 'nemo'"),
        (1, ("assign", "12", "--team", "nemo"), "no team 'nemo'"),
        (2, ("set", "12"), "nothing to change"),
        (2, ("set", "12", "--status", "gone"), "this desk has: new, open"),
        (2, ("set", "12", "--field", "product"), "no NAME=VALUE"),
        (2, ("set", "12", "--field", "product=saw"), "one of press, drill"),
        (2, ("set", "12", "--contact", "nobody"), "is not a mailbox"),
        (2, ("set", "12", "--contact", "Eve <eve@third.example>, Bob <bob@third.example>"), "a case has one contact"),
        (2, ("assign", "12"), "to whom?"),
        (2, ("close", "12"), "--outcome sold"),
        (2, ("close", "12", "--outcome", "lost"), "this desk has: sold"),
    ],
)
def test_a_call_that_cannot_be_done_changes_nothing(desk: Installation, code: int, words: tuple[str, ...], said: str):
    desk.out(*NEW, "--subject", "Called us")
    before = desk.json("case", "show", "12")
    assert said in desk.refused(code, "case", *words)
    assert desk.json("case", "show", "12") == before


# A call that is refused takes no number: the next one has it.
def test_numbers_have_no_gaps_where_a_call_is_refused(desk: Installation):
    desk.refused(1, *NEW, "--subject", "Called us", "--to", "nemo")
    assert desk.json(*NEW, "--subject", "Called us")["number"] == 12


def test_a_text_that_is_no_utf8_is_refused(desk: Installation):
    assert "not UTF-8" in desk.refused(2, *NEW, "--subject", "s", "--text", "-", stdin=b"\xff\xfe")


def test_an_address_shows_what_its_cases_begin_with(desk: Installation):
    desk.desk.write_text(DESK.replace("verified = true", 'verified = true\npriority = "high"\ntags = ["vip"]') + MORE)
    desk.out("apply", str(desk.desk))
    shown = desk.json("address", "show", "support@firm.example")["cases"]
    assert (shown["priority"], shown["tags"], shown["threads"]) == ("high", ["vip"], "standard")
    assert "priority high, tags vip" in desk.out("address", "show", "support@firm.example")


def test_mail_and_hand_share_one_row_of_numbers(desk: Installation, world: World):
    desk.out("apply", str(desk.desk))
    first = desk.json(*NEW, "--subject", "Called us")["number"]
    assert (first, world.receive(mail()).case.number) == (12, 13)
