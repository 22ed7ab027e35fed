# SPDX-License-Identifier: Apache-2.0
"""What the client host is called, where its name leads back to it (RFC 8601 §3)."""

from handlers.book import Book
from handlers.results import IprevResult
from handlers.subject import Subject


def check(subject: Subject, book: Book) -> IprevResult:
    """Raises Missing while DNS is to be asked."""
    return IprevResult()
