# SPDX-License-Identifier: Apache-2.0
"""A stranger's HTML made safe to show: nothing runs, nothing is fetched; at a cost that no page can drive up."""

import re
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.sanitising import MAX_CHARACTERS, MAX_TAG_CHARACTERS, of_text, sanitise
from tests.support import cost

NAMES = {"a@b": "a@b", "pic.png": "part3"}

# what comes, what is shown
SHOWN = [
    # words and structure stay
    ("<p>Hi <b>you</b> &amp; me&nbsp;&lt;x&gt;</p>", "<p>Hi <b>you</b> &amp; me&nbsp;&lt;x&gt;</p>"),
    # what runs goes, and its words with it
    ("a<script>alert(1)</script>b<style>p{}</style>c", "abc"),
    ('<p onclick="x()">a</p>', "<p>a</p>"),
    ('<a href="javascript:x()">a</a>', '<a rel="noopener noreferrer nofollow">a</a>'),
    ("<svg><script>x</script></svg><math><mtext>y</mtext></math>a", "a"),
    # what is fetched or sent goes
    ('<img src="http://t.example/x.gif" alt="t">', '<img alt="t">'),
    ('<iframe src="http://t.example"></iframe><object data="x"></object>a', "a"),
    ('<form action="http://t.example"><input name="a">ok</form>', "ok"),
    ('<link rel="stylesheet" href="http://t.example"><base href="http://t.example">a', "a"),
    ('<meta http-equiv="refresh" content="0;url=http://t.example">a', "a"),
    ('<table background="http://t.example"><tr><td>a</td></tr></table>',
     "<table><tbody><tr><td>a</td></tr></tbody></table>"),
    ('<p style="color:red;background:url(http://t.example);position:fixed">a</p>', '<p style="color:red">a</p>'),
    # parts of the mail are shown where they stand
    ('<img src="cid:a%40b">', '<img src="cid:a@b">'),
    ('<img src="pic.png">', '<img src="cid:part3">'),
    # links stay links, and say nothing of who follows them
    ('<a href="https://a.example/?b=1&amp;c=2" target="_blank">a</a>',
     '<a href="https://a.example/?b=1&amp;c=2" rel="noopener noreferrer nofollow">a</a>'),
    ('<a href="mailto:a@b.example">a</a>', '<a href="mailto:a@b.example" rel="noopener noreferrer nofollow">a</a>'),
    # what leads to where the page is shown, or to another place by its scheme
    *(
        (f'<a href="{link}">a</a>', '<a rel="noopener noreferrer nofollow">a</a>')
        for link in ("/rel", "//evil.example", "#x", "x", "?a", "http:\\\\evil.example", "http:/x", "cid:a@b")
    ),
    # a style that nh3 lets through and that fetches
    ("<p style=\"color:url('x');font-size:1px\">a</p>", '<p style="font-size:1px">a</p>'),
    # characters that stand for others on the way through
    ("a\ue000b\ue001script\ue002", "a\ufffdb\ufffdscript\ufffd"),
    # an end tag of what is never shown, and a start that nothing ends
    ("a</script>b</textarea>c<svg>d<title>e", "abcde"),
    # a tag that is too long
    (f'<b title="{"x" * MAX_TAG_CHARACTERS}">a</b>', " a"),
    # comments are no text, whatever they claim
    ("a<!-- <b> -->b<!--[if mso]>c<![endif]-->d", "abd"),
    ("a<!-->b<!-- never closed", "ab"),
]  # fmt: skip


@pytest.mark.parametrize(("page", "shown"), SHOWN)
def test_what_is_shown_is_harmless(page: str, shown: str) -> None:
    assert sanitise(page, NAMES).html == shown


def test_remote_images_are_counted_and_parts_named() -> None:
    safe = sanitise('<img src="http://a.example/1"><img src="//b.example/2"><img src="cid:a@b"><img src=cid:z>', NAMES)
    assert (safe.remote_images, safe.parts) == (2, {"a@b"})


PIECES = (
    *("<script>", "</script>", "<svg>", "<!--", "-->", "<img src=x onerror=y>", "<a href='javascript:z'>", '"', "'"),
    *("<", ">", "&lt;", "&#106;", "\ue000", "\ue001", "<style>", "</style>", "<table>", "<math>", "]]>", "text"),
)


@given(st.lists(st.sampled_from(PIECES), max_size=30))
def test_nothing_runs_whatever_comes(pieces: list[str]) -> None:
    html = sanitise("".join(pieces)).html
    tags = "".join(re.findall(r"<[^>]*>", html)).lower()
    assert not re.search(r"<script|<svg|<math|<style|\son\w+\s*=|javascript:", tags)


def test_plain_text_in_a_page_is_text() -> None:
    assert sanitise(of_text("<b>\nx")).html == '<div style="white-space:pre-wrap">&lt;b&gt;\nx</div>'


def many(piece: str) -> str:
    return (piece * (1_000_000 // len(piece) + 1))[:1_000_000]


@cache
def plain() -> float:
    """What a page costs that nobody made to be dear."""
    return cost.seconds(lambda: sanitise(many("<p>hello there ")))


NASTY = {
    "deep": many("<div>"),
    "deep lists": many("<ul><li>"),
    "links in tables": many("<table><a>"),
    "misnested": many("<b><div></b>"),
    "hidden closes": many("<div><table><td></div></table>"),
    "closes in comments": many("<div><!--></div>-->"),
    "ampersands": many("&"),
    "half entities": many("&a"),
    "spaces that do not break": many("\xa0"),
    "the same in attributes": many("<p title='" + "\xa0" * 8000 + "'>"),
    "attributes": "<a " + " ".join(f"a{n}=b" for n in range(130_000)) + ">",
    "open fonts": "".join(f"<font c{n}>" for n in range(190)) + many("<p>x</p>"),
    "quotes": many("<a b='"),
    "comments": many("<!--"),
    "styles": many("<style>"),
    "styles closed": many("<style></style>"),
}


@pytest.mark.parametrize("name", NASTY)
def test_a_nasty_megabyte_costs_about_what_a_plain_page_costs(name: str) -> None:
    assert cost.seconds(lambda: sanitise(NASTY[name])) < 10 * plain()
    assert len(sanitise(NASTY[name]).html) < 8 * MAX_CHARACTERS
