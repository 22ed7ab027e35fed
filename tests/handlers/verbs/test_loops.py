# SPDX-License-Identifier: Apache-2.0
"""Mail of ours that comes back is known, whatever a host on the way rewrites; people's answers to it go through."""

import re
from dataclasses import replace
from typing import Any

import pytest

from gateway.rates import SharedRates
from handlers.classification import Class
from handlers.subject import Dnsbl
from handlers.tokens import message_id, new_thread_id
from storage.blocks import Block
from storage.desk_values import Policy
from storage.response import (
    R450_OVER_RATE,
    R550_LISTED,
    R550_NOT_ALLOWED,
    R552_TOO_BIG_FOR_ADDRESS,
    R554_ATTACHMENT,
    R554_TOO_MANY_HOPS,
    Response,
)
from tests.support.office import CARL, DESK, KEYS, SUPPORT, World, field, mail, sign


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


def through(hosts: int, octets: bytes = b"") -> bytes:
    return b"Received: from a by b; Sun, 22 Nov 2026 12:00:00 +0000\r\n" * hosts + (octets or mail())


def test_more_hosts_than_any_way_has_are_refused_and_in_annotate_mode_held(world: World) -> None:
    assert world.judged(through(50)).classification is Class.PERSON
    judged = world.judged(through(51))
    assert (judged.classification, judged.refusal) == (Class.LOOP, R554_TOO_MANY_HOPS)
    assert "more than 50 Received fields" in judged.refused[0].reason
    world.annotate = True
    judged = world.judged(through(51))
    assert (judged.refusal, judged.disposition) == (None, "quarantine")
    assert "more than 50 Received fields" in judged.reason


def test_a_mail_of_ours_is_held_however_many_hosts_it_has_been_through(world: World) -> None:
    """Its refusal would come back as a bounce, so who may write is not asked either."""
    left = all_that_leaves(world)
    strict(world, Policy("known_contacts", "reject", dmarc_none="reject"))
    for octets in (left["reply"], through(51, left["reply"])):
        judged = world.judged(octets, sender="ann.doe@private.example")
        assert (judged.refusal, judged.disposition) == (None, "quarantine")
        assert "a mail of ours came back, its message-id is one that only we can make" in judged.reason
        assert judged.verdicts[0].reason == judged.reason


def strict(world: World, policy: Policy, **more: Any) -> None:
    """support@ has this policy."""
    support = replace(DESK.addresses[0], policy=policy)
    world.apply(replace(DESK, addresses=(support, *DESK.addresses[1:]), **more))


def faked(kind: str) -> tuple[bytes, str]:
    """A stranger's mail with an attachment that bears a sign of mail that goes round, and what it would come to."""
    fields = {"content_type": "application/octet-stream; name=a.exe", "body": "x" * 3000}
    if kind == "mark":
        mark = message_id(KEYS, new_thread_id(KEYS), "a" * 20)
        return mail(CARL, x_casegate_loop=f"<{mark}>", **fields), "quarantine"
    return mail("Ann <ann.doe@private.example>", auto_submitted="auto-replied", **fields), "discard"


@pytest.mark.parametrize("kind", ["mark", "agent"])
@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (Policy(), None),
        # Who wrote it is not asked.
        (Policy("known_contacts", "reject"), None),
        # All else holds as for any mail.
        (Policy(max_size=1000), R552_TOO_BIG_FOR_ADDRESS),
        (Policy(forbid_attachments=(".exe",)), R554_ATTACHMENT),
    ],
)
def test_a_sign_that_anybody_can_fake_switches_no_policy_off(
    world: World, kind: str, policy: Policy, expected: Response | None
) -> None:
    octets, disposition = faked(kind)
    strict(world, policy)
    judged = world.judged(octets)
    assert judged.refusal == expected
    assert expected or judged.disposition == disposition


@pytest.mark.parametrize("kind", ["mark", "agent"])
def test_blocks_lists_and_rates_hold_for_mail_that_goes_round(world: World, kind: str) -> None:
    octets, disposition = faked(kind)
    strict(world, Policy(), blocks=(Block("192.0.2.7"),))
    world.session = replace(world.session, peer="192.0.2.7")
    judged = world.judged(octets)
    assert judged.refusal == R550_NOT_ALLOWED
    assert "the client is blocked" in judged.refused[0].reason
    world.session = replace(world.session, peer="192.0.2.1")
    world.dnsbl = (Dnsbl("hard.example"),)
    strict(world, Policy(rate_total="2/h"))
    world.hosts["1.2.0.192.hard.example"] = "127.0.0.4"
    assert world.judged(octets).refusal == R550_LISTED
    world.hosts.clear()
    rates = SharedRates()
    world.rates = rates
    judged = [world.judged(octets) for _ in range(3)]
    assert [one.disposition for one in judged[:2]] == [disposition] * 2
    assert judged[2].refusal == R450_OVER_RATE
    rates.close()
