# SPDX-License-Identifier: Apache-2.0
"""Complaints: what a feedback report says (RFC 5965), also where the form is only nearly kept.

Enters: a notice. Leaves: a Report or None. Never fails; the number of fields and recipients is bounded.
"""

import re

from handlers.bounces.addresses import address_in, addresses_in
from handlers.bounces.notice import Notice
from handlers.bounces.values import MAX_RECIPIENTS, Action, Kind, Recipient, Report
from handlers.headers import decode_text

_FIELD = re.compile(r"([A-Za-z][A-Za-z0-9-]{1,40})[ \t]*:[ \t]*(.*)")
_KEPT = (  # RFC 5965 §3, and reports of failed authentication
    "feedback-type",
    "user-agent",
    "original-mail-from",
    "arrival-date",
    "received-date",
    "reporting-mta",
    "source-ip",
    "reported-domain",
    "abuse-type",
    "incidents",
    "auth-failure",
    "identity-alignment",
)
_JUNK_NOTE = re.compile(
    r"complaint about (?:message|mail)|feedback[- ]?loop|abuse report|spam report|opt-?out", re.IGNORECASE
)


def read_complaint(notice: Notice) -> Report | None:
    """A complaint, by its part for programs; or Microsoft's, which is a forwarded mail and nothing else (JMRP)."""
    if notice.feedbacks:
        return _by_fields(notice)
    return _junk_report(notice)


def _by_fields(notice: Notice) -> Report:
    """RFC 5965 §3; Original-Rcpt-To may stand several times, and stand in the mail given back where it is missing."""
    kept: dict[str, str] = {}
    named: list[str] = []
    for line in notice.feedbacks[0].split("\n")[:2000]:
        field = _FIELD.match(line)
        if field is None:
            continue
        name, value = field[1].lower(), field[2].strip()
        if name in ("original-rcpt-to", "removal-recipient"):
            named.append(address_in(value))
        elif name in _KEPT:
            kept.setdefault(name.replace("-", "_"), value[:300])
    recipients = [one for one in dict.fromkeys(named) if one] or _told_recipients(notice)
    return Report(
        kind=Kind.COMPLAINT,
        recipients=_all(recipients),
        reporter=kept.get("reporting_mta", "").partition(";")[2].strip() or kept.get("user_agent", ""),
        original_message_id=notice.returned_message_id,
        is_formal=True,
        feedback={"feedback_type": "abuse"} | kept,
    )


def _junk_report(notice: Notice) -> Report | None:
    """X-HmXmrOriginalRecipient names the recipient in Microsoft's reports; the subject says what it is in others."""
    returned = notice.returned
    if returned is None:
        return None
    named = returned.first(b"x-hmxmroriginalrecipient")
    subject = decode_text((notice.head.first(b"subject") or b"")[:500])
    if named is None and not (_JUNK_NOTE.search(subject) and notice.types & {"message/rfc822", "text/rfc822-headers"}):
        return None
    recipient = address_in((named or b"").decode("utf-8", "replace"))
    return Report(
        kind=Kind.COMPLAINT,
        recipients=_all([recipient] if recipient else _told_recipients(notice)),
        original_message_id=notice.returned_message_id,
        feedback={"feedback_type": "opt-out" if "opt-out" in subject.lower() else "abuse"},
    )


def _told_recipients(notice: Notice) -> list[str]:
    if notice.returned is None:
        return []
    values = notice.returned.all(b"to")[:3]
    return addresses_in(", ".join(value[:1000].decode("utf-8", "replace") for value in values))


def _all(addresses: list[str]) -> tuple[Recipient, ...]:
    return tuple(Recipient(one, Action.DELIVERED, reason="complaint") for one in addresses[:MAX_RECIPIENTS])
