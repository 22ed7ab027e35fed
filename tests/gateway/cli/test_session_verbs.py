# SPDX-License-Identifier: Apache-2.0
"""`session list` and `session show`: the last sessions, for people in 80 columns, for programs with stable keys."""

from datetime import timedelta
from pathlib import Path

import pytest

from gateway.cli_output import cells
from gateway.session_log import Outcome
from storage import sessions
from storage.envelope import Session
from storage.sessions import Refusal, SessionRecord
from storage.states import Move
from tests.support.office import World


def words(text: str) -> list[str]:
    return text.split()


KEYS = words(
    "id listener peer helo protocol tls login began_at ended_at outcome response accepted messages recipients "
    "refusals refused octets"
)
FIRST, SECOND = "ab23ogcrx22j6jsgu526", "ab23ogcrx22j6jsgu527"


@pytest.fixture
def two(world: World) -> None:
    """A mail from a customer's host, then a connection that said nothing and was sent away."""
    customer = Session(FIRST, "2001:db8:1234:5678:9abc:def0:1234:5678", "mx.customer.example", "ESMTP", "TLSv1.3 X")
    began_at, ended_at = world.now, world.now + timedelta(seconds=3)
    told = {"accepted": 1, "messages": (f"{FIRST}-1",), "recipients": 2, "refusals": 1, "octets": 4096}
    told["refused"] = (
        Refusal(f"{FIRST}-2", "RCPT 'TO:<old@firm.example>'", "550 5.1.1 No such address " + "x" * 90, "who knows"),
    )
    records = (
        SessionRecord(customer, "mx", began_at, ended_at, "delivered", response="550 5.1.1 " + "\u202e" * 90, **told),
        SessionRecord(Session(SECOND, "192.0.2.1"), "mx", began_at, ended_at, "turned_away", refusals=1),
    )
    with world.database.move(Move.LOG) as unit:
        sessions.log(unit, records, 100)


@pytest.mark.usefixtures("two")
def test_sessions_are_listed_newest_first_with_stable_keys(installation) -> None:
    listed = installation.json("session", "list")
    assert [list(one) for one in listed] == [KEYS, KEYS]
    assert [one["id"] for one in listed] == [SECOND, FIRST]
    assert (listed[0]["helo"], listed[0]["protocol"], listed[0]["response"], listed[0]["messages"]) == (
        *(None, None, None),
        [],
    )
    assert (listed[1]["messages"], listed[1]["outcome"], listed[1]["recipients"]) == ([f"{FIRST}-1"], "delivered", 2)
    assert (listed[1]["began_at"], listed[1]["ended_at"]) == ("2026-11-22T12:00:00Z", "2026-11-22T12:00:03Z")
    assert [one["id"] for one in installation.json("session", "list", "--limit", "1")] == [SECOND]


@pytest.mark.usefixtures("two")
def test_people_read_them_in_eighty_columns(installation) -> None:
    table = installation.out("session", "list").splitlines()
    assert table[-1] == "2 in all"
    assert table[1].startswith(SECOND)
    shown = installation.out("session", "show", FIRST).splitlines()
    assert all(cells(line) <= 80 and line.isprintable() for line in (*table, *shown))
    assert installation.json("session", "show", FIRST) == installation.json("session", "list")[1]


@pytest.mark.usefixtures("two")
def test_the_id_of_a_response_leads_to_the_refusal(installation) -> None:
    shown = installation.json("session", "show", f"{FIRST}-2")
    assert shown["id"] == FIRST
    (refusal,) = shown["refused"]
    assert (refusal["id"], refusal["command"]) == (f"{FIRST}-2", "RCPT 'TO:<old@firm.example>'")
    text = installation.out("session", "show", f"{FIRST}-2")
    assert f"{FIRST}-2: RCPT 'TO:<old@firm.example>' answered 550" in " ".join(text.split())
    assert "because who knows" in " ".join(text.split())
    assert installation.json("session", "show", SECOND)["refused"] == []


def test_an_unknown_session_is_not_found(installation) -> None:
    assert "no session 'nosuch'" in installation.refused(1, "session", "show", "nosuch")
    installation.refused(1, "session", "show", "caf\u00e9")
    assert installation.json("session", "list") == []


@pytest.mark.usefixtures("two")
def test_every_key_and_outcome_stands_in_the_documentation(installation) -> None:
    text = (Path(__file__).parent.parent.parent.parent / "docs" / "cli.md").read_text("utf-8")
    words = (*installation.json("session", "list")[0], *(outcome.value for outcome in Outcome))
    assert [word for word in words if f"`{word}`" not in text] == []
