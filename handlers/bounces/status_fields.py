# SPDX-License-Identifier: Apache-2.0
"""The part of a report that is for programs: message/delivery-status (RFC 3464 §2), and what looks like it.

Enters: the decoded octets of the part. Leaves: what it says of each recipient. Real reports leave fields out, forget
the address type, or write groups without the empty line; all of it is read. Never fails, and reads a bounded number.
"""

import re
from dataclasses import dataclass

from handlers.bounces.addresses import address_in
from handlers.bounces.values import MAX_RECIPIENTS, Action
from handlers.bounces.verdict import Finding

MAX_LINES = 20_000

_FIELD = re.compile(r"([A-Za-z][A-Za-z0-9-]{1,40})[ \t]*:[ \t]*(.*)", re.DOTALL)
_ACTIONS = {
    "failed": Action.FAILED,
    "failure": Action.FAILED,
    "fail": Action.FAILED,
    "expired": Action.FAILED,
    "error": Action.FAILED,
    "denied": Action.FAILED,
    "hosterror": Action.FAILED,
    "delayed": Action.DELAYED,
    "deferred": Action.DELAYED,
    "delivered": Action.DELIVERED,
    "deliverable": Action.DELIVERED,
    "relayed": Action.RELAYED,
    "expanded": Action.EXPANDED,
}
_HIDDEN = re.compile(r"\\x\{([0-9A-Fa-f]{1,6})\}")
_TYPE = re.compile(r"\s*(?:rfc822|utf-8|x400|x-[\w-]+|unknown|[\w-]+)\s*;\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class StatusPart:
    """The recipients, the mail system that tells, and the envelope id under which we sent (RFC 3461 §4.4)."""

    findings: tuple[Finding, ...]
    reporter: str = ""
    envelope_id: str = ""


def read_status(text: str) -> StatusPart:
    """Read the groups of fields; a group without a recipient and an outcome is about the mail as a whole."""
    about: dict[str, str] = {}
    findings: list[Finding] = []
    for group in _groups(text):
        found = _finding(group)
        if found is None:
            about = group | about
        elif len(findings) < MAX_RECIPIENTS:
            findings.append(found)
    reporter = _TYPE.sub("", about.get("reporting-mta", ""), count=1).strip()
    return StatusPart(tuple(_merged(findings)), reporter[:255], about.get("original-envelope-id", "").strip()[:200])


def _groups(text: str) -> list[dict[str, str]]:
    """Fields by group; a second recipient or action begins a group too, where the empty line is missing."""
    groups: list[dict[str, str]] = [{}]
    name = ""
    for line in text.split("\n")[:MAX_LINES]:
        if not line.strip():
            name = ""
            if groups[-1]:
                groups.append({})
        elif line[0] in " \t" and name:
            if len(groups[-1][name]) < 2000:
                groups[-1][name] += " " + line.strip()
        elif field := _FIELD.match(line):
            name = field[1].lower()
            if name in groups[-1] and name in ("final-recipient", "action"):
                groups.append({})
            groups[-1].setdefault(name, field[2].strip())
    return groups


def _finding(group: dict[str, str]) -> Finding | None:
    """One recipient's group."""
    final, original = (_recipient(group.get(name, "")) for name in ("final-recipient", "original-recipient"))
    actual = _recipient(group.get("x-actual-recipient", ""))
    address = final or original or actual
    if original and "." not in final.rpartition("@")[2]:  # a host's own name for it
        address = original
    if not address and not ("action" in group and ("status" in group or "diagnostic-code" in group)):
        return None
    action = _action(group)
    notes = f"{group.get('status', '')} {group.get('action', '') if action is Action.FAILED else ''}"
    return Finding(
        address=address,
        action=action,
        status=group.get("status", ""),
        diagnostic=_TYPE.sub("", group.get("diagnostic-code", ""), count=1),
        context=f"{notes} {group.get('x-supplementary-info', '')} {group.get('x-display-name', '')}",
        original=original if original.lower() != address.lower() else "",
    )


def _action(group: dict[str, str]) -> Action:
    word = group.get("action", "").strip().lower().split(" ")[0].strip("();,")
    if word in _ACTIONS:
        return _ACTIONS[word]
    return Action.DELIVERED if group.get("status", "").startswith("2") else Action.FAILED


def _recipient(value: str) -> str:
    """The address behind its type (RFC 3464 §2.3.2); RFC 6533 §3 hides what is beyond ASCII."""
    shown = _HIDDEN.sub(lambda found: _character(found[1]), value[:2000])
    return address_in(_TYPE.sub("", shown, count=1))


def _character(digits: str) -> str:
    return chr(int(digits, 16)) if int(digits, 16) < 0xD800 or 0xE000 <= int(digits, 16) < 0x110000 else "?"


def _merged(findings: list[Finding]) -> list[Finding]:
    """One entry for each address: the first that tells, unless a later one is a failure and it is not."""
    kept: dict[str, Finding] = {}
    for one in findings:
        before = kept.get(one.address.lower())
        if before is None or (before.action is not Action.FAILED and one.action is Action.FAILED):
            kept[one.address.lower()] = one
    return list(kept.values())
