# SPDX-License-Identifier: Apache-2.0
"""An installation whose roles run apart, so that one can be killed at a kill point while the others go on.

`dying` starts a role with CASEGATE_KILL_AT; `bury` waits until its process died by SIGKILL at that point, kills the
supervisor before it starts another one, and starts the role anew without the variable.
"""

import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from click.testing import CliRunner
from sqlalchemy import select, update

from gateway.cli import cli
from storage.database import Database
from storage.schema import message, outbox_recipient
from storage.states import KILL_VARIABLE, Move
from tests.crash.accounts import check_departures, check_orphans, check_store, unsettled_rows
from tests.crash.ledger import Ledger, Sent
from tests.support.dkim import Signer
from tests.support.fake_mx import FakeMx
from tests.support.installation import Delivered, Installation
from tests.support.program import Program
from tests.support.waiting import PATIENCE_S, wait_until

DIED = "ended with status -9"
KILLED = " killed after "

Desk = Mapping[str, Sequence[Mapping[str, object]]]


class House:
    """One installation, its ledger, and a store handle for looking and for backdating."""

    def __init__(self, installation: Installation, desk: Desk, signer: Signer, sink: FakeMx | None = None) -> None:
        self.installation, self.desk, self.sink = installation, desk, sink
        self.ledger = Ledger(installation, signer)
        self.database = Database(installation.database_url)
        self._running: dict[str, Program] = {}

    def close(self) -> None:
        """Kill what runs, let go of the store."""
        self.installation.close()
        self.database.close()

    # --- roles -----------------------------------------------------------------------------------------------------

    def start(self, *roles: str, kill_at: str | None = None) -> None:
        """Start these roles, ready."""
        for role in roles:
            environment = {} if kill_at is None else {KILL_VARIABLE: kill_at}
            self._running[role] = self.installation.start(role, environment=environment)

    def stop(self, role: str) -> None:
        """End a role in an orderly way."""
        program = self._forget(role)
        status = program.stop()
        assert (status, program.lines(KILLED)) == (0, []), "\n".join(program.log[-40:])

    @contextmanager
    def dying(self, role: str, kill_at: str) -> Iterator[None]:
        """The role runs with this kill point inside the block, must have died there, and runs without it after."""
        self.stop(role)
        self.start(role, kill_at=kill_at)
        yield
        self.bury(role)
        self.start(role)

    def bury(self, role: str, deaths: int = 1) -> None:
        """Wait until the role's process has died by signal 9 so often, then end its supervisor."""
        for death in range(1, deaths + 1):
            self._running[role].wait_for_line(DIED, count=death)
            if role == "worker":
                self._lapse()
        self._forget(role).kill()

    def _lapse(self) -> None:
        """The time of the dead worker's leases is over at once: nobody waits for it, and no slow machine exceeds it."""
        now = datetime.now(UTC)
        with self.database.move(Move.CLAIM, Move.TAKE) as unit:
            unit.execute(update(message).where(message.c.due_at > now).values(due_at=now))
            unit.execute(update(outbox_recipient).where(outbox_recipient.c.leased).values(due_at=now))

    def _forget(self, role: str) -> Program:
        program = self._running.pop(role)
        self.installation.programs.remove(program)
        return program

    def dying_call(self, kill_at: str, *arguments: str, stdin: str = "") -> None:
        """One call of the command line that must die by signal 9 at this point."""
        call = self.installation.program(*arguments, environment={KILL_VARIABLE: kill_at}, stdin=stdin)
        status = call.wait(PATIENCE_S)
        assert status == -signal.SIGKILL, (status, call.log)

    def refused_call(self, code: int, *arguments: str) -> str:
        """What a call of the command line says that must end with this code."""
        done = CliRunner().invoke(cli, ["-c", str(self.installation.file), *arguments])
        assert done.exit_code == code, (done.exit_code, done.output)
        return done.stderr

    # --- looking ---------------------------------------------------------------------------------------------------

    def look(self, question: Callable[[Any], Any]) -> Any:
        """One question to the store."""
        with self.database.read() as unit:
            return question(unit)

    def message(self, sent: Sent) -> Any:
        """The row of a mail, None before it is promised."""
        return self.look(
            lambda unit: unit.execute(select(message).where(message.c.message_id == sent.message_id)).first()
        )

    def copy_of(self, sent: Sent) -> Delivered:
        """The agent's copy of a customer's mail, once it has left."""
        subject = sent.content.partition(b"Subject: ")[2].partition(b"\r\n")[0].decode()

        def found() -> list[Delivered]:
            copies = self.installation.maildir("ann.doe@private.example")
            return [copy for copy in copies if copy.field("Subject").endswith(subject)]

        return wait_until(found, f"the copy of {sent.message_id}")[0]

    # --- accounts --------------------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Wait until nothing is on its way."""
        wait_until(lambda: not self.look(unsettled_rows), "everything to be routed and delivered")

    def check(self, orphans: int | None = 0) -> int:
        """Close the accounts, with so many contents that nobody promised; returns how many mails left twice."""
        self.settle()
        with self.database.read() as unit:
            check_store(unit, self.ledger)
            duplicates = check_departures(unit, self._arrived(), once=self.sink is None)
        check_orphans(self.database, orphans)
        return duplicates

    def _arrived(self) -> list[tuple[str, bytes]]:
        if self.sink is None:
            return [(one.delivered_to, one.content) for one in self.installation.maildir()]
        return [(recipient, mail.content) for mail in self.sink.mails for recipient in mail.recipients]
