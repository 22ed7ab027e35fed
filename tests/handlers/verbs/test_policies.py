# SPDX-License-Identifier: Apache-2.0
"""Who may write: policies of an address and of the desk, lists, blocks, DMARC, size, attachments, in a whole office."""

from dataclasses import replace
from typing import Any

import pytest

from gateway.rates import SharedRates
from handlers.inspection import Limits
from handlers.ports import Answer, Found
from handlers.subject import Dnsbl
from storage import blocks, lists
from storage.desk_values import NO_MAX_SIZE, Policy, SenderList
from storage.response import (
    R451_DNS,
    R451_TRY_LATER,
    R550_DMARC,
    R550_LISTED,
    R550_NOT_ALLOWED,
    R552_TOO_BIG_FOR_ADDRESS,
    R554_ATTACHMENT,
    R554_NOT_ONE_AUTHOR,
)
from storage.states import Move
from tests.handlers.verbs.given_policies import (
    NOTHING,
    POSTMASTER,
    STRANGER,
    VERA,
    aligned,
    because,
    dmarc,
    policy,
    taken,
)
from tests.support.office import CARL, SUPPORT, World, mail, sign

LISTS = (SenderList("partners", (STRANGER, "@firm.example", "@*.wide.example")),)
LISTED = Policy("listed", lists=("partners",))


@pytest.mark.parametrize(
    ("own", "octets", "let_in"),
    [
        (Policy("anyone"), mail(STRANGER), True),
        (Policy("authenticated"), aligned(STRANGER), True),
        # From alone proves nothing, whichever way people are let in.
        (Policy("authenticated"), mail(STRANGER), False),
        (LISTED, mail(STRANGER), False),
        (Policy("known_contacts"), mail(VERA), False),
        (Policy("known_contacts"), aligned(VERA), True),
        (Policy("known_contacts"), aligned(STRANGER), False),
        (LISTED, aligned(STRANGER), True),
        (LISTED, aligned("EVE@Elsewhere.Example"), True),
        (LISTED, aligned("other@elsewhere.example"), False),
        # A list that lets in names what it means: a domain is not those below it.
        (LISTED, aligned("any@firm.example"), True),
        (LISTED, aligned("any@below.firm.example"), False),
        (LISTED, aligned("any@below.wide.example"), True),
        (LISTED, aligned("any@deeply.below.wide.example"), True),
        (LISTED, aligned("any@wide.example"), False),
        # Several authors are nobody whom a list could name.
        (LISTED, aligned(f"{STRANGER}, {CARL}"), False),
    ],
)
def test_who_may_write_to_an_address(world: World, own: Policy, octets: bytes, let_in: bool) -> None:
    policy(world, own, lists=LISTS)
    judged = world.judged(octets)
    assert (judged.refusal is None) == let_in, because(judged)
    assert judged.refusal in (None, R550_NOT_ALLOWED)
    assert f"accept_from = {own.accept_from} (address support@firm.example)" in because(judged)


@pytest.mark.parametrize(
    ("own", "desk", "said"),
    [
        (Policy(), Policy(), "accept_from = anyone (default)"),
        (
            Policy(),
            Policy("authenticated"),
            "accept_from = authenticated (the desk's [policy]), others = reject (default)",
        ),
        (Policy("anyone"), Policy("authenticated"), "accept_from = anyone (address support@firm.example)"),
        # Each key for itself.
        (Policy("authenticated"), Policy("anyone", "discard"), "others = discard (the desk's [policy])"),
    ],
)
def test_what_an_address_does_not_say_the_desk_says(world: World, own: Policy, desk: Policy, said: str) -> None:
    policy(world, own, desk=desk)
    assert said in because(world.judged(mail(STRANGER)))


@pytest.mark.parametrize(
    ("asked_for", "own", "expected"),
    [
        ("reject", Policy(), R550_DMARC),
        ("quarantine", Policy(), "quarantine"),
        ("none", Policy(), "accept"),
        ("reject", Policy(dmarc_reject="quarantine"), "quarantine"),
        ("reject", Policy(dmarc_reject="discard"), "discard"),
        ("reject", Policy(dmarc_reject="accept"), "accept"),
        ("none", Policy(dmarc_none="reject"), R550_DMARC),
        # The hardest holds: whoever may not write is not let into the quarantine by a failure.
        ("quarantine", Policy("authenticated"), R550_NOT_ALLOWED),
        ("reject", Policy("authenticated", "quarantine"), R550_DMARC),
    ],
)
def test_a_dmarc_failure_does_what_the_policy_says(world: World, asked_for: str, own: Policy, expected: Any) -> None:
    policy(world, own)
    dmarc(world, "elsewhere.example", asked_for)
    judged = world.judged(mail(STRANGER))
    assert (judged.refusal or judged.disposition) == expected
    assert taken(world.judged(aligned(STRANGER))) == "accept"
    if own == Policy():
        assert f"elsewhere.example asks for {asked_for}: dmarc_{asked_for}" in str(judged.notes)


def test_mail_that_a_list_passed_on_is_kept_and_not_refused(world: World) -> None:
    dmarc(world, "elsewhere.example", "reject")
    through = mail(STRANGER, list_id="<people.lists.example>")
    assert world.judged(through).refusal == R550_DMARC
    assert taken(world.judged(sign(through, "lists.example"))) == "quarantine"


def test_a_learnt_forwarder_costs_nobody_their_mail(world: World) -> None:
    dmarc(world, "elsewhere.example", "reject")
    world.vouched = True
    assert taken(world.judged(mail(STRANGER))) == "accept"
    # A refusal would be sent by the forwarder to whoever the mail names.
    policy(world, Policy("authenticated"))
    assert taken(world.judged(mail(STRANGER))) == "quarantine"
    policy(world, Policy("known_contacts", "discard"))
    assert taken(world.judged(mail(STRANGER))) == "discard"


# Whoever may not write as ceo@legit.example would otherwise write as one of these.
NO_AUTHORS = ("ceo@legit.example.", "ceo@legit.example, b@evil.example", "ceo@ｌegit.example", "", "<>")


@pytest.mark.parametrize("author", NO_AUTHORS)
@pytest.mark.parametrize(
    ("own", "expected"),
    [
        (Policy(), "quarantine"),
        (Policy(no_author="accept"), "accept"),
        (Policy(no_author="discard"), "discard"),
        (Policy(no_author="reject"), R554_NOT_ONE_AUTHOR),
        # The hardest holds: nobody is let into the quarantine by a misspelt name.
        (Policy("authenticated"), R550_NOT_ALLOWED),
    ],
)
def test_a_mail_without_one_author_does_what_the_policy_says(
    world: World, author: str, own: Policy, expected: Any
) -> None:
    policy(world, own)
    dmarc(world, "legit.example", "reject")
    judged = world.judged(mail(author))
    assert (judged.refusal or judged.disposition) == expected
    assert own.others or "no_author" in "".join(one.because for one in judged.notes if one.step == "admission")


def test_two_from_fields_are_no_author_and_one_is(world: World) -> None:
    assert world.judged(b"From: ceo@legit.example\r\n" + mail(STRANGER)).disposition == "quarantine"
    assert world.judged(mail(STRANGER)).disposition == "accept"


TAKEN_ALL = Policy(dmarc_reject="accept", dmarc_quarantine="accept", dmarc_none="accept")


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        # Nobody vouches, and whatever the policy is, a failure is taken as unproven.
        (TAKEN_ALL, "accept"),
        # One policy of several would refuse it.
        (Policy(), R451_DNS.enhanced),
        (replace(TAKEN_ALL, dmarc_none="quarantine"), R451_DNS.enhanced),
        # It is refused whatever the answer.
        (Policy("listed", lists=()), R550_NOT_ALLOWED.enhanced),
        # It is kept in any case, but a refusal would be harder.
        (Policy("authenticated", "quarantine"), R451_DNS.enhanced),
        (Policy("authenticated", "quarantine", dmarc_reject="quarantine"), "quarantine"),
    ],
)
def test_dns_is_waited_for_where_it_decides(world: World, own: Policy, expected: Any) -> None:
    policy(world, own)
    world.txt["_dmarc.elsewhere.example"] = Answer(Found.TEMPORARY)
    judged = world.judged(mail(STRANGER))
    assert (judged.refusal.enhanced if judged.refusal else judged.disposition) == expected, judged.notes


BLOCKED = {
    # What is blocked -> whom it stops, by (client, reverse-path, author).
    "eve@elsewhere.example": [("192.0.2.1", CARL, STRANGER), ("192.0.2.1", "EVE@elsewhere.example", CARL)],
    "@elsewhere.example": [("192.0.2.1", CARL, STRANGER), ("192.0.2.1", CARL, "x@deeply.below.elsewhere.example")],
    "192.0.2.0/24": [("192.0.2.1", CARL, CARL), ("::ffff:192.0.2.1", None, CARL)],
    "192.0.2.1": [("192.0.2.1", CARL, CARL)],
    "2001:db8::/32": [("2001:db8:7::1", CARL, CARL)],
    "@xn--mnchen-3ya.example": [("192.0.2.1", CARL, "eve@münchen.example")],
    "@münchen.example": [("192.0.2.1", CARL, "eve@xn--mnchen-3ya.example")],
}
FREE = [("198.51.100.1", CARL, CARL), ("2001:db9::1", CARL, "eve@notelsewhere.example"), ("local", None, CARL)]


@pytest.mark.parametrize("what", BLOCKED)
def test_a_block_stops_whom_it_names_and_nobody_else(world: World, what: str) -> None:
    with world.database.move(Move.APPLY) as unit:
        assert blocks.add(unit, what, "sent filth", world.now)
        assert not blocks.add(unit, what.upper(), "again", world.now)
    policy(world)
    for (peer, sender, author), is_stopped in [(one, True) for one in BLOCKED[what]] + [(one, False) for one in FREE]:
        world.session = replace(world.session, peer=peer)
        judged = world.judged(aligned(author) if author.isascii() else mail(author), sender=sender)
        assert (judged.refusal == R550_NOT_ALLOWED) == is_stopped, (peer, sender, author)
        if is_stopped:
            assert "is blocked: " in because(judged)
            assert "since 2026-11-22 (sent filth)" in because(judged)
        assert world.judged(mail(author), POSTMASTER, sender=sender).refusal is None  # RFC 5321 §4.5.1


def test_one_of_several_authors_who_is_blocked_is_enough(world: World) -> None:
    with world.database.move(Move.APPLY) as unit:
        blocks.add(unit, STRANGER, "", world.now)
    policy(world)
    assert world.judged(mail(f"{CARL}, {STRANGER}")).refusal == R550_NOT_ALLOWED
    assert world.judged(mail(f"{CARL}, {VERA}")).refusal is None


def test_a_mail_too_big_for_an_address_is_refused_there(world: World) -> None:
    small = Policy(max_size=1000)
    policy(world, small)
    assert taken(world.judged(mail(body="x" * 500))) == "accept"
    judged = world.judged(mail(body="x" * 1000))
    assert judged.refusal == R552_TOO_BIG_FOR_ADDRESS
    # Whoever takes it speaks for all.
    both = world.judged(mail(body="x" * 1000), str(SUPPORT), "sales@firm.example")
    assert [one.disposition for one in both.verdicts] == ["quarantine", "accept"]


def test_an_address_can_be_free_of_each_bound_of_the_desk(world: World) -> None:
    big = aligned(CARL, body="x" * 1000, content_type="a/b")
    desk = Policy(max_size=1000, forbid_attachments=("a/b",), rate_author="1/h")
    own = Policy(max_size=NO_MAX_SIZE, forbid_attachments=(), rate_author="off")
    rates = world.rates = SharedRates()
    try:
        policy(world, own, desk=desk)
        assert world.office.desk.addresses[str(SUPPORT)].value.policy == own
        assert [taken(world.judged(big)) for _ in range(3)] == ["accept"] * 3
        for key in ("max_size", "forbid_attachments", "rate_author"):
            policy(world, replace(own, **{key: getattr(NOTHING, key)}), desk=desk)
            assert None in [taken(world.judged(big)) for _ in range(2)], key
    finally:
        rates.close()


def test_what_came_into_force_while_the_content_came_holds(world: World) -> None:
    """What nobody has looked at is judged when it comes again."""
    policy(world, Policy(forbid_attachments=(".exe",)))
    world.office = replace(world.office, limits=Limits(files=False))
    judged = world.judged(mail())
    assert judged.refusal == R451_TRY_LATER
    assert "forbid_attachments = .exe (address support@firm.example): that was said while it came" in str(judged.notes)
    assert taken(world.judged(mail(), "sales@firm.example")) == "accept"
    policy(world, Policy(max_size=1000))
    world.office = replace(world.office, limits=Limits(files=False))
    assert world.judged(mail(body="x" * 1000)).refusal == R552_TOO_BIG_FOR_ADDRESS


ATTACHED = (
    "--b\r\nContent-Type: text/plain\r\n\r\nHello\r\n--b\r\nContent-Type: application/octet-stream\r\n"
    'Content-Disposition: attachment; filename="run.exe"\r\n\r\nMZ\r\n--b--\r\n'
)


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        (Policy(forbid_attachments=(".exe", ".js")), R554_ATTACHMENT),
        (Policy(forbid_attachments=(".exe",), forbidden_attachment="quarantine"), "quarantine"),
        (Policy(forbid_attachments=("application/octet-stream",), forbidden_attachment="discard"), "discard"),
        (Policy(forbid_attachments=("application/*",)), R554_ATTACHMENT),
        (Policy(forbid_attachments=(".js",)), "accept"),
        (Policy(forbid_attachments=()), "accept"),
    ],
)
def test_forbidden_attachments_have_a_disposition_of_their_own(world: World, own: Policy, expected: Any) -> None:
    policy(world, own, desk=Policy(forbid_attachments=(".exe",)))
    judged = world.judged(mail(body=ATTACHED, content_type='multipart/mixed; boundary="b"'))
    assert (judged.refusal or judged.disposition) == expected


def test_a_dead_list_counts_for_nothing_and_the_trace_says_so(world: World) -> None:
    world.dnsbl = (Dnsbl("dead.example"), Dnsbl("live.example"))
    policy(world)
    world.hosts["1.0.0.127.dead.example"] = world.hosts["1.2.0.192.dead.example"] = "127.0.0.2"
    judged = world.judged(mail())
    assert judged.disposition == "accept"
    (note,) = [one for one in judged.notes if one.step == "dnsbl"]
    assert (note.decided, "dead.example answers for everybody" in note.because) == ("ignored", True)


def test_a_client_on_a_list_is_refused_as_the_operator_says(world: World) -> None:
    world.dnsbl = (Dnsbl("soft.example", "quarantine"), Dnsbl("hard.example"))
    policy(world)
    assert taken(world.judged(mail())) == "accept"
    world.hosts["1.2.0.192.soft.example"] = "127.0.0.2"
    judged = world.judged(mail())
    assert taken(judged) == "quarantine"
    assert "the client 192.0.2.1 is listed by soft.example as 127.0.0.2" in judged.reason
    world.hosts["1.2.0.192.hard.example"] = "127.0.0.4"
    assert world.judged(mail()).refusal == R550_LISTED
    assert taken(world.judged(mail(), POSTMASTER)) == "accept"
    # The forwarder of an address is known better than by any list.
    world.vouched = True
    judged = world.judged(mail())
    assert taken(judged) == "accept"
    assert "listed by" not in str(judged.notes)


def test_annotating_takes_everything_and_says_what_would_have_been(world: World) -> None:
    with world.database.move(Move.APPLY) as unit:
        blocks.add(unit, STRANGER, "sent filth", world.now)
    policy(world)
    world.annotate = True
    judged = world.judged(mail(STRANGER))
    assert (judged.refusal, judged.disposition) == (None, "accept")
    assert judged.reason.startswith("would have been reject: the author is blocked: eve@elsewhere.example since")


def test_over_lmtp_each_recipient_hears_its_own_reason(world: World) -> None:
    policy(world, Policy(max_size=1000))
    world.session = replace(world.session, protocol="LMTP", peer="local")
    judged = world.judged(mail(body="x" * 1000), str(SUPPORT), "vip@firm.example", "sales@firm.example")
    assert [(one.recipient, one.response) for one in judged.refused] == [
        ("support@firm.example", R552_TOO_BIG_FOR_ADDRESS),
        ("vip@firm.example", R550_NOT_ALLOWED),
    ]
    assert [str(one.address) for one in judged.destinations] == ["sales@firm.example"]


def test_what_a_command_adds_to_a_list_lets_in_and_survives_the_file(world: World) -> None:
    policy(world, LISTED, lists=LISTS)
    assert world.judged(aligned(VERA)).refusal == R550_NOT_ALLOWED
    with world.database.move(Move.APPLY) as unit:
        assert lists.add(unit, "partners", "@known.example", world.now)
        assert not lists.add(unit, "partners", "@KNOWN.example", world.now)
    policy(world, LISTED, lists=LISTS)
    judged = world.judged(aligned(VERA))
    assert taken(judged) == "accept"
    assert "is @known.example of the list partners" in because(judged)


def test_of_what_the_rules_say_the_hardest_holds(world: World) -> None:
    """A refusal is told to the sender, who may mend it; what is thrown away tells nobody."""
    policy(world, Policy("known_contacts", "discard"))
    assert taken(world.judged(mail(STRANGER))) == "discard"
    policy(world, Policy("known_contacts", "discard", max_size=10))
    assert world.judged(mail(STRANGER)).refusal == R552_TOO_BIG_FOR_ADDRESS
    policy(world, Policy("known_contacts", "quarantine", max_size=10))
    assert world.judged(mail(STRANGER)).refusal == R552_TOO_BIG_FOR_ADDRESS
