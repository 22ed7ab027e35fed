# SPDX-License-Identifier: Apache-2.0
"""The conformance suite of RFC 7208 through a real listener: envelope and peer on the wire, zone in DNS.

Results are read back from the store, explanations too.
The driver quotes the one sender that holds a space, for SMTP has no other way to say it.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.dns import DnsZone
from tests.support.office import mail
from tests.support.suite import Suite

pytestmark = [pytest.mark.corpora, pytest.mark.timeout(300)]

KINDS = ("A", "AAAA", "MX", "PTR", "TXT")
NO_ANSWER = {"rcode": "TIMEOUT"}


@pytest.fixture(scope="module")
def scenarios(corpora: Path) -> Sequence[Mapping[str, Any]]:
    """One a document, each with its own zone."""
    text = (corpora / "spf/rfc7208-tests.yml").read_text("utf-8")
    return list(yaml.safe_load_all(text))


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Suite]:
    """One listener for all of them."""
    zone = DnsZone()
    with Suite(tmp_path_factory.mktemp("spf"), zone) as made:
        yield made
    zone.close()


def _entry(records: Sequence[Any]) -> dict[str, Any]:
    """One name of a zone. "TIMEOUT" means every type that is not listed, an SPF record is to be TXT unless that is."""
    entry: dict[str, Any] = {}
    for kind, value in (one for record in records if isinstance(record, dict) for one in record.items()):
        entry.setdefault(kind, []).append(_text(kind, value))
    spf = entry.pop("SPF", None)
    if "TXT" not in entry and spf is not None:
        entry["TXT"] = spf
    if entry.get("TXT") == ["NONE"]:
        del entry["TXT"]
    if "TIMEOUT" in records:
        entry |= {kind: NO_ANSWER for kind in KINDS if kind not in entry}
    return entry


def _text(kind: str, value: Any) -> str:
    if kind == "MX":
        return f"{value[0]} {value[1]}"
    text = "".join(value) if isinstance(value, list) else value
    return text.encode("latin-1").decode("utf-8", "surrogateescape") if kind in ("TXT", "SPF") else text


def _mail_from(sender: str) -> str:
    local, at, domain = sender.rpartition("@")
    return f'<"{local}"@{domain}>' if re.search(r"\s", local) else f"<{local}{at}{domain}>"


def _wrong(suite: Suite, test: Mapping[str, Any]) -> str:
    """What differs from what the test allows; empty where nothing does."""
    shown = suite.send(mail(), peer=test["host"], helo=test["helo"], raw_mail_from=_mail_from(test["mailfrom"]))
    if "authentication" not in shown:
        return shown["response"]
    found, allowed = shown["authentication"]["spf"], test["result"]
    if found["result"] not in ([allowed] if isinstance(allowed, str) else allowed):
        return f"{found} instead of {allowed}"
    explained = test.get("explanation")
    if explained not in (None, found["explanation"] or "DEFAULT"):
        return f"{found['explanation']!r} instead of {explained!r}"
    return ""


def test_all_203_results_are_those_of_the_suite(suite, scenarios):
    wrong, ran = {}, 0
    for scenario in scenarios:
        suite.zone.clear()
        suite.zone.update({name: _entry(records) for name, records in scenario["zonedata"].items()})
        for name, test in scenario["tests"].items():
            ran += 1
            if difference := _wrong(suite, test):
                wrong[name] = difference
    assert wrong == {}
    assert ran == 203
