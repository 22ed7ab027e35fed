# SPDX-License-Identifier: Apache-2.0
"""ARC chains: the suite of its makers, and what a hostile chain may cost."""

import re
from base64 import b64encode
from pathlib import Path

import pytest
import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from handlers.dkim import DkimPolicy
from handlers.ports import Answer, Found
from handlers.results import ArcResult
from tests.handlers.arc_material import checked, sealed
from tests.handlers.dkim_material import MAIL, NAME
from tests.support.cost import seconds


def test_the_validation_suite_has_the_expected_outcomes(corpora: Path) -> None:
    wrong, count = [], 0
    for scenario in yaml.safe_load_all((corpora / "arc/arc-draft-validation-tests.yml").read_text()):
        keys = {name: Answer(Found.YES, (text.encode(),)) for name, text in scenario["txt-records"].items()}
        for name, case in scenario["tests"].items():
            count += 1
            found, _ = checked(re.sub(rb"\r?\n", b"\r\n", case["message"].encode()), keys)
            if found.result != (case["cv"] or "none").lower():
                wrong.append((name, case["cv"], found))
    assert wrong == []
    assert count == 171


def test_a_chain_of_several_relays_passes_and_names_the_newest() -> None:
    found, asked = checked(sealed(times=3))
    assert (found.result, found.sealer, found.sets, found.reason) == ("pass", "sig.example", 3, "")
    assert [one.name for one in asked] == [NAME, NAME]


def test_a_mail_without_a_chain_has_none_and_asks_nothing() -> None:
    assert checked(MAIL) == (ArcResult(), [])


def test_where_it_is_off_nothing_is_read_and_nothing_asked() -> None:
    assert checked(sealed(), policy=DkimPolicy()) == (ArcResult(), [])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ((b"Hello  Bob", b"Hello Eve"), "body has been changed"),
        ((b"Subject: Hello", b"Subject: Hullo"), "message signature does not verify"),
        ((b"ARC-Authentication-Results: i=1;", b"ARC-Authentication-Results: i=1; x;"), "seal 2 does not verify"),
        ((b"i=1; relay", b"i=3; relay"), "the instances are not 1, 2, 3 and so on"),
        ((b"i=1; relay", b"i=0; relay"), "i= of arc-authentication-results is not an instance"),
        ((b"cv=pass", b"cv=none"), "cv= of seal 2 is wrong"),
        ((b"ARC-Seal: i=1", b"X-Seal: i=1"), "a set is not complete"),
    ],
)
def test_a_chain_that_does_not_hold_fails_and_says_why(change: tuple[bytes, bytes], reason: str) -> None:
    mail = sealed(times=2)
    assert change[0] in mail
    found, _ = checked(mail.replace(*change))
    assert (found.result, found.reason) == ("fail", reason)


def test_a_relay_that_ended_the_chain_is_named() -> None:
    found, asked = checked(sealed(times=2).replace(b"cv=pass", b"cv=fail"))
    assert (found.result, found.reason, asked) == ("none", "seal 2 ended the chain", [])


def test_a_key_that_could_not_be_fetched_is_told_from_a_forgery() -> None:
    found, _ = checked(sealed(), {NAME: Answer(Found.TEMPORARY)})
    assert (found.result, found.reason) == ("fail", "key of message signature could not be fetched")


def test_short_keys_seal_nothing_even_where_they_sign() -> None:
    found, _ = checked(sealed(), policy=DkimPolicy(arc=True, min_key_bits=4096))
    assert (found.result, found.reason) == ("fail", "key of 2048 bits is too short")


def test_a_key_that_annotate_mode_lets_sign_seals_nothing() -> None:
    short = rsa.RSAPublicNumbers(65537, (1 << 767) + 1).public_key()
    der = short.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    keys = {NAME: Answer(Found.YES, (b"v=DKIM1; p=" + b64encode(der),))}
    found, _ = checked(sealed(), keys, DkimPolicy(arc=True, min_key_bits=768))
    assert (found.result, found.reason) == ("fail", "key of 768 bits is too short")


def junk(sets: int, domain: str = "d{}.example") -> bytes:
    """Sets that look right and were signed by nobody."""
    fields = []
    for n in range(sets, 0, -1):
        common = f"i={n}; a=rsa-sha256; d={domain.format(n)}; s=s1; b=AAAA"
        fields.append(f"ARC-Seal: {common}; cv={'none' if n == 1 else 'pass'}\r\n")
        fields.append(f"ARC-Message-Signature: {common}; h=from; bh=AAAA\r\n")
        fields.append(f"ARC-Authentication-Results: i={n}; relay.example; none\r\n")
    return "".join(fields).encode() + MAIL


# dkimpy checks every set: 60 of them on 1 MB were 2.5 s and 120 questions (dependencies G8b).
def test_made_up_sets_cost_two_questions_and_more_than_fifty_none() -> None:
    found, asked = checked(junk(50))
    assert (found.result, len(asked)) == ("fail", 2)
    found, asked = checked(junk(60))
    assert (found.result, found.reason, asked) == ("fail", "more than 50 sets", [])


def test_fifty_sets_on_a_large_mail_cost_no_more_than_one() -> None:
    body = b"word  word\tword \r\n" * 60_000
    one, many = junk(1) + body, junk(50) + body
    assert seconds(lambda: checked(many)) < 3 * seconds(lambda: checked(one)) + 0.05


def test_a_long_chain_costs_in_proportion_to_its_size() -> None:
    short, long = sealed(times=5), sealed(times=20)
    assert checked(long)[0].result == "pass"
    assert seconds(lambda: checked(long)) < 8 * seconds(lambda: checked(short)) + 0.005


@pytest.mark.parametrize("unit", [b"(", b" ", b";", b"i=", b"\xff", b"i=1;", b"\r\n "])
@pytest.mark.parametrize("name", [b"ARC-Seal", b"ARC-Message-Signature", b"ARC-Authentication-Results"])
def test_a_hostile_field_breaks_nothing(name: bytes, unit: bytes) -> None:
    found, asked = checked(junk(1).replace(name + b": ", name + b": " + unit * (20_000 // len(unit))))
    assert (found.result, asked[2:]) == ("fail", [])
