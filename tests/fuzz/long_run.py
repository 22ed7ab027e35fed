# SPDX-License-Identifier: Apache-2.0
"""The long form: `python -m tests.fuzz.long_run --minutes 60` runs atheris on each target, the talker, the strangers.

Each target has its own process, so that a hang or a crash of one is named and the others go on. What is found lies in
var/fuzz/TARGET/ and belongs into tests/fuzz/found/TARGET/ once it is understood. Exit status 1 when anything was found.
"""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
WORK = ROOT / "var" / "fuzz"
TALK = "talk"
STRANGERS = "strangers"
HANG_S = 20


def main() -> int:
    """Give each target its share of the time; returns the exit status."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--minutes", type=float, default=60)
    options.add_argument("--only", default="")
    options.add_argument("--inside", default="", help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.inside:
        return _fuzz(given.inside, given.minutes * 60)
    names = [given.only] if given.only else [*_targets(), TALK, STRANGERS]
    broken = [name for name in names if not _supervise(name, given.minutes / len(names))]
    print(f"broken: {', '.join(broken)}" if broken else f"nothing found in {given.minutes:g} minutes", flush=True)
    return 1 if broken else 0


def _targets() -> list[str]:
    from tests.fuzz.targets import TARGETS

    return list(TARGETS)


def _supervise(name: str, minutes: float) -> bool:
    (WORK / name).mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "tests.fuzz.long_run", "--inside", name, "--minutes", str(minutes)]
    print(f"{name}: {minutes:.1f} minutes", flush=True)
    with (WORK / f"{name}.log").open("wb") as log:
        try:
            done = subprocess.run(command, cwd=ROOT, stdout=log, stderr=log, timeout=minutes * 60 + 300, check=False)
        except subprocess.TimeoutExpired:
            print(f"{name}: hangs", flush=True)
            return False
    print(f"{name}: {'ok' if done.returncode == 0 else f'status {done.returncode}'}, {_last_line(name)}", flush=True)
    return done.returncode == 0


def _last_line(name: str) -> str:
    lines = (WORK / f"{name}.log").read_text("utf-8", "replace").strip().splitlines()
    return next((line for line in reversed(lines) if line.startswith(("Done", "talked"))), "see its log")


def _fuzz(name: str, seconds: float) -> int:
    if name == TALK:
        return _talk(seconds)
    if name == STRANGERS:
        return _strangers(seconds)
    import atheris

    with atheris.instrument_imports(include=["gateway", "handlers"], enable_loader_override=False):
        from tests.fuzz.targets import TARGETS
    corpus = WORK / name / "corpus"
    corpus.mkdir(exist_ok=True)
    arguments = [
        f"-max_total_time={seconds:.0f}",
        f"-timeout={HANG_S}",
        "-rss_limit_mb=1000",
        "-max_len=4096",
        f"-artifact_prefix={WORK / name}/",
        *_dictionary(name),
        str(corpus),
        str(Path(__file__).parent / "seeds"),
    ]
    atheris.Setup([sys.argv[0], *arguments], TARGETS[name])
    atheris.Fuzz()
    return 0


def _dictionary(name: str) -> list[str]:
    corpora = os.environ.get("CASEGATE_CORPORA", "")
    kind = "mime" if name in ("header_section", "structure") else "smtp"
    words = Path(corpora) / "fuzz" / f"{kind}.dict"
    return [f"-dict={words}"] if corpora and words.is_file() else []


def _talk(seconds: float) -> int:
    from hypothesis import settings
    from hypothesis.stateful import run_state_machine_as_test

    from tests.fuzz.wire import Talk

    end, talks = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        run_state_machine_as_test(
            Talk, settings=settings(max_examples=200, stateful_step_count=60, deadline=None, database=None)
        )
        talks += 200
    print(f"talked {talks} times", flush=True)
    return 0


def _strangers(seconds: float) -> int:
    from tests.handlers.verbs.test_strangers import try_for

    print(f"Done: strangers tried {try_for(seconds)} times", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
