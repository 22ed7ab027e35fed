# SPDX-License-Identifier: Apache-2.0
"""What a mail client writes between the words names no machine, and every mail is short enough to send."""

from base64 import b64encode

import pytest

from handlers.headers import scan
from handlers.mime_parts import decode, parts, text
from tests.handlers.edits.test_rewrite import MIME, TO, body_of, leaves, rewritten

HOST = "canary-laptop.canary-lan.example"
HOSTS = {"hosts": (HOST,), "text_hosts": (HOST,)}

TALKATIVE = (
    MIME.replace(b"1.0", b"1.0 (canary 16.0)")
    + f'Content-Type: multipart/mixed; x-canary=1; boundary="canary-{HOST}"\r\n\r\n'
    f"preamble of {HOST}\r\n--canary-{HOST}\r\n"
    f'Content-Type: multipart/related; boundary="canary-{HOST}-2"; start="<a@{HOST}>"\r\nX-Canary: 1\r\n\r\n'
    f"--canary-{HOST}-2\r\nContent-ID: <a@{HOST}>\r\nContent-Location: file://{HOST}/a\r\n\r\nhi\r\n"
    f"--canary-{HOST}-2\r\nContent-Type: image/png (made on {HOST})\r\nContent-Base: http://{HOST}/\r\n"
    f"Content-Description: =?utf-8?q?on_canary=2Dlaptop=2Ecanary=2Dlan=2Eexample?=\r\nContent-MD5: canary\r\n"
    f'Content-Disposition: attachment; x-canary="a;b"; filename="p.png"\r\n'
    f"Content-Transfer-Encoding: base64\r\n\r\niVBORw0K\r\n--canary-{HOST}-2--\r\ninner epilogue of {HOST}\r\n"
    f"--canary-{HOST}\r\n\r\nlast\r\n--canary-{HOST}--\r\nepilogue of {HOST}\r\n".encode()
)


def test_no_machine_is_named_between_the_words():
    copy = rewritten(TALKATIVE, **HOSTS)
    assert b"canary" not in copy.lower()
    assert b"MIME-Version: 1.0\r\n" in copy
    assert [part.about.type for part in parts(copy)] == [part.about.type for part in parts(TALKATIVE)]
    assert [part.body.of(copy) for part in leaves(copy)[1:]] == [b"iVBORw0K", b"last"]
    picture = leaves(copy)[1]
    assert (picture.about.name, picture.about.disposition) == ("p.png", "attachment")
    boundaries = {part.about.boundary for part in parts(copy) if not part.is_leaf}
    assert len(boundaries) == 2
    assert copy.rstrip().endswith(b"--")


@pytest.mark.parametrize(
    "content",
    [
        # a multipart without an end, whose inner boundary begins like the outer one
        MIME + b"Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\nContent-Type: multipart/mixed; boundary=a-\r\n"
        b"\r\n--a-\r\n\r\none\r\n--a-\r\n\r\ntwo\r\n--a\r\n\r\nthree",
        # a part without header section, one without blank line, an empty one
        MIME
        + b"Content-Type: multipart/mixed; boundary=a;\r\n\r\n--a\r\n\r\n--a\r\nno field\r\n--a\r\n\r\n\r\n--a--\r\n",
        MIME
        + b'Content-Type: multipart/digest; boundary*0="a";\r\n boundary*1=b\r\n\r\n--ab\r\n\r\nSubject: x\r\n\r\nhi'
        b"\r\n--ab--",
    ],
)
def test_odd_structures_keep_their_leaves(content):
    copy = rewritten(content, signature="")
    assert [part.body.of(copy) for part in leaves(copy)] == [part.body.of(content) for part in leaves(content)]
    assert [part.about.type for part in parts(copy)] == [part.about.type for part in parts(content)]


def test_a_private_address_between_the_words_goes():
    private = b"ann.doe@private.example"
    copy = rewritten(
        MIME + b'Content-Type: multipart/mixed; boundary="%b"\r\n\r\n%b\r\n--%b\r\n'
        b"Content-Type: image/png\r\nX-Path: =?utf-8?b?%b?=\r\n\r\nx\r\n--%b--\r\nepilogue %b\r\n"
        % (private, private, private, b64encode(private), private, private)
    )
    assert b"private" not in copy


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            f"> <1234@{HOST}> and ann@{HOST.upper()}, a%40{HOST}",
            "> <1234@gw.example> and ann@gw.example, a%40gw.example",
        ),
        (f"ann@other.{HOST} a@{HOST}.au http://{HOST}/", None),  # other hosts, and what is no address
        ("a.aaaaaaaaaaaa.bbbbbbbbbb.cccc.addddddddddddddd2@GW.example:", "support@firm.example:"),
        ("r.aaaaaaaaaaaa.bbbbbbbbbb.cccc.addddddddddddddd2@gw.example", None),  # the customer's own
    ],
)
def test_hosts_and_agents_secret_addresses_in_the_words(before, after):
    copy = rewritten(
        TO + b"Subject: " + before.encode() + b"\r\n\r\n" + before.encode() + b"\r\n", signature="", **HOSTS
    )
    assert body_of(copy).decode() == (after or before) + "\r\n"
    assert scan(copy).first(b"subject").decode() == (after or before)


def test_a_link_to_a_picture_follows_its_new_name():
    page = f"<img src='cid:pic@{HOST}'>"
    section = f"Content-Type: text/html\r\nContent-ID: <pic@{HOST}>\r\n\r\n"
    copy = rewritten(MIME + section.encode() + page.encode() + b"\r\n", signature="", **HOSTS)
    assert text(copy, parts(copy)[0]) == f"<img src='cid:{parts(copy)[0].about.content_id}'>\n"


def longest(content):
    return max(map(len, content.split(b"\r\n")))


def test_long_lines_are_encoded_anew_and_long_fields_folded():
    long = b"word " * 400 + b"\r\n"
    content = (
        TO + b"Subject: " + long + b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=m\r\n\r\n"
        b"--m\r\n\r\n" + long + b"\r\n--m\r\nContent-Type: application/x\r\nContent-Description: " + long + b"\r\n"
        + bytes(range(14, 256)) * 9
        + b"\r\n--m\r\nContent-Type: text/plain; name=a.txt\r\n\r\n" + long + b"\r\n--m--\r\n"
    )  # fmt: skip
    copy = rewritten(content, signature="")
    assert longest(copy) <= 998
    first, second, third = leaves(copy)
    assert text(copy, first) == long.decode().replace("\r\n", "\n")
    assert decode(copy, second) == bytes(range(14, 256)) * 9
    assert decode(copy, third) == long


@pytest.mark.parametrize(
    ("fields", "body", "charset"),
    [
        (b"", "Grüße 私".encode(), b"utf-8"),
        (b"", "Grüße".encode("iso-8859-1"), b"iso-8859-1"),
        (b"", "“Grüße”".encode("windows-1252"), b"windows-1252"),
        (b"Content-Type: text/plain; charset=us-ascii\r\nMIME-Version: 1.0\r\n", "Grüße".encode(), b"utf-8"),
        (b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=koi8-r\r\n", "Привет".encode("koi8-r"), b"koi8-r"),
    ],
)
def test_undeclared_eight_bit_text_is_declared_and_keeps_its_octets(fields, body, charset):
    copy = rewritten(TO + fields + b"\r\n" + body + b"\r\n", signature="")
    head = scan(copy)
    assert head.all(b"content-type") == (b"text/plain; charset=" + charset,)
    assert head.all(b"content-transfer-encoding") == (b"quoted-printable",)
    assert head.all(b"mime-version") == (b"1.0",)
    assert copy.isascii()
    assert decode(copy, parts(copy)[0]) == body + b"\r\n"
