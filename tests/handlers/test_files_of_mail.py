# SPDX-License-Identifier: Apache-2.0
"""The files of a mail are the same whether it is read as a whole or in pieces, which cost no more memory than these."""

import tracemalloc
from base64 import encodebytes
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from random import Random

import pytest

from handlers import files_of_mail, reading, received
from handlers.headers import scan
from handlers.reading import Attachment
from storage import content, migrate
from storage.content import packed
from storage.database import Database
from storage.states import Move
from tests.support.clock import FakeClock

LARGE = encodebytes(Random(0).randbytes(5_000_000)).replace(b"\n", b"\r\n")
HEAD = b'Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n'
NAMED = b'Content-Type: application/octet-stream; name="%s"\r\nContent-Transfer-Encoding: %s\r\n\r\n%s\r\n'

MAILS = {
    "a text": b"Subject: x\r\n\r\nHello\r\n",
    "a text that is a file": b"Content-Disposition: attachment; filename=a.txt\r\n\r\nHello\r\n",
    "one file and nothing else": NAMED % (b"a.bin", b"base64", b"aGVsbG8="),
    "files of every encoding": HEAD
    + b"--b\r\n\r\nHello\r\n"
    + b"".join(
        b"--b\r\n" + NAMED % (b"%d" % at, one, b"aGVs=0A=\r\nbG8=") for at, one in enumerate((b"8bit", b"base64"))
    )
    + b"--b\r\n"
    + NAMED % (b"q", b"quoted-printable", b"a=0A=\r\nb" * 3)
    + b"--b--\r\nepilogue\r\n",
    "nested, and never closed": HEAD
    + b'--b\r\nContent-Type: multipart/related; boundary="c"\r\n\r\n--c\r\nContent-Type: text/html\r\n\r\n<p>\r\n'
    + b"--c\r\nContent-Type: image/png\r\nContent-ID: <x>\r\nContent-Transfer-Encoding: base64\r\n\r\niVBORw0KGgo=\r\n"
    + b"--b\r\n"
    + NAMED % (b"last", b"base64", b"AAAA"),
    "an attached mail": HEAD + b"--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\nHello\r\n--b--\r\n",
    "a file in a text": HEAD
    + b"--b\r\n\r\nHello\r\nbegin 644 a.txt\r\n#0V%T\r\n`\r\nend\r\n"
    + b"--b\r\n"
    + NAMED % (b"b", b"x-uuencode", b"begin 644 b\r\n#0V%T\r\n`\r\nend\r\n")
    + b"--b--\r\n",
    "a file in a text and nothing else": b"Subject: x\r\n\r\nHello\r\nbegin 644 a.txt\r\n#0V%T\r\n`\r\nend\r\n",
    "a file of Usenet in a text": b"Subject: x\r\n\r\nHello\r\n"
    b"=ybegin line=128 size=3 name=a.txt\r\nm\x8b\x9e\r\n=yend size=3\r\n",
    "an encoded text, in which no file is looked for": b"Content-Transfer-Encoding: quoted-printable\r\n\r\n"
    b"Hello\r\nbegin 644 a.txt\r\n#0V%T\r\n`\r\nend\r\n",
    "a large file between small ones": HEAD
    + b"--b\r\n"
    + NAMED % (b"one", b"base64", b"AAAA")
    + b"--b\r\n"
    + NAMED % (b"two", b"base64", LARGE)
    + b"--b\r\n"
    + NAMED % (b"three", b"7bit", b"end")
    + b"--b--\r\n",
}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path}/casegate.db")
    migrate.ready(database)
    yield database
    database.close()


def found(store: Database, octets: bytes) -> tuple[Attachment, ...]:
    with store.move(Move.ACCEPT) as unit:
        content_id = content.keep(unit, packed(octets), FakeClock().now())
    with store.read() as unit:
        mail = received.read(content.pieces(lambda: nullcontext(unit), content_id))
        return files_of_mail.of_mail(lambda: nullcontext(unit), content_id, mail)


def facts(files: tuple[Attachment, ...]) -> list[tuple[object, ...]]:
    return [(one.name, one.type, one.size, one.sha256, one.sniffed) for one in files]


@pytest.mark.parametrize("mail", MAILS)
def test_pieces_give_the_files_that_a_reader_sees(store: Database, mail: str, monkeypatch: pytest.MonkeyPatch) -> None:
    octets = MAILS[mail]
    monkeypatch.setattr(files_of_mail, "SMALL_OCTETS", 0)
    assert facts(found(store, octets)) == facts(reading.read(octets).attachments)


def test_so_do_real_mails(store: Database, corpora: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files_of_mail, "SMALL_OCTETS", 0)
    samples = sorted((corpora / "mime").rglob("*.eml"))
    assert samples
    differing = []
    for path in samples:
        octets = path.read_bytes()
        if files_of_mail._may_have_some(scan(octets)):
            whole = facts(reading.read(octets).attachments[: files_of_mail.MAX_FILES])
            differing += [path.name] if facts(found(store, octets)) != whole else []
    assert differing == []


def test_a_large_file_costs_a_few_pieces_of_memory(store: Database) -> None:
    octets = MAILS["a large file between small ones"]
    with store.move(Move.ACCEPT) as unit:
        content_id = content.keep(unit, packed(octets), FakeClock().now())
    with store.read() as unit:
        mail = received.read(content.pieces(lambda: nullcontext(unit), content_id))
    tracemalloc.start()
    try:
        with store.read() as unit:
            files = files_of_mail.of_mail(lambda: nullcontext(unit), content_id, mail)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert [one.size for one in files] == [3, 5_000_000, 3]
    assert peak < len(octets) // 2


def test_no_more_files_are_listed_than_the_bound(store: Database) -> None:
    many = HEAD + b"".join(b"--b\r\n" + NAMED % (b"%d" % at, b"7bit", b"x") for at in range(400)) + b"--b--\r\n"
    assert len(found(store, many)) == files_of_mail.MAX_FILES
