# SPDX-License-Identifier: Apache-2.0

"""Mails that we write ourselves."""

from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes, policy

from handlers.identity import Mailbox
from handlers.notices import AcknowledgementPlan, Failure, NoticePlan, acknowledgement, agent_notice
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
    case_number=7,
    thread_id="JXA6PDRNQ2SO",
    text="We have your mail.\nSoon more.",
    date=AT,
)
NOTICE = NoticePlan(
    sender=Mailbox("Firm Support", parse("support@firm.example")),
    recipient=parse("ann.doe@private.example"),
    message_id="notice@gw.example",
    server_name="gw.example",
    case_number=7,
    thread_id="JXA6PDRNQ2SO",
    failures=(
        Failure(
            parse("carl@customer.example"), Response(550, "5.1.1", "No such\r\nX-Evil: user \xe4" + "x" * 3000), AT
        ),
        Failure(parse("kärl@customer.example"), Response(554, "", "no"), AT),
    ),
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
    assert (mail["Auto-Submitted"], mail["Subject"]) == ("auto-replied", "Case 7 [JXA6PDRNQ2SO]")
    assert (mail["In-Reply-To"], mail["To"]) == ("<1@customer.example>", "carl@customer.example")
    assert mail["From"] == "Firm Süpport <support@firm.example>"
    assert mail.get_content().splitlines() == ["We have your mail.", "Soon more.", "", "Case 7, thread JXA6PDRNQ2SO"]


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
    assert second["Status"] == "5.0.0"
    assert section.get_content_type() == "text/rfc822-headers"
    assert b"From: a\r\nSubject: b\r\n c\r\n" in content
    assert b"secret body" not in content
