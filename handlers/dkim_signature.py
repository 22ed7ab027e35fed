# SPDX-License-Identifier: Apache-2.0
"""One DKIM-Signature field as a value: RFC 6376 §3.5 and §6.1.1, with RFC 8301 and RFC 8463.

Enters: the field's value. Leaves: a Signature, or Unusable with the reason. Nothing here asks DNS or hashes a body.
"""

import re
from base64 import b64decode
from binascii import Error as BadBase64
from dataclasses import dataclass

from dkim.util import InvalidTagValueList, parse_tag_value

from storage.address import a_labels

ALGORITHMS = {b"rsa-sha256": "rsa", b"ed25519-sha256": "ed25519"}
MAX_SIGNED_NAMES = 500
FUTURE_LEEWAY_S = 36000  # as dkimpy: clocks that show another zone's hour are common
EXPIRY_LEEWAY_S = 300
MAX_DOMAIN_OCTETS = 253

_REQUIRED = (b"v", b"a", b"b", b"bh", b"d", b"h", b"s")
_NAME = re.compile(rb"[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?(?:\.[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?)*")
_NUMBER = re.compile(rb"[0-9]{1,76}")
_FORMS = ("simple", "relaxed")


class Unusable(Exception):
    """A signature or key that cannot be verified; the text is a short reason for Authentication-Results."""


@dataclass(frozen=True, slots=True)
class Signature:
    """`names` are in lower case, in the order of h=; `length` is l=."""

    key_type: str
    domain: str
    selector: str
    identity: str
    names: tuple[bytes, ...]
    header_form: str
    body_form: str
    body_digest: bytes
    signature: bytes
    length: int | None

    @property
    def key_name(self) -> str:
        return f"{self.selector}._domainkey.{self.domain}"


def tags_of(value: bytes) -> dict[bytes, bytes]:
    """Read a tag=value list (RFC 6376 §3.2)."""
    try:
        return parse_tag_value(value)  # type: ignore[no-any-return]
    except InvalidTagValueList:
        raise Unusable("tag list cannot be parsed") from None


def parse_signature(tags: dict[bytes, bytes], now: int) -> Signature:
    """Check every tag of a signature; raises Unusable."""
    missing = [tag for tag in _REQUIRED if not tags.get(tag)]
    if missing:
        raise Unusable(f"signature has no {missing[0].decode()}=")
    if tags[b"v"] != b"1":
        raise Unusable("unknown signature version")
    if tags[b"a"] == b"rsa-sha1":
        raise Unusable("rsa-sha1 is historic (RFC 8301)")
    if tags[b"a"] not in ALGORITHMS:
        raise Unusable("unknown signature algorithm")
    if b"dns/txt" not in [method.strip() for method in tags.get(b"q", b"dns/txt").split(b":")]:
        raise Unusable("unknown query method")
    times_of(tags, now)
    domain, selector = domain_of(tags)
    header_form, body_form = forms_of(tags, b"simple")
    return Signature(
        key_type=ALGORITHMS[tags[b"a"]],
        domain=domain,
        selector=selector,
        identity=_identity(tags, domain),
        names=_names(tags),
        header_form=header_form,
        body_form=body_form,
        body_digest=octets_of(tags[b"bh"], "bh="),
        signature=octets_of(tags[b"b"], "b="),
        length=number_of(tags, b"l"),
    )


def is_domain(text: str) -> bool:
    """Whether the text is a host or selector in A-labels, as we would write it."""
    return len(text) <= MAX_DOMAIN_OCTETS and bool(text.isascii() and _NAME.fullmatch(text.encode()))


def octets_of(value: bytes, what: str) -> bytes:
    """Decode base64 that may be folded anywhere."""
    try:
        return b64decode(b"".join(value.split()), validate=True)
    except BadBase64:
        raise Unusable(f"{what} is not base64") from None


def number_of(tags: dict[bytes, bytes], tag: bytes) -> int | None:
    """A number, None where the tag is not there; raises Unusable."""
    value = tags.get(tag)
    if value is None:
        return None
    if not _NUMBER.fullmatch(value):
        raise Unusable(f"{tag.decode()}= is not a number")
    return int(value)


def times_of(tags: dict[bytes, bytes], now: int) -> None:
    """Check t= and x=; raises Unusable."""
    signed, expires = number_of(tags, b"t"), number_of(tags, b"x")
    if signed is not None and signed > now + FUTURE_LEEWAY_S:
        raise Unusable("signature is from the future")
    if expires is not None and signed is not None and expires <= signed:
        raise Unusable("signature expires before it begins")
    if expires is not None and expires + EXPIRY_LEEWAY_S < now:
        raise Unusable("signature has expired")


def domain_of(tags: dict[bytes, bytes]) -> tuple[str, str]:
    """The domain and the selector, d= and s=; raises Unusable."""
    domain, selector = _in_a_labels(tags[b"d"]), _in_a_labels(tags[b"s"])
    if not _NAME.fullmatch(domain[:MAX_DOMAIN_OCTETS]) or not _NAME.fullmatch(selector[:MAX_DOMAIN_OCTETS]):
        raise Unusable("d= or s= is not a domain name")
    name = b"%b._domainkey.%b" % (selector, domain)
    if len(name) > MAX_DOMAIN_OCTETS or max(map(len, name.split(b"."))) > 63:
        raise Unusable("d= or s= is too long")
    return domain.decode(), selector.decode()


def _in_a_labels(name: bytes) -> bytes:
    """A name as DNS has it, where it is written in U-labels too (RFC 8616 §5); what is no name stays none."""
    if name.isascii() or len(name) > MAX_DOMAIN_OCTETS:
        return name.lower()
    try:
        return a_labels(name.decode()).encode("ascii", "replace")
    except UnicodeError:
        return name


def _identity(tags: dict[bytes, bytes], domain: str) -> str:
    """RFC 6376 §3.5: i= is in d= or below it; absent, it is @d."""
    local, at, host = tags.get(b"i", b"@" + domain.encode()).rpartition(b"@")
    host = _in_a_labels(host)
    if not at or not (host == domain.encode() or host.endswith(b"." + domain.encode())):
        raise Unusable("i= is not within d=")
    return f"{local.decode('utf-8', 'replace')}@{host.decode('ascii', 'replace')}"


def _names(tags: dict[bytes, bytes]) -> tuple[bytes, ...]:
    names = tuple(name.strip().lower() for name in tags[b"h"].split(b":"))
    if b"from" not in names:
        raise Unusable("From is not signed")
    if len(names) > MAX_SIGNED_NAMES:
        raise Unusable("too many names in h=")
    return names


def forms_of(tags: dict[bytes, bytes], default: bytes) -> tuple[str, str]:
    """The canonical forms of header fields and body, c=; raises Unusable."""
    header_form, _, body_form = tags.get(b"c", default).decode("ascii", "replace").partition("/")
    body_form = body_form or "simple"
    if header_form not in _FORMS or body_form not in _FORMS:
        raise Unusable("unknown canonicalisation")
    return header_form, body_form
