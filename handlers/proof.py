# SPDX-License-Identifier: Apache-2.0
"""Who may join a thread: the table of design.md as one pure function, obeyed inside the accepting transaction.

| proof       | when                                                                       | what happens            |
|-------------|----------------------------------------------------------------------------|-------------------------|
| proven      | a participant who passes aligned; any pointer will do                      | joins                   |
| likely      | a participant, evidence, domain never aligned, no DMARC, SPF not fail;     | joins, marked; where    |
|             | or a participant, evidence, vouched for by the address's own forwarder     | strict: a linked case   |
| third party | authenticated, not a participant, with evidence                            | a linked case; where    |
|             |                                                                            | open: joins, marked     |
| unproven    | anything else                                                              | a new case, linked      |

A proven author's first mail is proven. Where it points to nothing but ids that strangers used it is linked to theirs.
Strict or open is the address that the thread's case came in by (storage/filing.py). What joins but is about something
else begins a case that follows, where that address wants it. A bounce to our signed bounce address joins as a third
party's mail: it is marked, and changes no status. What was not looked at is not the same as not failed.
"""

from collections.abc import Sequence

from storage.threads import Author, Candidate, Decision, Link, Proof

_SPF_NOT_FAIL = frozenset({"pass", "neutral", "none", "softfail"})


def decide(author: Author, candidates: Sequence[Candidate], domain_has_passed: bool) -> Decision:
    """Join the best candidate that the author has proof for, else begin a new thread beside the best one."""
    decision = _decide(author, [one for one in candidates if not one.is_hint], domain_has_passed)
    hints = [one for one in candidates if one.is_hint]
    if not hints or decision.join is not None or decision.link_to is not None:
        return decision
    return _beside(hints, decision.proof, decision.because + _HINTS)


def _decide(author: Author, candidates: Sequence[Candidate], domain_has_passed: bool) -> Decision:
    for candidate in candidates:
        if candidate.is_bounce:
            return Decision(Proof.THIRD_PARTY, join=candidate.thread_id, because=_A_BOUNCE)
    if author.aligned:
        return _decide_aligned(candidates)
    known = [one for one in candidates if one.participant and one.evidence]
    if known and _is_likely(author, domain_has_passed=domain_has_passed):
        return _decide_likely(author, known)
    return _beside(candidates, Proof.UNPROVEN, _NOT_PROVEN)


def _decide_aligned(candidates: Sequence[Candidate]) -> Decision:
    mine = [candidate for candidate in candidates if candidate.participant]
    if mine:
        return _join(mine, Proof.PROVEN, "the author is proven and " + _takes_part(mine[0]))
    holding = [candidate for candidate in candidates if candidate.evidence]
    welcome = [candidate for candidate in holding if candidate.joins == "open" and not candidate.is_other_topic]
    if welcome:
        return Decision(Proof.THIRD_PARTY, join=welcome[0].thread_id, because=_ANOTHER + _OPEN)
    if holding:
        return _beside(holding, Proof.THIRD_PARTY, _ANOTHER)
    if all(candidate.is_strangers for candidate in candidates):
        return _beside(candidates, Proof.PROVEN, _FIRST + (_ONLY_STRANGERS if candidates else _NOTHING))
    return _beside(candidates, Proof.UNPROVEN, _A_STRANGER)


def _decide_likely(author: Author, known: Sequence[Candidate]) -> Decision:
    """A forwarder's word, or that nothing speaks against the author, is not enough where only proof is."""
    because = _VOUCHED if author.vouched else _LIKELY
    open_to_them = [candidate for candidate in known if candidate.joins != "strict"]
    if open_to_them:
        return _join(open_to_them, Proof.LIKELY, because)
    return _beside(known, Proof.LIKELY, because + _STRICT)


def _join(mine: Sequence[Candidate], proof: Proof, because: str) -> Decision:
    """The first that the mail may be about; where it is about none of them, its case follows the first."""
    for candidate in mine:
        if not candidate.is_other_topic:
            return Decision(proof, join=candidate.thread_id, because=because)
    return Decision(proof, link_to=mine[0].thread_id, link=Link.FOLLOWS, because=because + _OTHER_TOPIC)


def _is_likely(author: Author, *, domain_has_passed: bool) -> bool:
    """A forwarder broke what the author's domain says, and speaks for them itself."""
    if author.vouched:
        return True
    return not domain_has_passed and author.publishes_dmarc is False and author.spf in _SPF_NOT_FAIL


def _beside(candidates: Sequence[Candidate], proof: Proof, because: str) -> Decision:
    if not candidates:
        return Decision(proof, because=because)
    link = Link.THIRD_PARTY if proof is Proof.THIRD_PARTY else Link.POSSIBLY_BELONGS_TO
    return Decision(proof, link_to=candidates[0].thread_id, link=link, because=because)


def _takes_part(candidate: Candidate) -> str:
    if candidate.by_contact:
        return f'has this case open at {candidate.address} (thread_by = "contact")'
    return "takes part by another address of theirs" if candidate.is_alternate else "takes part"


_A_BOUNCE = "a bounce that came to our signed bounce address belongs to the mail it speaks of"
_ANOTHER = "the author is proven and has seen a mail of ours, but takes no part"
_FIRST = "the author is proven, and "
_NOTHING = "nothing in the mail points to a thread of ours"
_ONLY_STRANGERS = "the mail points to nothing but ids used by mail that nothing proves, or by others than who made them"
_A_STRANGER = "the author is proven, but takes no part, and a thread ID or a foreign id is no evidence"
_NOT_PROVEN = "nothing proves the author"
_VOUCHED = "the author takes part, answers a mail of ours, and came by the forwarder of the address"
_LIKELY = "the author takes part, answers a mail of ours, and their domain says nothing against it"
_OPEN = ' (threads = "open" lets them in)'
_STRICT = ' (threads = "strict" asks for proof)'
_HINTS = "; where it may belong is said in what others may have written above it"
_OTHER_TOPIC = ', but writes about something else (topic_change = "new_case")'
