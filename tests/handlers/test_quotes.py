# SPDX-License-Identifier: Apache-2.0
"""The new words of a text: quotes, old mails and signatures go, whatever a person wrote stays."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.quotes import new_text
from tests.handlers.quoting_samples import MARKED, UNMARKED

ANSWER = "Thank you.\n\nThe tractor (no. 7) still stops at noon: why?\n\nBest regards\nCarl"
QUOTE = "> Dear Carl,\n>\n> did you turn the key?\n>> I did.\n"
OLD = "Dear Carl,\n\ndid you turn the key?\n\nAnn\n"


@pytest.mark.parametrize("client", MARKED)
def test_a_quote_below_the_answer_goes_with_what_the_client_wrote_above_it(client):
    assert new_text(f"{ANSWER}\n\n{MARKED[client]}\n\n{QUOTE}") == ANSWER
    assert new_text(f"{ANSWER}\n{MARKED[client]}\n{QUOTE}\n-- \nCarl\nFarm\n") == ANSWER


@pytest.mark.parametrize("client", MARKED)
def test_a_quote_above_the_answer_goes_too(client):
    if "\nTo " not in MARKED[client]:  # that is a block of fields, above which nobody answers
        assert new_text(f"{MARKED[client]}\n{QUOTE}\n{ANSWER}") == ANSWER


@pytest.mark.parametrize("client", UNMARKED)
def test_an_old_mail_without_marks_goes_with_its_fields(client):
    assert new_text(f"{ANSWER}\n\n\n{UNMARKED[client]}\n{OLD}") == ANSWER
    assert new_text(f"{ANSWER}\r\n{UNMARKED[client]}\r\n{OLD}".replace("\n", "\r\n")) == ANSWER


@pytest.mark.parametrize(
    "text",
    [
        # Words that look like an attribution, a block, a divider, a signature, a telephone's line, and are none.
        "She wrote: hello\nFrom: the hills\nand so on",
        "Yesterday your colleague wrote:\nwe shall see.\nWhat now?",
        "On 3 May 2026 I wrote to you.\n\nNobody answered:\nwhy?",
        "Please book for me:\nFrom: Rome\nTo: Oslo\nDate: 3 May\nThank you",
        "These are the fields:\nSubject: a word\nTo: nobody\n\nIs that right?",
        "Prices:\n-----\nTractor 7 costs more than I thought it would, and I cannot pay that.\n-----\nWhat now?",
        "First\n***\nOne more thing: the seat is loose.",
        "1.\n--\nfoo is broken.\n\n2.\n--\nbar is broken",
        "Steps:\n\n---\n\n1. open it\n2. close it\n\n---\n\nresult: boom",
        "Here is my code:\n\n-----------\nint main() {\n}\n-----------\n\nWhy?",
        "Here is my code:\n\n-----------\nint main() {\n}\n-----------",
        "Total:\n=====\n7",
        "Hello\n\nSent from Berlin on Monday, the parcel is late",
        "Hello\n\nI use Outlook for Android",
        "Thanks!\nSent by mail yesterday.",
        "Hallo\n\nVon meinem Handy geht es nicht",
        "Hallo\n\nIch habe es vom Handy gesendet",
        "Can you\nget me a new phone",
        # A story of one's own, without brackets around an address or with a pronoun.
        "Hello\n\nI wrote to Ann <ann@firm.example> on 3 May 2026 at 10:00:\n\nIt is broken.\n\nNobody answered.",
        "The customer carl@customer.example wrote:\nhelp me\n\nPlease do.",
        "The log says:\n\n2026-11-02 15:04:05 error <a@b.example>:\n\nWhat does it mean?",
        "Please change my address:\n\nVon: Berlin\nNach: Rom\nDatum: 3.5.\nAn: carl@customer.example\n\nDanke",
        # A rule between two parts, and what looks no more like a signature than like a list.
        "Part one is about billing.\n\n--\n\nPart two is about shipping. Where is my order?",
        "Here is my picture.\n\n—\n\nPlease tell me when you will repair the roof. It rains in.",
        "See the attached picture.\n\n—\nIs that the right part?",
        "Part one is fine.\n\n--\nPart two is not.\n\n--\nPart three is missing.",
        "I would like to order.\n\n--\nProduct: Screw\nCount: 5",
        "Please cancel\n\n=====\norder 5\norder 6",
        "Please cancel:\n---\norder 5\norder 6",
        "Please cancel:\n\n--\norder 5 of Monday",
        "Need:\n- 5 screws\n- 3 nuts\n--\n2 bolts",
        "Name: __________\n\n________\nSignature of the customer is missing, where do I send it",
        "Please cancel.\n\n-- \nAnn Doe\n\nPS: Please correct the bill, too, it is wrong.",
        "Please cancel.\n\n--\nAnn Doe\n\nP.S. Please correct the bill, too, it is wrong.",
        # A story of what somebody wrote, with a day, a time, and even an address.
        "Am 3. März 2020 um 10:22 Uhr schrieb mir Ihr Kollege Paul:\n\nWir erstatten das Geld.\n\nNichts ist gekommen.",
        'Guten Tag,\n\nam 3. März 2020 um 10:22 Uhr schrieb mir Ihr Kollege Paul:\n"Wir zahlen."\n\nNichts kam.',
        "On Monday I called, and on 3 March 2015 at 10:11 your colleague wrote:\n\nwe will pay.\n\nNothing came.",
        "Hello,\n\nOn 3 March at 10:11 your colleague wrote:\nwe will pay.\n\nNothing came. Please pay.",
        "Hello,\n\nOn 3 March 2015 at 10:11 your colleague Bob <b@x.example> wrote:\nwe pay.\n\nNothing came, why?",
        "Hello,\nthe manager (boss@x.example) wrote:\nwe pay.\nNothing came. Please pay.",
        "Bonjour,\n\nLe 3 mars 2020 à 10:22, votre collègue Paul m'a écrit :\nnous paierons.\n\nRien n'est venu.",
        "Добрый день,\n03.03.2015, 10:11, ваш мастер Иван написал:\nприеду завтра.\nНикто не приехал.",
        # Fields that a person pasted or made up.
        "I received this scam:\n\nFrom: bank@evil.example\nTo: me\nSubject: pay\n\nCan you block it? Thank you.",
        "Is it you?\n\nFrom: bank@evil.example\nTo: me@x.example\nSubject: pay\n\npay at http://x\n\nIs it real?",
        "I got this:\n\nFrom: a@evil.example\nDate: 3 May 2026 10:00\nTo: me\nSubject: pay\n\npay now\n\nIs it real?",
        "My booking:\nFrom: Berlin\nTo: Paris\nDate: 3 May\nSubject: family visit\nPlease confirm.",
        "Travel plan\n\nFrom: Berlin\nTo: Paris\nDate: 3 May\nSubject: business trip\n\nPlease book it for two.",
        # A quote that its author presents.
        "These are the limits:\n> 5 degrees: it works\n> 9 degrees: it does not",
        # Answers written into an old mail without marks: nobody can tell them apart.
        "Please see my answers below.\n\n-----Original Message-----\nFrom: Ann\n\n1. Does it work?\n\nYes it does.",
        "Sent from the warehouse in May, it never came here.",
        "Get well soon!",
        "From my point of view it is broken.\nVia Roma 7",
        "A | B\n| 1 | 2 |\n| 3 | 4 |",
        "x > y and y > z\na->b",
        "Call me at 10:30:\n+1 555 0100",
        "I said at 10:30 on 3 May:\nno.",
        "My address is carl@customer.example:\nplease use it.",
        "--\nMy first line is a rule",
        "What is this?\n\nReceived: from x\nFrom: a@b.example\nTo: c@d.example\nSubject: x\nDate: y\n\nIs it spam?",
        "Original message: I never got it.",
        # Answers between quotes stay, with the quotes.
        "> first?\nyes\n> second?\nno",
        "Hello Ann,\n\n> Can you?\n\nYes.\n\n> Will you?\n\nNo.",
        # A quote that nobody names above an answer: it may be anyone's words.
        "> It was said that\n> it works\n\nIt does not.",
        "> only a quote",
        "> a quote\n\n> another",
        "Sent from my iPhone",
        "",
    ],
)
def test_what_a_person_wrote_stays(text):
    assert new_text(text) == text


@pytest.mark.parametrize(
    ("text", "new"),
    [
        # A greeting above the quote and the answer below it: in doubt all of it stays.
        ("Hello!\n\nAnn wrote:\n> Shall we?\n\nYes.", "Hello!\n\nAnn wrote:\n> Shall we?\n\nYes."),
        # Answers piece by piece: what the client wrote above goes, the quotes stay.
        (
            "On 2 Nov 2026, at 15:04, Ann <ann@firm.example> wrote:\n> One?\nYes.\n> Two?\nNo.",
            "> One?\nYes.\n> Two?\nNo.",
        ),
        (
            "Hi,\n\nOn 2 Nov 2026, at 15:04, Ann <a@firm.example> wrote:\n> One?\nYes.\n> Two?\nNo.\n> Three?\n",
            "Hi,\n\n> One?\nYes.\n> Two?\nNo.",
        ),
        # Passed on: the mail below is what the sender shows us; with words above, those are the new ones.
        (
            "---------- Forwarded message ---------\nFrom: Shop <shop@other.example>\nDate: Mon, 2 Nov 2026\n"
            "Subject: Bill\nTo: <carl@customer.example>\n\nYou owe us 7 €.\n-- \nShop",
            "You owe us 7 €.\n-- \nShop",
        ),
        ("See below.\n\n---------- Forwarded message ---------\nFrom: Shop\n\nYou owe us.", "See below."),
        # An attribution first and nothing quoted below: only it goes.
        ("On 2 Nov 2026 15:04, Ann <a@firm.example> wrote:\n\nShall we?", "Shall we?"),
        # The first of several old mails is where the new words end.
        (f"Yes.\n\n{UNMARKED['Outlook']}\nNo.\n\n{UNMARKED['Outlook, German']}\nWhy?", "Yes."),
        # An answer between its quote and the signature or another quote.
        (f"{MARKED['mutt']}\n> One?\n\nYes.\n\n{MARKED['Gmail, English']}\n> older", "Yes."),
        # Fields on one line; a divider of a client that we do not know.
        ("Yes.\n\nFrom: Ann [mailto:a@b.example] Sent: Monday 15:04 To: Carl Subject: x\n\nold", "Yes."),
        ("Yes.\n\nFrom: Ann Sent: Monday 15:04 To: Carl Subject: x\n\nold", "Yes."),
        ("Yes.\n\n----- Qwx zzz -----\nVon: Ann\nold", "Yes."),
        # Signed text in OpenPGP's frame.
        (
            "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nYes.\n- -- \nCarl\n"
            "-----BEGIN PGP SIGNATURE-----\nVersion: 1\n\niQEz\n=abcd\n-----END PGP SIGNATURE-----\n",
            "Yes.",
        ),
        # A mailing list's footer.
        (
            "Yes.\n_______________________\nfarm mailing list\nfarm@lists.example\nhttps://lists.example/listinfo\n",
            "Yes.",
        ),
        ("Yes.\n\n--\nCarl\n\n--\nFarm list, sent to all.", "Yes."),
        # A card right below the words: a company's form ends in a full stop, too.
        ("Please call.\n\nRegards,\nAnn\n--\nAnn Doe\nACME Inc.\n+1 555", "Please call.\n\nRegards,\nAnn"),
        ("Please call.\n\n--\nCheers,\n\nAnn\nhttps://ann.example/", "Please call."),
        ("Please call.\n\n--\nThanks!\nAnn", "Please call."),
        # A scanner's words below, and their links.
        (
            "Please call.\n\n--\nThis message was scanned and is clean.\n[Report it](http://scan.example/r)\n",
            "Please call.",
        ),
        # A whole clause as clients write it, without an address or marks.
        ("Yes.\n\nOn 11/2/26 15:04, Firm Support wrote:\n\nold", "Yes."),
        ("Yes.\n\nAm 02.11.2026 um 15:04 schrieb Firm Support:\n\nalt", "Yes."),
        # Proton's divider as Markdown escapes it.
        (
            "Yes.\n\nSent from ProtonMail mobile\n\n\\-------- Original Message --------\n"
            "On 2 Nov 2026, 15:04, Ann < a@b.example> wrote:\n\n> old",
            "Yes.",
        ),
        ("Yes.\n-- \nCarl\n\n-- \nYou received this message because you subscribed.", "Yes."),
    ],
)
def test_what_is_left_of_mixed_mails(text, new):
    assert new_text(text) == new


@pytest.mark.parametrize("delimiter", ["-- ", "--", "—", "__", "---", "____________", "*****"])
def test_a_signature_goes_below_its_delimiter(delimiter):
    assert new_text(f"{ANSWER}\n\n{delimiter}\nCarl Customer\nFarm Ltd, 7 Field Road\n+1 555 0100\n") == ANSWER
    assert (
        new_text(f"{ANSWER}\n\n{delimiter}\nCarl\n\nOn 2 Nov 2026 15:04, Ann <a@b.example> wrote:\n{QUOTE}") == ANSWER
    )


@pytest.mark.parametrize("delimiter", ["-- ", "--", "—", "*****"])
def test_a_rule_above_much_text_is_no_signature(delimiter):
    text = f"First part.\n{delimiter}\n" + "Here is more of what I have to say about it.\n" * 30
    assert new_text(text) == text.strip()


BOASTS = (
    *("Sent from my iPhone", "Sent from my Galaxy", "Sent from Outlook for Android", "Get Outlook for iOS"),
    *(
        "Get Outlook for iOS<https://aka.ms/o0ukef>",
        "Sent from Yahoo Mail for iPad",
        "Sent with Proton Mail secure email.",
    ),
    *(
        "Sent via BlackBerry by AT&T",
        "Sent from Mail for Windows",
        "Von meinem iPhone gesendet",
        "Gesendet mit der GMX Mail App",
    ),
    *(
        "Gesendet von meinem Samsung Galaxy Smartphone.",
        "Diese Nachricht wurde von meinem Android-Gerät mit K-9 Mail gesendet.",
    ),
    *("Envoyé de mon iPhone", "Envoyé depuis mon smartphone Samsung Galaxy.", "Télécharger Outlook pour iOS"),
    *("Enviado desde mi iPhone", "Enviado do meu iPhone", "Obtener Outlook para Android", "Inviato da iPhone"),
    *("Inviato dal mio dispositivo Android", "Verstuurd vanaf mijn iPhone", "Verzonden vanuit Outlook voor iOS"),
    *(
        "Skickat från min iPhone",
        "Sendt fra min iPhone",
        "Lähetetty iPhonesta",
        "Wysłane z iPhone’a",
        "Odesláno z iPhonu",
    ),
    *(
        "Odoslané z iPhonu",
        "Poslano z mojega iPhone",
        "Trimis de pe iPhone",
        "Отправлено с iPhone",
        "Отправлено из мобильной Почты",
    ),
    *("Надіслано з iPhone", "Изпратено от моя iPhone", "Στάλθηκε από το iPhone μου", "iPhone'umdan gönderildi"),
    *(
        "נשלח מה-iPhone שלי",
        "تم الإرسال من الـ iPhone الخاص بي",
        "iPhoneから送信",
        "나의 iPhone에서 보냄",
        "发自我的iPhone",
    ),
    *(
        "發自我的 iPhone",
        "從我的 iPhone 傳送",
        "Gửi từ iPhone của tôi",
        "Dikirim dari iPhone saya",
        "ส่งจาก iPhone ของฉัน",
    ),
    *("मेरे iPhone से भेजा गया", "Küldve az iPhone-omról", "Enviat des del meu iPhone"),
)


@pytest.mark.parametrize("boast", BOASTS)
def test_what_a_telephone_writes_below_goes(boast):
    assert new_text(f"{ANSWER}\n\n{boast}\n") == ANSWER
    assert new_text(f"{ANSWER}\n\n{boast}\n\nOn 2 Nov 2026 15:04, Ann <a@b.example> wrote:\n{QUOTE}") == ANSWER
    assert new_text(f"{ANSWER}\n\nOn 2 Nov 2026 15:04, Ann <a@b.example> wrote:\n{QUOTE}\n{boast}") == ANSWER


_PIECES = st.sampled_from(
    [
        *(
            "> q",
            "On Monday",
            "x wrote:",
            "-- ",
            "",
            "text",
            "From: a",
            "Sent: b",
            "Subject: c",
            "____",
            "--",
            "> wrote:",
        ),
        *(
            "Sent from my iPhone",
            "On 2 Nov 2026 15:04, A <a@b> wrote:",
            "---- Original Message ----",
            "| x",
            "A> x",
            "<",
        ),
    ]
)


@given(st.lists(_PIECES, max_size=30))
def test_the_new_text_is_lines_of_the_text_in_their_order(lines):
    left = iter(lines)
    assert all(
        any(line.strip() == one.strip() for one in left) for line in new_text("\n".join(lines)).split("\n") if line
    )


@given(st.text(max_size=500))
def test_any_text_has_new_words_if_it_has_words(text):
    assert bool(new_text(text)) == bool(text.strip()) or not new_text(text)


@given(st.lists(st.text(alphabet="abc .,?!\n", max_size=60), max_size=8))
def test_plain_words_all_stay(lines):
    text = "\n".join(lines)
    assert new_text(text) == text.strip()
