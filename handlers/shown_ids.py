# SPDX-License-Identifier: Apache-2.0
"""Thread IDs in words that people and programs have had their hands on: a subject, a quoted text.

Enters: text. Leaves: the IDs in it whose keyed check holds: nothing else tells one from a word of twelve letters.
An ID may stand in brackets or bare, in lower case, in full-width letters, and with one space or fold in its midst.
Linear, and only so many words are checked.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator

from handlers import tokens
from handlers.tokens import Keys
from handlers.topics import behind_marks

MAX_CHECKED = 60  # words of twelve characters; a check costs some microseconds
MAX_SHOWN = 5  # IDs of one text
CHARACTERS = 12

_RUN = re.compile(r"[A-Za-z0-9]+")
# For a split at one go, six times as fast as the expression: each mail that begins a thread is looked through.
_SPACED = bytes(one if chr(one).isascii() and chr(one).isalnum() else 32 for one in range(256))
_TYPED = str.maketrans("01", "OI")  # neither digit is in an ID, and people take one for the other


def in_subject(subject: str, keys: Keys) -> list[str]:
    """The IDs of a decoded subject."""
    text = subject if subject.isascii() else unicodedata.normalize("NFKC", subject)
    return _valid(_words(text), keys)


def in_text(text: bytes, keys: Keys) -> list[str]:
    """The IDs of a text in ASCII or beyond; there they stand as our mail shows them, or as part of our addresses."""
    words = text.translate(_SPACED).split()
    return _valid([word.decode() for word in words if len(word) == CHARACTERS], keys)


def without(subject: str, thread_id: str) -> str:
    """A subject without this ID in its brackets."""
    return " ".join(re.sub(rf"\[{re.escape(thread_id)}\]", " ", subject, flags=re.IGNORECASE).split())


def tagged(subject: str, thread_id: str) -> str:
    """A subject with this ID in it once, behind the marks of answers: there no program that cuts the end takes it away.

    A tag in brackets at the beginning is no part of the base subject (RFC 5256 §2.1), so that the mail stays in the
    thread of clients that go by it.
    """
    bare = without(subject, thread_id) if thread_id.lower() in subject.lower() else subject
    if thread_id.lower() in unicodedata.normalize("NFKC", bare).lower():
        return bare
    at = behind_marks(bare)
    return f"{bare[:at].rstrip()} [{thread_id}] {bare[at:]}".strip()


def _words(text: str) -> Iterator[str]:
    """Runs of letters and digits, and each two that a single space divides."""
    before: re.Match[str] | None = None
    for run in _RUN.finditer(text):
        yield run[0]
        if before is not None and text[before.end() : run.start()] == " ":
            yield before[0] + run[0]
        before = run


def _valid(words: Iterable[str], keys: Keys) -> list[str]:
    found: dict[str, None] = {}
    for checked, word in enumerate(word for word in words if len(word) == CHARACTERS):
        if checked == MAX_CHECKED or len(found) == MAX_SHOWN:
            break
        token = word.upper().translate(_TYPED)
        if tokens.is_thread_id(keys, token):
            found[token] = None
    return list(found)
