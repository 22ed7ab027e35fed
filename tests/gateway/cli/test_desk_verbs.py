# SPDX-License-Identifier: Apache-2.0
"""The verbs of the desk: what they change, what they show, what they refuse."""

import pytest
from psycopg.errors import DeadlockDetected
from sqlalchemy.exc import OperationalError

from gateway import desk_file, passwords, persistence
from handlers import stranding
from storage import desk
from storage.states import Move
from tests.support.office import World


@pytest.fixture
def applied(installation):
    installation.out("apply", str(installation.desk))
    return installation


def stored_password(world: World, login: str) -> str:
    with world.database.read() as unit:
        return desk.password_hash(unit, login)


def test_a_dry_run_shows_the_changes_and_makes_none(installation):
    shown = installation.out("apply", str(installation.desk), "--dry-run")
    assert "team support: added\n" in shown
    assert installation.json("team", "list") == []
    assert installation.out("apply", str(installation.desk)).startswith(shown)


def test_apply_prints_a_line_a_change_and_the_record_of_a_new_sender(installation):
    lines = installation.out("apply", str(installation.desk)).splitlines()
    assert "contact Carl Customer: added" in lines
    assert lines[-1].startswith('casegate._domainkey.firm.example. IN TXT "v=DKIM1;')


def test_the_records_are_shown_only_when_teams_change(applied):
    applied.desk.write_text(applied.desk.read_text().replace("Ann Doe", "Ann Roe"))
    assert applied.out("apply", str(applied.desk)) == "agent ann: name changed\n"
    assert applied.out("apply", str(applied.desk)) == "no changes\n"


def test_what_is_exported_is_what_was_applied(applied, tmp_path):
    (tmp_path / "exported.toml").write_text(applied.out("export"))
    assert desk_file.load(tmp_path / "exported.toml") == desk_file.load(applied.desk)
    assert applied.out("apply", str(tmp_path / "exported.toml")) == "no changes\n"


def test_lists_have_the_keys_of_the_desk_file(applied):
    assert applied.json("team", "list") == [
        {"name": "support", "display_name": "Firm Support", "sender": "support@firm.example"}
    ]
    assert applied.json("agent", "list") == [
        {
            "login": "ann",
            "name": "Ann Doe",
            "address": "ann.doe@private.example",
            "teams": ["support"],
            "signature": "",
            "presence": "available",
            "has_password": False,
        }
    ]
    assert applied.json("address", "list") == [
        {
            "address": "support@firm.example",
            "team": "support",
            "verified": True,
            "acknowledge": "",
            "aliases": [],
            "policy": "anyone",
            "accept_from": "anyone",
            "others": "reject",
            "lists": [],
            "dmarc_reject": "reject",
            "dmarc_quarantine": "quarantine",
            "dmarc_none": "accept",
            "no_author": "quarantine",
            "max_size": 0,
            "forbid_attachments": [],
            "forbidden_attachment": "reject",
            "rate_author": "off",
            "rate_domain": "off",
            "rate_total": "off",
            "over_rate": "defer",
            "cases": {
                "threads": "standard",
                "thread_by": "token",
                "topic_change": "stay",
                "subject_tag": False,
                "reopen_days": 30,
                "priority": "normal",
                "tags": [],
                "fields": {},
                "target": "",
            },
            "alias_of": None,
            "way": "word",
            "intake": None,
            "found": "",
            "verified_at": None,
            "returned_at": None,
            "latency_s": None,
            "alarm": "",
            "alarm_at": None,
        }
    ]
    (carl,) = applied.json("contact", "list")
    assert (carl["name"], carl["addresses"], carl["known"]) == ("Carl Customer", ["carl@customer.example"], True)


def test_presence_is_set(applied):
    applied.out("agent", "presence", "ann", "away")
    assert applied.json("agent", "list")[0]["presence"] == "away"


# One line from standard input; only its own line end is not part of it.
@pytest.mark.parametrize("line", ["long enough\n", "long enough", "long enough\r\n", "long enough\nsecond line\n"])
def test_a_password_comes_from_standard_input(applied, world: World, line):
    world.database.close()
    applied.out("agent", "password", "ann", stdin=line)
    again = World(f"sqlite:///{applied.directory}/casegate.db")
    stored = stored_password(again, "ann")
    again.close()
    assert passwords.verify("long enough", stored)
    assert "long" not in stored


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("seven77\n", "at least 8 characters"),
        ("", "at least 8 characters"),
        ("x" * 1025 + "\n", "1024 octets"),
        (b"\xff\xfe not utf-8\n", "not UTF-8"),
    ],
)
def test_a_password_that_will_not_do_is_refused(applied, line, words):
    assert words in applied.refused(2, "agent", "password", "ann", stdin=line)


def test_an_unknown_agent_is_not_found(applied):
    assert "no agent 'bob'" in applied.refused(1, "agent", "password", "bob", stdin="long enough\n")
    assert "no agent 'bob'" in applied.refused(1, "agent", "presence", "bob", "away")


def test_a_retired_agent_is_not_found(applied, world: World):
    with world.database.move(Move.APPLY) as unit:
        desk.apply(unit, desk_file.load(applied.desk).__class__())
    applied.refused(1, "agent", "presence", "ann", "away")


def test_a_bad_desk_file_changes_nothing(applied):
    applied.desk.write_text(applied.desk.read_text().replace("support@firm.example", "no address"))
    assert "desk.toml: team[0].sender: found" in applied.refused(2, "apply", str(applied.desk))
    assert applied.json("team", "list")[0]["sender"] == "support@firm.example"


def drop_the_owner_of_a_case(applied) -> None:
    applied.out("case", "new", "--address", "support@firm.example", "--contact", "d@other.example", "--subject", "Hums")
    applied.out("case", "assign", "1", "--to", "ann")
    applied.desk.write_text(applied.desk.read_text().replace('teams = ["support"]', "teams = []"))


def fail_after(monkeypatch, place: object, name: str, errors: list[Exception]) -> None:
    """This is done, then the transaction is lost, as often as there are errors."""
    real = getattr(place, name)

    def do(*given: object) -> object:
        done = real(*given)
        if errors:
            raise errors.pop()
        return done

    monkeypatch.setattr(place, name, do)


# Jobs lock cases in the order of their mail: PostgreSQL ends one of the two that wait for each other.
@pytest.mark.parametrize("step", [(desk, "apply"), (stranding, "free_some")], ids=["apply", "give away"])
def test_an_apply_that_meets_jobs_at_the_same_rows_is_done_and_told_all_the_same(applied, monkeypatch, step):
    drop_the_owner_of_a_case(applied)
    fail_after(monkeypatch, *step, [OperationalError("", None, DeadlockDetected("no")) for _ in range(2)])
    shown = applied.out("apply", str(applied.desk)).splitlines()
    assert shown[:2] == ["agent ann: teams changed", "team support: 1 open case of nobody now, in queue support"]
    case = applied.json("case", "show", "1")
    assert (case["owner"], case["queue"], case["timeline"][-1]["owner"]) == (None, "support", "ann")


def test_an_apply_that_cannot_give_cases_away_says_what_it_changed_and_does_the_rest_when_repeated(
    applied, monkeypatch
):
    drop_the_owner_of_a_case(applied)
    with monkeypatch.context() as ill:
        ill.setattr(persistence, "PAUSE_S", 0.0)
        errors: list[Exception] = [OperationalError("", None, DeadlockDetected("no")) for _ in range(100)]
        fail_after(ill, stranding, "free_some", errors)
        result = applied.call("apply", str(applied.desk))
    assert (result.exit_code, result.stdout.splitlines()[0]) == (75, "agent ann: teams changed")
    applied.out("apply", str(applied.desk))
    assert applied.json("case", "show", "1")["owner"] is None


def test_apply_tells_what_becomes_of_open_cases_and_does_it(applied):
    drop_the_owner_of_a_case(applied)
    lines = ["agent ann: teams changed", "team support: 1 open case of nobody now, in queue support"]
    assert applied.out("apply", str(applied.desk), "--dry-run").splitlines() == lines
    assert applied.json("case", "show", "1")["owner"] == "ann"
    assert applied.out("apply", str(applied.desk)).splitlines()[:2] == lines
    case = applied.json("case", "show", "1")
    assert (case["owner"], case["queue"], case["timeline"][-1]["owner"]) == (None, "support", "ann")
    assert applied.out("apply", str(applied.desk)) == "no changes\n"
