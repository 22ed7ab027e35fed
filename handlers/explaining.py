# SPDX-License-Identifier: Apache-2.0
"""One message explained: everything that is stored about why it was treated as it was, as one document.

Enters: a Story, the rows about one message. Leaves: a document of plain values, stable for programs, which
gateway/trace_page.py words for people. Nothing is judged here, and nothing is looked up. Text of strangers is given as
it was stored: whoever prints it scrubs it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from handlers import trace
from storage.trace import Facts, facts_of

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Story:
    """What the store knows of one message; `tokens` are the IDs of the threads that its decision speaks of."""

    row: Any  # with thread_token and case_number
    events: Sequence[Any]
    deliveries: Sequence[Any]
    tokens: Mapping[int, str]


def threads_of(row: Any) -> tuple[int, ...]:
    """The threads that the decision about this message speaks of, by their database id."""
    facts = facts_of(row.trace)
    candidates = [one.thread_id for one in facts.candidates] if facts is not None else []
    return tuple(dict.fromkeys([*candidates, *([row.linked_thread_id] if row.linked_thread_id else [])]))


def explanation(story: Story) -> Document:
    """The whole document."""
    row, told = story.row, trace.read(story.row.trace)
    return {
        "id": row.id,
        "direction": row.direction,
        "received_at": _instant(row.received_at),
        "state": row.state,
        "claims": _claims(row),
        "authentication": json.loads(row.authentication),
        "lookups": _lookups(told),
        "classification": row.classification,
        "report": json.loads(row.report) if row.report else None,
        "disposition": row.disposition,
        "reason": row.reason,
        "recipients": [_recipient(one, row) for one in json.loads(row.recipients)],
        "thread": _thread(story),
        "notes": [{"step": one.step, "decided": one.decided, "because": one.because} for one in told.notes],
        "events": [
            {**json.loads(one.detail), "at": _instant(one.at), "actor": one.actor, "kind": one.kind}
            for one in story.events
        ],
        "deliveries": [_delivery(one) for one in story.deliveries],
    }


def _claims(row: Any) -> Document:
    """What the mail, the envelope and the client say of themselves."""
    session = json.loads(row.session)
    return {
        "from": row.author_address or None,
        "from_name": row.author_name,
        "to": [address for _, address in json.loads(row.to_)],
        "cc": [address for _, address in json.loads(row.cc)],
        "subject": row.subject,
        "message_id": row.message_id or None,
        "reverse_path": row.reverse_path or None,
        **{name: session.get(name) for name in ("peer", "helo", "protocol", "tls", "login")},
    }


def _lookups(told: trace.Trace) -> list[Document]:
    """Each question to DNS; records are null where they were too large to keep."""
    kept = [
        {
            "kind": asked.kind,
            "name": asked.name,
            "found": answer.found.value,
            "records": [record.decode("latin-1") for record in answer.records],
        }
        for asked, answer in told.answers
    ]
    return kept + [{"kind": one.kind, "name": one.name, "found": "yes", "records": None} for one in told.cut]


def _recipient(stored: Mapping[str, Any], row: Any) -> Document:
    return {
        "address": stored["address"],
        "routing_address": stored.get("routing_address") or None,
        "disposition": stored.get("disposition", row.disposition),
        "reason": stored.get("reason", ""),
    }


def _thread(story: Story) -> Document:
    """How the thread was decided; `candidates` is null where it was not, or before this was written down."""
    row, facts = story.row, facts_of(story.row.trace)
    return {
        "thread_id": row.thread_token,
        "case": row.case_number,
        "proof": row.proof,
        "joined": _has_joined(row, facts),
        "because": facts.because if facts is not None else "",
        "linked_thread_id": story.tokens.get(row.linked_thread_id),
        "link": row.link_kind,
        "domain_passed_before": facts.domain_passed if facts is not None else None,
        "candidates": None if facts is None else [_candidate(one, story) for one in facts.candidates],
    }


def _has_joined(row: Any, facts: Facts | None) -> bool | None:
    """Whether the thread was there before; null where that is not known."""
    if facts is None or row.thread_id is None:
        return None
    if facts.decided is not None:
        return facts.decided[0] is not None
    return any(one.thread_id == row.thread_id for one in facts.candidates)


def _candidate(one: Any, story: Story) -> Document:
    return {
        "thread_id": story.tokens.get(one.thread_id),
        "evidence": one.evidence,
        "participant": one.participant,
        "bounce": one.is_bounce,
        "address": one.address or None,
        "other_topic": one.is_other_topic,
        "by_contact": one.by_contact,
    }


def _delivery(row: Any) -> Document:
    return {
        "kind": row.kind,
        "name": row.name,
        "recipient": row.address,
        "state": row.state,
        "attempts": row.attempts,
        "due_at": _instant(row.due_at) if row.due_at is not None else None,
        "response": row.response,
    }


def _instant(at: datetime) -> str:
    """RFC 3339 §5.6 in UTC, to the second."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
