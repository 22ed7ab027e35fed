# SPDX-License-Identifier: Apache-2.0
"""By which way the mail of each routing address comes, as far as it is known, and which old addresses lead to it.

A way is verified by DNS (direct), by being ours (hosted) or by a probe that came back (forwarded); what the desk says
by an operator's word needs none. Whatever decides about mail counts the desk's version up, so that every process reads
it again.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, delete, insert, or_, select, update

from storage.database import Unit
from storage.desk_version import count_up
from storage.schema_desk import routing_address
from storage.schema_ways import address_alias, way

MOST_CONFIRMATIONS = 3


@dataclass(frozen=True, slots=True)
class Host:
    """One host that brought a probe back; `name` only where DNS confirms it, `pool` where many tenants share it."""

    peer: str
    name: str = ""
    pool: str = ""
    is_sure: bool = True  # false: DNS did not say whether it belongs to a pool
    seen_at: str = ""  # RFC 3339


@dataclass(frozen=True, slots=True)
class Passage:
    """What became of one probe on its way through the forwarder."""

    at: str  # RFC 3339
    latency_s: float
    host: Host
    helo: str
    received: tuple[str, ...]  # by whom, from the nearest on
    spf: str
    dkim: str
    dmarc: str
    reverse_path: str  # as it came back
    is_rewritten: bool  # the reverse-path
    fields: tuple[str, ...]  # names of header fields added
    subject_before: str
    subject_after: str
    body: str  # unchanged, footer added, changed

    def to_json(self) -> str:
        return json.dumps(asdict(self))


@dataclass(frozen=True, slots=True)
class Way:
    """What the desk knows of one way; `hosts` are those by which mail may come, newest first."""

    key: str
    address: str
    kind: str
    intake: str = ""
    is_verified: bool = False
    hosts: tuple[Host, ...] = ()
    learnt: Passage | None = None
    latest: Passage | None = None


@dataclass(frozen=True, slots=True)
class Confirmation:
    """A forwarder asks whether it may forward; what proves the answer is for the operator's eyes."""

    provider: str
    account: str
    code: str
    link: str
    at: str  # RFC 3339


def of_row(row: Row[Any]) -> Way:
    """The value that a row holds."""
    return Way(
        key=row.key,
        address=row.address,
        kind=row.kind,
        intake=row.intake or "",
        is_verified=row.verified_at is not None,
        hosts=tuple(Host(**one) for one in json.loads(row.hosts)),
        learnt=_passage(row.learnt),
        latest=_passage(row.latest),
    )


def confirmations_of(row: Row[Any]) -> tuple[Confirmation, ...]:
    """Newest first."""
    return tuple(Confirmation(**one) for one in json.loads(row.confirmations))


def all_of(unit: Unit) -> dict[str, Way]:
    """Every way by the key of its public address."""
    return {row.key: of_row(row) for row in unit.execute(_ALL)}


def rows(unit: Unit) -> dict[str, Row[Any]]:
    """The same with what people want to know besides."""
    return {row.key: row for row in unit.execute(_ALL)}


def lock(unit: Unit, key: str) -> Row[Any] | None:
    """One way, until the end of the unit of work."""
    return unit.execute(_LOCK, {"k": key}).first()


def put(unit: Unit, value: Way, found: str, now: datetime) -> None:
    """Write down by which way an address's mail comes; what probes taught stays, and so does what was verified once."""
    row = lock(unit, value.key)
    columns: dict[str, Any] = {"kind": value.kind, "found": found, "address": value.address}
    if value.is_verified:
        columns |= {"verified_at": now, "alarm": "", "alarm_at": None}
    if row is None:
        unit.execute(insert(way), {**_EMPTY, "key": value.key, "intake": value.intake or None, **columns})
    else:
        columns |= {"intake": row.intake or value.intake or None}
        unit.execute(update(way).where(way.c.key == value.key).values(**columns))
    count_up(unit)


def note_passage(unit: Unit, value: Way, *, learns: bool, now: datetime) -> None:
    """Keep what a probe showed; one that `learns` makes the address verified."""
    columns: dict[str, Any] = {"latest": value.latest.to_json() if value.latest else ""}
    columns["hosts"] = json.dumps([asdict(one) for one in value.hosts])
    columns["learnt"] = value.learnt.to_json() if value.learnt else ""
    if learns:
        columns["verified_at"] = now
        unplanned = update(way).where(way.c.key == value.key, way.c.next_probe_at.is_(None))
        unit.execute(unplanned.values(next_probe_at=now))
    unit.execute(update(way).where(way.c.key == value.key).values(**columns))
    count_up(unit)


def set_alarm(unit: Unit, key: str, alarm: str, now: datetime) -> bool:
    """Raise, change or end the alarm of a way; False when it says so already."""
    changed = update(way).where(way.c.key == key, way.c.alarm != alarm)
    return bool(unit.execute(changed.values(alarm=alarm, alarm_at=now if alarm else None)).rowcount)


def is_routed(unit: Unit, key: str) -> bool:
    """Whether this is an address of the desk still, or an old one that leads to one."""
    own = select(routing_address.c.key).where(routing_address.c.key == key, routing_address.c.active)
    old = select(address_alias.c.key).where(address_alias.c.key == key)
    return unit.execute(own.union_all(old)).first() is not None


def plan_probe(unit: Unit, key: str, at: datetime | None) -> None:
    """When the next heartbeat is due."""
    unit.execute(update(way).where(way.c.key == key).values(next_probe_at=at))


def due(unit: Unit, now: datetime, latest: datetime, limit: int) -> list[Row[Any]]:
    """The ways whose next heartbeat is due, or planned too late; no other worker gets the same ones."""
    return list(unit.execute(_DUE.limit(limit).with_for_update(skip_locked=True), {"now": now, "latest": latest}))


def is_due(unit: Unit, now: datetime, latest: datetime) -> bool:
    """Whether `due` would find any; asked without the write lock."""
    return unit.execute(_DUE.limit(1), {"now": now, "latest": latest}).first() is not None


def add_confirmation(unit: Unit, key: str, address: str, one: Confirmation) -> None:
    """Keep what a forwarder asks, the last few; an address that a word made ours has a way from then on."""
    row = lock(unit, key)
    if row is None:
        unit.execute(insert(way), {**_EMPTY, "key": key, "address": address, "kind": "word", "found": ""})
    kept = (one, *(confirmations_of(row) if row is not None else ()))[:MOST_CONFIRMATIONS]
    text = json.dumps([asdict(each) for each in kept])
    unit.execute(update(way).where(way.c.key == key).values(confirmations=text))


def forget(unit: Unit, key: str) -> None:
    """What was learnt does not hold any more; the intake stays, for the forward may be there still."""
    nothing = {"verified_at": None, "hosts": "[]", "learnt": "", "latest": "", "next_probe_at": None}
    unit.execute(update(way).where(way.c.key == key).values(**nothing, alarm="", alarm_at=None, confirmations="[]"))
    count_up(unit)


# --- aliases --------------------------------------------------------------------------------------------------------


def aliases(unit: Unit) -> dict[str, Row[Any]]:
    """Old addresses by key: address, target_key, source."""
    return {row.key: row for row in unit.execute(select(address_alias).order_by(address_alias.c.key))}


def put_alias(unit: Unit, key: str, address: str, target_key: str, source: str) -> None:
    """An old address leads to another one, and what led to the old one as well."""
    unit.execute(delete(address_alias).where(address_alias.c.key.in_((key, target_key))))
    unit.execute(update(address_alias).where(address_alias.c.target_key == key).values(target_key=target_key))
    values = {"key": key, "address": address, "target_key": target_key, "source": source}
    unit.execute(insert(address_alias), values)


def drop_alias(unit: Unit, key: str) -> bool:
    """The old address is ours no more."""
    return bool(unit.execute(delete(address_alias).where(address_alias.c.key == key)).rowcount)


def apply_aliases(unit: Unit, wanted: Mapping[str, tuple[str, str]], addresses: frozenset[str]) -> list[str]:
    """Make the aliases of the desk file (key -> address, target key) hold; those of commands stay if they can.

    What the file calls an address of its own is no alias any more.
    """
    changes = []
    for key, row in aliases(unit).items():
        is_gone = key in addresses or (row.source == "file" and key not in wanted)
        if is_gone and drop_alias(unit, key):
            changes.append(f"alias {key}: removed")
    present = aliases(unit)
    for key, (address, target_key) in wanted.items():
        known = present.get(key)
        if known is None or (known.address, known.target_key) != (address, target_key):
            changes.append(f"alias {key}: {'added' if known is None else 'changed'}")
            put_alias(unit, key, address, target_key, "file")
        elif known.source != "file":
            unit.execute(update(address_alias).where(address_alias.c.key == key).values(source="file"))
    return changes


def _passage(text: str) -> Passage | None:
    if not text:
        return None
    found: dict[str, Any] = json.loads(text)
    found |= {"host": Host(**found["host"]), "received": tuple(found["received"]), "fields": tuple(found["fields"])}
    return Passage(**found)


_EMPTY = {
    "hosts": "[]",
    "learnt": "",
    "latest": "",
    "alarm": "",
    "confirmations": "[]",
}
_ALL = select(way).order_by(way.c.key)
_LOCK = select(way).where(way.c.key == bindparam("k")).with_for_update()
_DUE = (
    select(way)
    .where(or_(way.c.next_probe_at <= bindparam("now"), way.c.next_probe_at > bindparam("latest")))
    .order_by(way.c.next_probe_at)
)
