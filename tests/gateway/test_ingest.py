# SPDX-License-Identifier: Apache-2.0
"""A mail of a pipe becomes one of SMTP: its lines, its one answer, and nothing kept of what is not whole."""

from collections.abc import Sequence

import pytest

from gateway.ingest import NoContent, PipedLines, Refusal, ingest
from gateway.line_law import ContentLimits
from storage.address import parse
from storage.envelope import Envelope
from storage.response import (
    R250_ACCEPTED,
    R250_RECIPIENT_OK,
    R250_SENDER_OK,
    R451_TRY_LATER,
    R452_NO_STORAGE,
    R550_NO_SUCH_ADDRESS,
    R550_NOT_ALLOWED,
    R552_TOO_BIG,
    R554_BARE_LINE_END,
    R554_LINE_TOO_LONG,
    Response,
)

LIMITS = ContentLimits(1000, 200)
SUPPORT, SALES = parse("support@firm.example"), parse("sales@firm.example")
ENVELOPE = Envelope(None, (SUPPORT,), "session-1")


def converted(*pieces: bytes) -> bytes:
    lines = PipedLines()
    return b"".join([*map(lines.take, pieces), lines.end()])


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        # Unix, SMTP, and both in one mail.
        (b"a: b\n\nc\n", b"a: b\r\n\r\nc\r\n"),
        (b"a: b\r\n\r\nc\r\n", b"a: b\r\n\r\nc\r\n"),
        (b"a: b\r\n\nc\n", b"a: b\r\n\r\nc\r\n"),
        # A bare CR is left to the line law.
        (b"a\rb\n\r", b"a\rb\r\n\r"),
        (b"a\r\r\nb", b"a\r\r\nb"),
        # A dot ends nothing, for nothing here is stuffed.
        (b".\n..\n", b".\r\n..\r\n"),
        # What local(8) and mbox put in front; only in front.
        (b"From carl@customer.example Sun Nov 22\nFrom: c\n", b"From: c\r\n"),
        (b"From carl Sun\r\nFrom me\n", b"From me\r\n"),
        (b"From: c\n", b"From: c\r\n"),
        (b"From", b"From"),
        (b"From never ends", b""),
        (b"", b""),
    ],
)
def test_lines_come_out_as_smtp_has_them_however_they_are_cut(given: bytes, expected: bytes) -> None:
    assert converted(given) == expected
    assert converted(*(given[at : at + 1] for at in range(len(given)))) == expected
    for cut in range(len(given)):
        assert converted(given[:cut], given[cut:]) == expected


class Scripted:
    """A Receiver and its Intake, which answers as it is told and remembers what it was given."""

    def __init__(self, **answers: Response) -> None:
        self.answers, self.content, self.end, self.asked = answers, b"", "", []

    async def sender(self, session, reverse_path):
        self.session = session
        return self.answers.get("sender", R250_SENDER_OK)

    async def recipient(self, session, envelope, recipient):
        self.asked.append((envelope.recipients, recipient))
        return self.answers.get(recipient.local, R250_RECIPIENT_OK)

    async def begin(self, session, envelope):
        return self.answers.get("begin", self)

    async def write(self, octets):
        self.content += octets

    async def finish(self):
        self.end = "finished"
        return (self.answers.get("finish", R250_ACCEPTED.about("m1")),)

    async def abandon(self):
        self.end = "abandoned"


def reading(pieces: Sequence[bytes]):
    left = list(pieces)

    async def read():
        return left.pop(0) if left else b""

    return read


async def offered(receiver: Scripted, *pieces: bytes, envelope: Envelope = ENVELOPE, limits: ContentLimits = LIMITS):
    return await ingest(receiver, envelope, reading(pieces), limits)


async def test_a_mail_is_offered_as_from_this_host_and_kept() -> None:
    receiver = Scripted()
    assert await offered(receiver, b"Subject: x\n", b"\nHel", b"lo") == R250_ACCEPTED.about("m1")
    assert (receiver.content, receiver.end) == (b"Subject: x\r\n\r\nHello\r\n", "finished")
    assert (receiver.session.id, receiver.session.peer, receiver.session.protocol) == ("session", "local", "local")


@pytest.mark.parametrize(
    ("content", "limits", "response"),
    [
        (b"x" * 99 + b"\n" + b"y" * 1000, LIMITS, R552_TOO_BIG),
        (b"x" * 300, LIMITS, R554_LINE_TOO_LONG),
        (b"a\rb\n", LIMITS, R554_BARE_LINE_END),
        (b"a\0b\n", LIMITS, R554_BARE_LINE_END),
        (b"a\n\r", LIMITS, R554_BARE_LINE_END),
    ],
)
async def test_what_smtp_would_refuse_is_refused_and_nothing_kept(content, limits, response) -> None:
    receiver = Scripted()
    assert await offered(receiver, content, limits=limits) == Refusal(response)
    assert receiver.end == "abandoned"


async def test_stray_octets_are_mended_where_the_configuration_says_so() -> None:
    receiver = Scripted()
    await offered(receiver, b"a\rb\nc\r", limits=ContentLimits(1000, 200, normalise=True))
    assert receiver.content == b"a\r\nb\r\nc\r\n"


async def test_no_more_than_the_limit_is_read() -> None:
    read, pieces = 0, 10_000

    async def endless():
        nonlocal read
        read += 1
        return b"line\n" * 100 if read < pieces else b""

    assert await ingest(Scripted(), ENVELOPE, endless, LIMITS) == Refusal(R552_TOO_BIG)
    assert read < 5


@pytest.mark.parametrize(
    ("answers", "refusal"),
    [
        ({"sender": R451_TRY_LATER}, Refusal(R451_TRY_LATER)),
        # One of two is not ours: nobody gets it, for the sender could not be told who did not.
        ({"sales": R550_NO_SUCH_ADDRESS}, Refusal(R550_NO_SUCH_ADDRESS, SALES)),
        ({"begin": R452_NO_STORAGE}, Refusal(R452_NO_STORAGE)),
        ({"finish": R550_NOT_ALLOWED}, Refusal(R550_NOT_ALLOWED)),
    ],
)
async def test_a_refusal_at_any_step_is_that_of_the_mail(answers, refusal) -> None:
    receiver = Scripted(**answers)
    both = Envelope(None, (SUPPORT, SALES), "session-1")
    assert await offered(receiver, b"Hello\n", envelope=both) == refusal
    assert receiver.end == ("finished" if "finish" in answers else "")
    assert "sender" in answers or receiver.asked == [((), SUPPORT), ((SUPPORT,), SALES)]


async def test_an_empty_input_is_a_failure_of_who_feeds_us() -> None:
    receiver = Scripted()
    with pytest.raises(NoContent):
        await offered(receiver)
    assert receiver.end == "abandoned"


async def test_an_input_that_fails_leaves_nothing() -> None:
    receiver = Scripted()

    async def fail():
        raise OSError("input/output error")

    with pytest.raises(OSError, match="input/output"):
        await ingest(receiver, ENVELOPE, fail, LIMITS)
    assert receiver.end == "abandoned"
