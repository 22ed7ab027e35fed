# SPDX-License-Identifier: Apache-2.0
"""What goes on to a host that offers DSN, and who reports an arrival (RFC 3461 §5.2)."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.routes.maildir import MaildirRoute
from gateway.routes.session import Dialler, Limits
from gateway.routes.smarthost import SmarthostRoute
from handlers.ports import Departure
from storage.envelope import Wish
from tests.support.contents import whole
from tests.support.fake_mx import FakeMx

BOB, EVE, UMLAUT = "bob+1@far.example", "eve@far.example", "b\u00f6b@far.example"
BOUNCES = "b.x@gw.example"
ASKED = Departure(
    "row-1",
    BOUNCES,
    (BOB, EVE, UMLAUT),
    whole(b"Subject: dsn\r\n\r\nHello\r\n"),
    ret="FULL",
    envid="row-1",
    wishes={
        BOB: Wish(("SUCCESS", "DELAY"), "rfc822;canary-secret@gw.example"),
        UMLAUT: Wish((), "utf-8;canary@private.example"),
    },
)
PLAIN = Departure("row-2", BOUNCES, (BOB,), whole(b"Subject: plain\r\n\r\nHello\r\n"))


@pytest.fixture
def far() -> Iterator[FakeMx]:
    with FakeMx(extensions=("DSN",)) as server:
        yield server


def send(server: FakeMx, departure: Departure):
    dialler = Dialler("gw.example", Limits(2.0, 2.0, 2.0, 5.0))
    return asyncio.run(SmarthostRoute(f"smtp://{server.address}", dialler).send(departure))


def envelope(server: FakeMx) -> list[str]:
    return [line for line in server.commands if line.startswith(("MAIL", "RCPT"))]


def test_a_host_with_dsn_gets_the_wishes_and_our_own_names(far: FakeMx) -> None:
    responses = send(far, ASKED)
    assert envelope(far) == [
        f"MAIL FROM:<{BOUNCES}> SMTPUTF8 RET=FULL ENVID=row-1",
        # Each its own wish; ORCPT is the address that stands in TO, whatever the agent's client called it.
        f"RCPT TO:<{BOB}> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;bob+2B1@far.example",
        f"RCPT TO:<{EVE}>",
        f"RCPT TO:<{UMLAUT}> ORCPT=utf-8;b\\x{{F6}}b@far.example",
    ]
    assert "canary" not in "".join(far.commands)
    assert {response.action for response in responses.values()} == {""}


def test_a_host_without_dsn_hears_nothing_of_it(far: FakeMx) -> None:
    far.extensions = ()
    responses = send(far, ASKED)
    assert envelope(far) == [
        f"MAIL FROM:<{BOUNCES}> SMTPUTF8",
        *(f"RCPT TO:<{one}>" for one in (BOB, EVE, UMLAUT)),
    ]
    assert {response.action for response in responses.values()} == {"relayed"}


def test_a_mail_without_wishes_asks_for_nothing(far: FakeMx) -> None:
    send(far, PLAIN)
    assert envelope(far) == [f"MAIL FROM:<{BOUNCES}>", f"RCPT TO:<{BOB}>"]


@pytest.mark.parametrize("refused", ["RCPT", "DATA", "CONTENT"])
def test_what_was_not_taken_was_not_relayed(far: FakeMx, refused: str) -> None:
    far.extensions = ()
    far.script = {refused: "550 5.7.1 no"}
    (response,) = send(far, PLAIN).values()
    assert (response.code, response.is_permanent) == (550, True)


def test_the_maildir_delivers(tmp_path: Path) -> None:
    responses = asyncio.run(MaildirRoute(tmp_path).send(ASKED))
    assert {(response.code, response.action) for response in responses.values()} == {(250, "delivered")}
