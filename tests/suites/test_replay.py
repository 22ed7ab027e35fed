# SPDX-License-Identifier: Apache-2.0
"""Mail of every corpus through a real listener, then judged again: with the stored answers nothing is otherwise.

DNS has changed since, or is gone: whatever a check did not find among the stored answers would show.
"""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from gateway.reception import Reception, StoreLookups
from gateway.replaying import StoreThreads
from handlers.replaying import Place, replay
from storage import content, story
from tests.support.clock import FakeClock
from tests.support.dns import DnsZone
from tests.support.office import KEYS, mail
from tests.support.suite import Suite

pytestmark = [pytest.mark.corpora, pytest.mark.timeout(600)]

BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)
RECIPIENTS = ("support@firm.example", "held@firm.example")


def crlf(octets: bytes) -> bytes:
    return re.sub(rb"\r?\n", b"\r\n", octets)


def otherwise(suite: Suite) -> tuple[int, dict[str, object]]:
    """How many were judged again, and what would be otherwise by whose subject."""
    office = Reception(suite.config, KEYS, suite.database).fresh_office()
    place = Place(office, StoreLookups(suite.database, office), StoreThreads(suite.database))
    judged, found = 0, {}
    for row in story.inbound_since(suite.database.read, BEGINNING):
        judged += 1
        differences = replay(row, content.pieces(suite.database.read, row.content_id), place).differences
        if differences:
            found[f"{row.id} {row.subject}"] = differences
    return judged, found


@pytest.fixture(params=["annotate", "enforce"])
def suite(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Suite]:
    """A listener in either mode; weak keys are for annotate alone."""
    zone = DnsZone()
    weak = {"dkim": {"min_key_bits": 512}} if request.param == "annotate" else {}
    with Suite(tmp_path, zone, policy={"mode": request.param}, authentication={"arc": True}, **weak) as made:
        yield made
    zone.close()


def test_signed_mail(suite: Suite, corpora: Path) -> None:
    for case in json.loads((corpora / "dkim/cases.json").read_bytes())["cases"]:
        suite.zone.clear()
        suite.zone.update(case["records"])
        suite.clock.set(datetime.fromtimestamp(case["now"], UTC) if "now" in case else FakeClock().now())
        suite.send(crlf((corpora / "dkim" / case["file"]).read_bytes()), peer=case.get("ip", "192.0.2.1"))
    _nothing_is_otherwise(suite)


def test_mail_of_domains_with_policies(suite: Suite, corpora: Path) -> None:
    suite.zone.update(json.loads((corpora / "dmarc/records.json").read_bytes()))
    for case in json.loads((corpora / "dmarc/cases.json").read_bytes())["cases"]:
        octets = crlf((corpora / "dmarc" / case["file"]).read_bytes())
        suite.send(octets, peer=case["ip"], helo=case["helo"], reverse_path=case["mail_from"], recipient=RECIPIENTS)
    _nothing_is_otherwise(suite)


def test_mail_with_chains(suite: Suite, corpora: Path) -> None:
    for file in sorted((corpora / "arc").rglob("*.y*ml")):
        for document in yaml.safe_load_all(file.read_text("utf-8")):
            suite.zone.clear()
            suite.zone.update({name: {"TXT": [text]} for name, text in (document.get("txt-records") or {}).items()})
            for test in list((document.get("tests") or {}).values())[:12]:
                suite.send(crlf(test["message"].encode()))
    _nothing_is_otherwise(suite)


def test_reports_and_automatic_answers(suite: Suite, corpora: Path) -> None:
    for file in sorted((corpora / "bounces").rglob("*.eml"))[::4]:
        suite.send(crlf(file.read_bytes()), reverse_path=None)
    for row in json.loads((corpora / "autoreply/headers.json").read_bytes())["cases"]:
        section = "".join(f"{name}: {value}\r\n" for name, value in row["headers"])
        suite.send(section.encode() + mail(), reverse_path=row.get("envelope_from", "person@sender.example"))
    _nothing_is_otherwise(suite)


def test_mail_of_many_structures(suite: Suite, corpora: Path) -> None:
    for file in sorted((corpora / "mime").rglob("*.eml")):
        suite.send(crlf(file.read_bytes()), recipient=RECIPIENTS)
    _nothing_is_otherwise(suite)


def _nothing_is_otherwise(suite: Suite) -> None:
    suite.zone.clear()
    judged, found = otherwise(suite)
    assert judged > 0
    assert found == {}
