# SPDX-License-Identifier: Apache-2.0
"""The line law as tables, and as a law: the same octets give the same answer however they are cut."""

import asyncio
import base64
import itertools
import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.line_law import COMMAND_OCTETS, CommandLines, Content, ContentLimits, Fault, LineLaw
from gateway.lines import Deadlines, Gone, Lines, Reading, TooLate, TooMuch
from tests.support.cost import seconds

LIMIT = 40
LINE = 38


def commands(chunks):
    """Every line or fault that the chunks hold, and what is left."""
    lines, found = CommandLines(), []
    for chunk in chunks:
        lines.feed(chunk)
        while (line := lines.take(LIMIT)) is not None:
            found.append(line)
    return found


def content(chunks, limit=LIMIT, line=10_000, *, normalise=False):
    """(content or fault, the octets after the final dot), or None when it did not end."""
    machine, kept, rest = Content(limit, line, normalise=normalise), b"", None
    for chunk in chunks:
        rest = machine.feed(chunk) if rest is None else rest + chunk
        kept += machine.take()
    return None if rest is None else (machine.fault or kept, rest)


def chunked(chunks, limit=LIMIT, line=10_000, *, normalise=False):
    """The content or fault of octets that came by BDAT."""
    law = LineLaw(ContentLimits(limit, line, normalise))
    kept = b"".join(law.take(chunk) for chunk in chunks) + law.end()
    return law.fault or kept


@pytest.mark.parametrize(
    ("octets", "expected"),
    [
        # CR LF ends a line
        (b"NOOP\r\nQUIT\r\n", [b"NOOP", b"QUIT"]),
        # an empty line is a line
        (b"\r\n", [b""]),
        # without its end there is none
        (b"NOOP\r", []),
        # a bare LF is answered where it stands
        (b"NOOP\nQUIT\r\n", [Fault.BARE_LINE_END, b"QUIT"]),
        (b"\n", [Fault.BARE_LINE_END]),
        # a bare CR spoils its line
        (b"NO\rOP\r\n", [Fault.BARE_LINE_END]),
        (b"NOOP\r\r\n", [Fault.BARE_LINE_END]),
        # the longest line that passes, CR LF counted, and one octet more
        (b"x" * (LIMIT - 2) + b"\r\n", [b"x" * (LIMIT - 2)]),
        (b"x" * (LIMIT - 1) + b"\r\nQUIT\r\n", [Fault.TOO_LONG, b"QUIT"]),
        # a faulty line that was to announce a chunk is told apart, whatever stands before it
        (b"BDAT 5\nQUIT\r\n", [Fault.CHUNK, b"QUIT"]),
        (b"\x0b \x00bdat 5\r LAST\r\n", [Fault.CHUNK]),
        (b"\t" * LIMIT + b"BDAT " + b"5" * LIMIT + b"\r\nQUIT\r\n", [Fault.CHUNK, b"QUIT"]),
        (b"x" * LIMIT + b"BDAT 5\r\n", [Fault.TOO_LONG]),
        # AUTH may be longer (RFC 4954 §4)
        (b"auth PLAIN " + b"x" * 5000 + b"\r\n", [b"auth PLAIN " + b"x" * 5000]),
        (b"AUTH PLAIN " + b"x" * 12288 + b"\r\nQUIT\r\n", [Fault.TOO_LONG, b"QUIT"]),
    ],
)
def test_a_command_line_ends_in_cr_lf_only_and_is_bounded(octets, expected):
    assert commands([octets]) == expected
    assert commands([octets[i : i + 1] for i in range(len(octets))]) == expected


@pytest.mark.parametrize(
    ("octets", "expected"),
    [
        # no octets at all
        (b".\r\n", (b"", b"")),
        # what follows belongs to the next command
        (b"a\r\n.\r\nQUIT\r\n", (b"a\r\n", b"QUIT\r\n")),
        # one dot of each line goes (RFC 5321 §4.5.2)
        (b"..\r\n.x\r\n...\r\n.\r\n", (b".\r\nx\r\n..\r\n", b"")),
        # a dot inside a line stays
        (b"a.b\r\n.\r\n", (b"a.b\r\n", b"")),
        # a bare line end or NUL ends nothing, and is told at the end
        (b"a\n.\r\nb\r\n.\r\n", (Fault.BARE_LINE_END, b"")),
        (b"a\r.\r\nb\r\n.\r\n", (Fault.BARE_LINE_END, b"")),
        (b"a\r\n.\nb\r\n.\r\n", (Fault.BARE_LINE_END, b"")),
        (b"a\r\n.\rb\r\n.\r\n", (Fault.BARE_LINE_END, b"")),
        (b"a\0b\r\n.\r\n", (Fault.BARE_LINE_END, b"")),
        (b"\r\r\n.\r\n", (Fault.BARE_LINE_END, b"")),
        # without its end there is none
        (b"a\r\n.\r", None),
        (b"a\r\n. \r\n", None),
        # the limit is the last size that passes; a stuffed dot does not count
        (b".." + b"x" * (LIMIT - 3) + b"\r\n.\r\n", (b"." + b"x" * (LIMIT - 3) + b"\r\n", b"")),
        (b"x" * (LIMIT - 1) + b"\r\n.\r\nQUIT\r\n", (Fault.TOO_BIG, b"QUIT\r\n")),
        # too big is said rather than bare
        (b"\n" * (LIMIT + 1) + b"\r\n.\r\n", (Fault.TOO_BIG, b"")),
    ],
)
def test_content_ends_at_cr_lf_dot_cr_lf_only(octets, expected):
    assert content([octets]) == expected
    assert content([octets[i : i + 1] for i in range(len(octets))]) == expected


@pytest.mark.parametrize(
    ("octets", "expected"),
    [
        # bare CR and bare LF become CR LF
        (b"a\nb\rc\r\n", b"a\r\nb\r\nc\r\n"),
        (b"a\r\r\nb\r\n", b"a\r\n\r\nb\r\n"),
        (b"a\n\rb\r\n", b"a\r\n\r\nb\r\n"),
        (b"\n", b"\r\n"),
        # NUL becomes a space
        (b"a\0b\r\n", b"a b\r\n"),
        # a dot line that arises by mending is content and stays; nothing of it is unstuffed
        (b"a\n.\nb\r\n", b"a\r\n.\r\nb\r\n"),
        (b"a\r..\rb\r\n", b"a\r\n..\r\nb\r\n"),
        # the limit is that of what comes out
        (b"\n" * (LIMIT // 2), b"\r\n" * (LIMIT // 2)),
        (b"\n" * (LIMIT // 2 + 1), Fault.TOO_BIG),
    ],
)
def test_stray_octets_are_mended_where_that_is_wanted(octets, expected):
    for pieces in ([octets], [octets[i : i + 1] for i in range(len(octets))]):
        # what DATA adds after a bare line end is a line of its own
        end = b"" if octets.endswith(b"\r\n") else b"\r\n"
        if not end:
            assert content([*pieces, b".\r\n"], normalise=True) == (expected, b"")
        assert chunked(pieces, normalise=True) == expected


@pytest.mark.parametrize(
    ("octets", "expected"),
    [
        # dots are octets like others
        (b".\r\n..\r\n.x\r\n", b".\r\n..\r\n.x\r\n"),
        (b"", b""),
        # the last line ends, for DATA could not carry it on otherwise
        (b"a\r\nb", b"a\r\nb\r\n"),
        # a CR at the end has lost its LF
        (b"a\r", Fault.BARE_LINE_END),
        (b"a\n", Fault.BARE_LINE_END),
        (b"a\0\r\n", Fault.BARE_LINE_END),
        (b"x" * (LIMIT + 1), Fault.TOO_BIG),
    ],
)
def test_octets_of_chunks_obey_the_same_law(octets, expected):
    assert chunked([octets]) == expected
    assert chunked([octets[i : i + 1] for i in range(len(octets))]) == expected


@pytest.mark.parametrize(
    ("octets", "is_too_long"),
    [
        (b"x" * LINE + b"\r\n", False),
        (b"x" * (LINE + 1) + b"\r\n", True),
        (b"a\r\n" * 20 + b"x" * LINE + b"\r\n" + b"b\r\n" * 20, False),
        (b"a\r\n" * 20 + b"x" * (LINE + 1) + b"\r\n" + b"b\r\n" * 20, True),
    ],
)
def test_a_line_may_be_as_long_as_the_limit(octets, is_too_long):
    for pieces in ([octets], [octets[i : i + 1] for i in range(len(octets))]):
        found = content([*pieces, b".\r\n"], 10_000, LINE)
        assert found == (Fault.TOO_LONG if is_too_long else octets, b"")


def cut(octets, places):
    edges = [0, *sorted(min(place, len(octets)) for place in places), len(octets)]
    return [octets[start:end] for start, end in itertools.pairwise(edges)]


PIECES = st.lists(
    st.sampled_from([b"\r", b"\n", b"\r\n", b".", b"\r\n.", b"..", b"\r\n.\r\n", b"\0", b"x", b"AUTH ", b"x" * 30]),
    max_size=25,
).map(b"".join)
PLACES = st.lists(st.integers(0, 400), max_size=12)


@given(PIECES, PLACES, st.booleans())
def test_content_does_not_depend_on_how_it_is_cut(octets, places, normalise):
    whole = content([octets], line=LINE, normalise=normalise)
    assert content(cut(octets, places), line=LINE, normalise=normalise) == whole
    chunks = chunked([octets], line=LINE, normalise=normalise)
    assert chunked(cut(octets, places), line=LINE, normalise=normalise) == chunks
    for kept in (chunks, whole[0] if whole else b""):
        if isinstance(kept, bytes):
            assert b"\0" not in kept
            assert kept.count(b"\r") == kept.count(b"\n") == kept.count(b"\r\n")
            assert not kept or kept.endswith(b"\r\n")


@given(PIECES, PLACES)
def test_command_lines_do_not_depend_on_how_they_are_cut(octets, places):
    assert commands(cut(octets, places)) == commands([octets])


@given(st.lists(st.binary(max_size=30).map(lambda line: line.translate(None, b"\r\n\0")), max_size=12))
def test_stuffing_and_unstuffing_give_back_the_content(lines):
    original = b"".join(line + b"\r\n" for line in lines)
    stuffed = b"".join((b"." + line if line.startswith(b".") else line) + b"\r\n" for line in lines)
    assert content([stuffed + b".\r\n"], limit=10_000) == (original, b"")


def test_what_is_beyond_the_limit_is_not_kept():
    machine, lines = Content(1000, 1000), CommandLines()
    for _ in range(200):
        machine.feed(b"x" * 60_000)
        lines.feed(b"x" * 60_000)
        assert lines.take() is None
    assert machine.fault is Fault.TOO_BIG
    assert len(machine._held) == 0
    assert len(lines._held) <= COMMAND_OCTETS


def test_a_big_content_costs_what_its_octets_cost():
    chunk = (b"." + b"y" * 76 + b"\r\n") * 800

    def read(chunks):
        machine = Content(30_000_000, 1_000_000)
        for _ in range(chunks):
            machine.feed(chunk)
        assert machine.feed(b".\r\n") == b""
        assert len(machine.take()) == chunks * (len(chunk) - 800)

    assert seconds(lambda: read(320)) < 30 * seconds(lambda: read(32))


def sequences():
    folder = Path(os.environ.get("CASEGATE_CORPORA", "/nowhere"))
    path = folder / "spoofing" / "smuggling.json"
    if not path.exists():
        return []
    return [pytest.param(row, id=row["id"]) for row in json.loads(path.read_text())["sequences"]]


@pytest.mark.corpora
@pytest.mark.skipif(not sequences(), reason="CASEGATE_CORPORA does not name the corpora")
@pytest.mark.parametrize("row", sequences() or [pytest.param(None, id="none")])
def test_a_smuggling_sequence_ends_content_only_where_it_should(row):
    octets = b"one" + base64.b64decode(row["bytes_b64"]) + b"MAIL FROM:<x@y.example>\r\n"
    assert (content([octets], limit=1000) is not None) == row["ends_data"]
    assert (content([octets[i : i + 1] for i in range(len(octets))], limit=1000) is not None) == row["ends_data"]


async def nothing():
    """Nothing waits to be sent."""


async def ignore(octets):
    """Nobody wants the content."""


def on_its_way(limit):
    return Content(limit, limit), Reading(limit)


def reader(**deadlines):
    stream = asyncio.StreamReader()
    return stream, Lines(stream, lambda: Deadlines(**deadlines), nothing)


async def test_the_end_of_the_connection_is_gone_in_a_line_and_in_content():
    stream, lines = reader()
    stream.feed_data(b"NOO")
    stream.feed_eof()
    with pytest.raises(Gone):
        await lines.command()
    with pytest.raises(Gone):
        await lines.content(*on_its_way(100), ignore)


async def test_a_silent_client_is_too_late():
    _, lines = reader(command_s=0.01, content_idle_s=0.01)
    with pytest.raises(TooLate):
        await lines.command()
    with pytest.raises(TooLate):
        await lines.content(*on_its_way(100), ignore)


async def test_noop_does_not_renew_the_session_for_ever():
    stream, lines = reader(command_s=100, session_s=0.02)
    stream.feed_data(b"NOOP\r\n")
    assert await lines.command() == b"NOOP"
    with pytest.raises(TooLate):
        await lines.command()


async def test_the_end_of_the_session_cuts_no_mail_in_two():
    stream, lines = reader(command_s=0.05, session_s=0)
    stream.feed_data(b"BDAT 5\r\n")
    assert await lines.command(between=Reading(1000), amid_mail=True) == b"BDAT 5"
    asyncio.get_running_loop().call_soon(stream.feed_data, b"12345BDAT 0 LAST\r\n")
    await lines.chunk(5, Reading(1000), ignore)
    assert await lines.command(between=Reading(1000), amid_mail=True) == b"BDAT 0 LAST"
    asyncio.get_running_loop().call_soon(stream.feed_data, b"RSET\r\n")
    assert await lines.command(amid_mail=True) == b"RSET"
    with pytest.raises(TooLate):
        await lines.command()


async def drip(stream, loop, octet=b"x"):
    """One octet at each turn of the loop: never idle, always slow."""
    while True:
        stream.feed_data(octet)
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    "deadlines",
    [
        # below the minimum rate once the grace is over
        {"content_grace_s": 0.05, "content_octets_per_s": 10_000_000},
        # at the absolute end, however fast
        {"content_grace_s": 100, "content_s": 0.05},
    ],
)
async def test_a_client_that_is_never_idle_cannot_hold_data_open(deadlines):
    stream, lines = reader(**deadlines)
    dripping = asyncio.create_task(drip(stream, asyncio.get_running_loop()))
    with pytest.raises(TooLate):
        await lines.content(*on_its_way(100_000_000), ignore)
    dripping.cancel()


async def test_announced_octets_earn_no_patience_before_they_come():
    stream, lines = reader(content_grace_s=0.05, content_octets_per_s=10_000_000)
    dripping = asyncio.create_task(drip(stream, asyncio.get_running_loop()))
    with pytest.raises(TooLate):
        await asyncio.wait_for(lines.chunk(100_000_000, Reading(100_000_000), ignore), 5)
    dripping.cancel()


async def test_octets_of_a_chunk_that_waited_are_counted():
    stream, lines = reader()
    reading = Reading(1000)
    stream.feed_data(b"BDAT 5\r\n12345")
    await lines.command()
    await lines.chunk(5, reading, ignore)
    assert reading.octets == 5


async def test_a_line_that_trickles_in_has_one_deadline():
    stream, lines = reader(command_s=0.05)
    dripping = asyncio.create_task(drip(stream, asyncio.get_running_loop()))
    with pytest.raises(TooLate):
        await lines.command()
    dripping.cancel()


async def test_content_far_beyond_the_limit_ends_the_session():
    stream, lines = reader()
    dripping = asyncio.create_task(drip(stream, asyncio.get_running_loop(), b"x" * 30_000))
    with pytest.raises(TooMuch):
        await lines.content(*on_its_way(1000), ignore)
    dripping.cancel()


async def test_a_chunk_far_beyond_the_limit_is_not_even_begun():
    _, lines = reader()
    with pytest.raises(TooMuch):
        await lines.chunk(10_000_000, Reading(1000), ignore)


async def test_our_own_waiting_is_not_counted_against_the_client():
    stream, lines = reader(content_s=0.05, content_grace_s=0.05, content_idle_s=0.05)

    async def slow(_octets):
        await asyncio.sleep(0.06)
        stream.feed_data(b"Hello\r\n.\r\n")

    stream.feed_data(b"Hello\r\n")
    reading = Reading(1000)
    await lines.content(Content(1000, 1000), reading, slow)
    assert reading.waited_s < 0.05


async def test_waiting_between_chunks_is_counted():
    stream, lines = reader(content_s=0.05)
    reading = Reading(1000)
    stream.feed_data(b"12345")
    await lines.chunk(5, reading, ignore)
    with pytest.raises(TooLate):
        await lines.command(between=reading)


async def test_no_minimum_rate_is_no_minimum_rate():
    assert Reading(1000).patience_s(Deadlines(content_octets_per_s=0)) == Deadlines().content_idle_s
