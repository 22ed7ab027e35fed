# SPDX-License-Identifier: Apache-2.0
"""What an agent is told about a reply, by their wish and by what became of it (RFC 3461 §4.1, RFC 3464)."""

from datetime import datetime, timedelta
from email import message_from_bytes, policy
from email.utils import parsedate_to_datetime
from types import SimpleNamespace

import pytest

from handlers.reports import FULL_OCTETS
from handlers.schedule import Schedule
from handlers.settling import Ending, settle
from storage import outbox
from storage.envelope import Wish
from storage.outbox import Taken
from storage.response import Response
from storage.states import Move
from tests.support.office import ANN, CARL, World, field, mail

REFUSED, LATER = Response(550, "5.1.1", "No such mailbox"), Response(450, "4.2.0", "Later")
PASSED_ON = Response(250, "2.0.0", "Taken")  # by a host that offers DSN: it reports itself
RELAYED, FILED = Response(250, "2.0.0", "Taken", "relayed"), Response(250, "2.1.5", "Filed", "delivered")
SCHEDULE = Schedule((timedelta(hours=1),), timedelta(days=4))


def written(world: World, body: str = "Try again.", **wishes: object) -> None:
    """Ann answers Carl's mail; the copy has been delivered."""
    world.carl()
    for taken in take(world):
        end(world, taken, PASSED_ON)
    world.wish = Wish(wishes.get("notify", ()), wishes.get("orcpt", ""))
    world.ret, world.envid = wishes.get("ret", ""), wishes.get("envid", "")
    to = field(world.sent("copy")[0], "reply-to").strip("<>")
    assert isinstance(world.reply(mail(f"Ann <{ANN}>", to=to, body=body), to), str)


def take(world: World) -> list[Taken]:
    with world.database.move(Move.TAKE) as unit:
        return outbox.take(unit, world.now, timedelta(minutes=1), 10)


def end(world: World, taken: Taken, response: Response) -> str:
    with world.database.move(Move.SETTLE) as unit:
        return settle(unit, Ending(taken, response, SCHEDULE, 0.5, world.office, world.signer, world.now))


def report(sent: SimpleNamespace) -> SimpleNamespace:
    """A notice as the standard library reads it."""
    read = message_from_bytes(sent.octets, policy=policy.SMTP)
    text, status, told = read.iter_parts()
    about, recipient = status.iter_parts()
    return SimpleNamespace(mail=read, text=text.get_content(), about=about, recipient=recipient, told=told)


def told(world: World) -> list[SimpleNamespace]:
    return [report(sent) for sent in world.sent("notice")]


@pytest.mark.parametrize(
    ("notify", "response", "action"),
    [
        # Nothing asked for: failures are told, arrivals are not.
        ((), REFUSED, "failed"),
        ((), RELAYED, None),
        ((), FILED, None),
        # Arrivals, where the next host reports nothing itself.
        (("SUCCESS",), RELAYED, "relayed"),
        (("SUCCESS",), FILED, "delivered"),
        (("SUCCESS",), PASSED_ON, None),
        (("SUCCESS", "FAILURE"), REFUSED, "failed"),
        # No word of failures among the wishes, or of anything.
        (("SUCCESS",), REFUSED, None),
        (("DELAY",), REFUSED, None),
        (("NEVER",), REFUSED, None),
        (("NEVER",), RELAYED, None),
        (("FAILURE",), REFUSED, "failed"),
    ],
)
def test_the_wish_decides(world: World, notify: tuple[str, ...], response: Response, action: str | None) -> None:
    written(world, notify=notify)
    (taken,) = take(world)
    end(world, taken, response)
    assert [one.recipient["Action"] for one in told(world)] == ([action] if action else [])
    # The team sees a failure whatever the agent wished.
    noted = [kind for _, kind, _ in world.case(1).events if kind == "not_delivered"]
    assert noted == (["not_delivered"] if response is REFUSED else [])


def test_a_notice_has_every_field_and_goes_to_the_agent_alone(world: World) -> None:
    written(world, envid="ann+2Bs-laptop", orcpt="rfc822;Carl+2Bx@customer.example", notify=("SUCCESS",))
    (taken,) = take(world)
    end(world, taken, RELAYED)
    (sent,) = world.sent("notice")
    assert (sent.to, sent.reverse_path) == ([str(ANN)], "")
    (one,) = told(world)
    assert one.mail["Subject"] == "Relayed: your reply in case 1"
    assert dict(one.about) == {
        "Original-Envelope-Id": "ann+s-laptop",
        "Reporting-MTA": "dns; gw.example",
        "Arrival-Date": one.about["Arrival-Date"],
    }
    assert dict(one.recipient) == {
        "Original-Recipient": "rfc822; Carl+x@customer.example",
        "Final-Recipient": f"rfc822; {CARL}",
        "Action": "relayed",
        "Status": "2.0.0",
        "Last-Attempt-Date": one.recipient["Last-Attempt-Date"],
    }
    assert one.told.get_content_type() == "text/rfc822-headers"


def test_what_leaves_to_the_customer_holds_nothing_of_the_agents_wishes(world: World) -> None:
    written(world, envid="canary-laptop", orcpt="rfc822;canary@private.example", notify=("SUCCESS",), ret="FULL")
    (sent,) = world.sent("reply")
    assert b"canary" not in sent.octets
    assert (sent.ret, sent.envid) == ("FULL", "canary-laptop")  # kept for the notices


@pytest.mark.parametrize(
    ("ret", "response", "octets", "is_whole"),
    [
        ("", REFUSED, 0, False),
        ("HDRS", REFUSED, 0, False),
        ("FULL", REFUSED, 0, True),
        # RFC 3461 §4.3: FULL is for failures alone; and a report is bounded.
        ("FULL", FILED, 0, False),
        ("FULL", REFUSED, FULL_OCTETS, False),
    ],
)
def test_ret_decides_what_is_told_again(
    world: World, ret: str, response: Response, octets: int, is_whole: bool
) -> None:
    line = "x" * 70 + "\r\n"
    written(world, "canary words\r\n" + line * (octets // len(line)), ret=ret, notify=("SUCCESS", "FAILURE"))
    (taken,) = take(world)
    end(world, taken, response)
    (one,) = told(world)
    (sent,) = world.sent("notice")
    assert one.told.get_content_type() == ("message/rfc822" if is_whole else "text/rfc822-headers")
    assert (b"canary words" in sent.octets) == is_whole
    assert (world.sent("reply")[0].octets in sent.octets) == is_whole
    assert b"support@firm.example" in sent.octets


@pytest.mark.parametrize(
    ("notify", "is_told"),
    [
        # RFC 3461 §4.1 leaves it to us where nothing was asked for: whoever writes wants to know.
        ((), True),
        (("DELAY",), True),
        (("FAILURE",), False),
        (("NEVER",), False),
    ],
)
def test_a_long_delay_is_told_once(world: World, notify: tuple[str, ...], is_told: bool) -> None:
    written(world, notify=notify)
    began = world.now
    for _ in range(8):  # an attempt an hour
        (taken,) = [one for one in take(world) if one.address == CARL]
        assert end(world, taken, LATER) == "deferred"
        world.clock.advance(3700)
    reports = told(world)
    assert len(reports) == is_told
    assert [kind for _, kind, _ in world.case(1).events if kind == "delayed"] == ["delayed"]
    for one in reports:
        assert (one.recipient["Action"], one.recipient["Status"]) == ("delayed", "4.2.0")
        assert one.recipient["Diagnostic-Code"] == "smtp; 450 4.2.0 Later"
        assert _near(one.recipient["Will-Retry-Until"], began + timedelta(days=4))
        assert _near(one.recipient["Last-Attempt-Date"], began + timedelta(seconds=4 * 3700))


def _near(text: str, instant: datetime) -> bool:
    return abs(parsedate_to_datetime(text) - instant) < timedelta(minutes=1)


def test_a_short_delay_is_not_told(world: World) -> None:
    written(world, notify=("DELAY",))
    world.clock.advance(3 * 3600)
    (taken,) = take(world)
    assert end(world, taken, LATER) == "deferred"
    assert told(world) == []


@pytest.mark.parametrize("response", [REFUSED, RELAYED], ids=["failed", "relayed"])
def test_an_ending_that_comes_twice_is_told_once(world: World, response: Response) -> None:
    written(world, notify=("SUCCESS", "FAILURE"))
    (taken,) = take(world)
    assert end(world, taken, response) != "lost"
    assert end(world, taken, response) == "lost"
    assert len(told(world)) == 1


def test_a_wish_holds_for_each_recipient_and_no_other(world: World) -> None:
    world.carl()
    to = field(world.sent("copy")[0], "reply-to").strip("<>")
    world.wish = Wish(("NEVER",), "rfc822;x@customer.example")
    world.reply(mail(f"Ann <{ANN}>", to=f"{to}, dora@other.example"), to, "dora@other.example")
    wishes = {one.address: one.wish for one in take(world)}
    assert wishes[CARL] == wishes["dora@other.example"] == world.wish
    assert wishes[str(ANN)] == Wish()  # her copy of Carl's mail is ours, not hers


def test_notices_and_copies_are_never_told_about(world: World) -> None:
    written(world, notify=("SUCCESS", "FAILURE"))
    (taken,) = take(world)
    end(world, taken, REFUSED)
    (notice,) = take(world)
    end(world, notice, FILED)
    assert len(world.sent("notice")) == 1
