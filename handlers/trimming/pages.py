# SPDX-License-Identifier: Apache-2.0
"""The lines of an HTML mail, with what its elements say of them: quoted, signature, attribution, the old mail begins.

Enters: a page as received. Leaves: Lines; a quoted one begins with "> " as in text. Never fails; one pass, whatever the
tags, and elements that are never closed or closed twice do no harm.
"""

import html as entities
import re

from handlers.tags import scanned
from handlers.trimming.lines import COLONS, MAX_LINES, Kind, Line, line
from handlers.trimming.page_marks import MAX_TAG_CHARACTERS, begins_old_mail, holds, holds_old_mail

_BREAKS = frozenset(
    {
        *(
            "br",
            "p",
            "div",
            "tr",
            "li",
            "h1",
            "h2",
            "h3",
            "h4",
            "h5",
            "h6",
            "ul",
            "ol",
            "dl",
            "dt",
            "dd",
            "table",
            "hr",
        ),
        *("blockquote", "pre", "section", "article", "header", "footer", "body", "center", "address"),
    }
)
_CELLS = frozenset({"td", "th"})
_HOLDERS = frozenset({"blockquote", "pre", "div", "p", "span", "table", "td", "section"})
_APART = frozenset({"p", "blockquote", "pre", "table", "h1", "h2", "h3"})  # shown with space around them


class _Page:
    """The state of the pass: lines so far, the words of the line begun, and which marked elements are open."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.words: list[str] = []
        self.open: dict[str, list[Kind | None]] = {name: [] for name in _HOLDERS}
        self.depth = dict.fromkeys(Kind, 0)
        self.old: tuple[str, int, int] | None = None  # the element with an old mail: name, depth, first line
        self.closed: list[tuple[int, int]] = []  # lines of such elements that have ended

    def opening(self, name: str, tag: str) -> None:
        if begins_old_mail(name, tag):
            self.end_line()
            self.lines.append(line("", Kind.OLD_MAIL))
            if self.old is None and name in _HOLDERS and holds_old_mail(name, tag):
                self.old = (name, len(self.open[name]), len(self.lines) - 1)
        if name in _HOLDERS:
            kind = holds(name, tag)
            self.open[name].append(kind)
            if kind is not None:
                self.depth[kind] += 1

    def closing(self, name: str) -> None:
        if self.open.get(name):
            kind = self.open[name].pop()
            if kind is not None:
                self.depth[kind] -= 1
            if self.old is not None and self.old[:2] == (name, len(self.open[name])):
                self.end_line()
                self.closed.append((self.old[2], len(self.lines)))
                self.old = None

    def say(self, words: str) -> None:
        """Words between two tags; line ends count in preformatted text only."""
        if not self.open["pre"]:
            self.words.append(words)
            return
        *ended, begun = words.split("\n")
        for one in ended:
            self.words.append(one)
            self.break_line()
        self.words.append(begun)

    def end_line(self) -> bool:
        """Take the words as a line; whether there were any. What is too much for MAX_LINES stays in the last one."""
        if len(self.lines) >= MAX_LINES:
            self.words.append(" ")
            return True
        return self.finish()

    def finish(self) -> bool:
        """The words so far are a line."""
        said = " ".join(_unescaped("".join(self.words)).split())
        self.words = []
        if said:
            self.lines.append(self._line(said))
        return bool(said)

    def break_line(self) -> None:
        """End the line; the second break in turn leaves an empty one."""
        if not self.end_line():
            self.space()

    def space(self) -> None:
        """An empty line, as between paragraphs; never two."""
        if self.lines and self.lines[-1].words:
            self.lines.append(line(""))

    def _line(self, said: str) -> Line:
        for kind in (Kind.QUOTED, Kind.ATTRIBUTION, Kind.SIGNATURE, Kind.INDENTED):
            if self.depth[kind] and (kind is not Kind.ATTRIBUTION or said.endswith(COLONS)):
                return line(f"> {said}" if kind is Kind.QUOTED else said, kind)
        return line(said)


def _answered(seen: _Page) -> list[Line]:
    """The lines; an old mail whose element has ended above words is a quote, for they may be the answer."""
    ends = [start for start, _ in seen.closed[1:]] + [len(seen.lines)]
    for (start, stop), end in zip(seen.closed, ends, strict=False):
        if any(one.kind is Kind.WORDS for one in seen.lines[stop:end]):
            seen.lines[start:stop] = [_quoted(one) for one in seen.lines[start:stop]]
    return seen.lines


def _quoted(one: Line) -> Line:
    if one.kind is Kind.QUOTED or not one.seen:
        return line(one.words)
    return line(f"> {one.words}", Kind.QUOTED)


def lines_of_page(page: str) -> list[Line]:
    """Read the page once, from the left."""
    seen = _Page()
    for words, tag in scanned(page):
        seen.say(words)
        if tag is not None:
            _take(seen, tag)
    seen.finish()
    return _answered(seen)


def _take(seen: _Page, tag: re.Match[str]) -> None:
    name = tag["name"].lower()
    if name == "br":
        seen.break_line()
    elif name in _BREAKS:
        seen.end_line()
        if name in _APART:
            seen.space()
    elif name in _CELLS:
        seen.words.append(" ")
    if tag["close"]:
        seen.closing(name)
    else:
        seen.opening(name, tag[0][1 : MAX_TAG_CHARACTERS + 1].lower())


def _unescaped(words: str) -> str:
    try:
        return entities.unescape(words).replace("\x00", "").encode("utf-8", "replace").decode()
    except ValueError:  # a character number of thousands of digits
        return words
