# SPDX-License-Identifier: Apache-2.0
"""Whoever is first with a copy of a customer's signed mail does not keep the customer's own from being heard."""

import pytest

from tests.handlers.verbs.test_sent_on import MALLORY, ORDINARY, sent_on, signed, solve
from tests.support.office import ANN, World, field, mail


def answered(world: World) -> bytes:
    """The customer's signed answer to a reply of ours, still on its way; the case is solved meanwhile."""
    world.carl()
    to = field(world.sent("copy")[-1], "reply-to").strip("<>")
    world.reply(mail(str(ANN), to=to), to)
    ours = field(world.sent("reply")[-1], "message-id")
    solve(world, 1)
    return signed(mail(in_reply_to=ours, body="I cancel the contract"), (*ORDINARY, b"in-reply-to"))


def assert_is_heard(world: World, octets: bytes) -> None:
    own = world.receive(octets)
    assert (own.case.number, own.proof, world.case(1).status) == (1, "proven", "open")
    assert world.sent("copy")[-1].message_seq == own.seq
    assert b"I cancel the contract" in world.sent("copy")[-1].octets


# Fields that no signature covers, and what they make of the copy.
ABOVE = {
    "a machine's mail, which opens nothing": "Auto-Submitted: auto-replied\r\n",
    "a report": "Content-Type: multipart/report; report-type=delivery-status; boundary=x\r\n",
    "a mail of which nothing is shown": "Content-Type: multipart/mixed; boundary=zzz\r\n",
}


@pytest.mark.parametrize("above", ABOVE.values(), ids=ABOVE)
def test_after_a_copy_that_another_field_made_something_else(world: World, above: str) -> None:
    octets = answered(world)
    sent_on(world, above, octets)
    assert_is_heard(world, octets)


def test_after_a_copy_with_other_words_under_the_same_signature(world: World) -> None:
    octets = answered(world)
    world.vouched = True
    forged = octets.replace(b"I cancel the contract", b"I am so happy with it")
    assert world.receive(forged, sender=MALLORY).proof == "likely"
    world.vouched = False
    assert_is_heard(world, octets)


def test_the_same_words_of_another_day_are_another_mail(world: World) -> None:
    token = world.carl().token
    for number, day in enumerate(("22", "23")):
        if number:
            solve(world, 1)
            world.clock.advance(86_400)
        octets = mail(subject=f"[{token}] Disk full", date=f"Sun, {day} Nov 2026 12:00:00 +0000")
        sent_on(world, "", signed(octets, (b"from", b"to", b"subject")))
        assert world.case(1).status in ("new", "open")
