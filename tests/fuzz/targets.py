# SPDX-License-Identifier: Apache-2.0
"""What the fuzzers call with any octets: one function a target, which raises when a law is broken.

The laws are what callers rely on: nothing raises, no cutting of the octets changes an answer, no line end or NUL gets
through where none may be, and every span lies where it says. The same functions serve atheris (long_run.py) and
hypothesis (test_targets.py).
"""

import re
from collections.abc import Callable, Iterator

from gateway import paths
from gateway.line_law import CommandLines, Content, Fault
from handlers import headers
from handlers.classification import classify
from handlers.identity import author, claimed_author, mailboxes
from handlers.mime_parts import parts, text
from handlers.tokens import Keyring, Keys
from storage.envelope import Envelope
from storage.response import Response
from tests.support.authorship import keep_the_law

NAME = "gw.example"
LIMIT = 200
LINE_LIMIT = 120

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
