# SPDX-License-Identifier: Apache-2.0
"""What a probe that came back tells of its way: compared with the octets that left, field by field.

Enters: the message's row, what was received, what was sent. Leaves: a Passage. Everything a forwarder wrote is bounded
and scrubbed, for operators read it on a terminal. Never fails.
"""

import json
import re
from collections import Counter
from datetime import datetime
from typing import Any

from handlers.headers import Head, decode_text, printable, scan
from handlers.pools import pool_of
from handlers.received import Received
from handlers.signing import BodyReader
from storage.ways import Host, Passage

MOST_HOPS = 20
MOST_FIELDS = 40
WORD_CHARACTERS = 100

_BY = re.compile(rb"\bby\s+([^\s;()]{1,255})")
_SEEN = frozenset({b"received", b"return-path", b""})  # shown by themselves, or no field at all


def passage(row: Any, mail: Received, body: bytes, sent: tuple[bytes, str, datetime]) -> Passage:
    """`sent` is the content of the probe, its reverse-path, and when it left; `body` what came of it."""
    content, reverse_path, sent_at = sent
    head, session, found = scan(content), json.loads(row.session), json.loads(row.authentication)
    before, after = _around(_subject(head), _subject(mail.head))
    return Passage(
        at=_instant(row.received_at),
        latency_s=max(0.0, round((row.received_at - sent_at).total_seconds(), 1)),
        host=_host(session["peer"], found.get("iprev", {}), _instant(row.received_at)),
        helo=_word(session.get("helo") or ""),
        received=tuple(_hops(mail.head)),
        spf=_result(found.get("spf")),
        dkim=_our_dkim(found, reverse_path.rpartition("@")[2]),
        dmarc=_result(found.get("dmarc")),
        reverse_path=_word(row.reverse_path),
        is_rewritten=row.reverse_path.lower() != reverse_path.lower(),
        fields=tuple(_added(head, mail.head)),
        subject_before=before,
        subject_after=after,
        body=_body(content[head.body_offset :], mail, body),
    )


def _host(peer: str, iprev: dict[str, Any], seen_at: str) -> Host:
    name = _word(iprev.get("name", "")) if iprev.get("result") == "pass" else ""
    return Host(peer, name, pool_of(name), iprev.get("result") != "temperror", seen_at)


def _hops(head: Head) -> list[str]:
    found = (_BY.search(value[:1000]) for value in head.all(b"received")[:MOST_HOPS])
    return [_word(one[1].decode("latin-1")) for one in found if one is not None]


def _our_dkim(found: dict[str, Any], domain: str) -> str:
    """Whether our own signature survived; none where it is gone."""
    ours = [one for one in found.get("dkim", []) if one.get("domain") == domain]
    results = [_result(one) for one in ours]
    return "pass" if "pass" in results else next(iter(results), "none")


def _result(one: dict[str, Any] | None) -> str:
    return str(one["result"]) if one else "none"


def _added(sent: Head, came: Head) -> list[str]:
    """Names of fields that are there more often than we wrote them."""
    more = Counter(field.name for field in came.fields)
    more.subtract(Counter(field.name for field in sent.fields))
    names = [name for name, count in more.items() if count > 0 and name not in _SEEN]
    return [_word(name.decode("ascii", "replace")) for name in names[:MOST_FIELDS]]


def _subject(head: Head) -> str:
    return decode_text((head.first(b"subject") or b"")[:2000])


def _around(sent: str, came: str) -> tuple[str, str]:
    """What was put before and behind our subject; nothing where it is not there any more."""
    before, found, after = came.partition(sent)
    return (_word(before.strip()), _word(after.strip())) if found else ("", "")


def _body(sent: bytes, mail: Received, came: bytes) -> str:
    reader = BodyReader()
    reader.feed(sent)
    if mail.body.digest == reader.finish().digest:
        return "unchanged"
    return "text added" if b"".join(sent.split()) in b"".join(came.split()) else "changed"


def _word(text: str) -> str:
    return printable(text)[:WORD_CHARACTERS]


def _instant(value: datetime) -> str:
    return value.strftime("%Y-%m-%dT%H:%M:%SZ")
