# SPDX-License-Identifier: Apache-2.0
"""Authentication-Results fields of others: what real filters write is read, what is in doubt is not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.results_reading import read_field
from tests.support.cost import seconds


def read(value: str) -> list[tuple[str, str, str]] | None:
    """Method, result and domain of each clause."""
    found = read_field(value.encode())
    if found is None:
        return None
    names = ("smtp.mailfrom", "smtp.helo", "header.d", "header.i", "header.from")
    return [(one.method, one.result, one.domain(*names)) for one in found.clauses]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        # Google's: comments that quote the sender, b= with its padding, i= without d=.
        (
            "mx.google.com;\r\n       dkim=pass header.i=@a.example header.s=s1 header.b=AbCd/+1=;\r\n       spf=pass "
            "(google.com: domain of x=y@b.example designates 192.0.2.1 as permitted sender) "
            "smtp.mailfrom=x=y@b.example;\r\n       dmarc=pass (p=REJECT sp=REJECT dis=NONE) header.from=a.example",
            [("dkim", "pass", "a.example"), ("spf", "pass", "b.example"), ("dmarc", "pass", "a.example")],
        ),
        # OpenDKIM's and OpenDMARC's: reasons in comments and quotes, a key's size, no space after the colon.
        (
            'filter.example; dkim=pass (2048-bit key; insecure) header.d=a.example header.i=@a.example header.b="Ab/="',
            [("dkim", "pass", "a.example")],
        ),
        ('filter.example;dmarc=fail reason="No; policy" header.from=a.example', [("dmarc", "fail", "a.example")]),
        # Rspamd's, amavis' and Exim's.
        (
            "filter.example;\tdkim=none;\tspf=softfail (filter.example: 192.0.2.1 is neither permitted nor denied by "
            "domain of x@b.example) smtp.mailfrom=x@b.example;\tdmarc=none",
            [("dkim", "none", ""), ("spf", "softfail", "b.example"), ("dmarc", "none", "")],
        ),
        ("filter.example (amavisd-new); dkim=pass header.d=a.example", [("dkim", "pass", "a.example")]),
        ("filter.example; iprev=pass (h.example) smtp.remote-ip=192.0.2.1", [("iprev", "pass", "")]),
        # The grammar's odd corners (RFC 8601 §2.2, appendix B).
        ("filter.example 1; none", []),
        ('"filter.example"; spf=pass smtp.helo=h.example', [("spf", "pass", "h.example")]),
        ("filter.example; spf/1 = pass smtp.mailfrom = a.example", [("spf", "pass", "a.example")]),
        ("FILTER.example;DKIM=Pass HEADER.D=A.Example.;", [("dkim", "pass", "a.example")]),
        ('filter.example; spf=pass smtp.mailfrom="a b;c"@b.example', [("spf", "pass", "b.example")]),
        # Microsoft's has no id; nothing of it can be told to be anybody's.
        (
            "spf=pass (sender IP is 192.0.2.1) smtp.mailfrom=a.example; dkim=pass (signature was verified) "
            "header.d=a.example;dmarc=pass action=none header.from=a.example;compauth=pass reason=100",
            None,
        ),
        # With an id, what Microsoft adds to the grammar is no harm.
        (
            "mx.microsoft.com 1; spf=pass smtp.mailfrom=a.example; dmarc=pass action=none header.from=a.example",
            [("spf", "pass", "a.example"), ("dmarc", "pass", "a.example")],
        ),
        # A version that we do not know, other octets, quotes and comments without an end.
        ("filter.example 2; dkim=pass header.d=a.example", None),
        ("filter.ex\u00e4mple; dkim=pass header.d=a.example", None),
        ('filter.example; dkim=pass header.d="a.example', None),
        ("filter.example; (dkim=pass header.d=a.example", None),
        ("", None),
        (";", None),
    ],
)
def test_fields_as_filters_write_them(value: str, expected: list | None) -> None:
    assert read(value.replace("\r\n", "")) == expected


# espoofer a5 and a6 and their like: another reader would see another domain.
@pytest.mark.parametrize(
    "said",
    [
        "smtp.mailfrom=victim.example(.evil.example",
        "smtp.mailfrom=victim.example)(.evil.example",
        "smtp.mailfrom=victim.example\".evil.example",
        "smtp.mailfrom=victim.example'@a.evil.example@b.example",
        "smtp.mailfrom=x@victim.example@evil.example",
        "smtp.mailfrom=victim.example smtp.mailfrom=evil.example",
        "smtp.mailfrom=victim.example, evil.example",
        "smtp.mailfrom=<x@victim.example>",
        "smtp.mailfrom=victim.example;.evil.example",
        "smtp.mailfrom=victim_.example..",
        "smtp.mailfrom=" + "a." * 200 + "example",
    ],
)  # fmt: skip
def test_a_domain_in_dispute_is_none(said: str) -> None:
    found = read_field(f"filter.example; spf=pass {said}".encode())
    assert [one.domain("smtp.mailfrom") for one in (found.clauses if found else ())] in ([], [""])


@given(st.text(st.sampled_from('ab.@;="()\\ \r\n\té'), max_size=200) | st.text(max_size=200))
def test_nothing_raises(value: str) -> None:
    read_field(value.encode())
    read_field(f"filter.example; {value}".encode())


@pytest.mark.parametrize(
    "unit", [b"(", b"()", b'"', b"\\", b" ", b'("', b";", b"a=b ", b"a=b;", b'a="', b"=", b"a", b"a.", b"\t(x)", b'""']
)
def test_a_hostile_field_costs_in_proportion_to_its_size(unit: bytes) -> None:
    def cost(octets: int) -> float:
        value = b"filter.example; " + unit * (octets // len(unit))
        return seconds(lambda: [read_field(value) for _ in range(10)])

    assert cost(16_000) < 8 * cost(8_000) + 0.01
    assert read_field(b"filter.example; " + unit * 100_000) is None
