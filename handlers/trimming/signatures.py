# SPDX-License-Identifier: Apache-2.0
"""What stands below the words without being said: the signature, a telephone's "Sent from", a list's footer.

Enters: lines and where they end. Leaves: where the words end. Never fails. "-- " (RFC 3676 §4.3) and the dashes
clients make of it cut what is below when that is short; other rules only what looks like a signature; a greeting stays.
"""

from handlers.trimming.lines import Kind, Line, next_words
from handlers.trimming.old_mail import is_rule
from handlers.trimming.signature_words import DEVICES, ENDINGS, OPENINGS, OPENINGS_ALONE

MAX_SIGNATURE_LINES = 16  # with words
MAX_CARD_LINES = 8  # below a rule that is not sure to be a signature's
MAX_BOAST_CHARACTERS = 120
MAX_DELIMITERS = 50

_DELIMITERS = ("--", "—", "–", "__", "ᐧ", "-- -", "---")
_LIST_FOOTER = (
    "mailing list",
    "mailman",
    "listinfo",
    "unsubscribe",
    "liste de diffusion",
    "mailingliste",
    "lista de correo",
)


def without_signature(lines: list[Line], end: int) -> int:
    """Where the words end: signatures and telephones' lines are taken off from below, as often as there are some."""
    for _ in range(MAX_DELIMITERS):
        below = _without_boasts(lines, end)
        above = _delimiter(lines, below)
        if above is None:
            return below
        end = above
    return end


def is_boast(line: Line) -> bool:
    """A line that a telephone or program writes: "Sent from my iPhone"."""
    seen = line.seen.strip("<>()[]*_-–—.!… ")
    if line.kind is not Kind.WORDS or not 5 < len(seen) <= MAX_BOAST_CHARACTERS:
        return False
    if seen.startswith(OPENINGS_ALONE):
        return len(seen) < MAX_BOAST_CHARACTERS
    if not (seen.startswith(OPENINGS) or seen.endswith(ENDINGS)):
        return False
    return any(device in seen for device in DEVICES)


def _without_boasts(lines: list[Line], end: int) -> int:
    """Take off telephones' lines, rules, empty lines, and what HTML says is a signature."""
    top = next_words(lines, 0)  # stays: somebody may write about telephones, or into the signature
    kinds = {Kind.EMPTY, Kind.SIGNATURE} - {line.kind for line in lines[top : top + 1]}
    while end > top + 1:
        last = lines[end - 1]
        if not (last.kind in kinds or is_rule(last) or is_boast(last)):
            break
        end -= 1
    return end


def _delimiter(lines: list[Line], end: int) -> int | None:
    """The next delimiter above with nothing but a signature below."""
    words = 0
    for number in range(end - 1, -1, -1):
        line = lines[number]
        if line.kind is Kind.QUOTED or words > MAX_SIGNATURE_LINES:
            return None
        if line.seen in _DELIMITERS and line.kind is Kind.WORDS:
            return number
        if is_rule(line):
            return number if _is_card(lines[number + 1 : end]) else None
        words += line.kind is not Kind.EMPTY
    return None


def _is_card(lines: list[Line]) -> bool:
    """A few short lines that are no sentences, or a list's footer."""
    said = [line.seen for line in lines if line.seen]
    if any(word in seen for seen in said[:4] for word in _LIST_FOOTER):
        return True
    return len(said) <= MAX_CARD_LINES and not any(len(seen) > 60 or seen.endswith(("?", "!", ".")) for seen in said)
