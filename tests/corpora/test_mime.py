# SPDX-License-Identifier: Apache-2.0
"""The MIME corpora through the real listener and `message show --json`, against what two other parsers agree on.

`pytest -s` prints the figures as docs/reading.md gives them.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from handlers.sanitising import sanitise
from tests.corpora.material import on_the_wire
from tests.support.dns import DnsZone
from tests.support.suite import Suite

pytestmark = pytest.mark.corpora


def squeezed(text: str | None) -> str:
    """White space folded; a NUL is in no text of ours (SQL takes none), and HTML alone is text too."""
    return " ".join((text or "").replace("\0", "").split())


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Suite]:
    zone = DnsZone()
    with Suite(tmp_path_factory.mktemp("mime"), zone) as made:
        yield made
    zone.close()


def shown(suite: Suite, path: Path) -> dict[str, Any]:
    """The mail as it is shown after its way through SMTP; what SMTP does not take is not a mail."""
    octets = re.sub(rb"\r(?!\n)|\0", b" ", on_the_wire(path.read_bytes()))
    return suite.send(octets)


def folded(address: str) -> str:
    """Our addresses have their domain in lower case: it is the same one (RFC 5321 §2.4)."""
    local, at, domain = address.rpartition("@")
    return f"{local}{at}{domain.lower()}" if at else address


def words_of(page: str) -> str:
    return squeezed(re.sub(r"<[^>]*>", " ", page))


def told(seen: dict[str, Any], expect: dict[str, Any]) -> dict[str, tuple[object, object]]:
    """What we say and what is expected, for each key that has an expectation."""
    pages = " ".join(expect.get("html_body", []))
    text = " ".join(expect.get("text_body", [])) or (words_of(pages) if expect.get("html_body") else "")
    wanted = {
        "from": [folded(one["address"]) for one in expect.get("from", [])],
        "to": [folded(one["address"]) for one in expect.get("to", [])],
        "subject": squeezed(expect.get("subject")),
        "text_body": squeezed(re.sub(r"\r", " ", text)),
        "html_body": words_of(sanitise(pages).html),
        "attachments": [(one["name"] or "", one["type"]) for one in expect.get("attachments", [])],
        "sizes": [one["size"] for one in expect.get("attachments", []) if one["size"] is not None],
    }
    sized = zip(seen["attachments"], expect.get("attachments", []), strict=False)
    found = {
        "from": [seen["from"]] if seen["from"] else [],
        "to": seen["to"],
        "subject": squeezed(seen["subject"]),
        "text_body": squeezed(seen["text"]),
        "html_body": words_of(seen["html"] or ""),
        "attachments": [(one["name"], one["type"]) for one in seen["attachments"]],
        "sizes": [one["size"] for one, other in sized if other["size"] is not None],
    }
    return {key: (found[key], wanted[key]) for key in found if key in expect or (key == "sizes" and wanted["sizes"])}


def test_mail_is_read_as_two_other_parsers_read_it(suite: Suite, corpora: Path) -> None:
    folder = corpora / "mime/mail-parser"
    right, wrong = 0, []
    for name, expect in json.loads((folder / "expect.json").read_text())["files"].items():
        seen = shown(suite, folder / name)
        assert seen["response"].startswith("250 "), (name, seen["response"])
        for key, (got, wanted) in told(seen, expect).items():
            right += got == wanted
            wrong += [(name, key, got, wanted)] if got != wanted else []
    print(f"mime: {right} of {right + len(wrong)}")
    for one in wrong:
        print(one)
    assert right >= 0.97 * (right + len(wrong))


def test_every_mail_is_taken_and_shows_something(suite: Suite, corpora: Path) -> None:
    for path in sorted((corpora / "mime").rglob("*.eml")):
        seen = shown(suite, path)
        assert seen["response"].startswith("250 "), (path, seen["response"])
        shows = seen["text"].strip() or seen["html"] or seen["attachments"] or seen["subject"]
        assert shows or path.parent.name == "malformed", path
