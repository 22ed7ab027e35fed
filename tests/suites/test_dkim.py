# SPDX-License-Identifier: Apache-2.0
"""The DKIM corpus through a real listener, with the clock of each case: the results as stored, and as stamped."""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import authres
import pytest

from handlers.headers import scan
from tests.support.clock import FakeClock
from tests.support.dns import DnsZone
from tests.support.suite import PEER, Suite

pytestmark = [pytest.mark.corpora, pytest.mark.timeout(300)]

# The one case where we find otherwise; docs/authentication.md says why.
DEVIATIONS = {"own/length-appended": "policy"}
BEST_FIRST = ("pass", "temperror", "policy", "fail", "permerror")


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Suite]:
    """One listener for all of them."""
    zone = DnsZone()
    with Suite(tmp_path_factory.mktemp("dkim"), zone) as made:
        yield made
    zone.close()


def test_every_case_has_the_expected_result(suite: Suite, corpora: Path) -> None:
    cases = json.loads((corpora / "dkim/cases.json").read_bytes())["cases"]
    wrong = {one["id"]: found for one in cases if (found := _difference(suite, one, corpora / "dkim"))}
    assert cases
    assert wrong == {}


def _difference(suite: Suite, case: Mapping[str, Any], directory: Path) -> object:
    """What is not as the case expects; nothing where all is."""
    suite.zone.clear()
    suite.zone.update(case["records"])
    suite.clock.set(datetime.fromtimestamp(case["now"], UTC) if "now" in case else FakeClock().now())
    octets = re.sub(rb"\r?\n", b"\r\n", (directory / case["file"]).read_bytes())
    if case.get("format"):
        octets = octets.partition(b"\r\n\r\n")[2]
    shown = suite.send(octets, peer=case.get("ip", PEER))
    results = shown["authentication"]["dkim"]
    words = {one["result"] for one in results}
    got = next((word for word in BEST_FIRST if word in words), "none")
    expect = case["expect"]
    wanted = {DEVIATIONS.get(case["id"], expect["overall"]), *case.get("accept_also", ())}
    passed = {(one["domain"], one["selector"]) for one in results if one["result"] == "pass"}
    wanted_pass = {(one["d"], one["s"]) for one in expect.get("signatures", ()) if one["result"] == "pass"}
    if not (wanted & {got, "any"} or ("not_pass" in wanted and got != "pass")) or not wanted_pass <= passed:
        return results
    stored = [one["result"] for one in results] or ["none"]
    return [] if _said(suite, shown["id"]) == stored else "the field says something else"


def _said(suite: Suite, message_id: str) -> list[str]:
    value = scan(suite.stamped(message_id)).first(b"authentication-results") or b""
    header = authres.AuthenticationResultsHeader.parse_value(value.decode())
    return [one.result for one in header.results if one.method == "dkim"]
