# SPDX-License-Identifier: Apache-2.0
"""flufl.bounce, which knows formats of notices in words: asked where our own readers find nothing, or somebody else.

Enters: content that nobody can answer, or a notice. Leaves: findings. It is given the header section and the first
64 KB of the body, for some of its detectors need quadratic time; what it raises counts as nothing found.
"""

import logging
import re
from email import message_from_bytes

from flufl.bounce import all_failures

from handlers.bounces.addresses import ADDRESS
from handlers.bounces.informal import MAX_CONTEXT, action_of
from handlers.bounces.notice import Notice
from handlers.bounces.values import Action
from handlers.bounces.verdict import Finding

MAX_OCTETS = 64 * 1024
MAX_LINES = 2000
_EMPTY_LINES = re.compile(rb"(?:(?<=\n)[ \t]*+\r?\n){3,}+")  # each costs it as much as one with words

logging.getLogger("flufl.bounce").setLevel(logging.CRITICAL)  # it logs each failure of its own with a traceback


def read(notice: Notice, content: bytes) -> tuple[Finding, ...]:
    """Whom flufl.bounce finds."""
    start = notice.head.body_offset
    lines = _EMPTY_LINES.sub(b"\n\n\n", content[start : start + MAX_OCTETS]).split(b"\n", MAX_LINES)[:MAX_LINES]
    octets = content[: min(start, MAX_OCTETS)] + b"\n".join([*lines, b""])
    try:
        temporary, permanent = all_failures(message_from_bytes(octets))
    except Exception:  # whatever a stranger's mail makes it raise; the mail is still a mail
        return ()
    words = " ".join(line.strip() for line in notice.told[:MAX_CONTEXT])
    arrived = action_of(notice)
    if arrived in (Action.DELIVERED, Action.RELAYED):  # it reads the formats of failures
        return tuple([Finding(one, arrived, context=words) for one in _addresses(permanent | temporary)])
    later = [Finding(one, Action.DELAYED, context=words) for one in _addresses(temporary - permanent)]
    return tuple([Finding(one, context=words) for one in _addresses(permanent)] + later)


def _addresses(found: frozenset[bytes]) -> list[str]:
    """What it finds and is an address; in JSON it takes anything for one."""
    texts = [address.decode("utf-8", "replace")[:320] for address in sorted(found)]
    return [text for text in texts if re.fullmatch(ADDRESS, text)]
