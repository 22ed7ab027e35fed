# SPDX-License-Identifier: Apache-2.0
"""The ARC chain (RFC 8617), where the operator wants it looked at; never evidence."""

from handlers.book import Book
from handlers.results import ArcResult
from handlers.subject import Subject


def check(subject: Subject, book: Book) -> ArcResult:
    """Raises Missing while DNS is to be asked."""
    return ArcResult()
