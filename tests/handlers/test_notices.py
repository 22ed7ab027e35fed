# SPDX-License-Identifier: Apache-2.0

"""Mails that we write ourselves."""

from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes, policy

import pytest

from handlers.identity import Mailbox
from handlers.notices import (
    AcknowledgementPlan,
    ConfirmationPlan,
    NoticePlan,
    acknowledgement,
    agent_notice,
    confirmation,
)
from handlers.reports import Action, Fate
from storage.address import parse
from storage.response import Response

AT = datetime(2026, 11, 22, tzinfo=UTC)
ACKNOWLEDGEMENT = AcknowledgementPlan(
    sender=Mailbox("Firm Süpport", parse("support@firm.example")),
    recipient=parse("carl@customer.example"),
    reply_to=parse("r.abc@gw.example"),
    message_id="ack@gw.example",
    in_reply_to="1@customer.example",
    references=("1@customer.example",),
    case_label="FS-7",
    thread_id="JXA6PDRNQ2SO",
    text="We have your mail.\nSoon more.",
    date=AT,
)
NOTICE = NoticePlan(
    sender=Mailbox("Firm Support", parse("support@firm.example")),
    recipient=parse("ann.doe@private.example"),
    message_id="notice@gw.example",
    server_name="gw.example",
    case_label="FS-7",
    thread_id="JXA6PDRNQ2SO",
    fates=(
        Fate(
            "carl@customer.example",
            Action.FAILED,
            Response(550, "5.1.1", "No such\r\nX-Evil: user \xe4" + "x" * 3000),
            AT,
            "rfc822;a.secret+40gw.example",
        ),
        Fate("kärl@customer.example", Action.FAILED, Response(554, "", "no"), AT),
    ),
    arrived_at=AT,
    envid="QQ+2B314159",
    content=b"From: a\r\nSubject: b\r\n c\r\n\r\nsecret body\r\n",
    date=AT,
)


def read(content):
    assert content.endswith(b"\r\n")
    assert content.count(b"\r") == content.count(b"\n") == content.count(b"\r\n")
    assert max(map(len, content.split(b"\r\n"))) <= 998
    return message_from_bytes(content, policy=policy.SMTP)


def test_an_acknowledgement_obeys_rfc_3834_and_says_only_number_thread_and_text():
    mail = read(acknowledgement(ACKNOWLEDGEMENT))
    assert (mail["Auto-Submitted"], mail["Subject"]) == ("auto-replied", "Case FS-7")
    assert (mail["In-Reply-To"], mail["To"]) == ("<1@customer.example>", "carl@customer.example")
    assert mail["From"] == "Firm Süpport <support@firm.example>"
    assert mail.get_content().splitlines() == ["We have your mail.", "Soon more.", "", "Case FS-7, thread JXA6PDRNQ2SO"]


def test_a_text_in_any_language_is_carried():
    mail = read(acknowledgement(replace(ACKNOWLEDGEMENT, text="Grüße " + "x" * 2000)))
    assert mail.get_content().startswith("Grüße xxx")


def test_a_notice_is_a_delivery_report_that_holds_the_header_section_alone():
    content = agent_notice(NOTICE)
    mail = read(content)
    assert mail.get_content_type() == "multipart/report"
    assert mail.get_param("report-type") == "delivery-status"
    text, status, section = mail.iter_parts()
    assert "carl@customer.example: 550 5.1.1 No such X-Evil: user" in text.get_content()
    message, first, second = status.iter_parts()
    assert message["Reporting-MTA"] == "dns; gw.example"
    assert (first["Action"], first["Status"], first["Final-Recipient"]) == (
        "failed",
        "5.1.1",
        "rfc822; carl@customer.example",
    )
    assert "X-Evil" not in first
    assert first["Diagnostic-Code"].startswith("smtp; 550 5.1.1 No such X-Evil")
    assert (first["Original-Recipient"], message["Original-Envelope-Id"]) == (
        "rfc822; a.secret@gw.example",
        "QQ+314159",
    )
    assert message["Arrival-Date"] == "Sun, 22 Nov 2026 00:00:00 +0000"
    # RFC 6533 §3: addresses beyond ASCII are written in ASCII.
    assert (second["Status"], second["Final-Recipient"]) == ("5.0.0", "utf-8; k\\x{E4}rl@customer.example")
    assert "Original-Recipient" not in second
    assert section.get_content_type() == "text/rfc822-headers"
    assert b"From: a\r\nSubject: b\r\n c\r\n" in content
    assert b"secret body" not in content


def status_of(content):
    """The fields of the message and of its first recipient, and the part told again."""
    _, status, told = read(content).iter_parts()
    message, recipient = status.iter_parts()
    return message, recipient, told


@pytest.mark.parametrize(
    ("hidden", "shown"),
    [
        # What a client hid in xtext becomes no second field, no line end and nothing beyond ASCII.
        ("QQ314159", "QQ314159"),
        ("a+0D+0AX-Evil:+20yes", None),
        ("nul+00", None),
        ("+E4", None),
        ("", None),
    ],
)
def test_what_a_client_hid_in_xtext_stays_on_one_line(hidden, shown):
    fate = replace(NOTICE.fates[1], orcpt=f"rfc822;{hidden}" if hidden else "")
    message, recipient, _ = status_of(agent_notice(replace(NOTICE, envid=hidden, fates=(fate,))))
    assert message["Original-Envelope-Id"] == shown
    assert recipient["Original-Recipient"] == (f"rfc822; {shown}" if shown else None)
    assert "X-Evil" not in message
    assert "X-Evil" not in recipient


@pytest.mark.parametrize(
    ("action", "subject", "has_diagnostic"),
    [
        (Action.FAILED, "Not delivered: your reply in case FS-7", True),
        (Action.DELAYED, "Delayed: your reply in case FS-7", True),
        (Action.RELAYED, "Relayed: your reply in case FS-7", False),
        (Action.DELIVERED, "Delivered: your reply in case FS-7", False),
    ],
)
def test_each_action_is_told_in_words_and_fields(action, subject, has_diagnostic):
    until = AT if action is Action.DELAYED else None
    fate = Fate("carl@customer.example", action, Response(450, "4.2.0", "Later"), AT, retry_until=until)
    content = agent_notice(replace(NOTICE, fates=(fate,)))
    _, recipient, _ = status_of(content)
    assert read(content)["Subject"] == subject
    assert (recipient["Action"], recipient["Status"]) == (action.value, "4.2.0")
    assert ("Diagnostic-Code" in recipient) == has_diagnostic
    assert ("Will-Retry-Until" in recipient) == (action is Action.DELAYED)


@pytest.mark.parametrize(
    ("told", "in_full", "content_type"),
    [
        (b"Subject: b\r\n\r\nbody\r\n", False, "text/rfc822-headers"),
        (b"Subject: b\r\n\r\nbody\r\n", True, "message/rfc822"),
        # RFC 6533: header fields beyond ASCII have types of their own.
        ("Subject: ä\r\n\r\nbody\r\n".encode(), False, "message/global-headers"),
        ("Subject: ä\r\n\r\nbody\r\n".encode(), True, "message/global"),
        ("Subject: b\r\n\r\nbödy\r\n".encode(), True, "message/rfc822"),
    ],
)
def test_the_reply_is_told_again_octet_for_octet(told, in_full, content_type):
    content = agent_notice(replace(NOTICE, content=told, in_full=in_full))
    part = list(read(content).iter_parts())[2]
    assert part.get_content_type() == content_type
    wanted = told if in_full else told.partition(b"\r\n\r\n")[0] + b"\r\n"
    assert wanted + (b"\r\n--" if in_full else b"--") in content
    assert (b"Content-Transfer-Encoding: 8bit" in content) == (not content.isascii())


def test_a_confirmation_repeats_nothing_but_the_message_id():
    fate = Fate("support@firm.example", Action.DELIVERED, Response(250, "2.1.5", "here"), AT)
    plan = ConfirmationPlan(
        sender=ACKNOWLEDGEMENT.sender,
        recipient=ACKNOWLEDGEMENT.recipient,
        message_id="c@gw.example",
        server_name="gw.example",
        thread_id="JXA6PDRNQ2SO",
        fates=(fate,),
        arrived_at=AT,
        envid="QQ",
        confirmed_id="1@customer.example",
        date=AT,
    )
    message, recipient, told = status_of(confirmation(plan))
    assert message["Original-Envelope-Id"] == "QQ"
    assert (recipient["Action"], recipient["Status"]) == ("delivered", "2.1.5")
    assert told.get_payload().strip() == "Message-ID: <1@customer.example>"
    assert status_of(confirmation(replace(plan, confirmed_id="")))[2].get_payload().strip() == ""
