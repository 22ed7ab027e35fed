# SPDX-License-Identifier: Apache-2.0
"""Chains for the ARC tests; dkimpy seals, so that we are not our own witness."""

from collections.abc import Mapping

import dkim

from handlers import arc
from handlers.book import Book, Missing
from handlers.dkim import DkimPolicy, signatures_of
from handlers.headers import scan
from handlers.ports import Answer, Found, Question
from handlers.results import ArcResult
from handlers.subject import AuthenticationPolicy, Subject
from storage.envelope import Envelope, Session
from tests.handlers.dkim_material import MAIL, NAME, now, pem, record

RELAY = b"relay.example"
_NAMES = [b"from", b"to", b"subject", b"date"]


def sealed(mail: bytes = MAIL, times: int = 1) -> bytes:
    """The mail with so many ARC sets more, as so many relays would add them."""
    for _ in range(times):
        ruled = b"Authentication-Results: " + RELAY + b"; arc=" + said(mail) + b"\r\n" + mail
        added = dkim.arc_sign(ruled, b"s1", b"sig.example", pem(), RELAY, include_headers=_NAMES)
        mail = b"".join(added) + mail
    return mail


def said(mail: bytes) -> bytes:
    return b"pass" if b"ARC-Seal" in mail else b"none"


def checked(
    mail: bytes, keys: Mapping[str, Answer] | None = None, policy: DkimPolicy | None = None
) -> tuple[ArcResult, list[Question]]:
    """The verdict on the chain, and what was asked of DNS; `keys` maps names to answers, the others do not exist."""
    known = {NAME: Answer(Found.YES, (record(),))} if keys is None else keys
    dkim_policy = policy or DkimPolicy(arc=True)
    head = scan(mail)
    subject = Subject(
        Session("s", "192.0.2.1"), Envelope(None, ()), head, None, signatures_of(head, dkim_policy, now()),
        AuthenticationPolicy(dkim_policy),
    )  # fmt: skip
    book, asked = Book(), []
    while True:
        try:
            return arc.check(subject, book), asked
        except Missing as missing:
            for one in missing.questions:
                asked.append(one)
                book.write(one, known.get(one.name, Answer(Found.NO_NAME)))
