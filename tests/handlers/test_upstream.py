# SPDX-License-Identifier: Apache-2.0
"""A filter in front: whose word counts, which fields are its own, and what is made of them."""

from ipaddress import ip_network

import pytest

from handlers.authentication import Checks
from handlers.authentication_results import results_field
from handlers.book import Book
from handlers.dkim import signatures_of
from handlers.headers import scan
from handlers.identity import author
from handlers.ports import Answer, Found
from handlers.results import Authentication, UpstreamResult
from handlers.subject import AuthenticationPolicy, Dnsbl, Subject, Upstream
from storage.address import parse
from storage.envelope import Envelope, Session
from tests.handlers.dkim_material import MAIL, now, record, signed
from tests.support.cost import seconds

FILTER = Upstream("filter.example", ip_network("192.0.2.0/24"))
HERE = Upstream("filter.example", None)

NO_KEY = Answer(Found.NO_NAME)

BY_FILTER = b"Received: from mail.sig.example (mail.sig.example [203.0.113.5]) by filter.example; Sun, 22 Nov 2026\r\n"
INSIDE = b"Received: from filter.example (localhost [127.0.0.1]) by filter.example; Sun, 22 Nov 2026 10:00:00 +0000\r\n"
ALL = b"spf=pass smtp.mailfrom=ann@sig.example; dkim=pass header.d=sig.example; dmarc=pass header.from=sig.example"


def said(clauses: bytes = ALL, by: bytes = b"filter.example") -> bytes:
    return b"Authentication-Results: " + by + b"; " + clauses + b"\r\n"


def checked(
    mail: bytes,
    peer: str = "192.0.2.7",
    upstreams: tuple[Upstream, ...] = (FILTER,),
    reverse_path: str | None = "ann@sig.example",
    keys: Answer = NO_KEY,
) -> Authentication:
    """All results, where DNS has the same answer to every question for a key, and knows no other name."""
    head = scan(mail)
    policy = AuthenticationPolicy(upstreams=upstreams)
    envelope = Envelope(parse(reverse_path) if reverse_path else None, ())
    session = Session("s", peer, "mail.sig.example")
    subject = Subject(session, envelope, head, author(head), signatures_of(head, policy.dkim, now()), policy)
    return Checks(subject).run(Book(lambda one: keys if "_domainkey" in one.name else Answer(Found.NO_NAME)))


def test_a_listed_filter_is_heard() -> None:
    found = checked(said() + BY_FILTER + MAIL)
    words = ("spf=pass sig.example", "dkim=pass sig.example", "dmarc=pass sig.example")
    assert found.upstream == UpstreamResult("heard", "filter.example", words)
    assert (found.spf.result, found.spf.domain, found.spf.by) == ("pass", "sig.example", "filter.example")
    assert [(one.result, one.domain, one.by) for one in found.dkim] == [("pass", "sig.example", "filter.example")]
    assert (found.dmarc.result, found.dmarc.by, found.aligned) == ("pass", "filter.example", True)


@pytest.mark.parametrize(
    "mail",
    [
        # Above the filter's Received, and directly below it: Postfix and Google show a milter's field there.
        said() + BY_FILTER + MAIL,
        BY_FILTER + said() + MAIL,
        b"Delivered-To: x@y.example\r\nX-Spam: no\r\n" + BY_FILTER + b"DKIM-Filter: x\r\n" + said() + MAIL,
        # The filter handed it to itself: every Received field above the outside one is true.
        INSIDE + INSIDE + BY_FILTER + said() + MAIL,
        INSIDE + said() + BY_FILTER + MAIL,
        INSIDE.replace(b"[127.0.0.1]", b"[192.0.2.9]") + BY_FILTER + said() + MAIL,
        INSIDE.replace(b"[127.0.0.1]", b"[IPv6:::1]") + BY_FILTER + said() + MAIL,
        # Each milter writes a field of its own.
        said(b"dmarc=pass header.from=sig.example") + said(b"spf=pass smtp.mailfrom=sig.example")
        + said(b"dkim=pass header.d=sig.example") + BY_FILTER + MAIL,
        # Fields of others do not hide it.
        said(b"dmarc=fail header.from=sig.example", by=b"other.example") + said() + BY_FILTER + MAIL,
        b"Authentication-Results: spf=fail smtp.mailfrom=x.example\r\n" + said() + BY_FILTER + MAIL,
    ],
)  # fmt: skip
def test_its_fields_are_found_where_filters_write_them(mail: bytes) -> None:
    assert checked(mail).aligned


@pytest.mark.parametrize(
    "mail",
    [
        # Further down than any field of the filter's.
        BY_FILTER + BY_FILTER + said() + MAIL,
        BY_FILTER + MAIL.replace(b"\r\n\r\n", b"\r\nReceived: x\r\n" + said() + b"\r\n", 1),
        # A Received field that pretends to be the filter's own stands below the one that names the true client.
        BY_FILTER + INSIDE + said() + MAIL,
        # A HELO name that looks like the filter's address, with the true one beside it.
        INSIDE.replace(b"from filter.example", b"from [127.0.0.1]").replace(b"[127.0.0.1])", b"[203.0.113.5])")
        + BY_FILTER + said() + MAIL,
        INSIDE.replace(b"(localhost [127.0.0.1])", b"(HELO [127.0.0.1]) (203.0.113.5)") + BY_FILTER + said() + MAIL,
        # An address in a form that is none of the filter's: with a port, a final dot, a zone, in the HELO name alone.
        INSIDE.replace(b"(localhost [127.0.0.1])", b"([127.0.0.1]) (203.0.113.5:4321)") + BY_FILTER + said() + MAIL,
        INSIDE.replace(b"[127.0.0.1]", b"[127.0.0.1] 203.0.113.5.") + BY_FILTER + said() + MAIL,
        INSIDE.replace(b"[127.0.0.1]", b"[127.0.0.1] [IPv6:2001:db8::5]:25") + BY_FILTER + said() + MAIL,
        INSIDE.replace(b"[127.0.0.1]", b"[127.0.0.1] 203.0.113.5e") + BY_FILTER + said() + MAIL,
        INSIDE.replace(b"filter.example (localhost [127.0.0.1])", b"[127.0.0.1] (203-0-113-5.evil.example)")
        + BY_FILTER + said() + MAIL,
        INSIDE.replace(b"localhost [", b"HELO [") + BY_FILTER + said() + MAIL,
        # ... behind more than is read, behind a semicolon, without a date.
        INSIDE.replace(b" by filter", b" (" + b"x" * 2000 + b" [203.0.113.5]) by filter") + BY_FILTER + said() + MAIL,
        INSIDE.replace(b" by filter.example; Sun, 22 Nov 2026 10:00:00 +0000", b"; [203.0.113.5] by filter.example")
        + BY_FILTER + said() + MAIL,
        INSIDE.replace(b"; Sun, 22 Nov 2026 10:00:00 +0000", b"; 2001:db8::5") + BY_FILTER + said() + MAIL,
        # Nobody says where it came from: no address, no Received field at all, too many.
        INSIDE.replace(b"[127.0.0.1]", b"unknown") + BY_FILTER + said() + MAIL,
        said() + MAIL,
        INSIDE * 20 + said() + BY_FILTER + MAIL,
        # Not its name, not to be read, in dispute.
        said(by=b"filter.example.org") + BY_FILTER + MAIL,
        said(by=b"spf=pass smtp.mailfrom=sig.example") .replace(b"; spf", b"; dkim=pass header.d=sig.example; spf")
        + BY_FILTER + MAIL,
        b"Authentication-Results: filter.example; (" + ALL + b"\r\n" + BY_FILTER + MAIL,
        said(b"(" * 16_000 + ALL) + BY_FILTER + MAIL,
        said(b"x=y;" * 5_000 + ALL) + BY_FILTER + MAIL,
    ],
)  # fmt: skip
def test_what_the_filter_cannot_have_written_does_not_count(mail: bytes) -> None:
    found = checked(mail)
    assert (found.upstream.result, found.spf.result, found.dmarc.result, found.aligned) == (
        *("silent", "none", "none"),
        False,
    )


def test_the_topmost_field_that_speaks_of_a_method_counts() -> None:
    true = said(b"dmarc=fail header.from=sig.example; dkim=none; spf=fail smtp.mailfrom=sig.example")
    found = checked(true + BY_FILTER + said() + MAIL)
    assert (found.spf.result, found.dkim, found.dmarc.result, found.aligned) == ("fail", (), "none", False)


def test_only_one_filter_speaks() -> None:
    two = (FILTER, Upstream("second.example", FILTER.network))
    found = checked(
        said(b"spf=pass smtp.mailfrom=sig.example") + said(by=b"second.example") + BY_FILTER + MAIL, upstreams=two
    )
    assert found.upstream.said == ("spf=pass sig.example",)


@pytest.mark.parametrize(
    ("peer", "upstreams", "is_heard"),
    [
        ("192.0.2.7", (FILTER,), True),
        ("192.0.3.7", (FILTER,), False),
        ("local", (FILTER,), False),
        ("local", (HERE,), True),
        ("127.0.0.1", (HERE,), False),
        ("2001:db8::1", (FILTER, Upstream("filter.example", ip_network("2001:db8::/32"))), True),
        ("192.0.2.7", (), False),
    ],
)
def test_only_a_listed_host_is_heard(peer: str, upstreams: tuple[Upstream, ...], is_heard: bool) -> None:
    found = checked(said() + BY_FILTER + MAIL, peer, upstreams)
    assert (found.upstream.result == "heard") is found.aligned is is_heard


# Ours would find the filter, which may well be allowed to send for the author's domain.
def test_spf_of_a_mail_that_a_filter_brings_is_never_ours() -> None:
    found = checked(BY_FILTER + MAIL)
    assert (found.upstream.result, found.spf.result, found.spf.domain, found.helo.result) == (
        "silent",
        "none",
        "",
        "none",
    )
    assert found.spf.reason == "the client is a filter that says nothing"


def test_of_spf_the_identity_counts_that_dmarc_looks_at() -> None:
    both = b"spf=pass smtp.helo=h.example; spf=fail smtp.mailfrom=ann@sig.example"
    assert checked(said(both) + BY_FILTER + MAIL).spf.result == "fail"
    found = checked(said(b"spf=pass smtp.helo=h.example") + BY_FILTER + MAIL, reverse_path=None)
    assert (found.spf.result, found.spf.domain) == ("pass", "h.example")
    assert checked(said(b"spf=pass smtp.helo=h.example") + BY_FILTER + MAIL).spf.result == "none"


@pytest.mark.parametrize("identity", [b"smtp.helo=sig.example", b"smtp.mailfrom=sig.example"])
def test_of_the_null_reverse_path_the_field_says_what_the_filter_said(identity: bytes) -> None:
    found = checked(said(b"spf=pass " + identity) + BY_FILTER + MAIL, reverse_path=None)
    field = results_field("gw.example", found, Session("s", "192.0.2.7"), Envelope(None, ()), with_arc=False)
    assert b" " + identity in field.replace(b"\r\n", b"")


GOOD = Answer(Found.YES, (record(),))


@pytest.mark.parametrize(
    ("mail", "keys", "results"),
    [
        # Ours stands where it passes.
        (signed(), GOOD, [("pass", "")]),
        # Broken on the filter's way, or its key not to be had now: theirs.
        (signed().replace(b"Hello  Bob", b"[External] Hello  Bob"), GOOD, [("fail", ""), ("pass", "filter.example")]),
        (signed(), Answer(Found.TEMPORARY), [("temperror", ""), ("pass", "filter.example")]),
        # What we do not accept, and what leaves the end of the body open, they do not make good.
        (signed(), Answer(Found.NO_NAME), [("permerror", "")]),
        (signed(length=True) + b"appended\r\n", GOOD, [("policy", "")]),
        (signed(length=True).replace(b"Hello  Bob", b"Hello  Eve") + b"more\r\n", GOOD, [("fail", "")]),
    ],
)
def test_a_signature_counts_by_the_filters_word_where_it_is_broken_or_gone(mail, keys, results) -> None:
    found = checked(said(b"dkim=pass header.d=sig.example") + BY_FILTER + mail, keys=keys)
    assert [(one.result, one.by) for one in found.dkim] == results


UNREAD = b"DKIM-Signature: v=1; ;"
JUNK = b"DKIM-Signature: v=1; a=rsa-sha256; d=junk.example; s=s; h=from; bh=AAAA; b=AAAA\r\n"
OPEN = signed(length=True) + b"appended by a stranger\r\n"


# Else whoever has one such mail of somebody's could write in their name.
@pytest.mark.parametrize(
    ("mail", "keys"),
    [
        # The end of the body is open; whoever signs for a host below it speaks for it too.
        (OPEN, GOOD),
        (OPEN.replace(b"Hello  Bob", b"Hello  Eve"), GOOD),
        (OPEN.replace(b"d=sig.example;", b"d=sig.example; i=@sig.example;"), GOOD),
        # It is not among those that are verified, or no domain can be read from it.
        (JUNK * 8 + OPEN, GOOD),
        (OPEN.replace(b"DKIM-Signature: v=1;", UNREAD, 1), GOOD),
        (JUNK.replace(b"d=junk.example;", b"") + signed().replace(b"Hello  Bob", b"Hello  Eve"), GOOD),
        # Its key is weak, or is no more.
        (signed(), Answer(Found.YES, (b"v=DKIM1; p=",))),
        (signed().replace(b"rsa-sha256", b"rsa-sha1"), GOOD),
    ],
)
@pytest.mark.parametrize("domain", [b"header.d=sig.example", b"header.i=@sig.example", b"header.i=@mail.sig.example"])
def test_what_a_signature_of_that_kind_may_have_made_pass_is_not_made_good(mail, keys, domain) -> None:
    verdicts = said(b"dkim=pass " + domain + b"; dmarc=pass header.from=sig.example")
    found = checked(verdicts + BY_FILTER + mail, keys=keys)
    assert (found.aligned, [one for one in found.dkim if one.by], found.dmarc.by) == (False, [], "")


def test_what_the_filter_says_of_spf_counts_beside_such_a_signature() -> None:
    head, policy = scan(said() + BY_FILTER + OPEN), AuthenticationPolicy(upstreams=(FILTER,))
    subject = Subject(
        Session("s", "192.0.2.7", "x"),
        Envelope(parse("ann@sig.example"), ()),
        *(head, author(head), signatures_of(head, policy.dkim, now()), policy),
    )
    record_of_policy = Answer(Found.YES, (b"v=DMARC1; p=reject",))
    found = Checks(subject).run(Book(lambda one: record_of_policy if one.name.startswith("_dmarc.sig") else NO_KEY))
    assert (found.dmarc.result, found.dmarc.aligned, found.dmarc.by) == ("pass", ("spf:sig.example",), "")


def test_a_strangers_signature_of_that_kind_does_no_harm() -> None:
    assert checked(said() + BY_FILTER + JUNK.replace(b"bh=", b"l=0; bh=") + MAIL, keys=GOOD).dmarc.by


def test_a_signature_that_our_policy_forbids_is_not_made_good_either() -> None:
    both = b"dkim=pass header.d=sig.example header.a=rsa-sha1; dkim=pass header.d=two.example header.a=RSA-SHA1"
    assert checked(said(both) + BY_FILTER + MAIL).dkim == ()


# Filters write what the client says of itself into comments.
@pytest.mark.parametrize(
    "comment",
    [
        b'(envelope-from="x); dkim=pass header.d=sig.example ("@evil.example)',
        b"(envelope-from=x\\); dkim=pass header.d=sig.example (y@evil.example)",
        b"(helo=x)); dkim=pass header.d=sig.example",
        b"(helo=x\\); dkim=pass header.d=sig.example",
    ],
)
def test_a_comment_that_readers_may_end_elsewhere_makes_the_whole_field_worth_nothing(comment: bytes) -> None:
    field = said(b"spf=pass smtp.mailfrom=evil.example " + comment)
    assert checked(field + BY_FILTER + MAIL).upstream.result == "silent"


def test_a_client_that_a_filter_brings_is_on_no_blocklist() -> None:
    policy = AuthenticationPolicy(upstreams=(FILTER,), dnsbl=(Dnsbl("bl.example"),))
    head = scan(MAIL)
    asked: list[str] = []
    for peer in ("192.0.2.7", "198.51.100.7"):
        subject = Subject(
            Session("s", peer, "x"),
            Envelope(None, ()),
            *(head, author(head), signatures_of(head, policy.dkim, now()), policy),
        )
        Checks(subject).run(Book(lambda one: asked.append(one.name) or NO_KEY))
    assert [name for name in asked if name in ("7.2.0.192.bl.example", "7.100.51.198.bl.example")] == [
        "7.100.51.198.bl.example"
    ]


@pytest.mark.parametrize(
    "verdict",
    [
        b"dmarc=pass header.from=other.example",
        b"dmarc=pass header.from=below.sig.example",
        b"dmarc=pass",
        b"dmarc=fail header.from=sig.example",
        b"dmarc=pass header.from=sig.example; dmarc=pass header.from=other.example",
        b"dmarc=pass header.from=sig.example header.from=other.example",
    ],
)
def test_its_verdict_counts_for_the_one_author_only(verdict: bytes) -> None:
    assert not checked(said(verdict) + BY_FILTER + MAIL).aligned


def test_without_one_author_nothing_is_aligned() -> None:
    assert not checked(said() + BY_FILTER + b"From: eve@evil.example\r\n" + MAIL).aligned


def test_the_filter_says_nothing_of_an_agents_signature() -> None:
    (found,) = checked(said(b"dkim=pass header.d=sig.example header.i=@sig.example") + BY_FILTER + MAIL).dkim
    assert found.signed == ()


def test_many_fields_cost_in_proportion_to_their_number() -> None:
    def cost(count: int) -> float:
        mail = (INSIDE + said(b"(" * 1000 + b")" * 1000 + ALL)) * count + MAIL
        return seconds(lambda: checked(mail))

    assert cost(200) < 8 * cost(100) + 0.02
