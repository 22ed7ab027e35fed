# SPDX-License-Identifier: Apache-2.0
"""Mail of ours that comes back is known, whatever a host on the way rewrites; people's answers to it go through."""

import re

import pytest

from handlers.classification import Class
from tests.support.office import CARL, SUPPORT, World, field, mail, sign


def all_that_leaves(world: World) -> dict[str, bytes]:
    """One mail of each kind, of one case: the agent's copy, the acknowledgement, the agent's reply."""
    world.carl()
    copy = world.sent("copy")[0]
    answer = mail(
        "Ann Doe <ann.doe@private.example>",
        to=field(copy, "reply-to"),
        subject="Re: Broken",
        in_reply_to=field(copy, "message-id"),
    )
    world.reply(answer, field(copy, "reply-to"))
    return {one.kind: one.octets for one in world.sent()}


def test_whatever_leaves_is_known_when_it_comes_back(world: World) -> None:
    left = all_that_leaves(world)
    assert {"copy", "acknowledgement", "reply"} <= left.keys()
    for kind, octets in left.items():
        judged = world.judged(octets, sender="ann.doe@private.example")
        assert (judged.classification, judged.disposition) == (Class.LOOP, "quarantine"), kind
        # Some hosts write a Message-ID of their own.
        renamed = re.sub(rb"(?mi)^message-id:.*\r\n", b"Message-ID: <0100@email.forwarder.example>\r\n", octets)
        assert world.judged(renamed, sender="ann.doe@private.example").classification is Class.LOOP, kind


@pytest.mark.parametrize("name", ["message-id", "x-casegate-loop"])
def test_a_mark_that_is_not_ours_stops_nobody(world: World, name: str) -> None:
    all_that_leaves(world)
    ours = field(world.sent("reply")[0], "message-id")
    first, rest = ours[1], ours[2:]
    forged = f"<{'a' if first != 'a' else 'b'}{rest}"
    for value in (forged, ours.replace("gw.example", "elsewhere.example"), "<x@gw.example>", "yes", ""):
        judged = world.judged(mail(**{name.replace("-", "_"): value}))
        assert judged.classification is not Class.LOOP, value


def test_an_answer_to_our_mail_is_no_loop_whatever_it_quotes(world: World) -> None:
    left = all_that_leaves(world)
    reply = world.sent("reply")[0]
    ours = field(reply, "message-id")
    quoted = b"> ".join(left["reply"].splitlines(keepends=True)).decode("utf-8", "replace")
    answer = sign(
        mail(
            in_reply_to=ours,
            references=ours,
            subject="Re: Broken",
            x_casegate_thread=field(reply, "x-casegate-thread"),
            body=f"Thanks!\r\n> {quoted}",
        ),
        "customer.example",
    )
    judged = world.judged(answer, str(SUPPORT), sender=CARL)
    assert (judged.classification, judged.disposition) == (Class.PERSON, "accept")
    forwarded = mail(content_type="message/rfc822", body=left["reply"].decode("utf-8", "replace"))
    assert world.judged(forwarded).classification is not Class.LOOP


def test_more_hosts_than_any_way_has_are_a_loop(world: World) -> None:
    def through(hosts: int) -> bytes:
        return b"Received: from a by b; Sun, 22 Nov 2026 12:00:00 +0000\r\n" * hosts + mail()

    assert world.judged(through(50)).classification is Class.PERSON
    assert world.judged(through(51)).disposition == "quarantine"
