# SPDX-License-Identifier: Apache-2.0
"""The ARC sets of a header section as values (RFC 8617 §4), judged by form alone.

Enters: a scanned header section. Leaves: a Chain, oldest set first, or None where there is no ARC field. Bounded: 50
sets, counted before anything is parsed; nothing here asks DNS or computes a digest. Fails: `broken` says what is wrong
with the form, and then there are no sets.
"""

import re
from dataclasses import dataclass

from handlers.dkim_signature import (
    ALGORITHMS,
    MAX_SIGNED_NAMES,
    Signature,
    Unusable,
    domain_of,
    forms_of,
    number_of,
    octets_of,
    tags_of,
    times_of,
)
from handlers.headers import Field, Head

MAX_SETS = 50  # RFC 8617 §4.2.1

_RESULTS, _MESSAGE, _SEAL = b"arc-authentication-results", b"arc-message-signature", b"arc-seal"
_KINDS = (_RESULTS, _MESSAGE, _SEAL)
_INSTANCE = re.compile(rb"[1-9][0-9]?")
_RESULTS_INSTANCE = re.compile(rb"i[ \t\r\n]*=[ \t\r\n]*([0-9]+)[ \t\r\n]*;")
_MESSAGE_TAGS = (b"a", b"b", b"bh", b"d", b"s")
_SEAL_TAGS = (b"a", b"b", b"cv", b"d", b"s")


@dataclass(frozen=True, slots=True)
class ArcSet:
    """One set: its three fields, what its seal says of the chain before it, and both signatures."""

    results: Field
    message: Field
    seal: Field
    cv: bytes
    message_signature: Signature
    seal_signature: Signature


@dataclass(frozen=True, slots=True)
class Chain:
    """All sets, the instance is the index and one; where `broken` says why, there are none."""

    sets: tuple[ArcSet, ...] = ()
    broken: str = ""


def read_chain(head: Head, now: int) -> Chain | None:
    """Collect the sets (RFC 8617 §5.2, steps 1 and 3); `now` is in Unix seconds."""
    fields = {kind: [field for field in head.fields if field.name == kind] for kind in _KINDS}
    counts = {len(found) for found in fields.values()}
    if counts == {0}:
        return None
    if max(counts) > MAX_SETS:
        return Chain(broken=f"more than {MAX_SETS} sets")
    if len(counts) != 1:
        return Chain(broken="a set is not complete")
    try:
        return Chain(_sets(head, fields, now))
    except Unusable as error:
        return Chain(broken=str(error))


def _sets(head: Head, fields: dict[bytes, list[Field]], now: int) -> tuple[ArcSet, ...]:
    placed: dict[bytes, dict[int, tuple[Field, dict[bytes, bytes]]]] = {}
    for kind, found in fields.items():
        placed[kind] = {}
        for field in found:
            instance, tags = _instance(kind, head.value(field))
            placed[kind][instance] = field, tags
        if sorted(placed[kind]) != list(range(1, len(found) + 1)):
            raise Unusable("the instances are not 1, 2, 3 and so on")
    return tuple(_set(placed, instance, now) for instance in sorted(placed[_SEAL]))


def _instance(kind: bytes, value: bytes) -> tuple[int, dict[bytes, bytes]]:
    """The number in i=, and the tags of a field that has them."""
    if kind == _RESULTS:
        prefix = _RESULTS_INSTANCE.match(value)
        tags, written = {}, prefix[1] if prefix else b""
    else:
        tags = tags_of(value)
        written = tags.get(b"i", b"")
    if not _INSTANCE.fullmatch(written):
        raise Unusable(f"i= of {kind.decode()} is not an instance")
    return int(written), tags


def _set(placed: dict[bytes, dict[int, tuple[Field, dict[bytes, bytes]]]], instance: int, now: int) -> ArcSet:
    (results, _), (message, message_tags), (seal, seal_tags) = (placed[kind][instance] for kind in _KINDS)
    return ArcSet(results, message, seal, _cv(seal_tags, instance), _message(message_tags, now), _seal(seal_tags, now))


def _cv(tags: dict[bytes, bytes], instance: int) -> bytes:
    """RFC 8617 §4.1.3: the first set found nothing before it, every later one a chain."""
    cv = tags.get(b"cv", b"")
    if cv not in (b"fail", b"none" if instance == 1 else b"pass"):
        raise Unusable(f"cv= of seal {instance} is wrong")
    return cv


def _message(tags: dict[bytes, bytes], now: int) -> Signature:
    """RFC 8617 §4.1.2: as a DKIM-Signature, relaxed unless it says otherwise, and h= may be empty."""
    if b"h" not in tags:
        raise Unusable("message signature has no h=")
    names = tuple(name.strip().lower() for name in tags[b"h"].split(b":"))
    if len(names) > MAX_SIGNED_NAMES or _SEAL in names:
        raise Unusable("h= of a message signature is wrong")
    header_form, body_form = forms_of(tags, b"relaxed/relaxed")
    return _signature(tags, _MESSAGE_TAGS, now, names, (header_form, body_form))


def _seal(tags: dict[bytes, bytes], now: int) -> Signature:
    if b"h" in tags:
        raise Unusable("seal has h=")
    return _signature(tags, _SEAL_TAGS, now, (), ("relaxed", "relaxed"))


def _signature(
    tags: dict[bytes, bytes], required: tuple[bytes, ...], now: int, names: tuple[bytes, ...], forms: tuple[str, str]
) -> Signature:
    missing = [tag for tag in required if not tags.get(tag)]
    if missing:
        raise Unusable(f"{'seal' if b'cv' in required else 'message signature'} has no {missing[0].decode()}=")
    if tags[b"a"] not in ALGORITHMS:
        raise Unusable("unknown signature algorithm")
    times_of(tags, now)
    domain, selector = domain_of(tags)
    return Signature(
        key_type=ALGORITHMS[tags[b"a"]],
        domain=domain,
        selector=selector,
        identity=f"@{domain}",
        names=names,
        header_form=forms[0],
        body_form=forms[1],
        body_digest=octets_of(tags.get(b"bh", b""), "bh="),
        signature=octets_of(tags[b"b"], "b="),
        length=number_of(tags, b"l"),
    )
