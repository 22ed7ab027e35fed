# SPDX-License-Identifier: Apache-2.0
"""The runs: each side started fresh, warmed up, loaded, stopped; all sides in turn in each round.

One run gives one Result. A refused mail ends the bench: a side that refuses is not fast but wrong.
"""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench import casegate, mails, postfix, processes, servers
from bench.figures import percentile
from bench.processes import NotReady

# Mails outside the clock, so that keys are cached and processes are up on every side.
WARM_UP = 100
# Where the private DNS also listens: OpenDKIM's Nameservers takes no port.
DNS_HOST = "127.77.0.53"


@dataclass(frozen=True, slots=True)
class Bench:
    """What all runs share."""

    directory: Path
    mails: int
    sessions: int
    reuse: bool
    dns_port: int

    @property
    def mails_file(self) -> Path:
        """The signed mails."""
        return self.directory / "mails.bin"


@dataclass(frozen=True, slots=True)
class Result:
    """One run: messages a second, latency of the 250, what the load itself cost."""

    rate: float
    accept_rate: float
    p50_ms: float
    p99_ms: float
    client_cpu_s: float


@dataclass(frozen=True, slots=True)
class Loaded:
    """What the load process reported."""

    began_at: float
    seconds: float
    latencies_s: list[float]
    client_cpu_s: float

    def result(self, seconds: float) -> Result:
        """The figures when the whole run took so long."""
        count = len(self.latencies_s)
        p50, p99 = (percentile(self.latencies_s, percent) * 1000 for percent in (50, 99))
        return Result(count / seconds, count / self.seconds, p50, p99, self.client_cpu_s)


def load_command(bench: Bench, port: int | str, first: int, count: int) -> list[str]:
    """The command line of one load."""
    options = {"--port": port, "--file": bench.mails_file, "--first": first, "--mails": count}
    flat = [str(part) for option in options.items() for part in option]
    reuse = ["--reuse"] if bench.reuse else []
    return [sys.executable, "-m", "bench.load", *flat, "--sessions", str(bench.sessions), *reuse]


def load(bench: Bench, port: int, first: int, count: int) -> Loaded:
    """Send mails first .. first + count - 1; every one must be accepted."""
    done = subprocess.run(load_command(bench, port, first, count), capture_output=True, text=True)
    if done.returncode:
        raise NotReady(f"the load failed: {done.stderr}")
    said = json.loads(done.stdout)
    if said["refused"]:
        raise NotReady(f"{said['refused']} of {count} mails refused: {said['first_refusal']}")
    return Loaded(said["began_at"], said["seconds"], said["latencies_s"], said["client_cpu_s"])


def timed(bench: Bench, port: int) -> Result:
    """Warm up, then the clock runs until the last 250."""
    load(bench, port, 0, WARM_UP)
    os.sync()
    loaded = load(bench, port, WARM_UP, bench.mails)
    return loaded.result(loaded.seconds)


def run_postfix(bench: Bench) -> Result:
    """Postfix alone."""
    with postfix.postfix(bench.directory / "postfix") as port:
        return timed(bench, port)


def run_postfix_opendkim(bench: Bench, *, over_tcp: bool) -> Result:
    """Postfix with OpenDKIM, which must refuse a tampered mail first."""
    directory = bench.directory / "postfix-opendkim"
    with postfix.postfix_opendkim(directory, dns_host=DNS_HOST, over_tcp=over_tcp) as port:
        postfix.probe(port, mails.load(bench.mails_file, 0, 1)[0])
        return timed(bench, port)


@contextlib.contextmanager
def installed(bench: Bench, database: str) -> Iterator[casegate.Installation]:
    """A fresh casegate on SQLite with its own workers, or on PostgreSQL and Redis."""
    directory = bench.directory / f"casegate-{database}"
    if database == "sqlite":
        yield casegate.install(directory, dns_port=bench.dns_port)
        return
    beside = processes.fresh(bench.directory / "redis")
    with servers.postgres(bench.directory / "postgres") as database_url, servers.redis(beside) as redis_url:
        yield casegate.install(directory, dns_port=bench.dns_port, database_url=database_url, redis_url=redis_url)


def run_accept(bench: Bench, *, database: str, profile: Path | None = None) -> Result:
    """casegate's accept path: until the last 250, no workers; SPF, DKIM and DMARC must have passed."""
    with (
        installed(bench, database) as there,
        casegate.serving(there, casegate.ACCEPT, profile=profile) as port,
    ):
        result = timed(bench, port)
        casegate.check_results(there)
        return result


def run_whole(bench: Bench, *, database: str) -> Result:
    """casegate's whole path: until each mail has its case and the agent's copy lies in the maildir."""
    with installed(bench, database) as there, casegate.serving(there, casegate.WHOLE) as port:
        copies = casegate.Copies(there.directory / "out/new")
        load(bench, port, 0, WARM_UP)
        copies.wait_for(WARM_UP)
        os.sync()
        loaded = load(bench, port, WARM_UP, bench.mails)
        done_at = copies.wait_for(WARM_UP + bench.mails)
        casegate.check_cases(there, WARM_UP + bench.mails)
        return loaded.result(done_at - loaded.began_at)


# The order of a round. The first three are the peers that ratios are taken with.
SIDES: dict[str, Callable[[Bench], Result]] = {
    "postfix": run_postfix,
    "postfix-opendkim": partial(run_postfix_opendkim, over_tcp=False),
    "postfix-opendkim-tcp": partial(run_postfix_opendkim, over_tcp=True),
    "sqlite-accept": partial(run_accept, database="sqlite"),
    "postgres-accept": partial(run_accept, database="postgres"),
    "sqlite-whole": partial(run_whole, database="sqlite"),
    "postgres-whole": partial(run_whole, database="postgres"),
}
PEERS = ("postfix", "postfix-opendkim", "postfix-opendkim-tcp")


def alternate(bench: Bench, sides: Sequence[str], rounds: int) -> dict[str, list[Result]]:
    """All sides in turn, `rounds` times."""
    results: dict[str, list[Result]] = {side: [] for side in sides}
    for number in range(1, rounds + 1):
        for side in sides:
            os.sync()
            result = SIDES[side](bench)
            results[side].append(result)
            latency = f"250 p50 {result.p50_ms:.0f} ms, p99 {result.p99_ms:.0f} ms"
            say(f"round {number}/{rounds} {side}: {result.rate:.0f}/s, {latency}")
    return results


def say(line: str) -> None:
    """Progress goes to standard error; standard output holds the tables."""
    print(line, file=sys.stderr, flush=True)
