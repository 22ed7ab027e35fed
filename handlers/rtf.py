# SPDX-License-Identifier: Apache-2.0
"""Outlook's rich text: the words, or the HTML that it was made of (MS-OXRTFCP, MS-OXRTFEX).

Enters: the compressed octets of a winmail.dat. Leaves: RichText. Fonts, colours and pictures are passed over. Octets
are decoded in runs, by the code page and without guessing. One pass, bounded; never fails: what is damaged ends it.
"""

import re
from dataclasses import dataclass
from html import escape

from handlers.charsets import meant

MAX_OCTETS = 400_000
MAX_DEPTH = 500

_FIRST = (
    b"{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern \\fscript "
    b"\\fdecor MS Sans SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0\\blue0\r\n\\par "
    b"\\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx"
)
_WINDOW = 4096
_TOKEN = re.compile(rb"\\([a-zA-Z]{1,32})(-?\d{1,9})? ?|((?:[^\\{}]++|\\'[0-9a-fA-F]{2})++)|\\(.)|([{}])", re.DOTALL)
_CODE_PAGE = re.compile(r"cp\d{3,5}|utf_8|gb18030|mac_\w+|big5hkscs|iso\w+")  # what meant() may make of a number
_PASSED_OVER = {
    *(b"fonttbl", b"colortbl", b"stylesheet", b"info", b"pict", b"object", b"header", b"footer", b"listtable"),
    *(b"listoverridetable", b"generator", b"themedata", b"latentstyles", b"datastore", b"mhtmltag", b"rsidtbl"),
}
_WORDS = {
    **dict.fromkeys((b"par", b"line", b"row", b"page"), "\n"),
    **{b"tab": "\t", b"cell": "\t", b"lquote": "\u2018", b"rquote": "\u2019", b"ldblquote": "\u201c"},
    **{b"rdblquote": "\u201d", b"bullet": "\u2022", b"endash": "\u2013", b"emdash": "\u2014"},
}
_DIGITS = "0123456789abcdefABCDEF"
_HEX = {f"{high}{low}".encode(): bytes.fromhex(high + low) for high in _DIGITS for low in _DIGITS}
_SYMBOLS = {b"~": "\xa0", b"_": "\u2011", b"\\": "\\", b"{": "{", b"}": "}", b"\n": "\n", b"\r": "\n"}


@dataclass(frozen=True, slots=True)
class RichText:
    """`html` is empty unless the text was made of HTML."""

    text: str
    html: str


@dataclass(frozen=True, slots=True)
class _Group:
    """What holds between two braces."""

    is_silent: bool = False
    is_tag: bool = False  # a piece of the HTML
    is_rtf_only: bool = False  # no piece of it
    skip: int = 1  # how many octets stand in for one character of Unicode


def decompressed(octets: bytes, limit: int = MAX_OCTETS) -> bytes:
    """LZFu: eight steps a flag octet, each a letter or a piece of what came before."""
    if octets[8:12] == b"MELA":
        return octets[16 : 16 + limit]
    if octets[8:12] != b"LZFu":
        return b""
    made, at = bytearray(_FIRST), 16
    while at < len(octets) and len(made) < limit:
        flags, at = octets[at], at + 1
        for bit in range(8):
            if not flags >> bit & 1:
                made += octets[at : at + 1]
                at += 1
                continue
            place, length = _reference(octets, at)
            at += 2
            if length == 0 or place == len(made) % _WINDOW:
                return bytes(made[len(_FIRST) :])
            _repeat(made, place, length)
    return bytes(made[len(_FIRST) :])


def _reference(octets: bytes, at: int) -> tuple[int, int]:
    if at + 2 > len(octets):
        return 0, 0
    word = octets[at] << 8 | octets[at + 1]
    return word >> 4, (word & 15) + 2


def _repeat(made: bytearray, place: int, length: int) -> None:
    """A place in the window counts from its begin; what has not been written yet is as good as empty."""
    begin = len(made) - ((len(made) - place) % _WINDOW or _WINDOW)
    if begin >= 0 and begin + length <= len(made):
        made += made[begin : begin + length]
        return
    for offset in range(length):
        made.append(made[begin + offset] if begin + offset >= 0 else 0)


def read(octets: bytes) -> RichText:
    """The words of rich text."""
    return _Reader(octets[:MAX_OCTETS]).run()


class _Reader:
    """One pass over the tokens; `run` is what has not been decoded yet."""

    def __init__(self, octets: bytes) -> None:
        self._octets = octets
        self._group = _Group()
        self._above: list[_Group] = []
        self._too_deep = 0
        self._codec = "cp1252"
        self._is_html = b"\\fromhtml" in octets[:4096]
        self._to_skip = 0
        self._run: list[bytes] = []
        self._kept: list[str] = []

    def run(self) -> RichText:
        for word, number, text, symbol, brace in (token.groups() for token in _TOKEN.finditer(self._octets)):
            if text is not None:
                self._text(text)
            elif brace is not None:
                self._to_skip = 0
                self._open() if brace == b"{" else self._close()
            elif word is not None:
                self._control(word, int(number) if number is not None else None)
            elif symbol == b"*":
                self._change(is_silent=True)  # until the word that follows is known
            else:
                self._say(_SYMBOLS.get(symbol, ""))
        self._end_run()
        words = "".join(self._kept)
        return RichText("", words) if self._is_html else RichText(words.strip(), "")

    def _open(self) -> None:
        if len(self._above) < MAX_DEPTH:
            self._above.append(self._group)
        else:
            self._too_deep += 1

    def _close(self) -> None:
        if self._too_deep:
            self._too_deep -= 1
        elif self._above:
            self._enter(self._above.pop())

    def _change(
        self, *, is_silent: bool | None = None, is_tag: bool = False, is_rtf_only: bool | None = None, skip: int = -1
    ) -> None:
        now = self._group
        self._enter(
            _Group(
                now.is_silent if is_silent is None else is_silent,
                is_tag or now.is_tag,
                now.is_rtf_only if is_rtf_only is None else is_rtf_only,
                now.skip if skip < 0 else skip,
            )
        )

    def _enter(self, group: _Group) -> None:
        if group.is_tag != self._group.is_tag:
            self._end_run()
        self._group = group

    def _control(self, word: bytes, number: int | None) -> None:
        if word == b"htmltag":
            self._change(is_silent=False, is_tag=True)
        elif word == b"htmlrtf":
            self._change(is_rtf_only=number != 0)
        elif word in _PASSED_OVER:
            self._change(is_silent=True)
        elif word == b"ansicpg" and number:
            self._end_run()
            self._codec = _codec(number)
        elif word == b"uc" and number is not None:
            self._change(skip=min(max(number, 0), 16))
        elif word == b"u" and number is not None:
            self._to_skip = 0
            self._say(_unicode(number))
            self._to_skip = self._group.skip
        elif word in _WORDS:
            self._say(_WORDS[word])

    @property
    def _is_heard(self) -> bool:
        return not (self._group.is_silent or (self._is_html and self._group.is_rtf_only))

    def _text(self, text: bytes) -> None:
        """Letters and codes of octets; line ends are none of them."""
        first, *coded = text.translate(None, b"\r\n").split(b"\\'")
        octets = b"".join((first, *(_octet(one) for one in coded))) if coded else first
        skipped = min(self._to_skip, len(octets))
        self._to_skip -= skipped
        if self._is_heard:
            self._run.append(octets[skipped:])

    def _say(self, words: str) -> None:
        if self._to_skip:
            self._to_skip -= 1
        elif words and self._is_heard:
            self._end_run()
            self._keep(words)

    def _end_run(self) -> None:
        if self._run:
            octets, self._run = b"".join(self._run), []
            self._keep(octets.decode(self._codec, "replace"))

    def _keep(self, words: str) -> None:
        self._kept.append(escape(words, quote=False) if self._is_html and not self._group.is_tag else words)


def _octet(coded: bytes) -> bytes:
    """What stands behind the sign of a code: two digits, then letters; a line end may stand between."""
    return _HEX[coded[:2]] + coded[2:]


def _codec(number: int) -> str:
    """Python's codec of a code page of one or two octets a letter; Windows' own for another."""
    name = meant(f"cp{number}")
    return name if _CODE_PAGE.fullmatch(name) else "cp1252"


def _unicode(number: int) -> str:
    """Signed, 16 bits; pairs of surrogates are joined by nobody else, so they are left out."""
    code = number % 0x10000
    return chr(code) if not 0xD800 <= code < 0xE000 else "\ufffd"
