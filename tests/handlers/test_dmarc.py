# SPDX-License-Identifier: Apache-2.0
"""Whether a domain that vouches is the author's."""

import pytest

from handlers.book import Book
from handlers.dmarc import evaluate
from handlers.ports import Answer, Found
from handlers.results import DkimResult, SpfResult
from storage.address import Address

PASS, TEMP = "pass", "temperror"


@pytest.mark.parametrize(
    ("author", "results", "is_aligned", "retry"),
    [
        ("firm.example", [(PASS, "firm.example")], True, False),
        ("firm.example", [(PASS, "mail.firm.example")], True, False),
        ("mail.firm.example", [(PASS, "firm.example")], True, False),
        ("firm.example", [(PASS, "evil.example"), (PASS, "firm.example")], True, False),
        ("firm.example", [(PASS, "evil.example")], False, False),
        ("firm.example", [("fail", "firm.example")], False, False),
        ("firm.example", [("policy", "firm.example")], False, False),
        ("firm.example", [], False, False),
        # A public suffix is nobody's organisation; nor is a hosting domain its customers'.
        ("a.co.uk", [(PASS, "b.co.uk")], False, False),
        ("a.co.uk", [(PASS, "co.uk")], False, False),
        ("a.github.io", [(PASS, "b.github.io")], False, False),
        ("a.github.io", [(PASS, "x.a.github.io")], True, False),
        ("bücher.example", [(PASS, "xn--bcher-kva.example")], True, False),
        ("[192.0.2.1]", [(PASS, "firm.example")], False, False),
        # A lost key is worth another try only where it could prove the author.
        ("firm.example", [(TEMP, "mail.firm.example")], False, True),
        ("firm.example", [(TEMP, "evil.example")], False, False),
        ("firm.example", [(TEMP, "firm.example"), (PASS, "firm.example")], True, False),
        ("firm.example", [(TEMP, "firm.example"), (PASS, "evil.example")], False, True),
    ],
)
def test_alignment_is_by_organisation(
    author: str, results: list[tuple[str, str]], is_aligned: bool, retry: bool
) -> None:
    address = Address("ann", author)
    verdicts = [DkimResult(result, domain) for result, domain in results]
    found = evaluate(address, SpfResult(), verdicts, Book(lambda _: Answer(Found.NO_NAME)))
    assert bool(found.aligned) is is_aligned
    assert found.undecided is retry
