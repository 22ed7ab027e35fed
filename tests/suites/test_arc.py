# SPDX-License-Identifier: Apache-2.0
"""The ARC validation suite through a real listener: the result as stored, and as the stamped mail says it."""

import re
from collections.abc import Iterator
from pathlib import Path

import authres
import pytest
import yaml

from handlers.headers import scan
from tests.support.dns import DnsZone
from tests.support.suite import Suite

pytestmark = [pytest.mark.corpora, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Suite]:
    """One listener for all of them, with ARC on and the short keys allowed that it must not take for a seal."""
    zone = DnsZone()
    with Suite(tmp_path_factory.mktemp("arc"), zone, authentication={"arc": True}, dkim={"min_key_bits": 512}) as made:
        yield made
    zone.close()


def test_every_case_has_the_result_of_the_suite(suite: Suite, corpora: Path) -> None:
    wrong, count = {}, 0
    for scenario in yaml.safe_load_all((corpora / "arc/arc-draft-validation-tests.yml").read_text()):
        suite.zone.clear()
        for name, text in scenario["txt-records"].items():
            suite.zone.set(name, "TXT", [text])
        for name, case in scenario["tests"].items():
            count += 1
            wanted = (case["cv"] or "none").lower()
            shown = suite.send(re.sub(rb"\r?\n", b"\r\n", case["message"].encode()))
            if (shown["authentication"]["arc"]["result"], _said(suite, shown["id"])) != (wanted, wanted):
                wrong[name] = shown["authentication"]["arc"]
    assert wrong == {}
    assert count == 171


def _said(suite: Suite, message_id: str) -> str:
    value = scan(suite.stamped(message_id)).first(b"authentication-results") or b""
    header = authres.AuthenticationResultsHeader.parse_value(value.decode())
    (arc,) = [one for one in header.results if one.method == "arc"]
    return arc.result
