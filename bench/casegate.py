# SPDX-License-Identifier: Apache-2.0
"""casegate's side, driven through the outside contract only: a configuration, `init`, `apply`, `run mx` or `serve`.

Every run gets a fresh installation, since one mail is accepted once (a repeated one is answered from the digest).
`ACCEPT` has no workers: what counts is the 250 after the durable commit. `WHOLE` runs every role: what counts is
that each mail has its case and the agent's copy lies in the maildir.
"""

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from bench.processes import NotReady, free_port, fresh, running, wait_for_port

PROGRAM = Path(sys.executable).with_name("casegate")
# The role that accepts and does nothing after; change it here if a role gets another name.
ACCEPT = ("run", "mx")
WHOLE = ("serve",)
AGENT = "ann.doe@private.example"
COPIES_TIMEOUT_S = 600.0
POLL_S = 0.05

CONFIGURATION = """\
[server]
name = "gw.example"
authserv_id = "gw.example"
state_dir = "{directory}"
[database]
url = "{database_url}"
[queue]
redis_url = "{redis_url}"
[dns]
nameservers = ["127.0.0.1:{dns_port}"]
[tls]
certificate = "{directory}/tls.pem"
key = "{directory}/tls.key"
[mx]
listen = ["127.0.0.1:{mx_port}"]
[submission]
listen = ["127.0.0.1:{submission_port}"]
listen_tls = ["127.0.0.1:{submission_tls_port}"]
[policy]
mode = "enforce"
[outbound]
route = "maildir:{directory}/out"
"""
DESK = f"""\
[[team]]
name = "support"
display_name = "Firm Support"
sender = "support@firm.example"
[[agent]]
login = "ann"
name = "Ann Doe"
address = "{AGENT}"
teams = ["support"]
[[address]]
address = "support@firm.example"
team = "support"
accept_from = "anyone"
verified = true
"""


@dataclass(frozen=True, slots=True)
class Installation:
    """Where a fresh casegate lies and listens."""

    directory: Path
    file: Path
    mx_port: int

    def call(self, *verb: str) -> str:
        """Run one verb to its end; give its standard output."""
        done = subprocess.run([str(PROGRAM), "-c", str(self.file), *verb], capture_output=True, text=True)
        if done.returncode:
            raise NotReady(f"casegate {' '.join(verb)} ended with {done.returncode}: {done.stderr.strip()}")
        return done.stdout


def install(directory: Path, *, dns_port: int, database_url: str = "", redis_url: str = "") -> Installation:
    """A configuration, `init` and the desk. Without a database URL: SQLite in the directory."""
    if not PROGRAM.exists():
        raise NotReady(f"no casegate beside {sys.executable}: install the project into this environment")
    fresh(directory)
    write_certificate(directory)
    there = Installation(directory, directory.with_suffix(".toml"), free_port())
    there.file.write_text(
        CONFIGURATION.format(
            directory=directory,
            database_url=database_url or f"sqlite:///{directory}/casegate.db",
            redis_url=redis_url,
            dns_port=dns_port,
            mx_port=there.mx_port,
            submission_port=free_port(),
            submission_tls_port=free_port(),
        )
    )
    desk = directory.with_name(directory.name + "-desk.toml")
    desk.write_text(DESK)
    there.call("init", str(directory))
    there.call("apply", str(desk))
    return there


@contextlib.contextmanager
def serving(there: Installation, role: tuple[str, ...], *, profile: Path | None = None) -> Iterator[int]:
    """casegate in that role until the block ends; gives the MX port."""
    command = [str(PROGRAM), "-c", str(there.file), *role]
    if profile is not None:
        command = [sys.executable, "-m", "bench.profiled", str(profile), *command]
    with running(command, there.directory.with_suffix(".log")):
        wait_for_port(there.mx_port, greeting=b"220")
        yield there.mx_port


@dataclass(slots=True)
class Copies:
    """The agent's copies that lie in the maildir; acknowledgements to customers are not counted."""

    directory: Path
    count: int = 0
    seen: set[str] = field(default_factory=set)

    def look(self) -> int:
        """Count what is new; each file is opened once."""
        if not self.directory.is_dir():
            return 0
        for entry in os.scandir(self.directory):
            if entry.name not in self.seen:
                self.seen.add(entry.name)
                self.count += self.is_copy(Path(entry.path))
        return self.count

    @staticmethod
    def is_copy(file: Path) -> bool:
        """Delivered-To stands in front of the content."""
        with file.open("rb") as stored:
            head = stored.read(1000).lower()
        return b"delivered-to: " + AGENT.encode() in head

    def wait_for(self, total: int) -> float:
        """Return the time (time.time) at which `total` copies lie there."""
        give_up_at = time.monotonic() + COPIES_TIMEOUT_S
        while self.look() < total:
            if time.monotonic() > give_up_at:
                raise NotReady(f"{self.count} of {total} copies after {COPIES_TIMEOUT_S:.0f} s")
            time.sleep(POLL_S)
        return time.time()


def check_cases(there: Installation, total: int) -> None:
    """Raise unless there is a case for each mail."""
    cases = json.loads(there.call("case", "list", "--json"))
    if len(cases) != total:
        raise NotReady(f"{len(cases)} cases for {total} mails")


def check_results(there: Installation) -> None:
    """Raise unless the newest mail has been checked to the end: that the sender's domain vouches in all three ways."""
    (newest,) = json.loads(there.call("message", "list", "--json", "--limit", "1"))
    found = newest["authentication"]
    results = {"spf": [found["spf"]], "dkim": found["dkim"], "dmarc": [found["dmarc"]]}
    said = {name: [one["result"] for one in given] for name, given in results.items()}
    if any(words != ["pass"] for words in said.values()):
        raise NotReady(f"casegate did not authenticate what it took: {said}")


def write_certificate(directory: Path) -> None:
    """A self-signed certificate: TLS is configured, though the load speaks without."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "gw.example")])
    now = datetime.now(UTC)
    unsigned = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    unsigned = unsigned.serial_number(x509.random_serial_number())
    unsigned = unsigned.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=30))
    names = x509.SubjectAlternativeName([x509.DNSName("gw.example")])
    signed = unsigned.add_extension(names, critical=False).sign(key, hashes.SHA256())
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (directory / "tls.pem").write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    (directory / "tls.key").write_bytes(key.private_bytes(*form))
