# SPDX-License-Identifier: Apache-2.0
"""What the header fields of one MIME part say: type, parameters, encoding, disposition, name (RFC 2045, 2183, 2231).

Enters: the octets of a part's header section. Leaves: a frozen Description. Never fails: what cannot be read takes
the default of RFC 2045 §5.2, for the sender's mistakes must not cost the receiver the mail. Linear and bounded.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from handlers.charsets import characters
from handlers.headers import decode_text

MAX_VALUE_OCTETS = 16_384  # of one structured field; what lies behind is not looked at
MAX_NAME_OCTETS = 255  # a file name on any file system

_FIELD = re.compile(rb"^([!-9;-~]+)[ \t]*:([^\n]*+(?:\n[ \t][^\n]*+)*+)", re.MULTILINE)
_TYPE = re.compile(rb'[\s"]*+([\w!#$&^.+-]{1,127})\s*+/\s*+([\w!#$&^.+-]{1,127})')
_ANY_MULTIPART = re.compile(rb"(?i)\s*+multipart\s*+/?\s*+;.*\bboundary", re.DOTALL)
_ANY_FILE = re.compile(rb"(?i)\s*+(?:application|image|audio|video)\s*+/?\s*+(?:;|$)")
_COMMENT = re.compile(rb"\([^()]*+\)")
_PARAMETER = re.compile(
    rb';\s*+([^\s=;"*]++)(\*\d{1,3}+)?(\*)?\s*+=\s*+(?:"([^"\\]*+(?:\\.[^"\\]*+)*+)"?|([^;\s]*+))', re.DOTALL
)
# A name wherever it stands outside of quotes; without quotes it ends before a semicolon or the next parameter.
_NAME, _FILE_NAME = (
    re.compile(
        rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|(?<![\w*-])(?i:' + name + rb")(?:(?P<star>\*)|\s*+=\s*+"
        rb'(?:"(?P<quoted>[^"\\]*+(?:\\.[^"\\]*+)*+)"?|(?P<bare>(?:(?!\s[A-Za-z][\w*-]{0,30}=)[^;"])*+))(?P<end>))',
        re.DOTALL,
    )
    for name in (b"name", b"filename")
)
_BLANKS_WITHIN = re.compile(rb"(?:(?!\s[A-Za-z][\w*-]{0,30}=)[^;\"])++")
_WHOLE = -1
_BOUNDARY = re.compile(rb'(?i)(?<![\w*-])boundary\s*+=\s*+(?:"([^"]{1,250}+)"|([^\s;"]{1,250}+))')
_UNMARKED = re.compile(
    rb"(?i)(?:utf-8|iso-8859-\d{1,2}|windows-125\d|gb\w{1,6}|big5)'[\w-]{0,20}'"
)  # the star is missing
_UNSAFE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\xad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]"
)
_DEVICE = re.compile(r"(?i)(?:con|prn|aux|nul|(?:com|lpt)[\d¹²³]|conin\$|conout\$) *(?:\.|$)")


@dataclass(frozen=True, slots=True)
class Description:
    """The facts of a part's header section, every word in lower case but names, boundary and Content-ID."""

    type: str = "text/plain"
    charset: str = ""
    boundary: bytes = b""
    is_flowed: bool = False
    encoding: str = "7bit"
    disposition: str = ""
    name: str = ""
    content_id: str = ""
    location: str = ""
    is_delsp: bool = False
    method: str = ""
    start: str = ""


def fields(section: bytes) -> Iterator[tuple[str, bytes]]:
    """Each header field as (lower-case name, unfolded value)."""
    for match in _FIELD.finditer(section):
        value = match[2].replace(b"\r\n", b"").replace(b"\n", b"").strip()
        yield match[1].decode("ascii").lower(), value


def describe(section: bytes, default_type: str = "text/plain") -> Description:
    """Read the Content-* fields; the first of several counts."""
    values: dict[str, bytes] = {}
    for name, value in fields(section):
        if name.startswith("content-"):
            values.setdefault(name, value[:MAX_VALUE_OCTETS])
    media_type, parameters = _media_type(values.get("content-type", b""), default_type)
    shown = values.get("content-disposition", b"")
    disposition, _, _ = shown.partition(b";")
    if b"=" in disposition:  # the word was forgotten; RFC 2183 §2.8: what is not known is an attachment
        disposition = b"attachment"
    named = _named(_FILE_NAME, shown) or _named(_NAME, values.get("content-type", b""))
    return Description(
        type=media_type,
        charset=parameters.get("charset", "").strip().lower(),
        boundary=_boundary(media_type, parameters, values.get("content-type", b"")),
        is_flowed=parameters.get("format", "").strip().lower() == "flowed",
        encoding=_word(values.get("content-transfer-encoding", b"")) or "7bit",
        disposition=_word(disposition),
        name=safe_name(named),
        content_id=_word(values.get("content-id", b""), keep_case=True).strip("<> "),
        location=re.sub(r"\s", "", _word(values.get("content-location", b""), keep_case=True)),  # RFC 2557 §4.4.1
        is_delsp=parameters.get("delsp", "").strip().lower() == "yes",
        method=safe_name(parameters.get("method", "")).lower(),
        start=parameters.get("start", "").strip("<> "),  # RFC 2387 §3.2
    )


def _named(place: re.Pattern[bytes], value: bytes) -> str:
    """The name as it was meant: blanks, a comment or no semicolon before it, single quotes, a path of Windows."""
    places = [one for one in place.finditer(value) if one["star"] or one["end"] is not None]
    found = places[0] if places else None
    if found is None or any(one["star"] for one in places):
        known = parameters_of(value if value.startswith(b";") else b";" + value.partition(b";")[2])
        return known.get("filename" if place is _FILE_NAME else "name", "")
    quoted, bare = found["quoted"], found["bare"].strip() if found["bare"] is not None else b""
    if quoted is not None:
        bare = re.sub(rb'\\(["\\])', rb"\1", quoted)
    elif len(bare) > 1 and bare.startswith(b"'") and bare.endswith(b"'"):
        bare = bare[1:-1]
    return _extended(unquote_to_bytes(bare)) if _UNMARKED.match(bare) else bare.decode("utf-8", "surrogateescape")


def _boundary(media_type: str, parameters: dict[str, str], value: bytes) -> bytes:
    """Also where the semicolon before it was forgotten: what does not divide shows nothing of the parts."""
    known = parameters.get("boundary", "").rstrip().encode("utf-8", "surrogateescape")
    if known or not media_type.startswith("multipart/"):
        return known
    found = _BOUNDARY.search(value)
    return (found[1] or found[2]).rstrip() if found is not None else b""


def parameters_of(value: bytes) -> dict[str, str]:
    """The parameters of a structured field, RFC 2231 continuations joined and decoded."""
    plain: dict[str, str] = {}
    pieces: dict[str, dict[int, bytes]] = {}
    value = value[:MAX_VALUE_OCTETS]
    for match in _PARAMETER.finditer(value):
        name = match[1].decode("ascii", "replace").lower()
        octets = re.sub(rb"\\(.)", rb"\1", match[4], flags=re.DOTALL) if match[4] is not None else match[5]
        if match[2] or match[3]:
            if match[4] is None and (rest := _BLANKS_WITHIN.match(value, match.end())) is not None:
                octets += rest[0].rstrip()
            number = int(match[2][1:]) if match[2] else _WHOLE
            pieces.setdefault(name, {}).setdefault(number, unquote_to_bytes(octets) if match[3] else octets)
        else:
            plain.setdefault(name, octets.decode("utf-8", "surrogateescape"))
    for name, numbered in pieces.items():
        plain[name] = _joined(numbered, plain.get(name, ""))
    return plain


def _joined(numbered: dict[int, bytes], plain: str) -> str:
    """RFC 2231 §3: the whole one, else the pieces; where there is no first piece, or nothing in them, the plain one."""
    whole = numbered.get(_WHOLE, b"") or b"".join(numbered[number] for number in sorted(numbered))
    is_usable = whole and (not plain or _WHOLE in numbered or 0 in numbered)
    return _extended(whole) if is_usable else plain


def safe_name(text: str) -> str:
    """A file name that can be shown and stored: no path, control or direction character, no device, 255 octets."""
    if "=?" in text:  # RFC 2231 §5 forbids encoded words here, many mail clients write them all the same
        text = decode_text(text.encode("utf-8", "surrogateescape"))
    text = characters(text.encode("utf-8", "surrogateescape"))
    text = _UNSAFE.sub("", text.replace("\\", "/").rpartition("/")[2]).strip(" .")
    text = _shortened(text)
    return f"_{text}" if _DEVICE.match(text) else text


def _shortened(text: str) -> str:
    """At most as long as a file system takes; the extension tells what a file is, so it stays."""
    octets = text.encode("utf-8", "replace")
    if len(octets) <= MAX_NAME_OCTETS:
        return octets.decode()
    extension = re.search(r"(?:\.[\w+-]{1,12}){1,2}$", text)
    kept = extension[0] if extension is not None else ""
    return octets[: MAX_NAME_OCTETS - len(kept.encode())].decode("utf-8", "ignore") + kept


def _media_type(value: bytes, default_type: str) -> tuple[str, dict[str, str]]:
    """RFC 2045 §5.2: a type that cannot be read is text/plain, a missing one the context's default."""
    said, semicolon, rest = value.partition(b";")
    value = _COMMENT.sub(b" ", said) + semicolon + rest
    match = _TYPE.match(value)
    if match is not None:
        return b"/".join(match.groups()).decode("ascii", "replace").lower(), parameters_of(value[match.end() :])
    if _ANY_MULTIPART.match(value) is not None:  # RFC 2046 §5.1.3: one that is not known is mixed
        return "multipart/mixed", parameters_of(value)
    if _ANY_FILE.match(value) is not None:
        return "application/octet-stream", parameters_of(value)
    return ("text/plain" if value else default_type), parameters_of(value)


def _extended(octets: bytes) -> str:
    """RFC 2231 §4: charset'language'octets."""
    charset, quote, rest = octets.partition(b"'")
    _, second, text = rest.partition(b"'")
    if not quote or not second:
        return octets.decode("utf-8", "surrogateescape")
    return characters(text, charset.decode("ascii", "replace"))


def _word(value: bytes, *, keep_case: bool = False) -> str:
    """A value of one word, without comments."""
    text = (
        _COMMENT.sub(b" ", value).partition(b"(")[0].strip().strip(b'";').decode("utf-8", "replace").replace("\x00", "")
    )
    return text if keep_case else text.lower()
