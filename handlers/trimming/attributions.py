# SPDX-License-Identifier: Apache-2.0
"""Where a client says whose words are quoted: "On ... wrote:", in any language, order and folding.

Enters: lines. Leaves: the attributions found, top down. Never fails. What counts: a colon at the end, and before it on
up to WINDOW lines a verb, a day, a time, an address. Sure is what has a verb and an address in brackets, or a verb, a
day and a time in a whole clause, or all but the verb in one that ends at the address, below a greeting and a name; the
rest counts only above quoted lines, and so does what a person tells of somebody.
No more than MAX_CANDIDATES lines are considered.
"""

import re
from dataclasses import dataclass
from enum import IntFlag, auto

from handlers.trimming.attribution_words import (
    AUXILIARIES,
    PRONOUNS,
    STARTS,
    TELLING,
    UNSPACED_TELLING,
    UNSPACED_VERBS,
    VERBS,
)
from handlers.trimming.cards import is_signed_off
from handlers.trimming.lines import COLONS, Kind, Line, end_of_words, is_plain, next_words

MAX_CANDIDATES = 200
WINDOW = 5  # lines that an attribution may take
GAP = 2  # empty lines between it and the quote

_DAY = re.compile(
    r"(?<!\d)(?:\d{1,2}[./-]\s?\d{1,2}[./-]\s?\d{2,4}|\d{4}[-/.年]|\d{1,2}(?:st|nd|rd|th)?\.?,? (?:de )?[^\W\d_]{3}|"
    r"(?:19|20|25)\d\d(?!\d)|\d{1,2}[月일])|[^\W\d_]{3}\.? \d{1,2}(?!\d)"
)
_YEAR = re.compile(r"(?:19|20|25)\d\d|\d{1,2}[./-]\s?\d{1,2}[./-]\s?\d{2}")
_TIME = re.compile(r"(?<!\d)\d{1,2}(?:[:.]\d\d(?!\.?\d{3})|h\d\d|[時点时] ?\d{1,2})")
_COLON_END = (*COLONS, ":*", ": *", ":_", ":-", "----", "---")
_DATE_FIRST = re.compile(r"\d|[^\W\d_]{1,3}\.?,? \d|[^\W\d_]{1,12}\.?, \d")
_ADDRESS_LAST = re.compile(r"(?:[>)\]]|@[^\s<>()\[\]]{1,255}) ?(?:" + "|".join(COLONS) + ")$")
_SENTENCE = re.compile(r"[^\W\d_]{4}[.!?]$|[!?]$")
_BRACKETS = frozenset("<>()[]")
_FOLDED = ("<", "(", "[", "mailto:")


class Has(IntFlag):
    """What an attribution is made of."""

    VERB = auto()
    DAY = auto()
    TIME = auto()
    ADDRESS = auto()
    NAMED = auto()  # an address with brackets around, as clients write it behind a name


_WHEN = Has.DAY | Has.TIME


@dataclass(frozen=True, slots=True)
class Attribution:
    """`lines[start:stop]`; whoever is sure needs no quoted lines below."""

    start: int
    stop: int
    sure: bool


def attributions(lines: list[Line]) -> list[Attribution]:
    """All of them, those in quotes left out."""
    found: list[Attribution] = []
    candidates = 0
    for number, line in enumerate(lines):
        if line.kind is Kind.ATTRIBUTION:
            found.append(Attribution(number, number + 1, sure=True))
        elif _may_end(lines, number) and candidates < MAX_CANDIDATES:
            candidates += 1
            one = _ending_at(lines, number, found[-1].stop if found else 0)
            found += [one] if one else []
    return found


def quote_below(lines: list[Line], stop: int) -> int:
    """The end of the quoted lines below an attribution, empty lines in them included; `stop` if there are none."""
    first = next_words(lines, stop)
    if first - stop > GAP or first == len(lines) or lines[first].kind not in (Kind.QUOTED, Kind.INDENTED):
        return stop
    end = at = first
    while at < len(lines) and lines[at].kind in (Kind.QUOTED, Kind.INDENTED, Kind.EMPTY):
        at += 1
        end = at if lines[at - 1].kind is not Kind.EMPTY else end
    return end


def has_moment(seen: str) -> bool:
    """Whether a day and a time stand in it."""
    return bool(_DAY.search(seen) and _TIME.search(seen))


def _may_end(lines: list[Line], number: int) -> bool:
    """A line that ends like an attribution, or in an address with a quote right below."""
    seen = lines[number].seen
    if _ends(seen):
        return is_plain(lines[number]) or _is_verb_alone(lines[number])
    open_end = seen.endswith((">", ")", "]")) or ("@" in seen and has_moment(seen))
    return lines[number].kind is Kind.WORDS and open_end and _is_above_quote(lines, number)


def _ends(seen: str) -> bool:
    """In a colon, or as news readers name the article: "wrote in message news:a@b.example..."."""
    return seen.endswith(_COLON_END) or (seen.endswith("...") and "news:" in seen)


def _is_verb_alone(line: Line) -> bool:
    """ "> wrote:", whose mark ends an address folded above."""
    return line.seen.endswith(_COLON_END) and len(line.seen) < 30 and _has(line.seen.lstrip("> ")) == Has.VERB


def _is_above_quote(lines: list[Line], number: int) -> bool:
    if quote_below(lines, number + 1) == number + 1:
        return False
    return not _is_verb_alone(lines[next_words(lines, number + 1)])


def _ending_at(lines: list[Line], number: int, floor: int) -> Attribution | None:
    start, has = _reach(lines, number, floor)
    sure = _is_sure(has, lines[number].seen) and not _is_told(lines[start : number + 1])
    if sure and Has.ADDRESS not in has:
        sure = quote_below(lines, number + 1) > number + 1 or _is_clause(lines, start, number + 1)
    if not sure and _WHEN | Has.ADDRESS in has and _is_verbless(lines, start, number + 1):
        sure = _is_above_quote(lines, number) or is_signed_off(lines[:start])  # else a log, or notes of a talk
    if sure or (_is_likely(has, lines[number].seen) and _is_above_quote(lines, number)):
        return Attribution(start, number + 1, sure)
    return None


def _is_sure(has: Has, last: str) -> bool:
    if not _ends(last):
        return False
    return Has.VERB in has and (Has.NAMED in has or _WHEN in has or Has.ADDRESS | Has.DAY in has)


def _is_told(lines: list[Line]) -> bool:
    """Whether a person tells it: "your colleague wrote", "schrieb mir"."""
    if lines[0].seen.startswith(PRONOUNS) or any(not TELLING.isdisjoint(line.words.split()) for line in lines):
        return True
    return any(words in line.seen for line in lines if not line.seen.isascii() for words in UNSPACED_TELLING)


def _is_clause(lines: list[Line], start: int, stop: int) -> bool:
    """The whole of what a client writes if it leaves out the address: when, with the year, and a name at the verb."""
    if start and lines[start - 1].kind is Kind.WORDS:
        return False
    words = " ".join(line.words for line in lines[start:stop])
    first = lines[start].seen
    if not (first.startswith(STARTS) or first[:1].isdigit()) or not _YEAR.search(words):
        return False
    pieces = [piece.strip("\"',:：") for piece in words.split()]
    pieces = [piece for piece in pieces if piece and piece not in AUXILIARIES]
    verb = next((at for at, piece in enumerate(pieces) if piece.lower() in VERBS), len(pieces) - 1)
    name = pieces[verb + 1] if verb + 1 < len(pieces) else pieces[verb - 1]
    return not name[:1].islower()


def _is_verbless(lines: list[Line], start: int, stop: int) -> bool:
    """A paragraph that begins with a date and ends in a name's address: "2.11.2026, 15:04, Ann <ann@firm.example>:"."""
    above = end_of_words(lines, start)
    announced = above > 0 and lines[above - 1].seen.endswith(COLONS)
    first = lines[start].seen
    if above == start or announced or not (_DATE_FIRST.match(first) or first.startswith(STARTS)):
        return False
    words = " ".join(line.words for line in lines[start:stop])
    name = words[: max(words.rfind("<"), words.rfind("("), 0)].split()[-1:]  # of a person; a log has small letters
    named = not name or not name[0].strip("\"'")[:1].islower()
    ends = _ADDRESS_LAST.search(lines[stop - 1].seen) is not None and _YEAR.search(words) is not None
    return ends and named and not _is_told(lines[start:stop])


def _is_likely(has: Has, last: str) -> bool:
    if not last.endswith(_COLON_END):
        return Has.ADDRESS | Has.DAY in has
    return Has.VERB in has or Has.ADDRESS in has or _WHEN in has


def _reach(lines: list[Line], number: int, floor: int) -> tuple[int, Has]:
    """Where it begins, and what it has: upward until it has all, or a sentence or a paragraph ends."""
    start, has = number, _has(lines[number].seen)
    best = (start, has)
    for above in range(number - 1, max(number - 1 - WINDOW, floor - 1), -1):
        if _is_whole(lines[start].seen, has) or not _goes_on(lines, above, start):
            break
        if lines[above].kind is not Kind.EMPTY:
            more = _has(lines[above].seen)
            start, has = above, has | more
            best = (start, has) if more else best
    return best


def _is_whole(first: str, has: Has) -> bool:
    if Has.DAY not in has or Has.VERB not in has:
        return False
    return first.startswith(STARTS) or first[:1].isdigit() or Has.ADDRESS in has


def _goes_on(lines: list[Line], above: int, below: int) -> bool:
    """Whether this line may be the upper part of the one below."""
    one = lines[above]
    if one.kind is Kind.EMPTY:  # folded by a program that puts an address on a line of its own
        return lines[below].seen.startswith(_FOLDED)
    return is_plain(one) and not one.seen.endswith(_COLON_END) and not _SENTENCE.search(one.seen)


def _has(seen: str) -> Has:
    has = Has(0)
    if not VERBS.isdisjoint(seen.replace(":", " ").split()) or _has_unspaced_verb(seen):
        has |= Has.VERB
    if _DAY.search(seen):
        has |= Has.DAY
    if _TIME.search(seen):
        has |= Has.TIME
    if "@" in seen:
        has |= Has.ADDRESS if _BRACKETS.isdisjoint(seen) else Has.ADDRESS | Has.NAMED
    return has


def _has_unspaced_verb(seen: str) -> bool:
    return not seen.isascii() and any(verb in seen for verb in UNSPACED_VERBS)
