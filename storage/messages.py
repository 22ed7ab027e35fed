# SPDX-License-Identifier: Apache-2.0
"""Messages: the accepting transaction, the claims of the jobs, and the questions asked about one mail.

`accept` is the promise: content, envelope, verdicts, the thread decision and the digest in one unit of work, answered
250 only after its commit. A delivery repeated within five days finds the digest and gets the first id again.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Row, bindparam, delete, insert, select, update

from storage import content as contents
from storage.content import Content
from storage.database import Unit
from storage.envelope import Envelope, Session, Wish
from storage.placing import Placed, Placing, place
from storage.prepared import Prepared
from storage.schema import digest, message, thread
from storage.states import MessageState
from storage.threads import Decide, Decision, Person, Proof
from storage.upsert import Upsert

ABOUT_ADDRESSES = frozenset({"probe", "forwarding"})  # classes of mail that makes no case
DIGEST_AGE = timedelta(days=5)

_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))  # json.dumps would make one each time


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was decided for one recipient; `routing_address` is empty for a reply or bounce address.

    `reason` says why it does not simply accept, where that is not the reason of the whole mail.
    """

    address: str
    routing_address: str
    disposition: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Header:
    """What lists and decisions show of the header section; text is scrubbed."""

    author: Person
    to: tuple[Person, ...]
    cc: tuple[Person, ...]
    subject: str
    message_id: str


@dataclass(frozen=True, slots=True)
class Arrival:
    """One inbound mail, judged and ready to be promised; exactly the bytes that came, plus what we say about them."""

    id: str
    received_at: datetime
    session: Session
    envelope: Envelope
    content: Content
    header: Header
    placing: Placing
    authentication: str  # JSON
    classification: str
    state: MessageState
    disposition: str
    reason: str
    verdicts: tuple[Verdict, ...]
    trace: str  # JSON
    stamp: bytes
    left_out: tuple[tuple[int, int], ...]
    held: bool = False  # some address holds it in quarantine (storage/quarantine.py)


@dataclass(frozen=True, slots=True)
class Accepted:
    """The promise: what 250 names. `repeated` means that an earlier delivery had it already."""

    id: str
    repeated: bool
    state: MessageState


def accept(unit: Unit, arrival: Arrival, decide: Decide) -> Accepted:
    """Write one inbound mail; the 250 may be said once the unit of work is durable."""
    key = digest_of(arrival.envelope, arrival.header.message_id, arrival.content)
    first = claim_digest(unit, key, arrival.id, arrival.received_at)
    if first is not None:
        contents.drop(unit, arrival.content)
        return Accepted(first, repeated=True, state=arrival.state)
    placed = place(unit, arrival, decide) if _belongs_to_a_thread(arrival) else None
    _INSERT.run(unit, **_row(unit, arrival, placed))
    return Accepted(arrival.id, repeated=False, state=arrival.state)


def _belongs_to_a_thread(arrival: Arrival) -> bool:
    """What waits for a job does, but for what is about a routing address."""
    return arrival.state is MessageState.ACCEPTED and arrival.classification not in ABOUT_ADDRESSES


def digest_of(envelope: Envelope, message_id: str, content: Content) -> bytes:
    """What makes two deliveries the same one: reverse-path, recipients, Message-ID and content."""
    parts = [envelope.reverse_path_text, *sorted(address.key for address in envelope.recipients), message_id]
    text = "\0".join(parts).encode("utf-8", "surrogatepass")
    return hashlib.sha256(text + b"\0" + content.sha256).digest()


def claim_digest(unit: Unit, key: bytes, message_id: str, now: datetime) -> str | None:
    """The id of the first delivery with this digest, or None when this is the first."""
    if _NEW_DIGEST.write_one(unit, digest=key, message_id=message_id, created_at=now):
        return None
    return str(unit.execute(_FIRST, {"d": key}).scalar_one())


def claim(unit: Unit, ids: Sequence[str], now: datetime, lease: timedelta) -> list[tuple[str, int]]:
    """Take these messages for one lease, counting the attempt; returns (id, attempts) of those that were due."""
    free = (
        select(message.c.seq)
        .where(message.c.id.in_(ids), message.c.state == MessageState.ACCEPTED.value, message.c.due_at <= now)
        .with_for_update(skip_locked=True, key_share=True)  # what another worker is claiming at this moment is not free
    )
    rows = unit.execute(
        update(message)
        .where(message.c.seq.in_(free))
        .values(due_at=now + lease, attempts=message.c.attempts + 1)
        .returning(message.c.seq, message.c.id, message.c.attempts)
    )
    return [(row.id, row.attempts) for row in sorted(rows, key=lambda row: row.seq)]


def due(unit: Unit, now: datetime, limit: int) -> list[tuple[str, int]]:
    """Messages whose lease or due time has passed, in the order of acceptance, with their attempts so far."""
    rows = unit.execute(
        select(message.c.id, message.c.attempts).where(message.c.due_at <= now).order_by(message.c.seq).limit(limit)
    )
    return [(row.id, row.attempts) for row in rows]


def attempts_of(unit: Unit, ids: Sequence[str]) -> list[tuple[str, int]]:
    """The unfinished ones of these messages, in the order of acceptance, with their attempts so far."""
    rows = unit.execute(
        select(message.c.id, message.c.attempts)
        .where(message.c.id.in_(ids), message.c.due_at.is_not(None))
        .order_by(message.c.seq)
    )
    return [(row.id, row.attempts) for row in rows]


def lock(unit: Unit, message_id: str, attempts: int) -> Row[tuple[object, ...]] | None:
    """The claimed message, locked with its thread row; None when the claim is no longer ours."""
    row = unit.execute(_OPEN, {"i": message_id, "n": attempts}).first()
    if row is not None and row.thread_id is not None:
        unit.execute(_LOCK_THREAD, {"t": row.thread_id})
    return row


def has_unfinished_before(unit: Unit, thread_id: int, seq: int) -> bool:
    """Whether an earlier mail of the thread is still to be routed."""
    return unit.execute(_EARLIER, {"t": thread_id, "s": seq}).first() is not None


def put_back(unit: Unit, message_id: str, due_at: datetime) -> None:
    """Give up a claim without having worked it: the attempt does not count."""
    unit.execute(
        update(message)
        .where(message.c.id == message_id, message.c.state == MessageState.ACCEPTED.value)
        .values(due_at=due_at, attempts=message.c.attempts - 1)
    )


def postpone(unit: Unit, message_id: str, due_at: datetime) -> None:
    """Let a message whose attempt failed wait until then."""
    unit.execute(
        update(message)
        .where(message.c.id == message_id, message.c.state == MessageState.ACCEPTED.value)
        .values(due_at=due_at)
    )


def finish(unit: Unit, seq: int, state: MessageState) -> None:
    """accepted -> routed or shunted."""
    unit.execute(_FINISH, {"s": seq, "new": state.value})


def of_thread(unit: Unit, thread_id: int) -> list[Row[tuple[object, ...]]]:
    """All mail of a thread in the order of acceptance."""
    return list(unit.execute(select(message).where(message.c.thread_id == thread_id).order_by(message.c.seq)))


def stamped(row: Row[tuple[object, ...]], octets: bytes) -> bytes:
    """The content as we show and forward it: our stamp in front, forged fields left out."""
    pieces, at = [bytes(row.stamp)], 0
    for start, end in json.loads(row.left_out):
        pieces.append(octets[at:start])
        at = end
    return b"".join([*pieces, octets[at:]])


def forget_digests(unit: Unit, now: datetime) -> None:
    """Delete digests past their age."""
    unit.execute(delete(digest).where(digest.c.created_at < now - DIGEST_AGE))


def to_json(value: object) -> str:
    """Small values as stored text."""
    return _ENCODER.encode(value)


def session_json(session: Session) -> str:
    """A session as stored text; asdict() would copy every value first."""
    return to_json({name: getattr(session, name) for name in Session.__slots__})


def recipients_json(recipients: Sequence[dict[str, str]], envelope: Envelope) -> str:
    """What is known of each recipient, with its wish (RFC 3461) where it has one."""
    wishes = dict(zip(map(str, envelope.recipients), envelope.wishes, strict=False))
    return to_json([one | _wish_shown(wishes.get(one["address"])) for one in recipients])


def _wish_shown(wish: Wish | None) -> dict[str, object]:
    if wish is None:
        return {}
    given = {"notify": wish.notify, "orcpt": wish.orcpt}
    return {name: value for name, value in given.items() if value}


def people_json(people: Sequence[Person]) -> str:
    """Names and addresses as stored text."""
    return to_json([[person.name, person.address] for person in people])


def _shown(verdict: Verdict) -> dict[str, str]:
    shown = {name: getattr(verdict, name) for name in ("address", "routing_address", "disposition")}
    return shown | {"reason": verdict.reason} if verdict.reason else shown


def thread_stamp(token: str) -> bytes:
    """The last field of our stamp, known once the thread is decided."""
    return f"X-Casegate-Thread: {token}\r\n".encode()


def _row(unit: Unit, arrival: Arrival, placed: Placed | None) -> dict[str, object]:
    placed = placed or Placed(None, "", Decision(Proof.UNPROVEN), arrival.trace)
    decision, token = placed.decision, placed.token
    stamp = arrival.stamp + (thread_stamp(token) if token else b"")
    header = arrival.header
    return {
        "id": arrival.id,
        "direction": "inbound",
        "state": arrival.state.value,
        "due_at": arrival.received_at if arrival.state is MessageState.ACCEPTED else None,
        "attempts": 0,
        "received_at": arrival.received_at,
        "held_at": arrival.received_at if arrival.held else None,
        "content_id": contents.keep(unit, arrival.content, arrival.received_at),
        "thread_id": placed.thread_id,
        "linked_thread_id": decision.link_to,
        "link_kind": decision.link.value if decision.link else None,
        "session": session_json(arrival.session),
        "reverse_path": arrival.envelope.reverse_path_text,
        "ret": arrival.envelope.ret,
        "envid": arrival.envelope.envid,
        "recipients": recipients_json([_shown(verdict) for verdict in arrival.verdicts], arrival.envelope),
        "author_name": header.author.name,
        "author_address": header.author.address,
        "to_": people_json(header.to),
        "cc": people_json(header.cc),
        "subject": header.subject,
        "message_id": header.message_id,
        "authentication": arrival.authentication,
        "classification": arrival.classification,
        "disposition": arrival.disposition,
        "reason": arrival.reason,
        "proof": decision.proof.value,
        "trace": placed.trace,
        "stamp": stamp,
        "left_out": to_json(arrival.left_out),
    }


_INSERT = Prepared(insert(message).inline())
_NEW_DIGEST = Upsert(digest, None, digest.c.digest)
_FIRST = select(digest.c.message_id).where(digest.c.digest == bindparam("d"))
_OPEN = (
    select(message)
    .where(
        message.c.id == bindparam("i"),
        message.c.attempts == bindparam("n"),
        message.c.state == MessageState.ACCEPTED.value,
    )
    .with_for_update(key_share=True)  # whoever waited here sees what the other worker made of it
)
_LOCK_THREAD = select(thread.c.id).where(thread.c.id == bindparam("t")).with_for_update(key_share=True)
_EARLIER = (
    select(message.c.seq)
    .where(
        message.c.thread_id == bindparam("t"),
        message.c.state == MessageState.ACCEPTED.value,
        message.c.seq < bindparam("s"),
    )
    .limit(1)
)
_FINISH = (
    update(message)
    .where(message.c.seq == bindparam("s"), message.c.state == MessageState.ACCEPTED.value)
    .values(state=bindparam("new"), due_at=None)
)
