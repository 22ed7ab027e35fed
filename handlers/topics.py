# SPDX-License-Identifier: Apache-2.0
"""What a mail is about, by its subject, and whether it opens another topic than those it answers.

Enters: subjects as text. Leaves: the base subject of RFC 5256 §2.1, or the wider one that topics are compared by: the
marks of many languages, tags of forwarders and thread IDs are no part of it. In doubt it is the same topic. Linear.
"""

import re
import unicodedata
from collections.abc import Iterable
from functools import partial
from typing import NamedTuple

from handlers.arrival import Incoming
from handlers.classification import Class
from handlers.first_words import first_words
from handlers.headers import decode_text
from handlers.quoting import holds_a_quote
from storage.threads import OtherTopic
from storage.ways import Way

MAX_CHARACTERS = 1000
CUT_FROM = 40  # characters of a subject that some program may have cut

_BLOB = r"\[[^\[\]]*+\]\s*+"  # subj-blob
_LEADER = rf"(?:{_BLOB})*+(?:%s)\s*+(?:{_BLOB})?[:：]\s*+"
_REPLY_OR_FORWARD = re.compile(_LEADER % "re|fwd?", re.IGNORECASE)
_A_BLOB = re.compile(_BLOB)
_TRAILER = re.compile(r"(?:\(fwd\)|\s)$", re.IGNORECASE)
_SPACE = re.compile(r"\s+")

# What programs write for "Re" and "Fwd" in their languages, with a number behind it or not; and tags of filters.
_MARKS = [
    "re",
    "fw",
    "fwd",
    "aw",
    "antw",
    "antwort",
    "wg",
    "sv",
    "svar",
    "vs",
    "vb",
    "vl",
    "vá",
    "vú",
    "tr",
    "ref",
    "réf",
    "rv",
    "res",
    "enc",
    "r",
    "i",
    "rif",
    "odp",
    "pd",
    "ynt",
    "ilt",
    "atb",
    "cev",
    "rply",
    "reply",
    "bls",
    "trs",
    "továbbítás",
    "απ",
    "πρθ",
    "σχετ",
    "ha",
    "na",
    "ответ",
    "отв",
    "пересл",
    "rép",
    "fs",
    "rcs",
    "ri",
    "hl",
    "doorst",
    "bp",
    "fyi",
    "ext",
    "extern",
    "external",
    "spam",
    "回复",
    "回覆",
    "答复",
    "返信",
    "转发",
    "轉寄",
    "転送",
    "답장",
    "회신",
    "전달",
    "رد",
    "إعادة",
    "הועבר",
    "השב",
    "ตอบ",
]
_ANY_MARK = re.compile(
    _LEADER % (r"(?:" + "|".join(map(re.escape, _MARKS)) + r")(?:\s?(?:[(^]?\d{1,3}\)?))?"), re.IGNORECASE
)
_STARS = re.compile(r"\*{2,}[^*]{1,40}\*{2,}\s*")  # ***SPAM***
_THREAD_ID = re.compile(r"\[?(?<![A-Za-z0-9])[A-Z2-7]{12}(?![A-Za-z0-9])\]?")
_CUT = re.compile(r"\s*(?:\.{3}|…)$")


class Base(NamedTuple):
    """The base subject in lower case; empty: nobody can thread by it. `is_answer`: a mark was taken away."""

    text: str
    is_answer: bool


def base_subject(subject: str) -> Base:
    """RFC 5256 §2.1, from step 2 on."""
    return _based(subject, _REPLY_OR_FORWARD)


def topic(subject: str, ways: Iterable[Way] = ()) -> str:
    """What a subject says without whatever was put around it."""
    text = unicodedata.normalize("NFKC", without_tags(subject[:MAX_CHARACTERS], ways))
    text = _STARS.sub("", _THREAD_ID.sub(" ", text))
    return _CUT.sub("", _based(text, _ANY_MARK).text)


def without_tags(subject: str, ways: Iterable[Way]) -> str:
    """A subject without what the forwarders on these ways are known to put around it."""
    for way in ways:
        if way.learnt is not None and way.learnt.subject_before:
            subject = subject.replace(way.learnt.subject_before, " ", 1)
        if way.learnt is not None and way.learnt.subject_after:
            subject = subject.strip().removesuffix(way.learnt.subject_after)
    return subject.strip()


def behind_marks(subject: str) -> int:
    """Where the words of a subject begin, behind what programs write for answers and forwards."""
    at = 0
    while (found := _ANY_MARK.match(subject, at)) is not None:
        at = found.end()
    return at


def other_topic(mail: Incoming) -> OtherTopic | None:
    """How to tell whether a mail opens another topic than subjects do; None: it does not, whatever they say.

    Only a person does, whose mail has a subject and quotes nothing that went before.
    """
    raw = mail.head.first(b"subject") or b""
    ways = [one.way for one in mail.destinations if one.way is not None]
    mine = topic(decode_text(raw), ways)
    if mail.classification is not Class.PERSON or not mine or b"\0" in raw:
        return None
    if not mail.opening or holds_a_quote(first_words(mail.head, mail.opening)):
        return None
    return partial(_is_other, mine)


def _is_other(mine: str, subjects: Iterable[str]) -> bool:
    """A subject that says nothing tells nothing of the topic, neither way."""
    theirs = [one for one in map(topic, subjects) if one]
    return bool(theirs) and not any(_is_same(mine, one) for one in theirs)


def _is_same(one: str, other: str) -> bool:
    shorter, longer = sorted((one, other), key=len)
    return one == other or (len(shorter) >= CUT_FROM and longer.startswith(shorter))


def _based(subject: str, mark: re.Pattern[str]) -> Base:
    """Steps 2 to 6, with these marks."""
    if "\0" in subject:
        return Base("", False)
    text, is_answer = _SPACE.sub(" ", subject[:MAX_CHARACTERS]).strip(), False
    while True:
        text, has_trailer = _without_trailers(text)
        text, has_leader = _without_leaders(text, mark)
        is_answer = is_answer or has_trailer or has_leader
        if not (text[:5].lower() == "[fwd:" and text.endswith("]")):
            return Base(text.lower(), is_answer)
        text, is_answer = text[5:-1].strip(), True


def _without_trailers(text: str) -> tuple[str, bool]:
    found = False
    while (trailer := _TRAILER.search(text, max(0, len(text) - 5))) is not None:
        found = found or trailer[0] != " "
        text = text[: trailer.start()]
    return text, found


def _without_leaders(text: str, mark: re.Pattern[str]) -> tuple[str, bool]:
    """Steps 3 to 5: marks with what stands before them, then a blob that is not all there is."""
    at, found = 0, False
    while True:
        leader = mark.match(text, at)
        blob = _A_BLOB.match(text, at) if leader is None else None
        if leader is not None:
            at, found = leader.end(), True
        elif blob is not None and blob.end() < len(text):
            at = blob.end()
        else:
            return text[at:].strip(), found
