# SPDX-License-Identifier: Apache-2.0
"""Signs test mail as some domain on the internet would, with its key published in the test's DNS."""

from functools import cache

import dkim
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.support.dns import DnsZone


@cache
def _key(bits: int) -> rsa.RSAPrivateKey:
    # One key a size and session: making one takes a second, and no test cares whose it is.
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def private_pem(bits: int = 2048) -> bytes:
    """The session's private key in PKCS#1, with LF line ends: the form that dkimpy reads."""
    return _key(bits).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )


def key_record(bits: int = 2048, flags: str = "") -> str:
    """The TXT record of the session's key; `flags` such as "t=s; " stand before p=."""
    public = (
        _key(bits)
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    encoded = "".join(public.decode().splitlines()[1:-1])
    return f"v=DKIM1; k=rsa; {flags}p={encoded}"


class Signer:
    """One domain with a published key; sign() returns the content with its DKIM-Signature on top."""

    def __init__(self, zone: DnsZone, domain: str, selector: str = "s1", bits: int = 2048) -> None:
        self.domain, self.selector, self.bits = domain, selector, bits
        self.key_name = f"{selector}._domainkey.{domain}"
        zone.set(self.key_name, "TXT", [key_record(bits)])

    def sign(self, content: bytes, canonicalize: str = "relaxed/relaxed", **options: object) -> bytes:
        """Sign content in CR LF lines; options are those of dkim.sign (include_headers, length, identity)."""
        header, _, body = canonicalize.partition("/")
        field = dkim.sign(
            content,
            self.selector.encode(),
            self.domain.encode(),
            private_pem(self.bits),
            canonicalize=(header.encode(), (body or "simple").encode()),
            **options,
        )
        return field + content
