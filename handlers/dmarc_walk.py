# SPDX-License-Identifier: Apache-2.0
"""The DNS tree walk of RFC 9989 §4.10: which records stand at a domain and above it, and whose domain it is.

Enters: a domain in A-labels, DNS as a book. Leaves: what one name holds, or a whole walk with its organizational
domain. One question after the other, at most eight, for each answer may end the walk; raises Missing for the next one.
"""

from dataclasses import dataclass

from handlers.book import Book
from handlers.dmarc_record import Record, parse
from handlers.ports import Answer, Found

MAX_QUESTIONS = 8
NAME_CHARACTERS = 253  # 255 octets on the wire (RFC 1035 §2.3.4)


@dataclass(frozen=True, slots=True)
class Look:
    """What stands at one name: its one record, or none; `several` are all discarded."""

    domain: str
    found: Found
    record: Record | None = None
    several: bool = False


@dataclass(frozen=True, slots=True)
class Walk:
    """The names looked at, the longest first; `temporary` where DNS gave no answer, and the walk no result."""

    looks: tuple[Look, ...]
    temporary: bool = False

    @property
    def records(self) -> dict[str, Record]:
        """The valid records, the longest name first."""
        return {look.domain: look.record for look in self.looks if look.record is not None}

    @property
    def organization(self) -> str:
        """The organizational domain of where the walk began (RFC 9989 §4.10.2)."""
        start = self.looks[0].domain
        for domain, record in self.records.items():
            if record.psd == "n":
                return domain
            if record.psd == "y" and domain != start:
                return _below(start, domain)
        return next(reversed(self.records), start)

    @property
    def suffix(self) -> str:
        """The public suffix domain above the start, where one publishes a record (RFC 9989 §4.10.1)."""
        above = (one for one, record in self.records.items() if record.psd == "y" and one != self.looks[0].domain)
        return next(above, "")


def look(domain: str, book: Book) -> Look:
    """One question (RFC 9989 §4.10 steps 1 and 2)."""
    answer = texts(f"_dmarc.{domain}", book)
    records = [record for record in map(parse, answer.records) if record is not None]
    return Look(domain, answer.found, records[0] if len(records) == 1 else None, len(records) > 1)


def texts(name: str, book: Book) -> Answer:
    """What stands there; what is too long for a name does not exist, and hides nothing above it."""
    return book.ask("TXT", name) if len(name) <= NAME_CHARACTERS else Answer(Found.NO_NAME)


def walk(domain: str, book: Book) -> Walk:
    """From the domain to the root, or to the first record that says whether it is a public suffix."""
    looks: list[Look] = []
    for name in names(domain):
        looks.append(look(name, book))
        if looks[-1].found is Found.TEMPORARY:
            return Walk(tuple(looks), temporary=True)
        record = looks[-1].record
        if record is not None and record.psd != "u":
            break
    return Walk(tuple(looks))


def names(domain: str) -> tuple[str, ...]:
    """The names to look at in this order: the domain, then what is left of it from seven labels down (steps 3 to 7)."""
    labels = domain.split(".")
    first = max(1, len(labels) - MAX_QUESTIONS + 1)
    return (domain, *(".".join(labels[position:]) for position in range(first, len(labels))))


def is_within(domain: str, organization: str) -> bool:
    """Whether the domain is the other, or below it."""
    return domain == organization or domain.endswith(f".{organization}")


def _below(start: str, suffix: str) -> str:
    """The name one label below `suffix` on the way to `start`."""
    return ".".join(start.split(".")[-suffix.count(".") - 2 :])
