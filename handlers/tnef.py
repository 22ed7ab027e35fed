# SPDX-License-Identifier: Apache-2.0
"""What Outlook packs into winmail.dat (Microsoft's MS-OXTNEF): text or HTML, and the files.

Enters: the octets of the file. Leaves: a Packed and the files, nothing where it is no such file. What is cut off or
damaged ends the reading; what came before counts. Each octet is looked at once, numbers are bounded, nothing is
written; rich text is unpacked for whoever wants the text, never to list files. Never fails.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from struct import Struct

from handlers import rtf
from handlers.charsets import characters
from handlers.mime_parts import scrub

MAX_FILES = 200
MAX_PROPERTIES = 5_000  # of a message or a file
MAX_TEXT_OCTETS = 1_000_000

_BEGIN = b"\x78\x9f\x3e\x22"
_RENDERING, _TITLE, _DATA, _PROPERTIES = 0x9002, 0x8010, 0x800F, 0x9005
_TEXT, _CODE_PAGE, _OF_MESSAGE = 0x800C, 0x9007, 0x9003
_ATTRIBUTE, _U16, _U32 = Struct("<BII"), Struct("<H"), Struct("<I")
_SIZES = {2: 4, 3: 4, 4: 4, 5: 8, 6: 8, 7: 8, 10: 4, 11: 4, 20: 8, 64: 8, 72: 16}  # of values, padded
_STRING, _WIDE, _OBJECT, _OCTETS = 0x1E, 0x1F, 0x0D, 0x102
_BODY, _RTF, _HTML, _CPID = 0x1000, 0x1009, 0x1013, 0x3FDE
_FILE_DATA, _LONG_NAME, _FILE_NAME, _MEDIA_TYPE, _CID = 0x3701, 0x3707, 0x3704, 0x370E, 0x3712
_MEDIA_TYPE_FORM = re.compile(r"[\w!#$&^.+-]{1,127}/[\w!#$&^.+-]{1,127}")


@dataclass(frozen=True, slots=True)
class PackedFile:
    """One file; the name is as packed, and the type may be empty."""

    name: str
    type: str
    octets: bytes
    cid: str = ""


@dataclass(frozen=True, slots=True)
class Packed:
    """The text, the page where there is one, and how much rich text they were unpacked from."""

    text: str = ""
    html: str = ""
    rich_octets: int = 0


@dataclass(slots=True)
class _Draft:
    """A file as its attributes come."""

    title: bytes = b""
    octets: bytes = b""
    known: dict[int, tuple[int, bytes]] = field(default_factory=dict)


@dataclass(slots=True)
class _Found:
    """What stands in the file, before any of it is decoded."""

    code_page: str = "cp1252"
    text: bytes = b""
    message: dict[int, tuple[int, bytes]] = field(default_factory=dict)
    files: list[_Draft] = field(default_factory=list)


class _Ended(Exception):
    """There is less than was announced."""


def read(octets: bytes, rich_octets: int = rtf.MAX_OCTETS) -> Packed:
    """The words; of rich text at most so many octets are unpacked."""
    found = _found(octets, with_files=False)
    message, code_page = found.message, found.code_page
    words, page = characters(found.text.rstrip(b"\x00")[:MAX_TEXT_OCTETS], code_page), ""
    if _BODY in message:
        words = _string(message, _BODY, code_page)
    if _HTML in message:
        said = _U32.unpack(message[_CPID][1])[0] if _CPID in message and len(message[_CPID][1]) == 4 else 0
        octets = message[_HTML][1][:MAX_TEXT_OCTETS]
        page = characters(octets, f"cp{said}" if said else "", is_page=not said)
    unpacked = b""
    if _RTF in message and not page and rich_octets > 0:
        unpacked = rtf.decompressed(message[_RTF][1], rich_octets)
        rich = rtf.read(unpacked)
        page = rich.html
        words = words if words.strip() else rich.text
    return Packed(scrub(words).replace("\r\n", "\n"), scrub(page), len(unpacked))


def files(octets: bytes) -> Iterator[PackedFile]:
    """The files, at most MAX_FILES."""
    found = _found(octets, with_files=True)
    for draft in found.files:
        yield _file(draft, found.code_page)


def _found(octets: bytes, *, with_files: bool) -> _Found:
    found = _Found()
    for name, value in _attributes(octets):
        if name == _TEXT:
            found.text = value
        elif name == _CODE_PAGE and len(value) >= 4:
            found.code_page = f"cp{_U32.unpack_from(value)[0]}"
        elif name == _OF_MESSAGE and not with_files:
            found.message = _properties(value)
        elif with_files and name == _RENDERING:
            if len(found.files) == MAX_FILES:
                break
            found.files.append(_Draft())
        elif found.files:
            _add(found.files[-1], name, value)
    return found


def _attributes(octets: bytes) -> Iterator[tuple[int, bytes]]:
    at = 6 if octets.startswith(_BEGIN) else len(octets)
    while at + _ATTRIBUTE.size <= len(octets):
        _, name, length = _ATTRIBUTE.unpack_from(octets, at)
        at += _ATTRIBUTE.size
        yield name & 0xFFFF, octets[at : at + length]
        at += length + 2  # its check sum


def _add(file: _Draft, name: int, value: bytes) -> None:
    if name == _TITLE:
        file.title = value
    elif name == _DATA:
        file.octets = value
    elif name == _PROPERTIES:
        file.known = _properties(value)


def _file(draft: _Draft, code_page: str) -> PackedFile:
    name = next((text for one in (_LONG_NAME, _FILE_NAME) if (text := _string(draft.known, one, code_page))), "")
    kind, octets = draft.known.get(_FILE_DATA, (0, b""))
    if draft.octets or not octets:
        octets = draft.octets
    elif kind == _OBJECT:
        octets = octets[16:]  # behind the identifier of the interface
    media_type = _string(draft.known, _MEDIA_TYPE, code_page).lower()
    return PackedFile(
        name or characters(draft.title.rstrip(b"\x00"), code_page),
        media_type if _MEDIA_TYPE_FORM.fullmatch(media_type) else "",
        octets,
        scrub(_string(draft.known, _CID, code_page)).strip("<> "),
    )


def _string(known: dict[int, tuple[int, bytes]], name: int, code_page: str) -> str:
    kind, octets = known.get(name, (0, b""))
    if kind not in (_STRING, _WIDE, _OCTETS):
        return ""
    text = characters(octets[:MAX_TEXT_OCTETS], "utf_16_le" if kind == _WIDE else code_page)
    return text.rstrip("\x00")


def _properties(octets: bytes) -> dict[int, tuple[int, bytes]]:
    """MAPI properties: name -> type and the first value."""
    known: dict[int, tuple[int, bytes]] = {}
    try:
        at = 4
        for _ in range(min(_number(octets, 0), MAX_PROPERTIES)):
            kind, name = _number(octets, at, _U16), _number(octets, at + 2, _U16)
            at = _behind_name(octets, at + 4) if name >= 0x8000 else at + 4
            value, at = _value(octets, at, kind)
            known.setdefault(name, (kind & 0x0FFF, value))
    except _Ended:
        pass
    return known


def _behind_name(octets: bytes, at: int) -> int:
    """A named property: a GUID, then a number or a text."""
    if _number(octets, at + 16) == 0:
        return at + 24
    return at + 24 + _padded(_number(octets, at + 20))


def _value(octets: bytes, at: int, kind: int) -> tuple[bytes, int]:
    """The first value of a property, and where the next property begins."""
    plain, is_several = kind & 0x0FFF, bool(kind & 0x1000)
    size = _SIZES.get(plain)
    if size is None and plain not in (_STRING, _WIDE, _OBJECT, _OCTETS):
        raise _Ended
    count = 1
    if is_several or size is None:
        count, at = _number(octets, at), at + 4
    if size is not None:
        return octets[at : at + size], at + size * count
    first = b""
    for number in range(min(count, MAX_PROPERTIES)):
        length = _number(octets, at)
        first = octets[at + 4 : at + 4 + length] if not number else first
        at += 4 + _padded(length)
    return first, at


def _number(octets: bytes, at: int, form: Struct = _U32) -> int:
    if at + form.size > len(octets):
        raise _Ended
    return int(form.unpack_from(octets, at)[0])


def _padded(length: int) -> int:
    return length + -length % 4
