# SPDX-License-Identifier: Apache-2.0
"""Where the tags of an HTML page stand, and the words between them, as browsers divide it.

Enters: a page as received, and the elements that are passed over with all that they hold. Leaves: words and tags in
turn. Only a "<" before a letter, "/", "!" or "?" begins a tag; comments end as browsers end them, and a ">" in quotes
ends nothing. An element that is passed over and never closed is only a tag: a mail must not read as nothing. One pass.
"""

import re
from collections.abc import Collection, Iterator

# What no reader shows as words.
SILENT = frozenset({"script", "style", "template", "title"})

# A quote begins a value only behind "=", and one that nothing ends is a letter like another.
_TAG = re.compile(
    r"<(?:!--(?:-?>|.*?(?:--!?>|\Z))|[!?][^>]*+(?:>|\Z)|/(?![a-zA-Z])[^>]*+(?:>|\Z)"
    r"|(?P<close>/?)(?P<name>[a-zA-Z][^\s/>]*+)"
    r"(?:[^>=]++|=\s*+(?:\"[^\"]*+\"|'[^']*+'|[^\s>\"'][^\s>]*+|(?P<open>[\"']))?+)*+(?P<end>>?))",
    re.DOTALL,
)


def scanned(page: str, silent: Collection[str] = SILENT) -> Iterator[tuple[str, re.Match[str] | None]]:
    """(words, tag behind them): `name`, `close` "/" of an end tag, `end` empty when cut off, `open` a lone quote."""
    at, never_closed = 0, set[str]()
    while (tag := _TAG.search(page, at)) is not None:
        yield page[at : tag.start()], tag if tag["name"] else None
        at = tag.end()
        name = (tag["name"] or "").lower()
        if name in silent and not tag["close"] and name not in never_closed:
            close = re.compile(f"(?ia)</{name}(?=[\\s/>])").search(page, at)
            at = close.start() if close is not None else at
            never_closed |= {name} if close is None else set()
    yield page[at:], None
