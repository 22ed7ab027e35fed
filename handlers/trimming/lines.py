# SPDX-License-Identifier: Apache-2.0
"""The lines of a mail as the trimming sees them: the words as they stand, a small-letter copy to judge by, and a kind.

Enters: text. Leaves: Lines. Never fails. No rule looks further into a line than MAX_SEEN_CHARACTERS, or at more lines
than MAX_LINES; what lies behind them is kept with the line before.
"""

from dataclasses import dataclass
from enum import Enum

MAX_LINES = 20_000
MAX_SEEN_CHARACTERS = 300
FULL_LINE, MAX_FULL_LINE = 72, 100  # characters where programs fold, and where they have not
COLONS = (":", "：", "፦", "՝")  # of all scripts

_QUOTE_MARKS = (">", "＞")
# Marks of direction and width that clients put around names, and the dot that a small Turkish I is left with.
_INVISIBLE = dict.fromkeys(
    (*range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2066, 0x206A), 0xFEFF, 0xAD, 0x307)
)
_UNSEEN = {**_INVISIBLE, 0xA0: " ", 0x202F: " ", 0x3000: " "}


class Kind(Enum):
    """What a line is by itself."""

    EMPTY = "empty"
    WORDS = "words"
    QUOTED = "quoted"
    INDENTED = "indented"  # a quote only if a line above it says so: "| x", "Ann> x", an HTML indentation
    ATTRIBUTION = "attribution"  # HTML says so
    OLD_MAIL = "old mail"  # HTML says that the old mail begins here
    SIGNATURE = "signature"  # HTML says so


@dataclass(frozen=True, slots=True)
class Line:
    """`seen` is in small letters, without invisible characters and space around it."""

    words: str
    seen: str
    kind: Kind


def line(words: str, said: Kind | None = None) -> Line:
    """A line; `said` is what HTML says of it."""
    seen = words if len(words) <= MAX_SEEN_CHARACTERS else words[:MAX_SEEN_CHARACTERS] + "…"
    seen = seen.lower()
    seen = (seen if seen.isascii() else seen.translate(_UNSEEN)).replace("&nbsp;", " ").strip()
    if said is None or (not seen and said is not Kind.OLD_MAIL):
        return Line(words, seen, _kind(seen))
    return Line(words, seen, said)


def lines_of(text: str) -> list[Line]:
    """The lines of a text, the OpenPGP frame of a signed one taken off; the last one holds all that is too much."""
    pieces = text.replace("\r\n", "\n").replace("\r", "\n").split("\n", MAX_LINES)
    found = [line(words) for words in _unframed(pieces)]
    for number in range(1, len(found)):
        if _is_broken_off(found[number - 1], found[number]):
            found[number] = Line(found[number].words, found[number].seen, Kind.QUOTED)
    return found


def words_of(lines: list[Line]) -> str:
    """What people read; empty lines around it go."""
    return "\n".join(line.words for line in lines).strip()


def _is_broken_off(above: Line, below: Line) -> bool:
    """Whether a program without manners folded a quoted line: it was full, and goes on in the middle of a sentence."""
    if above.kind is not Kind.QUOTED or below.kind is not Kind.WORDS or not below.words[:1].islower():
        return False
    first = below.words.partition(" ")[0]
    full = len(above.words.rstrip()) + 1 + len(first) >= FULL_LINE
    return full and len(above.words) <= MAX_FULL_LINE and (above.seen[-1].isalnum() or above.seen[-1] == ",")


def is_plain(line: Line) -> bool:
    """Whether words stand there without a mark of their own, indented by HTML or not."""
    return line.kind is Kind.WORDS or (line.kind is Kind.INDENTED and _kind(line.seen) is Kind.WORDS)


def next_words(lines: list[Line], number: int) -> int:
    """The next line that is not empty; the end if there is none."""
    while number < len(lines) and lines[number].kind is Kind.EMPTY:
        number += 1
    return number


def end_of_words(lines: list[Line], end: int) -> int:
    """The end without empty lines before it."""
    while end and lines[end - 1].kind is Kind.EMPTY:
        end -= 1
    return end


def _kind(seen: str) -> Kind:
    if not seen:
        return Kind.EMPTY
    if seen.startswith(_QUOTE_MARKS):
        return Kind.QUOTED
    mark = seen.find(">", 0, 14)
    if seen[0] == "|" or (mark > 0 and seen[:mark].isalpha()):
        return Kind.INDENTED
    return Kind.WORDS


def _unframed(pieces: list[str]) -> list[str]:
    """Without OpenPGP's "BEGIN PGP SIGNED MESSAGE", the fields below it, escaped dashes and the signature."""
    if not any(piece.startswith("-----BEGIN PGP SIG") for piece in pieces):
        return pieces
    kept: list[str] = []
    inside = ""
    for piece in pieces:
        if piece.startswith(("-----BEGIN PGP SIGNED", "-----BEGIN PGP SIGNATURE")):
            inside = "fields" if "SIGNED" in piece else "signature"
        elif inside == "fields":
            inside = "fields" if ": " in piece else ""
        elif inside == "signature" and (piece.startswith("-----END PGP") or (" " in piece and ": " not in piece)):
            inside = ""
            kept += [] if piece.startswith("-----END PGP") else [piece]
        elif not inside:
            kept.append(piece.removeprefix("- ") if piece.startswith("- -") else piece)
    return kept
