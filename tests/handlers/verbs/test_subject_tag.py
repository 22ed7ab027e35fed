# SPDX-License-Identifier: Apache-2.0
"""The thread ID in the subject, where the address wants it: from the team's first reply on, once, and not in copies."""

from dataclasses import replace

import pytest

from handlers.headers import decode_text
from storage.case_values import Handling
from storage.envelope import Wish
from tests.support.office import ANN, CARL, DESK, World, field, mail

ON = replace(
    DESK,
    addresses=tuple(
        replace(one, handling=Handling(subject_tag=True)) if str(one.address) == "support@firm.example" else one
        for one in DESK.addresses
    ),
)


def answered(world: World, subject: str) -> str:
    """The subject under which the customer gets the agent's answer to the latest copy."""
    to = field(world.sent("copy")[-1], "reply-to")
    sent = world.reply(mail(f"Ann <{ANN}>", to=to, subject=subject), to)
    assert isinstance(sent, str), sent
    return decode_text(world.sent("reply")[-1].head.first(b"subject") or b"")


@pytest.mark.parametrize(
    ("subject", "shown"),
    [
        ("Re: Broken", "Re: [{0}] Broken"),
        ("Broken", "[{0}] Broken"),
        ("", "[{0}]"),
        # What the agent's client kept is not doubled.
        ("Re: [{0}] Broken", "Re: [{0}] Broken"),
        ("Re: Broken {0}", "Re: Broken {0}"),
        # In any charset, however long.
        ("Re: Größe – 障害", "Re: [{0}] Größe – 障害"),
        ("=?iso-8859-1?q?Re:_Gr=F6=DFe?=", "Re: [{0}] Größe"),
        ("Re: " + "long " * 100, "Re: [{0}] " + "long " * 99 + "long"),
    ],
)
def test_a_reply_carries_it_once(world: World, subject: str, shown: str) -> None:
    world.apply(ON)
    first = world.carl()
    assert answered(world, subject.format(first.token)) == shown.format(first.token)
    assert field(world.sent("reply")[-1], "x-casegate-thread") == first.token
    assert max(map(len, world.sent("reply")[-1].octets.split(b"\r\n"))) < 998


def test_without_the_wish_only_the_header_section_has_it(world: World) -> None:
    first = world.carl()
    assert answered(world, "Re: Broken") == "Re: Broken"
    assert field(world.sent("reply")[-1], "x-casegate-thread") == first.token


def test_what_leaves_before_the_teams_first_reply_has_none(world: World) -> None:
    """As Bright Pattern does; the acknowledgement tells the number, and the ID in its text."""
    world.apply(ON)
    world.wish = Wish(("SUCCESS",))
    first = world.carl()
    early = [field(one, "subject") for one in (*world.sent("acknowledgement"), *world.sent("confirmation"))]
    assert (len(early), any(first.token in one for one in early)) == (2, False)
    assert first.token.encode() in world.sent("acknowledgement")[0].octets
    answered(world, "Re: Broken")
    world.carl(in_reply_to=field(world.sent("reply")[-1], "message-id"))
    assert f"[{first.token}]" in field(world.sent("confirmation")[-1], "subject")


def test_agents_read_their_copies_without_it(world: World) -> None:
    world.apply(ON)
    shown = answered(world, f"Re: {world.carl().subject}")
    again = world.carl(subject=f"AW: {shown}")
    assert again.case.number == 1
    assert field(world.sent("copy")[-1], "subject") == "AW: Re: Broken"
    spoofed = world.receive(mail(subject=f"AW: {shown}"))
    assert spoofed.case.number == 2
    assert field(world.sent("copy")[-1], "subject").startswith("[unverified] AW: Re: ")


def test_what_cannot_be_rewritten_is_refused_and_not_sent_without_it(world: World) -> None:
    world.apply(ON)
    world.carl()
    to = field(world.sent("copy")[-1], "reply-to")
    signed = mail(f"Ann <{ANN}>", to=to, content_type='multipart/signed; boundary="x"')
    assert str(world.reply(signed, to)).startswith("554")
    assert world.sent("reply") == []


def test_the_customers_answer_under_that_subject_alone_finds_the_case(world: World) -> None:
    world.apply(ON)
    world.carl()
    shown = answered(world, "Re: Broken")
    assert world.carl(subject=f"RE: {shown}", author=f"Carl <{CARL}>").case.number == 1
