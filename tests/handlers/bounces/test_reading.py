# SPDX-License-Identifier: Apache-2.0
"""What the reader makes of notices, made here after what mail systems write; the corpora have the real ones."""

import pytest

from handlers.bounces.addresses import addresses_in
from handlers.bounces.reading import read_report
from handlers.bounces.values import MAX_RECIPIENTS, Action, Kind, Recipient
from tests.support import cost

DAEMON = b"From: Mail System <MAILER-DAEMON@mx.example>\r\nSubject: failure notice\r\n"
PERSON = b"From: Bob <bob@customer.example>\r\nSubject: Undeliverable mail\r\n"


def only(body: str, header: bytes = DAEMON) -> Recipient:
    """The one recipient of a notice in words."""
    report = read_report(header + b"\r\n" + body.replace("\n", "\r\n").encode(), by_nobody=True)
    assert report is not None
    (one,) = report.recipients
    return one


@pytest.mark.parametrize(
    ("body", "status", "reason", "hard"),
    [
        # The server's own code says more than nothing.
        ("<a@b.example>:\nRemote host said: 550 5.1.1 No such user [RCPT_TO]", "5.1.1", "user unknown", True),
        # At RCPT a server means the address, after DATA it may mean the mail.
        ("<a@b.example>: host x said: 550 User unknown (in reply to RCPT TO command)", "5.0.0", "user unknown", True),
        ("<a@b.example>: host x said: 550 User unknown (in reply to end of DATA command)", "5.0.0", "filtered", False),
        # Words of an address are no words of a server.
        ("<mailbox.full@b.example>: 550 5.7.1 Relaying denied", "5.7.1", "relaying denied", False),
        ("  a@b.example\n    host x: 552 5.2.2 mailbox over quota\n", "5.2.2", "mailbox full", False),
        ("  a@b.example\n    retry timeout exceeded\n", "4.0.0", "expired", False),
        # A phone number is no response.
        ("<a@b.example>: call 450-624-2500 for help, the user's mailfolder is full", "5.0.0", "mailbox full", False),
        # A provider's own code (Orange: 420, the mailbox is archived).
        ("<a@b.example>: 550 5.5.0 Archived recipient. LPN007_420", "5.5.0", "suspended", False),
        # RFC 7505: the domain takes no mail, for good.
        ("<a@b.example>: 556 5.1.10 Recipient address has null MX", "5.1.10", "accepts no mail", True),
    ],
)
def test_what_words_and_codes_mean(body: str, status: str, reason: str, hard: bool) -> None:
    found = only(f"The message could not be delivered.\n\n{body}")
    assert (found.status, found.reason, found.hard) == (status, reason, hard)


def test_a_delay_is_not_final() -> None:
    found = only("Delivery to the following recipient has been delayed:\n\n  a@b.example\n\nIt will be retried.")
    assert (found.action, found.status[0], found.is_permanent) == (Action.DELAYED, "4", False)


DELIVERIES = [
    # Postfix
    (
        "Successful Mail Delivery Report",
        "Your message was successfully delivered to the destination(s)\nlisted below. Otherwise you may still receive\n"
        "notifications of mail delivery errors from other systems.\n\n"
        "<a@b.example>: delivery via mx[192.0.2.1]:25: 250 2.0.0 Ok: queued as 4X\n",
        (Kind.DELIVERY, Action.DELIVERED),
    ),
    # Exchange
    (
        "Relayed: Offer",
        "Delivery to these recipients or groups is complete, but no delivery notification was sent by the destination "
        "server:\n\na@b.example\n",
        (Kind.DELIVERY, Action.RELAYED),
    ),
    (
        "Delivered: x",
        "Your message has been delivered to the following recipients:\n\na@b.example\n",
        (Kind.DELIVERY, Action.DELIVERED),
    ),
    # Gmail
    (
        "Delivery Status Notification (Delay)",
        "There was a temporary problem delivering your message to a@b.example. Gmail will retry for 46 more hours. "
        "You'll be notified if the delivery fails permanently.\n",
        (Kind.DELAY, Action.DELAYED),
    ),
    # words of success about another recipient
    (
        "Delivered: x",
        "Your message was delivered to the following:\nc@b.example\n\n<a@b.example>: 550 5.1.1 unknown\n",
        (Kind.BOUNCE, Action.FAILED),
    ),
]


@pytest.mark.parametrize(("subject", "body", "expected"), DELIVERIES)
def test_what_arrived_or_will_arrive_is_no_failure(subject: str, body: str, expected: tuple[Kind, Action]) -> None:
    content = f"From: Mail System <MAILER-DAEMON@mx.example>\nSubject: {subject}\n\n{body}".replace("\n", "\r\n")
    report = read_report(content.encode(), by_nobody=True)
    assert report is not None
    assert (report.kind, {one.action for one in report.recipients}) == (expected[0], {expected[1]})
    assert not any(one.hard for one in report.recipients if one.action is not Action.FAILED)


def test_the_mail_given_back_is_not_searched() -> None:
    found = only("Could not be delivered to:\n<a@b.example>\n\n--- Original message follows.\n\n<c@d.example>: x")
    assert found.address == "a@b.example"


@pytest.mark.parametrize(
    "body",
    [
        "My mail could not be delivered: user unknown\r\n<a@b.example>: 550 5.1.1 unknown\r\nWhy?",
        "I forward you this.\r\n\r\n> --- The following addresses had permanent fatal errors ---\r\n> <a@b.example>",
        "My order was returned to sender, the address is a@b.example.",
    ],
)
def test_people_who_can_be_answered_write_no_bounces(body: str) -> None:
    assert read_report(PERSON + b"\r\n" + body.encode(), by_nobody=False) is None


@pytest.mark.parametrize(
    "body",
    [
        "The following addresses did NOT receive a copy of your message:\n> a@b.example\n--- Session Transcript ---\n",
        "Intended recipient: a@b.example\nError: 550\n--------RETURNED MAIL FOLLOWS--------\n",
        "a@b.example - no such user here.\n\nThere is no user by that name at this server.\n",
    ],
)
def test_a_format_that_only_flufl_bounce_knows_is_a_notice_where_nobody_can_be_answered(body: str) -> None:
    content = b"From: Somebody <s@mx.example>\r\nSubject: x\r\n\r\n" + body.replace("\n", "\r\n").encode()
    report = read_report(content, by_nobody=True)
    assert report is not None
    assert (report.kind, [one.address for one in report.recipients]) == (Kind.BOUNCE, ["a@b.example"])
    assert read_report(content, by_nobody=False) is None


@pytest.mark.parametrize("fields", ["Subject: x\r\nAuto-Submitted: auto-replied", "Subject: Fwd: x"])
def test_what_says_itself_what_it_is_is_no_notice_of_a_format(fields: str) -> None:
    body = "The following addresses had permanent problems in the past:\r\n\r\n<a@b.example>\r\n"
    content = f"From: Eva <eva@mx.example>\r\n{fields}\r\n\r\n{body}".encode()
    assert read_report(content, by_nobody=True) is None


@pytest.mark.parametrize("line", [b"\r\n", b"a\n"])
def test_short_lines_cost_little(line: bytes) -> None:
    content = b"From: Eva <eva@mx.example>\r\nSubject: x\r\n\r\n" + line * 32_000
    assert cost.within(8 * cost.unit(), lambda: read_report(content, by_nobody=True))


def test_every_recipient_of_a_report_is_read_up_to_a_bound() -> None:
    groups = "".join(f"Final-Recipient: rfc822; a{n}@b.example\nAction: failed\nStatus: 5.1.1\n\n" for n in range(3000))
    body = f"--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; x.example\n\n{groups}--b--\n"
    content = DAEMON + b'Content-Type: multipart/report; boundary="b"\r\n\r\n' + body.encode()
    report = read_report(content, by_nobody=True)
    assert report is not None
    assert len(report.recipients) == MAX_RECIPIENTS


def test_amazon_tells_in_json() -> None:
    header = b"From: no-reply@sns.amazonaws.com\r\nSubject: AWS Notification Message\r\n\r\n"
    told = b'{"notificationType":"Bounce","bounce":{"bounceType":"Permanent","bouncedRecipients":[{"emailAddress":'
    told += b'"a@b.example","status":"5.1.1","action":"failed","diagnosticCode":"smtp; 550 5.1.1 unknown"}]}}'
    report = read_report(header + told, by_nobody=False)
    assert report is not None
    assert (report.kind, report.recipients[0].address, report.recipients[0].hard) == (Kind.BOUNCE, "a@b.example", True)


@pytest.mark.parametrize(
    "body",
    [
        b"<a@b.example>: user unknown\r\n" * 100_000,
        b"".join(b"<a%d@b.example>: 550 user unknown\r\n" % n for n in range(100_000)),
        b"a@" * 5_000_000,
        (b" " * 900 + b"x@\r\n") * 11_000,
        (b"!" * 900 + b"@\r\n") * 11_000,
        b'{"notificationType":"Bounce","bounce":' + b"[" * 500_000,
        b"could not be delivered a@b.example\r\n" + b"480-624-2500 " * 80_000,
        b"--b\r\nContent-Type: message/delivery-status\r\n\r\n" + b"x: y\r\n\r\n" * 500_000,
        b"".join(b"--b%d\r\nContent-Type: multipart/mixed; boundary=b%d\r\n\r\n" % (n, n + 1) for n in range(5000)),
    ],
)
def test_a_hostile_report_costs_no_more_than_eighty_million_sums(body: bytes) -> None:
    content = DAEMON + b"Content-Type: multipart/report; boundary=b\r\n\r\n" + body
    assert cost.within(80 * cost.unit(), lambda: read_report(content, by_nobody=True))


def test_addresses_in_running_text() -> None:
    assert addresses_in("to <a@b.example>, a@b.example; c+d@e.example.") == ["a@b.example", "c+d@e.example"]
