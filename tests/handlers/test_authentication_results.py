# SPDX-License-Identifier: Apache-2.0
"""Our Authentication-Results field injects nothing; a forged one is found however it is written."""

import authres
import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.authentication_results import forged_spans, results_field
from handlers.headers import scan
from handlers.results import Authentication, DkimResult
from tests.support.cost import seconds


def of(*results: DkimResult) -> Authentication:
    return Authentication(dkim=results)


def test_a_result_is_written_as_rfc_8601_wants() -> None:
    field = results_field(
        "gw.example",
        of(DkimResult("pass", "sig.example", "s1", "@sig.example", "rsa-sha256", "Ab+/12==", "")),
    )
    assert field.endswith(b"\r\n")
    (result,) = authres.AuthenticationResultsHeader.parse(field.decode().strip()).results
    said = {(entry.name, entry.value) for entry in result.properties}
    assert result.result == "pass"
    assert said >= {("d", "sig.example"), ("s", "s1"), ("a", "rsa-sha256"), ("b", "Ab+/12==")}


def test_a_reason_is_said() -> None:
    field = results_field("gw.example", of(DkimResult("permerror", reason="key revoked")))
    (result,) = authres.AuthenticationResultsHeader.parse(field.decode().strip()).results
    assert (result.result, result.reason) == ("permerror", "key revoked")


def test_without_a_signature_it_says_none() -> None:
    assert results_field("gw.example", Authentication()) == b"Authentication-Results: gw.example; dkim=none\r\n"


@given(st.text(max_size=300), st.text(max_size=300))
def test_no_value_injects_anything(domain: str, identity: str) -> None:
    field = results_field("gw.example", of(DkimResult("fail", domain, identity=identity, reason=identity)))
    assert len(scan(field).fields) == 1
    assert scan(field).body_offset == len(field)
    assert field.isascii()
    assert field.replace(b"\r\n", b"").count(b"\n") == field.replace(b"\r\n", b"").count(b"\r") == 0


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
