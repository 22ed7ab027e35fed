# SPDX-License-Identifier: Apache-2.0
"""The structure counted in pieces is the one that the parser finds in the whole, at the cost of a search."""

import tracemalloc
from base64 import encodebytes
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers import mime_parts
from handlers.headers import scan
from handlers.mime_bounds import MimeBounds, MimeLimits
from tests.support.cost import seconds

LIMITS = MimeLimits()


def counted(content: bytes, cuts=(), limits: MimeLimits = LIMITS) -> MimeBounds:
    head = scan(content)
    body = content[head.body_offset :]
    bounds = MimeBounds(content[: head.body_offset], limits)
    for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True):
        bounds.feed(body[start:end])
    bounds.finish()
    return bounds


def parsed(content: bytes) -> tuple[int, int]:
    found = mime_parts.parts(content)
    return max(part.depth for part in found), len(found)


def found(bounds: MimeBounds) -> tuple[int, int]:
    return bounds.depth, bounds.parts


def nested(levels: int) -> bytes:
    """A multipart in a multipart, so many times."""
    return b"".join(b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (n, n) for n in range(levels))


def flat(parts: int) -> bytes:
    return b"Content-Type: multipart/mixed; boundary=x\r\n\r\n" + b"--x\r\n\r\ntext\r\n" * parts


LINES = (
    b"Content-Type: multipart/mixed; boundary=x",
    b"Content-Type: multipart/mixed;\r\n boundary=y",
    b"Content-Type: multipart/mixed; boundary=x--",
    b"Content-Type: text/plain",
    b"--x",
    b"--x ",
    b"--x--",
    b"--x----",
    b"--y",
    b"--y--",
    b"--z",
    b"",
    b"-",
    b" folded",
    b"some text",
    b"A: b",
)
mails = st.lists(st.tuples(st.sampled_from(LINES), st.sampled_from([b"\r\n", b"\r\n", b"\n", b""])), max_size=25).map(
    lambda lines: LINES[0] + b"\r\n\r\n--x\r\n" + b"".join(line + end for line, end in lines)
)


@given(mails, st.data())
def test_a_mail_in_pieces_has_the_structure_of_the_whole(content, data):
    size = len(content) - scan(content).body_offset
    cuts = sorted(data.draw(st.sets(st.integers(0, size))))
    assert found(counted(content, cuts)) == found(counted(content)) == parsed(content)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"From: a@b.example\r\n\r\nhello\r\n",
        # The last delimiter ends the mail.
        flat(3).removesuffix(b"\r\n\r\ntext\r\n"),
        # A field, and a delimiter, longer than what is held of them.
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nA: " + b"y" * 200_000 + b"\r\n\r\n--x\r\n\r\nz",
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x" + b" " * 1000 + b"\r\nA: b\r\n\r\n--x\r\n\r\nz",
        # An attached mail is a leaf.
        flat(1) + b"--x\r\nContent-Type: message/rfc822\r\n\r\n" + nested(3),
        nested(49),
    ],
)
def test_the_parser_agrees(content):
    cuts = range(1, min(4000, len(content) - scan(content).body_offset))
    assert found(counted(content, cuts)) == found(counted(content)) == parsed(content)


def test_the_parser_agrees_on_real_mail(corpora: Path):
    files = [path for path in corpora.rglob("*.eml") if path.stat().st_size]
    wrong = []
    for path in files:
        content = path.read_bytes()
        cuts = range(0, len(content) - scan(content).body_offset, 97)
        if not found(counted(content, cuts)) == found(counted(content)) == parsed(content):
            wrong.append(str(path))
    assert files
    assert not wrong


def test_the_limits_are_the_last_that_is_allowed():
    assert not counted(nested(50)).exceeded
    assert counted(nested(51)).exceeded
    assert not counted(flat(999)).exceeded
    assert counted(flat(1000)).exceeded
    assert counted(flat(3), limits=MimeLimits(parts=3)).exceeded
    assert counted(nested(3), limits=MimeLimits(depth=2)).exceeded


@pytest.mark.parametrize("content", [nested(20_000), flat(200_000)], ids=["deep", "many"])
def test_what_is_beyond_the_limits_costs_less_than_a_plain_mail(content):
    plain = b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\n" + encodebytes(bytes(len(content) * 3 // 4))
    assert seconds(lambda: counted(content)) < 5 * seconds(lambda: counted(plain)) + 0.05


HOSTILE = {
    # Lines that look like delimiters, and lines that look like the last one.
    "dashes": b"--y\r\n" * 50_000,
    "last dashes": b"--y--\r\n" * 40_000,
    # A part that is all header section.
    "fields": b"--x\r\n" + b"A: b\r\n" * 40_000,
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_body_costs_no_more_than_to_split_it(body):
    content = b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\n" + body * 4
    lines = seconds(lambda: [line for line in content.split(b"\n") if line.rstrip()])
    assert seconds(lambda: counted(content)) < 12 * lines + 0.05


def test_little_is_held_of_a_mail_and_base64_costs_a_search():
    piece = encodebytes(bytes(49_152))
    bounds = MimeBounds(b"Content-Type: multipart/mixed; boundary=x\r\n", LIMITS)
    bounds.feed(b"--x\r\n\r\n")
    tracemalloc.start()
    for _ in range(100):
        bounds.feed(piece)
    bounds.feed(b"\r\n--x\r\nA: ")
    for _ in range(100):
        bounds.feed(piece.replace(b"\n", b""))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * len(piece)
    fresh = MimeBounds(b"Content-Type: multipart/mixed; boundary=x\r\n", LIMITS)
    search = seconds(lambda: [(b"y" + piece).find(b"\r\n--") for _ in range(200)])
    assert seconds(lambda: [fresh.feed(piece) for _ in range(200)]) < 10 * search + 0.01
