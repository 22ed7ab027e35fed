# SPDX-License-Identifier: Apache-2.0
"""What one judging came to, in words that can be compared: as it was stored, and as it would be now.

Enter: a stored row, or a judged mail. Leave: judgements, and the differences of two. Wording that only says why is kept
beside and never compared: a rule may be renamed and decide the same.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from handlers import intake
from handlers.arrival import Incoming, Note
from handlers.ways import ABOUT_ADDRESSES
from storage.response import Response

RESULTS = ("spf", "helo", "dmarc", "arc", "iprev", "upstream")


@dataclass(frozen=True, slots=True)
class Judgement:
    """What was decided, by its name, and why, where that is known."""

    said: Mapping[str, str] = field(default_factory=dict)
    why: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that would be otherwise, with what decided it then and now; an empty reason is not known."""

    what: str
    before: str
    after: str
    because_before: str = ""
    because_after: str = ""


def then(row: Any, notes: Sequence[Note], thread: Judgement) -> Judgement:
    """As it was stored; what an operator has released since was quarantined by judging."""
    said, why = _results(json.loads(row.authentication))
    said |= {"classification": _class_then(row, notes), "disposition": row.disposition}
    why |= reasons(notes) | {"disposition": row.reason}
    for one in json.loads(row.recipients):
        said[f"for {one['address']}"] = one.get("disposition", row.disposition)
    if was_released(row, notes):
        held = {name: "quarantine" for name in said if name.startswith("for ") and said[name] == "accept"}
        return Judgement({**said, **held, "disposition": "quarantine"}, why)
    return Judgement({**said, **thread.said}, why)


def _class_then(row: Any, notes: Sequence[Note]) -> str:
    """The class at the arrival; the job may have read more of the content since (handlers/refining.py)."""
    if row.classification in {one.value for one in ABOUT_ADDRESSES}:  # which the job leaves as it is
        return str(row.classification)
    return next((one.decided for one in notes if one.step == "classification"), str(row.classification))


def was_released(row: Any, notes: Iterable[Note]) -> bool:
    """Whether an operator has let this message in (handlers/releasing.py); of a share the rest is another message."""
    told = any(one.step == "quarantine" and one.decided == "released" for one in notes)
    return told and all(one.get("disposition") != "quarantine" for one in json.loads(row.recipients))


def held_back(judgement: Judgement) -> Judgement:
    """A refusal beside recipients that took the mail, who are not in this message: it was held instead."""
    held = {name: "quarantine" if said in ("reject", "defer") else said for name, said in judgement.said.items()}
    return Judgement(held, judgement.why)


def now(mail: Incoming, unknown: Mapping[str, str], thread: Judgement) -> Judgement:
    """As this judging has it; `unknown` recipients would be refused before the content."""
    said, why = _results(json.loads(intake.authentication_json(mail.authentication, aligned=mail.aligned)))
    said |= {"classification": mail.classification.value, "disposition": _disposition(mail)}
    why |= reasons(mail.notes) | {"disposition": mail.reason}
    for verdict in mail.verdicts:
        said[f"for {verdict.address}"] = verdict.disposition
    for refused in mail.refused:
        name, response = f"for {refused.recipient}", refused.response or mail.refusal
        said[name] = _word(response)
        why[name] = f"{refused.reason}; the client would hear {response}"
        why["disposition"] = why["disposition"] or why[name]
    at_rcpt = refused_to_all(unknown)
    return Judgement({**at_rcpt.said, **said, **thread.said}, {**at_rcpt.why, **why})


def refused_to_all(unknown: Mapping[str, str]) -> Judgement:
    """What RCPT would say to these recipients, who are nobody's here; where it is all, no content would come."""
    said = {"disposition": "reject"} | {f"for {address}": "reject" for address in unknown}
    return Judgement(
        said, {f"for {address}": f"RCPT would be answered {answer}" for address, answer in unknown.items()}
    )


def differences(before: Judgement, after: Judgement) -> tuple[Difference, ...]:
    """What both speak of and do not agree on, in the order of judging; a thread also where there was none."""
    shared = [name for name in before.said if name in after.said]
    new = [name for name in after.said if name not in before.said and name in ("proof", "thread")]
    return tuple(
        Difference(
            name,
            before.said.get(name, "none"),
            after.said[name],
            before.why.get(name, ""),
            after.why.get(name, ""),
        )
        for name in (*shared, *new)
        if before.said.get(name) != after.said[name]
    )


def _results(stored: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, str]]:
    """The results by check, and their reasons."""
    said = {name: str(stored[name]["result"]) for name in RESULTS if name in stored}
    said["dkim"] = ", ".join(f"{one['result']} {one['domain']}".strip() for one in stored["dkim"]) or "none"
    said["aligned"] = "yes" if stored.get("aligned") else "no"
    why = {name: str(stored[name].get("reason", "")) for name in said if name in RESULTS}
    why["dkim"] = "; ".join(filter(None, (one["reason"] for one in stored["dkim"])))
    return said, why


def reasons(notes: Iterable[Note]) -> dict[str, str]:
    """Why, by step, and as "for ADDRESS" what holds for one recipient only."""
    found: dict[str, list[str]] = {}
    for one in notes:
        name, colon, rest = one.because.partition(": ")
        about_one = colon and name.startswith("for ") and "@" in name
        found.setdefault(name if about_one else one.step, []).append(rest if about_one else one.because)
    return {name: "; ".join(texts) for name, texts in found.items()}


def _disposition(mail: Incoming) -> str:
    return mail.disposition if mail.refusal is None else _word(mail.refusal)


def _word(response: Response | None) -> str:
    return "defer" if response is not None and response.code < 500 else "reject"
