# SPDX-License-Identifier: Apache-2.0
"""`casegate ingest` as a pipe calls it: the real program, its standard input, and the code it ends with."""

import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.installation import Installation as Whole
from tests.support.waiting import PATIENCE_S

ROOT = Path(__file__).parent.parent.parent.parent
MAIL = (
    b"From: Carl <carl@customer.example>\nSubject: Broken\nMessage-ID: <1@customer.example>\n\n"
    b"It is broken.\n.\nReally.\n"
)
VIP = """
[[address]]
address = "vip@firm.example"
team = "support"
verified = true
accept_from = "known_contacts"
others = "reject"
"""


def command(file: Path, *words: str) -> list[str]:
    return [sys.executable, "-P", "-m", "gateway", "-c", str(file), "ingest", *words]


def call(file: Path, *words: str, stdin: bytes = MAIL) -> subprocess.CompletedProcess[bytes]:
    return run(command(file, *words), stdin=stdin)


def run(words: list[str], stdin: bytes = MAIL) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(words, input=stdin, capture_output=True, timeout=PATIENCE_S, env=environment())


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}


@pytest.fixture
def ready(installation):
    """Set up, with a desk, and bounds that a test can reach."""
    limits = '[mx]\nmax_size = "64KB"\n[limits]\nmax_line = "10KB"\nmin_free_disk = "0B"\n'
    installation.file.write_text(installation.file.read_text() + limits)
    installation.desk.write_text(installation.desk.read_text() + VIP)
    installation.out("init", str(installation.directory))
    installation.out("apply", str(installation.desk))
    return installation


def test_a_mail_is_kept_as_smtp_would_have_it(ready) -> None:
    done = call(ready.file, "--from", "carl@customer.example", "support@firm.example")
    assert (done.returncode, done.stderr) == (0, b"")
    message_id = done.stdout.decode().strip()
    shown = ready.json("message", "show", message_id)
    assert shown["envelope"]["reverse_path"] == "carl@customer.example"
    assert (shown["session"]["protocol"], shown["session"]["peer"], shown["state"]) == ("local", "local", "accepted")
    assert message_id == f"{shown['session']['id']}-1"
    assert ready.call("message", "raw", message_id).stdout_bytes == MAIL.replace(b"\n", b"\r\n")
    stamped = ready.call("message", "raw", message_id, "--stamped").stdout_bytes
    assert b"Received: by gw.example (casegate ingest) id " in stamped


def test_the_same_mail_again_is_the_first_one(ready) -> None:
    first = call(ready.file, "--from=", "support@firm.example")
    # What a pipe writes in front and how it ends lines makes no other mail of it.
    other = b"From carl@customer.example Sun Nov 22 12:00:00 2026\r\n" + MAIL.replace(b"\n", b"\r\n")
    again = call(ready.file, "-f", "MAILER-DAEMON", "<support@firm.example>", stdin=other)
    assert (first.returncode, again.returncode) == (0, 0)
    assert again.stdout == first.stdout
    (shown,) = ready.json("message", "list")
    assert shown["envelope"]["reverse_path"] is None


@pytest.mark.parametrize(
    ("words", "stdin", "code", "said"),
    [
        ((), MAIL, 64, "RECIPIENT"),
        (("--nosuch", "support@firm.example"), MAIL, 64, "--nosuch"),
        (("-f",), MAIL, 64, "-f"),
        # The mail is at fault, and always will be.
        (("support@firm.example",), b"a\rb\n", 65, "554 5.6.0"),
        (("support@firm.example",), b"a\0b\n", 65, "554 5.6.0"),
        (("support@firm.example",), b"line\n" * 20_000, 65, "552 5.3.4"),
        (("support@firm.example",), b"x" * 20_000, 65, "554 5.6.0"),
        (("support@firm.example",), b"X: y\n" * 5_000 + b"\n", 65, "554 5.6.0"),
        (("--from", "no address", "support@firm.example"), MAIL, 65, "no address"),
        # Not ours, whoever else is.
        (("nobody@firm.example",), MAIL, 67, "nobody@firm.example: 550 5.1.1"),
        (("support@firm.example", "nobody@firm.example"), MAIL, 67, "nobody@firm.example: 550 5.1.1"),
        (("support",), MAIL, 67, "support"),
        (("caf\udcff@firm.example",), MAIL, 67, "mailbox"),
        (("vip@firm.example",), MAIL, 77, "550 5.7.1"),
        # Whoever should have fed us has failed.
        (("support@firm.example",), b"", 75, "nothing came"),
    ],
)
def test_a_refusal_ends_with_its_code_and_keeps_nothing(ready, words, stdin, code, said) -> None:
    done = call(ready.file, *words, stdin=stdin)
    assert (done.returncode, done.stdout) == (code, b""), done.stderr
    assert done.stderr.startswith(b"casegate: ")
    assert done.stderr.count(b"\n") == 1
    assert said in done.stderr.decode()
    assert b"unexpected" not in done.stderr
    assert ready.json("message", "list") == []


def test_one_recipient_that_accepts_speaks_for_all_as_over_smtp(ready) -> None:
    done = call(ready.file, "support@firm.example", "vip@firm.example")
    assert done.returncode == 0
    shown = ready.json("message", "show", done.stdout.decode().strip())
    assert shown["dispositions"] == {"support@firm.example": "accept", "vip@firm.example": "quarantine"}


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (lambda one: one.file.unlink(), "casegate.toml"),
        (lambda one: one.file.write_text("[server]\nnaem = 1\n"), "server.naem"),
        # Never set up: no desk knows any recipient, and every mail would bounce.
        (lambda one: None, "the installation is not finished"),
        (lambda one: one.out("init", str(one.directory)), "no desk has been applied yet"),
    ],
)
def test_what_is_our_own_fault_is_for_later(installation, broken, said) -> None:
    broken(installation)
    done = call(installation.file, "support@firm.example")
    assert (done.returncode, done.stdout) == (75, b"")
    assert said in done.stderr.decode()
    assert done.stderr.count(b"\n") == 1
    assert b"unexpected" not in done.stderr


def test_low_disk_is_for_later(ready) -> None:
    ready.file.write_text(ready.file.read_text().replace('min_free_disk = "0B"', 'min_free_disk = "1000GB"'))
    done = call(ready.file, "support@firm.example")
    assert (done.returncode, done.stderr.split()[1]) == (75, b"452")


def test_a_store_that_somebody_holds_is_for_later(ready) -> None:
    impatient = "from gateway import cli, cli_ingest; cli_ingest.PATIENCE_S = 1; cli.main()"
    words = [sys.executable, "-P", "-c", impatient, "-c", str(ready.file), "ingest", "support@firm.example"]
    with (ready.directory / "casegate.db.writer").open("rb+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = run(words)
    assert (done.returncode, done.stderr) == (75, b"casegate: the store took too long, nothing is promised\n")


@pytest.mark.parametrize(
    ("redirection", "code", "kept"),
    [
        # With no standard input, the store's own file would take its number.
        ("<&-", 75, 0),
        (">&-", 0, 1),
        ("2>&-", 0, 1),
        # Nobody hears the id; the mail is ours all the same.
        (">/dev/full", 0, 1),
        ("| true", 0, 1),
    ],
)
def test_descriptors_that_are_closed_or_fail_change_no_answer(ready, tmp_path, redirection, code, kept) -> None:
    words = " ".join(command(ready.file, "support@firm.example"))
    script = f"{{ {words}; echo $? >{tmp_path}/code; }} {redirection}"
    run(["/bin/sh", "-c", script])
    assert int((tmp_path / "code").read_text()) == code
    assert len(ready.json("message", "list")) == kept


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_in_the_middle_ends_it_at_once_and_nothing_is_promised(ready, signum) -> None:
    ready.file.write_text(ready.file.read_text().replace('max_size = "64KB"', 'max_size = "35MB"'))
    pipe = subprocess.PIPE
    words = command(ready.file, "support@firm.example")
    with subprocess.Popen(words, stdin=pipe, stdout=pipe, stderr=pipe, env=environment()) as program:
        program.stdin.write(MAIL + b"line\n" * 200_000)  # more than a pipe holds: when it is written it is being read
        program.send_signal(signum)
        printed, said = program.communicate(timeout=PATIENCE_S)
    assert (program.returncode, printed) == (75, b"")
    assert said.startswith(b"casegate: ended by SIG")
    assert ready.json("message", "list") == []


@pytest.mark.slow
def test_the_workers_hear_of_it_at_once(tmp_path, tls_files, dns_zone) -> None:
    house = Whole(
        tmp_path, nameservers=[dns_zone.address], tls=tls_files, config={"queue": {"sweep_period": "1h", "workers": 1}}
    )
    with house:
        house.set_up()
        house.start("worker")
        assert call(house.file, "--from=carl@customer.example", "support@firm.example").returncode == 0
        assert house.wait_for_mail(1, "ann.doe@private.example")
        house.stop()
