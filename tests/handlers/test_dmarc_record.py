# SPDX-License-Identifier: Apache-2.0
"""One DMARC policy record (RFC 9989 §4.7, §4.8, §4.10.1)."""

import pytest

from handlers.dmarc_record import Record, parse
from tests.support.cost import seconds

REJECT = Record(p="reject")


@pytest.mark.parametrize(
    "text",
    [
        "v=DMARC1;p=reject",
        "v=DMARC1; p=reject;",
        "v=DMARC1 ; p=reject ; ",
        "v\t= DMARC1\t;\tp\t= reject",
        # The grammar's words are in either case, but for the version.
        "V=DMARC1; P=REJECT",
        "v=DMARC1; p=Reject",
        # Order is free behind the version.
        "v=DMARC1; fo=1; ruf=mailto:r@x.example; p=reject",
        # Unknown and historic tags, nonsense and empty tags are ignored.
        "v=DMARC1; p=reject; pct=0; rf=afrf; ri=86400; x=y; nonsense; =; ;; 1=2",
        # A wrong value counts as its default.
        "v=DMARC1; p=reject; adkim=x; aspf=strict; psd=maybe; t=yes",
        "v=DMARC1; p=reject; adkim=; aspf",
        # Of two tags the second is the error.
        "v=DMARC1; p=reject; p=none",
    ],
)
def test_a_record_says_reject(text: str) -> None:
    assert parse(text.encode()) == REJECT


@pytest.mark.parametrize(
    "text",
    [
        "",
        "v=DMARC1x; p=reject",
        "v=dmarc1; p=reject",
        "v=DMARC2; p=reject",
        "v=DMARC1, p=reject",
        "v=DMARC1 p=reject",
        "v==DMARC1; p=reject",
        # The version comes first, and nothing before it.
        "p=reject; v=DMARC1",
        " v=DMARC1; p=reject",
        "; v=DMARC1; p=reject",
        "\ufeffv=DMARC1; p=reject",
        '"v=DMARC1; p=reject"',
        "v=spf1 -all",
    ],
)
def test_what_does_not_begin_with_the_version_is_no_record(text: str) -> None:
    assert parse(text.encode()) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("v=DMARC1; p=none; sp=quarantine; np=reject", Record("none", "quarantine", "reject")),
        ("v=DMARC1; p=reject; adkim=s", Record("reject", strict_dkim=True)),
        ("v=DMARC1; p=reject; aspf=S", Record("reject", strict_spf=True)),
        ("v=DMARC1; p=reject; psd=y", Record("reject", psd="y")),
        ("v=DMARC1; p=reject; psd=n", Record("reject", psd="n")),
        ("v=DMARC1; p=reject; psd=u", Record("reject")),
        ("v=DMARC1; p=reject; t=y", Record("reject", testing=True)),
        ("v=DMARC1; p=reject; t=n", Record("reject")),
    ],
)
def test_each_tag_is_read(text: str, expected: Record) -> None:
    assert parse(text.encode()) == expected


@pytest.mark.parametrize(
    ("rua", "is_usable"),
    [
        ("mailto:d@x.example", True),
        ("MAILTO:d@x.example!10m", True),
        ("mailto:d@x.example?subject=dmarc", True),
        ("nonsense, mailto:d@x.example", True),
        ("https://x.example/dmarc", True),
        ("nonsense", False),
        ("d@x.example", False),
        ("mailto:", False),
        ("mailto:x.example", False),
        (",", False),
    ],
)
@pytest.mark.parametrize("policy", ["", "p=; ", "p=bogus; ", "p=reject; sp=bogus; ", "p=reject; np=none,; "])
def test_without_a_valid_policy_only_a_wish_for_reports_keeps_the_record_in_use(
    policy: str, rua: str, is_usable: bool
) -> None:
    assert parse(f"v=DMARC1; {policy}rua={rua}".encode()) == Record(usable=is_usable)
    without = parse(f"v=DMARC1; {policy}ruf=mailto:f@x.example".encode())
    assert without == Record(usable=False)


def test_a_missing_p_leaves_what_is_said_of_subdomains() -> None:
    record = parse(b"v=DMARC1; sp=reject; np=quarantine; rua=mailto:d@x.example")
    assert record == Record("none", "reject", "quarantine")


@pytest.mark.parametrize(
    "part", ["p=reject;", "; ", "=", "p =", " ", "rua=mailto:a@b,", "!1", "\t=", " a" + " " * 9_000 + "b"]
)
def test_a_long_record_costs_no_more_than_its_length(part: str) -> None:
    usual = seconds(lambda: parse(b"v=DMARC1;" + b"x=y;" * 16_000))
    long = b"v=DMARC1; rua=" + part.encode() * (64_000 // len(part))
    assert seconds(lambda: parse(long)) < 20 * usual


def test_octets_beyond_ascii_spoil_their_own_tag_only() -> None:
    assert parse(b"v=DMARC1; x=\xff\xfe; p=reject") == REJECT
    assert parse("v=DMARC1; p=rejéct".encode()) == Record(usable=False)
