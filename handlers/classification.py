# SPDX-License-Identifier: Apache-2.0
"""Who or what wrote a mail, as its header section tells: a person, or a machine that must get no automatic answer.

It decides admission (a report is taken at the bounce address) and is refined with the content by the job
(handlers/refining.py). Reads, never decides what becomes of the mail: no class makes mail vanish. Signs of automatic
mail stand in handlers/automatic.py, those of reports in handlers/bounces/signs.py.
"""

import re
from dataclasses import dataclass
from enum import Enum

from handlers import automatic
from handlers.bounces import signs
from handlers.headers import Head
from handlers.identity import author
from handlers.loops import mark_of_ours
from handlers.mime_fields import parameters_of
from handlers.tokens import Keys
from storage.envelope import Envelope

MAX_RECEIVED = 50  # RFC 5321 §6.3: a mail that has been through so many hosts goes in circles

_CALENDAR = re.compile(rb"text/calendar\b", re.IGNORECASE)


class Class(Enum):
    """docs/classification.md says what each causes."""

    PERSON = "person"
    AUTO_REPLY = "auto-reply"
    OUT_OF_OFFICE = "out-of-office"
    BOUNCE = "bounce"
    COMPLAINT = "complaint"
    CALENDAR = "calendar"
    LIST = "list"
    LOOP = "loop"
    PROBE = "probe"  # of ours, come back from a forwarder (handlers/ways.py)
    FORWARDING = "forwarding"  # a forwarder asks whether it may (handlers/confirmations.py)


AUTOMATIC = frozenset({Class.AUTO_REPLY, Class.OUT_OF_OFFICE})


@dataclass(frozen=True, slots=True)
class Finding:
    """A class with the sign that decided, in words."""

    found: Class
    because: str


def classify(head: Head, envelope: Envelope, keys: Keys) -> Class:
    """The most telling class of a mail."""
    return explained(head, envelope, keys).found


def explained(head: Head, envelope: Envelope, keys: Keys) -> Finding:
    """The most telling class, and why."""
    if head.count(b"received") > MAX_RECEIVED:
        return Finding(Class.LOOP, f"more than {MAX_RECEIVED} Received fields")
    if mark := mark_of_ours(head, keys):
        return Finding(Class.LOOP, f"a mail of ours came back: its {mark} is one that only we can make")
    return by_signs(head, is_null=envelope.reverse_path is None)


def by_signs(head: Head, *, is_null: bool) -> Finding:
    """The class by what the header section says; `is_null`: it came with the null reverse-path."""
    found = _report(head) or _notice(head, is_null=is_null) or _calendar(head) or without_reports(head, is_null=is_null)
    if found.found is Class.PERSON and is_null and not automatic.says_it_is_a_persons(head):
        return Finding(Class.BOUNCE, "it came with the null reverse-path and says nothing else of itself")
    return found


def without_reports(head: Head, *, is_null: bool) -> Finding:
    """The class of a mail that reports nothing."""
    if why := automatic.out_of_office(head, is_null=is_null):
        return Finding(Class.OUT_OF_OFFICE, why)
    if why := automatic.automatic(head, is_null=is_null):
        return Finding(Class.AUTO_REPLY, why)
    if is_null and head.count(b"auto-submitted") and not automatic.says_it_is_a_persons(head):
        return Finding(Class.AUTO_REPLY, "the null reverse-path and Auto-Submitted (RFC 3834 §3.3)")
    if why := automatic.to_many(head):
        return Finding(Class.LIST, why)
    return Finding(Class.PERSON, "nothing says that a program wrote it")


def report_type(head: Head) -> str | None:
    """The report-type of a multipart/report (RFC 6522 §3), empty where it has none; None of any other mail."""
    value = head.first(b"content-type") or b""
    if not value.lower().startswith(b"multipart/report"):
        return None
    return parameters_of(value).get("report-type", "").strip().lower()


def is_daemons(head: Head) -> bool:
    """Whether the author bears the name of mail systems (RFC 3834 §2): no person does."""
    if b"daemon" not in (head.first(b"from") or b"").lower():  # reading the author costs as much as all else here
        return False
    written_by = author(head)
    return written_by is not None and written_by.address.local.lower() == "mailer-daemon"


def _report(head: Head) -> Finding | None:
    """What says itself what it reports."""
    declared = report_type(head)
    if declared == "disposition-notification":
        return Finding(Class.AUTO_REPLY, "a receipt: report-type=disposition-notification (RFC 8098)")
    if declared == "feedback-report":
        return Finding(Class.COMPLAINT, "report-type=feedback-report (RFC 5965)")
    if declared is not None:
        return Finding(Class.BOUNCE, f"multipart/report, report-type={declared[:40] or 'none'} (RFC 6522)")
    if head.count(b"x-failed-recipients"):
        return Finding(Class.BOUNCE, "X-Failed-Recipients stands in it")
    return Finding(Class.BOUNCE, "its author is mailer-daemon") if is_daemons(head) else None


def _notice(head: Head, *, is_null: bool) -> Finding | None:
    """A notice in words: only with the null reverse-path does the header section alone suffice."""
    if not is_null:
        return None
    found = signs.in_header(head)
    if found.by_system:
        return Finding(Class.BOUNCE, "a mail system wrote it, with the null reverse-path")
    persons = automatic.says_it_is_a_persons(head)
    if found.in_subject and not persons and not automatic.out_of_office(head, is_null=True):
        return Finding(Class.BOUNCE, "the subject of a bounce, with the null reverse-path")
    return None


def _calendar(head: Head) -> Finding | None:
    """An invitation or an answer to one (RFC 5546 §1.4); Exchange says so of mail with several parts, too."""
    value = head.first(b"content-type") or b""
    if _CALENDAR.match(value) and (method := parameters_of(value).get("method")):
        return Finding(Class.CALENDAR, f"text/calendar; method={method[:20]}")
    if (head.first(b"content-class") or b"").lower().endswith(b":calendarmessage"):
        return Finding(Class.CALENDAR, "Content-Class: calendarmessage")
    return None
