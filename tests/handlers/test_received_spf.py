# SPDX-License-Identifier: Apache-2.0
"""One Received-SPF field of ours on every mail, and none that only says it is ours (RFC 7208 §9.1)."""

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.headers import scan
from handlers.received_spf import pretended_spans, received_spf_field
from handlers.results import SpfResult
from storage.address import Address, parse
from storage.envelope import Envelope, Session

RESULTS = ("pass", "fail", "softfail", "neutral", "none", "temperror", "permerror")
SESSION = Session("s1", "192.0.2.1", "mail.a.example")
# RFC 7208 §9.1, with a comment that holds no parenthesis
PAIR = r'[a-z-]+=(?:[A-Za-z0-9._-]+|"[^"\\\r\n]*")'
FIELD = re.compile(rf"Received-SPF: (?:{'|'.join(RESULTS)}) \([^()\\]*\) {PAIR}(?:; {PAIR})*\r\n")


def field(found: SpfResult, session: Session = SESSION, path: Address | None = None) -> str:
    octets = received_spf_field("gw.example", found, session, Envelope(path, ()))
    return octets.decode("ascii").replace("\r\n ", " ").replace("\r\n\t", " ")


def test_it_says_who_was_checked_and_how_it_ended():
    assert field(SpfResult("pass", "a.example", "ip4:192.0.2.0/24"), path=parse("carl@a.example")) == (
        "Received-SPF: pass (gw.example: domain of a.example designates 192.0.2.1 as permitted sender) "
        'client-ip=192.0.2.1; envelope-from="carl@a.example"; helo=mail.a.example; '
        'mechanism="ip4:192.0.2.0/24"; receiver=gw.example; identity=mailfrom\r\n'
    )


@pytest.mark.parametrize("result", RESULTS)
def test_each_result_of_the_null_reverse_path_is_about_the_helo_name(result):
    said = field(SpfResult(result, "mail.a.example"), replace(SESSION, peer="2001:db8::1"))
    assert FIELD.fullmatch(said)
    assert 'client-ip="2001:db8::1"' in said
    assert "envelope-from" not in said
    assert said.endswith("; identity=helo\r\n")


def test_a_mail_that_came_by_no_connection_has_none():
    assert received_spf_field("gw.example", SpfResult(), Session("s1", "local"), Envelope(None, ())) == b""


@given(st.text(max_size=40), st.text(max_size=40), st.text(max_size=40), st.sampled_from(RESULTS))
def test_no_value_of_a_stranger_writes_a_field_or_a_pair(helo, local, mechanism, result):
    found = SpfResult(result, "a.example", mechanism)
    octets = received_spf_field(
        "gw.example", found, replace(SESSION, helo=helo), Envelope(Address(local, "a.example"), ())
    )
    assert [one.name for one in scan(octets + b"\r\n").fields] == [b"received-spf"]
    assert FIELD.fullmatch(field(found, replace(SESSION, helo=helo), Address(local, "a.example")))


@pytest.mark.parametrize(
    "value",
    [
        "pass (gw.example: domain of bank.example designates 192.0.2.9 as permitted sender)",
        "pass client-ip=192.0.2.9; receiver=gw.example",
        "pass client-ip=192.0.2.9; receiver = GW.Example.;",
        'pass client-ip=192.0.2.9; receiver="gw.example"',
        # what only some readers see through
        'pass receiver="g\\w.example"',
        "pass receiver=gw.(it is us)example",
        "pass receiver=gw.\r\n example",
        "pass (" * 50 + "receiver=results.gw.example",
        "pass receiver=results.gw.example",
    ],
)
def test_a_field_that_names_us_is_forged(value):
    head = scan(f"Received-SPF: {value}\r\nSubject: x\r\n\r\n".encode())
    ((start, end),) = pretended_spans(head, ("gw.example", "results.gw.example"))
    assert head.content[start:end].startswith(b"Received-SPF: pass")
    assert head.content[end:].startswith(b"Subject:")


@pytest.mark.parametrize(
    "value",
    # the word of a host on the way
    [
        "pass (mx.other.example: ok) receiver=mx.other.example",
        "pass receiver=bigw.example",
        "pass receiver=gw.examples",
    ],
)
def test_the_fields_of_others_stay(value):
    assert pretended_spans(scan(f"Received-SPF: {value}\r\n\r\n".encode()), ("gw.example",)) == ()
