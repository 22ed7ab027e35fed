# SPDX-License-Identifier: Apache-2.0
"""Whether lines below a rule look like a signature, and no list, part or question that goes on.

Enters: lines. Leaves: yes or no; in doubt no. Never fails. A card has short lines and no sentences; how much it must
tell by itself, a name or how to reach somebody, depends on the rule above.
"""

import re

from handlers.trimming.lines import Kind, Line

MAX_LINES = 8
MAX_CHARACTERS = 60
MAX_ENDING = 8  # lines of a greeting and names, empty ones included
MAX_NAMES = 3
MAX_GREETING_CHARACTERS = 30

_SENTENCE_ENDS = ("?", "!", ".", "。", "？", "！")
# "Inc.", "e.V.", "S.p.A.": a full stop that ends no sentence.
_SHORTENED = re.compile(
    r"(?:^|[\s(,])(?:[^\W\d_]{1,2}\.\s?)*(?:inc|ltd|corp|llc|co|kg|bros|dept|univ|dipl|[^\W\d_]{1,2})\.$"
)
_CONTACT = re.compile(
    r"@\w|https?://|\bwww\.|\+\s?\d|\d{2,5}[ /)-]{1,2}\d{3}|\b(?:tel|fon|phone|mob|cell|fax)\w{0,8}[.:\s]{1,3}[\d(]"
)
# What a letter ends in may stand below the rule, too.
_GREETINGS = (
    *(
        "best",
        "kind",
        "regards",
        "cheers",
        "sincerely",
        "yours",
        "thanks",
        "thank you",
        "mit freundlichen",
        "viele grü",
    ),
    *(
        "beste grü",
        "liebe grü",
        "freundliche grü",
        "mfg",
        "gruß",
        "cordialement",
        "bien à vous",
        "saludos",
        "un saludo",
    ),
    *("atentamente", "cordiali", "distinti", "saluti", "met vriendelijke", "groet", "med vänlig", "vänlig", "mvh"),
    *("med venlig", "hilsen", "vennlig", "ystävällisin", "terveisin", "z poważaniem", "pozdraw", "s pozdravem"),
    *("üdvözlettel", "cu stimă", "с уважением", "з повагою", "saygılarımla", "atenciosamente", "abraços", "obrigad"),
)
# "I cannot unsubscribe at https://x"; "us" and "me" are in addresses, too.
_ASKED = re.compile(r"\b(?:i|ich|please(?! consider the env)|bitte)\b|^unsubscribe(?:$| \S+@)")
_LABEL = re.compile(r"[^\s:：](?:[^:：]{0,28})[:：]\s*\S")
_AFTERTHOUGHT = re.compile(r"p\.?\s?p?\.?\s?s\b\.?(?:\s|$|[:：.\-–—])|ps?[:：]|p\.\s?d\.|пс\b|з\.\s?і\.")


def is_card(lines: list[Line]) -> bool:
    """A few short lines that are no sentences, say nothing of "I", and are no list of values."""
    said = [line for line in lines if line.kind is not Kind.EMPTY]
    if len(said) > MAX_LINES or any(_is_sentence(line.seen) or _ASKED.search(line.seen) for line in said):
        return False
    return tells_contact(said) or not said or not all(_LABEL.match(line.seen) for line in said)


def tells_name(lines: list[Line]) -> bool:
    """Nothing but words that begin with a capital, as names do; in scripts without capitals nothing says so."""
    said = [line for line in lines if line.kind is not Kind.EMPTY]
    if len(said) > 1 and said[0].seen.startswith(_GREETINGS):
        said = said[1:]
    return bool(said) and all(_is_name(line.words) for line in said)


def is_signed_off(lines: list[Line]) -> bool:
    """Whether they end in a greeting and a name, so that their author has said all."""
    last = [line for line in lines[-MAX_ENDING:] if line.kind is not Kind.EMPTY]
    at = next((at for at, line in enumerate(last[:-1]) if _is_greeting(line.seen)), None)
    return at is not None and len(last) - at <= MAX_NAMES + 1 and tells_name(last[at + 1 :])


def _is_greeting(seen: str) -> bool:
    return (
        seen.startswith(_GREETINGS) and len(seen) <= MAX_GREETING_CHARACTERS and (seen[-1].isalpha() or seen[-1] == ",")
    )


def tells_contact(lines: list[Line]) -> bool:
    """A line says how to reach somebody."""
    return any(_CONTACT.search(line.seen) for line in lines)


def is_mostly_contact(lines: list[Line]) -> bool:
    """Half of a few lines say so: a scanner's footer with its links."""
    said = [line for line in lines if line.kind is not Kind.EMPTY]
    return 0 < len(said) <= MAX_LINES and 2 * sum(tells_contact([line]) for line in said) >= len(said)


def has_afterthought(lines: list[Line]) -> bool:
    """A postscript stands among them."""
    return any(_AFTERTHOUGHT.match(line.seen) for line in lines)


def _is_sentence(seen: str) -> bool:
    if len(seen) > MAX_CHARACTERS:
        return True
    if " " not in seen and seen.endswith(("!", ".")):
        return False  # "Thanks!"
    return seen.endswith(_SENTENCE_ENDS) and not _SHORTENED.search(seen)


def _is_name(words: str) -> bool:
    pieces = [piece.strip(".,;\"'()|/*_ ") for piece in words.split()]
    telling = [piece for piece in pieces if len(piece) > 3 or piece[:1].isupper()]
    return bool(telling) and all(piece[0].isupper() for piece in telling) and not any(map(str.isdigit, words))
