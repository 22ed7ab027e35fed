# SPDX-License-Identifier: Apache-2.0
"""One DMARC policy record (RFC 9989 §4.7, §4.8): the text of a TXT record becomes a value.

Enters: the joined strings of one TXT record. Leaves: a record, or None where the text is none. What is wrong behind the
version is ignored, tag by tag; only a wrong policy takes the record out of use, unless it asks for reports (§4.10.1).
pct, rf and ri are historic and read by nobody.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

_VERSION = re.compile(rb"[vV][ \t]*=[ \t]*DMARC1[ \t]*(?:;|\Z)")
_NAME = re.compile(r"[A-Za-z]+")
_VALUE = re.compile(r"[ -~]+")
_MAILTO = re.compile(r"mailto:[^\s@,!?]+@[^\s@,!?]+(?:\?[^\s,!]*)?", re.IGNORECASE)
_URI = re.compile(r"(?!mailto:)[A-Za-z][A-Za-z0-9+.-]*:[A-Za-z0-9._~:/?#\[\]@$&'()*+;=%-]+", re.IGNORECASE)
_SIZE = re.compile(r"![0-9]+[kmgt]?\Z", re.IGNORECASE)  # obsolete, and to be passed over
_REQUESTS = frozenset({"none", "quarantine", "reject"})
_MAX_OCTETS = 16_384
_USUAL_OCTETS = 512


@dataclass(frozen=True, slots=True)
class Record:
    """What a domain asks for; `sp` and `np` are empty where they say nothing of their own.

    `usable`: its policy can be applied. One that is not still takes part in the tree walk.
    """

    p: str = "none"
    sp: str = ""
    np: str = ""
    strict_dkim: bool = False
    strict_spf: bool = False
    psd: str = "u"
    testing: bool = False
    usable: bool = True


def parse(text: bytes) -> Record | None:
    """Read one TXT record; None where it does not begin with this version (RFC 9989 §4.7 "v")."""
    return _remembered(text) if len(text) <= _USUAL_OCTETS else _read(text)


def _read(text: bytes) -> Record | None:
    begin = _VERSION.match(text)
    if begin is None:
        return None
    tags = _tags(text[begin.end() : _MAX_OCTETS].decode("latin-1"))
    p, sp, np, usable = _policies(tags)
    return Record(
        p=p,
        sp=sp,
        np=np,
        strict_dkim=_word(tags, "adkim") == "s",
        strict_spf=_word(tags, "aspf") == "s",
        psd=_word(tags, "psd") if _word(tags, "psd") in ("y", "n") else "u",
        testing=_word(tags, "t") == "y",
        usable=usable,
    )


_remembered = lru_cache(maxsize=1024)(_read)  # a walk is begun again after each answer, and many domains say the same


def _tags(text: str) -> dict[str, str]:
    """What can be read; of two tags with one name the first counts, the second is the error."""
    found: dict[str, str] = {}
    for part in text.split(";"):
        name, _, value = (piece.strip(" \t") for piece in part.partition("="))
        if _NAME.fullmatch(name) and _VALUE.fullmatch(value):
            found.setdefault(name.lower(), value)
    return found


def _word(tags: Mapping[str, str], name: str) -> str:
    """The words of the grammar (RFC 9989 §4.8) are written in either case."""
    return tags.get(name, "").lower()


def _policies(tags: Mapping[str, str]) -> tuple[str, str, str, bool]:
    """RFC 9989 §4.10.1: without a valid p, or with an invalid sp or np, the record asks for reports or for nothing."""
    p, sp, np = (_word(tags, name) for name in ("p", "sp", "np"))
    usable = _wants_reports(tags.get("rua", ""))
    if any(name in tags and _word(tags, name) not in _REQUESTS for name in ("sp", "np")):
        return "none", "", "", usable
    if p not in _REQUESTS:
        return "none", sp, np, usable
    return p, sp, np, True


def _wants_reports(rua: str) -> bool:
    """Whether one of the addresses can be one (RFC 9989 §4.6)."""
    addresses = (_SIZE.sub("", one.strip(" \t")) for one in rua.split(","))
    return any(_MAILTO.fullmatch(one) or _URI.fullmatch(one) for one in addresses)
