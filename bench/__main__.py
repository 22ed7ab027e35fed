# SPDX-License-Identifier: Apache-2.0
"""`python -m bench`: compare casegate with Postfix, alone and with OpenDKIM, in alternating rounds.

Standard output: the Markdown for docs/benchmarks.md. var/bench/results.json: every run. Exit 1 when something that
the comparison needs is missing, or a side refused a mail.
"""

import argparse
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

from bench import mails, processes, profiled, report, rounds, scale, steps

ROOT = Path(__file__).resolve().parent.parent


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--mails", type=int, default=2000, help="a run")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sessions", type=int, default=20, help="concurrent")
    parser.add_argument("--reuse", action="store_true", help="keep each connection for many mails")
    parser.add_argument("--only", default=",".join(rounds.SIDES), help="sides, comma-separated: %(default)s")
    parser.add_argument("--directory", type=Path, default=ROOT / "var/bench")
    parser.add_argument("--profile", action="store_true", help="instead: the accept path on SQLite under cProfile")
    parser.add_argument("--steps", action="store_true", help="instead: what each step of accepting one mail costs")
    parser.add_argument("--scale", action="store_true", help="instead: a store of a million mails beside ten thousand")
    parser.add_argument("--database", help="for --scale: a URL of PostgreSQL; _10000 and _1000000 are put behind it")
    given = parser.parse_args()
    given.sides = given.only.split(",")
    unknown = set(given.sides) - set(rounds.SIDES)
    if unknown:
        parser.error(f"unknown side: {', '.join(sorted(unknown))}")
    return given


def profile(bench: rounds.Bench) -> str:
    """The top ten of one accept run; its rate is not a figure."""
    out = bench.directory / "profile"
    for old in bench.directory.glob("profile.*"):
        old.unlink()
    rounds.run_accept(bench, database="sqlite", profile=out)
    return profiled.top(out)


def install(sides: list[str]) -> None:
    """Have the programs that these sides need; only root can install, and only root can run Postfix."""
    if all(side.startswith("sqlite") for side in sides):
        return
    if subprocess.run([ROOT / "bench/prepare.sh"], stdout=sys.stderr).returncode:
        raise processes.NotReady("programs are missing")
    if any(side in rounds.PEERS for side in sides) and os.geteuid() != 0:
        raise processes.NotReady("Postfix runs as root only; without root: --only sqlite-accept,sqlite-whole")


def work(given: argparse.Namespace) -> None:
    """Prepare, run, report."""
    if given.scale:
        given.directory.mkdir(parents=True, exist_ok=True)
        print(scale.run(given.directory.resolve(), given.database, given.rounds))
        return
    runs_rounds = not given.profile and not given.steps
    if runs_rounds:
        install(given.sides)
    directory = given.directory.resolve()
    directory.mkdir(parents=True, exist_ok=True)
    key_file = directory / "dkim.pem"
    mails.prepare(directory / "mails.bin", mails.private_key(key_file), rounds.WARM_UP + given.mails)
    # Binding port 53 of an own loopback address needs root, as the peer that asks there does.
    also = [f"{rounds.DNS_HOST}:53"] if "opendkim" in given.only and runs_rounds else []
    with processes.dns(directory, key_file, also) as dns_port:
        bench = rounds.Bench(directory, given.mails, given.sessions, given.reuse, dns_port)
        if not runs_rounds:
            print(profile(bench) if given.profile else steps.run(bench, key_file))
            return
        results = rounds.alternate(bench, given.sides, given.rounds)
    report.write_json(directory / "results.json", bench, results)
    print(report.markdown(bench, results, shlex.join(["python", "-m", "bench", *sys.argv[1:]])))


def main() -> int:
    """Run; a SIGTERM ends the servers too."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    given = arguments()
    os.chdir(ROOT)
    try:
        work(given)
    except processes.NotReady as problem:
        print(f"bench: {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
