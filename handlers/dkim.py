# SPDX-License-Identifier: Apache-2.0
"""Which domains signed a mail: every DKIM signature verified (RFC 6376).

Enters: a scanned header section, the present instant, the body in pieces, the DNS answers to its `questions`. Leaves:
one result a signature, in the words of RFC 8601 §2.7.1. Bounded: the first `max_signatures` from the top, key sizes
judged before arithmetic, one pass over the body. Fails: a signature that breaks us is a permerror and a log line, never
an exception; a key that DNS could not give is a temperror.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from handlers.arc_sets import read_chain
from handlers.book import question
from handlers.dkim_hash import BodyDigests, HeaderDigests
from handlers.dkim_keys import NotAccepted, find_key, is_signed_by
from handlers.dkim_policy import DkimPolicy
from handlers.dkim_signature import Signature, Unusable, is_domain, parse_signature, tags_of
from handlers.headers import Field, Head
from handlers.ports import Answer, Found, Question
from handlers.results import DkimResult

log = logging.getLogger(__name__)

_NO_ANSWER = Answer(Found.TEMPORARY)


class Signatures:
    """The signatures of one mail: read from its header section, fed its body, judged when the keys are there."""

    def __init__(self, head: Head, policy: DkimPolicy, now: datetime) -> None:
        self._head, self._policy = head, policy
        fields = [field for field in head.fields if field.name == b"dkim-signature"]
        seconds = int(now.timestamp())
        self._claims = tuple(_read(head, field, seconds) for field in fields[: policy.max_signatures])
        self._has_more = len(fields) > policy.max_signatures
        self.chain = read_chain(head, seconds) if policy.arc else None
        sound = [claim.signature for claim in self._claims if isinstance(claim, _Claim)]
        newest = [one.message_signature for one in self.chain.sets[-1:]] if self.chain is not None else []
        self._body = BodyDigests((one.body_form, one.length) for one in (*sound, *newest))
        self._questions = tuple(dict.fromkeys(question("TXT", one.key_name) for one in sound))

    def questions(self) -> tuple[Question, ...]:
        """The keys that `verify` will need, each once; a signature that is unusable anyway needs none."""
        return self._questions

    def feed(self, body: bytes) -> None:
        """Take the next octets of the body."""
        self._body.feed(body)

    @property
    def open_ended(self) -> frozenset[str]:
        """The domains with a signature that says how much of the body it covers (l=)."""
        sound = (claim.signature for claim in self._claims if isinstance(claim, _Claim))
        return frozenset(one.domain for one in sound if one.length is not None)

    @property
    def has_unread(self) -> bool:
        """Whether there is one that nothing is known of: beyond `max_signatures`, or of no domain that can be read."""
        broken = (claim for claim in self._claims if isinstance(claim, DkimResult))
        return self._has_more or not all(is_domain(one.domain) for one in broken)

    @property
    def body(self) -> BodyDigests:
        """After the body: its digests, for the signatures that were read and the newest set of the chain."""
        self._body.finish()
        return self._body

    def verify(self, keys: Mapping[str, Answer]) -> tuple[DkimResult, ...]:
        """After the body: one result a signature, topmost first; `keys` maps the name of a question to its answer."""
        case = _Case(self._head, HeaderDigests(self._head), self.body, keys, self._policy)
        return tuple(_judged(case, claim) for claim in self._claims)


def signatures_of(head: Head, policy: DkimPolicy, now: datetime) -> Signatures:
    """Those of a mail whose content is all there."""
    found = Signatures(head, policy, now)
    found.feed(head.content[head.body_offset :])
    return found


@dataclass(frozen=True, slots=True)
class _Claim:
    field: Field
    tags: dict[bytes, bytes]
    signature: Signature


@dataclass(frozen=True, slots=True)
class _Case:
    head: Head
    headers: HeaderDigests
    body: BodyDigests
    keys: Mapping[str, Answer]
    policy: DkimPolicy


def _read(head: Head, field: Field, now: int) -> _Claim | DkimResult:
    tags: dict[bytes, bytes] = {}
    try:
        tags = tags_of(head.value(field))
        return _Claim(field, tags, parse_signature(tags, now))
    except Exception as error:
        return _broken(tags, error)


def _judged(case: _Case, claim: _Claim | DkimResult) -> DkimResult:
    if isinstance(claim, DkimResult):
        return claim
    try:
        return _judge(case, claim)
    except Exception as error:
        return replace(_broken(claim.tags, error), domain=claim.signature.domain)


def _broken(tags: dict[bytes, bytes], error: Exception) -> DkimResult:
    """No signature breaks us: what is not foreseen is a permerror (dependencies G5)."""
    if isinstance(error, Unusable):
        return _about(tags, "permerror", str(error))
    if isinstance(error, NotAccepted):
        return _about(tags, "policy", str(error))
    log.error("a DKIM signature could not be verified", exc_info=error)
    return _about(tags, "permerror", "signature cannot be verified")


def _judge(case: _Case, claim: _Claim) -> DkimResult:
    tags, signature = claim.tags, claim.signature
    answer = case.keys.get(question("TXT", signature.key_name).name, _NO_ANSWER)
    if answer.found is Found.TEMPORARY:
        return _about(tags, "temperror", "key could not be fetched", signature)
    key = find_key(answer.records, signature, case.policy.min_key_bits, case.policy.max_key_bits)
    octets = case.body.octets(signature.body_form)
    if signature.length is not None and signature.length > octets:
        raise Unusable("l= is beyond the body")
    if case.body.digest(signature.body_form, signature.length) != signature.body_digest:
        return _about(tags, "fail", "body has been changed", signature)
    # A From more than was signed fails, as in dkimpy: it is what a reader would see.
    digest = case.headers.digest(signature.header_form, (*signature.names, b"from"), case.head.raw(claim.field))
    if not is_signed_by(key, signature.signature, digest):
        return _about(tags, "fail", "signature does not verify", signature)
    if signature.length is not None and signature.length < octets:
        return _about(tags, "policy", "l= leaves the end of the body unsigned", signature)
    return _about(tags, "pass", "", signature)


def _about(tags: dict[bytes, bytes], result: str, reason: str, signature: Signature | None = None) -> DkimResult:
    """A result with what the field itself says, which is a claim unless the result is pass."""
    return DkimResult(
        result=result,
        domain=signature.domain if signature else _said(tags, b"d").lower(),
        selector=signature.selector if signature else _said(tags, b"s"),
        identity=signature.identity if signature else _said(tags, b"i"),
        algorithm=_said(tags, b"a"),
        header_b="".join(_said(tags, b"b").split())[:8],
        reason=reason,
        signed=tuple(name.decode("ascii", "replace") for name in signature.names) if signature else (),
    )


def _said(tags: dict[bytes, bytes], tag: bytes) -> str:
    return tags.get(tag, b"")[:255].decode("ascii", "replace")
