# SPDX-License-Identifier: Apache-2.0
"""One conversation across mail programs: a customer with mutt, s-nail and nodemailer, an agent with msmtp.

format=flowed, HTML, an inline image, Arabic and Japanese: one case, and of each mail the words that its author wrote.
"""

import struct
import zlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.dns import DnsZone
from tests.support.installation import PASSWORD, Delivered, Installation
from tests.support.peers import readers
from tests.support.peers.clients import Call, Tls, msmtp
from tests.support.peers.readers import Desktop
from tests.support.people import Agent
from tests.support.tls import TlsFiles
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow

ANN, CARL = "ann.doe@private.example", "carl@customer.example"
FIRST = (
    "The pump does not start since Monday morning, although the tank is full and the filter is new, "
    "and the light on it is red."
)
ARABIC = "المضخة لا تعمل حتى الآن.\nهل يمكنكم إرسال فني غدا؟"
JAPANESE = "ポンプはまだ動きません。\n明日、技術者に来てもらえますか。"
HTML = (
    '<p>Here is the plate:</p><p><img src="cid:plate@nodemailer.example" alt="plate"></p><p>It says <b>P-100</b>.</p>'
)


def _png() -> bytes:
    """One red pixel."""
    parts = (
        (b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(b"\0\xff\0\0")),
        (b"IEND", b""),
    )
    chunks = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


@pytest.fixture
def installation(tmp_path: Path, tls_files: TlsFiles) -> Iterator[Installation]:
    """All roles; the customer's domain lets this host send for it, and says so by DMARC."""
    if reason := readers.lacking():
        pytest.skip(reason)
    zone_of_customer = {"TXT": ["v=spf1 ip4:127.0.0.1 -all"]}
    with (
        closing(
            DnsZone({"customer.example": zone_of_customer, "_dmarc.customer.example": {"TXT": ["v=DMARC1; p=reject"]}})
        ) as zone,
        Installation(tmp_path / "gw", nameservers=[zone.address], tls=tls_files) as made,
    ):
        made.set_up(zone)
        made.start()
        yield made
        assert made.errors() == []
        made.stop()


def _letter(installation: Installation, number: int) -> Delivered:
    """The reply of that number to Carl."""
    replies = wait_until(
        lambda: found if len(found := installation.maildir(CARL)) >= number else None, f"{number} letters to Carl"
    )
    return replies[number - 1]


def _ann_answers(installation: Installation, directory: Path, number: int, words: str) -> None:
    """Ann answers the newest copy with msmtp."""
    copies = wait_until(lambda: found if len(found := installation.maildir(ANN)) >= number else None, "Ann's copy")
    content = Agent(installation, "ann", ANN).compose(copies[number - 1], words)
    to = (copies[number - 1].field("Reply-To"),)
    sent = msmtp(
        Call(
            directory,
            installation.submission_port,
            Tls.STARTTLS,
            installation.tls.ca,
            ANN,
            to,
            content,
            "ann",
            PASSWORD,
        )
    )
    assert sent.status == 0, sent.printed


def test_a_conversation_across_mail_programs_is_one_case_with_the_right_words(installation, tmp_path):
    carl = Desktop(tmp_path / "carl", "Carl Customer", CARL, installation.mx_port)
    carl.home.mkdir()
    readers.mutt_writes(carl, "support@firm.example", "Pump P-100 — سؤال", FIRST)
    _ann_answers(installation, tmp_path, 1, "Does the red light blink?")

    carl.receive("1.host", _letter(installation, 1).content)
    readers.mutt_answers(carl, ARABIC)
    _ann_answers(installation, tmp_path, 2, "We will see. 明日です。")

    carl.receive("2.host", _letter(installation, 2).content)
    readers.s_nail_answers(carl, 2, JAPANESE)
    _ann_answers(installation, tmp_path, 3, "Please send a picture of the plate.")

    letter = _letter(installation, 3)
    answered = {
        "to": letter.field("Reply-To"),
        "subject": f"Re: {letter.field('Subject')}",
        "inReplyTo": letter.field("Message-ID"),
        "references": letter.field("References"),
        "text": "Here is the plate:\n\nIt says P-100.",
    }
    readers.nodemailer_answers(carl, answered, HTML, _png())
    wait_until(lambda: len(installation.maildir(ANN)) == 4, "the fourth copy")

    (case,) = installation.cases()
    story = installation.case(case["number"])
    assert [one["direction"] for one in story["mail"]] == ["inbound", "outbound"] * 3 + ["inbound"]
    assert [one["proof"] for one in story["mail"]] == ["proven"] * 7
    mails = [installation.message(one["id"]) for one in story["mail"]]
    said = [_folded(one["reply_text"]) for one in mails]
    assert said == [
        FIRST,
        "Does the red light blink?",
        _folded(ARABIC),
        "We will see. 明日です。",
        _folded(JAPANESE),
        "Please send a picture of the plate.",
        "Here is the plate: It says P-100.",
    ]
    assert all(one["subject"].endswith("Pump P-100 — سؤال") for one in mails)
    picture, slip = mails[-1]["attachments"]
    assert (picture["name"], picture["type"], picture["inline"]) == ("plate.png", "image/png", True)
    assert (slip["name"], slip["type"], slip["inline"]) == ("伝票.pdf", "application/pdf", False)
    assert "<b>P-100</b>" in mails[-1]["html"]


def _folded(text: str) -> str:
    """White space collapsed: lines are folded by each program in its own way."""
    return " ".join(text.split())
