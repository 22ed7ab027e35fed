# SPDX-License-Identifier: Apache-2.0
"""Octets become characters, also where what the mail says of its character set is missing, wrong or too narrow.

Enter: octets and the name that was declared, which may be nothing. Leave: characters, always; what is broken is shown
as the replacement character. The name is believed as browsers believe it (gb2312 is its superset gb18030, iso-8859-1 is
windows-1252), unless the octets prove it wrong; then their statistics decide. Linear; a guess looks at the first 64 KB.
"""

import re
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE, BOM_UTF32_BE, BOM_UTF32_LE
from contextlib import suppress
from encodings import normalize_encoding
from encodings.aliases import aliases

from chardetng_py import EncodingDetector

from handlers.escapes import japanese

GUESSED_OCTETS = 65_536
META_OCTETS = 2048  # browsers look at 1024; Word writes long heads

# A closed list: Python remembers every unknown name for ever, and idna and punycode need quadratic time.
_KNOWN = {
    *aliases,
    *aliases.values(),
    "koi8_r",
    "koi8_u",
    "koi8_t",
    "cp874",
    "cp737",
    "mac_croatian",
    "mac_romanian",
    "cp1125",
    "cp720",
    "utf_8_sig",
    "utf_16",
    "utf_32",
}
_KNOWN -= {"base64_codec", "bz2_codec", "hex_codec", "quopri_codec", "rot_13", "uu_codec", "zlib_codec", "idna"}

# What senders write, and what they mean by it: the larger set of the same family (the WHATWG's Encoding Standard).
_MEANT = {
    **dict.fromkeys(("gb2312", "gbk", "x_gbk", "gb_2312_80", "euc_cn", "chinese", "cp936", "ms936"), "gb18030"),
    **dict.fromkeys(("shift_jis", "sjis", "x_sjis", "windows_31j", "ms_kanji", "csshiftjis", "s_jis"), "cp932"),
    **dict.fromkeys(("euc_kr", "euckr", "ks_c_5601_1987", "ksc5601", "ks_c_5601", "korean", "windows_949"), "cp949"),
    **dict.fromkeys(("ms949", "ksc_5601", "ks_c_5601_1989", "iso_ir_149"), "cp949"),
    **dict.fromkeys(("us_ascii", "ascii", "ansi_x3.4_1968", "646", "iso_646_us", "usascii"), "ascii"),
    **dict.fromkeys(("iso_8859_1", "iso8859_1", "latin_1", "latin1", "latin", "l1", "8859", "8859_1"), "cp1252"),
    **dict.fromkeys(("x_cp1252", "ansi", "windows_1252", "x_ansi", "iso_8859_1_windows_3.1_latin_1"), "cp1252"),
    **dict.fromkeys(("iso_8859_9", "iso8859_9", "latin5", "l5"), "cp1254"),
    **dict.fromkeys(("iso_8859_11", "iso8859_11", "tis_620", "windows_874", "thai"), "cp874"),
    **dict.fromkeys(("iso_8859_8_i", "iso_8859_8_e", "logical"), "iso8859_8"),
    **dict.fromkeys(("iso_8859_6_i", "iso_8859_6_e"), "iso8859_6"),
    **dict.fromkeys(("big5", "x_x_big5", "cn_big5", "big5_hkscs", "big5_eten", "windows_950"), "big5hkscs"),
    **dict.fromkeys(("iso_2022_jp", "iso_2022_jp_1", "csiso2022jp", "iso_2022_jp_ms"), "iso2022_jp_ext"),
    **dict.fromkeys(("cp50220", "cp50221", "cp50222"), "iso2022_jp_ext"),
    **dict.fromkeys(("eucjp", "cp51932", "windows_51932"), "euc_jp"),
    **dict.fromkeys(("unicode_1_1_utf_7", "x_unicode_2_0_utf_7", "u7"), "utf_7"),
    **dict.fromkeys(("utf8", "utf_8_mb4", "utf8mb4", "unicode_1_1_utf_8", "x_unicode20utf8", "cp65001"), "utf_8"),
    **dict.fromkeys(("unicode", "ucs_2", "iso_10646_ucs_2", "csunicode"), "utf_16"),
    **dict.fromkeys(("macintosh", "mac"), "mac_roman"),
    **dict.fromkeys(("mac_ukrainian", "x_mac_ukrainian"), "mac_cyrillic"),
    **dict.fromkeys(("mac_ce", "mac_centraleurroman", "mac_centraleurope"), "mac_latin2"),
    **dict.fromkeys(("koi8", "koi"), "koi8_r"),
    "koi8_ru": "koi8_u",
    **{f"8859_{number}": f"iso8859_{number}" for number in range(2, 17)},
    **{f"cp_{number}": f"cp{number}" for number in (437, 850, 866, *range(1250, 1259))},
    **{f"win_{number}": f"cp{number}" for number in range(1250, 1259)},
    **{f"win{number}": f"cp{number}" for number in range(1250, 1259)},
    **{f"windows{number}": f"cp{number}" for number in range(1250, 1259)},
}
_BOMS = (
    *((BOM_UTF8, "utf_8_sig"), (BOM_UTF32_LE, "utf_32"), (BOM_UTF32_BE, "utf_32")),
    *((BOM_UTF16_LE, "utf_16"), (BOM_UTF16_BE, "utf_16")),
)
_META = re.compile(rb"(?i)<(?:meta|\?xml)\b[^>]{0,300}?(?:charset|encoding)\s{0,8}=\s{0,8}[\"']?\s{0,8}([\w.:-]{1,40})")
_HIGH = bytes(range(128))
_TO_DELETE = bytes(range(128)) + b"\x7f" * 128
_PLAIN = bytes(range(33, 128))
_WIDE = ("utf_16", "utf_16_le", "utf_16_be", "utf_32", "utf_32_le", "utf_32_be")
_SEVEN_BIT = ("utf_7", "hz")
_HALVES = re.compile(rb"\xed[\xa0-\xaf][\x80-\xbf]\xed[\xb0-\xbf]")  # of one character, as Java writes it (CESU-8)
_EAST_ASIAN = ("gb18030", "big5hkscs", "cp950", "euc_jp", "cp932", "cp949")
_OF_ONE_OCTET = re.compile(r"cp125\d|iso8859_\d+|mac_\w+|koi8_\w|cp8\d\d|cp437")


def characters(octets: bytes, declared: str = "", *, is_page: bool = False) -> str:
    """Decode; `is_page`: an HTML page may say its character set itself, where the mail says none."""
    if not declared and octets.isascii() and b"\x1b" not in octets and b"\x00" not in octets:
        return octets.decode("ascii")  # most header fields
    marked = next((name for bom, name in _BOMS if octets.startswith(bom)), "")
    name = marked or meant(declared)
    if is_page and name in ("", "ascii"):
        stated = meant_by_page(octets)
        name = stated if stated not in _WIDE else ""  # who could read the statement reads no UTF-16
    return _decoded(octets, name)


def meant(declared: str) -> str:
    """Python's name of the character set that is meant; empty for one that nobody knows."""
    name = normalize_encoding(declared.strip(" \t'\"")[:40]).lower()
    name = next((one for one in (name, name.removeprefix("x_")) if one in _MEANT or one in _KNOWN), "")
    name = _MEANT.get(name) or _MEANT.get(aliases.get(name, ""), name)
    return aliases.get(name, name) if name in _KNOWN else ""


def meant_by_page(octets: bytes) -> str:
    """What an HTML page says of itself."""
    found = _META.search(octets[:META_OCTETS])
    return meant(found[1].decode("ascii", "replace")) if found is not None else ""


def guess(octets: bytes) -> str:
    """Python's name of the character set that octets look like, which are no UTF-8."""
    detector = EncodingDetector()
    detector.feed(octets[:GUESSED_OCTETS], last=True)
    found = detector.guess(tld=None, allow_utf8=False)
    return meant(found) or "cp1252"


def _decoded(octets: bytes, name: str) -> str:
    if octets.isascii() and name not in _SEVEN_BIT and name not in _WIDE and b"\x00" not in octets[:GUESSED_OCTETS]:
        return _seven_bit(octets, name)
    if name in ("utf_16", "utf_32") or (name in ("", "ascii") and b"\x00" in octets[:GUESSED_OCTETS]):
        name = _by_zeros(octets, name)
    if name in ("", "ascii") or _OF_ONE_OCTET.fullmatch(name):
        return _of_doubtful(octets, name)
    try:
        return octets.decode(name)
    except (LookupError, ValueError):  # UnicodeError is a ValueError
        return _mended(octets, name)


def _seven_bit(octets: bytes, name: str) -> str:
    """ASCII, but Japanese escape sequences are ASCII too, with whatever name; some senders forget to say so."""
    if b"\x1b$" not in octets and b"\x1b(" not in octets:
        return octets.decode("ascii")
    try:
        return octets.decode(name if name.startswith("iso2022") else "iso2022_jp_ext")
    except ValueError:
        return japanese(octets)


def _by_zeros(octets: bytes, name: str) -> str:
    """UTF-16 without a mark has its zeros on one side."""
    head = octets[:512]
    if name == "utf_32" or head.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        return name
    even, odd = head[::2].count(0), head[1::2].count(0)
    is_clear = min(even, odd) * 4 <= max(even, odd)
    if is_clear and max(even, odd) > (0 if name else max(3, len(head) // 4)):
        return "utf_16_le" if odd > even else "utf_16_be"
    return "utf_16_be" if name else ""  # RFC 2781 §4.3: big-endian unless said otherwise


def _of_doubtful(octets: bytes, name: str) -> str:
    """No name, ASCII that is none, or a set in which any octets mean something: UTF-8 is hardly so by chance."""
    try:
        return octets.decode("utf-8")
    except ValueError:
        pass
    if name in ("", "ascii") or (name == "cp1252" and _is_mostly_high(octets)):
        name = guess(octets)
    try:
        return octets.decode(name)
    except (LookupError, ValueError):
        return octets.decode(name if name in _KNOWN else "cp1252", "replace")


def _is_mostly_high(octets: bytes) -> bool:
    """No language that Latin-1 is for has so many letters beyond ASCII."""
    seen = octets[:GUESSED_OCTETS]
    high = len(seen.translate(None, _HIGH))
    plain = len(seen) - len(seen.translate(None, _PLAIN))
    return high > 3 and high > plain


def _mended(octets: bytes, name: str) -> str:
    """A few broken characters stay broken; where most are, or another set of its kind fits, the name is wrong."""
    if name == "utf_7" and not octets.isascii():  # each octet that cannot be in it costs an exception
        return octets.translate(_TO_DELETE).decode(name, "replace").replace("\x7f", "\ufffd")
    if name in _EAST_ASIAN and (other := guess(octets)) in _EAST_ASIAN:
        with suppress(ValueError):
            return octets.decode(other)
    if name == "utf_8" and _HALVES.search(octets) is not None:
        with suppress(ValueError):
            return octets.decode("utf-8", "surrogatepass").encode("utf-16-le", "surrogatepass").decode("utf-16-le")
    text = octets.decode(name, "replace") if name in _KNOWN else ""
    broken = text.count("\ufffd")
    high = len(octets.translate(None, _HIGH))
    if text and (broken * 10 <= high or name in _WIDE or name in _SEVEN_BIT):
        return text
    return _of_doubtful(octets, "")
