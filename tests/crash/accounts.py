# SPDX-License-Identifier: Apache-2.0
"""The accounts after a crash: what was promised against what is in the store and what has left.

Every mail answered 250 is there once, octet for octet; every case once, numbered without gaps; every mail that should
leave was written once, and has left once, over SMTP once more at most for each attempt whose end nobody saw.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from email import message_from_bytes, policy
from hashlib import sha256
from typing import Any

from sqlalchemy import func, select

from storage import content as contents
from storage.database import Database
from storage.schema import (
    attempt,
    content,
    content_chunk,
    digest,
    message,
    outbox,
    outbox_recipient,
    thread,
)
from storage.schema_cases import case, case_event, file
from storage.schema_desk import counter
from storage.states import MessageState, Move
from tests.crash.ledger import Ledger

WORKED = {MessageState.ROUTED.value, MessageState.SHUNTED.value}
FINAL = WORKED | {MessageState.SUBMITTED.value, MessageState.DROPPED.value}
_CHUNKS = select(content_chunk.c.position)
MAY_ARRIVE_TWICE = "may arrive twice"  # what an attempt says that lost the remote's response


def unsettled_rows(unit: Any) -> list[str]:
    """What is still on its way: messages to be routed, recipients to be delivered to, cases to be handed over."""
    waiting = unit.execute(select(message.c.id).where(message.c.due_at.is_not(None))).scalars()
    leaving = unit.execute(select(outbox_recipient.c.address).where(outbox_recipient.c.due_at.is_not(None))).scalars()
    handed = unit.execute(select(case.c.number).where(case.c.copies_due_at.is_not(None))).scalars()
    return [*waiting, *leaving, *map(str, handed)]


def check_store(unit: Any, ledger: Ledger) -> None:
    """Messages, cases, outbox, contents against the ledger; nothing may be on its way any more."""
    everything = unit.execute(select(message).order_by(message.c.seq))
    rows = [row for row in everything if json.loads(row.session)["id"] != "import"]
    _check_messages(unit, rows, ledger)
    _check_cases(unit, [row for row in rows if row.state in WORKED])
    _check_outbox(unit, rows)
    _check_contents(unit)


def _check_messages(unit: Any, rows: list[Any], ledger: Ledger) -> None:
    promised = {sent.message_id: sent for sent in (*ledger.mails, *ledger.replies)}
    _same("messages", Counter(row.message_id for row in rows), Counter(promised.keys()))
    for row in rows:
        sent = promised[row.message_id]
        _same(f"the id in the 250 for {row.message_id}", sent.id, row.id)
        _check_octets(unit, row, sent.content)
        _same(f"whether {row.id}, {row.state}, is final", (row.state in FINAL, row.due_at), (True, None))
    _same("digests", unit.execute(select(func.count()).select_from(digest)).scalar(), len(rows))


def _check_octets(unit: Any, row: Any, sent: bytes) -> None:
    """What was dropped from quarantine is known by its size and SHA-256 alone."""
    if row.state == MessageState.DROPPED.value:
        known = contents.facts(unit, row.content_id)
        _same(f"what is known of {row.id}", (known.sha256, known.size_octets), (sha256(sent).digest(), len(sent)))
        _same(
            f"chunks of {row.id}", unit.execute(_CHUNKS.where(content_chunk.c.content_id == row.content_id)).all(), []
        )
    else:
        assert contents.load(unit, row.content_id) == sent, f"{row.id} is not what was sent"


def _check_cases(unit: Any, mails: list[Any]) -> None:
    """Each customer wrote once, so each mail has a case of its own; its timeline tells of each step once."""
    everything = list(unit.execute(select(case).order_by(case.c.number)))
    _same("case numbers", [row.number for row in everything], list(range(1, len(everything) + 1)))
    counted = unit.execute(select(counter.c.value).where(counter.c.name == "case")).scalar()
    _same("the counter", counted, len(everything))
    cases = [row for row in everything if row.source == "mail"]
    own = {row.id for row in cases}
    case_of = {row.id: row.case_id for row in unit.execute(select(thread)) if row.case_id in own}
    _same("cases of threads", set(case_of.values()), own)
    _same("cases of mails", len({case_of[row.thread_id] for row in mails}), len(mails))
    told = Counter((row.case_id, row.kind) for row in unit.execute(select(case_event)))
    for row in mails:
        kind = "message" if row.state == MessageState.ROUTED.value else "routing_failed"
        number = case_of[row.thread_id]
        _same(f"events of {row.id}", (told[number, "created"], told[number, kind]), (1, 1))
    for row in cases:
        _same(f"assignments of case {row.number}", told[row.id, "assigned"], int(row.owner_id is not None))


def _check_outbox(unit: Any, rows: list[Any]) -> None:
    """Heartbeats and what members of a case are told speak of no message."""
    kinds = Counter((row.message_seq, row.kind) for row in unit.execute(select(outbox)) if row.message_seq is not None)
    expected: Counter[tuple[int, str]] = Counter()
    for row in rows:
        if row.state == MessageState.ROUTED.value:
            expected.update([(row.seq, "copy"), (row.seq, "acknowledgement")])
        elif row.state == MessageState.SUBMITTED.value:
            expected.update([(row.seq, "reply")])
    _same("outbox rows", kinds, expected)
    ended, told_unknown = defaultdict(list), Counter()
    for row in unit.execute(select(attempt)):
        ended[row.recipient_id].append(row.outcome)
        told_unknown[row.recipient_id] += MAY_ARRIVE_TWICE in row.response
    for row in unit.execute(select(outbox_recipient)):
        _same(f"the end of {row}", (row.state, row.due_at, ended[row.id].count("delivered")), ("delivered", None, 1))
        seen = len(ended[row.id]) - told_unknown[row.id]  # what lost the remote's response is settled and unsettled
        _same(f"the attempts of {row}", row.attempts, row.unsettled + seen)


def _check_contents(unit: Any) -> None:
    """What is kept belongs to somebody; every chunk belongs to a content."""
    kept = set(unit.execute(select(content.c.id).where(content.c.state == "kept")).scalars())
    held = message.c.state != MessageState.DROPPED.value
    used = set(unit.execute(select(message.c.content_id).where(held)).scalars())
    used |= set(unit.execute(select(outbox.c.content_id).where(outbox.c.content_id.is_not(None))).scalars())
    used |= set(unit.execute(select(file.c.content_id)).scalars())
    _same("contents kept", kept, used)
    loose = select(content_chunk.c.content_id).where(content_chunk.c.content_id.not_in(select(content.c.id)))
    _same("chunks without content", unit.execute(loose).all(), [])


def check_orphans(database: Database, expected: int | None) -> None:
    """So many contents, if it is known, that nobody promised: for a day they stay, then the sweep deletes them."""
    with database.move(Move.FORGET) as unit:
        _same("young orphans forgotten", contents.forget_orphans(unit, datetime.now(UTC)), 0)
    with database.move(Move.FORGET) as unit:
        forgotten = contents.forget_orphans(unit, datetime.now(UTC) + 2 * contents.ORPHAN_AGE)
        assert expected in (None, forgotten), f"{forgotten} orphans, expected {expected}"
    with database.read() as unit:
        left = unit.execute(select(content.c.id).where(content.c.state == "arriving")).all()
        _same("contents that stay arriving", left, [])
        _check_contents(unit)


def check_departures(unit: Any, arrived: Iterable[tuple[str, bytes]], *, once: bool) -> int:
    """(recipient, content) of all that arrived against the outbox; returns how many arrived more than once.

    `once`: the maildir, where nothing may be there twice. Over SMTP each duplicate needs an attempt without an end.
    """
    found = Counter((to, _message_id(octets)) for to, octets in arrived)
    excuses = _excuses(unit)
    _same("what arrived", set(found), set(excuses))
    duplicates = {key: count - 1 for key, count in found.items() if count > 1}
    for key, more in duplicates.items():
        allowed = 0 if once else excuses[key]
        assert more <= allowed, f"{key} arrived {more} times too often, {allowed} attempts explain it"
    return sum(duplicates.values())


def _excuses(unit: Any) -> dict[tuple[str, str], int]:
    """For each recipient of each mail how many attempts may have been deliveries that nobody saw the end of."""
    rows = unit.execute(
        select(outbox_recipient, outbox.c.message_id).join(outbox, outbox.c.id == outbox_recipient.c.outbox_id)
    )
    return {(row.address, row.message_id): row.unsettled for row in rows}


def _message_id(octets: bytes) -> str:
    head = octets.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    return "".join(str(message_from_bytes(head, policy=policy.compat32)["Message-ID"]).split()).strip("<>")


def _same(what: str, found: object, expected: object) -> None:
    assert found == expected, f"{what}: {found}, expected {expected}"
