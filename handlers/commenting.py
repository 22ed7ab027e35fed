# SPDX-License-Identifier: Apache-2.0
"""A comment in a case: for the team alone. It changes nothing else in the case, and no mail is made of it.

Enters: a text, files, a case under lock. Leaves: the comment, and a line of the timeline; or a Refusal.
"""

from dataclasses import dataclass
from typing import Any

from handlers import telling
from handlers.acting import By
from handlers.case_edits import Refusal
from handlers.mime_fields import safe_name
from handlers.mime_parts import scrub
from handlers.sniffing import sniff
from storage import cases, comments
from storage.cases import Event
from storage.content import packed
from storage.database import Unit
from storage.desk import Snapshot
from storage.files import NewFile

MOST_TEXT_CHARACTERS = 100_000
MOST_FILES = 50
MOST_OCTETS = 35_000_000  # of all files of one comment; as a mail by default


@dataclass(frozen=True, slots=True)
class Comment:
    """What is to be said; each file has its octets compressed before the unit of work begins."""

    text: str
    files: tuple[NewFile, ...] = ()


def new_file(name: str, octets: bytes) -> NewFile:
    """A file under a name that is safe, with the type that its octets say."""
    return NewFile(safe_name(name) or "file", sniff(octets), packed(octets))


def fault(wish: Comment) -> str:
    """What is wrong with a comment, if anything."""
    if not wish.text.strip() and not wish.files:
        return "a comment has a text, a file or both"
    if len(wish.text) > MOST_TEXT_CHARACTERS:
        return f"a comment has at most {MOST_TEXT_CHARACTERS} characters"
    if len(wish.files) > MOST_FILES or sum(one.content.size_octets for one in wish.files) > MOST_OCTETS:
        return f"a comment has at most {MOST_FILES} files, and {MOST_OCTETS // 1_000_000} MB of them"
    return ""


def comment(unit: Unit, desk: Snapshot, case: Any, wish: Comment, by: By) -> Refusal | None:
    """Write it down, and tell that there is one: the words stay in the case."""
    refusal = fault(wish)
    if refusal:
        return Refusal(refusal)
    comment_id = comments.add(unit, (case.id, by.actor, scrub(wish.text).strip()), wish.files, by.now)
    told: dict[str, object] = {"comment": comment_id, "files": [one.name for one in wish.files]}
    cases.add_event(unit, case.id, Event(by.actor, "comment", told), by.now)
    telling.happened(unit, desk, case, ("comment", "", f"no. {comment_id}"), by)
    return None
