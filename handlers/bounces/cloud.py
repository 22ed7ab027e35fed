# SPDX-License-Identifier: Apache-2.0
"""Amazon's notifications about deliveries: JSON in a mail (SES through SNS).

Enters: a notice whose words begin with an object. Leaves: a Report or None. Never fails, reads at most 200 KB.
"""

import json
from typing import Any

from handlers.bounces.notice import Notice
from handlers.bounces.values import MAX_RECIPIENTS, Action, Kind, Recipient, Report
from handlers.bounces.verdict import Finding, clean, judge

MAX_CHARACTERS = 200_000


def read_notification(notice: Notice) -> Report | None:
    """A bounce, complaint or delivery as SES tells it."""
    text = "".join(notice.told[:500]).strip()[:MAX_CHARACTERS]
    if not text.startswith("{") or ("otificationType" not in text and "eventType" not in text):
        return None
    told = _object(text)
    inner = told.get("Message")
    if isinstance(inner, str) and inner.lstrip().startswith("{"):
        told = _object(inner)
    kind = str(told.get("notificationType") or told.get("eventType") or "").lower()
    mail = _part(told, "mail")
    shape = {"bounce": _bounced, "complaint": _complained, "delivery": _delivered}.get(kind)
    if shape is None:
        return None
    which, recipients = shape(_part(told, kind))
    return Report(
        kind=which,
        recipients=recipients[:MAX_RECIPIENTS],
        reporter=clean(str(_part(told, kind).get("reportingMTA") or "")).removeprefix("dsn; ").removeprefix("dns; "),
        original_message_id=clean(str(mail.get("messageId") or ""))[:500],
        is_formal=True,
        feedback=_feedback(told) if which is Kind.COMPLAINT else {},
    )


def _object(text: str) -> dict[str, Any]:
    """The JSON object at the beginning; what is none is empty."""
    try:
        found, _ = json.JSONDecoder(strict=False).raw_decode(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _part(told: dict[str, Any], name: str) -> dict[str, Any]:
    found = told.get(name)
    return found if isinstance(found, dict) else {}


def _named(told: dict[str, Any], name: str) -> list[dict[str, Any]]:
    found = told.get(name)
    people = [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
    return [one for one in people if "@" in str(one.get("emailAddress"))]


def _bounced(told: dict[str, Any]) -> tuple[Kind, tuple[Recipient, ...]]:
    sort = f"{told.get('bounceType') or ''} {told.get('bounceSubType') or ''}"
    people = [
        judge(
            Finding(
                clean(str(one["emailAddress"]))[:320],
                Action.DELAYED if str(one.get("action")) == "delayed" else Action.FAILED,
                str(one.get("status") or ("4.0.0" if sort.startswith("Transient") else "")),
                str(one.get("diagnosticCode") or "").removeprefix("smtp; "),
                sort,
            )
        )
        for one in _named(told, "bouncedRecipients")
    ]
    return Kind.BOUNCE, tuple(people)


def _complained(told: dict[str, Any]) -> tuple[Kind, tuple[Recipient, ...]]:
    people = (clean(str(one["emailAddress"]))[:320] for one in _named(told, "complainedRecipients"))
    return Kind.COMPLAINT, tuple(Recipient(one, Action.DELIVERED, reason="complaint") for one in people)


def _delivered(told: dict[str, Any]) -> tuple[Kind, tuple[Recipient, ...]]:
    named = told.get("recipients")
    people = [one for one in named if isinstance(one, str)] if isinstance(named, list) else []
    said = clean(str(told.get("smtpResponse") or ""))
    return Kind.DELIVERY, tuple(
        Recipient(clean(one)[:320], Action.DELIVERED, status="2.0.0", diagnostic=said) for one in people
    )


def _feedback(told: dict[str, Any]) -> dict[str, str]:
    kind = _part(told, "complaint").get("complaintFeedbackType")
    return {"feedback_type": clean(str(kind or "abuse"))[:40]}
