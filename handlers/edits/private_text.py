# SPDX-License-Identifier: Apache-2.0
"""Private addresses in the words of a mail become the team's address.

Enters: content. Leaves: content in which only those text leaves changed that held one; they are encoded anew. Files are
not touched: what they hold is for the leak check to refuse.
"""

import re
from collections.abc import Iterable

from handlers.edits.splice import Replacement, splice, with_text
from handlers.mime_parts import parts, text


def hide_private(content: bytes, private: Iterable[str], public: str) -> bytes:
    """Replace private addresses in every text leaf that is shown as text."""
    pattern = private_pattern(private)
    if pattern is None:
        return content
    edits: list[Replacement] = []
    for part in parts(content):
        if part.is_leaf and part.about.type.startswith("text/") and not part.is_attachment:
            words = text(content, part)
            changed = pattern.sub(lambda _: public, words)
            if changed != words:
                edits += with_text(content, part, changed)
    return splice(content, edits)


def private_pattern(private: Iterable[str]) -> re.Pattern[str] | None:
    """Finds the strings whole, in any letter case: joann@ is another person than ann@."""
    longest_first = sorted((re.escape(word) for word in private if word), key=len, reverse=True)
    if not longest_first:
        return None
    return re.compile(rf"(?<![A-Za-z0-9._+-])(?:{'|'.join(longest_first)})(?![A-Za-z0-9_-])", re.IGNORECASE)
