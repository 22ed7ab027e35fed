# SPDX-License-Identifier: Apache-2.0
"""Mail of the past beside mail that came live: nothing twice, whose case it is, who answered, who works on it."""

from dataclasses import replace
from typing import Any

import pytest

from handlers import handing, importing, routing
from handlers.importing import Archive
from storage import case_views, cases, contacts, imported, threads
from storage.case_values import View
from storage.case_views import Asked
from storage.states import Move
from tests.support.office import ANN, CARL, DESK, World, field, mail, sign

CARLS, DORAS = f"Carl Customer <{CARL}>", "Dora <dora@other.example>"
OPERATOR = "operator:root"


def bring(world: World, octets: bytes, status: str = "closed") -> bool:
    """Import one mail; whether it is new."""
    row = world.office.routing_addresses["support@firm.example"]
    past = importing.past(octets, world.now, Archive(world.office, row, status, world.now))
    with world.database.move(Move.IMPORT) as unit:
        return imported.keep(unit, past, OPERATOR)


def old(number: int, author: str, hour: int, answers: int | None = None, **fields: str) -> bytes:
    """A mail of that hour of 5 January."""
    given = {"date": f"Mon, 5 Jan 2026 {hour:02}:00:00 +0000", "message_id": f"<old{number}@archive.example>"}
    if answers is not None:
        given["in_reply_to"] = f"<old{answers}@archive.example>"
    return mail(author, f"Words of mail {number}.", **(given | fields))


def answered(world: World) -> bytes:
    """Carl has written, Ann has answered; what she sent."""
    world.carl()
    back = field(world.sent("copy")[-1], "reply-to")
    octets = mail(f"Ann Doe <{ANN}>", "Done.", to=back, in_reply_to=field(world.sent("copy")[-1], "message-id"))
    assert isinstance(world.reply(octets, back), str)
    return octets


def left(world: World) -> bytes:
    """What the customer got of it."""
    return bytes(world.sent("reply")[-1].octets)


# Whether the mail came with a signature that vouches for its author.
@pytest.mark.parametrize("is_signed", [True, False])
def test_a_mail_that_came_live_is_here_already(world: World, is_signed: bool) -> None:
    octets = mail()
    world.receive(sign(octets, "customer.example") if is_signed else octets)
    assert not bring(world, b"Return-Path: <x@y.example>\r\nReceived: from x by y; then\r\n" + octets)
    assert _numbers(world) == [1]


def test_what_our_side_sent_is_here_already_under_both_of_its_ids(world: World) -> None:
    octets = answered(world)
    assert not bring(world, left(world))
    assert not bring(world, octets)
    assert _numbers(world) == [1]


def test_an_archived_mail_is_no_other_for_the_fields_that_its_way_gave_it(world: World) -> None:
    assert bring(world, old(1, CARLS, 10))
    assert not bring(world, b"Delivered-To: other@firm.example\r\n" + old(1, CARLS, 10))


# What differs from a mail that is here; each is another mail.
OTHERS = [
    {"author": DORAS},
    {"hour": 11},  # programs that write one Message-ID again and again
    {"number": 2},
    {"message_id": "", "subject": "Another"},
]


@pytest.mark.parametrize("change", OTHERS)
def test_another_mail_is_not_taken_for_one_that_is_here(world: World, change: dict[str, Any]) -> None:
    assert bring(world, old(1, CARLS, 10))
    assert bring(world, old(**({"number": 1, "author": CARLS, "hour": 10} | change)))


def test_a_forged_id_of_ours_hides_no_mail(world: World) -> None:
    answered(world)
    own = field(world.sent("reply")[-1], "message-id")
    assert bring(world, old(1, "Firm Support <support@firm.example>", 10, message_id=own.replace("@", "x@")))
    assert bring(world, old(2, DORAS, 11, message_id=own))


def test_a_case_that_our_side_answered_says_when(world: World) -> None:
    team = "Firm Support <support@firm.example>"
    assert bring(world, old(1, CARLS, 10))
    assert world.case(1).responded_at is None
    for number, hour in ((3, 14), (2, 12), (4, 15)):
        assert bring(world, old(number, team, hour, answers=1, to=CARL))
    assert world.case(1).responded_at.isoformat() == "2026-01-05T12:00:00+00:00"
    assert world.case(1).ended_at.isoformat() == "2026-01-05T15:00:00+00:00"


# Who answered; who the timeline says it was.
ACTORS = [
    (f"Ann Doe <{ANN}>", "agent:ann"),
    ("Firm Support <support@firm.example>", "team:support"),
    ("Firm Sales <sales@firm.example>", "team:sales"),
]


@pytest.mark.parametrize(("author", "actor"), ACTORS)
def test_the_timeline_names_who_answered_as_it_does_of_live_mail(world: World, author: str, actor: str) -> None:
    bring(world, old(1, CARLS, 10))
    bring(world, old(2, author, 12, answers=1, to=CARL))
    assert [one[0] for one in world.case(1).events] == [OPERATOR, f"contact:{CARL}", actor]


def test_an_agent_who_is_none_any_more_is_not_named_by_their_private_address(world: World) -> None:
    world.apply(replace(DESK, agents=DESK.agents[1:]))
    bring(world, old(1, CARLS, 10))
    bring(world, old(2, f"Ann Doe <{ANN}>", 12, answers=1, to=CARL))
    assert world.case(1).events[-1][0] == "agent:unknown"


def test_an_imported_case_is_in_its_contacts_history_and_makes_nobody_known(world: World) -> None:
    bring(world, old(1, DORAS, 10))
    bring(world, old(2, "Firm Support <support@firm.example>", 11, to="vera@known.example"))
    assert (_numbers(world, contact="dora@other.example"), _numbers(world, contact="vera@known.example")) == ([1], [2])
    with world.database.read() as unit:
        assert not contacts.is_known_contact(unit, "dora@other.example")


def test_a_machine_and_one_who_names_no_author_are_no_contacts(world: World) -> None:
    bring(world, old(1, "Robot <robot@other.example>", 10, auto_submitted="auto-generated"))
    bring(world, old(2, "nobody at all", 11))
    assert [world.case(number).contact_id for number in (1, 2)] == [None, None]


def test_a_live_mail_that_nobody_vouches_for_is_still_nobodys_history(world: World) -> None:
    bring(world, old(1, CARLS, 10))
    world.receive(mail(subject="Forged"))
    assert _numbers(world, contact=CARL) == [1]


def test_a_case_that_stays_open_waits_for_an_agent_who_gets_all_its_mail(world: World) -> None:
    bring(world, old(1, CARLS, 10), "open")
    assert (world.case(1).queue, world.case(1).owner) == ("support", None)
    with world.database.move(Move.ASSIGN) as unit:
        assert routing.assign_waiting(unit, world.case(1).row.id, world.work(unit))
    assert bring(world, old(2, CARLS, 11, answers=1), "open")
    _hand_over(world)
    assert [one.to for one in world.sent()] == [[str(ANN)], [str(ANN)]]
    assert [field(one, "date")[:11] for one in world.sent("copy")] == ["Mon, 5 Jan "] * 2


def test_a_case_that_has_ended_waits_for_nobody(world: World) -> None:
    bring(world, old(1, CARLS, 10))
    assert (world.case(1).queue, world.case(1).owner, _waiting(world)) == (None, None, [])


def _numbers(world: World, contact: str = "") -> list[int]:
    with world.database.read() as unit:
        return [row.number for row in case_views.found(unit, Asked(View("", contact=contact), world.now), 50)]


def _waiting(world: World) -> list[int]:
    with world.database.read() as unit:
        return list(cases.waiting(unit, 10))


def _hand_over(world: World) -> None:
    with world.database.read() as unit:
        due = cases.copies_due(unit, world.now, 10)
    for case_id in due:
        with world.database.move(Move.HAND) as unit:
            assert handing.hand_over(unit, case_id, world.work(unit))


MALLORY = "Mallory <mallory@evil.example>"

# Why, and an archived mail that names a live mail of Carl's.
FORGED = [
    ("a forged mail of ours to a stranger", {"author": "Firm Support <support@firm.example>", "to": MALLORY}),
    ("a forged mail of Carl's with a stranger copied", {"author": CARLS, "cc": MALLORY}),
]


@pytest.mark.parametrize(("why", "fields"), FORGED)
def test_an_archive_brings_nobody_into_a_live_thread(world: World, why: str, fields: dict[str, str]) -> None:
    live = world.carl()
    author = fields["author"]
    rest = {name: value for name, value in fields.items() if name != "author"}
    assert bring(world, old(1, author, 10, in_reply_to=f"<{live.message_id}>", **rest))
    arrived = world.carl(author=MALLORY, subject=f"[{live.token}]")
    assert arrived.proof == "unproven"
    assert arrived.row.thread_id != live.row.thread_id


def test_whom_our_archived_mail_was_sent_to_beside_the_contact_takes_no_part(world: World) -> None:
    bring(world, old(1, CARLS, 10))
    bring(world, old(2, "Firm Support <support@firm.example>", 11, answers=1, to=MALLORY))
    bring(world, old(3, "Firm Support <support@firm.example>", 12, answers=1, to=CARLS, cc=DORAS))
    (row,) = [world.case(number) for number in _numbers(world)]
    with world.database.read() as unit:
        (thread_id,) = cases.threads_of(unit, row.id)
        people = {one.key for one in threads.participants(unit, thread_id, "customer")}
    assert people == {CARL, "dora@other.example"}
