# SPDX-License-Identifier: Apache-2.0
"""HTML of a stranger becomes HTML that may be shown: nothing runs, nothing is fetched, nothing leaves the page unasked.

Enters: the page as received. Leaves: a Safe page. nh3 (ammonia) decides what stays; before it a pass of our own bounds
nesting, tags and the length of each, for its tree needs quadratic time without. Never fails.
"""

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from html import escape, unescape

import nh3

from handlers.tags import scanned

MAX_CHARACTERS = 500_000
MAX_TAGS = 40_000
MAX_DEPTH = 200
MAX_TAG_CHARACTERS = 4_096

_GONE = frozenset(
    {
        *("script", "style", "title", "iframe", "object", "embed", "applet", "noembed", "noframes", "xmp", "textarea"),
        *("svg", "math", "template", "select", "frameset", "audio", "video", "canvas"),
    }
)
_TAGS = {
    *("a", "abbr", "address", "b", "bdi", "bdo", "big", "blockquote", "br", "caption", "center", "cite", "code", "col"),
    *("colgroup", "dd", "del", "details", "dfn", "div", "dl", "dt", "em", "figcaption", "figure", "font", "h1", "h2"),
    *("h3", "h4", "h5", "h6", "hr", "i", "img", "ins", "kbd", "li", "mark", "ol", "p", "pre", "q", "rp", "rt", "ruby"),
    *("s", "samp", "small", "span", "strike", "strong", "sub", "summary", "sup", "table", "tbody", "td", "tfoot", "th"),
    *("thead", "tr", "tt", "u", "ul", "var", "wbr"),
}
_CELLS = {"align", "bgcolor", "colspan", "height", "rowspan", "valign", "width"}
_ATTRIBUTES = {
    "*": {"dir", "lang", "title", "style", "align"},
    "a": {"href"},
    "blockquote": {"type"},
    "font": {"color", "face", "size"},
    "img": {"alt", "height", "src", "width"},
    "ol": {"start", "type"},
    "table": {"bgcolor", "border", "cellpadding", "cellspacing", "width"},
    **dict.fromkeys(("td", "th", "tr", "col", "colgroup"), _CELLS),
}
# None of them takes a url().
_STYLES = {
    *("background-color", "color", "direction", "font-size", "font-style", "font-weight", "text-align"),
    *("text-decoration", "unicode-bidi", "vertical-align", "white-space"),
}
# What has no host of its own would lead to ours, where the page is shown.
_LINK = re.compile(r"(?i)\s*(?:https?://[^/\\\s]|mailto:)")
_SCHEMES = {"http", "https", "mailto", "cid"}
# These close themselves, or another of their sort, or hold nothing: they do not nest.
_FLAT = frozenset(
    {"area", "base", "br", "col", "embed", "frame", "hr", "img", "input", "link", "meta", "param", "source", "track"}
    | {"wbr", "p", "li", "td", "th", "tr", "tbody", "thead", "tfoot", "html", "head", "body"}
)
_UNWANTED_STYLE = re.compile(r"(?i)url|expression|image|[\\@/]")
# What HTML escapes travels as characters that no mail has a use for.
_ESCAPED = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "\xa0": "&nbsp;"}
_TO_PRIVATE = str.maketrans({one: chr(0xE000 + place) for place, one in enumerate(_ESCAPED)} | {"\x00": None})
_FROM_PRIVATE = str.maketrans({chr(0xE000 + place): one for place, one in enumerate(_ESCAPED.values())})
_NO_PRIVATE = str.maketrans(dict.fromkeys((chr(0xE000 + place) for place in range(len(_ESCAPED))), "\ufffd"))


@dataclass(frozen=True, slots=True)
class Safe:
    """`remote_images` were not kept: whoever shows the page tells nobody that it was read. `parts` are shown in it."""

    html: str
    remote_images: int = 0
    parts: frozenset[str] = frozenset()


def sanitise(page: str, names: Mapping[str, str] | None = None) -> Safe:
    """`names` gives the stable name of a part by its Content-ID or Content-Location."""
    images = _Images(names or {})
    bounded = _bounded(page[:MAX_CHARACTERS])
    clean = nh3.clean(
        bounded,
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        attribute_filter=images.filter,
        url_schemes=_SCHEMES,
        link_rel="noopener noreferrer nofollow",
        filter_style_properties=_STYLES,
    )
    return Safe(clean.translate(_FROM_PRIVATE), images.remote, frozenset(images.shown))


def of_text(text: str) -> str:
    """Plain text within a page."""
    return f'<div style="white-space: pre-wrap">{escape(text)}</div>'


class _Images:
    """What an attribute may say, asked by nh3 of each that is left."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names
        self.remote = 0
        self.shown: set[str] = set()

    def filter(self, tag: str, attribute: str, value: str) -> str | None:
        if attribute == "style":
            return ";".join(one for one in value.split(";") if _UNWANTED_STYLE.search(one) is None)
        if attribute == "href":
            return value if _LINK.match(value) is not None else None
        return self._source(value.strip()) if attribute == "src" else value

    def _source(self, value: str) -> str | None:
        wanted = value[4:] if value[:4].lower() == "cid:" else value
        name = self._names.get(wanted) or self._names.get(_unquoted(wanted))
        if name is None:
            self.remote += value[:4].lower() != "cid:"
            return None
        self.shown.add(name)
        return f"cid:{name}"


def _unquoted(text: str) -> str:
    return re.sub(r"%([0-9a-fA-F]{2})", lambda code: chr(int(code[1], 16)), text)


def _bounded(page: str) -> str:
    """Without comments, what is never shown, and what is too long, too deep or too much; the words between stay."""
    depth, kept = _Depth(), list[str]()
    for words, tag in scanned(page.translate(_NO_PRIVATE), _GONE):
        kept += (_words(words), depth.see(tag) if tag is not None else "")
    return "".join(kept)


def _words(text: str) -> str:
    """Text in which nothing is left for nh3 to escape: its time grows with the square of that."""
    with suppress(ValueError):  # a character number of thousands of digits
        text = unescape(text) if "&" in text else text
    return text.translate(_TO_PRIVATE)


class _Depth:
    """Counts what may be open: an element is closed only by its own end tag when nothing stands between."""

    def __init__(self) -> None:
        self._open: list[str] = []
        self._tags = 0

    def see(self, tag: re.Match[str]) -> str:
        self._tags += 1
        name = tag["name"].lower()
        if name in _GONE:
            return ""
        if self._tags > MAX_TAGS or len(tag[0]) > MAX_TAG_CHARACTERS or not tag["end"] or tag["open"]:
            return " "
        if name in _FLAT:
            return tag[0]
        if tag["close"]:
            if self._open and self._open[-1] == name:
                self._open.pop()
            return tag[0]
        if len(self._open) >= MAX_DEPTH:
            return " "
        self._open.append(name)
        return tag[0]
