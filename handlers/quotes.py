# SPDX-License-Identifier: Apache-2.0
"""The new words of a reply: the quoted tail and the signature cut off (`reply_text`).

Enters: the text of a mail. Leaves: what its author wrote now; in doubt too much rather than too little. Never fails:
every rule looks at one line and a bounded window around it, so the cost is linear (dependencies G23).
"""

import re

MAX_LINES = 20_000
MAX_LINE_CHARACTERS = 1_000  # no rule looks further into a line
WINDOW = 4  # lines that an attribution or a header block may take

_ATTRIBUTION_END: tuple[str, ...] = (
    "wrote:",
    "schrieb:",
    "a écrit :",
    "a écrit:",
    "escribió:",
    "ha scritto:",
    "escreveu:",
    "skrev:",
)
_ATTRIBUTION_END += ("schreef:", "napisał(a):", "написал:", "kirjoitti:", "wrote :")
_ATTRIBUTION_START: tuple[str, ...] = (
    "on ",
    "am ",
    "le ",
    "el ",
    "il ",
    "em ",
    "den ",
    "op ",
    "w dniu ",
    "dnia ",
    "at ",
    "quoting ",
)
_DIVIDER = re.compile(
    r"\s{0,3}(?:-{3,}|_{3,})\s?(?:original message|original appointment|forwarded message|reply message|"
    r"ursprüngliche nachricht|message d'origine|mensaje original|messaggio originale|oorspronkelijk bericht)\s?[-_]*",
)
_DATE = re.compile(r"(?<!\d)(?:\d{4}-\d\d|\d{1,2}[:.]\d\d|\d{1,2},? \d{4}|\d{1,2} [a-z])")
_BLOCK_FIRST = re.compile(r"\s{0,3}\*?(?:from|von|de|da|van|från|fra):\*?\s")
_BLOCK_NEXT = re.compile(r"\s{0,3}\*?(?:sent|date|gesendet|datum|envoyé|enviado|inviato|data|fecha|verzonden|skickat):")
_SENT_FROM = ("sent from my ", "sent from outlook", "sent via ", "von meinem ", "envoyé de mon ", "get outlook for ")


def new_text(text: str) -> str:
    """Cut the quoted tail and the signature."""
    lines = text.replace("\r\n", "\n").split("\n")
    seen = [line[:MAX_LINE_CHARACTERS].lower() for line in lines[:MAX_LINES]]
    end = _divider(seen)
    end = _quoted_tail(seen, min(end, len(seen)))
    if end == len(seen) < len(lines):
        return text.strip()
    return "\n".join(lines[: _signature(seen, end)]).strip() or text.strip()  # all quote: show what there is


def _divider(lines: list[str]) -> int:
    """Where a client that does not mark quotes puts the old mail below a line or a header block."""
    for number, line in enumerate(lines):
        if _DIVIDER.match(line):
            return number
        if line.rstrip().endswith(_ATTRIBUTION_END) and not any(map(_is_quoted, lines[number + 1 : number + WINDOW])):
            start = _attribution(lines, number + 1)
            if start is not None and lines[start].lstrip().startswith(_ATTRIBUTION_START) and _has_date(lines[start]):
                return start
        if _BLOCK_FIRST.match(line) and any(map(_BLOCK_NEXT.match, lines[number + 1 : number + WINDOW])):
            return number - 1 if number and lines[number - 1].startswith("____") else number
    return len(lines)


def _quoted_tail(lines: list[str], end: int) -> int:
    """Take the last quote away, if nothing but a signature stands below it, and the attribution above it."""
    below = _signature(lines, end)
    bottom = _skip_blank(lines, below)
    top = bottom
    while top and (lines[top - 1].startswith(">") or not lines[top - 1].strip()):
        top -= 1
    above = _attribution(lines, _skip_blank(lines, top))
    if above is not None:
        return above
    return top if top < bottom else end


def _attribution(lines: list[str], end: int) -> int | None:
    """Where "On ... wrote:" begins if it ends at this line; in other languages a date, an address and a colon."""
    last = lines[end - 1].rstrip() if end else ""
    window = range(end - 1, max(end - 1 - WINDOW, -1), -1)
    if not last.endswith(_ATTRIBUTION_END) and not (last.endswith(":") and any("@" in lines[n] for n in window[:2])):
        return None
    for number in window:
        if lines[number].lstrip().startswith(_ATTRIBUTION_START) or _has_date(lines[number]):
            return number
    return end - 1


def _has_date(line: str) -> bool:
    return _DATE.search(line) is not None


def _is_quoted(line: str) -> bool:
    return line.startswith(">")


def _signature(lines: list[str], end: int) -> int:
    """Where the signature begins: the last "-- " line (RFC 3676 §4.3), or a phone's boast as the last line."""
    for number in range(end - 1, max(end - 1 - 30, -1), -1):
        if lines[number] in ("-- ", "--", "-- \r"):
            return number
        if lines[number].startswith(">"):
            break
    last = _skip_blank(lines, end)
    return last - 1 if last and lines[last - 1].lstrip().startswith(_SENT_FROM) else end


def _skip_blank(lines: list[str], end: int) -> int:
    while end and not lines[end - 1].strip():
        end -= 1
    return end
