# SPDX-License-Identifier: Apache-2.0
"""Where an old or a passed-on mail begins without marks: a divider, a block of header fields, "reply above this line".

Enters: lines. Leaves: the places, top down. Never fails. A block needs three kinds of fields, among them a date,
and an author's address, a rule above, or author, receiver, subject and a field that only mail has: bookings and letters
stay, and so do fields that somebody pasted without a date. Each line is read once.
"""

import re
from dataclasses import dataclass

from handlers.trimming.attributions import has_moment
from handlers.trimming.divider_words import ANSWER_ABOVE, OLD_MAIL, WHOLE_LINES
from handlers.trimming.header_words import FROM, KIND_OF, OTHER, PLAIN_DATES, REPLY_TO, SENT, SUBJECT, TO
from handlers.trimming.lines import Kind, Line, end_of_words, next_words
from handlers.trimming.notes_block import notes_block

RULE_CHARACTERS = "-_=*#~—–‐‑‒─━• ·"
MAX_NAME_CHARACTERS = 30
MAX_REQUEST_CHARACTERS = 28  # "Reply above this line.", alone
MAX_BLOCK_LINES = 40
SUMMARY_RULES = 2
FOLDED_LINES = 6  # of one field, in a block

_TECHNICAL = ("received:", "return-path:", "dkim-signature:", "mime-version:", "content-type:", "x-", "delivered-to:")
_SENT = frozenset(name for name, kind in KIND_OF.items() if kind == SENT) - PLAIN_DATES  # of nothing but mail
_NEEDED = {FROM, TO, SUBJECT}  # where no address says who wrote
_NOTES_NAME = re.compile(r"[^/]{2,60}/[A-Z\d]{2,40}(?:/[A-Z\d]{2,40})*\s*$")  # "Ann Miller/FIRM"
_AROUND = '>*_|•"“” \t'


@dataclass(frozen=True, slots=True)
class OldMail:
    """`lines[start:stop]` is what the client wrote above the old mail."""

    start: int
    stop: int


def old_mails(lines: list[Line]) -> list[OldMail]:
    """All places, those in quotes left out."""
    found: list[OldMail] = []
    names = [_field(line) for line in lines]
    number = 0
    while number < len(lines):
        stop = _stop(lines, names, number)
        notes = notes_block(lines, number)
        if stop > number:
            found.append(OldMail(_with_rules(lines, number), stop))
        elif notes is not None:
            found.append(OldMail(*notes))
            stop = notes[1]
        number = max(stop, number + 1)
    return found


def begins_with_field(line: Line) -> bool:
    """Whether a header field's name and its colon stand there."""
    return _field(line) is not None


def is_rule(line: Line) -> bool:
    """A line of dashes or the like."""
    return len(line.seen) > 2 and line.kind is Kind.WORDS and not line.seen.strip(RULE_CHARACTERS)


def _stop(lines: list[Line], names: list[str | None], number: int) -> int:
    """Where the client's words end that begin here; `number` if none do."""
    line = lines[number]
    if line.kind is Kind.QUOTED and _is_groupwise(line.seen):
        return number + 1
    if line.kind is Kind.OLD_MAIL or (line.kind is Kind.WORDS and _is_divider(line.seen)):
        return _block(lines, names, next_words(lines, number + 1))[0] or number + 1
    if line.kind is Kind.WORDS and _is_dashed(line.seen):  # in a language or of a client that we do not know
        below = next_words(lines, number + 1)
        return _block(lines, names, below)[0] if names[below : below + 1] in ([FROM], [SENT], [SUBJECT]) else number
    if names[number] not in (FROM, SENT, SUBJECT):
        return number
    stop, kinds = _block(lines, names, number)
    return stop if _is_mail(lines, number, stop, kinds | _further(line.seen)) else number


def _is_mail(lines: list[Line], start: int, stop: int, kinds: set[str]) -> bool:
    if len(kinds) < 3 or SENT not in kinds:
        return False
    if any(line.seen.startswith(_TECHNICAL) for line in lines[max(start - 1, 0) : stop + 1]):
        return False  # somebody shows us the header section of a mail
    above = end_of_words(lines, start)
    if above > 0 and is_rule(lines[above - 1]):
        return True
    written = any("@" in line.seen and _field(line) == FROM for line in lines[start:stop])
    if written or not kinds >= _NEEDED:
        return written
    fields = lines[start:stop]
    timed = any(_field(line) == SENT and has_moment(line.seen) for line in fields)
    return any(_is_sent(line) for line in fields) or (timed and any(_is_of_mail(line) for line in fields))


def _is_of_mail(line: Line) -> bool:
    """A field that bookings do not have: where an answer goes, or an author as Notes names them."""
    return _name(line.seen) in REPLY_TO or (_field(line) == FROM and _NOTES_NAME.search(line.words) is not None)


def _is_sent(line: Line) -> bool:
    """A field that says when a mail was sent, by a name that bookings and forms do not have."""
    named = _field(line) == SENT and _name(line.seen) in _SENT
    return named or not _SENT.isdisjoint(_names_behind(line.seen))


def _block(lines: list[Line], names: list[str | None], number: int) -> tuple[int, set[str]]:
    """(end, kinds) of the header fields that stand here, folded ones and empty lines between included; 0 for none."""
    kinds: set[str] = set()
    stop, at = 0, number
    while at < min(len(lines), number + MAX_BLOCK_LINES) and at - max(stop, number) < FOLDED_LINES:
        name = names[at]
        if name is not None:
            kinds.add(name)
            stop = at + 1
        elif lines[at].kind is Kind.EMPTY:
            following = next_words(lines, at)
            if following - at > 1 or following == len(lines) or names[following] is None:
                break
        elif not kinds:
            break
        at += 1
    return stop, kinds - {OTHER}


def _field(line: Line) -> str | None:
    """The kind of header field that a line begins; names in Chinese may be spaced to one width."""
    if line.kind is not Kind.WORDS:
        return None
    name = _name(line.seen)
    return KIND_OF.get(name) or (None if name.isascii() else KIND_OF.get(name.replace(" ", "")))


def _name(seen: str) -> str:
    colon = min((at for at in (seen.find(mark, 0, MAX_NAME_CHARACTERS) for mark in ":：") if at > 0), default=0)
    return seen[:colon].strip(_AROUND)


def _further(seen: str) -> set[str]:
    """The kinds of the fields behind the first that a program has joined to one line."""
    return {KIND_OF[name] for name in _names_behind(seen) if name in KIND_OF} - {OTHER}


def _names_behind(seen: str) -> list[str]:
    return [word for piece in seen.split(":")[1:-1] for word in piece.split()[-1:]]


def _is_groupwise(seen: str) -> bool:
    """ ">>> Ann <ann@firm.example> 02.11.2026 15:04 >>>", with an old mail without marks below."""
    return seen.startswith(">>> ") and seen.endswith(" >>>") and has_moment(seen)


def _is_dashed(seen: str) -> bool:
    """Some words between dashes."""
    return seen.startswith(("--", "==", "__", "**")) and seen.endswith(("--", "==", "__", "**")) and " " in seen


def _is_divider(seen: str) -> bool:
    seen = seen.lstrip("\\") or seen  # as Markdown escapes it
    if seen in WHOLE_LINES or (len(seen) <= MAX_REQUEST_CHARACTERS and seen.startswith(ANSWER_ABOVE)):
        return True
    if seen[0] not in RULE_CHARACTERS:
        return False
    core = seen.strip(RULE_CHARACTERS + "><:：")
    if not core or seen[:2].strip(RULE_CHARACTERS):
        return False
    return core.startswith(OLD_MAIL) or any(words in core for words in ANSWER_ABOVE)


def _is_summary(line: Line) -> bool:
    """ "Ann ---02.11.2026 15:04:05---Dear Carl, did you"."""
    return line.kind is Kind.WORDS and line.seen.count("---") == SUMMARY_RULES and has_moment(line.seen)


def _with_rules(lines: list[Line], start: int) -> int:
    """The rules and empty lines right above belong to it, and the line in which Notes sums up."""
    above = end_of_words(lines, start)
    while above and (is_rule(lines[above - 1]) or _is_summary(lines[above - 1])):
        start = above - 1
        above = end_of_words(lines, start)
    return start
