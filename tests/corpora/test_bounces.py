# SPDX-License-Identifier: Apache-2.0
"""The bounce corpora against our reader; the bars are what flufl.bounce and Sisimai reach on the same files.

`pytest -s` prints the figures as docs/classification.md gives them.
"""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from handlers.bounces.reading import read_report
from handlers.bounces.values import Kind, Recipient, Report
from tests.corpora.material import on_the_wire

pytestmark = pytest.mark.corpora

REASONS = {  # the words of the source -> ours
    "userunknown": "user unknown",
    "filtered": "filtered",
    "hasmoved": "moved",
    "hostunknown": "host unknown",
    "notaccept": "accepts no mail",
    "mailboxfull": "mailbox full",
    "suspend": "suspended",
    **dict.fromkeys(("mesgtoobig", "exceedlimit", "emailtoolarge"), "too big"),
    "spamdetected": "spam",
    "virusdetected": "virus",
    **dict.fromkeys(("policyviolation", "securityerror"), "policy"),
    "rejected": "sender refused",
    **dict.fromkeys(("blocked", "badreputation", "requireptr"), "blocked"),
    "authfailure": "authentication",
    "norelaying": "relaying denied",
    **dict.fromkeys(("toomanyconn", "speeding", "ratelimited"), "too many"),
    "expired": "expired",
    "networkerror": "network",
    **dict.fromkeys(("systemerror", "mailererror", "systemfull"), "system"),
    **dict.fromkeys(("contenterror", "notcompliantrfc", "syntaxerror"), "content"),
    **dict.fromkeys(("onhold", "undefined"), "unknown"),
}


def items(corpora: Path, folder: str) -> Iterator[tuple[str, Any, Report | None]]:
    """Each file with what is expected and what we read; all come from the null sender, the hardest case."""
    expected = json.loads((corpora / "bounces" / folder / "expect.json").read_bytes())["files"]
    for name, expect in expected.items():
        octets = on_the_wire((corpora / "bounces" / folder / name).read_bytes())
        yield name, expect, read_report(octets, by_nobody=True)


def first_of(expect: Any, report: Report) -> Recipient | None:
    """The recipient of which the expectation speaks."""
    named = [one.lower() for one in expect["recipients"]]
    found = {one.address.lower(): one for one in report.recipients}
    return next((found[one] for one in named if one in found), next(iter(report.recipients), None))


def judged(expect: Any, report: Report | None) -> dict[str, bool]:
    """What of one bounce is right."""
    failed = [one for one in report.recipients if one.action.value in ("failed", "delayed")] if report else []
    found = {one.address.lower() for one in failed}
    one = first_of(expect, report) if report else None
    right = {
        "a recipient found": bool(found),
        "class": one is not None and one.status[:1] == expect["class"],
        "hard or soft": one is not None and one.hard == expect["hard"],
        "reason": one is not None and one.reason == REASONS[expect["reason"]],
    }
    if expect["recipients_sure"]:
        right["recipients, where sure"] = found == {address.lower() for address in expect["recipients"]}
    if expect["status"]:
        right["status, where given"] = one is not None and one.status == expect["status"]
    return right


def test_reports_of_all_kinds_are_read_better_than_by_flufl_bounce_and_sisimai(corpora: Path) -> None:
    right: Counter[str] = Counter()
    of: Counter[str] = Counter()
    for _, expect, report in items(corpora, "sisimai"):
        checks = {"bounce or not": bool(report and report.is_failure) == expect["is_bounce"]}
        if expect["kind"] == "complaint":
            checks["complaint"] = report is not None and report.kind is Kind.COMPLAINT
        if expect["is_bounce"]:
            checks |= judged(expect, report)
        for what, is_right in checks.items():
            of[what] += 1
            right[what] += is_right
    print("\n" + "\n".join(f"{what:30} {right[what]:4} of {of[what]:4}" for what in sorted(of)))
    share = {what: right[what] / of[what] for what in of}
    assert share["bounce or not"] >= 0.985
    assert share["complaint"] == 1
    assert share["a recipient found"] > 221 / 269  # flufl.bounce
    assert share["recipients, where sure"] > 207 / 217  # flufl.bounce
    assert share["class"] > 252 / 269  # Sisimai 4.25
    assert share["reason"] > 226 / 269  # Sisimai 4.25
    assert share["hard or soft"] > 0.93
    assert share["status, where given"] > 0.95


def test_lists_of_permanent_and_temporary_failures_are_those_of_flufl_bounce(corpora: Path) -> None:
    wrong = []
    total = 0
    for name, expect, report in items(corpora, "flufl"):
        total += 1
        failed = report.recipients if report else ()
        permanent = {one.address.lower() for one in failed if one.is_permanent}
        temporary = {one.address.lower() for one in failed if one.action.value == "delayed"}
        if (permanent, temporary) != (
            {a.lower() for a in expect["permanent"]},
            {a.lower() for a in expect["temporary"]},
        ):
            wrong.append(name)
    print(f"\nflufl {total - len(wrong)} of {total}")
    assert len(wrong) <= total * 0.03, wrong
