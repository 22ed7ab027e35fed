# SPDX-License-Identifier: Apache-2.0
"""Whether a domain that vouches is the author's, and which policy applies where none does (RFC 9989)."""

from typing import Any

import pytest

from handlers.book import Book, Missing
from handlers.dmarc import discover, evaluate
from handlers.dmarc_words import explained
from handlers.ports import Answer, Found
from handlers.results import Authentication, DkimResult, DmarcResult, SpfResult
from storage.address import Address
from tests.support.zone_book import ZoneBook

TIMEOUT = {"TXT": {"rcode": "TIMEOUT"}}
Vouching = list[str]


def txt(*records: str) -> dict[str, Any]:
    return {"TXT": list(records)}


def judged(author: str, vouching: Vouching, zone: ZoneBook) -> DmarcResult:
    """`vouching`: "dkim:example.com" passes, "?spf:example.com" is a temporary error, "!dkim:..." fails."""
    words = {"?": "temperror", "!": "fail"}
    read = [(words.get(one[0], "pass"), *one.lstrip("?!").split(":")) for one in vouching]
    spf = [SpfResult(result, domain) for result, method, domain in read if method == "spf"] or [SpfResult()]
    dkim = [DkimResult(result, domain) for result, method, domain in read if method == "dkim"]
    return zone.run(lambda book: evaluate(Address("ann", author), spf[0], dkim, book))


RELAXED = {"_dmarc.example.com": txt("v=DMARC1; p=reject")}
STRICT = {"_dmarc.example.com": txt("v=DMARC1; p=reject; adkim=s; aspf=s")}
STRICT_DKIM = {"_dmarc.example.com": txt("v=DMARC1; p=reject; adkim=s")}
BOTH = RELAXED | {"_dmarc.news.example.com": txt("v=DMARC1; p=none")}
CUT = RELAXED | {"_dmarc.news.example.com": txt("v=DMARC1; p=none; psd=n")}
BANK = {
    "_dmarc.bank.example": txt("v=DMARC1; p=reject; psd=y"),
    "_dmarc.giant.bank.example": txt("v=DMARC1; p=quarantine"),
}


@pytest.mark.parametrize(
    ("author", "zone", "vouching", "result", "aligned"),
    [
        # Table 1 of §4.4.
        ("news.example.com", RELAXED, ["dkim:foo.example.com"], "pass", ["dkim:foo.example.com"]),
        ("news.example.com", RELAXED, ["dkim:news.example.com"], "pass", ["dkim:news.example.com"]),
        ("news.example.com", RELAXED, ["dkim:foo.example.net"], "fail", []),
        # Either mechanism, any of several signatures; nothing that failed, not a neighbour's.
        ("example.com", RELAXED, ["spf:mail.example.com"], "pass", ["spf:mail.example.com"]),
        ("example.com", RELAXED, ["dkim:evil.example", "dkim:example.com"], "pass", ["dkim:example.com"]),
        ("example.com", RELAXED, ["!dkim:example.com", "!spf:example.com"], "fail", []),
        ("example.com", RELAXED, [], "fail", []),
        ("example.com", RELAXED, ["dkim:notexample.com", "spf:example.com.evil.example"], "fail", []),
        ("example.com", RELAXED, ["dkim:com"], "fail", []),
        # Letter case and U-labels are no difference; IDNA 2003's mapping is none of ours.
        ("bücher.example", {"_dmarc.xn--bcher-kva.example": txt("v=DMARC1; p=none")}, ["dkim:BÜCHER.example"], "pass",
         ["dkim:xn--bcher-kva.example"]),
        ("straße.example", {"_dmarc.xn--strae-oqa.example": txt("v=DMARC1; p=none")}, ["dkim:strasse.example"], "fail",
         []),
        # Strict mode of each mechanism.
        ("example.com", STRICT, ["dkim:mail.example.com", "spf:mail.example.com"], "fail", []),
        ("example.com", STRICT, ["dkim:example.com"], "pass", ["dkim:example.com"]),
        ("example.com", STRICT_DKIM, ["dkim:a.example.com", "spf:a.example.com"], "pass", ["spf:a.example.com"]),
        ("mail.example.com", STRICT, ["dkim:example.com"], "fail", []),
        # A record of the author's own does not make it an organisation; psd=n does.
        ("news.example.com", BOTH, ["dkim:example.com"], "pass", ["dkim:example.com"]),
        ("news.example.com", CUT, ["dkim:example.com"], "fail", []),
        ("news.example.com", CUT, ["dkim:a.news.example.com"], "pass", ["dkim:a.news.example.com"]),
        ("example.com", CUT, ["dkim:news.example.com"], "fail", []),
        # B.4.3.
        ("giant.bank.example", BANK, ["spf:mail.giant.bank.example", "dkim:mail.mega.bank.example"], "pass",
         ["spf:mail.giant.bank.example"]),
        ("giant.bank.example", BANK, ["dkim:mail.mega.bank.example", "spf:bank.example"], "fail", []),
        # The public suffix's own mail is vouched for by itself alone.
        ("bank.example", BANK, ["dkim:giant.bank.example"], "fail", []),
        ("bank.example", BANK, ["dkim:bank.example"], "pass", ["dkim:bank.example"]),
        # A subdomain's record alone binds nobody above it.
        ("my.example.com", {"_dmarc.my.example.com": txt("v=DMARC1; p=reject")}, ["dkim:example.com"], "fail", []),
    ],
)  # fmt: skip
def test_who_vouches_for_the_author(
    author: str, zone: dict[str, Any], vouching: Vouching, result: str, aligned: list[str]
) -> None:
    found = judged(author, vouching, ZoneBook(zone))
    assert (found.result, list(found.aligned)) == (result, aligned)
    assert Authentication(dmarc=found).aligned is (result == "pass")


NP = {"_dmarc.example.com": txt("v=DMARC1; p=none; sp=quarantine; np=reject")}


@pytest.mark.parametrize(
    ("author", "zone", "policy", "record_domain"),
    [
        ("example.com", NP, "none", "example.com"),
        # §3.2.13: only a name error makes a domain one that does not exist; a name below it is enough.
        ("no.example.com", NP, "reject", "example.com"),
        ("mail.example.com", NP | {"mail.example.com": {"A": ["192.0.2.1"]}}, "quarantine", "example.com"),
        ("mail.example.com", NP | {"_dmarc.mail.example.com": txt("hello")}, "quarantine", "example.com"),
        # np falls back to sp, sp to p.
        ("no.example.com", {"_dmarc.example.com": txt("v=DMARC1; p=none; sp=reject")}, "reject", "example.com"),
        ("no.example.com", {"_dmarc.example.com": txt("v=DMARC1; p=quarantine")}, "quarantine", "example.com"),
        ("no.example.com", {"_dmarc.example.com": txt("v=DMARC1; p=none; np=reject")}, "reject", "example.com"),
        ("mail.example.com",
         {"_dmarc.example.com": txt("v=DMARC1; p=none; np=reject"), "mail.example.com": {"MX": ["0 ."]}}, "none",
         "example.com"),
        # The author's own record is asked for p alone; its sp says nothing.
        ("mail.example.com", NP | {"_dmarc.mail.example.com": txt("v=DMARC1; p=none; sp=reject")}, "none",
         "mail.example.com"),
        # Between the two the organisation's counts, not the nearest.
        ("a.b.example.com", RELAXED | {"_dmarc.b.example.com": txt("v=DMARC1; p=none")}, "reject", "example.com"),
        # The public suffix's applies where the organisation has none.
        ("mega.bank.example", BANK, "reject", "bank.example"),
        ("mail.mega.bank.example", BANK, "reject", "bank.example"),
        ("mail.giant.bank.example", BANK, "quarantine", "giant.bank.example"),
        # t=y lowers by one; pct does nothing.
        ("example.com", {"_dmarc.example.com": txt("v=DMARC1; p=reject; t=y")}, "quarantine", "example.com"),
        ("example.com", {"_dmarc.example.com": txt("v=DMARC1; p=quarantine; t=y")}, "none", "example.com"),
        ("example.com", {"_dmarc.example.com": txt("v=DMARC1; p=none; t=y")}, "none", "example.com"),
        ("no.example.com", {"_dmarc.example.com": txt("v=DMARC1; p=none; np=reject; t=y")}, "quarantine",
         "example.com"),
        ("example.com", {"_dmarc.example.com": txt("v=DMARC1; p=reject; pct=0")}, "reject", "example.com"),
        # §4.10.1: no valid p, but somebody to report to.
        ("example.com", {"_dmarc.example.com": txt("v=DMARC1; rua=mailto:d@example.com")}, "none", "example.com"),
        # One record of several strings is one text; other texts beside it are nothing.
        ("example.com", {"_dmarc.example.com": txt("hello", "v=DMARC1; p=reject", "v=DMARC2")}, "reject",
         "example.com"),
    ],
)  # fmt: skip
def test_which_policy_applies_on_failure(author: str, zone: dict[str, Any], policy: str, record_domain: str) -> None:
    found = judged(author, ["dkim:evil.example"], ZoneBook(zone))
    assert (found.result, found.policy, found.record_domain) == ("fail", policy, record_domain)
    assert found.published is True
    assert found.testing is ("t=y" in str(zone))


@pytest.mark.parametrize(
    ("author", "zone", "published"),
    [
        ("example.com", {}, False),
        ("mail.example.com", {"example.com": txt("v=spf1 -all")}, False),
        # Several records say nothing; those at the author's domain are not asked of anybody above it either.
        ("example.com", {"_dmarc.example.com": txt("v=DMARC1; p=reject", "v=DMARC1; p=none")}, True),
        (
            "mail.example.com",
            RELAXED | {"_dmarc.mail.example.com": txt("v=DMARC1; p=reject", "v=DMARC1; p=none")},
            True,
        ),
        ("mail.example.com", {"_dmarc.example.com": txt("v=DMARC1; p=reject", "v=DMARC1; p=none")}, True),
        # No policy and nobody to report to: no processing, though somebody above has a policy.
        ("mail.example.com", RELAXED | {"_dmarc.mail.example.com": txt("v=DMARC1; adkim=s")}, True),
        ("mail.example.com", {"_dmarc.example.com": txt("v=DMARC1; p=bogus")}, True),
        # A record beside the way is nobody's.
        ("a.b.example.com", {"_dmarc.c.example.com": txt("v=DMARC1; p=reject")}, False),
    ],
)
def test_without_a_policy_only_a_signature_of_the_very_domain_vouches(
    author: str, zone: dict[str, Any], published: bool
) -> None:
    for vouching, vouches in (([f"dkim:{author}"], True), ([f"spf:{author}"], False), (["dkim:com"], False)):
        found = judged(author, vouching, ZoneBook(zone))
        assert (found.result, found.policy, found.record_domain, found.published) == ("none", "", "", published)
        assert Authentication(dmarc=found).aligned is vouches
        assert not found.undecided
    # What a walk cannot bind stays apart, above and below.
    for vouching in ([f"dkim:x.{author}"], [f"dkim:{author.partition('.')[2]}"]):
        assert not Authentication(dmarc=judged(author, vouching, ZoneBook(zone))).aligned


@pytest.mark.parametrize(
    ("author", "zone", "vouching", "result", "undecided"),
    [
        # The record itself.
        ("example.com", {"_dmarc.example.com": TIMEOUT}, [], "temperror", False),
        ("example.com", {"_dmarc.example.com": TIMEOUT}, ["spf:example.com"], "temperror", True),
        ("example.com", {"_dmarc.example.com": TIMEOUT}, ["dkim:mail.example.com"], "temperror", True),
        ("example.com", {"_dmarc.example.com": TIMEOUT}, ["dkim:evil.example", "!dkim:example.com"], "temperror",
         False),
        ("mail.example.com", {"_dmarc.example.com": TIMEOUT}, ["spf:example.com"], "temperror", True),
        # Whatever the record says, the author's own key vouches.
        ("example.com", {"_dmarc.example.com": TIMEOUT}, ["dkim:example.com"], "temperror", False),
        ("example.com", RELAXED | {"_dmarc.com": TIMEOUT}, ["dkim:example.com"], "pass", False),
        # The key, or SPF, of a domain that is the author's: neither pass nor fail (§5.3.6).
        ("example.com", RELAXED, ["?dkim:example.com"], "temperror", True),
        ("example.com", RELAXED, ["?dkim:mail.example.com", "dkim:evil.example"], "temperror", True),
        ("example.com", RELAXED, ["?spf:mail.example.com"], "temperror", True),
        ("example.com", STRICT, ["?dkim:mail.example.com"], "fail", False),
        ("example.com", RELAXED, ["?dkim:evil.example", "?spf:evil.example"], "fail", False),
        ("example.com", RELAXED, ["?dkim:mail.example.com", "spf:mail.example.com"], "pass", False),
        # The walk that would have said whose a domain is.
        ("example.com", RELAXED | {"_dmarc.com": TIMEOUT}, ["dkim:mail.example.com"], "temperror", True),
        ("example.com", RELAXED | {"_dmarc.com": TIMEOUT}, ["dkim:evil.net"], "fail", False),
        ("example.com", RELAXED | {"_dmarc.a.example.com": TIMEOUT}, ["dkim:a.example.com"], "temperror", True),
        ("example.com", RELAXED | {"_dmarc.a.example.com": TIMEOUT}, ["dkim:a.example.com", "spf:b.example.com"],
         "pass", False),
        # Whether the author's domain exists, where np makes a difference: not what could prove anybody.
        ("no.example.com", NP | {"no.example.com": TIMEOUT}, [], "temperror", False),
        ("no.example.com", NP | {"no.example.com": TIMEOUT}, ["dkim:example.com"], "pass", False),
        # Without a policy only the key of the very domain could.
        ("example.com", {}, ["?dkim:example.com"], "none", True),
        ("example.com", {}, ["?dkim:mail.example.com"], "none", False),
        ("example.com", {}, ["?spf:example.com"], "none", False),
        ("example.com", {}, ["?dkim:example.com", "dkim:example.com"], "none", False),
    ],
)  # fmt: skip
def test_what_dns_did_not_say_is_kept_apart(
    author: str, zone: dict[str, Any], vouching: Vouching, result: str, undecided: bool
) -> None:
    found = judged(author, vouching, ZoneBook(zone))
    assert (found.result, found.undecided) == (result, undecided)
    assert found.result != "temperror" or found.reason


def test_an_unknown_record_leaves_the_authors_own_key() -> None:
    found = judged("example.com", ["dkim:example.com"], ZoneBook({"_dmarc.example.com": TIMEOUT}))
    assert (found.result, found.published) == ("temperror", None)
    assert Authentication(dmarc=found).aligned


@pytest.mark.parametrize("characters", [245, 247, 253, 255])
def test_a_name_too_long_to_have_a_record_hides_nothing_above_it(characters: int) -> None:
    """`_dmarc.` before it makes more than the 253 characters that a name may have."""
    author = f"{'a' * (characters - 12 - 180)}.{'.'.join(['b' * 59] * 3)}.example.com"
    zone = ZoneBook({"_dmarc.example.com": txt("v=DMARC1; p=none; sp=quarantine; np=reject")})
    found = judged(author, [], zone)
    assert len(author) == characters
    assert (found.result, found.policy, found.record_domain) == ("fail", "reject", "example.com")
    assert max(map(len, zone.asked)) <= 253


@pytest.mark.parametrize("author", [None, Address("ann", "[192.0.2.1]")])
def test_without_one_author_domain_nothing_is_asked_and_nothing_passes(author: Address | None) -> None:
    found = evaluate(author, SpfResult("pass", "[192.0.2.1]"), [DkimResult("pass", "example.com")], Book())
    assert (found.result, found.aligned, found.undecided) == ("permerror", (), False)
    assert found.reason


def test_a_name_that_cannot_be_asked_for_is_a_permanent_error() -> None:
    found = judged(
        "example.com", ["dkim:x.example.com"], ZoneBook({"_dmarc.example.com": {"TXT": {"rcode": "MALFORMED"}}})
    )
    assert (found.result, found.undecided) == ("permerror", False)


@pytest.mark.parametrize(
    ("author", "zone", "vouching", "asked"),
    [
        # §4.10.2: no walk for identical domains, in strict mode, or for another tree.
        ("example.com", NP, ["dkim:example.com", "spf:example.com"], "_dmarc.example.com"),
        ("example.com", STRICT, ["dkim:mail.example.com"], "_dmarc.example.com"),
        ("example.com", RELAXED, ["dkim:mail.example.net", "!dkim:mail.example.com"], "_dmarc.example.com"),
        ("example.com", RELAXED, ["dkim:evil.com"], "_dmarc.example.com _dmarc.com"),
        # Walks share what they ask; each name is asked once.
        ("example.com", RELAXED, ["dkim:a.example.com", "dkim:b.example.com", "spf:a.example.com"],
         "_dmarc.example.com _dmarc.com _dmarc.a.example.com _dmarc.b.example.com"),
        ("no.example.com", NP, [], "_dmarc.no.example.com _dmarc.example.com _dmarc.com no.example.com"),
    ],
)  # fmt: skip
def test_only_what_is_needed_is_asked(author: str, zone: dict[str, Any], vouching: Vouching, asked: str) -> None:
    book = ZoneBook(zone)
    judged(author, vouching, book)
    assert book.asked == asked.split()


def test_walks_of_several_identifiers_go_together() -> None:
    zone = ZoneBook(RELAXED)
    judged("example.com", [f"dkim:s{number}.example.com" for number in range(8)], zone)
    assert zone.rounds == 3  # the author's record, what is above it, all the others


def test_the_policy_is_discovered_before_anybody_has_vouched() -> None:
    zone = ZoneBook(RELAXED)
    assert zone.run(lambda book: discover(Address("a", "b.example.com"), book)).record_domain == "example.com"
    with pytest.raises(Missing):
        discover(Address("a", "b.example.com"), Book())


@pytest.mark.parametrize(
    ("author", "zone", "vouching", "remark"),
    [
        # A suffix that publishes a record without saying that it is one binds its customers (§11.8): the list objects.
        ("a.co.uk", {"_dmarc.co.uk": txt("v=DMARC1; p=none")}, ["dkim:b.co.uk"],
         "by the public suffix list b.co.uk and a.co.uk are two organisations"),
        ("my.example.com", {"_dmarc.my.example.com": txt("v=DMARC1; p=none")}, ["dkim:example.com"],
         "by the public suffix list example.com and my.example.com are one organisation, by their DMARC records two"),
        ("example.com", RELAXED, ["dkim:a.example.com", "spf:example.com", "dkim:evil.example"], ""),
        ("example.com", STRICT, ["dkim:a.example.com"], ""),
    ],
)  # fmt: skip
def test_the_public_suffix_list_is_heard_but_decides_nothing(
    author: str, zone: dict[str, Any], vouching: Vouching, remark: str
) -> None:
    found = judged(author, vouching, ZoneBook(zone))
    assert found.remark == remark
    assert (found.result == "pass") is bool(found.aligned)


def test_any_answer_of_dns_gives_some_result() -> None:
    """Every way a question can end, at every name."""
    for found in Found:
        book = Book(
            lambda _, found=found: Answer(found, (b"v=DMARC1; p=reject; np=none",) if found is Found.YES else ())
        )
        for author in ("example.com", "a.b.c.d.e.f.g.h.i.example.com", "x"):
            verdict = evaluate(Address("a", author), SpfResult("pass", "b.com"), [DkimResult("pass", "c.com")], book)
            assert verdict.result in ("fail", "none", "temperror", "permerror", "pass")
            assert (verdict.result == "pass") is (found is Found.YES and author.endswith(".com"))


@pytest.mark.parametrize(
    ("author", "zone", "vouching", "decided", "because"),
    [
        ("example.com", {}, [], "no policy", "no record is published"),
        ("example.com", {}, ["dkim:example.com"], "no policy",
         "no record is published; dkim of example.com is of the author's very domain"),
        ("example.com", {"_dmarc.example.com": TIMEOUT}, [], "no policy", "no answer for _dmarc.example.com"),
        ("example.com", RELAXED, [], "policy reject", "the record at _dmarc.example.com says so"),
        ("a.example.com", {"_dmarc.example.com": txt("v=DMARC1; p=reject; t=y")}, ["spf:b.example.com"],
         "policy quarantine",
         "the record at _dmarc.example.com, which stands above a.example.com, says so and t=y has lowered it;"
         " spf of b.example.com is within the author's organization example.com"),
        ("my.example.com", {"_dmarc.my.example.com": txt("v=DMARC1; p=none")}, ["dkim:example.com"], "policy none",
         "the record at _dmarc.my.example.com says so; by the public suffix list example.com and my.example.com are one"
         " organisation, by their DMARC records two, which is a remark and decides nothing"),
    ],
)  # fmt: skip
def test_the_trace_says_which_record_decided(
    author: str, zone: dict[str, Any], vouching: Vouching, decided: str, because: str
) -> None:
    assert explained(judged(author, vouching, ZoneBook(zone))) == (decided, because)
