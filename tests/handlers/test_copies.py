# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: E501 - octets of mails read best on one line
"""The agent's copy of a customer's mail."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from handlers import headers
from handlers.copies import CopyPlan, agent_copy
from handlers.headers import decode_text, scan
from handlers.identity import Mailbox
from storage.address import parse

PLAN = CopyPlan(
    stamp=b"Received: by gw.example\r\nAuthentication-Results: gw.example; dkim=pass\r\nX-Casegate-Thread: JXA6PDRNQ2SO\r\n",
    left_out=(),
    sender=Mailbox("Carl Customer via Firm Support", parse("jxa6pdrnq2so@gw.example")),
    reply_to=parse("a.abc@gw.example"),
    message_id="copy@gw.example",
    in_reply_to=None,
    references=("root@gw.example",),
    is_unverified=False,
    case_label="FS-7",
    author=parse("carl@customer.example"),
)
BODY = b"body \xff\r\n.\r\nno final line end"
KEPT = (
    b"Received: from x\r\n by y\r\nTO:  support@firm.example\r\nCc: (odd <a@b.example>\r\nSubject: =?bad?=\r\n\ttext\r\n"
    b"Auto-Submitted: no\r\nX-Any: \xe4\r\nDate: x\r\nMIME-Version: 1.0\r\nContent-Type: text/plain\r\n"
)


def test_kept_fields_and_body_keep_their_octets():
    content = (
        b"Return-Path: <carl@customer.example>\r\nDKIM-Signature: x\r\n y\r\nARC-Seal: x\r\n" + KEPT
        + b"From: Carl <carl@customer.example>\r\nSender: x\r\nReply-To: y\r\nMessage-ID: <1@x>\r\nReferences: <2@x>\r\n"
        b"In-Reply-To: <2@x>\r\nX-Casegate-Case: 99\r\nX-CASEGATE-Thread : F\r\nBcc: x\r\nResent-From: y\r\nDelivered-To: z\r\n"
        b"Disposition-Notification-To: c@x\r\nReturn-Receipt-To: c@x\r\nnot a field\r\n\r\n" + BODY
    )  # fmt: skip
    assert agent_copy(scan(content), PLAN) == (
        PLAN.stamp + b"From: Carl Customer via Firm Support <jxa6pdrnq2so@gw.example>\r\nReply-To: a.abc@gw.example\r\n"
        b"Message-ID: <copy@gw.example>\r\nX-Casegate-Loop: <copy@gw.example>\r\nReferences: <root@gw.example>\r\nX-Casegate-Case: FS-7\r\n"
        b"X-Casegate-Author: carl@customer.example\r\n" + KEPT + b"\r\n"
    )


def test_forged_fields_named_as_spans_are_left_out():
    forged = b"Authentication-Results: gw.example;\r\n dkim=pass\r\n"
    head = scan(b"A: b\r\n" + forged + b"C: d\r\n\r\n")
    section = agent_copy(head, replace(PLAN, stamp=b"", left_out=((6, 6 + len(forged)),)))
    assert b"Authentication-Results" not in section
    assert section.endswith(b"A: b\r\nC: d\r\n\r\n")


def test_of_a_header_section_too_large_to_be_sent_on_what_makes_it_readable_stays():
    padding = b"X: y\r\nAuthentication-Results: gw.example; dkim=pass\r\nTo: again@x.example\r\n" * headers.MAX_FIELDS
    mime = b"MIME-Version: 1.0\r\nContent-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n"
    head = scan(b"Subject: hi\r\nTo: a@b.example\r\n" + padding + mime + b"\r\n")
    section = agent_copy(head, PLAN)
    assert section.startswith(PLAN.stamp)
    assert section.endswith(b"Subject: hi\r\nTo: a@b.example\r\n" + mime + b"\r\n")
    assert b"X: y" not in section
    assert scan(section).count(b"authentication-results") == 1


def test_unverified_mail_says_so_once_in_subject_and_display_name():
    plan = replace(PLAN, is_unverified=True)
    for before, after in (
        (b"Subject: hi\r\n", "[unverified] hi"),
        (b"Subject: [unverified] hi\r\n", "[unverified] hi"),
        (b"Subject: =?utf-8?q?=C3=A4?=\r\n", "[unverified] ä"),
        (b"", "[unverified]"),
    ):
        head = scan(agent_copy(scan(before + b"\r\n"), plan))
        assert decode_text(head.first(b"subject")) == after
        assert head.count(b"subject") == 1
        assert head.first(b"from") == b'"[unverified] Carl Customer via Firm Support" <jxa6pdrnq2so@gw.example>'


@given(st.binary(max_size=300))
def test_any_mail_gets_a_sound_header_section(content):
    received = scan(content)
    section = agent_copy(received, PLAN)
    head = scan(section + content[received.body_offset :])
    assert head.body_offset == len(section)
    assert head.count(b"from") == head.count(b"message-id") == 1
