# SPDX-License-Identifier: Apache-2.0
"""Signs what we send: DKIM, rsa-sha256, relaxed/relaxed (RFC 6376), with every field that matters frozen.

Enters: final content, CRLF throughout, and the domains that vouch; of a body its digest is enough. Leaves:
DKIM-Signature fields to put in front.
A frozen field is named once more than it occurs, so none can be added later (dependencies G8). Fails: SigningFailed;
what cannot be signed is not sent (451).
"""

from base64 import b64encode
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256

from handlers.dkim_hash import BodyDigests, HeaderDigests
from handlers.dkim_signature import is_domain
from handlers.headers import scan
from handlers.line_ends import LineEnds
from handlers.ports import Clock
from storage.address import BadAddress, parse

FROZEN = (
    b"from",
    b"sender",
    b"reply-to",
    b"to",
    b"cc",
    b"subject",
    b"date",
    b"message-id",
    b"in-reply-to",
    b"references",
    b"mime-version",
    b"content-type",
    b"content-transfer-encoding",
    b"content-disposition",
    b"auto-submitted",
    b"x-casegate-thread",
)
KEY_BITS = 2048  # RFC 8301 §3.2
_LINE = 70


class SigningFailed(Exception):
    """The content cannot be signed as it is, or the key is unusable."""


@dataclass(frozen=True, slots=True)
class Body:
    """What a signature says of a body: its digest, canonical form relaxed, and whether it may be signed at all."""

    digest: bytes
    has_only_crlf: bool


class BodyReader:
    """Makes a Body from its pieces."""

    def __init__(self) -> None:
        self._digests, self._line_ends = BodyDigests([("relaxed", None)]), LineEnds()

    def feed(self, octets: bytes) -> None:
        """The next octets."""
        self._digests.feed(octets)
        self._line_ends.update(octets)

    def finish(self) -> Body:
        """There are no more."""
        self._digests.finish()
        return Body(self._digests.digest("relaxed"), self._line_ends.are_pairs)


class Signer:
    """Holds one private key; `frozen` are field names in lower case."""

    def __init__(self, key_pem: bytes, selector: str, clock: Clock, frozen: Sequence[bytes] = FROZEN) -> None:
        self._key = _private_key(key_pem)
        self._selector, self._clock, self._frozen = selector, clock, frozen
        if not is_domain(selector):
            raise SigningFailed("the selector is not a domain label")

    def sign(self, content: bytes, domain: str) -> bytes:
        """The DKIM-Signature field of one domain."""
        return self.sign_all(content, (domain,))

    def sign_all(self, content: bytes, domains: Iterable[str]) -> bytes:
        """The fields of several domains, the last on top; the body is hashed once."""
        offset, body = scan(content).body_offset, BodyReader()
        body.feed(content[offset:])
        return self.sign_section(content[:offset], body.finish(), domains)

    def sign_section(self, section: bytes, body: Body, domains: Iterable[str]) -> bytes:
        """The same for a header section, empty line included, and a body that need not be in memory."""
        head = scan(section)
        is_whole = head.body_offset == len(section) and not head.truncated
        if not is_whole or head.count(b"from") != 1 or any(not field.name for field in head.fields):
            raise SigningFailed("the header section is not one that we would send")
        line_ends = LineEnds()
        line_ends.update(section)
        if not (body.has_only_crlf and line_ends.are_pairs):
            raise SigningFailed("the content has a bare CR or LF")
        present = Counter(field.name for field in head.fields)
        names = [name for name in self._frozen for _ in range(present[name] + 1)]
        digests = HeaderDigests(head)
        return b"".join(self._field(digests, body.digest, names, _ascii(domain)) for domain in reversed(tuple(domains)))

    def public_record(self) -> str:
        """What to publish as TXT at selector._domainkey.domain (RFC 6376 §3.6.1)."""
        spki = serialization.PublicFormat.SubjectPublicKeyInfo
        return f"v=DKIM1; k=rsa; p={b64encode(self._key.public_key().public_bytes(_DER, spki)).decode()}"

    def _field(self, digests: HeaderDigests, body: bytes, names: Sequence[bytes], domain: bytes) -> bytes:
        unsigned = b"\r\n".join(
            (
                b"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;",
                b" d=" + domain + b";",
                b" s=" + self._selector.encode() + b"; t=%d;" % self._clock.now().timestamp(),
                _lines_of_names(names),
                b" bh=" + b64encode(body) + b";",
                b" b=",
            )
        )
        digest = digests.digest("relaxed", names, unsigned)
        return unsigned + _lines_of_base64(self._key.sign(digest, PKCS1v15(), Prehashed(SHA256()))) + b"\r\n"


_DER, _PEM = serialization.Encoding.DER, serialization.Encoding.PEM


def generate_key() -> bytes:
    """A new private key as PEM (PKCS#8, no password)."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    return key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def _private_key(pem: bytes) -> rsa.RSAPrivateKey:
    """PKCS#1 or PKCS#8, with LF or CRLF."""
    try:
        key = serialization.load_pem_private_key(pem.replace(b"\r\n", b"\n"), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise SigningFailed("the key is not a PEM private key without a password") from None
    if not isinstance(key, rsa.RSAPrivateKey) or key.key_size < 1024:  # RFC 8301 §3.2
        raise SigningFailed("the key is not an RSA key of at least 1024 bits")
    return key


def _ascii(domain: str) -> bytes:
    """The domain as d= wants it: A-labels in lower case."""
    try:
        name = parse(f"x@{domain}").host.encode()
    except BadAddress:
        name = b""
    if not is_domain(name.decode()):
        raise SigningFailed(f"{domain[:80]!r} is not a domain")
    return name


def _lines_of_names(names: Sequence[bytes]) -> bytes:
    lines = [b" h="]
    for position, name in enumerate(names):
        text = name + (b";" if position == len(names) - 1 else b":")
        if len(lines[-1]) + len(text) > _LINE:
            lines.append(b"  ")
        lines[-1] += text
    return b"\r\n".join(lines)


def _lines_of_base64(octets: bytes) -> bytes:
    text = b64encode(octets)
    return b"\r\n  ".join(text[start : start + _LINE] for start in range(0, len(text), _LINE))
