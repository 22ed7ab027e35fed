# SPDX-License-Identifier: Apache-2.0
"""A mail that comes in pieces is the mail that comes whole."""

import tracemalloc
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.dkim import DkimPolicy
from handlers.headers import HeaderLimits, scan
from handlers.inspection import Inspection, Limits
from handlers.section import SectionReader
from storage.response import R554_MIME_STRUCTURE, R554_TOO_MANY_HEADER_FIELDS

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
SHORT = Limits(HeaderLimits(octets=30, fields=3))
contents = st.lists(
    st.sampled_from([b"\r\n", b"\r\n", b"\n", b"\r", b"A: b", b"Long-Field: many words in it", b" folded", b"--x"]),
    max_size=14,
).map(b"".join)


def inspected(content: bytes, cuts=(), limits: Limits = SHORT) -> Inspection:
    made = Inspection(limits, DkimPolicy(), NOW)
    for start, end in zip([0, *cuts], [*cuts, len(content)], strict=True):
        made.feed(content[start:end])
    return made


@given(contents, st.data())
def test_the_header_section_is_the_one_that_a_scan_of_the_whole_finds(content, data):
    cuts = sorted(data.draw(st.sets(st.integers(0, len(content)))))
    (found, _), whole = inspected(content, cuts).finish(), scan(content, SHORT.header)
    assert (found.fields, found.truncated) == (whole.fields, whole.truncated)
    assert found.truncated or found.body_offset == whole.body_offset
    assert content[: whole.body_offset].startswith(found.content)


@given(contents, st.integers(1, 9))
def test_the_body_begins_at_the_empty_line_however_the_mail_is_cut(content, size):
    reader = SectionReader(SHORT.header.octets)
    body = b"".join(reader.feed(content[at : at + size]) for at in range(0, len(content), size))
    assert (reader.body_offset, body) == (scan(content).body_offset, content[scan(content).body_offset :])


@pytest.mark.parametrize(
    ("content", "beyond"),
    [
        (b"A: b\r\n\r\nbody", None),
        (b"A: b\r\n" * 3 + b"\r\nbody", None),
        (b"A: b\r\n" * 4 + b"\r\nbody", R554_TOO_MANY_HEADER_FIELDS),
        (b"A: " + b"b" * 40, R554_TOO_MANY_HEADER_FIELDS),
        (b"A: b\r\n\r\n" + b"b" * 400, None),
    ],
)
def test_a_header_section_beyond_its_limits_is_said_so(content, beyond):
    made = inspected(content)
    made.finish()
    assert made.beyond == beyond


def test_a_structure_beyond_its_limits_is_said_before_the_end():
    made = Inspection(Limits(), DkimPolicy(), NOW)
    made.feed(b"Content-Type: multipart/mixed; boundary=x\r\n\r\n")
    assert made.beyond is None
    made.feed(b"--x\r\n\r\n" * 1000)
    assert made.beyond == R554_MIME_STRUCTURE


def test_of_an_endless_header_section_no_more_than_the_limit_is_held():
    made = Inspection(Limits(), DkimPolicy(), NOW)
    tracemalloc.start()
    for _ in range(400):
        made.feed(b"x" * 65_536)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000_000
    assert made.beyond == R554_TOO_MANY_HEADER_FIELDS
