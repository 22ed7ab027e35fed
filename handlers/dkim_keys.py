# SPDX-License-Identifier: Apache-2.0
"""One DKIM key record: RFC 6376 §3.6.1, RFC 8301 §3.2 and RFC 8463.

Enters: the DNS answer for a signature's key. Leaves: a public key that may be used for that signature, or Unusable. A
key's size is judged before any arithmetic, for a 16384-bit key costs seconds (dependencies G4).
"""

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from handlers.dkim_signature import Signature, Unusable, octets_of, tags_of

MAX_RECORD_OCTETS = 8192  # a 16384-bit key has 2.8 KB
MAX_EXPONENT = 2**32
_OTHERS = (b"v=spf1", b"v=DMARC1")  # a wildcard brings them to every name; exp= and sp= look like a key's p=
_PADDING, _HASH = PKCS1v15(), Prehashed(SHA256())

PublicKey = RSAPublicKey | Ed25519PublicKey


class NotAccepted(Exception):
    """The key is in order, but the operator's policy does not take it."""


def find_key(records: tuple[bytes, ...], signature: Signature, min_bits: int, max_bits: int) -> PublicKey:
    """The one key at the signature's name; raises Unusable or NotAccepted."""
    candidates = [one for one in records if (b"p=" in one or b"DKIM1" in one) and not one.startswith(_OTHERS)]
    if len(candidates) != 1:  # RFC 6376 §3.6.2.2: several have no defined result
        raise Unusable("more than one key record" if candidates else "no key record")
    if len(candidates[0]) > MAX_RECORD_OCTETS:
        raise Unusable("key record is too long")
    tags = tags_of(candidates[0])
    _check_use(tags, signature)
    octets = octets_of(tags[b"p"], "p=")
    if signature.key_type == "ed25519":
        return _ed25519(octets)
    return _rsa(octets, min_bits, max_bits)


def _check_use(tags: dict[bytes, bytes], signature: Signature) -> None:
    """Whether the record allows this signature; unknown tags, g= and t=y change nothing."""
    if tags.get(b"v", b"DKIM1") != b"DKIM1":
        raise Unusable("unknown key version")
    if b"p" not in tags:
        raise Unusable("key record has no p=")
    if not tags[b"p"]:
        raise Unusable("key revoked")
    if tags.get(b"k", b"rsa") != signature.key_type.encode():
        raise Unusable("key type does not fit a=")
    if b"h" in tags and b"sha256" not in _list(tags[b"h"]):
        raise Unusable("key does not allow sha256")
    if not {b"*", b"email"} & _list(tags.get(b"s", b"*")):
        raise Unusable("key is not for mail")
    host = signature.identity.lower().rpartition("@")[2]
    if b"s" in _list(tags.get(b"t", b"")) and host != signature.domain:
        raise Unusable("key does not allow i= below d=")


def _list(value: bytes) -> set[bytes]:
    return {word.strip() for word in value.split(b":")}


def _rsa(octets: bytes, min_bits: int, max_bits: int) -> RSAPublicKey:
    try:
        key = load_der_public_key(octets)
    except (ValueError, UnsupportedAlgorithm):
        raise Unusable("key cannot be parsed") from None
    if not isinstance(key, RSAPublicKey):
        raise Unusable("key type does not fit a=")
    if key.key_size > max_bits or key.public_numbers().e > MAX_EXPONENT:
        raise Unusable("key too large")
    if key.key_size < min_bits:
        raise NotAccepted(f"key of {key.key_size} bits is too short")
    return key


def _ed25519(octets: bytes) -> Ed25519PublicKey:
    try:
        return Ed25519PublicKey.from_public_bytes(octets)
    except ValueError:
        raise Unusable("key cannot be parsed") from None


def is_signed_by(key: PublicKey, signature: bytes, digest: bytes) -> bool:
    """Whether the signature is the key's over that SHA-256 digest."""
    try:
        if isinstance(key, RSAPublicKey):
            key.verify(signature, digest, _PADDING, _HASH)
        else:
            key.verify(signature, digest)
    except InvalidSignature:
        return False
    return True
