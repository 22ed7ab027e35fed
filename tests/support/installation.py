# SPDX-License-Identifier: Apache-2.0
"""A whole installation in one directory, driven as an operator drives it: files, command line, processes, sockets.

Enters: where database, Redis, DNS and certificate are, the desk, and any keys of the configuration by section. Leaves:
what a customer, an agent and an operator see. `database` is for questions that the command line does not answer.
"""

import contextlib
import json
import os
import re
import socket
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import cached_property
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from gateway.cli import cli
from storage.database import Database
from tests.support import stores
from tests.support.dns import DnsZone
from tests.support.ports import free_port
from tests.support.program import Program, executed, forked
from tests.support.smtp_client import RawClient, beginning
from tests.support.tls import TlsFiles
from tests.support.waiting import wait_until

ROOT = Path(__file__).parent.parent.parent
NAME = "gw.example"
PASSWORD = "secret-password-of-a-test"
DESK: Mapping[str, Sequence[Mapping[str, object]]] = {
    "team": [{"name": "support", "display_name": "Firm Support", "sender": "support@firm.example"}],
    "agent": [
        {
            "login": "ann",
            "name": "Ann Doe",
            "address": "ann.doe@private.example",
            "teams": ["support"],
            "signature": "Ann, Firm Support",
        }
    ],
    "address": [{"address": "support@firm.example", "team": "support", "accept_from": "anyone", "verified": True}],
    "contact": [{"name": "Carl Customer", "addresses": ["carl@customer.example"]}],
}


@dataclass(frozen=True)
class Delivered:
    """One file of the maildir: what it says in front, and the content as it left."""

    name: str
    return_path: str | None
    delivered_to: str
    content: bytes

    @cached_property
    def message(self) -> EmailMessage:
        """The content, parsed."""
        return message_from_bytes(self.content, policy=policy.SMTP)

    def field(self, name: str) -> str:
        """A header field, unfolded and decoded; empty where there is none."""
        return str(self.message[name] or "")


def delivered(path: Path) -> Delivered:
    """Read one file of the maildir."""
    shape = re.fullmatch(
        rb"Return-Path: <([^>\r\n]*)>\r\nDelivered-To: ([^\r\n]+)\r\n(.*)", path.read_bytes(), re.DOTALL
    )
    assert shape is not None, path.read_bytes()[:200]
    return Delivered(path.name, shape[1].decode() or None, shape[2].decode(), shape[3])


def toml(tables: Mapping[str, Mapping[str, object] | Sequence[Mapping[str, object]]]) -> str:
    """Tables, or lists of tables, of strings, numbers, booleans and lists of them: their JSON form is TOML."""
    lines = []
    for name, value in tables.items():
        rows, head = ([value], f"[{name}]") if isinstance(value, Mapping) else (value, f"[[{name}]]")
        for row in rows:
            lines += [head, *(f"{key} = {json.dumps(one)}" for key, one in row.items()), ""]
    return "\n".join(lines)


class Installation:
    """Files in `directory`, processes while it is started; a context manager that kills what still runs."""

    def __init__(
        self,
        directory: Path,
        *,
        database_url: str = "",
        redis_url: str = "",
        nameservers: Sequence[str],
        tls: TlsFiles,
        route: str = "",
        desk: Mapping[str, Sequence[Mapping[str, object]]] = DESK,
        config: Mapping[str, Mapping[str, object]] | None = None,
    ) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory, self.tls = directory, tls
        self.file, self.out = directory / "casegate.toml", directory / "out"
        self.database_url = database_url or f"sqlite:///{directory}/casegate.db"
        self.mx_port, self.submission_port, self.submission_tls_port = free_port(), free_port(), free_port()
        self.programs: list[Program] = []
        self._database: Database | None = None
        tables: dict[str, Mapping[str, object]] = {
            "server": {"name": NAME, "state_dir": str(directory)},
            "database": {"url": self.database_url},
            "queue": {"redis_url": redis_url, "sweep_period": "1s"},
            "dns": {"nameservers": list(nameservers), "timeout": "1m"},
            "authentication": {"timeout": "1m"},
            "tls": {"certificate": str(tls.certificate), "key": str(tls.key)},
            "mx": {"listen": [f"127.0.0.1:{self.mx_port}"]},
            "submission": {
                "listen": [f"127.0.0.1:{self.submission_port}"],
                "listen_tls": [f"127.0.0.1:{self.submission_tls_port}"],
            },
            "outbound": {"route": route or f"maildir:{self.out}"},
        }
        self._tables = tables
        self.configure(config or {})
        self.apply_file(desk)

    def __enter__(self) -> "Installation":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Kill what still runs and let go of the store."""
        self.kill()
        if self._database is not None:
            self._database.close()
            self._database = None

    def configure(self, config: Mapping[str, Mapping[str, object]]) -> None:
        """Write these keys into the file, beside those that it has."""
        for section, keys in config.items():
            self._tables[section] = {**self._tables.get(section, {}), **keys}
        self.file.write_text(toml(self._tables))

    # --- the command line ------------------------------------------------------------------------------------------

    def program(
        self,
        *arguments: str,
        environment: Mapping[str, str] | None = None,
        sockets: Mapping[str, socket.socket] | None = None,
        stdin: str = "",
    ) -> Program:
        """One call of the command line as a process of its own."""
        words = ["-c", str(self.file), *arguments]
        surroundings = {**os.environ, "PYTHONPATH": str(ROOT), **(environment or {})}
        if sockets:
            return Program(executed([sys.executable, "-P", "-m", "gateway", *words], surroundings, sockets))
        return Program(forked(words, surroundings, stdin))

    def call(self, *arguments: str, stdin: str = "") -> str:
        """One call of the command line that must succeed; its standard output."""
        return self.octets(*arguments, stdin=stdin).decode()

    def octets(self, *arguments: str, stdin: str = "") -> bytes:
        """The same for octets, such as `message raw`. Without a process of its own, for tests look often."""
        done = CliRunner().invoke(cli, ["-c", str(self.file), *arguments], input=stdin)
        assert done.exit_code == 0, f"casegate {' '.join(arguments)}: {done.exit_code} {done.output}"
        return done.stdout_bytes

    def json(self, *arguments: str) -> Any:
        """One list or show verb with --json; what it printed."""
        return json.loads(self.call(*arguments, "--json"))

    def cases(self) -> list[dict[str, Any]]:
        """`case list --json`, oldest first."""
        return sorted(self.json("case", "list"), key=lambda one: one["number"])

    def case(self, number: int) -> dict[str, Any]:
        """`case show N --json`."""
        return self.json("case", "show", str(number))

    def message(self, message_id: str) -> dict[str, Any]:
        """`message show ID --json`."""
        return self.json("message", "show", message_id)

    # --- setting up and running ------------------------------------------------------------------------------------

    def apply_file(self, desk: Mapping[str, Sequence[Mapping[str, object]]]) -> Path:
        """Write the desk file; `apply` brings it in."""
        path = self.directory / "desk.toml"
        path.write_text(toml(desk))
        return path

    def set_up(self, zone: DnsZone | None = None, *logins: str) -> None:
        """init, apply, one password for each login (ann's by default); the printed TXT records go into the zone."""
        stores.prepare(self.database_url)
        printed = self.call("init", str(self.directory)) + self.call("apply", str(self.directory / "desk.toml"))
        if zone is not None:
            publish(zone, printed)
        for login in logins or ("ann",):
            self.call("agent", "password", login, stdin=f"{PASSWORD}\n")

    def start(
        self,
        *roles: str,
        environment: Mapping[str, str] | None = None,
        sockets: Mapping[str, socket.socket] | None = None,
    ) -> Program:
        """`serve`, or `run ROLE` for each role named, ready to take mail, on systemd's sockets; the (last) program."""
        verbs = [("run", role) for role in roles] or [("serve",)]
        started = [self.program(*verb, environment=environment, sockets=sockets) for verb in verbs]
        self.programs += started
        for program in started:
            program.wait_for_line(" ready: ")
        return started[-1]

    def stop(self) -> None:
        """SIGTERM to all; each must end by itself with exit status 0."""
        programs, self.programs = self.programs, []
        for program in programs:
            status = program.stop()
            assert status == 0, f"exit status {status}\n" + "\n".join(program.log[-40:])

    def kill(self) -> None:
        """SIGKILL to every process at once, as a power cut would."""
        programs, self.programs = self.programs, []
        for program in programs:
            program.kill()

    def errors(self) -> list[str]:
        """What the running programs complained of so far."""
        return [line for program in self.programs for line in program.errors()]

    # --- customers, agents, what leaves ----------------------------------------------------------------------------

    def mx(self, **options: Any) -> RawClient:
        """A session with the MX after EHLO."""
        with beginning(RawClient(("127.0.0.1", self.mx_port), **options)) as client:
            client.ehlo()
        return client

    def submission(
        self, login: str = "ann", password: str = PASSWORD, mechanism: str = "plain", helo: str = "client.example"
    ) -> RawClient:
        """A session with the relay after STARTTLS and a login that must succeed."""
        with beginning(RawClient(("127.0.0.1", self.submission_port))) as client:
            client.ehlo(helo)
            assert client.starttls(self.tls.client_context()).code == 220
            return self._logged_in(client, login, password, mechanism, helo)

    def submission_tls(
        self, login: str = "ann", password: str = PASSWORD, mechanism: str = "plain", helo: str = "client.example"
    ) -> RawClient:
        """The same by implicit TLS."""
        with beginning(RawClient(("127.0.0.1", self.submission_tls_port), tls=self.tls.client_context())) as client:
            return self._logged_in(client, login, password, mechanism, helo)

    def _logged_in(self, client: RawClient, login: str, password: str, mechanism: str, helo: str) -> RawClient:
        client.ehlo(helo)
        answer = client.auth_plain(login, password) if mechanism == "plain" else client.auth_login(login, password)
        assert answer.code == 235, answer
        return client

    def maildir(self, to: str = "") -> list[Delivered]:
        """What left by the maildir route, in the order of its rows; only that for one recipient if given."""
        found = [delivered(path) for path in sorted((self.out / "new").glob("*"))]
        return [one for one in found if to in ("", one.delivered_to)]

    def wait_for_mail(self, count: int, to: str = "") -> list[Delivered]:
        """Wait until exactly so many mails left."""
        wait_until(lambda: len(self.maildir(to)) >= count, f"{count} mails to {to or 'anybody'} in the maildir")
        found = self.maildir(to)
        assert len(found) == count, [(one.delivered_to, one.field("Subject")) for one in found]
        return found

    @contextlib.contextmanager
    def read(self) -> Iterator[Any]:
        """One look into the store."""
        if self._database is None:
            self._database = Database(self.database_url)
        with self._database.read() as unit:
            yield unit


def publish(zone: DnsZone, printed: str) -> None:
    """Put the TXT records that the command line printed into a zone, as an operator would."""
    for name, strings in re.findall(r'^(\S+)\. IN TXT ((?:"[^"]*" ?)+)$', printed, re.MULTILINE):
        zone.set(name, "TXT", ["".join(re.findall(r'"([^"]*)"', strings))])
