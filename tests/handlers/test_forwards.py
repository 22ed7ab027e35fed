# SPDX-License-Identifier: Apache-2.0
"""Mail that passes another on, as mail clients write it; the words are ours, the forms are theirs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.forwards import is_forward_subject, of_mail, of_text, without_prefix
from tests.support import cost

CARL = "carl@customer.example"

FORWARDS = {
    "Gmail": f"""Note.

---------- Forwarded message ---------
From: Carl Customer <{CARL}>
Date: Mon, Nov 23, 2026 at 10:00 AM
Subject: Broken
To: Ann Doe <ann.doe@private.example>


Hello.
""",
    "Gmail's text of HTML": f"""Note.

---------- Forwarded message ---------
From: *Carl Customer* <{CARL} <mailto:{CARL}>>
Date: Mon, Nov 23, 2026 at 10:00 AM
Subject: Broken
To: <ann.doe@private.example>

Hello.
""",
    "Outlook": f"""Note.

From: Carl Customer <{CARL}>
Sent: Monday, November 23, 2026 10:00 AM
To: Ann Doe <ann.doe@private.example>
Subject: Broken

Hello.
""",
    "Outlook in German, with a rule": f"""Note.

________________________________
Von: Carl Customer <{CARL}>
Gesendet: Montag, 23. November 2026 10:00
An: Ann Doe
Betreff: Broken

Hello.
""",
    "old Outlook": f"""Note.

-----Original Message-----
From: Carl Customer [mailto:{CARL}]
Sent: Monday, November 23, 2026 10:00 AM
To: Ann Doe
Subject: Broken

Hello.
""",
    "Apple Mail, quoted": f"""Note.

Begin forwarded message:

> From: Carl Customer <{CARL}>
> Subject: Broken
> Date: 23 November 2026 at 10:00:00 CET
> To: ann.doe@private.example
>
> Hello.
""",
    "Apple Mail in French": f"""Note.

Début du message transféré :

De: Carl Customer <{CARL}>
Objet: Broken
Date: 23 novembre 2026 à 10:00:00 UTC+1
À: ann.doe@private.example

Hello.
""",
    "Thunderbird in German": f"""Note.

-------- Weitergeleitete Nachricht --------
Betreff: \tBroken
Datum: \tMon, 23 Nov 2026 10:00:00 +0100
Von: \tCarl Customer <{CARL}>
An: \tann.doe@private.example



Hello.
""",
    "Thunderbird in Spanish": f"""Note.

-------- Mensaje reenviado --------
Asunto: \tBroken
Fecha: \tMon, 23 Nov 2026 10:00:00 +0100
De: \tCarl Customer <{CARL}>
Para: \tann.doe@private.example


Hello.
""",
    "Yahoo": f"""Note.

----- Forwarded Message -----
From: Carl Customer <{CARL}>
To: "ann.doe@private.example" <ann.doe@private.example>
Sent: Monday, November 23, 2026 at 10:00:00 AM GMT+1
Subject: Broken

Hello.
""",
    "Proton": f"""Note.

------- Forwarded Message -------
From: Carl Customer <{CARL}>
Date: On Monday, November 23rd, 2026 at 10:00 AM
Subject: Broken
To: ann.doe@private.example <ann.doe@private.example>

> Hello.
""",
    "mutt": f"""Note.

----- Forwarded message from Carl Customer <{CARL}> -----

Date: Mon, 23 Nov 2026 10:00:00 +0100
From: Carl Customer <{CARL}>
To: ann.doe@private.example
Subject: Broken

Hello.

----- End forwarded message -----
""",
}
WORDS = {  # divider, From, Date, Subject, To
    "Italian": ("Messaggio inoltrato", "Da", "Data", "Oggetto", "A"),
    "Portuguese": ("Mensagem encaminhada", "De", "Data", "Assunto", "Para"),
    "Dutch": ("Doorgestuurd bericht", "Van", "Datum", "Onderwerp", "Aan"),
    "Swedish": ("Vidarebefordrat meddelande", "Från", "Datum", "Ämne", "Till"),
    "Danish": ("Videresendt meddelelse", "Fra", "Dato", "Emne", "Til"),
    "Finnish": ("Välitetty viesti", "Lähettäjä", "Päiväys", "Aihe", "Vastaanottaja"),
    "Polish": ("Przekazana wiadomość", "Od", "Data", "Temat", "Do"),
    "Czech": ("Přeposlaná zpráva", "Od", "Datum", "Předmět", "Komu"),
    "Hungarian": ("Továbbított üzenet", "Feladó", "Dátum", "Tárgy", "Címzett"),
    "Russian": ("Пересылаемое сообщение", "От", "Дата", "Тема", "Кому"),
    "Turkish": ("Yönlendirilmiş ileti", "Kimden", "Tarih", "Konu", "Kime"),
    "Japanese": ("転送メッセージ", "差出人", "日付", "件名", "宛先"),
    "Chinese": ("转发邮件", "发件人", "日期", "主题", "收件人"),
    "Korean": ("전달된 메시지", "보낸 사람", "날짜", "제목", "받는 사람"),
}


@pytest.mark.parametrize("client", FORWARDS)
def test_the_mail_within_is_read_as_each_client_writes_it(client: str) -> None:
    found = of_text(FORWARDS[client], is_marked=True)
    assert found is not None
    assert (found.author_name, found.author_address) == ("Carl Customer", CARL)
    assert (found.subject, found.text, found.note) == ("Broken", "Hello.", "Note.")
    assert "23" in found.date


@pytest.mark.parametrize("language", WORDS)
def test_the_mail_within_is_read_in_many_languages_by_its_divider_alone(language: str) -> None:
    divider, author, date, subject, to = WORDS[language]
    fields = f"{author}: Carl Customer <{CARL}>\n{date}: 2026-11-23\n{subject}: Broken\n{to}: ann.doe@private.example\n"
    found = of_text(f"Note.\n\n-------- {divider} --------\n{fields}\nHello.\n", is_marked=False)
    assert found is not None, language
    assert (found.author_address, found.subject, found.text) == (CARL, "Broken", "Hello.")


def test_an_answer_is_no_forward() -> None:
    assert of_text(FORWARDS["Outlook"], is_marked=False) is None


def test_two_addresses_are_none() -> None:
    found = of_text(FORWARDS["Gmail"].replace(f"<{CARL}>", f"<{CARL}>, <eve@other.example>"), is_marked=True)
    assert found is not None
    assert found.author_address == ""


@pytest.mark.parametrize(
    ("subject", "base"),
    [
        ("Fwd: Broken", "Broken"),
        ("FW: RE: Broken", "RE: Broken"),
        ("WG: Kaputt", "Kaputt"),
        ("TR : Cassé", "Cassé"),
        ("RV: Roto", "Roto"),
        ("I: Rotto", "Rotto"),
        ("Enc: Quebrado", "Quebrado"),
        ("VS: Rikki", "Rikki"),
        ("转发：故障", "故障"),
        ("[list] Fwd[2]: Broken", "Broken"),
        ("Broken (fwd)", "Broken"),
    ],
)
def test_the_mark_of_a_forward_is_no_part_of_the_subject(subject: str, base: str) -> None:
    assert is_forward_subject(subject)
    assert without_prefix(subject) == base


@pytest.mark.parametrize("subject", ["Re: Broken", "Trouble: broken", "Forward gear broken", "In short: it broke", ""])
def test_other_subjects_have_no_such_mark(subject: str) -> None:
    assert not is_forward_subject(subject)


def test_an_attached_mail_is_passed_on_too() -> None:
    content = (
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nNote.\r\n"
        b"--b\r\nContent-Type: message/rfc822\r\n\r\n"
        b"From: Carl Customer <carl@customer.example>\r\nSubject: Broken\r\nDate: Mon, 23 Nov 2026 10:00:00 +0100\r\n"
        b"\r\nHello.\r\n--b--\r\n"
    )
    found = of_mail(content, "Note.\n")
    assert found is not None
    assert (found.author_address, found.subject, found.text.strip(), found.note) == (CARL, "Broken", "Hello.", "Note.")
    assert found.is_attached


@given(
    st.lists(st.sampled_from(["From: a@b.example", "Sent: x", "Subject: y", "> ", "", "-- fwd", "____"]), max_size=20)
)
def test_any_lines_are_read(lines: list[str]) -> None:
    of_text("\n".join(lines), is_marked=True)


@pytest.mark.parametrize(
    "piece",
    ["From: a\n", "From: a@b.c\nSent: b\nSubject: x\n\n", "--- forwarded message\n", "begin forwarded message:\n"],
)
def test_a_nasty_megabyte_costs_about_what_plain_text_costs(piece: str) -> None:
    nasty = piece * (1_000_000 // len(piece))
    plain = cost.seconds(lambda: of_text("hello there\n" * 80_000, is_marked=True))
    assert cost.seconds(lambda: of_text(nasty, is_marked=True)) < 10 * plain
