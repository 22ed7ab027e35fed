# SPDX-License-Identifier: Apache-2.0
"""What stands around pyspf: identities, the book instead of its DNS, its traps (dependencies G2, G25), its cost."""

import re

import pytest
import spf as pyspf
from hypothesis import given
from hypothesis import strategies as st

from handlers import spf
from handlers.book import Book
from handlers.dkim import DkimPolicy, Signatures
from handlers.headers import Head
from handlers.ports import Answer, Found
from handlers.results import SpfResult
from handlers.spf_evaluation import MODIFIERS, RECORD_OCTETS, TERMS
from handlers.subject import Subject
from storage.address import Address, parse
from storage.envelope import Envelope, Session
from tests.support import cost
from tests.support.clock import FakeClock
from tests.support.zone_book import ZoneBook

PEER, HELO = "192.0.2.1", "mail.a.example"
TIMEOUT = {"TXT": {"rcode": "TIMEOUT"}}
PASS = {"TXT": ["v=spf1 ip4:192.0.2.1 -all"]}
HEAD = Head(b"", (), 0)


def txt(record: str) -> dict[str, list[str]]:
    return {"TXT": [record]}


def subject(sender: str | Address | None = "carl@a.example", peer: str = PEER, helo: str = HELO) -> Subject:
    path = parse(sender) if isinstance(sender, str) else sender
    signatures = Signatures(HEAD, DkimPolicy(), FakeClock().now())
    return Subject(Session("s1", peer, helo), Envelope(path, ()), HEAD, None, signatures)


def checked(zone: ZoneBook, **about: object) -> SpfResult:
    return zone.run(lambda book: spf.check(subject(**about), book))


@pytest.mark.parametrize(
    ("sender", "zone", "result", "domain"),
    [
        # the reverse-path's domain, not the HELO name
        ("carl@a.example", {"a.example": PASS, "mail.a.example": txt("v=spf1 -all")}, "pass", "a.example"),
        # RFC 7208 §2.4: the null reverse-path is postmaster at the HELO name
        (None, {"mail.a.example": PASS}, "pass", "mail.a.example"),
        (None, {"mail.a.example": txt("v=spf1 exists:%{l}.a.example"), "postmaster.a.example": {"A": ["127.0.0.2"]}},
         "pass", "mail.a.example"),
        # G2: U-labels are asked for as A-labels, without IDNA 2003's mapping
        ("carl@bücher.example", {"xn--bcher-kva.example": PASS}, "pass", "xn--bcher-kva.example"),
        ("carl@faß.example", {"xn--fa-hia.example": PASS, "fass.example": txt("v=spf1 -all")}, "pass",
         "xn--fa-hia.example"),
        # a literal has no records
        ("carl@[192.0.2.1]", {}, "none", ""),
        # an "@" in a quoted local part does not begin the domain
        ('"a@b"@a.example', {"a.example": PASS}, "pass", "a.example"),
        ('"a b"@a.example', {"a.example": txt("v=spf1 exists:%{l}.x -all"), "a b.x": {"A": ["1.1.1.1"]}}, "pass",
         "a.example"),
        # nothing published
        ("carl@a.example", {}, "none", "a.example"),
    ],
)  # fmt: skip
def test_the_identity_is_the_reverse_path_or_the_helo_name(sender, zone, result, domain):
    found = checked(ZoneBook(zone), sender=sender)
    assert (found.result, found.domain) == (result, domain)


@pytest.mark.parametrize(
    ("peer", "result"),
    [
        # G2: pyspf raises for what is no address
        ("local", "none"),
        ("", "none"),
        # IPv4 within IPv6 is IPv4 (RFC 7208 §5)
        ("::ffff:192.0.2.1", "pass"),
        # a link-local address brings its interface
        ("fe80::1%eth0", "fail"),
        ("192.0.2.2", "fail"),
    ],
)
def test_the_client_is_an_ip_address_or_there_is_nothing_to_check(peer, result):
    assert checked(ZoneBook({"a.example": PASS}), peer=peer).result == result


@pytest.mark.parametrize(
    "helo",
    # no name of several labels: single, empty label, too long, literal, no letters of a host name, a way to fool DNS
    ["laptop", "a..example", f"{'a' * 64}.example", "[192.0.2.1]", "a b.example", "\\097.example", "?.example", ""],
)
def test_a_helo_that_is_no_domain_name_is_none_and_asks_nothing(helo):
    zone = ZoneBook({})
    assert zone.run(lambda book: spf.check_helo(subject(helo=helo), book)) == SpfResult()
    assert zone.asked == []


def test_the_helo_name_is_checked_beside_the_reverse_path():
    zone = ZoneBook({"mail.a.example": txt("v=spf1 a -all"), "a.example": PASS})
    found = zone.run(lambda book: spf.check_helo(subject(helo="MAIL.a.example."), book))
    assert (found.result, found.domain) == ("fail", "mail.a.example")


@pytest.mark.parametrize(
    ("zone", "result"),
    [
        # no answer is temporary, wherever it is missing; a broken record is permanent
        ({"a.example": TIMEOUT}, "temperror"),
        ({"a.example": txt("v=spf1 include:b.example -all"), "b.example": TIMEOUT}, "temperror"),
        ({"a.example": txt("v=spf1 a:b.example -all"), "b.example": {"A": {"rcode": "TIMEOUT"}}}, "temperror"),
        ({"a.example": txt("v=spf1 moo -all")}, "permerror"),
        ({"a.example": {"TXT": ["v=spf1 -all", "v=spf1 +all"]}}, "permerror"),
        ({"a.example": {"TXT": {"rcode": "MALFORMED"}}}, "permerror"),
        # §5.5: where DNS fails about the client's name, ptr does not match
        ({"a.example": txt("v=spf1 ptr -all"), "1.2.0.192.in-addr.arpa": {"PTR": {"rcode": "TIMEOUT"}}}, "fail"),
        # §4.6.4: ten terms that ask, two of them in vain
        ({"a.example": txt("v=spf1 " + " ".join(f"exists:n{n}.example" for n in range(3)) + " -all")}, "permerror"),
        ({"a.example": txt("v=spf1 " + " ".join(f"a:n{n}.example" for n in range(11)) + " -all"),
          **{f"n{n}.example": {"A": ["192.0.2.9"]} for n in range(11)}}, "permerror"),
        ({"a.example": txt("v=spf1 " + " ".join(f"a:n{n}.example" for n in range(10)) + " -all"),
          **{f"n{n}.example": {"A": ["192.0.2.9"]} for n in range(10)}}, "fail"),
    ],
)  # fmt: skip
def test_temporary_and_permanent_errors_are_kept_apart(zone, result):
    assert checked(ZoneBook(zone)).result == result


def test_what_matched_and_what_went_wrong_is_said():
    zone = {"a.example": txt("v=spf1 include:b.example -all"), "b.example": PASS}
    assert checked(ZoneBook(zone)).mechanism == "include:b.example"
    assert checked(ZoneBook({"a.example": txt("v=spf1 a:b.example")})).mechanism == "default"
    assert "b.example" in checked(ZoneBook({"a.example": txt("v=spf1 a:b.example"), "b.example": {"A": {"rcode": "TIMEOUT"}}})).reason  # fmt: skip  # noqa: E501


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (
            SpfResult("pass", "a.example", "ip4:192.0.2.0/24"),
            "in the record of a.example, ip4:192.0.2.0/24 matches 192.0.2.1",
        ),
        (SpfResult("neutral", "a.example", "default"), "in the record of a.example, nothing in it matches 192.0.2.1"),
        (SpfResult("temperror", "a.example", reason="DNS has no answer"), "a.example: DNS has no answer"),
    ],
)
def test_the_trace_says_what_decided(found, words):
    assert spf.explained(found, PEER) == (found.result, words)


@pytest.mark.parametrize(
    ("at", "explanation"),
    [
        (txt("%{i} is not one of %{d}'s"), "192.0.2.1 is not one of a.example's"),
        # RFC 7208 §6.2: whatever is wrong with it only costs the explanation
        (TIMEOUT, ""),
        (txt("%bad"), ""),
        ({"TXT": ["one", "two"]}, ""),
        (txt("%{s}" * 200), ""),
        # nothing in it is an order to a terminal, nor longer than a line or six
        (txt("a\x1b[31m\r\nb"), "a?[31m??b"),
        (txt("x" * 2000), "x" * 500),
    ],
)
def test_g2_an_explanation_is_found_although_pyspf_drops_what_its_search_raises(at, explanation):
    found = checked(ZoneBook({"a.example": txt("v=spf1 exp=why.a.example -all"), "why.a.example": at}))
    assert (found.result, found.explanation) == ("fail", explanation)


def test_an_explanation_is_asked_for_only_when_it_is_wanted():
    zone = ZoneBook({"a.example": txt("v=spf1 ip4:192.0.2.1 exp=why.a.example -all")})
    assert checked(zone).result == "pass"
    assert zone.asked == ["a.example"]


def test_the_questions_of_one_record_are_asked_together():
    names = [f"n{n}.example" for n in range(6)]
    record = "v=spf1 " + " ".join(f"include:{name}" for name in names) + " mx:m.example -all"
    zone = ZoneBook(
        {"a.example": txt(record), "m.example": {"MX": ["1 h1.example", "2 h2.example"]}, "h2.example": {"A": [PEER]}}
        | {name: txt("v=spf1 ip4:192.0.2.9") for name in names}
    )
    assert checked(zone).mechanism == "mx:m.example"
    assert zone.rounds == 3  # the record; all that it names; the addresses of the MX hosts


def test_what_is_asked_ahead_is_no_more_than_may_be_asked_anyway():
    zone = ZoneBook({"a.example": txt("v=spf1 " + " ".join(f"include:n{n}.example" for n in range(20)) + " -all")})
    checked(zone)
    assert len(zone.asked) == 11


def test_rfc_8616_a_local_part_beyond_ascii_matches_no_name_and_is_no_void_lookup():
    record = "v=spf1 exists:%{l}.a.example exists:%{l}.b.example exists:%{l}.c.example -all"
    assert checked(ZoneBook({"a.example": txt(record)}), sender="zoë@a.example").result == "fail"


def _big(terms: int, size: int) -> str:
    return " ".join(f"ip4:10.{n // 250}.{n % 250}.1" for n in range(terms))[:size].rpartition(" ")[0]


@pytest.mark.parametrize(
    "zone",
    [
        # a record of any length; more modifiers, and longer terms, than anybody writes
        {"a.example": txt(f"v=spf1 {_big(4000, RECORD_OCTETS + 99)} -all")},
        {"a.example": txt("v=spf1 " + " ".join(f"x{n}=y" for n in range(MODIFIERS + 1)) + " -all")},
        {"a.example": txt("v=spf1 exists:" + "%%." * 200 + "example -all")},
        # terms of all records together
        {"a.example": txt("v=spf1 " + " ".join(f"include:n{n}.example" for n in range(9)) + " -all")}
        | {f"n{n}.example": txt("v=spf1 " + "a " * (TERMS // 8)) for n in range(9)},
    ],
)
def test_a_bomb_is_a_permanent_error(zone):
    assert checked(ZoneBook(zone)).result == "permerror"


@pytest.mark.parametrize(
    "zone",
    [
        # ten includes, one in the other, each as big as it may be
        {f"{'a' if n == 0 else f'i{n}'}.example": txt(f"v=spf1 {_big(190, 3000)} include:i{n + 1}.example -all")
         for n in range(11)},
        # ten names with ten hosts each, each of them of fifty addresses, none known ahead
        {"a.example": txt("v=spf1 " + " ".join(f"mx:m{n}.%{{d}}" for n in range(10)) + " -all")}
        | {f"m{n}.a.example": {"MX": [f"1 h{m}.m{n}.example" for m in range(10)]} for n in range(10)}
        | {f"h{m}.m{n}.example": {"A": [f"10.{n}.{m}.{i}" for i in range(50)]} for n in range(10) for m in range(10)},
        # what pyspf's expressions are slow at
        {"a.example": txt("v=spf1 " + " ".join("exists:" + "a-" * 240 + "!" for _ in range(15)) + " -all")},
        {"a.example": txt("v=spf1 " + " ".join(f"x{n}=" + "%%." * 160 for n in range(15)) + " -all")},
        # twenty includes
        {"a.example": txt("v=spf1 " + " ".join(f"include:n{n}.example" for n in range(20)) + " -all")}
        | {f"n{n}.example": txt("v=spf1 ip4:192.0.2.9") for n in range(20)},
    ],
)  # fmt: skip
def test_a_hostile_record_costs_no_more_than_fifteen_million_sums_and_has_its_verdict(zone):
    hostile = ZoneBook(zone)
    assert cost.within(15 * cost.unit(), lambda: checked(hostile))
    assert checked(hostile).result in ("fail", "permerror")


def test_with_its_answers_known_a_usual_check_is_cheap_and_asks_nothing():
    zone = ZoneBook({"a.example": txt("v=spf1 mx include:b.example -all"), "b.example": PASS})
    known = lambda one: zone.answer(one)  # noqa: E731
    assert spf.check(subject(), Book(known)).result == "pass"


def test_pyspf_has_no_own_dns_here(monkeypatch):
    """G2: its hook is one for the whole process; nothing of ours may reach it."""
    monkeypatch.setattr(pyspf, "DNSLookup", None)
    assert checked(ZoneBook({"a.example": txt("v=spf1 ptr a mx exists:%{p}.x -all")})).result in ("fail", "permerror")


PIECES = (
    *("a", "mx", "ptr", "all", "-all", "?exists:", "include:", "redirect=", "exp=", "ip4:", "ip6:", "%{", "}", "/"),
    *("%{h}", "%{p9r.-}", "%{l0}", "%{}", "%%", "%_", "::1", "1.2.3.4", "b.example", "a.example", ":", "=", " ", "//"),
)
TERM = st.sampled_from(PIECES)
RECORD = st.lists(TERM | st.text(max_size=3), max_size=12).map(lambda terms: "v=spf1 " + "".join(terms))


@given(RECORD, RECORD, st.text(max_size=8))
def test_no_record_breaks_it(first, second, helo):
    answers = {"a.example": first, "b.example": second}

    def answer(question: object) -> Answer:
        record = answers.get(question.name)
        if question.kind == "TXT" and record is not None:
            return Answer(Found.YES, (record.encode("utf-8", "replace"),))
        return Answer(Found.YES, (b"1 b.example",)) if question.kind == "MX" else Answer(Found.NO_DATA)

    for peer in (PEER, "2001:db8::1"):
        found = spf.check(subject(peer=peer, helo=helo), Book(answer))
        assert found.result in ("pass", "fail", "softfail", "neutral", "none", "temperror", "permerror")
        assert re.fullmatch(r"[ -~]*", found.mechanism + found.reason + found.explanation)
