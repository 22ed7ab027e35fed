# SPDX-License-Identifier: Apache-2.0
"""Who may join a thread: the table of design.md as one pure function, obeyed inside the accepting transaction.

| proof       | when                                                                       | what happens            |
|-------------|----------------------------------------------------------------------------|-------------------------|
| proven      | a participant who passes aligned; any pointer will do                      | joins                   |
| likely      | a participant, evidence, domain never aligned, no DMARC, SPF not fail;     | joins, marked           |
|             | or a participant, evidence, vouched for by the address's own forwarder     |                         |
| third party | authenticated, not a participant, with evidence                            | a linked case           |
| unproven    | anything else                                                              | a new case, linked      |

A bounce to our signed bounce address joins the thread of the mail it speaks of as a third party's: it is marked, and
changes no status. What was not looked at, or had no answer, is not the same as not failed.
"""

from collections.abc import Sequence

from storage.threads import Author, Candidate, Decision, Link, Proof

_SPF_NOT_FAIL = frozenset({"pass", "neutral", "none", "softfail"})


def decide(author: Author, candidates: Sequence[Candidate], domain_has_passed: bool) -> Decision:
    """Join the best candidate that the author has proof for, else begin a new thread beside the best one."""
    for candidate in candidates:
        if candidate.is_bounce:
            return Decision(Proof.THIRD_PARTY, join=candidate.thread_id)
    if author.aligned:
        return _decide_aligned(candidates)
    for candidate in candidates:
        if candidate.participant and candidate.evidence and _is_likely(author, domain_has_passed=domain_has_passed):
            return Decision(Proof.LIKELY, join=candidate.thread_id)
    return _beside(candidates, Proof.UNPROVEN, Link.POSSIBLY_BELONGS_TO)


def _decide_aligned(candidates: Sequence[Candidate]) -> Decision:
    for candidate in candidates:
        if candidate.participant:
            return Decision(Proof.PROVEN, join=candidate.thread_id)
    with_evidence = [candidate for candidate in candidates if candidate.evidence]
    if with_evidence:
        return _beside(with_evidence, Proof.THIRD_PARTY, Link.THIRD_PARTY)
    if candidates:
        return _beside(candidates, Proof.UNPROVEN, Link.POSSIBLY_BELONGS_TO)
    return Decision(Proof.PROVEN)


def _is_likely(author: Author, *, domain_has_passed: bool) -> bool:
    """A forwarder broke what the author's domain says, and speaks for them itself."""
    if author.vouched:
        return True
    return not domain_has_passed and author.publishes_dmarc is False and author.spf in _SPF_NOT_FAIL


def _beside(candidates: Sequence[Candidate], proof: Proof, link: Link) -> Decision:
    if not candidates:
        return Decision(proof)
    return Decision(proof, link_to=candidates[0].thread_id, link=link)
