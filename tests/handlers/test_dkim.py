# SPDX-License-Identifier: Apache-2.0
"""DKIM verification: every trap of dependencies G3 to G8 is one row or one test."""

import hashlib
import json
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from dkim.crypto import RSASSA_PKCS1_v1_5_verify, parse_public_key

from handlers import dkim as our_dkim
from handlers.book import question
from handlers.dkim import DkimPolicy, signatures_of
from handlers.dkim_keys import is_signed_by
from handlers.headers import scan
from handlers.ports import Answer, Found
from handlers.results import DkimResult
from tests.handlers.dkim_material import MAIL, NAME, found, judged, now, outcome, private_key, record, signed
from tests.support.cost import seconds


def test_a_good_signature_passes_and_says_what_it_covers() -> None:
    (result,) = judged(signed(identity=b"ann@sig.example"), found(record()))
    assert (result.result, result.domain, result.selector) == ("pass", "sig.example", "s1")
    assert (result.identity, result.algorithm, len(result.header_b)) == ("ann@sig.example", "rsa-sha256", 8)
    assert set(result.signed) == {"from", "to", "subject", "date"}


def test_an_unsigned_mail_has_no_result() -> None:
    assert judged(MAIL, {}) == ()
    assert signatures_of(scan(MAIL), DkimPolicy(), now()).questions() == ()


@pytest.mark.parametrize("header", [b"simple", b"relaxed"])
@pytest.mark.parametrize("body", [b"simple", b"relaxed"])
@pytest.mark.parametrize("mail", [MAIL, MAIL.partition(b"\r\n\r\n")[0] + b"\r\n\r\n", MAIL + b"\t \r\n \r\n"])
def test_each_canonical_form_is_read_as_dkimpy_writes_it(header: bytes, body: bytes, mail: bytes) -> None:
    assert outcome(signed(mail, canonicalize=(header, body))) == ("pass", "")


def test_the_keys_to_fetch_are_known_beforehand_and_once() -> None:
    mail = signed(signed())
    assert signatures_of(scan(mail), DkimPolicy(), now()).questions() == (question("TXT", NAME),)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        # A temporary failure must not look like a forgery (dependencies G6).
        (Answer(Found.TEMPORARY), ("temperror", "key could not be fetched")),
        (Answer(Found.NO_NAME), ("permerror", "no key record")),
        (Answer(Found.NO_DATA), ("permerror", "no key record")),
        (Answer(Found.MALFORMED), ("permerror", "no key record")),
        (Answer(Found.YES, (b"v=spf1 -all",)), ("permerror", "no key record")),
        # Another TXT record at the name does no harm, a second key has no defined result.
        (Answer(Found.YES, (b"v=spf1 -all", record())), ("pass", "")),
        (Answer(Found.YES, (b"v=spf1 exp=a.example -all", b"v=DMARC1; p=none", record())), ("pass", "")),
        (Answer(Found.YES, (record(), record())), ("permerror", "more than one key record")),
        (Answer(Found.YES, (b"v=DKIM1; k=rsa",)), ("permerror", "key record has no p=")),
        (Answer(Found.YES, (b"v=DKIM1; p=",)), ("permerror", "key revoked")),
        (Answer(Found.YES, (b"v=DKIM1; p=!!!",)), ("permerror", "p= is not base64")),
        (Answer(Found.YES, (b"v=DKIM1; p=BARF",)), ("permerror", "key cannot be parsed")),
        (Answer(Found.YES, (b"v=DKIM1; p=\xff\xfe",)), ("permerror", "p= is not base64")),
        (Answer(Found.YES, (b"v=DKIM1; p=a; p=b",)), ("permerror", "tag list cannot be parsed")),
        (Answer(Found.YES, (record() + b" " * 9000,)), ("permerror", "key record is too long")),
        (Answer(Found.YES, (record().replace(b"DKIM1", b"DKIM2"),)), ("permerror", "unknown key version")),
        (Answer(Found.YES, (record("k=ed25519; "),)), ("permerror", "key type does not fit a=")),
        # h=, s= and t= are what dkimpy overlooks (dependencies G7).
        (Answer(Found.YES, (record("h=sha1; "),)), ("permerror", "key does not allow sha256")),
        (Answer(Found.YES, (record("h=sha1 : sha256; "),)), ("pass", "")),
        (Answer(Found.YES, (record("s=tlsrpt; "),)), ("permerror", "key is not for mail")),
        (Answer(Found.YES, (record("s=tlsrpt:*; "),)), ("pass", "")),
        (Answer(Found.YES, (record("s=tlsrpt : email; "),)), ("pass", "")),
        (Answer(Found.YES, (record("t=s; "),)), ("pass", "")),
        (Answer(Found.YES, (record("t=y; "),)), ("pass", "")),
        (Answer(Found.YES, (record("g=nobody; n=note; "),)), ("pass", "")),
    ],
)
def test_the_key_record_decides(answer: Answer, expected: tuple[str, str]) -> None:
    assert outcome(signed(), {NAME: answer}) == expected


def test_a_key_that_was_never_asked_for_is_a_temporary_failure() -> None:
    assert outcome(signed(), {})[0] == "temperror"


def test_a_strict_key_signs_for_its_own_domain_only() -> None:
    below = signed(identity=b"ann@sub.sig.example")
    assert outcome(below) == ("pass", "")
    assert outcome(below, found(record("t=y:s; "))) == ("permerror", "key does not allow i= below d=")


def test_a_domain_in_u_labels_is_asked_for_in_a_labels() -> None:
    tags = "v=1; a=rsa-sha256; d=b\u00fccher.example; s=\u00fc1; i=@Post.B\u00fccher.example; h=from; bh=AAAA; b=AAAA"
    mail = b"DKIM-Signature: " + tags.encode() + b"\r\n" + MAIL
    assert signatures_of(scan(mail), DkimPolicy(), now()).questions() == (
        question("TXT", "xn--1-dha._domainkey.xn--bcher-kva.example"),
    )
    (result,) = judged(mail, {})
    assert (result.domain, result.identity) == ("xn--bcher-kva.example", "@post.xn--bcher-kva.example")


def test_small_keys_are_a_matter_of_policy() -> None:
    mail = signed(bits=1024)
    assert outcome(mail, found(record(bits=1024))) == ("pass", "")
    refused = outcome(mail, found(record(bits=1024)), policy=DkimPolicy(min_key_bits=2048))
    assert refused == ("policy", "key of 1024 bits is too short")


def bomb(bits: int, exponent: int) -> bytes:
    modulus = (1 << bits - 1) + 12345 * 2 + 1
    der = rsa.RSAPublicNumbers(exponent, modulus).public_key().public_bytes(Encoding.DER, PublicFormat.PKCS1)
    return b"v=DKIM1; p=" + b64encode(der)


# 16384 bits twice cost dkimpy 14.8 s a mail (dependencies G4).
@pytest.mark.parametrize(("bits", "exponent"), [(16384, 65537), (8200, 65537), (2048, 2**64 + 1)])
def test_a_key_bomb_is_refused_before_any_arithmetic(bits: int, exponent: int) -> None:
    mail, plain, hostile = signed(), found(record()), found(bomb(bits, exponent))
    assert outcome(mail, hostile) == ("permerror", "key too large")
    assert seconds(lambda: outcome(mail, hostile)) < 5 * seconds(lambda: outcome(mail, plain)) + 0.005


def test_the_largest_key_that_is_accepted_costs_little() -> None:
    plain, large = found(record()), found(bomb(8192, 2**32 - 1))
    mail = signed()
    assert outcome(mail, large) == ("fail", "signature does not verify")
    assert seconds(lambda: outcome(mail, large)) < 5 * seconds(lambda: outcome(mail, plain)) + 0.005


def field(tags: str) -> bytes:
    return b"DKIM-Signature: " + tags.encode("latin-1") + b"\r\n" + MAIL


SOUND = "v=1; a=rsa-sha256; d=sig.example; s=s1; h=from; bh=AAAA; b=AAAA"


@pytest.mark.parametrize(
    ("mail", "reason"),
    [
        (field("garbage"), "tag list cannot be parsed"),
        (field(""), "signature has no v="),
        (field(SOUND + "; b=BBBB"), "tag list cannot be parsed"),
        (field(SOUND.replace("v=1", "v=2")), "unknown signature version"),
        # RFC 8301 §3.1: permanently failed, even if it would verify.
        (field(SOUND.replace("rsa-sha256", "rsa-sha1")), "rsa-sha1 is historic (RFC 8301)"),
        (field(SOUND.replace("rsa-sha256", "rsa-md5")), "unknown signature algorithm"),
        (field(SOUND.replace("h=from", "h=to")), "From is not signed"),
        (field(SOUND.replace("h=from", "h=from" + ":a" * 600)), "too many names in h="),
        (field(SOUND.replace("d=sig.example", "d=sig.example)")), "d= or s= is not a domain name"),
        (field(SOUND.replace("d=sig.example", "d=s\xefg.example")), "d= or s= is not a domain name"),
        (field(SOUND.replace("d=sig.example", "d=" + "a." * 200 + "b")), "d= or s= is too long"),
        (field(SOUND.replace("s=s1", "s=" + "a" * 64)), "d= or s= is too long"),
        (field(SOUND + "; i=ann@evil.example"), "i= is not within d="),
        (field(SOUND + "; i=ann@evilsig.example"), "i= is not within d="),
        (field(SOUND + "; i=sig.example"), "i= is not within d="),
        (field(SOUND + "; q=http"), "unknown query method"),
        (field(SOUND + "; c=nofws/simple"), "unknown canonicalisation"),
        (field(SOUND + "; l=x"), "l= is not a number"),
        (field(SOUND + "; l=99999"), "l= is beyond the body"),
        (field(SOUND + "; t=9999999999"), "signature is from the future"),
        (field(SOUND + "; x=1000"), "signature has expired"),
        (field(SOUND + "; t=1700000000; x=1600000000"), "signature expires before it begins"),
        (field(SOUND.replace("bh=AAAA", "bh=!")), "bh= is not base64"),
        (field(SOUND.replace("b=AAAA", "b=\xff")), "b= is not base64"),
    ],
)
def test_a_broken_signature_is_a_permanent_error(mail: bytes, reason: str) -> None:
    assert outcome(mail) == ("permerror", reason)


@pytest.mark.parametrize("change", [(b"Hello  Bob", b"Hello Eve"), (b"Subject: Hello", b"Subject: Hullo")])
def test_a_changed_mail_fails(change: tuple[bytes, bytes]) -> None:
    assert outcome(signed().replace(*change))[0] == "fail"


def test_a_second_from_fails_even_if_only_one_was_signed() -> None:
    assert outcome(b"From: eve@evil.example\r\n" + signed())[0] == "fail"


def test_a_body_with_an_unsigned_end_never_passes() -> None:
    mail = signed(length=True)
    assert outcome(mail) == ("pass", "")
    assert outcome(mail + b"appended\r\n") == ("policy", "l= leaves the end of the body unsigned")
    assert outcome(mail.replace(b"Hello  Bob", b"Hello  Eve") + b"x\r\n")[0] == "fail"


def test_a_signature_expires_by_our_clock() -> None:
    mail = signed()
    assert outcome(mail, at=now() - timedelta(days=2)) == ("permerror", "signature is from the future")
    assert outcome(mail, at=now() + timedelta(days=3650)) == ("pass", "")


@pytest.mark.parametrize(
    "start",
    [
        # The first two raised in dkimpy (dependencies G5); an mbox line is common.
        b" begins with a space\r\n",
        b"garbage without a colon\r\n",
        b"From someone Mon Nov 23\r\n",
    ],
)
def test_lines_that_are_no_fields_do_not_break_verification(start: bytes) -> None:
    assert outcome(start + signed()) == ("pass", "")


def test_an_unforeseen_exception_is_a_permanent_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def explode(*_: object) -> None:
        raise RuntimeError("boom")

    monkeypatch.setattr(our_dkim, "find_key", explode)
    assert outcome(signed()) == ("permerror", "signature cannot be verified")


def test_every_signature_is_looked_at_up_to_a_bound() -> None:
    mail = signed()
    for _ in range(3):
        mail = b"DKIM-Signature: junk\r\n" + mail
    assert [result.result for result in judged(mail, found(record()))] == ["permerror"] * 3 + ["pass"]
    many = b"DKIM-Signature: junk\r\n" * 40 + signed()
    assert len(judged(many, found(record()))) == 8


def test_forty_signatures_on_a_large_mail_share_one_pass_over_the_body() -> None:
    body = b"word  word\tword \r\n" * 60_000
    one = signed(MAIL + body)
    forty = one[: one.index(b"From:")] * 40 + MAIL + body
    keys = found(record())
    assert seconds(lambda: judged(forty, keys)) < 3 * seconds(lambda: judged(one, keys)) + 0.02


@pytest.mark.parametrize(
    "hostile",
    [
        # dkimpy is quadratic here (dependencies G3).
        b" " * 400_000 + b"x\r\n",
        (b" " * 998 + b"x\r\n") * 400,
        b"\t " * 200_000 + b"\r\n",
        b"\r\n" * 200_000,
    ],
)
def test_a_hostile_body_costs_no_more_than_words_and_spaces(hostile: bytes) -> None:
    plain = b"w  x\ty \r\n" * (len(hostile) // 9)
    keys, stamp = found(record()), signed()[: signed().index(b"From:")]
    cost = seconds(lambda: judged(stamp + MAIL + hostile, keys))
    assert cost < 3 * seconds(lambda: judged(stamp + MAIL + plain, keys)) + 0.01


@pytest.mark.parametrize(
    "value",
    [
        b"h=" + b" " * 200_000 + b"x",
        b"b" + b"\r\n " * 60_000 + b"x",
        b";b " * 60_000,
        b"a=b;" * 60_000,
        b"h=" + b"x:" * 100_000,
        SOUND.encode() + b"; z=" + b"b \r\n " * 40_000 + b"x",
    ],
)
def test_a_hostile_signature_field_costs_in_proportion_to_its_size(value: bytes) -> None:
    def cost(text: bytes) -> float:
        return seconds(lambda: judged(b"DKIM-Signature: " + text + b"\r\n" + MAIL, found(record())))

    assert cost(value) < 8 * cost(value[: len(value) // 2]) + 0.005


def test_our_verifier_agrees_with_dkimpy_on_rsa() -> None:
    der = private_key().public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    theirs, ours = parse_public_key(der), private_key().public_key()
    for number in range(20):
        text = b"%d" % number
        signature = bytearray(private_key().sign(text, PKCS1v15(), SHA256()))
        signature[number] ^= number % 3
        digest = hashlib.sha256(text)
        agreed = RSASSA_PKCS1_v1_5_verify(digest, bytes(signature), theirs)
        assert is_signed_by(ours, bytes(signature), digest.digest()) is agreed is (number % 3 == 0)


def answers(case: dict) -> dict[str, Answer]:
    keys = {}
    for name, types in case["records"].items():
        txt = types.get("TXT", {"rcode": "NODATA"})
        if isinstance(txt, list):
            keys[name.lower()] = Answer(Found.YES, tuple(text.encode() for text in txt))
        else:
            rcodes = {"NXDOMAIN": Found.NO_NAME, "NODATA": Found.NO_DATA, "TIMEOUT": Found.TEMPORARY}
            keys[name.lower()] = Answer(rcodes[txt["rcode"]])
    return keys


def overall(results: tuple[DkimResult, ...]) -> str:
    words = [result.result for result in results]
    return next((word for word in ("pass", "temperror", "policy", "fail", "permerror") if word in words), "none")


# Deviations, each argued in docs/authentication.md; the second is one that the corpus accepts.
DEVIATIONS = {
    "own/length-appended": "policy",
    "rspamd/dkim-unparseable-signatures-count-towards-limit": "pass",
}


def test_the_corpus_has_the_expected_outcomes(corpora: Path) -> None:
    wrong = []
    for case in json.loads((corpora / "dkim" / "cases.json").read_text())["cases"]:
        content = (corpora / "dkim" / case["file"]).read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        if case.get("format"):
            content = content.partition(b"\r\n\r\n")[2]
        at = datetime.fromtimestamp(case["now"], UTC) if "now" in case else now()
        keys = answers(case)
        head = scan(content)
        for asked in signatures_of(head, DkimPolicy(), at).questions():
            keys.setdefault(asked.name, Answer(Found.NO_NAME))
        results = judged(content, keys, at=at)
        wanted = DEVIATIONS.get(case["id"], case["expect"]["overall"])
        got = overall(results)
        if not (wanted in (got, "any") or (wanted == "not_pass" and got != "pass")):
            wrong.append((case["id"], wanted, got, results))
        for one in case["expect"].get("signatures", ()):
            passed = {(result.domain, result.selector) for result in results if result.result == "pass"}
            if ((one["d"], one["s"]) in passed) != (one["result"] == "pass"):
                wrong.append((case["id"], one, results))
    assert wrong == []


def test_dkimpy_itself_agrees_that_our_test_mails_are_good() -> None:
    assert dkim.verify(signed(), dnsfunc=lambda *_, **__: record())
