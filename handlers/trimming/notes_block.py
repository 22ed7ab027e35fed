# SPDX-License-Identifier: Apache-2.0
"""The block of Lotus Notes above an old mail: a name, a date, then the names of fields alone on their lines.

Enters: lines and a place. Leaves: where the block begins and ends, if one has its "To" there. Never fails; looks at
BELOW lines below a "To" and ABOVE lines above it.
"""

from handlers.trimming.attributions import has_moment
from handlers.trimming.header_words import COPY, KIND_OF, SUBJECT, TO
from handlers.trimming.lines import Kind, Line

ABOVE = 8
BELOW = 12
MAX_NAME_CHARACTERS = 80
MAX_MOMENT_CHARACTERS = 40

_SUBJECTS = ("subject", "thema", "objet", "asunto", "assunto", "oggetto", "onderwerp", "ämne", "emne", "betreff")


def notes_block(lines: list[Line], number: int) -> tuple[int, int] | None:
    """(start, stop) of the block that has its "To" on this line."""
    if _alone(lines[number]) != TO:
        return None
    below = range(number + 1, min(len(lines), number + 1 + BELOW))
    copy = next((at for at in below if _alone(lines[at]) == COPY), None)
    subject = next((at for at in below if copy is not None and at > copy and _is_subject(lines[at])), None)
    start = _name_above(lines, number)
    if subject is None or start is None:
        return None
    following = subject + 1
    return start, following + (following < len(lines) and lines[following].kind is Kind.WORDS)


def _alone(line: Line) -> str | None:
    return KIND_OF.get(line.seen.rstrip(":")) if line.kind is Kind.WORDS else None


def _is_subject(line: Line) -> bool:
    return _alone(line) == SUBJECT or line.seen in _SUBJECTS


def _name_above(lines: list[Line], number: int) -> int | None:
    """The line of the name above the line of the date."""
    top = max(number - ABOVE, 0)
    for at in range(number - 1, top - 1, -1):
        seen = lines[at].seen
        if len(seen) <= MAX_MOMENT_CHARACTERS and has_moment(seen):
            above = next((one for one in range(at - 1, top - 1, -1) if lines[one].seen), None)
            is_name = above is not None and lines[above].kind is Kind.WORDS and _is_short(lines[above].seen)
            return above if is_name else at
    return None


def _is_short(seen: str) -> bool:
    return len(seen) <= MAX_NAME_CHARACTERS and not seen.endswith((".", "!", "?", ",", ":"))
