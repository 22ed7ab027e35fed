# SPDX-License-Identifier: Apache-2.0
"""What a mail says of its files, by whatever trick it says it."""

import re

import pytest

from handlers.attachments import MAX_FILES, Files, MimeFiles
from handlers.mime_bounds import MAX_SECTION_OCTETS, MimeLimits
from handlers.reading import read
from tests.support.cost import seconds

ENTRIES = (".exe", ".tar.gz", ".ps1", "application/x-msdownload", "audio/*")


def looked_at(content: bytes, piece: int = 7, limits: MimeLimits = MimeLimits()) -> Files:  # noqa: B008
    """The files of a mail whose body comes in pieces."""
    section, _, body = content.partition(b"\r\n\r\n")
    files = MimeFiles(section + b"\r\n", limits)
    for at in range(0, len(body), piece):
        files.feed(body[at : at + piece])
    return files.finish()


def with_part(fields: str) -> bytes:
    """A mail whose second part has these fields."""
    return (
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nHello, run.exe is here: name=run.exe\r\n--b\r\n"
        f"{fields}\r\n\r\nAAAA\r\n--b--\r\n"
    ).encode("utf-8", "surrogateescape")


FORBIDDEN = [
    'Content-Disposition: attachment; filename="run.exe"',
    "Content-Disposition: attachment; filename=run.exe",
    'Content-Type: application/octet-stream; name="run.exe"',
    # Letter case, of the field too.
    'cOnTeNt-dIsPoSiTiOn: attachment; FileName="RUN.EXE"',
    # The last extension is what a system goes by.
    'Content-Disposition: attachment; filename="invoice.pdf.exe"',
    'Content-Disposition: attachment; filename="invoice.pdf                                   .exe"',
    # Systems drop dots and blanks at the end of a name.
    'Content-Disposition: attachment; filename="run.exe. . "',
    # Two names: some readers take one, some the other.
    'Content-Type: text/plain; name="run.exe"\r\nContent-Disposition: attachment; filename="note.txt"',
    'Content-Type: text/plain; name="note.txt"\r\nContent-Disposition: attachment; filename="run.exe"',
    'Content-Disposition: attachment; filename="note.txt"; filename="run.exe"',
    "Content-Disposition: attachment; filename=\"run.exe\"; filename*=utf-8''note.txt",
    'Content-Disposition: attachment; filename="note.txt"\r\nContent-Disposition: attachment; filename="run.exe"',
    # RFC 2231: octets in percent form, in pieces, pieces out of order.
    "Content-Disposition: attachment; filename*=utf-8''run%2Eexe",
    'Content-Disposition: attachment; filename*0="run."; filename*1=exe',
    'Content-Disposition: attachment; filename*1=exe; filename*0="run."',
    "Content-Disposition: attachment; filename*0*=utf-8''run%2E; filename*1=exe",
    # Encoded words, which RFC 2047 forbids here.
    'Content-Disposition: attachment; filename="=?utf-8?B?cnVuLmV4ZQ==?="',
    'Content-Type: application/octet-stream; name="=?iso-8859-1?Q?run=2Eexe?="',
    # Folded.
    'Content-Disposition: attachment;\r\n\tfilename="run.exe"',
    # Signs that nobody sees, or that turn the direction: "annexe.txt" on a screen.
    'Content-Disposition: attachment; filename="ann\u202etxt.exe"',
    'Content-Disposition: attachment; filename="run.e\u200bxe"',
    'Content-Disposition: attachment; filename="run.\uff45\uff58\uff45"',
    # A path.
    'Content-Disposition: attachment; filename="c:\\\\temp\\\\run.exe"',
    'Content-Disposition: attachment; filename="../../run.exe"',
    'Content-Disposition: attachment; filename="run.exe/"',
    'Content-Disposition: attachment; filename="run.exe\\\\"',
    # Readers for whom a backslash is no escape end it at the quote.
    'Content-Disposition: attachment; filename="run.exe\\"; x="a.txt"',
    # A stream of an NTFS file.
    'Content-Disposition: attachment; filename="run.exe::$DATA"',
    'Content-Disposition: attachment; filename="run.exe:a.txt"',
    # What a file system, or a reader in C, ends it at.
    "Content-Disposition: attachment; filename*=utf-8''run.exe%00.txt",
    'Content-Disposition: attachment; filename="=?utf-8?Q?run.exe=00.txt?="',
    'Content-Disposition: attachment; filename="=?utf-8?B?cnVuLmV4ZQAudHh0?="',
    # Quotes that are none, or too many.
    "Content-Disposition: attachment; filename='run.exe'",
    'Content-Disposition: attachment; filename=run.exe"',
    'Content-Disposition: attachment; filename="run.exe""',
    # Nothing on a screen: a vowel separator, a variation selector, a tag, a control, a filler, a joiner.
    *(
        f'Content-Disposition: attachment; filename="run.exe{sign}"'
        for sign in "\u180e\ufe0f\U000e0020\U000e0101\x85\x7f\u115f\u3164\uffa0\u034f\u2800\ufff9\u061c\u2065"
    ),
    'Content-Disposition: attachment; filename="run.e\U000e0041xe"',
    # Comments, for those who know them; a comma; no semicolon; blanks in no quotes.
    "Content-Disposition: attachment; filename(x)=run.exe",
    "Content-Disposition: attachment; filename=(x (y))run.exe",
    "Content-Disposition: attachment,filename=run.exe",
    "Content-Disposition: attachment; filename=my run.exe",
    # More decoys than anybody needs.
    f"Content-Type: a/b{''.join(f'; name=a{n}.txt' for n in range(20))}\r\nContent-Disposition: a; filename=run.exe",
    # Percent form where it should not be, pieces that all are in it, a character set that is a lie.
    'Content-Disposition: attachment; filename="run%2Eexe"',
    "Content-Disposition: attachment; filename*0*=utf-8''run; filename*1=%2Eexe",
    "Content-Disposition: attachment; filename*=utf-16''run.exe",
    "Content-Disposition: attachment; filename*=utf-8''note.txt; filename*0=run.; filename*1=exe",
    # The start of a long name is what we show.
    f'Content-Disposition: attachment; filename="{"a" * 251}.exe.txt"',
    # Never closed.
    'Content-Disposition: attachment; filename="run.exe',
    # A name longer than a file system takes keeps its end.
    f'Content-Disposition: attachment; filename="{"a" * 500}.exe"',
    'Content-Disposition: inline; filename="backup.tar.gz"',
    # By type, whatever the name is; of two types, either.
    'Content-Type: application/x-msdownload; name="note.txt"',
    "Content-Type: Audio/X-Wav",
    "Content-Type: text/plain\r\nContent-Type: application/x-msdownload",
]


@pytest.mark.parametrize("fields", FORBIDDEN)
def test_a_forbidden_file_is_known_by_all_that_it_says(fields: str) -> None:
    found = looked_at(with_part(fields))
    assert found.is_complete
    assert found.forbidden(ENTRIES).startswith("the attachment ")


ALLOWED = [
    'Content-Disposition: attachment; filename="note.txt"',
    # Extensions are whole ones, and the last ones.
    'Content-Disposition: attachment; filename="notexe"',
    'Content-Disposition: attachment; filename="run.exe.txt"',
    'Content-Disposition: attachment; filename="backup.gz"',
    'Content-Disposition: attachment; filename=""',
    # Other parameters, and words about files, are no names.
    'Content-Type: text/plain; charset="run.exe"',
    'X-Filename: filename="run.exe"',
    "Content-Type: application/x-msdownload-not",
    "Content-Description: run.exe",
]


@pytest.mark.parametrize("fields", ALLOWED)
def test_what_only_looks_like_one_is_let_in(fields: str) -> None:
    assert looked_at(with_part(fields)).forbidden(ENTRIES) == ""


EXE = b'Content-Disposition: attachment; filename="run.exe"\r\n\r\nMZ\r\n'
WITHIN = {
    "the mail itself": EXE,
    "an attached mail": b"Content-Type: message/rfc822\r\n\r\nSubject: x\r\n" + EXE,
    "a part of an attached mail": b"Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n"
    b"Content-Type: message/rfc822\r\n\r\nContent-Type: multipart/mixed; boundary=i\r\n\r\n--i\r\n"
    + EXE
    + b"--i--\r\n--a--\r\n",
    "behind an attached mail": b"Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n"
    b"Content-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\nhi\r\n--a\r\n" + EXE + b"--a--\r\n",
    "an attached mail in an attached mail": b"Content-Type: message/rfc822\r\n\r\nContent-Type: message/global\r\n\r\n"
    + EXE,
    "a digest": b"Content-Type: multipart/digest; boundary=a\r\n\r\n--a\r\n\r\n" + EXE + b"--a--\r\n",
}


@pytest.mark.parametrize("where", WITHIN)
@pytest.mark.parametrize("piece", [1, 3, 10_000])
def test_files_are_found_wherever_they_are(where: str, piece: int) -> None:
    assert looked_at(WITHIN[where], piece).forbidden(ENTRIES) == "the attachment 'run.exe' is .exe"


HIDDEN = {
    # More mails in each other than the limit of depth.
    "depth": b"Content-Type: message/rfc822\r\n\r\n" * 60 + EXE,
    # The field that names it stands behind more fields than are read.
    "fields": b"Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n"
    + b"X: "
    + b"x" * MAX_SECTION_OCTETS
    + b"\r\n"
    + EXE
    + b"--a--\r\n",
    "parts": b"Content-Type: multipart/mixed; boundary=a\r\n\r\n"
    + b"".join(b"--a\r\nContent-Type: text/plain; name=%d\r\n\r\n" % n for n in range(1200))
    + b"--a\r\n"
    + EXE,
}


def multipart(fields: str) -> bytes:
    """A multipart with this as its fields, divided by b."""
    return f"{fields}\r\n\r\n--b\r\n".encode() + EXE + b"--b--\r\n"


NAMED = {
    "more names than are looked at": "Content-Type: a/b" + "".join(f"; name=a{n}.txt" for n in range(50)),
    "a value that is cut": f'Content-Disposition: attachment; x="{"A" * 17_000}"; filename=run.exe',
    "a piece twice": 'Content-Disposition: attachment; filename*0="a.txt"; filename*0="run.exe"',
    "a whole twice": "Content-Disposition: attachment; filename*=utf-8''a.txt; filename*=utf-8''b.txt",
    "a piece is missing": 'Content-Disposition: attachment; filename*0="run."; filename*2="exe"; filename*1000=x',
    "no first piece": 'Content-Disposition: attachment; filename*1="run."; filename*2="exe"',
    "a number of four digits": "Content-Disposition: attachment; filename*0=a; filename*1000=exe",
}
HIDDEN |= {how: with_part(fields) for how, fields in NAMED.items()}
for encoding in ("base64", "quoted-printable", "x-uuencode", "(x) base64", "7bit\r\nContent-Transfer-Encoding: base64"):
    # What is in a transfer encoding has to be decoded before its parts are seen.
    for kind in ("message/rfc822", "message/global", "multipart/mixed; boundary=a"):
        HIDDEN[f"{kind} in {encoding}"] = with_part(f"Content-Type: {kind}\r\nContent-Transfer-Encoding: {encoding}")
HIDDEN |= {
    # Readers take one or the other.
    fields: multipart(f"Content-Type: {fields}")
    for fields in (
        "multipart/mixed; boundary=a\r\nContent-Type: multipart/mixed; boundary=b",
        "text/plain\r\nContent-Type: multipart/mixed; boundary=b",
        "multipart/mixed; boundary=a; boundary=b",
        'multipart/mixed; boundary="a"; boundary*0="b"',
        "multipart/mixed; boundary*=utf-8''%62",
        'multipart/mixed; boundary=" b"',
        'multipart/mixed; boundary="\\\\b"',
        "multipart/mixed; boundary=b(x)",
        "multipart/mixed; boundary='b'",
        "multipart/mixed; boundary=b a",
        "multipart/mixed",
        "(x) multipart/mixed; boundary=b",
        "multipart /mixed; boundary=b",
        f"multipart/mixed; x={'x' * 17_000}; boundary=b",
    )
}
HIDDEN |= {
    # Its other half is in another mail; or it is somewhere else.
    "message/partial": with_part("Content-Type: message/partial; number=1; id=x"),
    "message/external-body": with_part("Content-Type: message/external-body; access-type=url"),
    # A line that is no field ends the section for some.
    "a line between the fields": with_part(
        "Content-Type: text/plain\r\nwords\r\nContent-Disposition: a; filename=run.exe"
    ),
    "a line before the fields of an attached mail": with_part(
        "Content-Type: message/rfc822\r\n\r\nFrom me\r\nContent-Disposition: a; filename=run.exe"
    ),
    "more parts than are kept": b"Content-Type: multipart/mixed; boundary=a\r\n\r\n"
    + b"".join(b"--a\r\nContent-Type: text/plain; name=%d\r\n\r\n" % n for n in range(MAX_FILES + 1))
    + b"--a\r\n"
    + EXE,
}


@pytest.mark.parametrize("how", HIDDEN)
def test_what_cannot_be_looked_at_counts_as_forbidden(how: str) -> None:
    found = looked_at(HIDDEN[how], 10_000, MimeLimits(parts=1000 if how == "parts" else 3000))
    assert not found.is_complete
    assert found.forbidden(ENTRIES)
    assert found.forbidden((".js",)).startswith("it has more parts than are looked at")


CLEAR = [
    'multipart/mixed; boundary="----=_Part_1:?(b)"; type="text/html"',
    "multipart/mixed; boundary=----_=_NextPart_001_01DB.boundary=x; charset=utf-8",
    'multipart/report; report-type=delivery-status;\r\n\tBoundary = "a b"',
    "message/delivery-status",
    "message/delivery-status\r\nContent-Transfer-Encoding: quoted-printable",
    "message/rfc822\r\nContent-Transfer-Encoding: 8BIT\r\n\r\nSubject: x",
    "application/vnd.message\r\nContent-Transfer-Encoding: base64",
    'application/octet-stream; name="multipart/message"\r\nContent-Transfer-Encoding: base64',
    "application/octet-stream; name*0*=utf-8''a%20; name*1*=b.txt; name*2=; name=a.txt",
]


@pytest.mark.parametrize("kind", CLEAR)
def test_what_every_reader_takes_alike_is_let_in(kind: str) -> None:
    found = looked_at(with_part(f"Content-Type: {kind}"))
    assert found.is_complete
    assert found.forbidden(ENTRIES) == ""


def test_a_part_behind_the_end_is_a_part_for_some() -> None:
    content = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n\r\n--b\r\n" + EXE
    assert looked_at(content).forbidden(ENTRIES) == "the attachment 'run.exe' is .exe"


@pytest.mark.parametrize("content", [*map(with_part, FORBIDDEN), *WITHIN.values(), *HIDDEN.values()])
def test_no_name_that_an_agent_is_shown_was_let_in_unseen(content: bytes) -> None:
    found = looked_at(content, 10_000)
    for one in read(content).attachments:
        extension = re.search(r"\.[a-z0-9-]{1,20}(?=[^a-z0-9-]*$)", one.name.lower())
        assert extension is None or found.forbidden((extension[0],)), one.name


@pytest.mark.parametrize(
    "stuff",
    [
        b'\\"',
        b"; name=a",
        b"; filename*0*=a''%41",
        b'"',
        b"=?utf-8?Q?a?= ",
        b"\r\n ",
        b"(",
        b"name*",
        b"=?a?q?",
        b'name="\\',
    ],
)
def test_looking_is_linear(stuff: bytes) -> None:
    def cost(octets: int) -> float:
        section = b'Content-Type: a/b; name="' + stuff * (octets // len(stuff))
        content = b"Content-Type: multipart/mixed; boundary=a\r\n\r\n" + (b"--a\r\n" + section + b"\r\n\r\n") * 20
        return seconds(lambda: looked_at(content, 10_000))

    assert cost(12_000) < 30 * cost(3_000)
