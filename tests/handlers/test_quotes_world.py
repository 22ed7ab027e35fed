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
        "Jó napot!\n\nAz Outlook iOS alatt nem indul",
        "Dobrý den.\n\nOdesláno z firmy, seznam dílů je přiložen",
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
        # What somebody asks of a list, or says of a virus or a secret.
        "Hello\n\n---\nPlease unsubscribe me, I never asked for this.",
        "Hello\n\n---\nI think it is a virus. What do you think?",
        "Hello\n\n---\nThis is confidential: do not tell Bob.",
        # An answer right below a quoted line that was not full.
        "> do you want the tractor\nyes and the plough\n> and when?\nmonday",
        # A form with the names of fields in other languages.
        "Sipariş:\n\nKonu: Traktör\nTarix: 3 may\nKimə: Carl\n\nNe zaman?",
    ],
)
def test_what_a_person_wrote_stays(text: str) -> None:
    assert new_text(text) == text


FULL = "> the tractor has stood in the yard since Monday and nobody has come to look,"


@pytest.mark.parametrize(
    "below",
    [
        # Lists.
        "-=-=-=-=-\nGroups.io Links: You receive all messages sent to this group.\nhttps://groups.example/g/1\n-=-=-=-=-",
        f"{36 * '-'}\n\n{36 * '-'}\n\nYahoo Groups Links\n\n<*> To visit your group, go to:\nhttp://groups.example/",
        "—\nReply to this email directly, view it on GitHub, or unsubscribe.",
        # Scanners and lawyers, with a rule above, or around.
        "---\nDiese E-Mail wurde von Avast auf Viren geprüft.\nhttps://www.avast.example/antivirus",
        f"{32 * '_'}\n\nThis message is confidential and intended solely for the addressee. If you have "
        "received it in error, please notify the sender and delete it.",
        f"{40 * '*'}\nThis e-mail is confidential, and is for the addressee only.\n{40 * '*'}",
        # A card that begins with a greeting, right below the words.
        "--\nMit freundlichen Grüßen\nCarl Customer",
        # A quoted line that a program folded a second time; an attribution that ends in its time.
        f"On 2 Nov 2026, 15:04, Ann <a@b.example> wrote:\n{FULL}\nnot even once.\n> Why?\n",
        "Ann <a@b.example> 2/11/2026 15:04\n> Dear Carl,\n",
    ],
)
def test_footers_and_broken_quotes_go(below: str) -> None:
    assert new_text(f"{WORDS}\n\n{below}") == WORDS


UNMARKED = "-----Original Message-----\nFrom: Ann\nSent: Monday\nTo: Carl\n\n1. Does it work?\n\nYes it does."


@pytest.mark.parametrize(
    "above",
    [
        "My answers below.",
        "Antworten im Text",
        "Mes réponses en rouge.",
        "Svar nedan",
        "Inline.",
        "Ответы ниже",
        "回复如下",
    ],
)
def test_an_old_mail_stays_where_answers_stand_in_it(above: str) -> None:
    assert new_text(f"{above}\n\n{UNMARKED}").endswith("Yes it does.")


@pytest.mark.parametrize(
    "above",
    [
        "Thank you for your reply below.",
        "The inline skates fell off.",
        "Der Traktor ist in Rotterdam.",
        "La voiture en rouge, s'il vous plaît.",
        "C'è un errore nel testo.",
    ],
)
def test_an_old_mail_goes_where_only_such_words_stand_above_it(above: str) -> None:
    assert new_text(f"{above}\n\n{UNMARKED}") == above


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
