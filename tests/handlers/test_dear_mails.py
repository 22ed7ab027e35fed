# SPDX-License-Identifier: Apache-2.0
"""A whole mail of a megabyte made to be dear, shown with all that it holds: at most ten times what plain text costs."""

from functools import cache

import pytest

from handlers import forwards
from handlers.showing import show
from tests.support import cost


def mail(media_type: str, piece: bytes, encoding: str = "8bit") -> bytes:
    """One part of a megabyte."""
    head = f"Content-Type: {media_type}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
    return head.encode() + piece * (1_000_000 // len(piece))


MIXED = "multipart/mixed; boundary=b"
DEAR = {
    "ampersands": mail("text/html", b"&"),
    "lists": mail("text/html", b"<ul><li>"),
    "fixed spaces": mail("text/html; charset=utf-8", "\xa0".encode()),
    "flowed quotes": mail("text/plain; format=flowed", b"> \r\n"),
    "flowed lines": mail("text/plain; format=flowed", b"\n"),
    "flowed spaces": mail("text/plain; format=flowed", b" \n"),
    "utf-7": mail("text/plain; charset=utf-7", b"\xff"),
    "enriched": mail("text/enriched", b"<param>"),
    "parts": mail(MIXED, b"--b\r\n\r\nx\r\n"),
    "pages": mail(MIXED, b"--b\r\nContent-Type: text/html\r\n\r\n<p>x\r\n"),
    "images": mail(MIXED, b"--b\r\nContent-Type: image/png; name=a\r\nContent-ID: <a>\r\n\r\nx\r\n"),
    "mails": mail("multipart/digest; boundary=b", b"--b\r\n\r\nSubject: x\r\n\r\nhi\r\n"),
    "winmail.dat": mail(MIXED, b"--b\r\nContent-Type: application/ms-tnef\r\n\r\n\x78\x9f\x3e\x22\x01\x00\r\n"),
    "runs of base64": mail("text/plain", b"a=", "base64"),
    "quoted-printable": mail("text/plain", b"=e4", "quoted-printable"),
    "escapes": mail("text/plain; charset=iso-2022-jp", b"\x1b$B\x1b(B"),
    "encoded words": b"Subject: " + b"=?utf-8?q?a?= " * 70_000 + b"\r\n\r\nx",
    "unencoded words": b"Subject: " + b"\xe4" * 1_000_000 + b"\r\n\r\nx",
    "names": b'Content-Type: text/plain; name="' + b"=?x?q?\xe4?= " * 80_000 + b'"\r\n\r\nx',
    "forwards": mail("text/plain", b"begin forwarded message:\r\n> From: x\r\n"),
}


def shown(content: bytes) -> None:
    """As `message show` does."""
    forwards.of_mail(content, show(content).text)


@cache
def plain() -> float:
    """What words cost."""
    return cost.seconds(lambda: shown(mail("text/plain", b"hello there\r\n")))


@pytest.mark.parametrize("name", DEAR)
def test_a_dear_mail_costs_about_what_plain_text_costs(name: str) -> None:
    assert cost.within(20 * plain(), lambda: shown(DEAR[name]))
