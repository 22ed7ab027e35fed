# SPDX-License-Identifier: Apache-2.0
"""Whether a line is what a telephone or program writes of its own accord: "Sent from my iPhone".

Enters: a line. Leaves: yes or no; in doubt no. Never fails. Beside the opening the line names a device or program, and
has no further words, sums or days: "Sent by phone on Monday" is a person's.
"""

import re

from handlers.trimming.device_words import AROUND, BRANDS, EXCUSES, KINDS, MY, NAMES
from handlers.trimming.lines import Kind, Line
from handlers.trimming.signature_words import (
    ALONE,
    BEHIND,
    ENDINGS,
    ENDS,
    FEW_WORDS,
    GET,
    MAX_FEW_WORDS,
    PROGRAMS,
    SENT_WITH,
    SYSTEMS,
    WHOLE,
    WITH_DEVICE,
)

MAX_CHARACTERS = 120
MAX_WORDS = 12
MAX_OFFER_WORDS = 7
MAX_NAME_CHARACTERS = 14
MAX_UNKNOWN = 2  # behind "sent from my": models and companies
MAX_ENDING = 7  # letters behind a name, as languages need them

_AROUND = "<>()[]*_-–—.!…\"'®™;,， "
_LINK = re.compile(r"[<(\[]?https?://\S*")
_MODEL = re.compile(r"(?=\S*\d)(?=\S*[a-z])[a-z\d-]{2,12}$")
_BY = re.compile(
    r"(?:sent|send) (?:by|via|with|using) |(?:verzonden|verstuurd) met |\S+ (?:par|avec|con|por|tramite|med) "
)


def is_boast(line: Line) -> bool:
    """A line that a telephone or program writes."""
    if line.kind is not Kind.WORDS or not 5 < len(line.seen) <= MAX_CHARACTERS or line.seen.count(" ") >= MAX_WORDS:
        return False
    seen = _LINK.sub("", line.seen).strip("<>()[]*_-–—.!…\"' ")
    if seen in WHOLE or any(seen.startswith(one) and seen[len(one) :] in PROGRAMS for one in SENT_WITH):
        return True
    if "outlook" in seen and _is_offer(seen):
        return True
    mine = next((one for one in ALONE if seen.startswith(one)), None)
    if mine is not None:
        return _is_device(seen[len(mine) :].split(), unknown=MAX_UNKNOWN, excused=seen)
    opening = max((one for one in WITH_DEVICE if seen.startswith(one)), key=len, default=None)
    if opening is not None and _is_device_behind(seen, opening):
        return True
    both = next(((one, end) for one, end in ENDS if seen.startswith(one) and seen.endswith(end)), None)
    if both is not None:
        return _is_device(seen.removeprefix(both[0]).removesuffix(both[1]).split(), unknown=MAX_UNKNOWN)
    return _is_short(seen)


def _is_device_behind(seen: str, opening: str) -> bool:
    """A name, or any device that one sends from, or that is one's own."""
    words = _words(("outlook " if "outlook" in opening else "") + seen[len(opening) :])
    if "," in seen or ":" in seen.removeprefix(opening):
        return False
    named = any(_is_name(word) for word in words)
    return _is_device(words, unknown=0) and (named or not _BY.match(seen) or not MY.isdisjoint(words))


def _is_device(pieces: list[str], *, unknown: int, excused: str = "") -> bool:
    """Whether a device is among the words, and no number or more unknown words than this."""
    words = _words(" ".join(pieces))
    pairs = zip(["", *words[:-1]], words, strict=True) if words else []
    devices = [word for word in words if _is_name(word) or word in KINDS or _MODEL.match(word)]
    if not devices or any(word.isdigit() and not _is_name(before) for before, word in pairs):
        return False
    strange = [word for word in words if word not in devices and word not in AROUND and word not in MY]
    strange = [word for word in strange if not word.isdigit()]
    return len(strange) <= unknown or any(word in excused for word in EXCUSES)


def _words(seen: str) -> list[str]:
    return [word for piece in seen.split() if (word := piece.strip(_AROUND))]


def _is_name(word: str) -> bool:
    if word in NAMES:
        return True
    if word.isascii():
        return any(word.startswith(one) and len(word) - len(one) <= MAX_ENDING for one in BRANDS)
    return any(one in word for one in BRANDS)


def _is_offer(seen: str) -> bool:
    """ "Get Outlook for iOS"."""
    before, _, behind = seen.partition("outlook")
    if before.count(" ") + behind.count(" ") > MAX_OFFER_WORDS or not any(system in seen for system in SYSTEMS):
        return False
    if seen.endswith(BEHIND):
        return True
    last = behind.split()[-1:]
    ends = not last or last[0].strip(_AROUND).startswith(SYSTEMS)
    return ends and (before.rstrip(" ([<") in GET or (not seen.isascii() and before[:2] in GET))


def _is_short(seen: str) -> bool:
    if seen.endswith(ENDINGS):
        return any(one in seen[:MAX_NAME_CHARACTERS] for one in (*BRANDS, "ios"))
    few = seen.count(" ") < MAX_FEW_WORDS and any(seen.startswith(one) and seen.endswith(end) for one, end in FEW_WORDS)
    return few and _is_device(seen.split()[1:], unknown=1)
