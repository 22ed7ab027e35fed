# SPDX-License-Identifier: Apache-2.0
"""SPF (RFC 7208): may this host send for the reverse-path, and for its HELO name?"""

from handlers.book import Book
from handlers.results import SpfResult
from handlers.subject import Subject


def check(subject: Subject, book: Book) -> SpfResult:
    """Raises Missing while DNS is to be asked."""
    return SpfResult()


def check_helo(subject: Subject, book: Book) -> SpfResult:
    """The same for the HELO name (RFC 7208 §2.3)."""
    return SpfResult()
