# SPDX-License-Identifier: Apache-2.0
"""Setting a store up, and refusing one of another version."""

import hashlib
import threading
from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import select, text

from storage import columns, migrate, outbox, schema, schema_cases, schema_desk, sessions
from storage.database import Database, DatabaseUnavailable
from storage.envelope import Wish
from storage.states import Move
from tests.storage.given import NOW

VERSIONS = Path(migrate.__file__).parent / "migrations" / "versions"

# A migration that has been released is history: change the schema by a new file, never by editing an old one.
FROZEN = {
    "0001_first_schema.py": "2e0742a825ac9e8a66ffa9b220e47eec3d38a06f4e8c4faf9e8d5c21b536266b",
    "0002_delivery_status_notifications.py": "031c1c5f4ec0f9e54e1a1d6cb6cebf38b2e639a3ea6fd3600ad2bced1a4c54b7",
    "0003_session_log.py": "4ac97565dec41244b1f5553a2db148287c6814dc2103597d0e7d0579223851b7",
    "0004_trace.py": "74d287f1ad6fd396ddf3c9a081c9ca0fd78e6e770e05326236483dcd75e743bf",
    "0005_policy.py": "cc4be5acc6debadf2d242af8f8c86f5fe900ccbcb1750b49540e554984204c8c",
    "0006_routing_addresses.py": "d455647d946b7f62b03b84e16aba84b5d2927651a46e3c08aec7b89093649c8c",
    "0007_quarantine.py": "986a492f512be664ba865b85495a324d9a31fc8215a5e2cfa07594cd538ce95a",
    "0008_cases.py": "d656b26493e1e5c8a9f1aa4abc1fda1318297a1ac588280ced34c7fb9eb5eae4",
    "0009_watched_cases.py": "e41b0226022f58d92603082cc32f1871c7ba82f429c918ef124ba5d786e459be",
}

FIRST_ROWS = (
    "INSERT INTO content (id, state, sha256, size_octets, created_at) VALUES (1, 'kept', :octets, 0, :now)",
    "INSERT INTO message (seq, id, direction, state, attempts, received_at, content_id, session, reverse_path,"
    " recipients, author_name, author_address, to_, cc, subject, message_id, authentication, classification,"
    " disposition, reason, proof, stamp, left_out)"
    " VALUES (1, 'm1', 'outbound', 'submitted', 0, :now, 1, '{}', '', '[]', '', '', '[]', '[]',"
    " '', '', '{}', 'person', 'accept', '', 'proven', :octets, '[]')",
    "INSERT INTO outbox (id, name, kind, message_seq, message_id, reverse_path, head, body_offset, created_at)"
    " VALUES (1, 'o1', 'reply', 1, '', '', :octets, 0, :now)",
    "INSERT INTO outbox_recipient (id, outbox_id, address, state, due_at, leased, attempts, unsettled, response)"
    " VALUES (1, 1, 'carl@customer.example', 'queued', :now, :no, 0, 0, '')",
)

# Carl's case was answered twice, the other one never.
_CASE = (
    "INSERT INTO case_ (id, number, thread_token, status, priority, team_id, contact_name, contact_address,"
    " routing_address, subject, created_at) VALUES ({0}, {0}, 'T{0}', 'pending', 'normal', 1, '', '', '', '', :now)"
)
_EVENT = "INSERT INTO case_event (id, case_id, at, actor, kind, detail) VALUES ({}, {}, {}, 'casegate', '{}', '{{}}')"
CASE_ROWS = (
    "INSERT INTO team (id, name, display_name, sender, active) VALUES (1, 'support', '', 'a@b.example', :no)",
    _CASE.format(1),
    _CASE.format(2),
    _EVENT.format(1, 2, ":now", "created"),
    _EVENT.format(2, 1, ":now", "reply"),
    _EVENT.format(3, 1, ":later", "reply"),
)

# A case of one mail, and one contact.
ONE_CASE = (
    "INSERT INTO team (id, name, display_name, sender, active) VALUES (1, 't', 'T', '', :now IS NOT NULL)",
    "INSERT INTO contact (id, name, source) VALUES (1, 'Carl Customer', 'desk')",
    "INSERT INTO contact_address (key, address, contact_id) VALUES ('carl@customer.example', '', 1)",
    "INSERT INTO case_ (id, number, thread_token, status, priority, team_id, contact_name, contact_address,"
    " routing_address, subject, created_at) VALUES (1, 1, 'T1', 'new', 'normal', 1, '', :address, '', '', :now)",
    "INSERT INTO thread (id, token, case_id, created_at) VALUES (1, 'T1', 1, :now)",
    "UPDATE message SET thread_id = 1, direction = :direction, proof = :proof, author_address = :author",
)


def test_a_fresh_store_is_set_up_and_doing_it_again_changes_nothing(database: Database) -> None:
    migrate.ready(database)
    with database.read() as unit:
        rows = unit.execute(select(schema_desk.counter).order_by(schema_desk.counter.c.name)).all()
    assert [tuple(row) for row in rows] == [("case", 0), ("desk", 0)]


def test_processes_that_set_up_one_fresh_store_at_once_all_succeed(connect: Callable[[], Database]) -> None:
    start = threading.Barrier(4)
    failures: list[BaseException] = []

    def set_up(own: Database) -> None:
        start.wait()
        try:
            migrate.ready(own)
        except BaseException as error:
            failures.append(error)

    workers = [threading.Thread(target=set_up, args=(connect(),)) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert failures == []


def test_the_migrations_make_exactly_the_schema_of_the_program(database: Database) -> None:
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert sessions.session_log.metadata is columns.metadata  # a table of its own file, compared like the others
        assert compare_metadata(context, columns.metadata) == []


def _set_version(database: Database, version: str) -> None:
    with database.alone(), database.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :v"), {"v": version})


def test_a_store_of_a_newer_program_is_refused_with_what_to_do(database: Database) -> None:
    _set_version(database, "9999")
    for attempt in (migrate.ready, migrate.upgrade):
        with pytest.raises(migrate.SchemaOutdated) as refusal:
            attempt(database)
        line = "the database has version 9999, which this program does not know: install a newer one"
        assert str(refusal.value) == line


def test_a_store_without_version_that_is_not_empty_waits_for_the_operator(database: Database) -> None:
    with database.alone(), database.engine.begin() as connection:
        connection.execute(text("DELETE FROM alembic_version"))
    with pytest.raises(migrate.SchemaOutdated, match=r"version None, this program needs 0009: run casegate migrate"):
        migrate.ready(database)


def test_upgrading_tells_before_and_after(connect: Callable[[], Database]) -> None:
    fresh = connect()
    assert migrate.upgrade(fresh) == (None, "0009")
    assert migrate.upgrade(fresh) == ("0009", "0009")


def test_mail_of_the_first_version_is_kept_and_has_asked_for_nothing(connect: Callable[[], Database]) -> None:
    old = connect()
    _set_up_as_first_released(old)
    with pytest.raises(migrate.SchemaOutdated, match="run casegate migrate"):
        migrate.ready(old)
    assert migrate.upgrade(old) == ("0001", "0009")
    with old.read() as unit:
        row = unit.execute(select(schema.message)).one()
        assert (row.id, row.ret, row.envid) == ("m1", "", "")
        assert unit.execute(select(schema.outbox.c.name, schema.outbox.c.ret, schema.outbox.c.envid)).all() == [
            ("o1", "", "")
        ]
    with old.move(Move.TAKE) as unit:
        (taken,) = outbox.take(unit, NOW, timedelta(minutes=1), 10)
    assert (taken.address, taken.wish, taken.delay_told) == ("carl@customer.example", Wish(), False)


def test_a_case_that_was_answered_before_there_were_targets_is_known_as_answered(
    connect: Callable[[], Database],
) -> None:
    old = connect()
    _set_up_as_of(old, "0007", CASE_ROWS)
    migrate.upgrade(old)
    with old.read() as unit:
        rows = unit.execute(select(schema_cases.case).order_by(schema_cases.case.c.id)).all()
    assert [(row.responded_at, row.pauses) for row in rows] == [(NOW, "[]"), (None, "[]")]


# The contact's address of an old case, what its mail is, and whose case it is from then on.
OLD_CASES = [
    ("Carl@Customer.example", ("inbound", "proven", "carl@customer.example"), "Carl Customer"),
    ("carl@customer.example", ("inbound", "unproven", "carl@customer.example"), None),
    ("carl@customer.example", ("inbound", "proven", "dora@other.example"), None),
    ("carl@customer.example", ("outbound", "proven", "ann.doe@private.example"), "Carl Customer"),
    ("dora@other.example", ("inbound", "proven", "dora@other.example"), None),
]


@pytest.mark.parametrize(("address", "mail", "contact"), OLD_CASES)
def test_old_cases_are_those_of_contacts_whom_somebody_vouched_for(
    connect: Callable[[], Database], address: str, mail: tuple[str, str, str], contact: str | None
) -> None:
    old = connect()
    _set_up_as_first_released(old)
    given = dict(zip(("direction", "proof", "author"), mail, strict=True)) | {"address": address, "now": NOW}
    with old.alone(), old.engine.begin() as connection:
        for statement in ONE_CASE:
            connection.execute(text(statement), given)
    migrate.upgrade(old)
    name = select(schema_desk.contact.c.name).where(schema_desk.contact.c.id == schema_cases.case.c.contact_id)
    with old.read() as unit:
        assert unit.execute(select(schema_cases.case.c.id, name.scalar_subquery())).all() == [(1, contact)]


def _set_up_as_first_released(database: Database) -> None:
    """A store of version 0001 with a message and a reply on its way."""
    _set_up_as_of(database, "0001", FIRST_ROWS)


def _set_up_as_of(database: Database, version: str, statements: Iterable[str]) -> None:
    """A store of an old version with these rows; on SQLite an instant is text without a zone."""
    is_sqlite = database.engine.dialect.name == "sqlite"
    now, later = (at.strftime("%F %T.%f") if is_sqlite else at for at in (NOW, NOW + timedelta(days=1)))
    given = {"now": now, "later": later, "octets": b"", "no": False}
    with database.alone(), database.engine.begin() as connection:
        config = migrate._config()
        config.attributes["connection"] = connection
        command.upgrade(config, version)
        for statement in statements:
            connection.execute(text(statement), given)


def test_no_released_migration_has_been_edited() -> None:
    files = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in VERSIONS.glob("*.py")}
    assert files == FROZEN


def test_a_file_that_is_no_database_is_refused_with_one_line(tmp_path: Path) -> None:
    (tmp_path / "casegate.db").write_bytes(b"no database " * 100)
    broken = Database(f"sqlite:///{tmp_path / 'casegate.db'}")
    with pytest.raises(DatabaseUnavailable, match=r"^database\.url: cannot use the database: file is not a database$"):
        migrate.ready(broken)
    broken.close()


def test_a_directory_that_does_not_exist_is_refused_with_one_line(tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnavailable, match=r"^database\.url: cannot open .*casegate\.db: No such file"):
        Database(f"sqlite:///{tmp_path / 'absent' / 'casegate.db'}")


def test_an_unreachable_server_is_refused_with_one_line() -> None:
    away = Database("postgresql+psycopg://casegate@127.0.0.1:1/casegate")
    with pytest.raises(DatabaseUnavailable, match=r"^database\.url: cannot use the database: .*127\.0\.0\.1"):
        migrate.ready(away)
    away.close()


def test_a_version_is_the_number_of_its_file():
    chain = [script.revision for script in ScriptDirectory.from_config(migrate._config()).walk_revisions()]
    assert [name.partition("_")[0] for name in sorted(FROZEN)] == chain[::-1]
