# SPDX-License-Identifier: Apache-2.0
"""What stands below the words without being said: the signature, a telephone's "Sent from", a list's footer.

Enters: lines and where they end. Leaves: where the words end. Never fails. "-- " (RFC 3676 §4.3) and the dashes
clients make of it cut what is below when that is short; other rules only what looks like a signature; a greeting stays.
"""

from handlers.trimming.boasts import is_boast
from handlers.trimming.cards import (
    has_afterthought,
    is_card,
    is_mostly_contact,
    tells_contact,
    tells_name,
)
from handlers.trimming.footers import is_footer
from handlers.trimming.lines import Kind, Line, end_of_words, next_words
from handlers.trimming.old_mail import is_rule

MAX_SIGNATURE_LINES = 16  # with words
MAX_SECTION_LINES = 200  # above a rule, where another one of its kind makes both of them headings or tables
LONG_RULE = 30
MAX_RULES = 10  # at the end
MAX_DELIMITERS = 50

_DELIMITERS = ("--", "—", "–", "__", "ᐧ")


def without_signature(lines: list[Line], end: int) -> int:
    """Where the words end: signatures and telephones' lines are taken off from below, as often as there are some."""
    for turn in range(MAX_DELIMITERS):
        below = _without_boasts(lines, end)
        above = _delimiter(lines, below, end)
        if above is None:
            return below
        if turn and not (_is_exact(lines[above]) or is_card(lines[above + 1 : below])):
            return below  # a list's footer may stand below a signature, but not below more words
        end = above
    return end


def _without_boasts(lines: list[Line], end: int) -> int:
    """Take off telephones' lines, rules, empty lines, and what HTML says is a signature."""
    top = next_words(lines, 0)  # stays: somebody may write about telephones, or into the signature
    kinds = {Kind.EMPTY, Kind.SIGNATURE} - {line.kind for line in lines[top : top + 1]}
    rules = 0
    while end > top + 1:
        last = lines[end - 1]
        if is_rule(last) and rules < MAX_RULES and not _is_repeated(lines, end - 1, end):
            rules += 1
        elif last.kind not in kinds and not is_boast(last):
            break
        end -= 1
    return end


def _delimiter(lines: list[Line], end: int, bottom: int) -> int | None:
    """The next delimiter above with nothing but a signature below; `bottom` is where rules and the like end."""
    words = 0
    for number in range(end - 1, -1, -1):
        line = lines[number]
        if line.kind is Kind.QUOTED or words > MAX_SIGNATURE_LINES:
            return None
        if line.kind is Kind.WORDS and (line.seen in _DELIMITERS or is_rule(line)) and not _closes(lines, number, end):
            return number if _divides(lines, number, end, bottom) else None
        words += line.kind is not Kind.EMPTY
    return None


def _closes(lines: list[Line], number: int, end: int) -> bool:
    """Whether it is the lower rule of two that stand around something."""
    return number + 1 == end and is_rule(lines[number]) and _is_repeated(lines, number, end)


def _is_exact(line: Line) -> bool:
    return line.words.rstrip("\r") == "-- "


def _divides(lines: list[Line], number: int, end: int, bottom: int) -> bool:
    """Whether a rule divides words from a signature, and no heading, table or section from the next."""
    line, below = lines[number], lines[number + 1 : end]
    if has_afterthought(below):
        return False
    if _is_exact(line):
        return not below or below[0].kind is not Kind.EMPTY or is_card(below)
    apart = number > 0 and lines[number - 1].kind in (Kind.EMPTY, Kind.QUOTED)
    if not _is_announced(lines, number) and is_footer(line, below, under_words=not apart):
        return True
    close = bool(below) and below[0].kind is not Kind.EMPTY
    usual = line.seen in _DELIMITERS
    if _is_repeated(lines, number, bottom):
        return usual and apart and close and (is_card(below) or _is_below_card(lines, number))
    if not below:
        return True
    if (usual or _is_long(line)) and apart and close and not _is_announced(lines, number):
        return is_card(below) or is_mostly_contact(below)
    return _tells_who(line, below) if (usual and apart) or ((usual or apart) and close) else False


def _is_announced(lines: list[Line], number: int) -> bool:
    """Whether the words above say that something follows: "Please order:"."""
    above = end_of_words(lines, number)
    return above > 0 and lines[above - 1].seen.endswith((":", "："))


def _is_long(line: Line) -> bool:
    """As long as programs draw them, people rarely."""
    return len(line.seen) >= LONG_RULE and line.seen[0] in "-_"


def _tells_who(line: Line, below: list[Line]) -> bool:
    """A card that says by itself that it is one; a row of "=" is under a heading or around a list more often."""
    return is_card(below) and (tells_contact(below) or (not line.seen.startswith("=") and tells_name(below)))


def _is_below_card(lines: list[Line], number: int) -> bool:
    """Whether a signature stands above, so that a list's or a program's footer may follow it."""
    above = number - 1
    while above >= 0 and number - above <= MAX_SIGNATURE_LINES and lines[above].seen != lines[number].seen:
        above -= 1
    card = lines[above + 1 : number]
    return (
        above >= 0
        and lines[above].seen == lines[number].seen
        and is_card(card)
        and bool(next_words(card, 0) < len(card))
    )


def _is_repeated(lines: list[Line], number: int, bottom: int) -> bool:
    """Whether another rule of this kind stands near, as in tables and around what is shown."""
    top, seen = max(number - MAX_SECTION_LINES, 0), lines[number].seen
    return any(one.seen == seen for at, one in enumerate(lines[top:bottom], top) if at != number)
