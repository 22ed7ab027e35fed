# SPDX-License-Identifier: Apache-2.0
"""What we sign, dkimpy and we ourselves verify; what was frozen cannot be added to."""

from datetime import UTC, datetime, timedelta

import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from handlers.dkim import DkimPolicy, signatures_of
from handlers.headers import WIDEST, scan
from handlers.ports import Answer, Found
from handlers.signing import FROZEN, Signer, SigningFailed, generate_key
from tests.handlers.dkim_material import MAIL, pem
from tests.support.cost import seconds

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


class StoppedClock:
    def now(self) -> datetime:
        return NOW


@pytest.fixture
def signer() -> Signer:
    return Signer(pem(), "s1", StoppedClock())


def passed(mail: bytes, signer: Signer) -> list[str]:
    """The domains whose signature passes."""
    names = [f"s1._domainkey.{domain}" for domain in ("sig.example", "gw.example")]
    keys = {name: Answer(Found.YES, (signer.public_record().encode(),)) for name in names}
    results = signatures_of(scan(mail), DkimPolicy(), NOW + timedelta(minutes=1)).verify(keys)
    return [result.domain for result in results if result.result == "pass"]


@pytest.mark.parametrize(
    "mail",
    [
        MAIL,
        # No body, an empty body, many fields, a folded one, octets above ASCII.
        MAIL.partition(b"\r\n\r\n")[0] + b"\r\n",
        MAIL.partition(b"\r\n\r\n")[0] + b"\r\n\r\n",
        b"".join(b"X-%d: y\r\n" % number for number in range(200)) + MAIL,
        b"References: <a@b>\r\n\t<c@d>\r\n" + MAIL + "grüße \t \r\n".encode(),
    ],
)
def test_dkimpy_and_we_verify_what_we_sign(mail: bytes, signer: Signer) -> None:
    signed = signer.sign(mail, "Sig.Example") + mail
    assert passed(signed, signer) == ["sig.example"]
    assert dkim.verify(signed, dnsfunc=lambda *_, **__: signer.public_record().encode())


def test_two_domains_sign_and_the_last_is_on_top(signer: Signer) -> None:
    fields = signer.sign_all(MAIL, ("gw.example", "sig.example"))
    assert passed(fields + MAIL, signer) == ["sig.example", "gw.example"]


@pytest.mark.parametrize("name", FROZEN)
def test_a_frozen_field_cannot_be_added(name: bytes, signer: Signer) -> None:
    signed = signer.sign(MAIL, "sig.example") + MAIL
    assert passed(name + b": evil\r\n" + signed, signer) == []


def test_a_trace_field_may_be_added(signer: Signer) -> None:
    signed = signer.sign(MAIL, "sig.example") + MAIL
    assert passed(b"Received: from a by b; Sun, 22 Nov 2026 12:00:00 +0000\r\n" + signed, signer) == ["sig.example"]


def test_the_field_is_folded_ascii_with_crlf(signer: Signer) -> None:
    field = signer.sign(MAIL, "bücher.example")
    assert field.isascii()
    assert b"d=xn--bcher-kva.example;" in field
    assert b"t=%d;" % NOW.timestamp() in field
    assert len(scan(field).fields) == 1
    assert field.count(b"\n") == field.count(b"\r\n") == field.count(b"\r")
    assert max(map(len, field.split(b"\r\n"))) <= 78


@pytest.mark.parametrize("key", [generate_key(), pem(), pem().replace(b"\n", b"\r\n")])
def test_keys_of_every_common_form_are_read(key: bytes) -> None:
    signer = Signer(key, "s1", StoppedClock())
    assert passed(signer.sign(MAIL, "sig.example") + MAIL, signer) == ["sig.example"]
    assert signer.public_record().startswith("v=DKIM1; k=rsa; p=MII")


def test_unusable_keys_and_selectors_are_refused() -> None:
    curve = ec.generate_private_key(ec.SECP256R1())
    foreign = curve.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    for key in (b"", b"garbage", foreign):
        with pytest.raises(SigningFailed):
            Signer(key, "s1", StoppedClock())
    with pytest.raises(SigningFailed):
        Signer(pem(), "s 1", StoppedClock())


@pytest.mark.parametrize(
    ("content", "domain"),
    [
        (b"Subject: no author\r\n\r\n", "sig.example"),
        (b"From: other@b.example\r\n" + MAIL, "sig.example"),
        (b"garbage\r\n" + MAIL, "sig.example"),
        # A signature over bytes that the wire would change (dependencies G8).
        (MAIL + b"bare\n", "sig.example"),
        (MAIL + b"bare\r", "sig.example"),
        (b"X: y\r\n" * WIDEST.fields + MAIL, "sig.example"),
        (MAIL, ""),
        (MAIL, "sig.example; x=1"),
        (MAIL, "a..b"),
        (MAIL, "sig.example\r\nBcc: x"),
    ],
)
def test_what_cannot_be_signed_is_said(content: bytes, domain: str, signer: Signer) -> None:
    with pytest.raises(SigningFailed):
        signer.sign(content, domain)


def test_eight_domains_cost_one_pass_over_a_large_body(signer: Signer) -> None:
    large = MAIL + b"word  word\tword \r\n" * 60_000
    eight = [f"d{number}.example" for number in range(8)]
    assert seconds(lambda: signer.sign_all(large, eight)) < 3 * seconds(lambda: signer.sign(large, "d.example")) + 0.02
