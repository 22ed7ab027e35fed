# SPDX-License-Identifier: Apache-2.0
"""Files in the midst of a text, as before MIME: listed, no words, and known to admission by their names."""

import pytest

from handlers import files_in_text
from handlers.attachments import MimeFiles
from handlers.mime_bounds import MimeLimits
from handlers.reading import files, read
from tests.support.cost import seconds

CAT = b"begin 644 ../cat.txt\r\n#0V%T\r\n`\r\nend\r\n"
DOG = b"=ybegin line=128 size=5 name=dog one.txt\r\nn\x99\x91=}\x34\r\n=yend size=5 crc32=0\r\n"
MAIL = b"Subject: x\r\n\r\nHello, see the file.\r\n\r\n%s\r\nBye\r\n"

FILES = [
    (CAT, [("cat.txt", b"Cat")]),
    # programs write a blank, or nothing, for the line of no octets
    (CAT.replace(b"`", b" "), [("cat.txt", b"Cat")]),
    (CAT.replace(b"`", b""), [("cat.txt", b"Cat")]),
    (CAT + CAT, [("cat.txt", b"Cat")] * 2),
    # an escaped octet, a name with a blank
    (DOG, [("dog one.txt", b"Dog\x13\x0a")]),
    # a piece of a file
    (DOG.replace(b"\r\nn", b"\r\n=ypart begin=1 end=5\r\nn"), [("dog one.txt", b"Dog\x13\x0a")]),
    (CAT + DOG, [("cat.txt", b"Cat"), ("dog one.txt", b"Dog\x13\x0a")]),
]


@pytest.mark.parametrize(("body", "found"), FILES)
def test_a_file_in_a_text_is_an_attachment_and_no_text(body: bytes, found: list[tuple[str, bytes]]) -> None:
    mail = MAIL % body
    assert read(mail).text.split() == ["Hello,", "see", "the", "file.", "Bye"]
    assert [(one.about.name, one.octets) for one in files(mail)] == found
    assert {one.within for one in read(mail).attachments} == {""}


WORDS = [
    # no line is as long as it says
    b"begin 644 LINES\nX = 1\nY = 2\nend\n",
    b"begin 644 things\nand then\nend\n",
    b"begin 644 a\n#0V%T\nnever ended\n",
    b"=ybegin line=128 size=3 name=a\nnever ended\n",
    b"=ybegin without a name\n=yend \n",
]


@pytest.mark.parametrize("words", WORDS)
def test_words_that_begin_so_stay(words: bytes) -> None:
    assert read(b"\r\n" + words).text == words.decode()
    assert read(b"\r\n" + words).attachments == ()


def named(body: bytes, piece: int) -> str:
    seen = MimeFiles(b"Subject: x\r\n\r\n", MimeLimits())
    for at in range(0, len(body), piece):
        seen.feed(body[at : at + piece])
    return seen.finish().forbidden((".txt", ".exe"))


@pytest.mark.parametrize("piece", [1, 7, 100_000])
@pytest.mark.parametrize("body", [*(body for body, _ in FILES), b"begin 0755 RUN.EXE.\n`\n`\nend\n"])
def test_admission_sees_its_name(body: bytes, piece: int) -> None:
    assert named(b"Hello\r\n" + body, piece).startswith("the attachment '")
    assert named(body, piece).startswith("the attachment '")
    assert named(b"x" * 1000 + b"\r\n" + body, piece).startswith("the attachment '")


ODD_FILES = [
    # what stands behind the name is not asked: readers forgive more than we
    b"begin 644 run.exe\r\n\r\n#0V%T\r\n`\r\nend\r\n",
    b"begin 644 run.exe\r\n" + b"A" * 120 + b"\r\n`\r\nend\r\n",
    b"begin 644 run.exe\r\nzz{}\r\n`\r\nend\r\n",
    b"begin 644 run.exe\r\n#0V%T \t\r\n`\r\nend\r\n",
    # modes, blanks and names of other lengths
    b"begin 00644 run.exe\r\n`\r\nend\r\n",
    b"begin 100644 run.exe\r\n`\r\nend\r\n",
    b"begin 644\trun.exe\r\n`\r\nend\r\n",
    b"begin 644 " + b"a" * 2_600 + b"/run.exe\r\n`\r\nend\r\n",
    b"begin 644 " + b" " * 2_600 + b"run.exe\r\n`\r\nend\r\n",
    b"begin-base64 644 run.exe\r\nQ2F0\r\n====\r\n",
    b"=ybegin line=128 size=3 " + b"x" * 2_100 + b" name=run.exe\r\nabc\r\n=yend size=3\r\n",
    # behind many of one name
    b"begin 644 a\r\n`\r\nend\r\n" * 300 + b"begin 644 run.exe\r\n`\r\nend\r\n",
]


@pytest.mark.parametrize("piece", [1, 700, 100_000])
@pytest.mark.parametrize("body", ODD_FILES)
def test_admission_sees_the_name_of_what_only_others_could_read(body: bytes, piece: int) -> None:
    assert "run.exe" in named(b"Hello\r\n" + body, piece)
    assert "run.exe" in named(body, piece)


@pytest.mark.parametrize(
    "section", [b"Subject: x\r\n \r\nhello\r\n", b"Subject: x\r\n", b"Subject: x\r\nhello there\r\n"]
)
def test_admission_sees_a_name_where_the_header_section_does_not_end(section: bytes) -> None:
    seen = MimeFiles(section + b"begin 644 run.exe\r\n#0V%T\r\n`\r\nend\r\n", MimeLimits())
    assert seen.finish().forbidden((".exe",)) == "the attachment 'run.exe' is .exe"


def test_what_is_too_many_to_be_listed_stays_in_the_text() -> None:
    mail = read(b"Subject: x\r\n\r\n" + b"".join(b"begin 644 a%d\r\n#0V%%T\r\n`\r\nend\r\n" % n for n in range(250)))
    assert (len(mail.attachments), mail.text.count("begin 644")) == (files_in_text.MAX_FILES, 50)


@pytest.mark.parametrize("words", [*WORDS[:1], b"we begin 644 run.exe\n`\n", b"begin now run.exe\n`\n"])
def test_words_are_no_files_to_admission(words: bytes) -> None:
    assert named(words, 7) == ""


def test_more_names_than_are_looked_at_count_as_forbidden() -> None:
    body = b"".join(b"begin 644 a%d\r\n`\r\nend\r\n" % number for number in range(files_in_text.MAX_FILES + 1))
    assert named(body, 1000)


@pytest.mark.parametrize("stuff", [CAT, DOG, b"begin 644 a\n", b"=ybegin name=a\n", b"=ybegin ", b"=y", b"=}", b"`\n"])
def test_looking_costs_no_more_than_a_few_readings_of_words(stuff: bytes) -> None:
    plain = MAIL % (b"hello there\r\n" * 80_000)
    dear = MAIL % (stuff * (1_000_000 // len(stuff)))
    assert seconds(lambda: (read(dear), named(dear, 65_536))) < 10 * seconds(
        lambda: (read(plain), named(plain, 65_536))
    )
