# SPDX-License-Identifier: Apache-2.0
"""Codes that large providers put into their refusals, by their published lists: they say more than the status code.

Enters: a diagnostic in lower case. Leaves: a reason, or None where it bears no known code.
"""

import re
from collections.abc import Callable

from handlers.bounces.reasons import Reason

_ORANGE = {  # Orange, La Poste, SFR: OFR004_416, LPN007_420, [416]
    **dict.fromkeys((101, 102, 103, 510, 999), Reason.BLOCKED),
    **dict.fromkeys((104,), Reason.RATE),
    **dict.fromkeys((305, 402, 630), Reason.POLICY),
    **dict.fromkeys((401, 517), Reason.AUTHENTICATION),
    **dict.fromkeys((403, 405, 415, 421), Reason.SENDER_REFUSED),
    **dict.fromkeys((416, 418), Reason.USER_UNKNOWN),
    417: Reason.MAILBOX_FULL,
    **dict.fromkeys((420, 426), Reason.SUSPENDED),
    505: Reason.SYSTEM,
    506: Reason.SPAM,
    514: Reason.TOO_BIG,
}
_FACEBOOK = {
    **dict.fromkeys(("pol-p1", "pol-p2", "pol-p3", "pol-p4", "pol-t1", "pol-t2", "pol-t3"), Reason.BLOCKED),
    **dict.fromkeys(("dns-p3", "dns-t2"), Reason.BLOCKED),
    **dict.fromkeys(("dns-p1", "dns-p2", "dns-t1"), Reason.SENDER_REFUSED),
    **dict.fromkeys(("rcp-p2", "rcp-p3"), Reason.FILTERED),
    **dict.fromkeys(("rcp-p1", "int-p1", "int-p3", "int-p4"), Reason.USER_UNKNOWN),
    **dict.fromkeys(("msg-p1", "int-p2"), Reason.TOO_BIG),
    **dict.fromkeys(("msg-p2", "msg-p3"), Reason.CONTENT),
    **dict.fromkeys(("con-t1", "con-t2", "con-t3", "con-t4", "msg-t1"), Reason.RATE),
    "pol-p5": Reason.VIRUS,
    "pol-p6": Reason.SPAM,
    "pol-p7": Reason.AUTHENTICATION,
    "rcp-t1": Reason.SYSTEM,
    "rcp-t4": Reason.SUSPENDED,
}
_GODADDY = {
    **dict.fromkeys((103, 104, 105, 106, 108, 110, 111, 112, 113), Reason.BLOCKED),
    **dict.fromkeys((7, 101, 504, 510, 605, 607), Reason.RATE),
    **dict.fromkeys((501, 502), Reason.CONTENT),
    212: Reason.SPAM,
    401: Reason.POLICY,
    506: Reason.SENDER_REFUSED,
    508: Reason.AUTHENTICATION,
    705: Reason.VIRUS,
}
_MICROSOFT = {
    **dict.fromkeys((506, 507, 508, 510, 511, 512, 513), Reason.BLOCKED),
    **dict.fromkeys((509, 515), Reason.AUTHENTICATION),
    **dict.fromkeys((501, 502, 503, 750), Reason.SENDER_REFUSED),
    **dict.fromkeys((705, 708), Reason.RATE),
    504: Reason.USER_UNKNOWN,
    505: Reason.FILTERED,
    520: Reason.POLICY,
}


def _microsoft(code: str) -> Reason | None:
    """Microsoft's own third numbers of 5.7 and 5.4."""
    subject, detail = code.split(".")[1], int(code.split(".")[2])
    if subject == "4":
        return {300: Reason.EXPIRED, 316: Reason.EXPIRED, 310: Reason.HOST_UNKNOWN, 312: Reason.NETWORK}.get(detail)
    if detail in _MICROSOFT:
        return _MICROSOFT[detail]
    return Reason.BLOCKED if 606 <= detail <= 649 or 700 <= detail <= 749 else None


_LISTS: tuple[tuple[re.Pattern[str], Callable[[str], Reason | None]], ...] = (
    (re.compile(r"\b(?:lpn|lpnaaa|ofr|ouk)\d{0,3}[_-]?(\d{3})\b"), lambda code: _ORANGE.get(int(code))),
    (re.compile(r"\b((?:pol|dns|rcp|int|msg|con)-[pt]\d)\b"), _FACEBOOK.get),
    (re.compile(r"\bib(\d{3})\b"), lambda code: _GODADDY.get(int(code))),
    (re.compile(r"(?<![\d.])([45]\.[47]\.[357]\d\d)(?!\d)"), _microsoft),
)


def by_code(said: str) -> Reason | None:
    """The reason that a provider's own code stands for."""
    for pattern, meaning in _LISTS:
        found = pattern.search(said)
        if found and (reason := meaning(found[1])) is not None:
            return reason
    return None
