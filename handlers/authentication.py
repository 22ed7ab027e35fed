# SPDX-License-Identifier: Apache-2.0
"""Which domains vouch for a mail: every DKIM signature verified (RFC 6376), and whether one is the author's.

Enters: a scanned mail, the DNS answers to its `questions`, the present instant. Leaves: one result a signature, in the
words of RFC 8601 §2.7.1. Pure and bounded: the first `max_signatures` from the top, key sizes judged before
arithmetic, each canonical body made once. Fails: a signature that breaks us is a permerror and a log line, never an
exception; a key that DNS could not give is a temperror, and `needs_retry` says whether that would change the outcome.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from publicsuffixlist import PublicSuffixList

from handlers.dkim_hash import Digests
from handlers.dkim_keys import NotAccepted, find_key, is_signed_by
from handlers.dkim_patches import prepare_dkimpy
from handlers.dkim_signature import Signature, Unusable, parse_signature, tags_of
from handlers.headers import Field, Head
from handlers.ports import Answer, Found
from storage.address import Address

log = logging.getLogger(__name__)

_NO_ANSWER = Answer(Found.TEMPORARY)


@dataclass(frozen=True, slots=True)
class DkimPolicy:
    """What the operator accepts; RFC 8301 §3.2 asks for 1024 bits at least."""

    min_key_bits: int = 1024
    max_key_bits: int = 4096
    max_signatures: int = 8


@dataclass(frozen=True, slots=True)
class KeyQuestion:
    """One TXT record to fetch before `verify`."""

    selector: str
    domain: str
    name: str


@dataclass(frozen=True, slots=True)
class DkimResult:
    """`result` is of RFC 8601 §2.7.1; what a broken signature does not say is empty."""

    result: str
    domain: str = ""
    selector: str = ""
    identity: str = ""
    algorithm: str = ""
    header_b: str = ""  # the first 8 characters of b= (RFC 6008)
    reason: str = ""
    signed: tuple[str, ...] = ()  # the names in h=, lower case, one for each field covered


@dataclass(frozen=True, slots=True)
class Authentication:
    """What was proven about one mail; no result means that it bears no signature."""

    results: tuple[DkimResult, ...]

    def is_aligned(self, author: Address) -> bool:
        return aligned(author, self.results)


def questions(head: Head, policy: DkimPolicy, now: datetime) -> tuple[KeyQuestion, ...]:
    """The keys that `verify` will need, each once; a signature that is unusable anyway needs none."""
    asked: dict[str, KeyQuestion] = {}
    for field in _signature_fields(head, policy):
        try:
            found = parse_signature(tags_of(head.value(field)), int(now.timestamp()))
        except Unusable:
            continue
        asked[found.key_name] = KeyQuestion(found.selector, found.domain, found.key_name)
    return tuple(asked.values())


def verify(head: Head, keys: Mapping[str, Answer], policy: DkimPolicy, now: datetime) -> tuple[DkimResult, ...]:
    """One result for each signature, topmost first; `keys` maps the name of a question to its answer."""
    prepare_dkimpy()
    digests = Digests(head)
    return tuple(_guarded(_Case(head, digests, keys, policy), field, now) for field in _signature_fields(head, policy))


def aligned(author: Address, results: Sequence[DkimResult]) -> bool:
    """Whether a signature that passes is of the author's organisation."""
    return any(result.result == "pass" and _same_organisation(author, result.domain) for result in results)


def needs_retry(author: Address, results: Sequence[DkimResult]) -> bool:
    """Whether a key that could not be fetched may be the one that proves the author: the mail gets 451."""
    return not aligned(author, results) and any(
        result.result == "temperror" and _same_organisation(author, result.domain) for result in results
    )


@dataclass(frozen=True, slots=True)
class _Case:
    head: Head
    digests: Digests
    keys: Mapping[str, Answer]
    policy: DkimPolicy


def _signature_fields(head: Head, policy: DkimPolicy) -> Iterator[Field]:
    found = [field for field in head.fields if field.name == b"dkim-signature"]
    return iter(found[: policy.max_signatures])


def _guarded(case: _Case, field: Field, now: datetime) -> DkimResult:
    """No signature breaks us: what is not foreseen is a permerror (dependencies G5)."""
    tags: dict[bytes, bytes] = {}
    try:
        tags = tags_of(case.head.value(field))
        return _judge(case, field, tags, now)
    except Unusable as unusable:
        return _about(tags, "permerror", str(unusable))
    except NotAccepted as refusal:
        return _about(tags, "policy", str(refusal))
    except Exception:
        log.exception("a DKIM signature could not be verified")
        return _about(tags, "permerror", "signature cannot be verified")


def _judge(case: _Case, field: Field, tags: dict[bytes, bytes], now: datetime) -> DkimResult:
    signature = parse_signature(tags, int(now.timestamp()))
    answer = case.keys.get(signature.key_name, _NO_ANSWER)
    if answer.found is Found.TEMPORARY:
        return _about(tags, "temperror", "key could not be fetched", signature)
    key = find_key(answer.records, signature, case.policy.min_key_bits, case.policy.max_key_bits)
    octets = case.digests.body_octets(signature.body_form)
    if signature.length is not None and signature.length > octets:
        raise Unusable("l= is beyond the body")
    if case.digests.body(signature.body_form, signature.length) != signature.body_digest:
        return _about(tags, "fail", "body has been changed", signature)
    # A From more than was signed fails, as in dkimpy: it is what a reader would see.
    digest = case.digests.header(signature.header_form, (*signature.names, b"from"), case.head.raw(field))
    if not is_signed_by(key, signature.signature, digest):
        return _about(tags, "fail", "signature does not verify", signature)
    if signature.length is not None and signature.length < octets:
        return _about(tags, "policy", "l= leaves the end of the body unsigned", signature)
    return _about(tags, "pass", "", signature)


def _about(tags: dict[bytes, bytes], result: str, reason: str, signature: Signature | None = None) -> DkimResult:
    """A result with what the field itself says, which is a claim unless the result is pass."""
    return DkimResult(
        result=result,
        domain=signature.domain if signature else _claim(tags, b"d").lower(),
        selector=signature.selector if signature else _claim(tags, b"s"),
        identity=signature.identity if signature else _claim(tags, b"i"),
        algorithm=_claim(tags, b"a"),
        header_b="".join(_claim(tags, b"b").split())[:8],
        reason=reason,
        signed=tuple(name.decode("ascii", "replace") for name in signature.names) if signature else (),
    )


def _claim(tags: dict[bytes, bytes], tag: bytes) -> str:
    return tags.get(tag, b"")[:255].decode("ascii", "replace")


@cache
def _suffixes() -> PublicSuffixList:
    """The list with its private part: two customers of one hosting domain are two organisations."""
    return PublicSuffixList()


def _same_organisation(author: Address, domain: str) -> bool:
    """Relaxed alignment by the public suffix list, until the tree walk of RFC 9989 (docs/decisions/0003)."""
    try:
        ours = author.domain.encode("idna").decode().lower()
    except UnicodeError:
        return False
    if ours == domain:
        return True
    organisation = _suffixes().privatesuffix(ours)
    return organisation is not None and organisation == _suffixes().privatesuffix(domain)
