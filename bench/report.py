# SPDX-License-Identifier: Apache-2.0
"""What comes out: results.json with every run, and the Markdown that docs/benchmarks.md takes."""

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from bench.figures import Spread, ratios, spread
from bench.rounds import PEERS, Bench, Result, load_command

MEANING = {
    "postfix": "Postfix alone, accept",
    "postfix-opendkim": "Postfix + OpenDKIM verifying, milter on a Unix socket, accept",
    "postfix-opendkim-tcp": "Postfix + OpenDKIM verifying, milter over TCP, accept",
    "sqlite-accept": "casegate, SQLite, accept",
    "postgres-accept": "casegate, PostgreSQL + Redis, accept",
    "sqlite-whole": "casegate, SQLite, own workers, whole path",
    "postgres-whole": "casegate, PostgreSQL + Redis, whole path",
}
COLUMNS = ("side", "accepted/s", "whole path/s", "250 p50, ms", "250 p99, ms")


def machine() -> str:
    """Cores, processor, kernel, Python."""
    models = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    model = models[0].partition(":")[2].strip() if models else platform.machine()
    return f"{os.cpu_count()} cores, {model}, Linux {platform.release()}, Python {platform.python_version()}"


def write_json(file: Path, bench: Bench, results: Mapping[str, Sequence[Result]]) -> None:
    """Every run, in the order of the rounds."""
    document = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "mails": bench.mails,
        "sessions": bench.sessions,
        "reuse": bench.reuse,
        "runs": {side: [asdict(run) for run in runs] for side, runs in results.items()},
    }
    file.write_text(json.dumps(document, indent=1) + "\n")


def with_spread(value: Spread, digits: int = 0) -> str:
    """A median with its spread."""
    return f"{value.median:.{digits}f} ({value.least:.{digits}f}-{value.greatest:.{digits}f})"


def row(side: str, results: Mapping[str, Sequence[Result]]) -> str:
    """One line of the table."""
    runs = results[side]
    rates = [run.rate for run in runs]
    cells = [
        MEANING[side],
        with_spread(spread([run.accept_rate for run in runs])),
        with_spread(spread(rates)) if side.endswith("-whole") else "",
        with_spread(spread([run.p50_ms for run in runs])),
        with_spread(spread([run.p99_ms for run in runs])),
    ]
    for peer in PEERS:
        known = peer in results and peer != side
        cells.append(with_spread(ratios(rates, [run.rate for run in results[peer]]), 2) if known else "")
    return "| " + " | ".join(cells) + " |"


def markdown(bench: Bench, results: Mapping[str, Sequence[Result]], command: str) -> str:
    """The figures of the day."""
    rounds = max(len(runs) for runs in results.values())
    how = "connections reused" if bench.reuse else "one connection a mail"
    load = " ".join(load_command(bench, "PORT", 100, bench.mails))
    return "\n".join(
        [
            f"{datetime.now(UTC):%Y-%m-%d}, {machine()}. {bench.mails} mails a run, {bench.sessions} sessions, {how};",
            f"medians of {rounds} alternating rounds, least and greatest in brackets.",
            "",
            "| " + " | ".join((*COLUMNS, *(f"ratio to {peer}" for peer in PEERS))) + " |",
            "|---" * (len(COLUMNS) + len(PEERS)) + "|",
            *(row(side, results) for side in results),
            "",
            "```",
            command,
            load.replace(f"{Path.cwd()}/", ""),
            "```",
        ]
    )
