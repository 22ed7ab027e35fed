# SPDX-License-Identifier: Apache-2.0
"""A megabyte made to be slow costs at most ten times what a megabyte of words costs, in every step of the trimming."""

import functools
import itertools

import pytest

from handlers.quotes import new_text, new_text_of, new_text_of_html
from tests.support.cost import seconds, within

MEGABYTE = 1_000_000
TIMES = 10

TEXTS: dict[str, str] = {
    # dependencies G23: 15 KB of the first, 40 KB of the second cost other programs a minute.
    "attributions never ended": "On ",
    "attributions and words": "On a a a a ",
    "attributions on lines": "On On\n",
    "verbs": "x wrote:\n",
    "verbs on one line": "wrote: ",
    "whole attributions": "On 2 Nov 2026 15:04, A <a@b> wrote:\n",
    "folded ones": "On 2 Nov 2026 15:04\nA\n<a@b\n",
    "without a verb, above quotes": "a@b:\n> x\n",
    "answered": "Hi\nOn 1 May 2026 10:00, x wrote:\n> q\nyes\n",
    "attributions without verbs": "\n2.11.2026, 15:04, A <a@b.example>:\n",
    "GroupWise's dividers": ">>> A 02.11.2026 15:04 >>>\n",
    "summaries of Notes": "A ---02.11.2026 15:04---x\n",
    "offers": "get outlook for ios\n",
    "times": "10:00:\n",
    "dates": "1 1 1 2026-",
    "Chinese verbs": "写道：\n",
    "Japanese verbs": "のメール ",
    "marks on one line": ">",
    "marks on lines": ">\n",
    "quotes with gaps": "> \n\n",
    "other marks": "|x\nA>\n",
    "empty lines": "\n",
    "carriage returns": "\r",
    "invisible characters": "\u200b",
    "letters that grow when small": "İ",
    "spaces": " ",
    "signatures": "-- \n",
    "short signatures": "--\nx\n",
    "cards": "x.\n___\na@b\n",
    "rules": "____\n",
    "rules of all kinds": "\n".join("".join(rule) for rule in itertools.product("-_=*#~", repeat=5)) + "\n",
    "rules and telephones": "Sent from my iPhone\n---\n",
    "a rule": "-",
    "telephones": "Sent from my iPhone\n",
    "half telephones": "x for ios\n",
    "fields": "From: \n",
    "fields of mail": "From: a@b\nSubject: x\n",
    "fields of nothing": "Subject: x\nTo: y\n\n",
    "folded fields": "From: a\nx\nx\nx\nx\n",
    "dividers": "-----Original Message-----\n",
    "dividers of nothing": "---- x\n",
    "OpenPGP": "-----BEGIN PGP SIGNED MESSAGE-----\nx: \n-----BEGIN PGP SIGNATURE-----\n",
}
PAGES: dict[str, str] = {
    "tags never closed": "<",
    "tags never opened": "</",
    "a long tag": "<a",
    "comments": "<!--",
    "scripts": "<script>",
    "styles": "<style></style>",
    "entities": "&a",
    "numbers": "&#9",
    "nested elements": "<div>",
    "nested quotes": "<blockquote type=cite>x",
    "quotes closed": "</blockquote>",
    "nested indentations": "<blockquote>",
    "long attributes": '<div class="' + "a" * 500 + '">',
    "attributes that nearly match": '<div id="' + "x_" * 250 + '">',
    "many attributes": "<div " + "name=" * 100 + ">",
    "breaks": "<br>",
    "paragraphs": "<p>",
    "words and breaks": "x<br>",
    "preformatted": "<pre>\n",
    "old mails": "<hr id=stopSpelling>",
    "attributions": "<div class=gmail_attr>x:",
    "signatures": '<div class="gmail_signature">x</div>',
    "tables": "<table><tr><td>",
    "verbs": "<p>On 2 Nov 2026 15:04, A &lt;a@b&gt; wrote:</p>",
}


def a_megabyte_of(piece: str) -> str:
    return (piece * (MEGABYTE // len(piece) + 1))[:MEGABYTE]


@functools.cache
def cost_of_words() -> float:
    words = a_megabyte_of("Here are some words of a mail that goes on, as mails do when people write.\n")
    return seconds(lambda: new_text(words))


@functools.cache
def cost_of_a_page() -> float:
    page = a_megabyte_of("<p>Here are some <b>words</b> of a mail, as mails are when people write.</p>\n")
    return seconds(lambda: new_text_of_html(page))


@pytest.mark.parametrize("kind", TEXTS)
def test_a_nasty_text_costs_about_what_words_cost(kind):
    text = a_megabyte_of(TEXTS[kind])
    assert within(TIMES * cost_of_words(), lambda: new_text(text))


@pytest.mark.parametrize("kind", PAGES)
def test_a_nasty_page_costs_about_what_a_page_of_words_costs(kind):
    page = a_megabyte_of(PAGES[kind])
    assert within(TIMES * cost_of_a_page(), lambda: new_text_of_html(page))


def test_choosing_between_a_text_and_its_page_costs_about_what_both_cost():
    text, page = a_megabyte_of("a "), a_megabyte_of("a<b>a</b>")
    assert within(TIMES * (cost_of_words() + cost_of_a_page()), lambda: new_text_of(text, page))


def test_a_late_quote_below_a_long_answer_is_kept_rather_than_looked_for():
    text = "word\n" * 30_000 + "On 2 Nov 2026 15:04, A <a@b.example> wrote:\n> q"
    assert new_text(text) == text
    page = "<p>word</p>" * 30_000
    assert new_text_of_html(page).split() == ["word"] * 30_000
