# SPDX-License-Identifier: Apache-2.0
"""Private addresses in the words of a mail become the team's address, the agent's hosts behind an @ our own name.

Enters: content. Leaves: content in which only those text leaves changed that held one; they are encoded anew. Files are
not touched: what they hold is for the leak check to refuse.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from handlers.edits.splice import Replacement, splice, with_text
from handlers.mime_parts import parts, text
from handlers.tokens import agent_address_pattern

if TYPE_CHECKING:
    from handlers.rewrite import ReplyPlan


@dataclass(frozen=True, slots=True)
class Hiding:
    """What is to be replaced in words, and by what."""

    private: re.Pattern[str]
    public: str
    hosts: re.Pattern[str] | None
    own_domain: str

    def applied(self, words: str) -> str:
        words = self.private.sub(lambda _: self.public, words)
        return words if self.hosts is None else self.hosts.sub(lambda _: self.own_domain, words)


def hiding(plan: "ReplyPlan") -> Hiding:
    """What this plan hides in words."""
    pattern = _private_pattern(plan.private, agent_address_pattern(plan.own_domain))
    hosts = "|".join(map(re.escape, sorted(plan.text_hosts, key=len, reverse=True)))
    ends = r"(?![A-Za-z0-9-]|\.[A-Za-z0-9])"
    named = re.compile(rf"(?:(?<=@)|(?<=%40)|(?<=&#64;))(?:{hosts}){ends}", re.IGNORECASE) if hosts else None
    return Hiding(pattern, str(plan.sender.address), named, plan.own_domain)


def hide_private(content: bytes, hidden: Hiding) -> bytes:
    """Replace private addresses in every text leaf that is shown as text."""
    edits: list[Replacement] = []
    for part in parts(content):
        if part.is_leaf and part.about.type.startswith("text/") and not part.is_attachment:
            words = text(content, part)
            changed = hidden.applied(words)
            if changed != words:
                edits += with_text(content, part, changed)
    return splice(content, edits)


def _private_pattern(private: Iterable[str], form: str) -> re.Pattern[str]:
    """Finds the strings whole, in any letter case: joann@ is another person than ann@."""
    longest_first = sorted((re.escape(word) for word in private if word), key=len, reverse=True)
    words = "|".join((form, *longest_first))
    return re.compile(rf"(?<![A-Za-z0-9._+-])(?:{words})(?![A-Za-z0-9_-])", re.IGNORECASE)
