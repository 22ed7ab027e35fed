# SPDX-License-Identifier: Apache-2.0
"""What the MX does with a content that comes piece by piece: small or large, it is judged and kept the same."""

import asyncio
import logging
import tracemalloc
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import count
from pathlib import Path
from unittest.mock import patch

import dkim
import pytest
from sqlalchemy import func, select

from gateway.mx import MxReceiver
from gateway.outer import Outer
from handlers.ports import Answer, Found
from storage import listing, schema
from storage.address import parse
from storage.commit_group import GroupCommitter
from storage.content import CHUNK_OCTETS, load
from storage.envelope import Envelope, Session
from storage.response import R550_NO_SUCH_ADDRESS, R550_NOT_ALLOWED, R554_MIME_STRUCTURE, R554_TOO_MANY_HEADER_FIELDS
from tests.support.cost import seconds
from tests.support.dkim import key_record, private_pem
from tests.support.office import BEGINNING, CARL, World, mail, sign

SUPPORT, VIP, GONE = (parse(f"{name}@firm.example") for name in ("support", "vip", "gone"))
PIECE = 65_536


class Desk:
    """The reception, the resolver and the bell of a test."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.rung: list[str] = []

    async def office(self):
        return self.world.office

    newest = office

    def known(self, question) -> Answer:
        return Answer(Found.YES, (key_record().encode(),))

    def ring(self, ids) -> None:
        self.rung += ids


class Mx:
    """An MX without its listener."""

    def __init__(self, world: World) -> None:
        self.world, self.desk = world, Desk(world)
        self.committer = GroupCommitter(world.database)
        outer = Outer(self.desk, world.clock)
        self.receiver = MxReceiver(self.desk, world.database, self.committer, self.desk, outer)
        self._count = 0

    def envelope(self, *recipients) -> Envelope:
        self._count += 1
        return Envelope(parse(CARL), recipients or (SUPPORT,), id=f"mail-{self._count}")

    def send(self, octets: bytes, *recipients, protocol: str = "ESMTP", piece: int = PIECE):
        """The answers to one content."""

        async def sending():
            session = Session("s1", "192.0.2.1", "mx.customer.example", protocol=protocol)
            taking = await self.receiver.begin(session, self.envelope(*recipients))
            for start in range(0, len(octets), piece):
                await taking.write(octets[start : start + piece])
            return await taking.finish()

        return asyncio.run(sending())

    def accepted(self, octets: bytes):
        """The stored row of a mail that was taken."""
        (response,) = self.send(octets)
        assert response.code == 250, response
        with self.world.database.read() as unit:
            return listing.message_by_id(unit, response.text.rpartition(" ")[2])

    def contents(self) -> list[str]:
        """The states of all contents."""
        with self.world.database.read() as unit:
            return sorted(unit.execute(select(schema.content.c.state)).scalars())

    def chunks(self) -> int:
        with self.world.database.read() as unit:
            return int(unit.execute(select(func.count()).select_from(schema.content_chunk)).scalar_one())


@pytest.fixture
def mx(tmp_path: Path) -> Iterator[Mx]:
    world = World(f"sqlite:///{tmp_path}/casegate.db")
    made = Mx(world)
    yield made
    made.committer.close()
    world.close()


def large(octets: int = 3 * CHUNK_OCTETS + 1000, **fields: str) -> bytes:
    line = "words  and\twords, more than a line of them would be \r\n"
    return mail(body=line * (octets // len(line) + 1), **fields)


def signed(content: bytes, form: str, **options) -> bytes:
    forms = tuple(one.encode() for one in form.split("/"))
    with patch("dkim.time.time", return_value=BEGINNING.timestamp()):
        return dkim.sign(content, b"s1", b"customer.example", private_pem(), canonicalize=forms, **options) + content


SIZES = {
    # Held in memory to the end.
    "small": 1000,
    # Judged in a thread.
    "held": 200_000,
    # The first that goes to the store while it comes.
    "just too large": 256_001,
    "four chunks": 3 * CHUNK_OCTETS + 1000,
}


@pytest.mark.parametrize("piece", [1447, PIECE, 10_000_000])
@pytest.mark.parametrize("size", SIZES)
def test_a_mail_is_kept_octet_for_octet_however_it_comes(mx: Mx, size: str, piece: int) -> None:
    content = large(SIZES[size])
    (response,) = mx.send(content, piece=piece)
    assert response.code == 250
    with mx.world.database.read() as unit:
        assert load(unit, listing.message_by_id(unit, "mail-1").content_id) == content
    assert mx.contents() == ["kept"]
    assert mx.desk.rung == ["mail-1"]


@pytest.mark.parametrize("form", ["simple/simple", "relaxed/relaxed"])
@pytest.mark.parametrize("length", [False, True])
@pytest.mark.parametrize("size", SIZES)
def test_a_signature_over_a_mail_in_pieces_is_verified(mx: Mx, form: str, length: bool, size: str) -> None:
    content = signed(large(SIZES[size]), form, length=length)
    mx.world.clock.set(mx.world.now)
    row = mx.accepted(content)
    assert '"result":"pass","domain":"customer.example"' in row.authentication
    changed = mx.accepted(content[:-3] + b"!\r\n")
    assert '"result":"fail","domain":"customer.example"' in changed.authentication
    longer = mx.accepted(content + b"more\r\n")
    assert f'"result":"{"policy" if length else "fail"}"' in longer.authentication


def test_a_mail_that_comes_again_leaves_nothing_behind(mx: Mx) -> None:
    content = large()
    first, again = mx.send(content), mx.send(content)
    assert first == again
    assert mx.contents() == ["kept"]
    assert mx.chunks() == 4


REFUSED = {
    "fields": (mail().replace(b"\r\n\r\n", b"\r\nX: y" * 20_000 + b"\r\n\r\n"), R554_TOO_MANY_HEADER_FIELDS),
    "header section": (mail(x_long="y " * 400_000), R554_TOO_MANY_HEADER_FIELDS),
    "endless header section": (b"X: " + b"y" * 3_000_000, R554_TOO_MANY_HEADER_FIELDS),
    "depth": (
        b"From: a@b.example\r\n"
        + b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(1000)),
        R554_MIME_STRUCTURE,
    ),
    "parts": (
        b"From: a@b.example\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\n" * 200_000,
        R554_MIME_STRUCTURE,
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_mail_beyond_a_limit_is_refused_at_no_higher_cost_than_a_plain_one(mx: Mx, what: str) -> None:
    content, response = REFUSED[what]
    assert mx.send(content) == (response,)
    assert (mx.contents(), mx.chunks()) == ([], 0)
    plain = large(len(content))
    # A plain mail is also stored; each attempt at it must be another mail.
    numbers = count()
    cost = seconds(lambda: mx.send(plain + b"%d\r\n" % next(numbers)))
    assert seconds(lambda: mx.send(content)) < 3 * cost + 0.05


def test_in_annotate_mode_a_mail_beyond_a_limit_is_accepted_and_noted(mx: Mx) -> None:
    mx.world.office = replace(mx.world.office, annotate=True)
    for content, response in REFUSED.values():
        row = mx.accepted(content)
        assert row.reason == f"would have been refused: {response.text}"
        with mx.world.database.read() as unit:
            assert load(unit, row.content_id) == content


@pytest.mark.parametrize("octets", [1000, 300_000, 2_000_000])
def test_what_its_client_did_not_finish_is_deleted_at_once(mx: Mx, octets: int) -> None:
    async def leaving() -> None:
        taking = await mx.receiver.begin(Session("s1", "192.0.2.1"), mx.envelope())
        for _ in range(0, octets, PIECE):
            await taking.write(b"A: b\r\n\r\n" + b"x" * PIECE)
        await taking.abandon()
        assert taking.held_octets == 0

    asyncio.run(leaving())
    assert (mx.contents(), mx.chunks()) == ([], 0)


def test_a_write_that_is_cancelled_leaves_nothing_once_it_is_abandoned(mx: Mx) -> None:
    async def cut() -> None:
        taking = await mx.receiver.begin(Session("s1", "192.0.2.1"), mx.envelope())
        writing = asyncio.create_task(taking.write(b"A: b\r\n\r\n" + b"x" * 20 * CHUNK_OCTETS))
        await asyncio.sleep(0)  # it has begun
        writing.cancel()
        with suppress(asyncio.CancelledError):
            await writing
        await taking.abandon()

    asyncio.run(cut())
    assert (mx.contents(), mx.chunks()) == ([], 0)


def test_of_a_large_mail_little_is_in_memory(mx: Mx) -> None:
    async def sending() -> int:
        taking = await mx.receiver.begin(Session("s1", "192.0.2.1"), mx.envelope())
        await taking.write(mail())
        most = 0
        tracemalloc.start()
        for _ in range(200):
            await taking.write(b"more words \r\n" * 5041)
            most = max(most, taking.held_octets)
        assert [response.code for response in await taking.finish()] == [250]
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 8 * CHUNK_OCTETS
        return most

    assert asyncio.run(sending()) < 3 * CHUNK_OCTETS


def test_over_lmtp_each_recipient_has_its_own_answer(mx: Mx) -> None:
    nobody = parse("nobody@firm.example")
    taken, refused, unknown = mx.send(mail(), SUPPORT, VIP, nobody, protocol="LMTP")
    assert (taken.code, refused, unknown) == (250, R550_NOT_ALLOWED, R550_NO_SUCH_ADDRESS)
    with mx.world.database.read() as unit:
        row = listing.message_by_id(unit, "mail-1")
    assert (row.disposition, "vip" in row.recipients) == ("accept", False)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        # Nobody signed it; another domain did; the author is proven and a stranger; there is none.
        (mail(), "nobody vouches for the author carl@customer.example: neither DMARC nor a signature of that domain"),
        (sign(mail(), "evil.example"), "nobody vouches for the author carl@customer.example"),
        (sign(mail(), "customer.example"), "carl@customer.example is proven, but not a known contact"),
        (mail("a@b.example, c@d.example"), "the mail names no single author"),
        (
            mail("\u202e <m\u00fcller@b\u00fccher.example>"),
            r"nobody vouches for the author m\xfcller@b\xfccher.example",
        ),
        # Beyond a limit of the mail itself.
        (mail(**{f"x-{n}": "y" for n in range(5000)}), "the mail is beyond a limit: 554 5.6.0"),
    ],
)
@pytest.mark.parametrize("protocol", ["ESMTP", "LMTP"])
def test_a_refused_recipient_stands_in_the_log_with_the_reason_and_the_id_of_the_response(
    mx: Mx, caplog: pytest.LogCaptureFixture, protocol: str, content: bytes, reason: str
) -> None:
    caplog.set_level(logging.INFO)
    other = parse("VIP@firm.example")
    responses = mx.send(content, VIP, other, protocol=protocol)
    assert all(response.code >= 500 for response in responses)
    # The session keeps it for the operator; the client never reads it.
    because = reason.partition(": 554")[0]
    assert all(because in ascii(one.because) and one.because not in str(one) for one in responses), responses
    lines = [one.getMessage() for one in caplog.records if one.name == "gateway.mx"]
    assert [line.partition(" refused: ")[0] for line in lines] == [
        "mail-1: for 'vip@firm.example'",
        "mail-1: for 'VIP@firm.example'",
    ]
    assert all(reason in line and line.isascii() for line in lines), lines


def test_who_does_not_take_a_mail_that_others_take_stands_in_the_log_too(
    mx: Mx, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    mx.send(mail(), SUPPORT, VIP, parse("nobody@firm.example"), protocol="LMTP")
    unknown, refused, taken = (one.getMessage() for one in caplog.records if one.name == "gateway.mx")
    assert unknown == f"mail-1: for 'nobody@firm.example' refused: {R550_NO_SUCH_ADDRESS}"
    assert refused.startswith(
        "mail-1: for 'vip@firm.example' refused: nobody vouches for the author carl@customer.example"
    )
    assert "mail mail-1 of carl@customer.example" in taken


def test_over_lmtp_a_mail_that_all_refuse_is_not_kept(mx: Mx) -> None:
    assert mx.send(mail(), VIP, protocol="LMTP") == (R550_NOT_ALLOWED,)
    assert mx.send(large(), VIP, VIP, protocol="LMTP") == (R550_NOT_ALLOWED,) * 2
    assert mx.contents() == []


def test_over_lmtp_what_an_address_discards_is_taken_although_another_refuses(mx: Mx) -> None:
    discarded, refused = mx.send(mail(), GONE, VIP, protocol="LMTP")
    assert (discarded.code, refused) == (250, R550_NOT_ALLOWED)


def test_over_smtp_one_answer_speaks_for_all(mx: Mx) -> None:
    first, second = mx.send(mail(), SUPPORT, VIP)
    assert first == second
    assert first.code == 250
    with mx.world.database.read() as unit:
        assert '"disposition":"quarantine"' in listing.message_by_id(unit, "mail-1").recipients
