# SPDX-License-Identifier: Apache-2.0
"""The customer's copy of a reply names the team, and holds no byte of the agent's private address, host or login."""

import base64
import quopri

import pytest

from tests.end_to_end.conftest import CANARIES, LAPTOP, LOGIN, MAILBOX, SIGNATURE, World
from tests.support.canaries import found_canaries
from tests.support.installation import Delivered
from tests.support.people import accepted_id
from tests.support.verifiers import passes_dkimpy, passes_opendkim

pytestmark = pytest.mark.slow

PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4


def header(copy: Delivered, **fields: str) -> str:
    """What a talkative mail client writes above its reply."""
    given = {
        "Received": f"from {LAPTOP} ({LAPTOP} [192.0.2.7])\r\n\tby mail.canary-lan.example (Authenticated sender: "
        f"{LOGIN}); Sun, 22 Nov 2026 11:00:00 +0000",
        "From": f'"Ann Doe" <{MAILBOX}>',
        "Sender": MAILBOX,
        "To": copy.field("Reply-To"),
        "Cc": f"Ann Doe <{MAILBOX}>",
        "Disposition-Notification-To": MAILBOX,
        "Return-Receipt-To": MAILBOX,
        "Organization": "canary-lan",
        "Subject": f"Re: {copy.field('Subject')}",
        "Date": "Sun, 22 Nov 2026 11:00:00 +0000",
        "Message-ID": f"<1234@{LAPTOP}>",
        "In-Reply-To": copy.field("Message-ID"),
        "References": f"<0123@{LAPTOP}> {copy.field('Message-ID')}",
        "User-Agent": "canary-client/7.0",
        "X-Mailer": "canary-client",
        "X-Originating-IP": "192.0.2.7",
        "X-Sender": LOGIN,
        "MIME-Version": "1.0",
        **{name.replace("_", "-"): value for name, value in fields.items()},
    }
    return "".join(f"{name}: {value}\r\n" for name, value in given.items())


def base64_lines(octets: bytes) -> str:
    return base64.encodebytes(octets).decode().replace("\n", "\r\n")


def rich_reply(copy: Delivered, mark: str) -> bytes:
    """Text in quoted-printable, HTML in base64 with a picture, both quoting the copy as clients do."""
    secret = copy.field("Reply-To")
    words = f"Grüße, {mark}: turn the key.\r\n\r\nOn Sunday, Ann Doe <{MAILBOX}> wrote:\r\n> to {secret}\r\n"
    # A client may break the line inside the address: a search of the raw octets would not find it.
    plain = quopri.encodestring(words.encode()).decode().replace("\n", "\r\n").replace("\r\r", "\r")
    plain = plain.replace("canary-mailbox@", "canary-mail=\r\nbox@", 1)
    page = (
        f'<html><body><p>Gr&uuml;&szlig;e, {mark}</p><img src="cid:pic@{LAPTOP}">'
        f'<blockquote><a href="mailto:{MAILBOX}">Ann</a> {secret}</blockquote></body></html>'
    )
    return (
        header(copy, Content_Type='multipart/alternative; boundary="outer"') + "\r\n"
        "--outer\r\n"
        "Content-Type: text/plain; charset=utf-8\r\n"
        "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
        f"{plain}\r\n"
        '--outer\r\nContent-Type: multipart/related; boundary="inner"\r\n\r\n'
        "--inner\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        f"{base64_lines(page.encode())}"
        f"--inner\r\nContent-Type: image/png\r\nContent-ID: <pic@{LAPTOP}>\r\n"
        "Content-Disposition: inline\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        f"{base64_lines(PICTURE)}"
        "--inner--\r\n--outer--\r\n"
    ).encode()


def test_the_search_finds_a_canary_in_every_encoding() -> None:
    word = "canary-laptop"
    hidden = [
        word.upper().encode(),
        b"Content-Transfer-Encoding: base64\r\n\r\n" + base64.b64encode(b"xx" + word.encode() + b"y"),
        b"no mail at all " + base64.b64encode(b"any text before it: " + word.encode()),
        b"canary-lap=\r\ntop",
        b"Subject: =?utf-8?b?" + base64.b64encode(word.encode()) + b"?=\r\n\r\n",
        b"Subject: =?utf-8?q?canary=2Dlaptop?=\r\n\r\n",
        b"canary&#45;laptop",
        b"canary%2Dlaptop",
        b"X-Folded: canary-\r\n laptop\r\n\r\n",
        word.encode("utf-16-le"),
    ]
    assert [found_canaries(one, [word, "other"]) for one in hidden] == [[word]] * len(hidden)


def test_a_rich_reply_leaves_signed_in_both_parts_and_names_nobody(world: World) -> None:
    carl, ann = world.customer(), world.agent
    mark = f"mark {carl.domain}"
    carl.write("Broken tractor", f"Smoke, {mark}.")
    copy = ann.inbox(f"Smoke, {mark}.")
    accepted_id(ann.send(rich_reply(copy, mark), [copy.field("Reply-To"), MAILBOX]))

    letter = carl.inbox(mark)
    assert found_canaries(letter.content, CANARIES) == []
    assert found_canaries(letter.content, [copy.field("Reply-To").partition("@")[0]]) == []
    assert passes_dkimpy(letter.content, world.zone) == ["firm.example", "gw.example"]
    assert passes_opendkim(letter.content, world.zone) == ["firm.example", "gw.example"]
    plain, page = (letter.message.get_body((kind,)).get_content() for kind in ("plain", "html"))
    assert plain.startswith(f"Grüße, {mark}: turn the key.")
    assert plain.splitlines()[-2:] == ["-- ", SIGNATURE]
    assert SIGNATURE in page
    (picture,) = [part for part in letter.message.walk() if part.get_content_type() == "image/png"]
    assert picture.get_content() == PICTURE
    assert f'src="cid:{picture["Content-ID"].strip("<>")}"' in page
    # The agent's own address among the recipients makes no second mail and no participant.
    assert [one.field("Subject") for one in world.installation.maildir(MAILBOX) if mark.encode() in one.content] == [
        "Broken tractor"
    ]


def test_a_file_that_holds_the_agents_address_is_refused_with_the_reason(world: World) -> None:
    carl, ann = world.customer(), world.agent
    carl.write("Broken tractor", f"Smoke at {carl.domain}.")
    copy = ann.inbox(f"Smoke at {carl.domain}.")
    draft = (
        header(copy, Content_Type='multipart/mixed; boundary="outer"') + "\r\n"
        "--outer\r\nContent-Type: text/plain\r\n\r\nSee the file.\r\n"
        '--outer\r\nContent-Type: application/octet-stream; name="notes.bin"\r\n'
        'Content-Disposition: attachment; filename="notes.bin"\r\nContent-Transfer-Encoding: base64\r\n\r\n'
        f"{base64_lines(b'from ' + MAILBOX.encode())}--outer--\r\n"
    ).encode()

    answer = ann.send(draft, [copy.field("Reply-To")])
    assert answer.code == 554
    assert "private address" in answer.text
    assert carl.case()["status"] == "new"


def test_mail_that_answers_no_case_is_refused(world: World) -> None:
    ann = world.agent
    answer = ann.send(b"From: a@b.example\r\nTo: carl@far.example\r\nSubject: Hi\r\n\r\nHi\r\n", ["carl@far.example"])
    assert (answer.code, answer.text.split(" (id")[0]) == (
        554,
        "5.7.1 This is not a reply to a case you may answer, answer the mail of the case itself",
    )
