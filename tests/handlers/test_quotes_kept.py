# SPDX-License-Identifier: Apache-2.0
"""People's words that look like a footer, an attribution, a telephone's line or fields: all of them stay."""

import pytest

from handlers.quotes import new_text


@pytest.mark.parametrize(
    "text",
    [
        # Words that lawyers and scanners use, below any rule.
        "Hello,\n\n---\nPlease keep this confidential, my wife is the recipient of the gift.\nCan you send the rest?",
        "Dear bank,\n___\nI transferred 400 EUR in error. It is a confidential matter, call me.\n+49 30 123456",
        "Dear bank,\n_______________\nI transferred 400 EUR in error. It is a confidential matter, call me.",
        # A heading with its underline.
        "1. licence\n----------\nOur scanner reported a virus in setup.exe, which we checked twice.\nWhat now?",
        "Hello, I sign the NDA.\n\n----\nI keep all confidential. The intended use is research.\nBob Miller",
        "In the matter of A v B\n\n***\nCONFIDENTIAL\nThe recipient of this letter shall pay 4000 EUR.\n***",
        f"Settlement offer\n{32 * '_'}\nThis offer is privileged. If the addressee does not answer we go to court.",
        "Hallo,\nder Scanner sagt:\n---\nVirus gefunden in a.exe, geprüft von AVX\n---",
        "Yes please\n\n_____\nI mean the red one, scanned and checked for viruses by malware tool.",
        "Ja\n--\nDie geprüften Viren sind weg, aber der Rechner ist langsam.",
        f"Hello,\n\n{32 * '_'}\nPlease note: the intended recipient of my order is my privileged aunt.\nDeliver it.",
        # The lawyers' own sentence, and a person's below it.
        f"Hello,\n\n{32 * '_'}\nThis e-mail is confidential, I tell nobody but you that it rains in.",
        f"Hello,\n\n{32 * '_'}\nThis e-mail is confidential.\n\nThe tractor stands in the barn of our neighbour.",
        f"This is what your mails say:\n\n{32 * '_'}\nThis e-mail is confidential and for the addressee only.",
        # In further languages.
        "Здравствуйте,\nне работает принтер.\n---\nАнтивирус проверен, не помогло. Что делать?",
        "您好，\n---\n病毒检查失败，请帮忙。",
        "ウイルスの警告が出ます。\n---\nチェックしましたが、消えません。\nウイルス名は X です。",
        "Dobrý den,\n---\nProsím důvěrně. Adresát příjemce je Jan.",
        "Bonjour,\n\nle document est joint.\n---\nMerci de le garder confidentiel. Le destinataire est M. Dupont.",
        "Hola\n---\nEl paquete es confidencial, el destinatario es mi hermano.",
        "Hallo,\n---\nhet is vertrouwelijk; de geadresseerde ben ik.",
        "Buongiorno,\n***\ndocumento riservato, destinatario errato: cosa devo fare?",
        "Hej\n---\nÄr det konfidentiellt? Mottagaren är min mor.",
        "Hallo,\n\nich habe zwei Fragen.\n-----\nIst die Datei vertraulich? Wer ist der Empfänger?",
        # Lists and who writes about them.
        "Hi\n***\nMy mailman lost the parcel again. He says that it was unsubscribed at https://x.example/track\n***",
        "Hi support,\n---\nGoogle groups mails bounce, e.g. from x@groups.example. What can we do?",
        "Hello\n---\nMailman does not work: https://lists.example/mailman/listinfo shows error 500.\nCan you fix it?",
        "Hi,\n\n--\n\nPlease unsubscribe bob@x.example from your newsletter, I never asked for it.",
        "Hi\n\nsee above.\n\n-----\nUnsubscribe me from the mailing list. My address is carl@customer.example",
        "Hi\n---\nI can not unsubscribe at https://x.example\nHelp!",
        "Hi\n\n---\nI can not unsubscribe at https://x.example\nHelp!",
        "I like to leave the list.\n___\nunsubscribe",
        "STOP\n\n---\nunsubscribe bob@x.example",
        "1) open the mailing list page\n---\n2) mailing list page shows nothing at www.x.example\n3) restart",
    ],
)
def test_words_below_a_rule_stay(text: str) -> None:
    assert new_text(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "Hi, in the log I see\n\n2026-05-03 10:15:00 Bob <bob@x.example>:\nlogin failed\nWhy does it fail?",
        'I asked and got this answer\n\n3 May 2026 10:15 Support <help@x.example>:\n"Reboot".\nThat did not help.',
        "Meeting notes of today\n\n2.11.2026, 15:04, Ann Miller (ann@firm.example):\n"
        "she says the router is broken. I do not agree.",
        "Best way to see it\n\n2026-05-03 10:15:00 Bob <bob@x.example>:\nlogin failed",
        "Kind regards\nthis is the log\n\n2026-05-03 10:15:00 Bob <bob@x.example>:\nlogin failed",
    ],
)
def test_a_log_or_notes_with_a_name_and_a_time_stay(text: str) -> None:
    assert new_text(text) == text


@pytest.mark.parametrize(
    "last",
    [
        # Words of a post office, a bank and a traveller that a telephone's line begins with, too.
        "Envoyé à partir d'un relais samedi.",
        "Envoyé par courrier recommandé le 3 mai.",
        "Envoyé par Chronopost mobile le 3 mai",
        "Sent from Newton",
        "Sendt med MobilePay i går, 400 kr.",
        "Lähetetty MobilePaylla 40 euroa",
        "Отправлено с почтового отделения 3 мая",
        "Отправлено с почтой 3 мая",
        "Надіслано з пошти Києва 3 травня",
        "Sent by phone on Monday",
        "Sent by my husband last Tuesday.",
        "Sent phone back Monday.",
        "Sent with the device on Monday",
        "Sent via Royal Mail, Samsung Galaxy",
        "Sent using my wife's phone number 4711",
        "Sent from my office in Berlin.",
        "Dikirim dari Jakarta tanggal 3 Mei.",
        "Gửi từ Hà Nội ngày 3/5.",
        "Enviat des de Barcelona el 3 de maig.",
        "Enviado por mi hermano desde Madrid con Samsung dentro",
        "Inviato con corriere un telefono rotto",
        "Skickat med posten: Samsung telefon",
        "Wysłane z reklamacją: telefon Nokia",
        "Verzonden pakket met Samsung tablet nooit ontvangen",
        "Gesendet mit DHL am 3. Mai: iPhone 12",
        "Telefon elküldve",
        "Get Outlook for Android does not work on my tablet",
        "Provenance : appareil acheté à Lyon",
    ],
)
def test_a_last_line_that_tells_how_something_was_sent_stays(last: str) -> None:
    assert new_text(f"Hello,\nwhere is it?\n{last}") == f"Hello,\nwhere is it?\n{last}"


@pytest.mark.parametrize(
    "last",
    [
        "Sent from my Samsung Galaxy S21",
        "Sent from my cell, please excuse any typos.",
        "Sent via mobile",
        "(sent from a phone)",
        "Sent from Mailbox for iPad",
        "Gesendet mit meinem Handy",
        "Von meinem Mobilgerät gesendet",
        "Verzonden met BlackBerry Work",
        "Verzonden via Yahoo Mail op Android",
        "Lähetetty Outlookista iOS-laitteille",
        "ส่งจาก Outlook สำหรับ iOS",
        "Sent from my Redmi Note 8",
    ],
)
def test_a_last_line_of_a_telephone_goes(last: str) -> None:
    assert new_text(f"Hello,\nwhere is it?\n{last}") == "Hello,\nwhere is it?"


@pytest.mark.parametrize(
    "text",
    [
        # Bookings, forms and letters: nobody's address, and no field that only mail has.
        "Hello,\nI want to book a transfer.\n\nFrom: Rome Airport\nTo: Hotel Oslo\nDate: 3 May 2026 10:15\n"
        "Subject: transfer\nPassengers: 3\n\nDo you have child seats?",
        "Invoice\nNo: 4711\nDate: 3 May 2026, 10:15\nSubject: broken chair\nIt creaks.",
        "Rendez-vous\nDate: 3/5/2026 10:15\nDe: Paris\nÀ: Lyon\nObjet: déménagement\nMerci",
        "Wysyłka\nData: 3.5.2026 10:15\nOd: Kraków\nDo: Warszawa\nTemat: paczka\nDziękuję",
        "Von: Bob Miller\nAn: Firma Beispiel\nDatum: 3.5.2026, 10:15\nBetreff: Kündigung\n\nHiermit kündige ich.",
        "Date: 3 May 2026 10:15\nFrom: Bob Miller\nTo: Firm\nRe: Cancellation\nSubject: Cancellation\n\nI cancel.",
        "Dear team,\nreference: your letter\nSent: 3 May 2026\nFrom: Firm Ltd\nSubject: Reminder\n\nI have paid.",
        "Subject: Visit\nSent: by bike\nFrom: Oslo\nHello",
        "We got this letter\n\nFrom: Bank\nSent: 3 May 2026 10:15\nSubject: Your account\n\nIs it phishing?",
    ],
)
def test_fields_of_a_form_stay_with_what_is_below_them(text: str) -> None:
    assert new_text(text) == text
