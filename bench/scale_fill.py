# SPDX-License-Identifier: Apache-2.0
"""A store of any size, made by the database itself: cases of four mails each, with their threads, keys and timelines.

Enters: an empty store and a number of mails. Leaves: rows as the service would have written them, spread over teams,
agents and contacts; every message id `number@bench.example` leads to its thread. Says how far it is on standard error.
"""

import hashlib
import sys
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import text

from storage import desk, migrate
from storage.address import parse
from storage.database import Database, Unit
from storage.desk_values import Agent, Desk, RoutingAddress, Team
from storage.states import Move

MAILS_A_CASE = 4
CONTACTS_A_THOUSAND = 50  # cases of a thousand that begin with a contact of their own; the others are theirs too
AGENTS = 20
TEAMS = 4
PORTION = 50_000
BODY = zlib.compress(b"Received: from mail.example\r\n" * 8 + b"\r\n" + b"It does not work any more. " * 60, 1)
AUTHENTICATION = (
    '{"spf":{"result":"pass"},"dkim":[{"result":"pass"}],"dmarc":{"result":"pass"},"arc":{"result":"none"}}'
)

# Table -> column -> SQL over the number n of a mail (or of a case); the database makes all rows of a portion at once.
OF_MAILS = {
    "content": {
        "id": "n",
        "state": "'kept'",
        "sha256": ":digest",
        "size_octets": "2000",
        "created_at": ":begin",
    },
    "content_chunk": {"content_id": "n", "position": "0", "octets": ":body"},
    "message": {
        "seq": "n",
        "id": "'bench-' || n",
        "direction": "CASE WHEN n % 2 = 1 THEN 'inbound' ELSE 'outbound' END",
        "state": "CASE WHEN n % 2 = 1 THEN 'routed' ELSE 'submitted' END",
        "attempts": "1",
        "received_at": ":begin",
        "content_id": "n",
        "thread_id": "(n - 1) / 4 + 1",
        "session": '\'{"id":"s","peer":"192.0.2.1"}\'',
        "reverse_path": "'c' || ((n - 1) / 4 % :contacts) || '@customer.example'",
        "recipients": '\'[{"address":"team0@firm.example"}]\'',
        "author_name": "'Customer'",
        "author_address": "'c' || ((n - 1) / 4 % :contacts) || '@customer.example'",
        "to_": '\'[["","team0@firm.example"]]\'',
        "cc": "'[]'",
        "subject": "'It is broken, number ' || n",
        "message_id": "n || '@bench.example'",
        "authentication": ":authentication",
        "classification": "'person'",
        "disposition": "'accept'",
        "reason": "''",
        "proof": "'proven'",
        "stamp": ":stamp",
        "left_out": "'[]'",
    },
    "message_key": {
        "hash": "key_of(n || '@bench.example')",
        "author": "'c' || ((n - 1) / 4 % :contacts) || '@customer.example'",
        "thread_id": "(n - 1) / 4 + 1",
        "names_message": "true",
    },
}
OF_CASES = {
    "case_": {
        "id": "n",
        "number": "n",
        "thread_token": "'T' || n",
        "status": "CASE WHEN n % 50 = 0 THEN 'open' ELSE 'closed' END",
        "status_kind": "CASE WHEN n % 50 = 0 THEN 'open' ELSE 'closed' END",
        "status_at": ":begin",
        "priority": "CASE WHEN n % 100 = 0 THEN 'high' ELSE 'normal' END",
        "team_id": "n % :teams + 1",
        "owner_id": "n % :agents + 1",
        "contact_id": "n % :contacts + 1",
        "contact_name": "'Customer'",
        "contact_address": "'c' || (n % :contacts) || '@customer.example'",
        "routing_address": "'team0@firm.example'",
        "subject": "'It is broken, number ' || n",
        "created_at": ":begin",
    },
    "thread": {"id": "n", "token": "'T' || n", "case_id": "n", "created_at": ":begin"},
    "participant": {
        "thread_id": "n",
        "role": "'customer'",
        "key": "'c' || ((n - 1) % :contacts) || '@customer.example'",
        "name": "'Customer'",
        "address": "'c' || ((n - 1) % :contacts) || '@customer.example'",
    },
    "case_event": {
        "id": "n",
        "case_id": "n",
        "at": ":begin",
        "actor": "'casegate'",
        "kind": "'created'",
        "detail": "'{}'",
    },
}


def fill(database: Database, mails: int) -> None:
    """Make that many mails."""
    migrate.ready(database)
    cases = mails // MAILS_A_CASE
    contacts = max(1, cases * CONTACTS_A_THOUSAND // 1000)
    with database.move(Move.APPLY) as unit:
        desk.apply(unit, _desk())
        _contacts(unit, contacts)
    given = {
        "contacts": contacts,
        "teams": TEAMS,
        "agents": AGENTS,
        "begin": "2026-01-05 10:00:00.000000" if database.is_sqlite else datetime(2026, 1, 5, 10, tzinfo=UTC),
        "digest": hashlib.sha256(b"").digest(),
        "body": BODY,
        "authentication": AUTHENTICATION,
        "stamp": b"",
    }
    for first, last in _portions(cases):
        with database.move(Move.IMPORT) as unit:
            _make(unit, OF_CASES, (first, last), given)
            _make(unit, OF_MAILS, ((first - 1) * MAILS_A_CASE + 1, last * MAILS_A_CASE), given)
        print(f"bench: {last * MAILS_A_CASE} of {mails} mails", file=sys.stderr)
    with database.move(Move.IMPORT) as unit:
        unit.execute(text("UPDATE counter SET value = :n WHERE name = 'case'"), {"n": cases})
        _tidy(unit)
    database.checkpoint()  # the service's checkpointer does so all the time


def _make(unit: Unit, tables: dict[str, dict[str, str]], span: tuple[int, int], given: dict[str, Any]) -> None:
    _learn_key_of(unit)
    for table, columns in tables.items():
        numbers = "WITH RECURSIVE s(n) AS (SELECT :first UNION ALL SELECT n + 1 FROM s WHERE n < :last) SELECT n FROM s"
        if unit.dialect.name == "postgresql":
            numbers = "SELECT n FROM generate_series(CAST(:first AS bigint), CAST(:last AS bigint)) AS s(n)"
        values = ", ".join(columns.values())
        asked = text(f"INSERT INTO {table} ({', '.join(columns)}) SELECT {values} FROM ({numbers}) AS numbers")
        used = {name: value for name, value in given.items() if f":{name}" in values}
        unit.execute(asked, {**used, "first": span[0], "last": span[1]})


def _learn_key_of(unit: Unit) -> None:
    """The hash of storage.threads.key_of, for the database."""
    if unit.dialect.name == "sqlite":
        unit.connection.driver_connection.create_function("key_of", 1, _key_of, deterministic=True)  # type: ignore[union-attr]
        return
    made = "substring(sha256(convert_to($1, 'UTF8')) from 1 for 16)"
    unit.execute(text(f"CREATE OR REPLACE FUNCTION key_of(text) RETURNS bytea LANGUAGE sql AS $$SELECT {made}$$"))


def _key_of(message_id: str) -> bytes:
    return hashlib.sha256(message_id.encode()).digest()[:16]


def _contacts(unit: Unit, contacts: int) -> None:
    tables = {
        "contact": {"id": "n", "name": "'Customer'", "source": "'reply'"},
        "contact_address": {
            "key": "'c' || (n - 1) || '@customer.example'",
            "address": "'c' || (n - 1) || '@customer.example'",
            "contact_id": "n",
        },
    }
    _make(unit, tables, (1, contacts), {})


def _tidy(unit: Unit) -> None:
    """As a service that has run for long: sequences behind the rows, and statistics for the planner."""
    if unit.dialect.name == "postgresql":
        for table in ("content", "case_", "thread", "case_event", "contact"):
            unit.execute(text(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT max(id) FROM {table}))"))
        unit.execute(text("SELECT setval(pg_get_serial_sequence('message', 'seq'), (SELECT max(seq) FROM message))"))
        unit.execute(text("ANALYZE"))


def _portions(cases: int) -> Iterator[tuple[int, int]]:
    step = PORTION // MAILS_A_CASE
    for first in range(1, cases + 1, step):
        yield first, min(first + step - 1, cases)


def _desk() -> Desk:
    teams = tuple(Team(f"team{n}", f"Team {n}", parse(f"team{n}@firm.example")) for n in range(TEAMS))
    agents = tuple(
        Agent(f"agent{n}", f"Agent {n}", parse(f"agent{n}@private.example"), (f"team{n % TEAMS}",))
        for n in range(AGENTS)
    )
    addresses = tuple(RoutingAddress(one.sender, one.name, verified=True) for one in teams)
    return Desk(teams=teams, agents=agents, addresses=addresses)
