# SPDX-License-Identifier: Apache-2.0
"""One inbound mail while it is judged: each step of handlers/policy.py gives it back with one thing more."""

from dataclasses import dataclass
from datetime import datetime

from handlers.authentication import DkimResult, Signatures
from handlers.classification import Class
from handlers.destinations import Destination
from handlers.headers import Head, Span
from handlers.identity import Mailbox
from storage.envelope import Envelope, Session
from storage.messages import Verdict
from storage.response import Response
from storage.threads import Pointer


@dataclass(frozen=True, slots=True)
class Refused:
    """A recipient that does not get the mail, and why: for the operator, never for the client."""

    recipient: str
    reason: str


@dataclass(frozen=True, slots=True)
class Incoming:
    """The mail's header section, and what the steps so far found out; `refusal` ends the judging.

    `beyond` is the refusal of a mail that passes a limit; `destinations` are those that still take it, `refused` those
    that do not.
    """

    id: str
    received_at: datetime
    session: Session
    envelope: Envelope
    head: Head
    signatures: Signatures
    destinations: tuple[Destination, ...]
    beyond: Response | None = None
    results: tuple[DkimResult, ...] = ()
    author: Mailbox | None = None
    aligned: bool = False
    classification: Class = Class.PERSON
    verdicts: tuple[Verdict, ...] = ()
    disposition: str = "accept"
    reason: str = ""
    refusal: Response | None = None
    refused: tuple[Refused, ...] = ()
    pointers: tuple[Pointer, ...] = ()
    stamp: bytes = b""
    left_out: tuple[Span, ...] = ()
