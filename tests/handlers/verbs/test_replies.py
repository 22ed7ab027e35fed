# SPDX-License-Identifier: Apache-2.0
"""An agent's reply: what it is taken for, whom it reaches, and that nothing of the agent leaves with it."""

import base64
import quopri
from dataclasses import replace
from datetime import timedelta

import pytest

from handlers import tokens
from handlers.signing import SigningFailed
from storage.desk_values import Policy
from storage.response import (
    R451_NO_SIGNATURE,
    R550_COLLEAGUE,
    R550_NO_SUCH_ADDRESS,
    R550_USE_SUBMISSION,
    R554_AUTOMATIC,
    R554_NO_AUTHOR,
    R554_NOT_A_REPLY,
    R554_TWO_CASES,
)
from tests.support.office import (
    ANN,
    CARL,
    DESK,
    KEYS,
    SUPPORT,
    World,
    address,
    customer_address,
    field,
    mail,
    sign,
    verifies,
)

AGENT = f"Ann Doe <{ANN}>"
CANARIES = ("private.example", "ann.doe", "canary-host", "canary-agent/7", "198.51.100.7", "canary-login")


def opened(world: World) -> tuple[object, object]:
    """Carl's first mail and Ann's copy of it."""
    found = world.carl()
    return found, world.sent("copy")[-1]


def answer(copy: object, **fields: str) -> bytes:
    """What Ann's client makes of the copy."""
    given = {"to": field(copy, "reply-to"), "in_reply_to": field(copy, "message-id")}
    given |= {"message_id": "<ann1@canary-host.example>", "user_agent": "Canary-Agent/7"}
    return mail(AGENT, **(given | fields))


def to_of(copy: object) -> str:
    return field(copy, "reply-to").strip("<>")


def test_a_reply_to_the_signed_address_goes_to_the_customer_in_the_teams_name(world: World) -> None:
    first, copy = opened(world)
    assert isinstance(world.reply(answer(copy), to_of(copy)), str)
    (reply,) = world.sent("reply")
    assert reply.to == [CARL]
    assert field(reply, "from") == "Firm Support <support@firm.example>"
    assert field(reply, "to") == f"Carl Customer <{CARL}>"
    assert field(reply, "in-reply-to") == f"<{first.message_id}>"
    assert field(reply, "references") == f"<{first.message_id}>"
    assert field(reply, "x-casegate-thread") == first.token
    assert b"Ann, Firm Support" in reply.octets
    assert tokens.read_bounce_address(KEYS, reply.reverse_path.partition("@")[0]).thread_id == first.token
    assert verifies(reply.octets, world.signer) == [True, True]
    case = world.case(1)
    assert (case.status, case.owner) == ("pending", "ann")
    assert [kind for _, kind, _ in case.events] == ["created", "message", "assigned", "acknowledged", "reply", "status"]


def test_nothing_of_the_agent_leaves(world: World) -> None:
    _, copy = opened(world)
    fields = {
        "received": "from canary-host.example (198.51.100.7) by gw.example; Sun, 22 Nov 2026 12:00:00 +0000",
        "sender": str(ANN),
        "x_originating_ip": "198.51.100.7",
        "x_sender": "canary-login",
        "bcc": "boss@other.example",
        "reply_to": str(ANN),
        "disposition_notification_to": str(ANN),
    }
    body = f"Done.\r\n\r\nOn Sunday {ANN} wrote:\r\n> Hello"
    assert isinstance(world.reply(answer(copy, body=body, **fields), to_of(copy), "boss@other.example"), str)
    (reply,) = world.sent("reply")
    octets = reply.octets.lower()
    texts = [octets, quopri.decodestring(octets)]
    texts += [base64.b64decode(line + b"==") for line in octets.split() if len(line) > 60 and line.isalnum()]
    for canary in (*CANARIES, to_of(copy)):
        assert not any(canary.encode() in text for text in texts), canary
    assert b"boss@other.example" not in octets
    assert sorted(reply.to) == ["boss@other.example", CARL]


@pytest.mark.parametrize("how", ["signed address", "expired address", "thread address", "In-Reply-To", "References"])
def test_a_reply_is_recognised(world: World, how: str) -> None:
    first, copy = opened(world)
    recipient, fields = to_of(copy), {"in_reply_to": ""}
    if how == "expired address":
        world.clock.advance(timedelta(days=500).total_seconds())
    if how == "thread address":
        recipient = tokens.thread_address(KEYS, first.token)
    if how in ("In-Reply-To", "References"):
        recipient = CARL
        fields = {"in_reply_to": "", how.lower().replace("-", "_"): field(copy, "message-id"), "to": CARL}
    assert isinstance(world.reply(answer(copy, **fields), recipient), str)
    assert world.sent("reply")[0].to == [CARL]


def test_what_is_refused_and_why(world: World) -> None:
    first, copy = opened(world)
    second = world.carl(subject="Another")
    other = field(world.sent("copy")[-1], "reply-to")
    assert second.case.number == 2
    # To no case at all; to a case of another team; to two cases at once.
    assert world.reply(mail(AGENT, to=CARL), CARL) == R554_NOT_A_REPLY
    assert world.reply(answer(copy), to_of(copy), login="bob") == R554_NOT_A_REPLY
    assert world.reply(answer(copy), to_of(copy), other) == R554_TWO_CASES
    # A thread ID that nobody has; a customer's address; a colleague's private one; an address that is none.
    nobody = tokens.thread_address(KEYS, tokens.new_thread_id(KEYS))
    assert world.reply(answer(copy), nobody) == R554_NOT_A_REPLY
    assert world.reply(answer(copy), customer_address(first.token)) == R550_NO_SUCH_ADDRESS
    assert world.reply(answer(copy), to_of(copy), "bob.roe@private.example") == R550_COLLEAGUE
    assert world.reply(answer(copy), to_of(copy), '"bob.roe"@private.example') == R550_COLLEAGUE
    assert world.reply(answer(copy), "nobody@gw.example") == R550_NO_SUCH_ADDRESS
    # The agent's address is no way in for a customer.
    assert world.rcpt(to_of(copy)) == R550_USE_SUBMISSION
    assert world.sent("reply") == []


# What Auto-Submitted says, and whether it goes to the customer.
@pytest.mark.parametrize(
    ("said", "goes"),
    [("auto-replied (vacation)", False), ("Auto-Generated; x=y", False), ("auto-forwarded", False), ("No", True)],
)
def test_no_program_of_an_agent_answers_a_customer(world: World, said: str, goes: bool) -> None:
    _, copy = opened(world)
    made = world.reply(answer(copy, subject="Automatic reply: Broken", auto_submitted=said), to_of(copy))
    assert isinstance(made, str) if goes else made == R554_AUTOMATIC
    assert [one.to for one in world.sent("reply")] == ([[CARL]] if goes else [])
    assert (world.case(1).row.responded_at is not None, world.case(1).status == "pending") == (goes, goes)


@pytest.mark.parametrize("extra", [str(ANN), "support@firm.example", "sales@firm.example"])
def test_reply_all_does_not_send_to_the_desk_itself(world: World, extra: str) -> None:
    _, copy = opened(world)
    assert isinstance(world.reply(answer(copy, cc=extra), to_of(copy), extra), str)
    (reply,) = world.sent("reply")
    assert reply.to == [CARL]
    assert str(ANN).encode() not in reply.octets


def test_a_reply_that_would_reach_nobody_outside_is_refused(world: World) -> None:
    _, copy = opened(world)
    refused = world.reply(answer(copy, to=str(ANN)), str(ANN))
    assert refused.code == 554
    assert "nobody outside your desk" in refused.text


@pytest.mark.parametrize("author", ["", "a@customer.example, b@customer.example", "nobody"])
def test_a_case_whose_mail_names_no_author_is_answered_to_whom_the_agent_names(world: World, author: str) -> None:
    world.apply(replace(DESK, policy=Policy(no_author="accept")))
    found = world.receive(mail(author))
    copy = world.sent("copy")[-1]
    assert world.reply(answer(copy), to_of(copy)) == R554_NO_AUTHOR
    assert world.reply(answer(copy), to_of(copy), str(ANN)) == R554_NO_AUTHOR
    assert world.sent("reply") == []

    shown = f"{field(copy, 'reply-to')}, Bea <b@customer.example>"
    assert isinstance(world.reply(answer(copy, to=shown), to_of(copy), "b@customer.example"), str)
    (reply,) = world.sent("reply")
    assert reply.to == ["b@customer.example"]
    assert b"gw.example" not in reply.head.first(b"to")
    assert world.participants(found.token) == {"b@customer.example"}
    # Their answer comes to the address that was made for them, joins, and is answered as any other.
    back = field(reply, "reply-to").strip("<>")
    assert world.carl(back, author="Bea <b@customer.example>").case.number == 1
    copy = world.sent("copy")[-1]
    assert isinstance(world.reply(answer(copy), to_of(copy)), str)
    assert world.sent("reply")[-1].to == ["b@customer.example"]


def test_an_author_whose_name_is_not_encoded_is_answered(world: World) -> None:
    octets = mail("Jorg <j@customer.example>").replace(b"Jorg", b"J\xf6rg")
    world.receive(octets)
    copy = world.sent("copy")[-1]
    assert isinstance(world.reply(answer(copy), to_of(copy)), str)
    assert world.sent("reply")[0].to == ["j@customer.example"]


def test_a_routing_address_in_our_own_domain_is_no_reply_address(world: World) -> None:
    own = replace(DESK.addresses[0], address=address("help@gw.example"))
    world.apply(replace(DESK, addresses=(*DESK.addresses, own)))
    world.carl("help@gw.example", to="help@gw.example")
    copy = world.sent("copy")[-1]
    assert isinstance(world.reply(answer(copy, cc="help@gw.example"), to_of(copy), "help@gw.example"), str)
    (reply,) = world.sent("reply")
    assert (reply.to, field(reply, "cc")) == ([CARL], "help@gw.example")


def test_people_the_agent_writes_to_become_participants_and_known(world: World) -> None:
    first, copy = opened(world)
    world.reply(answer(copy, cc="Dora <dora@other.example>"), to_of(copy), "dora@other.example", "hid@other.example")
    assert world.participants(first.token) == {CARL, "dora@other.example", "hid@other.example"}
    (reply,) = world.sent("reply")
    assert field(reply, "cc") == "Dora <dora@other.example>"
    assert b"hid@other.example" not in reply.octets
    joined = world.carl(customer_address(first.token), author="Dora <dora@other.example>")
    assert (joined.case.number, world.case(1).status) == (1, "open")
    assert world.judged(*_signed_by_dora(), sender="dora@other.example").disposition == "accept"


def _signed_by_dora() -> tuple[bytes, str]:
    return sign(mail("dora@other.example", to="vip@firm.example"), "other.example"), "vip@firm.example"


def test_the_customers_side_and_the_agents_side_each_see_one_thread(world: World) -> None:
    first, copy1 = opened(world)
    world.reply(answer(copy1), to_of(copy1))
    reply1 = world.sent("reply")[-1]
    second = world.carl(to_of_reply(reply1), to=to_of_reply(reply1), in_reply_to=field(reply1, "message-id"))
    assert (second.case.number, second.proof) == (1, "proven")
    copy2 = world.sent("copy")[-1]
    assert field(copy2, "references").split() == [field(copy1, "message-id"), "<ann1@canary-host.example>"]
    assert field(copy2, "in-reply-to") == "<ann1@canary-host.example>"
    refs = {"references": f"{field(copy1, 'message-id')} <ann1@canary-host.example> {field(copy2, 'message-id')}"}
    world.reply(answer(copy2, message_id="<ann2@canary-host.example>", **refs), to_of(copy2))
    reply2 = world.sent("reply")[-1]
    wanted = [f"<{first.message_id}>", field(reply1, "message-id"), f"<{second.message_id}>"]
    assert field(reply2, "references").split() == wanted
    assert field(reply2, "in-reply-to") == f"<{second.message_id}>"
    # No id crosses over.
    for sent in world.sent("copy"):
        assert first.message_id.encode() not in sent.octets.partition(b"\r\n\r\n")[0]
    for sent in world.sent("reply"):
        assert b"canary-host" not in sent.octets
    # The customer wrote to their own signed address; in the agent's copy the team stands there, so Reply-All works.
    assert field(copy2, "to") == "Firm Support <support@firm.example>"
    # Answering one's own sent mail, and the first mail again.
    own = answer(copy2, message_id="<ann3@canary-host.example>", in_reply_to="<ann2@canary-host.example>")
    world.reply(own, to_of(copy2))
    assert field(world.sent("reply")[-1], "in-reply-to") == field(reply2, "message-id")
    world.reply(answer(copy1, message_id="<ann4@canary-host.example>"), to_of(copy1))
    assert field(world.sent("reply")[-1], "in-reply-to") == f"<{first.message_id}>"


@pytest.mark.parametrize(
    "author", ["mailer-daemon@evil.example", "a@evil.example, b@evil.example", f"Carl <{CARL}>", ""]
)
def test_no_id_that_a_bounce_chose_reaches_a_customer(world: World, author: str) -> None:
    first, copy = opened(world)
    world.reply(answer(copy), to_of(copy))
    ours = world.sent("reply")[-1]
    report = "--b\r\n\r\nNo.\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; x\r\n--b--"
    chosen = {"message_id": "<call-me-on-555@evil.example>", "in_reply_to": "<or-on-556@evil.example>"}
    kind = {"content_type": 'multipart/report; report-type=delivery-status; boundary="b"'}
    found = world.receive(mail(author, report, **chosen, **kind), ours.reverse_path, sender=None)
    assert found.case.number == 1
    second = world.carl(in_reply_to=field(ours, "message-id"))
    (copy,) = (one for one in world.sent("copy") if one.message_seq == second.seq)
    world.reply(answer(copy, message_id="<ann2@canary-host.example>"), to_of(copy))
    (last,) = (one for one in world.sent("reply") if one.id != ours.id)
    known = [f"<{first.message_id}>", field(ours, "message-id"), f"<{second.message_id}>"]
    assert field(last, "references").split() == known
    assert b"evil.example" not in last.octets


def to_of_reply(reply: object) -> str:
    return field(reply, "reply-to").strip("<>")


def test_a_client_that_sends_again_after_a_lost_answer_sends_once(world: World) -> None:
    _, copy = opened(world)
    octets = answer(copy)
    assert world.reply(octets, to_of(copy)) == world.reply(octets, to_of(copy))
    assert len(world.sent("reply")) == 1


def test_without_a_signature_nothing_is_sent(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    _, copy = opened(world)

    def fail(*_: object) -> bytes:
        raise SigningFailed("no key")

    monkeypatch.setattr(world.signer, "sign_all", fail)
    assert world.reply(answer(copy), to_of(copy)) == R451_NO_SIGNATURE
    assert world.sent("reply") == []


def test_sealed_mail_is_refused_with_the_reason(world: World) -> None:
    _, copy = opened(world)
    refused = world.reply(answer(copy, content_type="application/pkcs7-mime; name=smime.p7m"), to_of(copy))
    assert refused.code == 554
    assert "S/MIME" in refused.text
    assert str(SUPPORT) not in refused.text


def test_a_reply_whose_header_section_is_beyond_the_limits_is_refused_with_the_reason(world: World) -> None:
    _, copy = opened(world)
    fields = {f"x_{number}": "y" for number in range(1000)}
    refused = world.reply(answer(copy, **fields), to_of(copy))
    assert refused.code == 554
    assert "header section is too large" in refused.text


def test_an_address_that_an_agent_no_longer_has_does_not_leave(world: World) -> None:
    _, copy = opened(world)
    moved = tuple(replace(one, address=address("ann@new.example")) for one in DESK.agents if one.login == "ann")
    world.apply(replace(DESK, agents=moved))  # Bob has left, Ann has another address
    quoted = f"On Sunday {ANN} wrote:\r\n> ask Bob.Roe@private.example"
    shown = f'{ANN}, "ann.doe"@private.example'
    assert isinstance(world.reply(answer(copy, body=quoted, cc=shown), to_of(copy), str(ANN)), str)
    (reply,) = world.sent("reply")
    assert b"private.example" not in reply.octets.lower()
    assert reply.to == [CARL]


def test_the_agents_machine_is_named_nowhere_but_mail_domains_stay(world: World) -> None:
    _, copy = opened(world)
    hosts = ("laptop.canary-host.example", "desk.canary-host.example")
    lines = [f"> <7@{host}>" for host in hosts] + [f"> {CARL}", "> joann@private.example"]
    body = "\r\n".join((*lines, to_of(copy).upper()))
    fields = {"message_id": f"<1@{hosts[1]}>", "date": f"Sun, 22 Nov 2026 12:00:00 +0000 ({hosts[0]})"}
    assert isinstance(world.reply(answer(copy, body=body, **fields), to_of(copy)), str)
    (reply,) = world.sent("reply")
    assert b"canary-host" not in reply.octets
    words = reply.octets.partition(b"\r\n\r\n")[2].decode().splitlines()
    assert words[:5] == ["> <7@gw.example>"] * 2 + [f"> {CARL}", "> joann@private.example", str(SUPPORT)]
    # Many clients make their ids of the domain of their user's address: words with it are somebody's addresses.
    own = answer(copy, body="> joann@private.example", message_id="<2@private.example>")
    assert isinstance(world.reply(own, to_of(copy)), str)
    assert b"> joann@private.example" in world.sent("reply")[-1].octets
