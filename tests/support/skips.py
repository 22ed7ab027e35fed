# SPDX-License-Identifier: Apache-2.0
"""In CI a skipped test is red, unless a line of tests/allowed_skips.txt gives its id and its reason.

A line is `node id pattern | reason pattern`, with shell wildcards; `#` begins a comment.
"""

import fnmatch
import os
from collections.abc import Iterable
from pathlib import Path

ALLOWED = Path(__file__).parent.parent / "allowed_skips.txt"


def allowed(text: str) -> list[tuple[str, str]]:
    """The pairs of patterns that the list holds."""
    lines = (line.strip() for line in text.splitlines())
    pairs = (line.partition("|") for line in lines if line and not line.startswith("#"))
    return [(node.strip(), reason.strip()) for node, _, reason in pairs]


def is_allowed(node: str, reason: str, pairs: Iterable[tuple[str, str]]) -> bool:
    """Whether one line of the list covers this skip."""
    # A node id holds [brackets], which fnmatch would read as a set of characters.
    return any(
        fnmatch.fnmatchcase(node, n.replace("[", "[[]")) and fnmatch.fnmatchcase(reason, r.replace("[", "[[]"))
        for n, r in pairs
    )


class SkipJudge:
    """A pytest plugin; it watches always and judges only where the environment has CI."""

    def __init__(self) -> None:
        self._unexpected: list[str] = []
        self._pairs = allowed(ALLOWED.read_text("utf-8"))
        self._strict = bool(os.environ.get("CI"))

    def _judge(self, report: object) -> None:
        if not self._strict or report.outcome != "skipped" or hasattr(report, "wasxfail"):
            return
        reason = str(report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr)
        reason = reason.removeprefix("Skipped: ")
        if not is_allowed(report.nodeid, reason, self._pairs):
            self._unexpected.append(f"{report.nodeid} | {reason}")

    def pytest_runtest_logreport(self, report: object) -> None:
        self._judge(report)

    def pytest_collectreport(self, report: object) -> None:
        self._judge(report)

    def pytest_sessionfinish(self, session: object) -> None:
        if self._unexpected and session.exitstatus == 0:
            session.exitstatus = 1

    def pytest_terminal_summary(self, terminalreporter: object) -> None:
        if self._unexpected:
            terminalreporter.section("RED: skipped in CI and not in tests/allowed_skips.txt", red=True)
            for line in self._unexpected:
                terminalreporter.write_line(line)
