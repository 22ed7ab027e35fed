# SPDX-License-Identifier: Apache-2.0
"""The DNS tree walk (RFC 9989 §4.10): what is asked, where it stops, whose domain it is."""

import pytest

from handlers.dmarc_walk import Walk, names, walk
from tests.support.zone_book import ZoneBook

ANY, NOT_PUBLIC, PUBLIC = "v=DMARC1; p=none", "v=DMARC1; p=none; psd=n", "v=DMARC1; p=none; psd=y"


def walked(domain: str, **records: str) -> tuple[Walk, list[str]]:
    zone = ZoneBook({f"_dmarc.{name.replace('__', '.')}": {"TXT": [text]} for name, text in records.items()})
    found = zone.run(lambda book: walk(domain, book))
    return found, [name.removeprefix("_dmarc.") for name in zone.asked]


@pytest.mark.parametrize(
    ("domain", "asked"),
    [
        # RFC 9989 §4.10, the example; §5.1.8; and each length about the bound.
        (
            "a.b.c.d.e.f.g.h.i.j.mail.example.com",
            "g.h.i.j.mail.example.com h.i.j.mail.example.com i.j.mail.example.com j.mail.example.com mail.example.com"
            " example.com com",
        ),
        (
            "mail.a.b.c.d.e.f.g.example.com",
            "c.d.e.f.g.example.com d.e.f.g.example.com e.f.g.example.com f.g.example.com g.example.com example.com com",
        ),
        ("a.b.c.d.e.f.g.h.com", "c.d.e.f.g.h.com d.e.f.g.h.com e.f.g.h.com f.g.h.com g.h.com h.com com"),
        ("b.c.d.e.f.g.h.com", "c.d.e.f.g.h.com d.e.f.g.h.com e.f.g.h.com f.g.h.com g.h.com h.com com"),
        ("c.d.e.f.g.h.com", "d.e.f.g.h.com e.f.g.h.com f.g.h.com g.h.com h.com com"),
        ("a.mail.example.com", "mail.example.com example.com com"),
        ("example.com", "com"),
        ("localhost", ""),
    ],
)
def test_at_most_eight_names_are_asked_in_order(domain: str, asked: str) -> None:
    assert list(names(domain)) == [domain, *asked.split()]
    assert walked(domain)[1] == [domain, *asked.split()]


@pytest.mark.parametrize(
    ("domain", "records", "organization", "asked"),
    [
        # RFC 9989 §4.10.2, its three examples.
        ("a.mail.example.com", {"mail__example__com": ANY, "example__com": ANY}, "example.com", 4),
        ("a.mail.example.com", {"mail__example__com": NOT_PUBLIC, "example__com": ANY}, "mail.example.com", 2),
        ("a.mail.example.com", {"com": PUBLIC}, "example.com", 4),
        # B.4.1 and B.4.2.
        ("example.com", {"example__com": ANY, "signing__example__com": ANY}, "example.com", 2),
        ("signing.example.com", {"example__com": ANY, "signing__example__com": ANY}, "example.com", 3),
        ("a.b.c.d.e.f.g.h.i.j.k.example.com", {"example__com": ANY}, "example.com", 8),
        # B.4.3: a bank of banks.
        ("giant.bank.example", {"bank__example": PUBLIC, "giant__bank__example": ANY}, "giant.bank.example", 2),
        ("mail.giant.bank.example", {"bank__example": PUBLIC, "giant__bank__example": ANY}, "giant.bank.example", 3),
        ("mail.mega.bank.example", {"bank__example": PUBLIC, "giant__bank__example": ANY}, "mega.bank.example", 3),
        # No record at all: the domain is its own.
        ("a.mail.example.com", {}, "a.mail.example.com", 4),
        # A public suffix that writes mail of its own: its record does not put it below itself.
        ("bank.example", {"bank__example": PUBLIC}, "bank.example", 1),
        # psd=n at the very start; above a public suffix nothing is looked at.
        ("mail.example.com", {"mail__example__com": NOT_PUBLIC}, "mail.example.com", 1),
        ("a.b.example.com", {"b__example__com": PUBLIC, "example__com": NOT_PUBLIC}, "a.b.example.com", 2),
        # The record in between is passed over for the one above it, a top-level domain's too.
        ("a.b.c.com", {"b__c__com": ANY, "com": ANY}, "com", 4),
        # A record whose policy cannot be applied is one all the same.
        ("a.example.com", {"example__com": "v=DMARC1; psd=n"}, "example.com", 2),
        ("a.example.com", {"a__example__com": ANY, "example__com": "v=spf1 -all"}, "a.example.com", 3),
    ],
)
def test_the_organizational_domain_is_found(
    domain: str, records: dict[str, str], organization: str, asked: int
) -> None:
    found, names_asked = walked(domain, **records)
    assert found.organization == organization
    assert len(names_asked) == asked


def test_several_records_at_one_name_are_all_discarded() -> None:
    two = {"TXT": [NOT_PUBLIC, ANY]}
    zone = ZoneBook({"_dmarc.mail.example.com": two, "_dmarc.example.com": {"TXT": [ANY, "v=spf1 -all"]}})
    assert zone.run(lambda book: walk("mail.example.com", book)).organization == "example.com"


def test_a_walk_that_dns_breaks_off_says_so() -> None:
    zone = ZoneBook({"_dmarc.a.example.com": {"TXT": [ANY]}, "_dmarc.example.com": {"TXT": {"rcode": "TIMEOUT"}}})
    assert zone.run(lambda book: walk("a.example.com", book)).temporary
    assert zone.asked == ["_dmarc.a.example.com", "_dmarc.example.com"]
