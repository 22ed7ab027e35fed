# SPDX-License-Identifier: Apache-2.0
"""What we put in front of the content as we show it, our trace fields and results, and what we leave out.

The received octets stay as they are; stamp and spans are kept beside them. Only a lone recipient is named in Received,
for several would tell each of them of the others; an intake by its public address, for agents send on what they see.
"""

import re
from email.utils import format_datetime

from handlers.arrival import Incoming, Note
from handlers.authentication_results import forged_spans, results_field
from handlers.headers import fold
from handlers.office import Office
from handlers.received_spf import pretended_spans, received_spf_field

_UNSAFE = re.compile(r"[^A-Za-z0-9.:_\[\]-]")
_OURS = b"x-casegate-"
_UTF8_PROTOCOLS = {"ESMTP": "UTF8SMTP", "LMTP": "UTF8LMTP"}  # RFC 6531 §4.3


def put_stamp(mail: Incoming, office: Office) -> Incoming:
    """Write our trace fields (RFC 5321 §4.4, RFC 7208 §9.1, RFC 8601 §5), find those that only pretend to be ours."""
    forged = forged_spans(mail.head, office.authserv_id)
    forged += pretended_spans(mail.head, (office.name, office.authserv_id))
    pretended = tuple((field.start, field.end) for field in mail.head.fields if field.name.startswith(_OURS))
    stamp = b"".join(
        (
            _results(mail, office),
            _received_spf(mail, office),
            _received(mail, office),
            fold(b"X-Casegate-Message", mail.id.encode()),
        )
    )
    left_out = tuple(sorted({*forged, *pretended}))
    count = f"{len(left_out)} fields left out" if len(left_out) > 1 else "1 field left out"
    notes = [Note("stamp", count, "only we write such a field")] if left_out else []
    return mail.noting_all(notes, stamp=stamp, left_out=left_out)


def _results(mail: Incoming, office: Office) -> bytes:
    with_arc = office.authentication.dkim.arc
    return results_field(office.authserv_id, mail.authentication, mail.session, mail.envelope, with_arc=with_arc)


def _received_spf(mail: Incoming, office: Office) -> bytes:
    """Nothing where a filter brought the mail: its client's address is not ours to tell."""
    if mail.authentication.upstream.result != "none":
        return b""
    return received_spf_field(office.name, mail.authentication.spf, mail.session, mail.envelope)


def _received(mail: Incoming, office: Office) -> bytes:
    session = mail.session
    recipients = mail.envelope.recipients
    lone = f" for <{office.public(recipients[0])}>" if len(recipients) == 1 else ""
    end = f"id {mail.id}{lone}; {format_datetime(mail.received_at)}"
    if session.protocol == "local":  # no registered word names how a pipe brings mail
        return fold(b"Received", f"by {office.name} (casegate ingest) {end}".encode())
    peer = _literal(session.peer)
    protocol = _UTF8_PROTOCOLS.get(session.protocol, "") if mail.envelope.smtputf8 else ""
    protocol = (protocol or session.protocol) + ("S" if session.tls and session.protocol != "SMTP" else "")  # RFC 3848
    helo = _UNSAFE.sub("?", session.helo)[:255] or "unknown"
    return fold(b"Received", f"from {helo} ({peer}) by {office.name} with {protocol} {end}".encode())


def _literal(peer: str) -> str:
    """An address literal (RFC 5321 §4.1.3); a local socket has no address."""
    if peer == "local":
        return peer
    return f"[IPv6:{peer}]" if ":" in peer else f"[{peer}]"
