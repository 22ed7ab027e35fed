# SPDX-License-Identifier: Apache-2.0
"""An operator's word on mail in quarantine: what a release writes, why it is held, whom a block would shut out.

Enters: the row of a held message and the pieces of its content, of which only the beginning is read. Leaves:
values for storage/quarantine.py. The author's proof rests on the results stored at arrival, for an operator's word
makes nobody proven; pointers are found again, for keys and addresses are in the content. Never writes.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, fields, replace
from datetime import datetime, timedelta
from typing import Any

from handlers import intake, tokens
from handlers.arrival import Incoming
from handlers.assembling import assemble
from handlers.classification import Class
from handlers.destinations import Destination, destination
from handlers.inspection import OPENING_OCTETS, Inspection
from handlers.office import Office
from handlers.pointers import find_pointers
from handlers.results import Authentication, DkimResult
from handlers.section import SectionReader
from handlers.trace import MAX_TEXT
from storage import quarantine
from storage.address import Address, BadAddress, parse
from storage.envelope import Envelope, Session
from storage.quarantine import Note, Release

STEP = "quarantine"  # what these notes are of

_SILENT = frozenset({STEP, "pointers", "stamp"})  # notes that say nothing of who may write here

_WITHOUT_REASON = "the address would have refused it"  # mail of a version that kept no reason for each address

_THREAD = b"X-Casegate-Thread: "
_NAMED = b"X-Casegate-Message: "


def release(row: Any, pieces: Iterable[bytes], office: Office, now: datetime) -> Release:
    """Everything that the releasing transaction writes; a share becomes a message with an id of its own."""
    mail = _judged(row, _beginning(pieces, office), office)
    new_id = tokens.new_name(now) if quarantine.is_share(row) else row.id
    elsewhere = f" as message {new_id}" if new_id != row.id else ""
    because = f"an operator let it in{elsewhere} on {instant(now)} for {', '.join(quarantine.holders(row))}"
    return Release(
        id=new_id,
        received_at=now,
        placing=intake.placing(mail, office),
        envelope=mail.envelope,
        stamp=_stamp(row, new_id),
        reason=f"released from quarantine on {instant(now)}; it was held: {why(row)}",
        note=(STEP, "released", because[:MAX_TEXT]),
    )


def dropped(now: datetime) -> Note:
    """The trace's last line of a mail that an operator dropped."""
    return (STEP, "dropped", f"an operator dropped it on {instant(now)}")


def here_already(double: Any, now: datetime) -> Note:
    """The same of a mail that was imported meanwhile, or before it came."""
    return (STEP, "dropped", f"released on {instant(now)}, but imported as message {double.id}: nothing comes twice")


def blocked(who: str, now: datetime) -> Note:
    """The same, where its author was blocked."""
    return (STEP, "dropped", f"an operator blocked {who} on {instant(now)}, and dropped it")


def expired(now: datetime, keep: timedelta) -> Note:
    """The same of a mail that nobody looked at for so long."""
    hours = int(keep.total_seconds() // 3600)
    age = f"{keep.days} days" if hours >= 48 else f"{hours} hours"
    return (STEP, "expired", f"nobody released it in {age} (quarantine.keep), so it expired on {instant(now)}")


def why(row: Any) -> str:
    """Why its holders hold it, in words; where they have several reasons, whose each one is."""
    held = [one for one in json.loads(row.recipients) if one.get("disposition") == quarantine.HELD]
    reasons: dict[str, list[str]] = {}
    for one in held:
        reasons.setdefault(str(one.get("reason") or row.reason or _WITHOUT_REASON), []).append(str(one["address"]))
    if len(reasons) <= 1:
        return next(iter(reasons), str(row.reason))
    return "; ".join(f"{', '.join(addresses)}: {reason}" for reason, addresses in reasons.items())


def notes(row: Any) -> list[list[str]]:
    """What the trace says of who may write here: which rules decided, in words."""
    return [list(map(str, one)) for one in _notes(row) if one[0] not in _SILENT]


def ended(row: Any) -> str:
    """How a message left the quarantine, or nothing if it never was there."""
    return next((str(one[2]) for one in reversed(_notes(row)) if one[0] == STEP), "")


def is_verified(row: Any) -> bool:
    """Whether somebody vouched for the author when the mail came."""
    return bool(json.loads(row.authentication).get("aligned"))


def named(row: Any) -> Address | None:
    """Who stands for the mail: the author, or the reverse-path of a mail without a single one."""
    return _parsed(row.author_address or row.reverse_path)


def is_vouched_for(row: Any) -> bool:
    """Whether somebody vouched for whom `named` names.

    SPF is enough for a reverse-path: it is what SPF is about (RFC 7208 §2.4), and no domain is asked for more.
    """
    if row.author_address:
        return is_verified(row)
    who, spf = _parsed(row.reverse_path), authentication(json.loads(row.authentication)).spf
    return who is not None and spf.result == "pass" and spf.domain == who.host


def whom_to_block(row: Any, office: Office, *, is_contact: bool) -> Address | str:
    """Whom `named` names, or why they cannot be blocked; `is_contact`: whether just that address is a known one."""
    who = named(row)
    if who is None:
        return "the mail names nobody who could be blocked: no single author, no reverse-path; drop it instead"
    if who.key in office.inside or who.host == office.keys.host:
        return f"{who} is one of our own addresses, and not blocked; drop the mail instead"
    if is_contact and not is_vouched_for(row):
        return f"{who} is a known contact, and nothing proves that they wrote this; drop the mail instead"
    return who


def instant(at: datetime) -> str:
    """A time in a sentence."""
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _notes(row: Any) -> list[list[str]]:
    found: list[list[str]] = json.loads(row.trace).get("notes", []) if row.trace else []
    return found


def _beginning(pieces: Iterable[bytes], office: Office) -> bytes:
    """The header section, and of the body what the same piece of the content holds: it may quote a thread ID."""
    reader, body = SectionReader(office.limits.header.octets), b""
    for piece in pieces:
        body = reader.feed(piece)
        if reader.is_known:
            break
    return reader.section + body[:OPENING_OCTETS]


def _judged(row: Any, beginning: bytes, office: Office) -> Incoming:
    """The mail as it stood after admission, with the pointers found again."""
    inspection = Inspection(office.limits, office.authentication.dkim, row.received_at)
    inspection.feed(beginning)
    recipients = [address for text in quarantine.holders(row) if (address := _parsed(text)) is not None]
    found = (destination(office, one, row.received_at) for one in recipients)
    ours = tuple(one for one in found if isinstance(one, Destination))
    session = Session(**json.loads(row.session))
    envelope = Envelope(_parsed(row.reverse_path), tuple(_parsed_all(row)), row.id)
    mail = assemble(inspection, session, envelope, ours, office)
    stored = json.loads(row.authentication)
    known = replace(
        mail,
        authentication=authentication(stored),
        aligned=bool(stored.get("aligned")),
        vouched=len(envelope.recipients) == 1 and ["way", "vouched"] in [one[:2] for one in _notes(row)],
        classification=Class(row.classification),
    )
    return find_pointers(known, office)


def authentication(stored: Mapping[str, Any]) -> Authentication:
    """The results as they were found; what an older version did not write has its default."""
    found = {
        field.name: _result(field.default_factory, stored[field.name])
        for field in fields(Authentication)
        if field.default_factory is not MISSING and field.name in stored
    }
    return Authentication(**found, dkim=tuple(_result(DkimResult, one) for one in stored.get("dkim", ())))


def _result(kind: Any, stored: Mapping[str, Any]) -> Any:
    known = {field.name for field in fields(kind)}
    return kind(**{name: _value(one) for name, one in stored.items() if name in known})


def _value(stored: Any) -> Any:
    return tuple(stored) if isinstance(stored, list) else stored


def _stamp(row: Any, new_id: str) -> bytes:
    """Our trace fields without the thread's, which is decided anew; a share's message bears its own name."""
    stamp = bytes(row.stamp)
    if quarantine.is_share(row):
        stamp = stamp.rpartition(_THREAD)[0] or stamp
    return stamp.replace(_NAMED + row.id.encode(), _NAMED + new_id.encode())


def _parsed(text: str) -> Address | None:
    try:
        return parse(text) if text else None
    except BadAddress:
        return None


def _parsed_all(row: Any) -> Iterable[Address]:
    """All recipients, as the digest of the delivery has them."""
    return filter(None, (_parsed(one["address"]) for one in json.loads(row.recipients)))
