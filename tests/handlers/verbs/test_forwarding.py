# SPDX-License-Identifier: Apache-2.0
"""What an agent passes on to a routing address becomes the case of the one who wrote it; nobody else can do that."""

import json

import pytest

from storage import contacts
from tests.support.office import ANN, CARL, SUPPORT, World, field, mail, sign

BLOCK = (
    "Please take this one, he is annoyed.\r\n\r\n---------- Forwarded message ---------\r\n"
    f"From: Carl Customer <{CARL}>\r\nDate: Mon, Nov 23, 2026 at 10:00 AM\r\nSubject: Broken tractor\r\n"
    f"To: Ann Doe <{ANN}>\r\n\r\nHello,\r\nit is broken.\r\n"
)
AUTHOR = f"Ann Doe <{ANN}>"


def passed_on(world: World, body: str = BLOCK, subject: str = "Fwd: Broken tractor", **fields: str):
    """Ann's mail from her private address, signed by its domain."""
    octets = sign(mail(AUTHOR, body, subject=subject, **fields), ANN.domain)
    return world.receive(octets, str(SUPPORT), sender=str(ANN))


def known(world: World, key: str = CARL) -> bool:
    with world.database.read() as unit:
        return contacts.is_known_contact(unit, key)


def test_the_case_is_the_original_authors(world: World) -> None:
    found = passed_on(world)
    case = world.case(1)
    assert (case.contact_name, case.contact_address, case.subject) == ("Carl Customer", CARL, "Broken tractor")
    assert world.participants(found.token) == {CARL}
    assert known(world)
    assert not known(world, ANN.key)
    assert (found.author_address, found.subject) == (CARL, "Broken tractor")


def test_the_timeline_tells_who_passed_it_on_and_the_words_above_are_a_comment(world: World) -> None:
    found = passed_on(world)
    told = [(actor, kind, detail) for actor, kind, detail in world.case(1).events if actor == "agent:ann"]
    when = "Mon, Nov 23, 2026 at 10:00 AM"
    assert told[0] == ("agent:ann", "forwarded", {"message": found.id, "from": CARL, "date": when})
    assert [kind for _, kind, _ in told] == ["forwarded", "comment"]
    assert any(one[2].startswith("agent ann passed") for one in json.loads(found.trace)["notes"])


def test_an_answer_goes_to_the_original_author_and_names_the_agents_address_nowhere(world: World) -> None:
    passed_on(world)
    copy = world.sent("copy")[0]
    assert copy.to == [str(ANN)]
    quoted = BLOCK.replace("\r\n", "\r\n> ")
    back = {"to": field(copy, "reply-to"), "in_reply_to": field(copy, "message-id")}
    answer = mail(AUTHOR, f"We come on Monday.\r\n\r\n> {quoted}", subject="Re: Broken tractor", **back)
    world.reply(answer, field(copy, "reply-to"))
    sent = world.sent("reply")[0]
    assert sent.to == [CARL]
    assert str(ANN).encode() not in sent.octets
    assert not world.sent("acknowledgement")  # Carl wrote no mail to us


def test_later_mail_of_the_original_author_joins_by_our_answer(world: World) -> None:
    passed_on(world)
    copy = world.sent("copy")[0]
    world.reply(mail(AUTHOR, "Yes?", to=field(copy, "reply-to")), field(copy, "reply-to"))
    found = world.carl(in_reply_to=field(world.sent("reply")[0], "message-id"))
    assert (found.case.number, found.proof) == (1, "proven")


def test_an_attached_mail_is_passed_on_too(world: World) -> None:
    body = (
        "--b\r\n\r\nFor you.\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n"
        f"From: Carl Customer <{CARL}>\r\nSubject: Broken plough\r\n\r\nIt is broken.\r\n--b--\r\n"
    )
    passed_on(world, body, "See attached", content_type="multipart/mixed; boundary=b", mime_version="1.0")
    assert (world.case(1).contact_address, world.case(1).subject) == (CARL, "Broken plough")


# What makes it a mail like any other: the agent's own.
NOT_PASSED_ON = {
    # nothing says that it is passed on
    "an answer with the old mail below": {"subject": "Re: Broken tractor", "body": BLOCK.replace("Forw", "")},
    # who writes to others too does not hand it over to us alone
    "to somebody else as well": {"cc": "Vera <vera@known.example>"},
    # no address, no contact
    "an author without an address": {"body": BLOCK.replace(f" <{CARL}>", "")},
    # nobody makes a colleague a customer
    "a colleague's mail": {"body": BLOCK.replace(CARL, "bob.roe@private.example")},
    # nor one of our own addresses
    "our own mail": {"body": BLOCK.replace(CARL, str(SUPPORT))},
    "two authors": {"body": BLOCK.replace(f"<{CARL}>", f"<{CARL}>, Eve <eve@other.example>")},
}  # fmt: skip


@pytest.mark.parametrize("name", NOT_PASSED_ON)
def test_any_other_mail_of_an_agent_names_nobody_else(world: World, name: str) -> None:
    found = passed_on(world, **NOT_PASSED_ON[name])
    assert found.case.contact_address != CARL
    assert not known(world)
    assert "forwarded" not in [kind for _, kind, _ in world.case(1).events]


@pytest.mark.parametrize("domain", ["", "evil.example"])
def test_who_only_claims_to_be_the_agent_makes_nobody_a_contact(world: World, domain: str) -> None:
    octets = mail(AUTHOR, BLOCK, subject="Fwd: Broken tractor")
    found = world.receive(sign(octets, domain) if domain else octets, str(SUPPORT), sender="eve@evil.example")
    assert found.case.contact_address != CARL
    assert not known(world)
    assert CARL not in world.participants(found.token)


def test_a_customers_forward_is_the_customers_mail(world: World) -> None:
    found = world.carl(author="Eve <eve@other.example>", subject="Fwd: Broken tractor", body=BLOCK)
    assert found.case.contact_address == "eve@other.example"
    assert not known(world)


def test_the_agents_own_id_stays_inside_also_where_it_names_them(world: World) -> None:
    for number, own in enumerate(("<secret.ann@private.example>", f"<x.{ANN}>")):
        passed_on(world, message_id=own)
        copy = world.sent("copy")[-1]
        back = {"to": field(copy, "reply-to"), "in_reply_to": field(copy, "message-id")}
        assert isinstance(world.reply(mail(AUTHOR, "Hello.", **back), field(copy, "reply-to")), str)
        assert b"private.example" not in world.sent("reply")[number].octets


# What stands above the agent's signed mail when another sends it to us.
ABOVE = {
    "a second To": b"To: support@firm.example\r\n",
    "many of To": b"To: " + b",\r\n ".join([b"support@firm.example"] * 200) + b"\r\n",
    "a To beyond what is read": b"To: support@firm.example" + (b"\r\n " + b" " * 60) * 300 + b"\r\n",
    "a Cc": b"Cc: support@firm.example\r\n",
    "a second subject": b"Subject: Fwd: Broken tractor\r\n",
    "another reading of the text": b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-7\r\n",
}


@pytest.mark.parametrize("name", ABOVE)
@pytest.mark.parametrize("to", [str(SUPPORT), "Mallory <mallory@evil.example>"])
def test_what_an_agent_wrote_is_not_made_a_forward_by_others(world: World, name: str, to: str) -> None:
    octets = sign(mail(AUTHOR, BLOCK, subject="Fwd: Broken tractor", to=to), ANN.domain)
    world.receive(ABOVE[name] + octets, str(SUPPORT), sender="eve@evil.example")
    assert not known(world)


def test_an_old_mail_of_the_agents_is_no_forward(world: World) -> None:
    world.clock.advance(86_400 * 2)
    passed_on(world)
    assert not known(world)


@pytest.mark.parametrize("who", ["support+x@firm.example", "ann.doe+x@private.example", "new@gw.example"])
def test_an_address_of_ours_with_a_tag_is_no_customer(world: World, who: str) -> None:
    found = passed_on(world, BLOCK.replace(CARL, who))
    assert not known(world, who)
    assert found.case.contact_address != who
