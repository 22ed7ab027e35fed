# SPDX-License-Identifier: Apache-2.0
"""The part of a mail's trace that is known only inside the accepting transaction: what the thread decision rested on.

Enters: the trace as JSON, encoded before the transaction, and the candidates. Leaves: the same with "thread". With
these facts the decision can be told, and made again under another policy, whatever has become of the threads since.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from storage.threads import Candidate, Decision

MAX_CANDIDATES = 50  # the first decide


@dataclass(frozen=True, slots=True)
class Facts:
    """The threads that the mail pointed to, best first; `domain_passed` is None where nobody had to know.

    `decided` is the thread it joined and the one it was linked to, wherever it is filed now; None: not written down.
    `because` is why, for an operator.
    """

    candidates: tuple[Candidate, ...]
    domain_passed: bool | None = None
    decided: tuple[int | None, int | None] | None = None
    because: str = ""


def with_facts(trace: str, candidates: Sequence[Candidate], decision: Decision, *, domain_passed: bool | None) -> str:
    """The trace with these facts; it is an object, so they go before its last brace."""
    rows = ",".join(_row(one) for one in candidates[:MAX_CANDIDATES])
    decided = ",".join("null" if one is None else str(one) for one in (decision.join, decision.link_to))
    told = f'"candidates":[{rows}],"domain_passed":{_WORDS[domain_passed]},"decided":[{decided}]'
    told += f',"because":{json.dumps(decision.because)}'
    return f'{trace[:-1]},"thread":{{{told}}}}}'


def facts_of(trace: str) -> Facts | None:
    """What `with_facts` wrote, or None where no thread was decided."""
    stored = json.loads(trace).get("thread") if trace else None
    if stored is None:
        return None
    candidates, decided = tuple(Candidate(*row) for row in stored["candidates"]), stored.get("decided")
    because = stored.get("because", "")
    return Facts(candidates, stored["domain_passed"], tuple(decided) if decided is not None else None, because)


def _row(one: Candidate) -> str:
    flags = ",".join(_WORDS[flag] for flag in (one.evidence, one.participant, one.is_bounce))
    found = ",".join(_WORDS[flag] for flag in _last_flags(one))
    return f"[{one.thread_id},{flags},{json.dumps(one.address)},{found}]"


def _last_flags(one: Candidate) -> tuple[bool, ...]:
    """In the order of Candidate, which is made anew of them."""
    return one.is_other_topic, one.is_alternate, one.by_contact, one.is_shown, one.is_strangers, one.is_hint


_WORDS = {True: "true", False: "false", None: "null"}
