# SPDX-License-Identifier: Apache-2.0
"""The mails that every side gets: distinct, 4096 octets each, DKIM-signed (RSA-2048, relaxed/relaxed).

They are signed before any clock runs and kept in var/bench, so that later runs sign nothing. The file is the
mails one behind the other; mail i is octets i * 4096 to (i + 1) * 4096 and comes from `sender(i)`.
"""

import base64
import hashlib
import random
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

SIZE_OCTETS = 4096
DOMAIN = "customer.example"
SELECTOR = "bench"
RECIPIENT = "support@firm.example"
SIGNED_FIELDS = ("From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type")
# A rsa-sha256 signature by a 2048-bit key is 256 octets.
SIGNATURE_CHARACTERS = 344
WORDS = (
    "the order invoice account please printer since yesterday cannot login again thanks for help number would like "
    "delivery address changed payment question regards support team contract answer before Monday screen password"
)


def sender(index: int) -> str:
    """The reverse-path and author of mail `index`."""
    return f"carl.{index:06d}@{DOMAIN}"


def private_key(file: Path) -> rsa.RSAPrivateKey:
    """The sender's key, made at the first call."""
    if not file.exists():
        fresh = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        file.write_bytes(fresh.private_bytes(*form))
    key = serialization.load_pem_private_key(file.read_bytes(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key


def public_record(key: rsa.RSAPrivateKey) -> str:
    """The TXT record of the key (RFC 6376 §3.6.1)."""
    der = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return "v=DKIM1; k=rsa; p=" + base64.b64encode(der).decode()


def fields(index: int) -> list[tuple[str, str]]:
    """The header fields of mail `index`, in order, none folded."""
    at = datetime(2026, 1, 5, 8, 0, tzinfo=UTC) + timedelta(seconds=index)
    values = (
        f"Carl Customer {index} <{sender(index)}>",
        RECIPIENT,
        f"Question {index} about my order",
        format_datetime(at),
        f"<bench.{index:06d}@{DOMAIN}>",
        "1.0",
        "text/plain; charset=us-ascii",
    )
    return list(zip(SIGNED_FIELDS, values, strict=True))


def body(index: int, size_octets: int) -> bytes:
    """Text of exactly this size in lines of about 70; it is its own relaxed canonical form (RFC 6376 §3.4.4)."""
    source = random.Random(index)
    words = WORDS.split()
    lines = []
    left = size_octets
    while left > 160:
        line = " ".join(source.choices(words, k=10)).encode() + b"\r\n"
        lines.append(line)
        left -= len(line)
    return b"".join(lines) + b"x" * (left - 2) + b"\r\n"


def signed(index: int, key: rsa.RSAPrivateKey) -> bytes:
    """Mail `index` with its signature on top."""
    plain = fields(index)
    head = "".join(f"{name}: {value}\r\n" for name, value in plain).encode() + b"\r\n"
    tags = f"v=1; a=rsa-sha256; c=relaxed/relaxed; d={DOMAIN}; s={SELECTOR}; h={':'.join(SIGNED_FIELDS).lower()}"
    # bh= is always 44 characters, so the body's size is known before its hash.
    above = len(f"DKIM-Signature: {tags}; bh=; b=\r\n") + 44 + SIGNATURE_CHARACTERS
    text = body(index, SIZE_OCTETS - above - len(head))
    value = f"{tags}; bh={base64.b64encode(hashlib.sha256(text).digest()).decode()}; b="
    hashed = "".join(f"{name.lower()}:{content}\r\n" for name, content in plain) + f"dkim-signature:{value}"
    signature = key.sign(hashed.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"DKIM-Signature: {value}{base64.b64encode(signature).decode()}\r\n".encode() + head + text


def prepare(file: Path, key: rsa.RSAPrivateKey, count: int) -> None:
    """Have at least `count` signed mails in the file; sign only what is missing."""
    have = file.stat().st_size // SIZE_OCTETS if file.exists() else 0
    with file.open("ab") as out:
        out.truncate(have * SIZE_OCTETS)
        for index in range(have, count):
            out.write(signed(index, key))


def load(file: Path, first: int, count: int) -> list[bytes]:
    """`count` mails from mail `first` on."""
    with file.open("rb") as stored:
        stored.seek(first * SIZE_OCTETS)
        return [stored.read(SIZE_OCTETS) for _ in range(count)]
