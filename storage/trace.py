# SPDX-License-Identifier: Apache-2.0
"""The part of a mail's trace that is known only inside the accepting transaction: what the thread decision rested on.

Enters: the trace as JSON, encoded before the transaction, and the candidates. Leaves: the same with "thread". With
these facts the decision can be told, and made again under another policy, whatever has become of the threads since.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from storage.threads import Candidate

MAX_CANDIDATES = 50  # the first decide


@dataclass(frozen=True, slots=True)
class Facts:
    """The threads that the mail pointed to, best first; `domain_passed` is None where nobody had to know."""

    candidates: tuple[Candidate, ...]
    domain_passed: bool | None = None


def with_facts(trace: str, candidates: Sequence[Candidate], *, domain_passed: bool | None) -> str:
    """The trace with these facts; it is an object, so they go before its last brace."""
    rows = ",".join(_row(one) for one in candidates[:MAX_CANDIDATES])
    return f'{trace[:-1]},"thread":{{"candidates":[{rows}],"domain_passed":{_WORDS[domain_passed]}}}}}'


def facts_of(trace: str) -> Facts | None:
    """What `with_facts` wrote, or None where no thread was decided."""
    stored = json.loads(trace).get("thread") if trace else None
    if stored is None:
        return None
    return Facts(tuple(Candidate(*row) for row in stored["candidates"]), stored["domain_passed"])


def _row(one: Candidate) -> str:
    flags = ",".join(_WORDS[flag] for flag in (one.evidence, one.participant, one.is_bounce))
    return f"[{one.thread_id},{flags}]"


_WORDS = {True: "true", False: "false", None: "null"}
