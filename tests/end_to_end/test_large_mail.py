# SPDX-License-Identifier: Apache-2.0
"""A mail too large to be held in memory: taken, verified, kept to the octet and worked; or not a trace of it."""

import pytest
from sqlalchemy import func, select

from storage.schema import content
from tests.end_to_end.conftest import World
from tests.support.people import accepted_id, mail
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow

LINES = "A line of words  that\tgoes on, with a dot to stuff:\n.\n" * 40_000


@pytest.mark.parametrize("form", ["relaxed/relaxed", "simple/simple"])
def test_a_large_mail_is_verified_and_kept_octet_for_octet(world: World, form: str) -> None:
    carl = world.customer()
    body = f"{LINES}Large, {carl.domain}, {form}."
    sent = carl.signer.sign(mail(carl.author, "support@firm.example", "Broken tractor", body), form)
    message_id = accepted_id(carl.send(sent))
    assert world.installation.octets("message", "raw", message_id) == sent
    assert [one["result"] for one in world.installation.message(message_id)["authentication"]["dkim"]] == ["pass"]
    assert wait_until(lambda: world.installation.message(message_id)["case"], "the case")


def test_of_a_large_mail_whose_client_left_nothing_is_kept(world: World) -> None:
    carl = world.customer()
    before = _arriving(world)
    with world.installation.mx() as session:
        for line in (f"MAIL FROM:<{carl.address}>", "RCPT TO:<support@firm.example>", "DATA"):
            assert session.command(line).code < 400
        session.send(carl.compose("Broken tractor") + b"words\r\n" * 100_000)
        wait_until(lambda: _arriving(world) > before, "the first chunk")
    wait_until(lambda: _arriving(world) == before, "the chunks to go")


def _arriving(world: World) -> int:
    with world.installation.read() as unit:
        asked = select(func.count()).select_from(content).where(content.c.state == "arriving")
        return int(unit.execute(asked).scalar_one())
