# SPDX-License-Identifier: Apache-2.0
"""SPF (RFC 7208): may this host send for the reverse-path, and for its HELO name?

Enters: the session, the envelope, DNS as a book. Leaves: one SpfResult for each identity, in printable ASCII of bounded
length. There is nothing to look at, and the result is none, where the client has no IP address or the identity no
domain name of several labels (§4.3).
"""

import re

from handlers.book import Book
from handlers.iprev import address_of
from handlers.results import SpfResult
from handlers.spf_evaluation import Evaluation
from handlers.subject import Subject

MAX_MECHANISM = 100
MAX_REASON = 200
MAX_EXPLANATION = 500

_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_DOMAIN = re.compile(rf"(?=.{{4,253}}$){_LABEL}(?:\.{_LABEL})+")
_QUOTED_PAIR = re.compile(r"\\(.)")
_UNPRINTABLE = re.compile(r"[^ -~]")
_POSTMASTER = "postmaster"  # RFC 7208 §2.4


def check(subject: Subject, book: Book) -> SpfResult:
    """The reverse-path, or postmaster at the HELO name where it is null (§2.4); raises Missing while DNS is asked."""
    path = subject.envelope.reverse_path
    if path is None:
        return check_helo(subject, book)
    return _check(subject, (_unquoted(path.local) or _POSTMASTER, path.host), book)


def check_helo(subject: Subject, book: Book) -> SpfResult:
    """The same for the HELO name (§2.3)."""
    return _check(subject, (_POSTMASTER, subject.session.helo.removesuffix(".").lower()), book)


def check_author(subject: Subject, book: Book) -> SpfResult:
    """The same for the author, as though the reverse-path were theirs: may this host send for that domain at all?"""
    if subject.author is None:
        return SpfResult()
    author = subject.author.address
    return _check(subject, (_unquoted(author.local) or _POSTMASTER, author.host), book)


def explained(found: SpfResult, peer: str) -> tuple[str, str]:
    """The result and why, in words for the trace."""
    if found.reason:
        return found.result, f"{found.domain}: {found.reason}"
    matched = "nothing in it matches" if found.mechanism == "default" else f"{found.mechanism} matches"
    return found.result, f"in the record of {found.domain}, {matched} {peer}"


def _check(subject: Subject, identity: tuple[str, str], book: Book) -> SpfResult:
    domain = identity[1]
    peer = address_of(subject.session.peer)
    if peer is None or not _DOMAIN.fullmatch(domain):
        return SpfResult()
    result, mechanism, reason, explanation = Evaluation(str(peer), identity, subject.session.helo, book).run()
    return SpfResult(
        result,
        domain,
        _printable(mechanism, MAX_MECHANISM),
        _printable(reason, MAX_REASON),
        _printable(explanation, MAX_EXPLANATION),
    )


def _unquoted(local: str) -> str:
    """What a quoted local part means (RFC 5321 §4.1.2), for macros."""
    return _QUOTED_PAIR.sub(r"\1", local[1:-1]) if local.startswith('"') else local


def _printable(text: str, most: int) -> str:
    return _UNPRINTABLE.sub("?", text[:most])
