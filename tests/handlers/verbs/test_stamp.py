# SPDX-License-Identifier: Apache-2.0
"""What Received tells of how a mail came (RFC 5321 §4.4)."""

from dataclasses import replace

import pytest

from handlers.stamp import put_stamp
from storage.envelope import Session
from tests.support.office import World, mail


@pytest.mark.parametrize(
    ("session", "expected"),
    [
        (Session("s", "192.0.2.1", "a.example", "SMTP"), "from a.example ([192.0.2.1]) by gw.example with SMTP id "),
        (
            Session("s", "2001:db8::1", "a.example", "ESMTP", "TLSv1.3 X"),
            "from a.example ([IPv6:2001:db8::1]) by gw.example with ESMTPS id ",
        ),
        # RFC 3848 registers no SMTPS: HELO over TLS is SMTP.
        (
            Session("s", "192.0.2.1", "a.example", "SMTP", "TLSv1.3 X"),
            "from a.example ([192.0.2.1]) by gw.example with SMTP id ",
        ),
        # A mail server of this host, at our socket, which has no address.
        (Session("s", "local", "a.example", "LMTP"), "from a.example (local) by gw.example with LMTP id "),
        # A pipe has neither client nor protocol.
        (Session("s", "local", protocol="local"), "by gw.example (casegate ingest) id "),
    ],
)
def test_received_tells_who_brought_the_mail_and_how(world: World, session: Session, expected: str) -> None:
    judged = world.judged(mail())
    stamp = put_stamp(replace(judged, session=session), world.office).stamp
    received = stamp[stamp.index(b"Received: ") :].replace(b"\r\n ", b" ").replace(b"\r\n\t", b" ")
    assert received.decode().startswith(f"Received: {expected}")


def test_one_received_spf_is_ours_and_none_pretends_to_be(world: World) -> None:
    forged = b"Received-SPF: pass (gw.example: yes) receiver=gw.example\r\n"
    others = b"Received-SPF: pass (mx.other.example: yes) receiver=mx.other.example\r\n"
    octets = forged + others + mail()
    judged = world.judged(octets)
    assert judged.stamp.count(b"Received-SPF: ") == 1
    assert judged.stamp.index(b"Received-SPF: none (gw.example:") < judged.stamp.index(b"\r\nReceived: ")
    assert judged.left_out == ((0, len(forged)),)


@pytest.mark.parametrize(
    ("protocol", "tls", "expected"),
    [
        # RFC 6531 §4.3: a mail that may hold UTF-8 came by a protocol of its own name.
        ("ESMTP", None, " with UTF8SMTP id "),
        ("ESMTP", "TLSv1.3 X", " with UTF8SMTPS id "),
        ("LMTP", None, " with UTF8LMTP id "),
    ],
)
def test_received_tells_that_the_mail_may_hold_utf8(
    world: World, protocol: str, tls: str | None, expected: str
) -> None:
    judged = world.judged(mail())
    session = replace(judged.session, protocol=protocol, tls=tls)
    envelope = replace(judged.envelope, smtputf8=True)
    stamp = put_stamp(replace(judged, session=session, envelope=envelope), world.office).stamp
    assert expected in stamp.replace(b"\r\n", b"").decode()
