# SPDX-License-Identifier: Apache-2.0
"""Programs that hand one mail to a server and end: msmtp, swaks, curl, nodemailer.

Enters: where to, how (`Tls`), as whom, the envelope, the content. Leaves: exit status and all that the program printed.
None of them reads a configuration of this machine, and each checks the certificate that it can check.
"""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from tests.support.waiting import PATIENCE_S

SCRIPT = Path(__file__).with_name("nodemailer.js")
NODE_PATH = "/usr/share/nodejs:/usr/lib/nodejs"  # where Debian puts modules; other builds of node do not look there
LIMIT_S = round(PATIENCE_S)


class Tls(Enum):
    """How a client protects the session."""

    NONE = "none"
    STARTTLS = "starttls"
    IMPLICIT = "implicit"


@dataclass(frozen=True)
class Call:
    """One mail to send; without a login there is no AUTH, and `mechanism` is PLAIN or LOGIN."""

    directory: Path  # for the files that a client wants
    port: int
    tls: Tls
    ca: Path
    reverse_path: str
    recipients: tuple[str, ...]
    content: bytes
    login: str = ""
    password: str = ""
    mechanism: str = "PLAIN"


@dataclass(frozen=True)
class Outcome:
    """How the program ended, and what it wrote."""

    status: int
    printed: str


@dataclass(frozen=True)
class Client:
    """`package` is Debian's, `version` a command that prints it."""

    name: str
    package: str
    version: tuple[str, ...]
    smtputf8: bool
    send: Callable[[Call], Outcome]

    def lacking(self) -> str:
        """Why this client cannot run here; empty when it can."""
        if shutil.which(self.version[0]) and not _run(self.version).status:
            return ""
        return f"{self.name} is not installed: apt-get install {self.package}"

    def versions(self) -> str:
        """The number of its version."""
        return re.search(r"\d+(?:\.\d+)+", _run(self.version).printed)[0]


def _run(command: Sequence[str], stdin: bytes = b"") -> Outcome:
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "NODE_PATH": NODE_PATH}
    done = subprocess.run(
        [str(word) for word in command],
        input=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment,
        timeout=LIMIT_S,
    )
    return Outcome(done.returncode, done.stdout.decode("utf-8", "backslashreplace"))


def _file(call: Call, content: bytes = b"") -> Path:
    path = call.directory / "content.eml"
    path.write_bytes(content or call.content)
    return path


def msmtp(call: Call) -> Outcome:
    """It reads lines that end in LF and sends them with CR LF; the password comes from a program."""
    secret = call.directory / "password"
    secret.write_text(call.password + "\n")
    options = {
        "tls": "off" if call.tls is Tls.NONE else "on",
        "tls-starttls": "off" if call.tls is Tls.IMPLICIT else "on",
        "tls-trust-file": call.ca if call.tls is not Tls.NONE else "",
        "auth": call.mechanism.lower() if call.login else "off",
        "user": call.login,
        "passwordeval": f"cat {secret}" if call.login else "",
    }
    words = [f"--{name}={value}" for name, value in options.items()]
    command = ["msmtp", "--file=/dev/null", "--host=localhost", f"--port={call.port}", *words]
    command += [f"--from={call.reverse_path}", "--domain=msmtp.example", f"--timeout={LIMIT_S}", "--debug", "--"]
    return _run([*command, *call.recipients], call.content.replace(b"\r\n", b"\n"))


def swaks(call: Call) -> Outcome:
    """It prints the dialog, checks no certificate, and ends the content by one CR LF more than it was given."""
    way = {Tls.NONE: [], Tls.STARTTLS: ["--tls"], Tls.IMPLICIT: ["--tls-on-connect"]}[call.tls]
    login = ["--auth", call.mechanism, "--auth-user", call.login, "--auth-password", call.password]
    command = ["swaks", "--server", "127.0.0.1", "--port", str(call.port), "--helo", "swaks.example", *way]
    command += ["--from", call.reverse_path, "--to", ",".join(call.recipients), "--timeout", "60s"]
    content = _file(call, call.content.removesuffix(b"\r\n"))
    return _run([*command, "--suppress-data", "--data", f"@{content}", *(login if call.login else [])])


def curl(call: Call) -> Outcome:
    """Also what hosts send with that embed libcurl; the path of the address is the name for EHLO."""
    scheme = "smtps" if call.tls is Tls.IMPLICIT else "smtp"
    command = [
        "curl",
        "-q",
        "--silent",
        "--show-error",
        "--verbose",
        "--url",
        f"{scheme}://localhost:{call.port}/curl.example",
    ]
    command += ["--cacert", str(call.ca), "--max-time", str(LIMIT_S), "--upload-file", str(_file(call))]
    command += ["--ssl-reqd"] if call.tls is Tls.STARTTLS else []
    command += ["--mail-from", call.reverse_path, *(word for to in call.recipients for word in ("--mail-rcpt", to))]
    login = ["--user", f"{call.login}:{call.password}", "--login-options", f"AUTH={call.mechanism}"]
    return _run([*command, *(login if call.login else [])])


def nodemailer(call: Call) -> Outcome:
    """The library that most programs on Node send with, given octets that are ready."""
    wanted = {
        "port": call.port,
        "tls": call.tls.value,
        "ca": str(call.ca),
        "from": call.reverse_path,
        "to": call.recipients,
        "content": str(_file(call)),
        "login": call.login,
        "password": call.password,
        "mechanism": call.mechanism,
    }
    return _run(["node", str(SCRIPT)], json.dumps(wanted).encode())


CLIENTS = (
    Client("msmtp", "msmtp", ("msmtp", "--version"), False, msmtp),
    Client("swaks", "swaks", ("swaks", "--version"), False, swaks),
    Client("curl", "curl", ("curl", "--version"), True, curl),
    Client(
        "nodemailer",
        "node-nodemailer",
        ("node", "-p", "require('nodemailer/package.json').version"),
        True,
        nodemailer,
    ),
)
