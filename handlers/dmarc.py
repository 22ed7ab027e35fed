# SPDX-License-Identifier: Apache-2.0
"""Whether a domain that vouches is the author's."""

from collections.abc import Sequence
from functools import cache

from publicsuffixlist import PublicSuffixList

from handlers.book import Book
from handlers.results import DkimResult, DmarcResult, SpfResult
from storage.address import Address


def evaluate(author: Address | None, spf: SpfResult, dkim: Sequence[DkimResult], book: Book) -> DmarcResult:
    """The verdict on one author; raises Missing while DNS is to be asked."""
    if author is None:
        return DmarcResult(reason="no single author")
    aligned = tuple(f"dkim:{one.domain}" for one in dkim if one.result == "pass" and _same(author, one.domain))
    waits = any(one.result == "temperror" and _same(author, one.domain) for one in dkim)
    return DmarcResult(aligned=aligned, undecided=waits and not aligned)


@cache
def _suffixes() -> PublicSuffixList:
    """The list with its private part: two customers of one hosting domain are two organisations."""
    return PublicSuffixList()


def _same(author: Address, domain: str) -> bool:
    """Relaxed alignment by the public suffix list, until the tree walk of RFC 9989 (docs/decisions/0003)."""
    try:
        ours = author.domain.encode("idna").decode().lower()
    except UnicodeError:
        return False
    if ours == domain:
        return True
    organisation = _suffixes().privatesuffix(ours)
    return organisation is not None and organisation == _suffixes().privatesuffix(domain)
