# SPDX-License-Identifier: Apache-2.0
"""Further languages and clients, and people's words that look like theirs."""

import pytest

from handlers.quotes import new_text, new_text_of_html
from tests.handlers.quoting_world import ABOVE, BELOW
from tests.handlers.test_quotes import ANSWER, OLD

WORDS = "Thank you.\nThe key is lost: why?"
PAGE = "<div>Thank you.</div><div>The key is lost: why?</div>"
FIELDS = "<b>From:</b> Ann<br><b>Sent:</b> Monday, November 2, 2026 3:04 PM<br><b>To:</b> Carl<br>"
QUOTED = "<p>Dear Carl,</p><p>did you turn the key?</p>"


@pytest.mark.parametrize("written", ABOVE)
def test_an_old_mail_goes_with_what_the_client_wrote_above_it(written: str) -> None:
    assert new_text(f"{ANSWER}\n\n{written}\n{OLD}") == ANSWER
    assert new_text(f"{ANSWER}\n{written}\n> Dear Carl,\n> did you turn the key?\n") == ANSWER


@pytest.mark.parametrize("written", BELOW)
def test_what_a_program_writes_below_goes(written: str) -> None:
    assert new_text(f"{ANSWER}\n\n{written}\n") == ANSWER


@pytest.mark.parametrize(
    "text",
    [
        # A long sentence with a telephone's opening, without a telephone.
        "It came back.\nSent from my house on Monday, it never arrived at yours.",
        "Please send it again.\nGet nine",
        "Please help.\n\nGet new phone",
        "It is broken.\nOutlook for iOS stops when I open it",
        # "-- " with a sentence apart below it.
        "Answer: 42\n\n-- \n\nWait, I meant 43.",
        # A person who tells when they wrote, in scripts without spaces.
        "こんにちは。\n\n2026年3月3日 10:22に私はメールを書きました:\n\n返事がありません。",
        "您好，\n\n2026年3月3日 10:22，我向贵公司写道：\n\n没有回复。",
        # A log, a list and a meeting with a name, an address and a time in their headings.
        "Why?\n\nBackup of Mon, 2 Nov 2026 15:04:05 for carl@customer.example:\n\n0 files copied",
        "Hello,\n\nmeeting on 2 Nov 2026 15:04 with Bob <bob@x.example>:\n\n- brakes\n- oil",
        "Hello,\n\n2026-11-02 15:04:05 warning <pump@farm.example>:\n\nno oil. What is it?",
        # Words that a program's line begins with.
        "Reply above this line is what your mail says, and I did.",
        "I see this: >>> and then it stops >>>",
        # A form with the names of fields in other languages.
        "Sipariş:\n\nKonu: Traktör\nTarix: 3 may\nKimə: Carl\n\nNe zaman?",
    ],
)
def test_what_a_person_wrote_stays(text: str) -> None:
    assert new_text(text) == text


@pytest.mark.parametrize(
    "page",
    [
        # Gmail in scripts with a colon of their own.
        f'{PAGE}<div class="gmail_quote"><div class="gmail_attr">2 Nov 2026 Ann &lt;a@b.example&gt; እንዲህ ጽፏል፦</div>'
        f'<blockquote class="gmail_quote">{QUOTED}</blockquote></div>',
        # Windows Mail shows no subject.
        f'{PAGE}<div style="border-top-color: rgb(229, 229, 229); border-top-style: solid;">{FIELDS}</div>{QUOTED}',
        # Yahoo on telephones puts the attribution into the indentation.
        f'{PAGE}<div id="ymail_android_signature">Sent from Yahoo Mail on Android</div>'
        '<blockquote style="margin: 0 0 20px">'
        "<div>On Mon, Nov 2, 2026 at 3:04 PM, Ann</div><div>&lt;a@b.example&gt; wrote:</div>"
        f'<div style="border-left: 1px solid #6D00F6;">{QUOTED}</div></blockquote>',
        # Notes sums the old mail up above its fields.
        f"{PAGE}<p>Ann ---11/02/2026 03:04:05 PM---Dear Carl, did you</p>{FIELDS}Subject: Tractor<hr>{QUOTED}",
        # GroupWise.
        f"{PAGE}<br>&gt;&gt;&gt; Ann &lt;a@b.example&gt; 02.11.2026 15:04 &gt;&gt;&gt;<br><div>{QUOTED}</div>",
        # Signatures of Spark, Airmail, FairEmail, Front, Zoho and Roundcube.
        f'{PAGE}<div name="messageSignatureSection">Carl Customer</div>',
        f'{PAGE}<div id="bloop_sign_150" class="bloop_sign"><div>Carl Customer</div></div>',
        f'{PAGE}<div fairemail="signature"><p>Carl Customer</p></div>',
        f'{PAGE}<div class="front-signature"><p>Carl Customer</p></div>',
        f'{PAGE}<div id="Zm-_Id_-Sgn" data-sigid="1"><div>Carl Customer</div></div>',
        f'{PAGE}<div id="_rc_sig">Carl Customer</div>',
    ],
)
def test_what_further_programs_write_into_html(page: str) -> None:
    assert new_text_of_html(page).replace("\n\n", "\n") == WORDS
