# SPDX-License-Identifier: Apache-2.0
"""Where old mail lies in mbox files and maildirs: where each begins and ends, when it came, what never was sent."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway import mailboxes

CHANGED = datetime(2020, 2, 2, 2, 2, 2, tzinfo=UTC)
LINE = b"From carl@customer.example Tue Mar 14 09:00:00 2017\n"
WITHIN = b"Hello\n\n" + LINE + b"From: Ann Doe <ann.doe@private.example>\n\nForged.\n"


def counted(body: bytes, length: int | None = None) -> bytes:
    """A mail that says how long its body is."""
    said = len(body) if length is None else length
    return LINE + b"Subject: A\nContent-Length: %d\n\n" % said + body


def read(directory: Path, octets: bytes) -> list[bytes]:
    """The bodies of an mbox."""
    path = directory / "archive.mbox"
    path.write_bytes(octets)
    return [mailboxes.octets(one).partition(b"\r\n\r\n")[2] for one in mailboxes.places(path)]


ONE = b"Hello.\r\n"
PLAIN = LINE + b"Subject: B\n\nHello.\n"
SPLIT = [b"Hello\r\n", b"Forged.\r\n"]
MBOXES = [
    # each mail says how long it is: what stands in a body begins no mail
    (counted(WITHIN) + b"\n" + counted(b"Hello.\n"), [WITHIN.replace(b"\n", b"\r\n"), ONE]),
    # with nothing between them, and more than one empty line
    (counted(b"Hello.\n") + counted(b"Hello.\n") + b"\n\n" + counted(b"Hello.\n"), [ONE] * 3),
    # a writer that counts may quote too: the mark goes where nothing stands bare
    (counted(b"a\n>From b\n"), [b"a\r\nFrom b\r\n"]),
    (counted(b"a\n>From b\nFrom c\n"), [b"a\r\n>From b\r\nFrom c\r\n"]),
    # only one mail of two says it: a sender wrote that, who may lie
    (counted(WITHIN) + b"\n" + PLAIN, [*SPLIT, ONE]),
    # it says too much, too little, two things, or nothing that is a number
    (counted(b"Hello.\n", 5000), [ONE]),
    (counted(b"Hello.\n", 2), [ONE]),
    (counted(b"Hello.\n").replace(b"Subject: A", b"Content-Length: 1"), [ONE]),
    (counted(b"Hello.\n").replace(b": 7", b": many"), [ONE]),
    (counted(b"Hello.\n").replace(b": 7", b": 99999999999999999999"), [ONE]),
    # cut off in the header section
    (LINE + b"Subject: A\nContent-Length: 7", [b""]),
    (b"", []),
]


@pytest.mark.parametrize(("octets", "bodies"), MBOXES)
def test_an_mbox_is_cut_where_its_mails_end(tmp_path: Path, octets: bytes, bodies: list[bytes]):
    assert read(tmp_path, octets) == bodies


# The line that begins a mail, and when it says that the mail came.
DELIVERED = [
    (b"From x Tue Mar 14 09:00:00 2017\n", datetime(2017, 3, 14, 9, tzinfo=UTC)),
    (b"From x Tue Mar  4 09:00:07 2017\n", datetime(2017, 3, 4, 9, 0, 7, tzinfo=UTC)),
    (b"From x Tue Mar 14 09:00 2017\n", datetime(2017, 3, 14, 9, tzinfo=UTC)),
    (b"From x Tue Mar 14 09:00:00 CET 2017\n", datetime(2017, 3, 14, 9, tzinfo=UTC)),
    (b"From x Tue Mar 14 09:00:00 2017 +0000\n", datetime(2017, 3, 14, 9, tzinfo=UTC)),
    # no date, and none of a mail: the file's own time holds
    (b"From x Tue Foo 14 09:00:00 2017\n", CHANGED),
    (b"From x Tue Mar 94 09:00:00 2017\n", CHANGED),
    (b"From x Tue Mar 14 09:00:00 1066\n", CHANGED),
    (b"From whoever in 2017\n", CHANGED),
]


@pytest.mark.parametrize(("line", "at"), DELIVERED)
@pytest.mark.parametrize("head", [b"Subject: A\n\nHello.\n", b"Content-Length: 7\n\nHello.\n"])
def test_the_line_that_begins_a_mail_says_when_it_came(tmp_path: Path, line: bytes, at: datetime, head: bytes):
    path = tmp_path / "archive.mbox"
    path.write_bytes(line + head)
    os.utime(path, (CHANGED.timestamp(), CHANGED.timestamp()))
    assert [one.at for one in mailboxes.places(path)] == [at]


# The flags of a maildir's file, and whether it was ever sent and is still there.
@pytest.mark.parametrize(
    ("flags", "is_waste"),
    [("", False), (":2,", False), (":2,RS", False), (":2,D", True), (":2,ST", True), (";2,DS", True), (":1,D", False)],
)
def test_drafts_and_deleted_mail_of_a_maildir_are_known(tmp_path: Path, flags: str, is_waste: bool):
    (tmp_path / "cur").mkdir()
    (tmp_path / "cur" / f"1489482000.1.host{flags}").write_bytes(b"Subject: A\n\nHello.\n")
    assert [one.is_waste for one in mailboxes.places(tmp_path)] == [is_waste]
