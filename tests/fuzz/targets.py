# SPDX-License-Identifier: Apache-2.0
"""What the fuzzers call with any octets: one function a target, which raises when a law is broken.

The laws are what callers rely on: nothing raises, no cutting of the octets changes an answer, no line end or NUL gets
through where none may be, and every span lies where it says. The same functions serve atheris (long_run.py) and
hypothesis (test_targets.py).
"""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from gateway import paths
from gateway.line_law import CommandLines, Content, Fault
from handlers import arc, headers
from handlers.authentication_results import results_field
from handlers.book import Book
from handlers.classification import classify
from handlers.dkim import DkimPolicy, signatures_of
from handlers.dkim_signature import is_domain
from handlers.identity import author, claimed_author, mailboxes
from handlers.mime_parts import parts, text
from handlers.ports import Answer, Found
from handlers.results import Authentication
from handlers.results_reading import read_field
from handlers.subject import AuthenticationPolicy, Subject
from handlers.tokens import Keyring, Keys
from storage.envelope import Envelope, Session
from storage.response import Response
from tests.support.authorship import keep_the_law

NAME = "gw.example"
LIMIT = 200
LINE_LIMIT = 120

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
_NO_ENDS = re.compile(rb"[\r\n\0]+")
_TAGS = "i=1; a=rsa-sha256; d=a.example; s=s1; b=AAAA"
_SETS = (
    f"ARC-Seal: {_TAGS}; cv=none\r\nARC-Message-Signature: {_TAGS}; h=from; bh=AAAA\r\n"
    "ARC-Authentication-Results: i=1; a.example; none\r\nFrom: a@a.example\r\n\r\n"
).encode()
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_STRAY = re.compile(rb"\r(?!\n)|(?<!\r)\n|\0")


def command_lines(octets: bytes) -> None:
    """The first octet says how the rest is cut; no cutting changes a line."""
    whole, cut = _commands([octets[1:]]), _commands(_pieces(octets))
    assert whole == cut, (whole, cut)
    assert not any(b"\n" in line or b"\r" in line for line in whole if isinstance(line, bytes))


def content(octets: bytes) -> None:
    """CR LF . CR LF alone ends a content, in both modes, and what is kept has no bare CR, LF or NUL."""
    sent = octets[1:]
    end = (b"\r\n" + sent).find(b"\r\n.\r\n")
    for normalise in (False, True):
        whole, cut = _content([sent], normalise=normalise), _content(_pieces(octets), normalise=normalise)
        assert whole == cut, (whole, cut)
        assert (whole is not None) == (end >= 0), (whole, end)
        if whole is not None:
            _look_at_content(sent, end, *whole)


def _look_at_content(sent: bytes, end: int, kept: bytes | Fault, rest: bytes) -> None:
    assert rest == sent[end + 3 :], (rest, sent[end + 3 :])
    if isinstance(kept, bytes):
        assert not _STRAY.search(kept), kept
        assert not kept or kept.endswith(b"\r\n"), kept
        assert len(kept) <= LIMIT


def mail_and_rcpt(octets: bytes) -> None:
    """The arguments of MAIL and RCPT are read or refused, and what is read is what was meant."""
    argument = octets.decode("utf-8", "surrogateescape")
    for path in (paths.sender(argument, 10_000), paths.recipient(argument, NAME, smtputf8=bool(octets[:1] < b"M"))):
        if isinstance(path, Response):
            assert path.code in (501, 552, 553, 555), path
        elif path.address is not None:
            written = str(path.address)
            assert not _CONTROL.search(written), written
            assert written.encode("utf-8"), written  # no lone surrogate
            assert 0 < len(path.address.local.encode()) <= 64 + 2
            assert len(written.encode()) <= 256 + 64  # a domain of U-labels is longer in UTF-8 than it is in DNS


def header_section(octets: bytes) -> None:
    """The fields cover the header section without a gap, and every reader of them answers."""
    head = headers.scan(octets)
    at = 0
    for field in head.fields:
        assert field.start == at, field
        assert field.end > field.start, field
        at = field.end
        value = head.value(field)
        headers.decode_text(value).encode("utf-8")
        for found in headers.message_ids(value):
            assert not re.search(r"[\x00-\x20\x7f]", found), found
        folded = headers.fold(b"Subject", value)
        assert folded.endswith(b"\r\n"), folded
        assert not _STRAY.search(folded), folded
        assert not re.search(rb"\r\n(?![ \t])", folded[:-2]), folded
    assert at <= head.body_offset <= len(octets)
    _read_people(head)


def _read_people(head: headers.Head) -> None:
    for name in (b"from", b"to", b"cc", b"reply-to"):
        for mailbox in mailboxes(head, name):
            str(mailbox.address).encode("utf-8")
    author(head)
    claimed_author(head)
    classify(head, Envelope(None, ()), _KEYS)


def authorship(octets: bytes) -> None:
    """dmarc=pass is never given for a domain whose key or address did not vouch."""
    keep_the_law(octets)


def signatures(octets: bytes) -> None:
    """Whatever a signature or an ARC set says, it has a result, and what we write of it can be read."""
    name = (b"DKIM-Signature", b"ARC-Seal", b"ARC-Message-Signature", b"ARC-Authentication-Results")[len(octets) % 4]
    found = _checked(headers.scan(_NO_ENDS.sub(b" ", octets).join((name + b": ", b"\r\n")) + _SETS))
    assert {one.result for one in found.dkim} | {found.arc.result} <= {"permerror", "temperror", "fail", "none"}, found
    written = results_field(NAME, found, Session("s", "192.0.2.1"), Envelope(None, ()), with_arc=True)
    read = read_field(headers.scan(written).first(b"authentication-results") or b"")
    assert read is not None, written
    assert [one.result for one in read.clauses if one.method == "dkim"] == [one.result for one in found.dkim] or [
        "none"
    ]


def results(octets: bytes) -> None:
    """A field of somebody else names no domain that does not stand in it."""
    read = read_field(octets)
    for clause in read.clauses if read is not None else ():
        for name in clause.said:
            domain = clause.domain(name)
            assert not domain or (is_domain(domain) and domain.encode() in octets.lower()), domain


def _checked(head: headers.Head) -> Authentication:
    """DKIM and ARC, where DNS knows no key."""
    policy = DkimPolicy(arc=True)
    found = signatures_of(head, policy, NOW)
    subject = Subject(Session("s", "192.0.2.1"), Envelope(None, ()), head, None, found, AuthenticationPolicy(policy))
    chain = arc.check(subject, Book(lambda _: Answer(Found.NO_NAME)))
    return Authentication(dkim=found.verify({}), arc=chain)


def structure(octets: bytes) -> None:
    """Parts lie inside their parents, and every leaf has a text."""
    found = parts(octets)
    for part in found:
        assert 0 <= part.header.start <= part.header.end <= len(octets), part
        assert part.body.start <= part.body.end <= len(octets), part
        if part.parent is not None:
            assert found[part.parent].body.start <= part.header.start, part
        if part.is_leaf:
            text(octets, part).encode("utf-8")


_KEYS = Keys(NAME, b"t" * 32, Keyring("a", {"a": b"m" * 32}), Keyring("a", {"a": b"a" * 32}))

TARGETS: dict[str, Callable[[bytes], None]] = {
    "command_lines": command_lines,
    "content": content,
    "mail_and_rcpt": mail_and_rcpt,
    "header_section": header_section,
    "authorship": authorship,
    "signatures": signatures,
    "results": results,
    "structure": structure,
}


def _pieces(octets: bytes) -> Iterator[bytes]:
    """The octets after the first one, in pieces as long as it says."""
    size = octets[0] % 9 + 1 if octets else 1
    for start in range(1, len(octets), size):
        yield octets[start : start + size]


def _commands(pieces: Iterator[bytes] | list[bytes]) -> list[bytes | Fault]:
    lines, found = CommandLines(), []
    for piece in pieces:
        lines.feed(piece)
        while (line := lines.take(LINE_LIMIT)) is not None:
            found.append(line)
    return found


def _content(pieces: Iterator[bytes] | list[bytes], *, normalise: bool) -> tuple[bytes | Fault, bytes] | None:
    machine, kept, rest = Content(LIMIT, LINE_LIMIT, normalise=normalise), b"", None
    for piece in pieces:
        rest = machine.feed(piece) if rest is None else rest + piece
        kept += machine.take()
    return None if rest is None else (machine.fault or kept, rest)
