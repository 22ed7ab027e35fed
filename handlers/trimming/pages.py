# SPDX-License-Identifier: Apache-2.0
"""The lines of an HTML mail, with what its elements say of them: quoted, signature, attribution, the old mail begins.

Enters: a page as received. Leaves: Lines; a quoted one begins with "> " as in text. Never fails; one pass, whatever the
tags, and elements that are never closed or closed twice do no harm.
"""

import html as entities

from handlers.trimming.lines import MAX_LINES, Kind, Line, line
from handlers.trimming.page_marks import begins_old_mail, holds

MAX_TAG_NAME_CHARACTERS = 12

_SILENT = frozenset({"script", "style", "head", "title", "template"})
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
_HOLDERS = frozenset({"blockquote", "pre", "div", "p", "span", "table", "td", "section"})
_APART = frozenset({"p", "blockquote", "pre", "table", "h1", "h2", "h3"})  # shown with space around them


class _Page:
    """The state of the pass: lines so far, the words of the line begun, and which marked elements are open."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.words: list[str] = []
        self.open: dict[str, list[Kind | None]] = {name: [] for name in _HOLDERS}
        self.depth = dict.fromkeys(Kind, 0)

    def opening(self, name: str, tag: str) -> None:
        if begins_old_mail(name, tag):
            self.end_line()
            self.lines.append(line("", Kind.OLD_MAIL))
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
            if self.depth[kind] and (kind is not Kind.ATTRIBUTION or said.endswith((":", "："))):
                return line(f"> {said}" if kind is Kind.QUOTED else said, kind)
        return line(said)


def lines_of_page(page: str) -> list[Line]:
    """Read the page once, from the left."""
    seen, lower, at = _Page(), page.lower(), 0
    if len(lower) != len(page):  # a letter that has no small one of its own length
        lower = page
    while (start := page.find("<", at)) >= 0:
        seen.say(page[at:start])
        end, at = _tag_end(lower, start)
        _take(seen, lower[start + 1 : end])
    seen.say(page[at:])
    seen.finish()
    return seen.lines


def _take(seen: _Page, tag: str) -> None:
    """One tag, without its brackets."""
    closing = tag.startswith("/")
    name = next(iter(tag[closing : closing + MAX_TAG_NAME_CHARACTERS + 1].replace("/", " ").split()), "")
    if name == "br":
        seen.break_line()
    elif name in _BREAKS:
        seen.end_line()
        if name in _APART:
            seen.space()
    if closing:
        seen.closing(name)
    else:
        seen.opening(name, tag)


def _tag_end(lower: str, start: int) -> tuple[int, int]:
    """(end of the tag, where the words go on): comments, scripts and what is never closed are left out."""
    if lower.startswith("<!--", start):
        end = lower.find("-->", start + 4)
        return (start + 1, end + 3) if end >= 0 else (start + 1, len(lower))
    end = lower.find(">", start)
    if end < 0:
        return len(lower), len(lower)
    name = next(iter(lower[start + 1 : min(end, start + 10)].split()), "")
    if name in _SILENT:
        close = lower.find(f"</{name}", end)
        return end, close if close >= 0 else len(lower)
    return end, end + 1


def _unescaped(words: str) -> str:
    try:
        return entities.unescape(words).replace("\x00", "").encode("utf-8", "replace").decode()
    except ValueError:  # a character number of thousands of digits
        return words
