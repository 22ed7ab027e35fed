# SPDX-License-Identifier: Apache-2.0
"""Keys, mails and signatures for the DKIM tests; dkimpy signs, so that we are not our own witness."""

from base64 import b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache

import dkim
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from handlers.dkim import DkimPolicy, signatures_of
from handlers.headers import scan
from handlers.ports import Answer, Found
from handlers.results import DkimResult

MAIL = (
    b"From: Ann <ann@sig.example>\r\nTo: bob@b.example\r\nSubject: Hello\r\nDate: Sun, 22 Nov 2026 10:00:00 +0000\r\n"
    b"Message-ID: <1@sig.example>\r\n\r\nHello  Bob,\r\n\r\nthis is a mail. \r\n\r\n\r\n"
)
NAME = "s1._domainkey.sig.example"


def now() -> datetime:
    """dkimpy signs with the true time."""
    return datetime.now(UTC)


@cache
def private_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


@cache
def pem(bits: int = 2048) -> bytes:
    form = serialization.PrivateFormat.TraditionalOpenSSL
    return private_key(bits).private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())


@cache
def record(tags: str = "", bits: int = 2048) -> bytes:
    """A key record; `tags` come before p=."""
    der = (
        private_key(bits)
        .public_key()
        .public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    return b"v=DKIM1; " + tags.encode() + b"p=" + b64encode(der)


def signed(mail: bytes = MAIL, *, bits: int = 2048, **options: object) -> bytes:
    """The mail with dkimpy's signature on top."""
    options.setdefault("canonicalize", (b"relaxed", b"relaxed"))
    options.setdefault("include_headers", [b"from", b"to", b"subject", b"date"])
    return dkim.sign(mail, b"s1", b"sig.example", pem(bits), **options) + mail


def found(*records: bytes) -> dict[str, Answer]:
    return {NAME: Answer(Found.YES, records)}


def judged(
    mail: bytes, keys: Mapping[str, Answer], policy: DkimPolicy | None = None, at: datetime | None = None
) -> tuple[DkimResult, ...]:
    return signatures_of(scan(mail), policy or DkimPolicy(), at or now()).verify(keys)


def outcome(mail: bytes, keys: Mapping[str, Answer] | None = None, **options: object) -> tuple[str, str]:
    """Result and reason of the only signature."""
    (result,) = judged(mail, found(record()) if keys is None else keys, **options)
    return result.result, result.reason
