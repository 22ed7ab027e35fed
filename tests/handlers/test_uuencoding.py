# SPDX-License-Identifier: Apache-2.0
"""Files in the midst of a text, as before MIME."""

from handlers.reading import files, read

MAIL = b"Subject: x\r\n\r\nHello, see the file.\r\n\r\nbegin 644 ../cat.txt\r\n#0V%T\r\n`\r\nend\r\n\r\nBye\r\n"


def test_a_uuencoded_file_is_an_attachment_and_no_text() -> None:
    seen = read(MAIL)
    assert seen.text.split() == ["Hello,", "see", "the", "file.", "Bye"]
    assert [(one.name, one.sniffed, one.size, one.within) for one in seen.attachments] == [
        ("cat.txt", "text/plain", 3, "")
    ]
    assert [one.octets for one in files(MAIL)] == [b"Cat"]


def test_words_that_begin_so_stay() -> None:
    words = "begin 644 things\nand then\nend\nbegin 644 a\n#0V%T\nnever ended\n"
    assert read(b"\r\n" + words.encode()).text == words
