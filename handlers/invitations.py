# SPDX-License-Identifier: Apache-2.0
"""What an invitation says: which event, when, who asks, how many are asked (RFC 5545, RFC 5546).

Enters: the text of a text/calendar part. Leaves: the first event, or None. Nothing is answered and nothing is computed:
repetitions are only said to be there. Times keep the zone that they are written in. Never fails.
"""

import re
from dataclasses import dataclass

from handlers.content_lines import Line, lines

_TIME = re.compile(r"(\d{4})(\d\d)(\d\d)(?:T(\d\d)(\d\d)(\d\d)?(Z)?)?")
_COMPONENTS = ("VEVENT", "VTODO", "VJOURNAL", "VFREEBUSY")
_METHODS = ("publish", "request", "reply", "add", "cancel", "refresh", "counter", "declinecounter")


@dataclass(frozen=True, slots=True)
class Invitation:
    """Times as RFC 3339 without an offset unless they are UTC; `zone` is the name that the sender uses."""

    method: str = ""
    uid: str = ""
    summary: str = ""
    location: str = ""
    organiser: str = ""
    organiser_name: str = ""
    start: str = ""
    end: str = ""
    zone: str = ""
    attendees: int = 0
    answer: str = ""  # of the one who answers: accepted, declined, tentative
    repeats: bool = False


def read(text: str, method: str = "") -> Invitation | None:
    """The first event; `method` is what the part's field says."""
    stack: list[str] = []
    said: dict[str, Line] = {}
    attendees, answer, is_repeated = 0, "", False
    for line in lines(text):
        if line.name == "BEGIN":
            stack.append(line.value.upper()[:40])
        elif line.name == "END":
            if stack and stack.pop() in _COMPONENTS:
                break
        elif stack == ["VCALENDAR"]:
            said.setdefault(line.name, line)
        elif len(stack) == 2 and stack[1] in _COMPONENTS:
            said.setdefault(f"_{line.name}", line)
            is_repeated = is_repeated or line.name in ("RRULE", "RDATE")
            if line.name == "ATTENDEE":
                attendees += 1
                answer = answer or line.parameters.get("PARTSTAT", "").lower()
    if not any(name.startswith("_") for name in said):
        return None
    given = (said["METHOD"].text if "METHOD" in said else method).strip().lower()
    is_answer = given in ("reply", "counter")
    return Invitation(
        method=given if given in _METHODS else "",
        uid=_text(said, "_UID"),
        summary=_text(said, "_SUMMARY"),
        location=_text(said, "_LOCATION"),
        organiser=_address(_text(said, "_ORGANIZER")),
        organiser_name=said["_ORGANIZER"].parameters.get("CN", "")[:200] if "_ORGANIZER" in said else "",
        start=_time(said.get("_DTSTART")),
        end=_time(said.get("_DTEND") or said.get("_DUE")),
        zone=said["_DTSTART"].parameters.get("TZID", "")[:100] if "_DTSTART" in said else "",
        attendees=attendees,
        answer=answer[:20] if is_answer else "",
        repeats=is_repeated,
    )


def _text(said: dict[str, Line], name: str) -> str:
    return said[name].text.strip() if name in said else ""


def _address(text: str) -> str:
    return text[7:] if text[:7].lower() == "mailto:" else text


def _time(line: Line | None) -> str:
    """20261122T100000Z as 2026-11-22T10:00:00Z; what is no time is nothing."""
    found = _TIME.match(line.value) if line is not None else None
    if found is None:
        return ""
    date = f"{found[1]}-{found[2]}-{found[3]}"
    return f"{date}T{found[4]}:{found[5]}:{found[6] or '00'}{found[7] or ''}" if found[4] else date
