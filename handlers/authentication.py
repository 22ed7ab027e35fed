# SPDX-License-Identifier: Apache-2.0
"""The checks of one mail: which host, which domains and which author vouch for it.

Enters: the session, the envelope, the header section and its signatures, DNS as a book. Leaves: one Authentication.
Each check is a function of the mail and the book; it is run until the answers it needs are there, then never again.
"""

from collections.abc import Callable
from typing import Any

from handlers import arc, dmarc, dnsbl, iprev, spf, upstream
from handlers.book import Book, Missing
from handlers.ports import Question
from handlers.results import Authentication, DmarcResult, DnsblResult, SpfResult
from handlers.subject import Subject, answers_something


class Checks:
    """The checks of one mail, as far as DNS has answered."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._done: dict[str, Any] = {}
        self._found: Authentication | None = None
        self._heard = upstream.listen(subject)
        if self._heard is not None:  # the client is a filter: SPF would look at the filter
            self._done |= {"spf": self._heard.spf, "helo": SpfResult(), "upstream": self._heard.result}
            self._done["dnsbl"] = DnsblResult()

    def run(self, book: Book) -> Authentication:
        """All results, once and for all; raises one Missing for all that the checks want to know at present."""
        if self._found is None:
            self._found = self._run(book)
        return self._found

    def _run(self, book: Book) -> Authentication:
        wanted: list[Question] = []
        for name, check in _INDEPENDENT.items():
            wanted += self._try(name, lambda check=check: check(self._subject, book))  # type: ignore[misc]
        # Whoever sends in another's name chooses what else is asked, and must not delay what is asked about that name.
        urgent = self._try("dmarc", lambda: self._dmarc(book))
        wanted += self._try("author_spf", lambda: self._author_spf(book))
        if wanted or urgent:
            raise Missing(dict.fromkeys([*wanted, *urgent]), urgent)
        return Authentication(**self._done, answers=tuple(book.answers.items()))

    def _try(self, name: str, check: Callable[[], Any]) -> tuple[Question, ...]:
        """What the check wants to know, if it is not done."""
        if name not in self._done:
            try:
                self._done[name] = check()
            except Missing as missing:
                return missing.questions
        return ()

    def _author_spf(self, book: Book) -> SpfResult:
        """Only where no better evidence is to be had, and the mail answers one: it costs as much as SPF does."""
        if "dmarc" not in self._done:
            raise Missing(())
        found: DmarcResult = self._done["dmarc"]
        is_known = self._heard is not None or found.published is not False or found.aligned
        if is_known or self._done["spf"].domain == found.domain or not answers_something(self._subject):
            return SpfResult()
        return spf.check_author(self._subject, book)

    def _dmarc(self, book: Book) -> Any:
        """Last, for it rests on SPF and DKIM; which policy applies is asked meanwhile."""
        author = self._subject.author.address if self._subject.author is not None else None
        if not {"spf", "dkim"} <= self._done.keys():
            dmarc.discover(author, book)
            raise Missing(())
        if self._heard is None:
            return dmarc.evaluate(author, self._done["spf"], self._done["dkim"], book)
        ours, signatures = self._done["dkim"], self._subject.signatures
        dkim = self._heard.over_dkim(ours, signatures)
        found = self._heard.over_dmarc(dmarc.evaluate(author, self._done["spf"], dkim, book), author, ours, signatures)
        self._done["dkim"] = dkim
        return found


def _dkim(subject: Subject, book: Book) -> Any:
    questions = subject.signatures.questions()
    answers = book.ask_all(questions)
    return subject.signatures.verify({one.name: answer for one, answer in zip(questions, answers, strict=True)})


_INDEPENDENT: dict[str, Callable[[Subject, Book], Any]] = {
    "spf": spf.check,  # handlers/spf.py: may this host send for the reverse-path
    "helo": spf.check_helo,
    "dkim": _dkim,  # handlers/dkim.py: which domains signed
    "arc": arc.check,  # handlers/arc.py: what those who passed it on say
    "iprev": iprev.check,  # handlers/iprev.py: what the host is called
    "dnsbl": dnsbl.check,  # handlers/dnsbl.py: which lists name it
}
