# SPDX-License-Identifier: Apache-2.0
"""Signs of programs in the header section, in the languages and fields of many, and people who use the same words."""

import pytest

from handlers.automatic import may_answer
from handlers.classification import Class, by_signs
from handlers.headers import Head, scan
from tests.support.office import mail

PERSON = "person@sender.example"
ABSENCES = (
    *("Automatic reply", "Automatische Antwort", "Réponse automatique", "Respuesta automática", "Risposta automatica"),
    *("Resposta automática", "Automatisch antwoord", "Automatiskt svar", "Automatisk svar", "Automaattinen vastaus"),
    *("Odpowiedź automatyczna", "Automatická odpověď", "Automatická odpoveď", "Automatikus válasz", "Răspuns automat"),
    *("Otomatik yanıt", "Αυτόματη απάντηση", "Автоматический ответ", "Автоматична відповідь", "Автоматичен отговор"),
    *("Automatski odgovor", "Samodejni odgovor", "Automaatvastus", "Automātiska atbilde", "Automatinis atsakymas"),
    *("תשובה אוטומטית", "رد تلقائي", "ตอบกลับอัตโนมัติ", "Trả lời tự động", "Balasan otomatis", "자동 회신", "부재중"),
    *(
        "自動応答",
        "自動返信",
        "自动答复",
        "自动回复",
        "自動回覆",
        "Out of office",
        "Abwesenheitsnotiz",
        "Hors du bureau",
    ),
)


def head(**fields: str) -> Head:
    return scan(mail(PERSON, **fields))


@pytest.mark.parametrize("words", ABSENCES)
def test_an_absence_notice_is_known_by_its_subject_beside_another_sign_only(words: str) -> None:
    subject = f"{words}: Offer"
    assert by_signs(head(subject=subject), is_null=False).found is Class.PERSON
    assert by_signs(head(subject=f"Re: {subject}", auto_submitted="no"), is_null=False).found is Class.PERSON
    for beside in ({"x_auto_response_suppress": "All"}, {"auto_submitted": "auto-generated"}, {"precedence": "bulk"}):
        assert by_signs(head(subject=subject, **beside), is_null=False).found is Class.OUT_OF_OFFICE
    assert by_signs(head(subject=subject), is_null=True).found is Class.OUT_OF_OFFICE


@pytest.mark.parametrize(
    "fields",
    [
        {"x_post_messageclass": "9; Autoresponder"},
        {"x_auto_submitted": "auto-replied"},
        {"precedence": "auto-reply"},
        {"preference": "auto_reply"},
    ],
)
def test_fields_of_older_responders(fields: dict[str, str]) -> None:
    assert by_signs(head(**fields), is_null=False).found is Class.AUTO_REPLY


@pytest.mark.parametrize("is_null", [False, True])
@pytest.mark.parametrize(
    "subject",
    [
        "Frau Müller ist außer Haus",
        "Abwesend: Herr X ab Montag",
        "Auto-reply: how do I set it up?",
        "Delivery failed: my parcel did not arrive",
    ],
)
def test_what_says_it_is_a_persons_is_one_beside_any_words(subject: str, *, is_null: bool) -> None:
    for beside in ({}, {"x_auto_response_suppress": "OOF"}, {"x_mailer": "vacation 1.2"}):
        said = head(subject=subject, auto_submitted="no", **beside)
        assert by_signs(said, is_null=is_null).found is Class.PERSON


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({"x_auto_submitted": "auto-forwarded"}, Class.PERSON),
        ({"x_mailer": "Vacation Rentals CRM"}, Class.PERSON),
        ({"x_mailer": "vacation/2.0"}, Class.OUT_OF_OFFICE),
        ({"x_mailer": "Cyrus vacation responder"}, Class.OUT_OF_OFFICE),
    ],
)
def test_words_of_programs_that_are_signs_and_that_are_none(fields: dict[str, str], found: Class) -> None:
    assert by_signs(head(**fields), is_null=False).found is found
    assert not (fields.keys() & {"x_auto_submitted"} and may_answer(head(**fields), PERSON, "gw.example"))


@pytest.mark.parametrize(
    "local",
    [
        "no-reply+abc",
        "noreply-orders",
        "orders-noreply",
        "do.not.reply",
        "donotreply2",
        "no_reply.eu",
        "notifications+x",
    ],
)
def test_a_tagged_name_under_which_nobody_reads_gets_no_answer(local: str) -> None:
    assert not may_answer(head(), f"{local}@shop.example", "gw.example")
    assert not may_answer(scan(mail(f"{local}@shop.example")), PERSON, "gw.example")


@pytest.mark.parametrize("local", ["nora.plyer", "norepl", "casino-reply-team", "ann+notes"])
def test_a_name_that_only_sounds_like_that_gets_its_answer(local: str) -> None:
    assert may_answer(head(), f"{local}@shop.example", "gw.example")
