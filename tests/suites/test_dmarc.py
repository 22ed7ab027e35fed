# SPDX-License-Identifier: Apache-2.0
"""The DMARC corpora through a real listener: whole mails of rspamd, and the table after RFC 9989 with real vouchers.

A domain of the table authenticates by a real signature or a real SPF record. Where RFC 9989 says otherwise than the
source of a row, the row stands in DEVIATIONS and in docs/authentication.md.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from handlers.headers import scan
from tests.support.dkim import key_record
from tests.support.dns import DnsZone
from tests.support.office import mail, sign
from tests.support.suite import PEER, Suite

pytestmark = [pytest.mark.corpora, pytest.mark.timeout(300)]

# The organizational domain of mom.za.org and of my.mom.za.org is each domain itself: the one publishes nothing, the
# other a record, and nothing stands above both (RFC 9989 §4.10.2). RFC 7489 asked the public suffix list instead.
DEVIATIONS = {
    "dmarc-subdomain-pass-dkim-relaxed-alignment": {"dmarc": "fail", "policy": "reject"},
    "dmarc-subdomain-pass-spf-relaxed-alignment": {"dmarc": "fail", "policy": "reject"},
}


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Suite]:
    """One listener for all of them, which takes the short keys of the samples."""
    zone = DnsZone()
    with Suite(tmp_path_factory.mktemp("dmarc"), zone, dkim={"min_key_bits": 512}) as made:
        yield made
    zone.close()


def _said(suite: Suite, shown: Mapping[str, Any]) -> tuple[str, str]:
    """Result and policy as the stamped mail says them."""
    field = scan(suite.stamped(shown["id"])).first(b"authentication-results") or b""
    clause = next(one for one in field.decode().split(";") if one.strip().startswith("dmarc="))
    policy = re.search(r"policy\.dmarc=(\w+)", clause)
    return clause.split()[0].removeprefix("dmarc="), policy[1] if policy else ""


def _crlf(octets: bytes) -> bytes:
    return re.sub(rb"\r?\n", b"\r\n", octets)


def test_whole_mails_get_their_result_and_policy(suite: Suite, corpora: Path) -> None:
    cases = json.loads((corpora / "dmarc/cases.json").read_bytes())["cases"]
    suite.zone.clear()
    suite.zone.update(json.loads((corpora / "dmarc/records.json").read_bytes()))
    wrong = {}
    for case in cases:
        octets = _crlf((corpora / "dmarc" / case["file"]).read_bytes())
        shown = suite.send(octets, peer=case["ip"], helo=case["helo"], reverse_path=case["mail_from"])
        expected = DEVIATIONS.get(case["id"], case["expect"])
        found = shown["authentication"]
        vouchers = [{"d": one["domain"], "result": one["result"]} for one in found["dkim"]]
        policy = expected.get("policy_rfc9989", expected.get("policy", found["dmarc"]["policy"]))
        if (found["dmarc"]["result"], found["dmarc"]["policy"]) != (expected["dmarc"], policy):
            wrong[case["id"]] = found["dmarc"]
        elif found["spf"]["result"] != case["expect_parts"]["spf"]:
            wrong[case["id"]] = found["spf"]
        elif [one for one in vouchers if one["result"] == "pass"] != _passing(case["expect_parts"]["dkim"]):
            wrong[case["id"]] = vouchers
        elif _said(suite, shown) != (found["dmarc"]["result"], found["dmarc"]["policy"]):
            wrong[case["id"]] = "the field says something else"
    assert cases
    assert wrong == {}


def _passing(parts: Sequence[Mapping[str, str]]) -> list[Mapping[str, str]]:
    return [one for one in parts if one["result"] == "pass"]


def test_each_row_of_the_table_after_rfc_9989_is_met(suite: Suite, corpora: Path) -> None:
    cases = json.loads((corpora / "dmarc/rfc9989.json").read_bytes())["cases"]
    wrong = {one["id"]: found for one in cases if (found := _difference(suite, one))}
    assert cases
    assert wrong == {}


def _joined(records: Any) -> Any:
    """A record of several character-strings stands as a list in the list."""
    return records if isinstance(records, dict) else ["".join(one) for one in records]


def _difference(suite: Suite, case: Mapping[str, Any]) -> str:
    """What is not as the row expects; empty where nothing is."""
    suite.zone.clear()
    suite.zone.update(
        {name: {kind: _joined(records) for kind, records in one.items()} for name, one in case["zone"].items()}
    )
    spf = [*case["spf_pass"], "nobody.example"][0]
    if case["spf_pass"]:
        given = case["zone"].get(spf, {})
        suite.zone.set(spf, "TXT", [*given.get("TXT", []), f"v=spf1 ip4:{PEER} -all"])
    octets = mail(case["header_from"], date="Sun, 22 Nov 2026 12:00:00 +0000")
    for domain in case["dkim_pass"]:
        suite.zone.set(f"s1._domainkey.{domain}", "TXT", [key_record()])
        octets = sign(octets, domain)
    found = suite.send(octets, reverse_path=f"bounces@{spf}")["authentication"]
    vouching = {one["domain"] for one in found["dkim"] if one["result"] == "pass"}
    if vouching != set(case["dkim_pass"]) or (found["spf"]["result"] == "pass") != bool(case["spf_pass"]):
        return f"the row's domains do not authenticate: {found}"
    queries = [name for name, kind in suite.zone.queries if kind == "TXT" and name.startswith("_dmarc.")]
    expected, dmarc = case["expect"], found["dmarc"]
    got = {
        **{name: dmarc[name] for name in ("result", "policy", "record_domain")},
        "policy_absent": not dmarc["policy"],
        "aligned": {
            name: any(one.startswith(name) for one in dmarc["aligned"]) for name in expected.get("aligned", {})
        },
        "txt_queries_in_order": queries,
    }
    return "" if expected.items() <= got.items() else f"{dmarc} {queries}"
