# SPDX-License-Identifier: Apache-2.0
"""The public suffix list beside the tree walk: a remark where the two differ, never the rule (docs/decisions/0018)."""

from collections.abc import Iterable
from functools import cache

from publicsuffixlist import PublicSuffixList


def remark(author: str, aligned: Iterable[str], others: Iterable[str]) -> str:
    """Which of the identifiers the list would have judged in another way."""
    for one in aligned:
        if one != author and not _same(author, one):
            return f"by the public suffix list {one} and {author} are two organisations"
    for one in others:
        if _same(author, one):
            return f"by the public suffix list {one} and {author} are one organisation, by their DMARC records two"
    return ""


def _same(one: str, other: str) -> bool:
    organization = _suffixes().privatesuffix(one)
    return organization is not None and organization == _suffixes().privatesuffix(other)


@cache
def _suffixes() -> PublicSuffixList:
    """The list with its private part: two customers of one hosting domain are two organisations."""
    return PublicSuffixList()
