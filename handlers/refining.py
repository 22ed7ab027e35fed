# SPDX-License-Identifier: Apache-2.0
"""The class of a mail once its content is read, and what it reports: the job asks before it makes a case.

Enters: the beginning of a content and the class that the header section gave. Leaves: the class to keep, the reason
for a change, and the report as data. A notice in words from a sender that can be answered is a bounce only where a mail
system wrote it. Never fails; linear, bounded, and done before the job takes the store's lock.
"""

import re
from dataclasses import dataclass

from handlers.automatic import says_it_is_a_persons
from handlers.bounces import signs
from handlers.bounces.notice import MAX_OCTETS
from handlers.bounces.reading import read_report
from handlers.bounces.values import Kind, Report
from handlers.classification import AUTOMATIC, Class, Finding, is_daemons, report_type, without_reports
from handlers.headers import Head
from handlers.mime_parts import Part, decode, parts

CALENDAR_OCTETS = 256 * 1024  # an invitation stands in front of its attachments

_METHOD = re.compile(rb"[;\s]method\s*=\s*\"?([A-Za-z]{1,20})", re.IGNORECASE)
_METHOD_LINE = re.compile(rb"(?:^|\n)METHOD:([A-Za-z]{1,20})")
_OPEN = frozenset({Class.PERSON, Class.LIST, Class.BOUNCE, Class.COMPLAINT, Class.CALENDAR, *AUTOMATIC})
_BY_KIND = {
    Kind.BOUNCE: Class.BOUNCE,
    Kind.DELAY: Class.BOUNCE,
    Kind.DELIVERY: Class.AUTO_REPLY,
    Kind.COMPLAINT: Class.COMPLAINT,
}


@dataclass(frozen=True, slots=True)
class Refined:
    """`data` is what is stored as the message's report; empty where there is nothing to tell."""

    found: Class
    because: str
    data: dict[str, object]
    report: Report | None = None


def wanted(head: Head, was: Class, *, is_null: bool) -> int:
    """How many octets of the content must be seen: none of most people's mail."""
    if was not in _OPEN:
        return 0
    found = signs.in_header(head)
    if is_null or was in (Class.BOUNCE, Class.COMPLAINT) or report_type(head) is not None:
        return MAX_OCTETS
    if found.by_postmaster or found.declared or signs.by_complainer(head):
        return MAX_OCTETS
    value = (head.first(b"content-type") or b"").lower()
    return CALENDAR_OCTETS if was is Class.CALENDAR or value.startswith((b"multipart/", b"text/calendar")) else 0


def refine(head: Head, beginning: bytes, was: Class, *, is_null: bool) -> Refined:
    """Look at the content of a mail."""
    octets = wanted(head, was, is_null=is_null)
    if octets == MAX_OCTETS:
        report = read_report(beginning, by_nobody=is_null and _may_be_a_systems(head))
        if report is not None:
            return Refined(
                _BY_KIND[report.kind], f"its content is a report: {report.kind.value}", report.as_data(), report
            )
        return _unreadable(head, was, is_null=is_null)
    method = _invitation(beginning[:CALENDAR_OCTETS]) if octets else ""
    if method and was in (Class.PERSON, Class.LIST, Class.CALENDAR):
        return Refined(Class.CALENDAR, f"text/calendar with METHOD {method}", {"kind": "calendar", "method": method})
    return Refined(was, "", {})


def is_surely_automatic(head: Head, was: Class, *, is_formal: bool, is_null: bool) -> bool:
    """Whether nobody wrote it, by more than words: only such mail of its own people leaves a closed case closed."""
    if is_formal or report_type(head) is not None or head.count(b"x-failed-recipients") or is_daemons(head):
        return True
    return was in AUTOMATIC and without_reports(head, is_null=is_null).found in AUTOMATIC


def _may_be_a_systems(head: Head) -> bool:
    """Whether words may make it a notice: not where it says that a person wrote it."""
    return not says_it_is_a_persons(head) or signs.in_header(head).by_system


def _unreadable(head: Head, was: Class, *, is_null: bool) -> Refined:
    """What said it was a report and cannot be read stays one; what only looked like it is what else it looks like."""
    if was not in (Class.BOUNCE, Class.COMPLAINT):
        return Refined(was, "", {})
    if report_type(head) or is_daemons(head):
        kind = Kind.COMPLAINT if was is Class.COMPLAINT else Kind.BOUNCE
        return Refined(was, "", Report(kind).as_data())
    found = without_reports(head, is_null=is_null)
    if found.found is Class.PERSON and is_null and not says_it_is_a_persons(head):
        found = Finding(Class.AUTO_REPLY, "nobody can answer it, and it reports nothing")
    return Refined(found.found, f"its content reports nothing; {found.because}", {})


def _invitation(octets: bytes) -> str:
    """The METHOD of a calendar part that is meant to be acted on, not attached (RFC 6047 §2.4)."""
    found = parts(octets)
    for part in found:
        if part.is_leaf and part.about.type == "text/calendar" and not _is_file(found, part):
            match = _METHOD.search(part.header.of(octets)) or _METHOD_LINE.search(decode(octets, part)[:4000])
            if match:
                return match[1].decode("ascii").upper()
    return ""


def _is_file(found: tuple[Part, ...], part: Part) -> bool:
    if part.parent is None or found[part.parent].about.type == "multipart/alternative":
        return False
    return part.about.disposition == "attachment" or bool(part.about.name)
