# SPDX-License-Identifier: Apache-2.0
"""A real MX listener in this process, for suites of hundreds of mails: real sockets, store and DNS, a clock to be set.

Enters: any envelope and content, from any address by a PROXY header. Leaves: the stored message as `message show
--json` gives it, with the response; of a refused mail the response alone. Runs in annotate mode unless told otherwise.
DNS answers are not kept, so that the zone may change between two mails, and no mail counts as a repeated one.
"""

import asyncio
import json
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import delete

from gateway import config as configuration
from gateway.cli_messages import shown_item
from gateway.dns import DnsResolver
from gateway.edge import Edge
from gateway.listener import serve
from gateway.listening import bind
from gateway.mx import MxReceiver
from gateway.outer import Outer
from gateway.reception import Reception
from gateway.roles import mx_settings
from handlers.ports import Answer as DnsAnswer
from handlers.ports import Question
from storage import content, desk, listing, messages, migrate
from storage.commit_group import GroupCommitter
from storage.database import Database
from storage.schema import digest
from storage.states import Move
from tests.support.clock import FakeClock
from tests.support.dns import DnsZone
from tests.support.installation import toml
from tests.support.office import DESK, HOST, KEYS
from tests.support.smtp_client import Answer, RawClient
from tests.support.waiting import PATIENCE_S

SUPPORT = "support@firm.example"
PEER, HELO, REVERSE_PATH = "192.0.2.200", "helo.example", "x@y.example"


class _NoBell:
    """Nobody works what is accepted."""

    def ring(self, ids: Sequence[str]) -> None:
        """Rung into the void."""

    def close(self) -> None:
        """Nothing is waiting."""


class _Resolver:
    """The resolver of the program: of a name that the zone is silent about it soon despairs, of no other."""

    def __init__(self, zone: DnsZone, silence_s: float) -> None:
        self._zone = zone
        self._soon, self._late = (DnsResolver((zone.address,), wait_s, 0) for wait_s in (silence_s, PATIENCE_S))

    def known(self, question: Question) -> None:
        """Nothing is kept."""

    async def ask(self, question: Question) -> DnsAnswer:
        """What the zone says."""
        is_silent = self._zone.is_silent(question.name, question.kind)
        return await (self._soon if is_silent else self._late).ask(question)


class Suite:
    """The listener, which waits `silence_s` for a name that DNS is silent about.

    `config` holds tables of the configuration by section, e.g. authentication={"arc": True}.
    """

    def __init__(
        self,
        directory: Path,
        zone: DnsZone,
        *,
        desk_value: object = DESK,
        silence_s: float = 1.0,
        **config: Mapping[str, object],
    ) -> None:
        self.zone, self.clock, self._silence_s = zone, FakeClock(), silence_s
        self.config = configuration.load(_written(directory, zone, config), {})
        self.database = Database(self.config.database.url)
        migrate.ready(self.database)
        with self.database.move(Move.APPLY) as unit:
            desk.apply(unit, desk_value)
        self._listening = bind("127.0.0.1:0")
        self.address = f"127.0.0.1:{self._listening.getsockname()[1]}"
        self._ready, self._stop = threading.Event(), asyncio.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="suite")
        self._thread.start()
        assert self._ready.wait(PATIENCE_S)

    def __enter__(self) -> "Suite":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Drain the listener and let go of the store."""
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        self.database.close()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        resolver, checks_s = _Resolver(self.zone, self._silence_s), self.config.authentication.timeout
        outer = Outer(resolver, self.clock, checks_s.total_seconds())
        committer = GroupCommitter(self.database)
        reception = Reception(self.config, KEYS, self.database)
        self.receiver = MxReceiver(reception, self.database, committer, _NoBell(), outer)
        edge = Edge(mx_settings(self.config), self.receiver)
        serving = asyncio.ensure_future(serve([self._listening], edge, self._stop))
        self._ready.set()
        await serving
        committer.close()

    # --- sending ---------------------------------------------------------------------------------------------------

    def send(
        self,
        octets: bytes,
        *,
        peer: str = PEER,
        helo: str = HELO,
        reverse_path: str | None = REVERSE_PATH,
        recipient: str | Sequence[str] = SUPPORT,
        raw_mail_from: str | None = None,
    ) -> dict[str, Any]:
        """One mail on a connection of its own, safe from several threads; `octets` as after DATA, dots not stuffed.

        `raw_mail_from` stands after "MAIL FROM:" as it is, with its angle brackets and parameters.
        """
        path = raw_mail_from if raw_mail_from is not None else f"<{reverse_path or ''}>"
        utf8 = "" if path.isascii() or raw_mail_from is not None else " SMTPUTF8"
        recipients = [recipient] if isinstance(recipient, str) else recipient
        with RawClient(self.address, proxy=(peer, 40_000)) as client:
            commands = (f"EHLO {helo}", f"MAIL FROM:{path}{utf8}", *(f"RCPT TO:<{one}>" for one in recipients), "DATA")
            for line in commands:
                answer = client.command(line)
                if answer.code >= 400:
                    return {"response": _line(answer)}
            answer = client.send_content(octets)
            client.quit()
        return self._outcome(answer)

    def _outcome(self, answer: Answer) -> dict[str, Any]:
        if answer.code != 250:
            return {"response": _line(answer)}
        with self.database.move(Move.TIDY) as unit:
            unit.execute(delete(digest))
        return {**self.shown(answer.text.split()[-1]), "response": _line(answer)}

    @property
    def processor_s(self) -> float:
        """Processor time of the listener's own thread so far, which reads, asks DNS and judges."""
        schedstat = Path(f"/proc/self/task/{self._thread.native_id}/schedstat")
        return int(schedstat.read_text().split()[0]) / 1e9

    # --- looking ---------------------------------------------------------------------------------------------------

    def shown(self, message_id: str) -> dict[str, Any]:
        """`message show ID --json`."""
        with self.database.read() as unit:
            return json.loads(json.dumps(shown_item(unit, message_id)))

    def trace(self, message_id: str) -> dict[str, Any]:
        """The decisions of one message, and the DNS answers that they rest on."""
        with self.database.read() as unit:
            return json.loads(listing.message_by_id(unit, message_id).trace)

    def stamped(self, message_id: str) -> bytes:
        """`message raw ID --stamped`."""
        with self.database.read() as unit:
            row = listing.message_by_id(unit, message_id)
            return messages.stamped(row, content.load(unit, row.content_id))


def _line(answer: Answer) -> str:
    return f"{answer.code} {answer.text}"


def _written(directory: Path, zone: DnsZone, config: Mapping[str, Mapping[str, object]]) -> Path:
    """The configuration file: time for DNS, long sessions, and what the suite asks for."""
    tables: dict[str, Mapping[str, object]] = {
        "server": {"name": HOST, "state_dir": str(directory)},
        "database": {"url": f"sqlite:///{directory}/casegate.db"},
        "queue": {"redis_url": ""},
        "dns": {"nameservers": [zone.address]},
        "mx": {"listen": ["127.0.0.1:25"], "proxy_protocol_from": ["127.0.0.1"]},
        "limits": {"greet_delay": "0ms", "max_errors": 1000},
        "policy": {"mode": "annotate"},
        "authentication": {"timeout": "1m"},
    }
    for section, keys in config.items():
        tables[section] = {**tables.get(section, {}), **keys}
    path = directory / "casegate.toml"
    path.write_text(toml(tables))
    return path
