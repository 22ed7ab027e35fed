# SPDX-License-Identifier: Apache-2.0
"""Which parts of a mail are its text, which its HTML, and which are files (as RFC 8621 §4.1.4 has it for JMAP).

Enters: the parts. Leaves: three lists, each in the order of the mail. Of alternatives the plain text stands for the
text and the page for the HTML; what stands beside them belongs to both. Every leaf is in some list: nothing vanishes.
"""

from dataclasses import dataclass, field

from handlers.mime_parts import Part

PAGE = "text/html"
_SHOWN = ("text/plain", PAGE)
# Text that people can read, but that programs offer as a file: shown where there is nothing else.
_READABLE = (
    *_SHOWN,
    "text/enriched",
    "text/richtext",
    "text/markdown",
    "text/x-markdown",
    "text/x-amp-html",
    "text/watch-html",
)
_MEDIA = ("image/", "audio/", "video/")


@dataclass(slots=True)
class Bodies:
    """`text` and `html` may name the same part: a page is the text of a mail without any."""

    text: list[Part] = field(default_factory=list)
    html: list[Part] = field(default_factory=list)
    files: list[Part] = field(default_factory=list)


def bodies(parts: tuple[Part, ...]) -> Bodies:
    """Sort the leaves; the first part is the mail."""
    children: dict[int | None, list[Part]] = {}
    for part in parts:
        children.setdefault(part.parent, []).append(part)
    found = Bodies()
    _sort(found, children, None, is_alternative=False)
    if not found.text:
        found.text = [part for part in found.files if part.about.type in _READABLE and not _is_file(part)][:1]
    return found


def _sort(found: Bodies, children: dict[int | None, list[Part]], above: Part | None, *, is_alternative: bool) -> None:
    before = len(found.text), len(found.html)
    kind = above.about.type.partition("/")[2] if above is not None else "mixed"
    below = children[above.number if above is not None else None]
    root = _root(above, below) if above is not None and kind == "related" else below[0]
    for part in below:
        if not part.is_leaf:
            nested = is_alternative or part.about.type == "multipart/alternative"
            _sort(found, children, part, is_alternative=nested)
        elif not _is_shown(part, kind, is_root=part is root):
            found.files += [part] if _holds_something(part) else []
        elif is_alternative:
            (found.html if part.about.type == PAGE else found.text).append(part)
        else:
            found.text.append(part)
            found.html.append(part)
    if kind == "alternative":
        _complete(found, *before)


def _root(above: Part, below: list[Part]) -> Part:
    """What the others belong to: the part that `start` names, else the first, else the first that has words."""
    start = above.about.start
    able = [part for part in below if not part.is_leaf or (part.about.type in _SHOWN and not _is_file(part))]
    named = (part for part in able if start and part.about.content_id == start)
    return next(named, able[0] if able else below[0])


def _complete(found: Bodies, texts: int, pages: int) -> None:
    """Alternatives of one sort stand for both."""
    text, html = found.text[texts:], found.html[pages:]
    if not text:
        found.text += html
    if not html:
        found.html += text


def _is_shown(part: Part, kind: str, *, is_root: bool) -> bool:
    if part.about.type not in _SHOWN or _is_file(part):
        return False
    return is_root or not (kind == "related" or part.about.name)


def _holds_something(part: Part) -> bool:
    """A multipart without any of its parts shows no words (RFC 2046 §5.1.1), so it is a file: nothing vanishes."""
    return not part.about.type.startswith("multipart/") or part.body.end - part.body.start > len(b"\r\n")


def _is_file(part: Part) -> bool:
    return part.about.disposition not in ("", "inline")


def is_media(part: Part) -> bool:
    """What a page may show in its midst."""
    return part.about.type.startswith(_MEDIA)
