# SPDX-License-Identifier: Apache-2.0
"""The ARC chain (RFC 8617), where the operator wants it looked at; never evidence, whoever sealed it.

Enters: the sets that handlers/arc_sets.py read, the body's digests, DNS as a book. Leaves: one ArcResult, in the words
of RFC 8617 §10.1. The form is judged first, then the newest set, and only where that holds are the keys of the older
seals asked for: sets that somebody made up cost two questions. A chain that a seal ended (cv=fail) counts as none.
"""

import hashlib
from collections.abc import Iterator, Sequence

from handlers.arc_sets import ArcSet, Chain
from handlers.book import Book, question
from handlers.dkim import Signatures
from handlers.dkim_hash import HeaderDigests, canonical_field, signature_itself
from handlers.dkim_keys import NotAccepted, find_key, is_signed_by
from handlers.dkim_signature import Signature, Unusable
from handlers.headers import Head
from handlers.ports import Answer, Found, Question
from handlers.results import ArcResult
from handlers.subject import Subject

MIN_KEY_BITS = 1024  # RFC 8301 §3.2: the shorter keys that annotate mode allows for DKIM seal nothing


def check(subject: Subject, book: Book) -> ArcResult:
    """Raises Missing while DNS is to be asked."""
    chain = subject.signatures.chain
    if chain is None:
        return ArcResult()
    if chain.broken:
        return ArcResult("fail", reason=chain.broken)
    sealer, sets = chain.sets[-1].seal_signature.domain, len(chain.sets)
    ended = [number for number, one in enumerate(chain.sets, start=1) if one.cv == b"fail"]
    if ended:
        return ArcResult("none", sealer, sets, f"seal {ended[0]} ended the chain")
    try:
        _check_sets(subject, chain, book)
    except (Unusable, NotAccepted) as error:
        return ArcResult("fail", sealer, sets, str(error))
    return ArcResult("pass", sealer, sets)


def _check_sets(subject: Subject, chain: Chain, book: Book) -> None:
    """RFC 8617 §5.2, steps 4 and 6; raises what `check` catches, or Missing."""
    newest, older = chain.sets[-1], chain.sets[:-1]
    keys = _Keys(subject)
    message_key, seal_key = book.ask_all(map(_question, (newest.message_signature, newest.seal_signature)))
    _check_message(subject.head, newest, subject.signatures, keys, message_key)
    digests = tuple(_seal_digests(subject.head, chain.sets))
    keys.check(newest.seal_signature, seal_key, digests[-1], f"seal {len(chain.sets)}")
    answers = book.ask_all(_question(one.seal_signature) for one in older)
    for number, (one, answer, digest) in enumerate(zip(older, answers, digests, strict=False), start=1):
        keys.check(one.seal_signature, answer, digest, f"seal {number}")


def _question(signature: Signature) -> Question:
    return question("TXT", signature.key_name)


class _Keys:
    """Judges one signature by its key."""

    def __init__(self, subject: Subject) -> None:
        policy = subject.policy.dkim
        self._bits = max(MIN_KEY_BITS, policy.min_key_bits), policy.max_key_bits

    def check(self, signature: Signature, answer: Answer, digest: bytes, name: str) -> None:
        """Raises Unusable or NotAccepted."""
        if answer.found is Found.TEMPORARY:
            raise Unusable(f"key of {name} could not be fetched")
        if not is_signed_by(find_key(answer.records, signature, *self._bits), signature.signature, digest):
            raise Unusable(f"{name} does not verify")


def _check_message(head: Head, newest: ArcSet, signatures: Signatures, keys: _Keys, answer: Answer) -> None:
    """RFC 8617 §4.1.2: the newest message signature holds for the mail as it is; older ones need not."""
    signature, body = newest.message_signature, signatures.body
    if signature.length is not None and signature.length != body.octets(signature.body_form):
        raise Unusable("l= is not the length of the body")
    if body.digest(signature.body_form, signature.length) != signature.body_digest:
        raise Unusable("body has been changed")
    digest = HeaderDigests(head).digest(signature.header_form, signature.names, head.raw(newest.message))
    keys.check(signature, answer, digest, "message signature")


def _seal_digests(head: Head, sets: Sequence[ArcSet]) -> Iterator[bytes]:
    """What each seal covers (RFC 8617 §5.1.1): all sets up to its own, the seal itself without its b=.

    What comes before is hashed once, so that a chain costs in proportion to its size.
    """
    so_far = hashlib.sha256()
    for one in sets:
        for field in (one.results, one.message):
            so_far.update(canonical_field("relaxed", head.raw(field)))
        own = so_far.copy()
        own.update(signature_itself("relaxed", head.raw(one.seal)))
        yield own.digest()
        so_far.update(canonical_field("relaxed", head.raw(one.seal)))
