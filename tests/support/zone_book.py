# SPDX-License-Identifier: Apache-2.0
"""A zone as a book of answers, for checks without wires: what it was asked, in order, stands in `asked`."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from handlers.book import Book, Missing
from handlers.ports import Answer, Found, Question

_T = TypeVar("_T")
_FOUND = {"NXDOMAIN": Found.NO_NAME, "NODATA": Found.NO_DATA, "TIMEOUT": Found.TEMPORARY, "MALFORMED": Found.MALFORMED}


class ZoneBook:
    """Name -> type -> list of strings, or {"rcode": ...} (tests/support/dns.py); an absent name is NXDOMAIN."""

    def __init__(self, zone: Mapping[str, Mapping[str, Any]]) -> None:
        self._zone = zone
        self.book = Book()
        self.asked: list[str] = []
        self.rounds = 0

    def run(self, check: Callable[[Book], _T]) -> _T:
        """The check, run until it misses nothing."""
        while True:
            try:
                return check(self.book)
            except Missing as missing:
                self.rounds += 1
                for one in dict.fromkeys(missing.questions):
                    self.asked.append(one.name)
                    self.book.write(one, self.answer(one))

    def answer(self, question: Question) -> Answer:
        """What the zone says."""
        entry = self._zone.get(question.name)
        if entry is None:
            return Answer(Found.NO_NAME)
        records = entry.get(question.kind, [])
        if isinstance(records, Mapping):
            return Answer(_FOUND[records["rcode"]])
        return Answer(Found.YES, tuple(one.encode() for one in records)) if records else Answer(Found.NO_DATA)
