# SPDX-License-Identifier: Apache-2.0
"""What RCPT says, who may write to which address, and what one answer for several recipients is."""

from dataclasses import replace

import pytest

from handlers import tokens
from handlers.arrival import Incoming
from handlers.destinations import Destination, Kind
from handlers.headers import scan
from storage.desk_values import Desk
from storage.response import R451_DNS, R451_TRY_LATER, R550_NO_SUCH_ADDRESS, R550_NOT_ALLOWED, R550_USE_SUBMISSION
from tests.support.office import ANN, CARL, DESK, KEYS, World, customer_address, mail, sign

VERA = "vera@known.example"
VIP, HELD, GONE, OPEN = (f"{name}@firm.example" for name in ("vip", "held", "gone", "support"))
DAY = "2027-01-01T00:00:00+00:00"


def from_vera(**fields: str) -> bytes:
    return sign(mail(f"Vera <{VERA}>", **fields), "known.example")


def taken(judged: Incoming) -> str | None:
    """What becomes of a mail; nothing of one that is refused, whose disposition says nothing."""
    return None if judged.refusal is not None else judged.disposition


def test_rcpt_takes_only_what_is_ours(world: World) -> None:
    thread = tokens.new_thread_id(KEYS)
    agents = tokens.reply_address(KEYS, thread, ANN.key, tokens.Role.AGENT, world.now)
    bounce = tokens.bounce_address(KEYS, thread, tokens.new_name(world.now))
    kinds = {OPEN: Kind.ROUTING, "SUPPORT@Firm.Example": Kind.ROUTING, bounce: Kind.BOUNCE}
    kinds |= {customer_address(thread): Kind.REPLY, customer_address(thread).upper(): Kind.REPLY}
    for address, kind in kinds.items():
        found = world.rcpt(address)
        assert isinstance(found, Destination), address
        assert found.kind is kind
    # Quoting is not part of the value (RFC 5321 §4.1.2).
    local, _, domain = customer_address(thread).partition("@")
    for address in (
        '"support"@firm.example',
        r'"sup\port"@firm.example',
        '"Postmaster"@gw.example',
        f'"{local}"@{domain}',
    ):
        assert isinstance(world.rcpt(address), Destination), address
    # Not verified; nobody; another domain; the thread's stand-in; a signed address at another host; one letter changed.
    other_host = customer_address(thread).replace("gw.example", "firm.example")
    last = customer_address(thread).partition("@")[0][-1]
    forged = customer_address(thread).replace(f"{last}@", f"{'a' if last != 'a' else 'b'}@")
    stand_in = tokens.thread_address(KEYS, thread)
    for address in ("new@firm.example", "x@firm.example", "a@b.example", stand_in, other_host, forged):
        assert world.rcpt(address) == R550_NO_SUCH_ADDRESS, address
    assert world.rcpt(agents) == R550_USE_SUBMISSION


@pytest.mark.parametrize(
    ("octets", "recipients", "expected"),
    [
        # A known contact with an aligned pass is let in everywhere.
        (from_vera(), (VIP,), ["accept"]),
        (from_vera(), (HELD, GONE), ["accept", "accept"]),
        # The From line alone is no contact: neither without a signature nor with another domain's.
        (mail(VERA), (VIP,), "reject"),
        (sign(mail(VERA), "evil.example"), (VIP,), "reject"),
        (mail(VERA), (HELD,), ["quarantine"]),
        (mail(VERA), (GONE,), ["discard"]),
        # If any accepts, the mail is accepted and a rejecting address quarantines it.
        (mail(VERA), (VIP, OPEN), ["quarantine", "accept"]),
        (mail(VERA), (OPEN, GONE), ["accept", "discard"]),
        (mail(VERA), (VIP, HELD), ["quarantine", "quarantine"]),
        # Nobody keeps it and one address wants it told: the sender is told.
        (mail(VERA), (VIP, GONE), "reject"),
    ],
)
def test_each_address_obeys_its_policy(
    world: World, octets: bytes, recipients: tuple[str, ...], expected: list[str] | str
) -> None:
    judged = world.judged(octets, *recipients)
    if expected == "reject":
        assert judged.refusal == R550_NOT_ALLOWED
        return
    assert judged.refusal is None
    assert [one.disposition for one in judged.verdicts] == expected
    best = min(expected, key=("accept", "quarantine", "discard").index)
    assert judged.disposition == best
    assert bool(judged.reason) == (best != "accept")


def test_a_mail_accepted_by_one_address_feeds_that_addresss_team(world: World) -> None:
    assert world.receive(mail(VERA), VIP, OPEN).case.routing_address == OPEN


@pytest.mark.parametrize(("to", "state"), [(HELD, "quarantined"), (GONE, "discarded")])
def test_what_is_not_accepted_is_kept_and_never_worked(world: World, to: str, state: str) -> None:
    found = world.receive(mail(VERA), to)
    assert (found.state, found.case, found.due_at, world.sent()) == (state, None, None, [])
    assert found.reason


def test_in_annotate_mode_all_is_accepted_and_what_would_have_been_is_written(world: World) -> None:
    world.annotate = True
    found = world.receive(mail(VERA), VIP)
    assert (found.state, found.disposition) == ("routed", "accept")
    assert found.reason.startswith("would have been reject")
    assert found.case.routing_address == VIP


def test_a_reply_address_obeys_the_policy_of_its_case(world: World) -> None:
    opened = world.receive(from_vera(), VIP)
    reply_address = customer_address(opened.token, VERA)
    assert world.judged(from_vera(), reply_address).refusal is None
    assert world.judged(sign(mail("mal@evil.example"), "evil.example"), reply_address).refusal == R550_NOT_ALLOWED


def test_a_bounce_address_lets_in_only_reports_where_strangers_are_not_let_in(world: World) -> None:
    world.receive(from_vera(), VIP)
    bounce = world.sent("copy")[0].reverse_path
    stranger = sign(mail("mal@evil.example"), "evil.example")
    report = mail("MAILER-DAEMON@evil.example", content_type="multipart/report; report-type=delivery-status")
    assert taken(world.judged(report, bounce, sender=None)) == "accept"
    assert taken(world.judged(from_vera(), bounce)) == "accept"
    # A person's mail; what looks like a report and has a reverse-path; a machine's answer without one.
    assert world.judged(stranger, bounce).refusal == R550_NOT_ALLOWED
    assert world.judged(report, bounce, sender="mal@evil.example").refusal == R550_NOT_ALLOWED
    answer = mail("mal@evil.example", auto_submitted="auto-replied")
    assert world.judged(answer, bounce, sender=None).refusal == R550_NOT_ALLOWED


def test_postmaster_takes_mail_from_anyone(world: World) -> None:
    world.apply(replace(DESK, addresses=tuple(one for one in DESK.addresses if str(one.address) == VIP)))
    assert world.receive(mail(), "PostMaster@gw.example").case.routing_address == VIP
    assert world.judged(mail(), VIP).refusal == R550_NOT_ALLOWED


def test_addresses_that_we_gave_out_wait_for_a_desk_with_a_team(world: World) -> None:
    opened = world.carl()
    bounce = world.sent("copy")[0].reverse_path
    world.apply(Desk())
    assert world.rcpt(customer_address(opened.token)) == R451_TRY_LATER
    assert world.rcpt(bounce) == R451_TRY_LATER
    assert world.rcpt(OPEN) == R550_NO_SUCH_ADDRESS


def test_a_key_that_dns_cannot_give_is_451_only_where_it_matters(world: World) -> None:
    octets, unknown = from_vera(), sign(mail(), "customer.example")
    world.missing = {"known.example", "customer.example"}
    assert "s1._domainkey.known.example" in str(world.judged(octets, VIP).refusal)
    assert (
        world.judged(octets, OPEN).refusal.enhanced == R451_DNS.enhanced
    )  # an author proven or not is another outcome
    # Whoever signed with it, this author is not known; another domain's key would prove nothing of the author.
    assert world.judged(unknown, VIP).refusal == R550_NOT_ALLOWED
    assert taken(world.judged(unknown, HELD)) == "quarantine"
    assert world.judged(sign(mail(VERA), "customer.example"), OPEN).refusal is None
    world.missing = {"evil.example"}
    assert world.judged(sign(octets, "evil.example"), VIP).refusal is None
    world.missing, world.annotate = {"known.example"}, True
    assert world.judged(octets, VIP).refusal is None
    world.missing, world.annotate = set(), False
    assert world.judged(octets, VIP).refusal is None


def test_a_mail_of_ours_that_comes_back_is_kept_and_goes_no_further(world: World) -> None:
    world.carl()
    copy = world.sent("copy")[0].octets
    for annotate in (False, True):
        world.annotate = annotate
        came_back = world.receive(copy + b"x" * annotate, sender=str(ANN))
        assert (came_back.classification, came_back.state) == ("loop", "quarantined")
    assert len(world.sent("copy")) == 1


def test_an_agents_absence_notice_makes_no_case(world: World) -> None:
    world.carl()
    copy = world.sent("copy")[0]
    notice = mail(f"Ann Doe <{ANN}>", auto_submitted="auto-replied")
    found = world.receive(sign(notice, "private.example"), copy.reverse_path, sender=None)
    assert (found.state, found.case) == ("discarded", None)
    assert "agent" in found.reason
    assert b"X-Auto-Response-Suppress: OOF, AutoReply\r\n" in copy.octets


def test_forged_fields_are_left_out_of_the_stamped_view_and_kept_in_the_raw_one(world: World) -> None:
    forged = {
        "authentication_results": "gw.example; dkim=pass header.d=bank.example",
        "x_casegate_message": "forged-message",
        "x_casegate_verified": "forged-mark",
    }
    found = world.receive(mail(**forged))
    head = found.stamped.partition(b"\r\n\r\n")[0]
    assert b"bank.example" not in head
    assert b"forged" not in head
    assert head.count(b"Authentication-Results: gw.example") == 1
    assert f"X-Casegate-Message: {found.id}".encode() in head
    assert f"X-Casegate-Thread: {found.token}".encode() in head
    copy = world.sent("copy")[0].octets
    assert b"bank.example" not in copy
    assert b"forged" not in copy


def test_only_a_lone_recipient_is_named_in_received(world: World) -> None:
    assert b"for <support@firm.example>" in world.receive(mail()).stamped
    assert b" for <" not in world.receive(mail(), OPEN, "sales@firm.example").stamped
    received = scan(world.receive(mail("x@y.example")).stamped).first(b"received") or b""
    assert CARL.encode() not in received  # the reverse-path stands in Received-SPF alone
