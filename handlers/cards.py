# SPDX-License-Identifier: Apache-2.0
"""Contact cards: whom a card names, their addresses and their organisation (RFC 6350, and the older 2.1 and 3.0).

Enters: the text of a text/vcard part. Leaves: at most 50 cards. Never fails.
"""

from binascii import a2b_qp
from dataclasses import dataclass

from handlers.charsets import characters
from handlers.content_lines import Line, lines

MAX_CARDS = 50
MAX_EMAILS = 20


@dataclass(frozen=True, slots=True)
class Card:
    """What of a card names somebody."""

    name: str
    emails: tuple[str, ...] = ()
    organisation: str = ""
    telephones: tuple[str, ...] = ()


def read(text: str) -> tuple[Card, ...]:
    """The cards in their order."""
    made: list[Card] = []
    said: list[Line] | None = None
    for line in lines(text):
        if line.name == "BEGIN" and line.value.upper() == "VCARD":
            said = []
        elif line.name == "END" and said is not None:
            made.append(_card(said))
            said = None
            if len(made) == MAX_CARDS:
                break
        elif said is not None:
            said.append(line)
    return tuple(made)


def _card(said: list[Line]) -> Card:
    by_name: dict[str, list[str]] = {}
    for line in said:
        if text := _text(line):
            by_name.setdefault(line.name, []).append(text)
    parts = by_name.get("N", [""])[0].split(";")
    full = " ".join(filter(None, (part.strip() for part in (parts[1:2] + parts[:1]))))
    organisation = ", ".join(filter(None, (part.strip() for part in by_name.get("ORG", [""])[0].split(";"))))
    emails = tuple(one.removeprefix("mailto:") for one in by_name.get("EMAIL", [])[:MAX_EMAILS])
    telephones = tuple(one.removeprefix("tel:") for one in by_name.get("TEL", [])[:MAX_EMAILS])
    return Card(by_name.get("FN", [full])[0], emails, organisation, telephones)


def _text(line: Line) -> str:
    """Cards of 2.1 are quoted-printable, in a character set of their own."""
    if line.parameters.get("ENCODING", "").upper() == "QUOTED-PRINTABLE":
        octets = a2b_qp(line.value.encode("utf-8", "replace"))
        return characters(octets, line.parameters.get("CHARSET", "")).replace("\x00", "").strip()
    return line.text.strip()
