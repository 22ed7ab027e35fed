# SPDX-License-Identifier: Apache-2.0
"""Our Authentication-Results field injects nothing; a forged one is found however it is written."""

import re

import authres
import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.authentication_results import forged_spans, results_field
from handlers.headers import scan
from handlers.results import ArcResult, Authentication, DkimResult, DmarcResult, IprevResult, SpfResult
from storage.address import Address, parse
from storage.envelope import Envelope, Session
from tests.support.cost import seconds

PEER, ANN = "192.0.2.1", parse("ann@x.example")


def written(
    found: Authentication, *, peer: str = PEER, reverse_path: Address | None = ANN, with_arc: bool = True
) -> bytes:
    return results_field("gw.example", found, Session("s", peer), Envelope(reverse_path, ()), with_arc=with_arc)


def read(field: bytes) -> list[tuple]:
    """Method, result, reason and properties, as authres reads them."""
    header = authres.AuthenticationResultsHeader.parse(re.sub(r"\r\n(?=[ \t])", "", field.decode()).strip())
    assert header.authserv_id == "gw.example"
    return [
        (one.method, one.result, one.reason, {f"{said.type}.{said.name}": said.value for said in one.properties})
        for one in header.results
    ]


def test_every_result_is_written_as_rfc_8601_wants() -> None:
    found = Authentication(
        spf=SpfResult("softfail", "x.example"),
        dkim=(
            DkimResult("pass", "sig.example", "s1", "ann+x@sig.example", "rsa-sha256", "Ab+/12=="),
            DkimResult("permerror", "b.example", reason="key revoked"),
        ),
        dmarc=DmarcResult("fail", "x.example", policy="reject"),
        arc=ArcResult("pass", "relay.example", 2),
        iprev=IprevResult("pass", "host.x.example"),
    )
    assert read(written(found)) == [
        ("spf", "softfail", None, {"smtp.mailfrom": "x.example"}),
        (
            *("dkim", "pass", None),
            {
                "header.d": "sig.example",
                "header.s": "s1",
                "header.a": "rsa-sha256",
                "header.i": "ann+x@sig.example",
                "header.b": "Ab+/12==",
            },
        ),
        ("dkim", "permerror", "key revoked", {"header.d": "b.example"}),
        ("dmarc", "fail", None, {"header.from": "x.example", "policy.dmarc": "reject"}),
        ("arc", "pass", None, {"smtp.remote-ip": PEER}),
        ("iprev", "pass", None, {"policy.iprev": PEER}),
    ]
    assert b"policy.iprev=192.0.2.1 (host.x.example)" in written(found).replace(b"\r\n", b"")


def test_where_nothing_was_found_it_says_so() -> None:
    field = written(Authentication(), with_arc=False)
    assert field == b"Authentication-Results: gw.example; spf=none; dkim=none; dmarc=none\r\n"


def test_the_identity_of_spf_is_helo_for_the_null_reverse_path() -> None:
    found = Authentication(spf=SpfResult("pass", "helo.example"))
    assert read(written(found, reverse_path=None))[0] == ("spf", "pass", None, {"smtp.helo": "helo.example"})


def test_an_ipv6_address_is_quoted_and_a_local_client_has_none() -> None:
    found = Authentication(iprev=IprevResult("fail"))
    assert read(written(found, peer="2001:db8::1"))[-1] == ("iprev", "fail", None, {"policy.iprev": "2001:db8::1"})
    assert [one[0] for one in read(written(found, peer="local"))] == ["spf", "dkim", "dmarc", "arc"]


# What passes checks as one domain and reads as another (espoofer a5, a6), and what leaves the field or the clause.
@pytest.mark.parametrize(
    "hostile",
    [
        "victim.example(.evil.example",
        "victim.example).evil.example",
        'victim.example".evil.example',
        "victim.example'@a.evil.example",
        "victim.example,@evil.example",
        "victim.example@evil.example",
        "victim.example evil.example",
        "victim.example;dmarc=pass",
        "victim.example\r\nAuthentication-Results: gw.example; dkim=pass",
        "victim.example\0.evil.example",
        "v\u00edctim.example",
        "(comment)victim.example",
        "<victim.example>",
        "",
        "a" * 300,
        "a." * 200 + "example",
    ],
)
def test_a_domain_that_reads_in_two_ways_is_left_out(hostile: str) -> None:
    found = Authentication(
        spf=SpfResult("pass", hostile),
        dkim=(DkimResult("pass", hostile, hostile, f"ann@{hostile}", hostile, hostile[:8]),),
        dmarc=DmarcResult("pass", hostile, policy=hostile),
        iprev=IprevResult("pass", hostile),
    )
    for _, result, reason, said in read(written(found)):
        assert (result in ("pass", "none"), reason) == (True, None)
        assert said.keys() <= {"header.b", "policy.iprev", "smtp.remote-ip"}


@pytest.mark.parametrize(
    "local", ['"a b"', '"victim@victim.example"', "a(b)", "victim@victim.example", "a;b", "\u00e4"]
)
def test_an_identity_with_a_disputable_local_part_is_left_out(local: str) -> None:
    found = Authentication(dkim=(DkimResult("pass", "sig.example", identity=f"{local}@sig.example"),))
    assert read(written(found))[1] == ("dkim", "pass", None, {"header.d": "sig.example"})


texts = st.text(max_size=300) | st.text(st.sampled_from('a.@;="()\\\r\n\t '), max_size=80)
dkim_results = st.builds(
    DkimResult, st.sampled_from(["pass", "fail", "policy"]), texts, texts, texts, texts, texts, texts
)


@given(texts, st.lists(dkim_results, max_size=8), texts, texts)
def test_no_value_injects_anything_and_every_result_is_read_back(spf, dkim, dmarc, reason) -> None:
    found = Authentication(
        spf=SpfResult("pass", spf, reason=reason),
        dkim=tuple(dkim),
        dmarc=DmarcResult("fail", dmarc, policy="none", reason=reason),
        iprev=IprevResult("pass", spf),
    )
    field = written(found)
    assert len(scan(field).fields) == 1
    assert scan(field).body_offset == len(field)
    assert field.isascii()
    assert re.search(rb"[\r\n]", field.replace(b"\r\n ", b"").removesuffix(b"\r\n")) is None
    wanted = [("spf", "pass"), *(("dkim", one.result) for one in dkim or [DkimResult("none")]), ("dmarc", "fail")]
    results = read(field)
    assert [one[:2] for one in results] == [*wanted, ("arc", "none"), ("iprev", "pass")]
    for stored, (_, _, _, said) in zip(dkim, results[1:], strict=False):
        kept = {"d": stored.domain, "s": stored.selector, "i": stored.identity, "a": stored.algorithm}
        assert all(said[f"header.{name}"] == value for name, value in kept.items() if f"header.{name}" in said)


def test_many_long_results_stay_within_a_bound() -> None:
    domain = "a" * 60 + ".example"
    one = DkimResult("fail", domain, "s" * 63, "i" * 64 + "@" + domain, "rsa-sha256", "AbCdEfGh", "x" * 1000)
    field = written(Authentication(dkim=(one,) * 50))
    assert len(field) < 50 * 700
    assert max(map(len, field.split(b"\r\n"))) < 300


def is_forged(value: bytes) -> bool:
    head = scan(b"From: a\r\nAuthentication-Results:" + value + b"\r\nTo: b\r\n\r\n")
    spans = forged_spans(head, "gw.example")
    assert spans in ((), ((head.fields[1].start, head.fields[1].end),))
    return bool(spans)


@pytest.mark.parametrize(
    "value",
    [
        b" gw.example; dkim=pass",
        b"gw.example;dkim=pass",
        b" GW.Example 1; dkim=pass",
        b' "gw.example"; dkim=pass',
        b' "gw\\.example"; dkim=pass',
        b' "gw.example',
        b" gw.example",
        b" gw.example.; dkim=pass",
        b"\r\n gw.example\r\n ; dkim=pass",
        # Comments before, within, behind; nested, escaped, without an end.
        b" (x) gw.example; dkim=pass",
        b" (x (y \\) z)) gw.example (v) 1; dkim=pass",
        b" gw.(x)example; dkim=pass",
        b" (x gw.example; dkim=pass",
        # Not to be parsed, but it names us.
        b" <gw.example>; dkim=pass",
        b' gw."example"; dkim=pass',
        b" other gw.example; dkim=pass",
        b" \xff gw.example; dkim=pass",
    ],
)
def test_a_field_in_our_name_is_forged(value: bytes) -> None:
    assert is_forged(value)


@pytest.mark.parametrize(
    "value",
    [
        b" other.example; dkim=pass",
        # Another host's field may mention us.
        b" other.example; spf=pass smtp.mailfrom=gw.example",
        b" other.example 1; dkim=none (gw.example)",
        b" notgw.example; dkim=pass",
        b" gw.example.org; dkim=pass",
        # Microsoft's has no id (dependencies G8c).
        b" spf=pass (sender IP is 192.0.2.1) smtp.mailfrom=gw.example; dkim=pass",
        b" \xc3\xbc.example; dkim=pass",
        b"",
    ],
)
def test_the_field_of_another_host_stays(value: bytes) -> None:
    assert not is_forged(value)


def test_a_name_with_white_space_before_the_colon_is_found_too() -> None:
    assert forged_spans(scan(b"authentication-results : gw.example; dkim=pass\r\n\r\n"), "gw.example") == ((0, 48),)


# Deep comments break authres (dependencies G8c).
@pytest.mark.parametrize("unit", [b"(", b"()", b'"', b"\\", b"gw.example", b" ", b'("', b"(\\"])
def test_a_hostile_field_costs_in_proportion_to_its_size(unit: bytes) -> None:
    value = unit * (100_000 // len(unit))
    assert seconds(lambda: is_forged(value)) < 8 * seconds(lambda: is_forged(value[: len(value) // 2])) + 0.005
