# SPDX-License-Identifier: Apache-2.0
"""The class of whole mails, with their content: reports in odd forms, and people who write about reports."""

import pytest

from handlers.classification import by_signs
from handlers.headers import scan
from handlers.refining import refine

CARL = "Carl <carl@customer.example>"
DAEMON = "Mail Delivery System <MAILER-DAEMON@mx.example>"
EXCHANGE = "Microsoft Outlook <MicrosoftExchange329e71ec88ae4615bbc36ab6ce41109e@dest.example>"
GROUP = "Reporting-MTA: dns; x\n\nFinal-Recipient: rfc822; a@b.example\nAction: {}\nStatus: {}\n"
STATUS = "Content-Type: message/delivery-status\n\n" + GROUP
RECEIPT = (
    "Content-Type: message/disposition-notification\n\nDisposition: automatic-action/MDN-sent-automatically; deleted\n"
)
FEEDBACK = "Content-Type: message/feedback-report\n\nFeedback-Type: {}\nUser-Agent: x\nVersion: 1\n"
OURS = "Content-Type: message/rfc822\n\nFrom: x@firm.example\nTo: a@b.example\nSubject: y\n\nz"
CALENDAR = "BEGIN:VCALENDAR\nMETHOD:REQUEST\nEND:VCALENDAR"


def text(author: str, subject: str, body: str, extra: str = "") -> str:
    return f"From: {author}\nTo: x@firm.example\nSubject: {subject}\n{extra}Content-Type: text/plain\n\n{body}\n"


def parts(author: str, top: str, *several: str, subject: str = "x") -> str:
    head = f"From: {author}\nTo: x@firm.example\nSubject: {subject}\nContent-Type: {top}; boundary=b\n\n"
    return head + "".join(f"--b\n{one}\n" for one in ("Content-Type: text/plain\n\nHello", *several)) + "--b--\n"


REPORT = "multipart/report; report-type="
FROM_SOMEBODY: list[tuple[str, str]] = [
    # People and firms with words of mail systems, in the mail or in their names.
    (text(CARL, "Mail delivery failed", "My mail came back: 550 5.1.1 user unknown. Why?"), "person"),
    (text("Postmaster <postmaster@c.example>", "You refuse our mail", "You say 550 5.7.1 blocked. Why?"), "person"),
    (text("Mail Administrator <ann@c.example>", "Delivery problem", "We could not deliver the tractor."), "person"),
    (text("Delivery System Ltd <info@parcel.example>", "Delivery failed", "Not delivered. Pick it up."), "person"),
    (text("Abuse Team <abuse@isp.example>", "Spam of yours", "A customer of yours sends spam."), "person"),
    (text(CARL, "Fwd: Undelivered", f"What is this?\n\nFrom: {DAEMON}\n\n<a@b.example>: 550 unknown"), "person"),
    (text("Nagios <nagios@mon.example>", "PROBLEM mx/SMTP is CRITICAL", "Connection refused 550"), "person"),
    (parts(CARL, "multipart/mixed", STATUS.format("failed", "5.1.1")), "person"),
    (parts(CARL, "multipart/mixed", f"Content-Type: text/calendar; name=x.ics\n\n{CALENDAR}"), "person"),
    # Invitations, receipts and complaints say themselves what they are.
    (parts(CARL, "multipart/alternative", f"Content-Type: text/calendar; method=REQUEST\n\n{CALENDAR}"), "calendar"),
    (parts(CARL, REPORT + "disposition-notification", RECEIPT), "auto-reply"),
    (parts("fbl@isp.example", REPORT + "feedback-report", FEEDBACK.format("abuse"), OURS), "complaint"),
    (parts("fbl@isp.example", REPORT + "feedback-report", FEEDBACK.format("not-spam"), OURS), "complaint"),
    (parts("feedbackloop@isp.example", "multipart/mixed", FEEDBACK.format("abuse"), OURS), "complaint"),
    # Exchange, sent on by somebody with a reverse-path.
    (
        text(
            EXCHANGE,
            "Undeliverable: Offer",
            "a@b.example\n#550 5.1.1 RESOLVER.ADR.RecipNotFound; not found ##\n\nOriginal message headers:\n\n"
            "Received: from a\nFrom: x@firm.example\nSubject: Offer\n",
        ),
        "bounce",
    ),
]
FROM_NOBODY: list[tuple[str, str]] = [
    (parts(DAEMON, REPORT + "delivery-status", STATUS.format("failed", "5.1.1")), "bounce"),
    (parts(DAEMON, REPORT + "delivery-status", STATUS.format("delayed", "4.4.1")), "bounce"),
    (parts(DAEMON, REPORT + "delivery-status", STATUS.format("delivered", "2.0.0")), "auto-reply"),
    (parts(DAEMON, REPORT + "delivery-status", STATUS.format("expanded", "2.0.0")), "auto-reply"),
    (parts(DAEMON, "multipart/mixed", STATUS.format("failed", "5.1.1")), "bounce"),
    (parts(CARL, REPORT + "disposition-notification", RECEIPT), "auto-reply"),
    # Away, in words that bounces use, too.
    (
        text(CARL, "Automatic reply: Offer", "I have left. My mail is not delivered; write to ann@b.example."),
        "out-of-office",
    ),
    (
        text(CARL, "Away", "It was delivered, but is not read.", "Auto-Submitted: auto-replied (vacation)\n"),
        "auto-reply",
    ),
    (text(CARL, "Question", "How do I start it?", "Auto-Submitted: no\n"), "person"),
    (text(CARL, "Delivery failed: my parcel", "It was returned to sender.", "Auto-Submitted: no\n"), "person"),
    (text(DAEMON, "Undelivered", "<a@b.example>: 550 5.1.1 user unknown", "Auto-Submitted: no\n"), "bounce"),
    # Filters.
    (
        text("Filter <postmaster@b.example>", "E-mail viruses detected", "To: a@b.example\nIt was not delivered."),
        "bounce",
    ),
]


def found(mail: str, *, is_null: bool) -> str:
    octets = mail.replace("\n", "\r\n").encode()
    head = scan(octets)
    return refine(head, octets, by_signs(head, is_null=is_null).found, is_null=is_null).found.value


@pytest.mark.parametrize(("mail", "expected"), FROM_SOMEBODY)
def test_what_a_mail_is_whose_sender_can_be_answered(mail: str, expected: str) -> None:
    assert found(mail, is_null=False) == expected


@pytest.mark.parametrize(("mail", "expected"), FROM_NOBODY)
def test_what_a_mail_is_that_came_with_the_null_reverse_path(mail: str, expected: str) -> None:
    assert found(mail, is_null=True) == expected
