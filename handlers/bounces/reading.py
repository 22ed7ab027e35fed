# SPDX-License-Identifier: Apache-2.0
"""Read a mail that may be a bounce, a delay notice or a complaint.

Enters: content, of which the first 2 MB are looked at. Leaves: a Report, or None where it is none of these. First the
part for programs (RFC 3464, RFC 5965), then the words for people, then flufl.bounce for formats that only it knows.
Never fails; linear in the content.
"""

import re
from dataclasses import replace

from handlers.automatic import automatic, out_of_office
from handlers.bounces import library, signs
from handlers.bounces.addresses import ADDRESS, addresses_in
from handlers.bounces.cloud import read_notification
from handlers.bounces.complaints import read_complaint
from handlers.bounces.informal import action_of, read_informal
from handlers.bounces.notice import Notice, read_notice
from handlers.bounces.status_fields import StatusPart, read_status
from handlers.bounces.values import Action, Kind, Recipient, Report
from handlers.bounces.verdict import MAX_READ, Finding, judge_all
from handlers.headers import Head, decode_text

_CLOUD = re.compile(rb"amazon", re.IGNORECASE)  # a name that anyone can write: what it says is data, and moves nothing
_BY_ACTION = {Action.DELAYED: Kind.DELAY, Action.DELIVERED: Kind.DELIVERY, Action.RELAYED: Kind.DELIVERY}
_ALONE = re.compile(rf"\s*<{ADDRESS}>:\s*$")  # a mail system that only lists the addresses


def read_report(content: bytes, *, by_nobody: bool) -> Report | None:
    """What the mail reports; `by_nobody`: it came with the null reverse-path (RFC 5321 §4.5.5)."""
    notice = read_notice(content)
    if by_nobody or notice.top == "multipart/report" or signs.by_complainer(notice.head):
        complaint = read_complaint(notice)
        if complaint is not None:
            return complaint
    formal = [read_status(text) for text in notice.statuses]
    if any(part.findings for part in formal) and _may_be_formal(notice, by_nobody=by_nobody):
        return _formal(notice, formal)
    notification = read_notification(notice) if _CLOUD.search(notice.head.first(b"from") or b"") else None
    return notification if notification is not None else _informal(notice, content, by_nobody=by_nobody)


def _may_be_formal(notice: Notice, *, by_nobody: bool) -> bool:
    """A report that a person forwards as an attachment reports nothing to us."""
    return by_nobody or notice.top == "multipart/report" or signs.in_header(notice.head).by_postmaster


def _formal(notice: Notice, formal: list[StatusPart]) -> Report:
    """What the part for programs says, with words for people where it gives no cause."""
    told = {one.address.lower(): one for one in read_informal(notice)}
    whole = " ".join(line.strip() for line in notice.told[:80])[:MAX_READ]
    findings = [_with_words(one, told, whole) for part in formal for one in part.findings]
    recipients = judge_all([one for one in findings if one.address])
    if not recipients:
        recipients = judge_all([replace(findings[0], address=one.address) for one in told.values()])
    return Report(
        kind=_kind(recipients),
        recipients=recipients,
        reporter=formal[0].reporter,
        envelope_id=formal[0].envelope_id,
        original_message_id=notice.returned_message_id,
        is_formal=True,
    )


def _with_words(one: Finding, told: dict[str, Finding], whole: str) -> Finding:
    """The words about this recipient, else all the words of a notice."""
    near = told.get(one.address.lower())
    return replace(one, context=f"{one.context} {near.context if near is not None else whole}")


def _kind(recipients: tuple[Recipient, ...]) -> Kind:
    actions = {one.action for one in recipients}
    if Action.FAILED in actions or not actions:
        return Kind.BOUNCE
    return Kind.DELAY if Action.DELAYED in actions else Kind.DELIVERY


def _informal(notice: Notice, content: bytes, *, by_nobody: bool) -> Report | None:
    """A notice in words, if the signs are sure and it names somebody; or an inline status part."""
    found = signs.of(notice, by_nobody=by_nobody)
    is_system = found.by_system if by_nobody else found.by_daemon
    sure = found.are_sure or (is_system and any(_ALONE.match(line) for line in notice.told[:200]))
    may_be = by_nobody and (found.by_system or not _speaks_for_itself(notice.head))
    known = library.read(notice, content) if sure or may_be else ()
    if not sure and not known:
        return None
    for text in ("\n".join(notice.told), notice.behind):
        inline = read_status(text) if "final-recipient" in text.lower() else None
        if inline is not None and any(one.status and one.address for one in inline.findings):
            return _formal(notice, [inline])
    findings = _surer(read_informal(notice), known) or _to_whom_it_went(notice)
    if not findings and not (found.by_system and found.in_words):
        return None
    recipients = judge_all(findings)
    kind = _kind(recipients) if recipients else _BY_ACTION.get(action_of(notice), Kind.BOUNCE)
    return Report(kind=kind, recipients=recipients, original_message_id=notice.returned_message_id)


def _speaks_for_itself(head: Head) -> bool:
    """Whether it is an automatic answer by its fields, or somebody's answer or forward by its subject."""
    return bool(automatic(head, is_null=False) or out_of_office(head, is_null=False)) or signs.is_passed_on(head)


def _surer(own: tuple[Finding, ...], known: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """What our reader finds, with its words, unless somebody who knows the format finds others."""
    named = {one.address.lower() for one in known}
    return own if not named or any(one.address.lower() in named for one in own) else known


def _to_whom_it_went(notice: Notice) -> tuple[Finding, ...]:
    """Who is not named may be the only recipient of the mail that was given back."""
    if notice.returned is None:
        return ()
    named = addresses_in(_recipients_of(notice.returned))
    words = " ".join(line.strip() for line in notice.told[:80])
    return (Finding(named[0], action_of(notice), context=words),) if len(named) == 1 else ()


def _recipients_of(returned: Head) -> str:
    values = (*returned.all(b"to"), *returned.all(b"cc"))[:5]
    return ", ".join(decode_text(value[:1000]) for value in values)
