# SPDX-License-Identifier: Apache-2.0
"""The new words of a mail: quotes, old mails and the signature cut off (`reply_text`).

Enters: the text or the HTML of a mail. Leaves: what its author wrote now; in doubt too much rather than too little.
Never fails: every rule looks at one line and a bounded window around it, so the cost is linear (dependencies G23).
Answers between quoted lines stay with what they answer; a mail that only passes another on stays, less its fields.
"""

from itertools import accumulate

from handlers.trimming.attributions import Attribution, attributions, quote_below
from handlers.trimming.divider_words import ANSWERS, INLINE, PLACES
from handlers.trimming.lines import Kind, Line, end_of_words, lines_of, next_words, words_of
from handlers.trimming.old_mail import begins_with_field, old_mails
from handlers.trimming.pages import lines_of_page
from handlers.trimming.signatures import without_signature

POOR = 5  # times fewer letters than the page beside it, and not from it: "Your program shows no HTML"

ABOVE = 20  # lines above an old mail that may say that answers stand in it

_NO_WORDS = frozenset(Kind) - {Kind.WORDS, Kind.INDENTED}


def new_text(text: str) -> str:
    """What the author of a text wrote."""
    return words_of(_new(lines_of(text))) or text.strip()  # all quote: show what there is


def new_text_of_html(page: str) -> str:
    """What the author of an HTML page wrote, as text."""
    lines = lines_of_page(page)
    return words_of(_new(lines)) or words_of(lines)


def new_text_of(text: str, page: str | None) -> str:
    """What the author of a mail wrote that has a text and perhaps a page; the page is read where the text is poor."""
    if not page:
        return new_text(text)
    new, lines = new_text(text), lines_of_page(page)
    said, shown = _letters(text), _letters(words_of(lines))
    poor = not said or (len(said) * POOR < len(shown) and _letters(new) not in shown)
    return new_text_of_html(page) if poor or said == shown else new


def _letters(words: str) -> str:
    return "".join(filter(str.isalnum, words))


def _new(lines: list[Line]) -> list[Line]:
    olds, named = [old for old in old_mails(lines) if not _is_shown(lines, old.start)], attributions(lines)
    first = next_words(lines, 0)
    if olds and olds[0].start <= first:
        return lines[olds[0].stop :]  # passed on, and nothing said above
    said = _Said(lines)
    end = min((old.start for old in olds), default=len(lines))
    if any(_tells_of_answers(line.seen) for line in lines[:end][-ABOVE:]):
        end, named = len(lines), []
    end = _end(lines, said, end, [one for one in named if one.start < end])
    return _answers(lines, _begin(lines, said, first, end, named), end, named)


def _tells_of_answers(seen: str) -> bool:
    """ "My answers below", "Antworten in Rot", "see inline"; not "thank you for your reply below"."""
    if seen.strip(" .:!-*()[]") in INLINE:
        return True
    told = any(word in seen for word in ANSWERS) and any(_has_word(seen, place) for place in PLACES)
    return told and "your " not in seen


def _has_word(seen: str, word: str) -> bool:
    at = seen.find(word)
    return at >= 0 and (not word.isascii() or not seen[at + len(word) : at + len(word) + 1].isalpha())


def _is_shown(lines: list[Line], start: int) -> bool:
    """Whether the author presents a mail: "I got this:", and its fields without what a client draws above them."""
    above = end_of_words(lines, start)
    presented = above > 0 and lines[above - 1].kind is Kind.WORDS and lines[above - 1].seen.endswith((":", "："))
    return presented and begins_with_field(lines[start])


class _Said:
    """How many lines hold words of their own between two places."""

    def __init__(self, lines: list[Line]) -> None:
        self.before = [0, *accumulate(line.kind not in _NO_WORDS for line in lines)]

    def between(self, start: int, end: int) -> bool:
        return self.before[max(start, end)] > self.before[start]


def _end(lines: list[Line], said: _Said, end: int, named: list[Attribution]) -> int:
    """Where the words end that are new: at a quote with nothing said below it, or at a signature."""
    bottom = without_signature(lines, end)
    for one in named:
        below = quote_below(lines, one.stop)
        unmarked = one.sure and below == one.stop
        if said.between(0, one.start) and (unmarked or (below > one.stop and not said.between(below, bottom))):
            end = one.start
            break
    end = top = without_signature(lines, end)
    while top and lines[top - 1].kind in _NO_WORDS:
        top -= 1
    if not top or lines[top - 1].seen.endswith(":"):  # the author presents the quote
        return end
    return without_signature(lines, top)


def _begin(lines: list[Line], said: _Said, first: int, end: int, named: list[Attribution]) -> int:
    """Behind the attribution that the mail begins with, and behind its quote if only one answer follows."""
    if not named or named[0].start != first:
        return 0
    stop = named[0].stop
    below = quote_below(lines, stop)
    if below == stop:
        return stop if named[0].sure and said.between(stop, end) else 0
    answered = said.between(below, end) and not any(line.kind is Kind.QUOTED for line in lines[below:end])
    return below if answered else 0


def _answers(lines: list[Line], begin: int, end: int, named: list[Attribution]) -> list[Line]:
    """The lines kept; attributions of quotes that are answered piece by piece go."""
    gone = {number for one in named if one.sure for number in range(one.start, one.stop)}
    kept = [line for number, line in enumerate(lines[begin:end], begin) if number not in gone]
    return kept if any(line.kind not in _NO_WORDS for line in kept) else lines[begin:end]
