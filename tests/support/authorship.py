# SPDX-License-Identifier: Apache-2.0
"""The law of authorship: dmarc=pass is never given for a domain whose key or address did not vouch.

Enters: the octets of any mail, sent by the attacker's own host. It is judged as the MX judges it. The oracle shares
nothing with our readers: dkimpy says which keys vouch, the standard library and two naive readers say whom people see.
"""

import email
import email.policy
import re
from collections.abc import Iterator
from datetime import datetime
from email.utils import getaddresses

import dkim

from handlers import identity
from handlers.authentication import Checks
from handlers.authentication_results import results_field
from handlers.book import Book
from handlers.inspection import Inspection, Limits
from handlers.ports import Answer, Found, Question
from handlers.results import Authentication
from handlers.subject import AuthenticationPolicy, Subject
from storage.address import parse
from storage.envelope import Envelope, Session
from tests.support.dkim import key_record

VICTIM, ATTACKER = "legit.example", "attacker.example"
NOW = datetime.fromisoformat("2026-11-22T12:00:00+00:00")
OWN = {"attacker.example": "v=spf1 ip4:192.0.2.9 -all", "legit.example": "v=spf1 -all"}
POLICY = {"_dmarc.attacker.example": "v=DMARC1; p=none", "_dmarc.legit.example": "v=DMARC1; p=reject"}
ZONE = {**OWN, **POLICY, **{f"s1._domainkey.{domain}": key_record() for domain in OWN}}

_FROM = re.compile(rb"(?i)[^a-z0-9:\r\n]*from[ \t]*:")
_DKIM = re.compile(rb"(?im)^dkim-signature[ \t]*:")
_NO_FIELD = re.compile(rb"(?m)^(?![ \t\r\n])(?![!-9;-~]+:).*\n")
_QUOTES_AND_COMMENTS = re.compile(r'"(?:[^"\\]|\\.)*"|\([^()]*\)', re.DOTALL)


def judged(octets: bytes) -> tuple[Authentication, str]:
    """The results of a mail from the attacker's host and address, with the field that says them."""
    inspection = Inspection(Limits(), AuthenticationPolicy().dkim, NOW)
    inspection.feed(octets)
    head, signatures = inspection.finish()
    session = Session("s1", "192.0.2.9", f"mx.{ATTACKER}")
    envelope = Envelope(parse(f"bounces@{ATTACKER}"), ())
    subject = Subject(session, envelope, head, identity.author(head), signatures)
    found = Checks(subject).run(Book(_answer))
    return found, results_field("gw.example", found, session, envelope, with_arc=False).decode()


def keep_the_law(octets: bytes) -> bool:
    """Raises where the law is broken; whether the mail passed, so that a test may see that some do."""
    found, said = judged(octets)
    assert re.findall(r"[^.]dmarc=(\w+)", said) == [found.dmarc.result]
    if not (found.dmarc.result == "pass" or found.aligned):
        return False
    domain = found.dmarc.domain
    assert f"header.from={domain}" in said
    assert _organization(domain) in vouching(octets), (domain, octets)
    for seen in shown_to_others(octets):
        assert _organization(seen) == _organization(domain), (seen, domain, octets)
    return True


def vouching(octets: bytes) -> set[str]:
    """The attacker, by the address of their host; and whose key verifies for dkimpy, which gives up at odd lines."""
    found = {ATTACKER}
    section, end, body = octets.partition(b"\r\n\r\n")
    octets = _NO_FIELD.sub(b"", section + b"\r\n") + end[2:] + body
    for index in range(len(_DKIM.findall(octets))):
        try:
            verifier = dkim.DKIM(octets)
            if verifier.verify(index, dnsfunc=lambda name, timeout=5: ZONE.get(name.decode().rstrip("."), "").encode()):
                found.add(_organization(verifier.domain.decode().lower()))
        except Exception:  # whatever dkimpy stumbles over vouches for nobody
            continue
    return found


def shown_to_others(octets: bytes) -> Iterator[str]:
    """The domains that other readers show as the author's."""
    for value in (*_by_the_library(octets), *_by_lines(octets)):
        for _, address in (*getaddresses([value]), *_in_brackets(value)):
            if "@" in address:
                yield address.rpartition("@")[2].strip(" \t>").lower()


def _by_the_library(octets: bytes) -> Iterator[str]:
    """The standard library's two readers of a header section."""
    for policy in (email.policy.compat32, email.policy.default):
        try:
            fields = email.message_from_bytes(octets, policy=policy).get_all("from") or []
            yield from map(str, fields)
        except (ValueError, IndexError, AttributeError, TypeError, LookupError):
            continue  # a reader that gives up shows nobody


def _by_lines(octets: bytes) -> Iterator[str]:
    """A reader that takes any line end, and any mark before the name."""
    section = re.split(rb"\r\n\r\n|\n\n", octets, maxsplit=1)[0]
    unfolded = re.sub(rb"(?:\r\n|\r|\n)(?=[ \t])", b"", section)
    for line in re.split(rb"\r\n|\r|\n", unfolded):
        name = _FROM.match(line)
        if name is not None:
            yield line[name.end() :].decode("latin-1")


def _in_brackets(value: str) -> Iterator[tuple[str, str]]:
    """The first and the last pair of angle brackets, quotes and comments taken away."""
    found = re.findall(r"<([^<>]*)>", _QUOTES_AND_COMMENTS.sub(" ", value))
    yield from (("", address.rpartition(":")[2]) for address in (*found[:1], *found[-1:]))


def _organization(domain: str) -> str:
    for one in (VICTIM, ATTACKER):
        if domain == one or domain.endswith(f".{one}"):
            return one
    return domain


def _answer(question: Question) -> Answer:
    record = ZONE.get(question.name) if question.kind == "TXT" else None
    return Answer(Found.NO_NAME) if record is None else Answer(Found.YES, (record.encode(),))
