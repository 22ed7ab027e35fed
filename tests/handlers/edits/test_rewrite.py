# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: E501 - octets of mails read best on one line
"""The customer's copy of an agent's mail: header section, signature, Content-IDs, octets left alone, leaks."""

from base64 import b64decode, b64encode, encodebytes
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from quopri import decodestring

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.edits.recipients import edit_mailboxes
from handlers.headers import WIDEST, scan
from handlers.identity import Mailbox
from handlers.mime_parts import parts, text
from handlers.rewrite import CannotRewrite, ReplyPlan, rewrite_reply
from storage.address import parse
from tests.support.cost import seconds, unit, within

PRIVATE = "ann.doe@private.example"
PLAN = ReplyPlan(
    sender=Mailbox("Firm Support", parse("support@firm.example")),
    reply_to=parse("r.abc@gw.example"),
    message_id="new@gw.example",
    in_reply_to="first@customer.example",
    references=("root@customer.example", "first@customer.example"),
    thread_id="JXA6PDRNQ2SO",
    signature="Ann, Firm Support",
    own_domain="gw.example",
    addresses={"a.signed@gw.example": Mailbox("Carl Customer", parse("carl@customer.example"))},
    drop=frozenset({PRIVATE}),
    private=(PRIVATE, "bob@private.example"),
    date=datetime(2026, 11, 22, tzinfo=UTC),
)
TO = b"To: a.signed@gw.example\r\n"


def body_of(content):
    return content[scan(content).body_offset :]


def leaves(content):
    return [part for part in parts(content) if part.is_leaf]


def rewritten(content, **changes):
    return rewrite_reply(content, replace(PLAN, **changes))


def test_only_listed_fields_stay_and_ours_are_written():
    content = (
        b"Received: from anns-laptop\r\nReturn-Path: <x@y.example>\r\nFrom: Ann <ann.doe@private.example>\r\n"
        b"Sender: ann.doe@private.example\r\nReply-To: ann.doe@private.example\r\nBcc: boss@firm.example\r\n"
        b"Message-ID: <1@anns-laptop>\r\nReferences: <a@b.example>\r\nUser-Agent: Anns/1\r\nX-Mailer: Anns\r\n"
        b"X-Originating-IP: [10.0.0.1]\r\nAutocrypt: addr=ann.doe@private.example\r\nOrganization: x\r\n"
        b"Thread-Topic: x\r\nThread-Index: y\r\nDKIM-Signature: z\r\nAuthentication-Results: z\r\nX-Casegate-Thread: F\r\n"
        b"Disposition-Notification-To: ann.doe@private.example\r\nno field at all\r\nComments: x\r\n"
        b"Subject:  Re:\r\n  odd \t spacing\r\nSubject: second\r\nDATE: then\r\nX-Priority : 1\r\n" + TO + b"\r\nhi\r\n"
    )
    assert rewritten(content, signature="") == (
        b"From: Firm Support <support@firm.example>\r\nReply-To: r.abc@gw.example\r\nMessage-ID: <new@gw.example>\r\n"
        b"X-Casegate-Loop: <new@gw.example>\r\nIn-Reply-To: <first@customer.example>\r\n"
        b"References: <root@customer.example> <first@customer.example>\r\nX-Casegate-Thread: JXA6PDRNQ2SO\r\n"
        b"Subject:  Re:\r\n  odd \t spacing\r\nDATE: then\r\nX-Priority: 1\r\n"
        b"To: Carl Customer <carl@customer.example>\r\n\r\nhi\r\n"
    )


def test_a_missing_date_is_added_and_long_references_keep_root_and_tail():
    head = scan(rewritten(TO + b"\r\nhi\r\n", references=tuple(f"{n}@x.example" for n in range(60))))
    ids = head.first(b"references").split()
    assert head.first(b"date") == b"Sun, 22 Nov 2026 00:00:00 +0000"
    assert (ids[0], ids[1], ids[-1], len(ids)) == (b"<0@x.example>", b"<40@x.example>", b"<59@x.example>", 21)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        # other mailboxes keep their octets, odd as they are
        (b'"O, (b" <o@x.example>,  =?utf-8?q?=C3=A4?= <p@x.example>', None),
        (
            b'"x, y" <A.signed@GW.example> , o@x.example (c, d)',
            b"Carl Customer <carl@customer.example>,\r\n o@x.example (c, d)",
        ),
        # the agent's copy to self goes
        (b"Ann <Ann.Doe@private.example>, o@x.example", b"o@x.example"),
        # two ways to name one person
        (b"a.signed@gw.example, <a.signed@gw.example>", b"Carl Customer <carl@customer.example>"),
        (b"friends: a.signed@gw.example, o@x.example;", b"Carl Customer <carl@customer.example>,\r\n o@x.example"),
    ],
)
def test_to_and_cc_are_edited_mailbox_by_mailbox(before, after):
    for name in (b"To", b"Cc"):
        copy = rewritten(name + b": " + before + b"\r\n\r\nhi\r\n")
        assert b"\r\n" + name + b": " + (after or before) + b"\r\n" in copy


def test_a_field_without_a_mailbox_left_goes():
    assert scan(rewritten(TO + b"Cc: ann.doe@private.example\r\n\r\nhi\r\n")).count(b"cc") == 0


@given(st.binary(max_size=200))
def test_any_address_list_is_taken(value):
    edit_mailboxes(value, lambda address: None if address else b"x@y.example")


MIME = TO + b"MIME-Version: 1.0\r\n"
TAIL = b"-- \r\nAnn, Firm Support\r\n"


@pytest.mark.parametrize(
    ("section", "body", "signed"),
    [
        (b"", b"hi\r\n", b"hi\r\n" + TAIL),
        (b"", b"hi", b"hi\r\n" + TAIL),  # missing final line end
        (b"", b"", TAIL),
        (b"Content-Type: text/plain; charset=x-unknown\r\n", b"hi\r\n", b"hi\r\n" + TAIL),
        # quoted-printable: the space at the end of a line must be encoded, a soft break must not swallow the line
        (
            b"Content-Transfer-Encoding: quoted-printable\r\n",
            b"h=C3=A9=\r\n",
            b"h=C3=A9=\r\n\r\n--=20\r\nAnn, Firm Support\r\n",
        ),
        (b"Content-Transfer-Encoding: base64\r\n", b"aGk=\r\n", encodebytes(b"hi\r\n" + TAIL).replace(b"\n", b"\r\n")),
        (
            b"Content-Type: text/plain; charset=iso-2022-jp\r\n",
            b'\x1b$B$"\x1b(B\r\n',
            b'\x1b$B$"\x1b(B\r\n' + TAIL,
        ),
    ],
)
def test_the_signature_is_appended_and_the_rest_keeps_its_octets(section, body, signed):
    copy = rewritten(MIME + section + b"\r\n" + body)
    assert body_of(copy) == signed
    assert section in copy


def test_a_mail_that_ends_in_its_header_section_is_signed():
    assert body_of(rewritten(TO + b"Subject: x")) == TAIL
    assert body_of(rewritten(TO + b"Subject: x\r\n")) == TAIL


def test_an_ascii_mail_with_a_foreign_signature_becomes_utf_8():
    copy = rewritten(TO + b"Content-Language: en\r\n\r\na = b\r\n", signature="Änn\n私")
    head = scan(copy)
    assert head.first(b"content-type") == b"text/plain; charset=utf-8"
    assert head.first(b"content-transfer-encoding") == b"quoted-printable"
    assert head.first(b"mime-version") == b"1.0"
    assert head.first(b"content-language") == b"en"
    assert decodestring(body_of(copy)) == "a = b\r\n-- \r\nÄnn\r\n私\r\n".encode()


def test_an_eight_bit_part_takes_what_its_character_set_holds():
    section = b"Content-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: 8bit\r\n"
    assert body_of(rewritten(MIME + section + b"\r\n\xe4\r\n", signature="ö")) == b"\xe4\r\n-- \r\n\xf6\r\n"
    copy = rewritten(MIME + section + b"\r\n\xe4\r\n", signature="私")
    assert text(copy, parts(copy)[0]) == "ä\n-- \n私\n"


def test_flowed_text_is_stuffed_and_a_long_signature_line_never_exceeds_the_limit():
    flowed = MIME + b"Content-Type: text/plain; format=flowed\r\n\r\nhi\r\n"
    assert body_of(rewritten(flowed, signature="> a \nFrom b\nc")) == b"hi\r\n-- \r\n > a\r\n From b\r\nc\r\n"
    copy = rewritten(MIME + b"\r\nhi\r\n", signature="x" * 2000)
    assert max(map(len, copy.split(b"\r\n"))) <= 998


ALTERNATIVE = (
    MIME
    + b"Content-Type: multipart/mixed; boundary=m\r\n\r\npreamble\r\n--m\r\nContent-Type: multipart/related; boundary=r;"
    b' start="<root@anns-laptop>"\r\n\r\n--r\r\nContent-Type: multipart/alternative; boundary=a\r\n\r\n--a\r\n\r\nhi'
    b"\r\n--a\r\nContent-Type: text/html; charset=iso-8859-1\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    b"<BODY>\xe4 %s</BODY>\r\n--a--\r\n--r\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n"
    b"Content-ID: <pic@anns-laptop>\r\n\r\niVBORw0K\r\n\r\n\r\n--r--\r\n--m\r\nContent-Type: text/plain\r\n"
    b"Content-Disposition: attachment; filename=a.txt\r\n\r\nfile \t\r\n\r\n--m--\r\nepilogue"
)


def test_both_texts_are_signed_and_files_keep_their_octets():
    before = ALTERNATIVE % b""
    after = rewritten(before, signature="Ä <b>")
    old, new = leaves(before), leaves(after)
    assert [part.about.type for part in new] == ["text/plain", "text/html", "image/png", "text/plain"]
    assert text(after, new[0]) == "hi\n-- \nÄ <b>\n"
    assert text(after, new[1]) == "<BODY>ä \n<div>-- <br>\n&#196; &lt;b&gt;</div>\n</BODY>"
    assert [part.body.of(after) for part in new[2:]] == [part.body.of(before) for part in old[2:]]
    assert b"preamble" not in after
    assert b"epilogue" not in after


def test_content_ids_name_our_domain_and_links_follow():
    after = rewritten(ALTERNATIVE % b"<img src='CID:pic%40anns-laptop'>")
    image = next(part for part in parts(after) if part.about.type == "image/png")
    assert image.about.content_id.endswith("@gw.example")
    assert b"cid:" + image.about.content_id.encode() in after
    assert b"anns-laptop" not in after


@pytest.mark.parametrize("encoding", ["7bit", "quoted-printable", "base64"])
def test_a_page_is_signed_before_its_end_in_every_encoding(encoding):
    page = b"<p>=61</p>=\r\n</body>\r\n" if encoding == "quoted-printable" else b"<p>a</p></body>\r\n"
    page = b64encode(page) if encoding == "base64" else page
    section = b"Content-Type: text/html\r\nContent-Transfer-Encoding: " + encoding.encode() + b"\r\n\r\n"
    copy = rewritten(MIME + section + page)
    assert text(copy, parts(copy)[0]).split() == [
        "<p>a</p>",
        "<div>--",
        "<br>",
        "Ann,",
        "Firm",
        "Support</div>",
        "</body>",
    ]


@pytest.mark.parametrize(
    ("section", "body", "reason"),
    [
        (b"Content-Type: multipart/signed; boundary=b\r\n", b"--b\r\n\r\nhi\r\n--b--\r\n", "signed"),
        (b"Content-Type: multipart/encrypted; boundary=b\r\n", b"--b\r\n\r\nhi\r\n--b--\r\n", "encrypted"),
        (b"Content-Type: application/pkcs7-mime\r\n", b"MII", "S/MIME"),
        (b"", b"-----BEGIN PGP SIGNED MESSAGE-----\r\n", "PGP"),
        (b"Content-Type: multipart/mixed; boundary=b\r\n", b"no such line\r\n", "structure"),
        (b"Content-Type: multipart/mixed; boundary=b\r\n", b"--b\r\n\r\nx\r\n" * 600, "too many parts"),
        (b"", b"a\nb\r\n", "CR LF"),
        (b"X: y\r\n" * (WIDEST.fields + 1), b"hi\r\n", "header section"),
    ],
)
def test_what_cannot_be_rewritten_is_refused_with_a_reason(section, body, reason):
    with pytest.raises(CannotRewrite, match=reason):
        rewritten(MIME + section + b"\r\n" + body)


CANARY = b"ann.doe@private.example"
EML = b"From: ann.doe@private.example\r\n\r\nhi\r\n"


def with_part(fields, body):
    return (
        MIME
        + b"Content-Type: multipart/mixed; boundary=m\r\n\r\n--m\r\n\r\nhi\r\n--m\r\n"
        + fields
        + b"\r\n"
        + body
        + b"\r\n--m--\r\n"
    )


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (with_part(b'Content-Type: message/rfc822; name="notes.eml"\r\n', EML), '"notes.eml"'),
        (with_part(b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n", b64encode(EML)), "attached mail"),
        (
            # an attached mail within an attached mail, each in base64
            with_part(
                b"Content-Type: message/rfc822; name=o.eml\r\nContent-Transfer-Encoding: base64\r\n",
                b64encode(with_part(b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n", b64encode(EML))),
            ),
            '"o.eml"',
        ),
        (with_part(b'Content-Type: text/vcard; name="ann.vcf"\r\n', b"EMAIL:ANN.DOE@private.example"), '"ann.vcf"'),
        (
            with_part(b'Content-Type: application/x; name="a.doc"\r\nContent-Transfer-Encoding: base64\r\n',
                b64encode("ann.doe@private.example".encode("utf-16-le"))),
            '"a.doc"',
        ),
        (with_part(b"Content-Type: image/png; name*=utf-8''%61nn.doe%40private.example\r\n", b"x"), "header field of"),
        (MIME + b"Content-Type: text/html\r\n\r\n<a href='mailto:ann.doe%40private.example'>\r\n", "the text"),
        (MIME + b"Content-Type: text/html\r\n\r\nann.doe&#64;private.example\r\n", "the text"),
        (MIME + b"Content-Description: =?utf-8?q?ann=2Edoe=40private.example?=\r\n\r\nx\r\n", "a header field"),
        (b"To: =?utf-8?q?ann=2Edoe=40private.example?= <o@x.example>\r\n\r\nx\r\n", "a header field"),
    ],
)  # fmt: skip
def test_a_private_address_that_cannot_be_taken_out_holds_the_mail_back(content, place):
    with pytest.raises(CannotRewrite, match=f"{place}.* holds a private address"):
        rewritten(content)


def every_reading(octets, depth=3):
    """The octets and all that base64 or quoted-printable may hide in them."""
    yield octets
    if depth:
        yield from every_reading(decodestring(octets), depth - 1)
        for run in octets.replace(b"\r\n", b"").split(b"="):
            for piece in run.replace(b"?", b" ").replace(b"-", b" ").replace(b":", b" ").split():
                usable = piece[: len(piece) // 4 * 4]
                if len(usable) >= 16 and usable.replace(b"+", b"").replace(b"/", b"").isalnum():
                    yield b64decode(usable)


def test_no_canary_of_the_agent_is_left_in_any_encoding():
    quoted = b"On Monday " + CANARY + b" wrote:\r\n> Bob@Private.Example said\r\n"
    content = (
        b"Received: from canary1.host\r\nFrom: canary2 <ann.doe@private.example>\r\nSender: canary3@x.example\r\n"
        b"Message-ID: <x@canary4.host>\r\nUser-Agent: canary5\r\nX-Canary6: canary6\r\nBcc: canary7@x.example\r\n"
        b"Subject: =?utf-8?b?" + b64encode(b"from ann.doe@private.example") + b"?=\r\n"
        b"To: a.signed@gw.example, canary2 <ann.doe@private.example>\r\nCc: canary2 <bob@private.example>\r\n"
        b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=m\r\n\r\n"
        b"--m\r\n\r\n" + quoted + b"\r\n--m\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
        b"ann=2Edoe=\r\n@private.example\r\n--m\r\nContent-Transfer-Encoding: base64\r\n\r\n" + b64encode(quoted) +
        b"\r\n--m\r\nContent-Type: text/html\r\nContent-ID: <i@canary8.host>\r\n\r\n<a href='mailto:ann.doe@private.example'>"
        b"<img src='cid:i@canary8.host'>\r\n--m--\r\n"
    )  # fmt: skip
    copy = rewritten(content)
    for octets in every_reading(copy):
        assert b"canary" not in octets.lower()
        assert b"private.example" not in octets.lower()
    assert "support@firm.example" in text(copy, leaves(copy)[1])


def test_other_people_with_a_similar_address_keep_theirs_or_the_mail_is_held():
    with pytest.raises(CannotRewrite):
        rewritten(TO + b"\r\nask joann.doe@private.example\r\n", private=("ann.doe@private.example",))
    assert b"ann@x.example" in rewritten(TO + b"\r\nann@x.example\r\n")


@given(st.binary(max_size=300))
def test_any_mail_is_rewritten_or_refused(octets):
    content = TO + octets
    try:
        copy = rewritten(content)
    except CannotRewrite:
        return
    assert copy.endswith(b"\r\n")
    assert copy.count(b"\r") == copy.count(b"\n") == copy.count(b"\r\n")
    assert PRIVATE.encode() not in copy.lower()


NASTY = {
    "commas": b"To: " + b"," * 60_000 + b"\r\n\r\n" + b"x\r\n" * 300_000,
    "angles": b"To: " + b"<" * 200_000 + b"\r\n\r\nhi\r\n",
    "comments": b"To: " + b"(" * 200_000 + b"\r\n\r\nhi\r\n",
    "spaces": TO + b"\r\n" + b" " * 1_000_000 + b"\r\n",
    "links": MIME + b"Content-Type: text/html\r\nContent-ID: <a@b>\r\n\r\n" + b"cid:" * 250_000 + b"\r\n",
    "encoded words": b"Subject: " + b"=?" * 100_000 + b"\r\n\r\nhi\r\n",
    "soft breaks": MIME + b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + b"=\r\n" * 300_000,
    "near private": TO + b"\r\n" + b"ann.doe@private.exampl" * 40_000 + b"\r\n",
}


@pytest.mark.parametrize("name", NASTY)
def test_a_nasty_megabyte_costs_about_what_plain_text_costs(name):
    def rewrite(content: bytes) -> None:
        with suppress(CannotRewrite):
            rewritten(content)

    plain = seconds(lambda: rewrite(TO + b"\r\n" + b"hello there\r\n" * 80_000))
    assert within(10 * plain + 10 * unit(), lambda: rewrite(NASTY[name]))


@pytest.mark.corpora
def test_mail_of_the_world_is_rewritten_and_only_its_texts_change(corpora):
    done = refused = 0
    for path in sorted(corpora.rglob("*.eml")):
        before = path.read_bytes().replace(b"\r\n", b"\n").replace(b"\r", b"").replace(b"\n", b"\r\n")
        try:
            after = rewritten(before)
        except CannotRewrite:
            refused += 1
            continue
        done += 1
        old, new = parts(before), parts(after)
        assert [part.about.type for part in old] == [part.about.type for part in new], path
        for left, right in zip(old, new, strict=True):
            if left.is_leaf and (left.is_attachment or not left.about.type.startswith("text/")):
                assert right.body.of(after).rstrip() == left.body.of(before).rstrip(), path
            elif left.is_leaf and left.about.type == "text/plain":
                assert text(after, right).startswith(text(before, left).rstrip()), path
    assert done > 20 * refused


def test_a_signed_address_of_ours_in_the_words_is_hidden_and_in_to_becomes_the_person():
    # An agent's signed address is a key to the case; clients write it into the lines above a quote.
    copy = rewritten(TO + b"\r\nFrom: a.signed@gw.example\r\n", private=("a.signed@gw.example",), signature="")
    assert body_of(copy) == b"From: support@firm.example\r\n"
    assert scan(copy).first(b"to") == b"Carl Customer <carl@customer.example>"


def test_a_type_that_is_none_becomes_one_when_the_character_set_must_be_said():
    head = scan(rewritten(MIME + b"Content-Type: text\r\n\r\nhi\r\n", signature="\u00e4"))
    assert head.first(b"content-type") == b"text/plain; charset=utf-8"
