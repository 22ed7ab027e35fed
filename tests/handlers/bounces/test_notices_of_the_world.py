# SPDX-License-Identifier: Apache-2.0
"""Notices in words of mail systems that the open corpora do not have, in the languages in which they write."""

import pytest

from handlers.bounces.notice import read_notice
from handlers.bounces.reading import read_report
from handlers.bounces.values import Kind

DAEMON = "Mail System <MAILER-DAEMON@mx.example>"
NOTICES = [
    # Apache James: a sentence whose last line is "your message."
    (
        "postmaster@james.example",
        "Re: Offer",
        "Hi. This is the James mail server at james.example.\n"
        "I'm afraid I wasn't able to deliver your message to the following addresses.\n"
        "This is a permanent error; I've given up. Sorry it didn't work out.  Below\n"
        "I include the list of recipients and the reason why I was unable to deliver\nyour message.\n\n"
        "Failed recipient(s):\nbob@dest.example\n\nError message:\n550 5.1.1 No such user\n",
        ("bob@dest.example", "user unknown", True),
    ),
    # QQ
    (
        '"PostMaster@qq.com" <PostMaster@qq.com>',
        "系统退信",
        "很抱歉您发送的邮件被退回，以下是该邮件的相关信息：\n被退回邮件 主 题：Offer\n收件人：12345@qq.example\n"
        "退信原因：收件人邮件地址（12345@qq.example）不存在，邮件无法送达。\n"
        "host mx3.qq.example[1.2.3.4] said: 550 Mailbox not found. (in reply to end of DATA command)\n",
        ("12345@qq.example", "user unknown", True),
    ),
    # 163.com
    (
        "Postmaster <postmaster@163.example>",
        "系统退信/Systems bounce",
        "抱歉，您的邮件被退回来了……\n原邮件信息：\n时 间：2026-11-22\n主 题：Offer\n"
        "收件人：wang@dest.example\n退信原因：对方邮箱已满，无法接收新邮件。\n",
        ("wang@dest.example", "mailbox full", False),
    ),
    # Barracuda
    (
        '"Barracuda" <postmaster@bar.example>',
        "**Message you sent blocked by our bulk email filter**",
        "Your message to: bob@dest.example\nwas blocked by our Spam Firewall. The email you sent with the following "
        "subject has NOT BEEN DELIVERED:\n\nSubject: Offer\n",
        ("bob@dest.example", "spam", False),
    ),
    # T-Online
    (
        '"Mail Delivery System" <MAILER-DAEMON@t-online.example>',
        "Ihre E-Mail konnte nicht zugestellt werden",
        "Ihre Nachricht konnte nicht zugestellt werden.\n\nEmpfaenger: hans@t-online.example\n"
        "Grund: Das Postfach des Empfaengers ist voll.\n",
        ("hans@t-online.example", "mailbox full", False),
    ),
    # Haraka
    (
        "MAILER-DAEMON@haraka.example",
        "failed delivery",
        "This is the Haraka mail system at haraka.example.\n\nI'm afraid I wasn't able to deliver your message to the "
        "following addresses:\n\n  <kim@dest.example>: 550 No such user here\n\nThis is a permanent error.\n",
        ("kim@dest.example", "user unknown", True),
    ),
    # MailEnable
    (
        "Postmaster@me.example",
        "Message Delivery Failure",
        "MailEnable: Message could not be delivered to some recipients.\nThe following recipient(s) could not be "
        "reached:\n\n\tRecipient: [SMTP:bob@dest.example]\n\tReason: Remote SMTP Server Returned: 550 No such "
        "recipient\n\n\nMessage headers follow:\nReceived: from a\n",
        ("bob@dest.example", "user unknown", True),
    ),
    # A German provider's own words.
    (
        DAEMON,
        "Unzustellbar: Angebot",
        "Die folgende Nachricht konnte an einen oder mehrere Empfänger nicht übermittelt werden:\n\n"
        "an <hans@dest.example>:\nUnbekannter Empfänger\n",
        ("hans@dest.example", "user unknown", True),
    ),
    (
        DAEMON,
        "Zustellung fehlgeschlagen",
        "Die Zustellung an hans@dest.example ist fehlgeschlagen: Empfänger unbekannt.\n",
        ("hans@dest.example", "user unknown", True),
    ),
    # French
    (
        DAEMON,
        "Échec de la remise",
        "Votre message n'a pas pu être remis au destinataire suivant :\n\n<luc@dest.example>\n\n"
        "La boîte aux lettres du destinataire est pleine.\n",
        ("luc@dest.example", "mailbox full", False),
    ),
    (
        DAEMON,
        "Message non distribué",
        "Destinataire : luc@dest.example\nCause : utilisateur inconnu\nVotre message n'a pas été distribué.\n",
        ("luc@dest.example", "user unknown", True),
    ),
    # Spanish
    (
        DAEMON,
        "Mensaje no entregado",
        "No se pudo entregar el mensaje a los siguientes destinatarios:\n\nana@dest.example\n  El usuario no existe\n",
        ("ana@dest.example", "user unknown", True),
    ),
    (
        DAEMON,
        "Error de entrega",
        "El mensaje no ha podido ser entregado a ana@dest.example porque el buzón está lleno.\n",
        ("ana@dest.example", "mailbox full", False),
    ),
    # Italian
    (
        DAEMON,
        "Mancata consegna",
        "Il messaggio non può essere consegnato.\n\nDestinatario: ugo@dest.example\nMotivo: utente sconosciuto\n",
        ("ugo@dest.example", "user unknown", True),
    ),
    (
        DAEMON,
        "Avviso di mancata consegna",
        "Impossibile consegnare il messaggio a <ugo@dest.example>: la casella di posta è piena.\n",
        ("ugo@dest.example", "mailbox full", False),
    ),
    # Portuguese
    (
        DAEMON,
        "Falha na entrega",
        "Sua mensagem não pôde ser entregue ao destinatário:\n\n<rui@dest.example>: caixa postal cheia\n",
        ("rui@dest.example", "mailbox full", False),
    ),
    (
        DAEMON,
        "Mensagem devolvida",
        "Destinatário: rui@dest.example\nMotivo: usuário desconhecido\nA mensagem não foi entregue.\n",
        ("rui@dest.example", "user unknown", True),
    ),
    # Russian
    (
        DAEMON,
        "Недоставленное сообщение",
        "Ваше письмо не может быть доставлено получателю:\n\nivan@dest.example\n\nПочтовый ящик переполнен.\n",
        ("ivan@dest.example", "mailbox full", False),
    ),
    (
        DAEMON,
        "Сообщение не доставлено",
        "Не удалось доставить сообщение для ivan@dest.example: пользователь не найден.\n",
        ("ivan@dest.example", "user unknown", True),
    ),
    # Japanese
    (
        DAEMON,
        "配信エラー",
        "メールを配信できませんでした。\n\n宛先: taro@dest.example\n理由: 宛先のメールアドレスは存在しません。\n",
        ("taro@dest.example", "user unknown", True),
    ),
    (
        DAEMON,
        "メール送信エラー",
        "次のメールアドレスへの送信に失敗しました。\n<taro@dest.example>\nメールボックスの容量を超えています。\n",
        ("taro@dest.example", "mailbox full", False),
    ),
    # Korean
    (
        DAEMON,
        "메일 발송 실패",
        "메일이 전송되지 않았습니다.\n받는사람: kim@dest.example\n원인: 존재하지 않는 사용자입니다.\n",
        ("kim@dest.example", "user unknown", True),
    ),
    (
        DAEMON,
        "반송된 메일",
        "아래 수신자에게 메일을 전달하지 못했습니다.\n수신자: kim@dest.example\n사유: 메일함 용량이 초과되었습니다.\n",
        ("kim@dest.example", "mailbox full", False),
    ),
    # Dutch
    (
        DAEMON,
        "Onbestelbaar: Offerte",
        "Uw bericht kon niet worden bezorgd bij:\n\n<bob@dest.example>: mailbox is vol\n",
        ("bob@dest.example", "mailbox full", False),
    ),
    # Swedish
    (
        DAEMON,
        "Meddelandet kunde inte levereras",
        "Ditt meddelande kunde inte levereras till mottagaren:\n\nbob@dest.example\n  Okänd användare\n",
        ("bob@dest.example", "user unknown", True),
    ),
    # Danish
    (
        DAEMON,
        "Meddelelsen kunne ikke leveres",
        "Din meddelelse kunne ikke leveres til:\n\nModtager: bob@dest.example\nÅrsag: ukendt bruger\n",
        ("bob@dest.example", "user unknown", True),
    ),
    # Finnish
    (
        DAEMON,
        "Viestiä ei voitu toimittaa",
        "Viestiä ei voitu toimittaa vastaanottajalle:\n\n<bob@dest.example>: tuntematon käyttäjä\n",
        ("bob@dest.example", "user unknown", True),
    ),
    # Polish
    (
        DAEMON,
        "Niedostarczona wiadomość",
        "Wiadomość nie została dostarczona do odbiorcy:\n\nbob@dest.example\n  Skrzynka odbiorcy jest przepełniona\n",
        ("bob@dest.example", "mailbox full", False),
    ),
    # Czech
    (
        DAEMON,
        "Nedoručitelná zpráva",
        "Zprávu se nepodařilo doručit příjemci:\n\n<bob@dest.example>: uživatel neexistuje\n",
        ("bob@dest.example", "user unknown", True),
    ),
    # Hungarian
    (
        DAEMON,
        "Kézbesíthetetlen levél",
        "A levelet nem sikerült kézbesíteni.\n\nCímzett: bob@dest.example\nOk: ismeretlen felhasználó\n",
        ("bob@dest.example", "user unknown", True),
    ),
    # Romanian
    (
        DAEMON,
        "Mesajul nu a putut fi livrat",
        "Mesajul nu a putut fi livrat.\n\nDestinatar: bob@dest.example\nMotiv: utilizator necunoscut\n",
        ("bob@dest.example", "user unknown", True),
    ),
    # Turkish
    (
        DAEMON,
        "İletiniz teslim edilemedi",
        "İletiniz teslim edilemedi.\n\n<bob@dest.example>: kullanıcı bulunamadı\n",
        ("bob@dest.example", "user unknown", True),
    ),
    # Ukrainian
    (
        DAEMON,
        "Лист не доставлено",
        "Не вдалося доставити лист одержувачу:\n\n<bob@dest.example>: скринька переповнена\n",
        ("bob@dest.example", "mailbox full", False),
    ),
    # Other words, other orders.
    (
        DAEMON,
        "Undeliverable: Offer",
        "Your message did not reach some or all of the intended recipients.\n\nThe following recipient(s) cannot be "
        "reached:\n\n  'bob@dest.example' on 11/22/2026 10:00 AM\n  550 5.1.1 User unknown\n",
        ("bob@dest.example", "user unknown", True),
    ),
    (
        DAEMON,
        "Mail could not be delivered",
        "bob@dest.example:\n  Remote server said: 452 4.2.2 The email account that you tried to reach is over quota.\n",
        ("bob@dest.example", "mailbox full", False),
    ),
    (
        DAEMON,
        "Returned mail: see transcript for details",
        "   ----- The following addresses had permanent fatal errors -----\n<bob@dest.example>\n    (reason: 550 Host "
        "unknown)\n\n   ----- Transcript of session follows -----\n550 5.1.2 <bob@dest.example>... Host unknown\n",
        ("bob@dest.example", "host unknown", True),
    ),
    (
        "Mail Delivery Service <mds@x.example>",
        "Delivery Status Notification (Failure)",
        " - These recipients of your message have been processed by the mail server:\nbob@dest.example; Failed; 5.1.1 "
        "(bad destination mailbox address)\n",
        ("bob@dest.example", "user unknown", True),
    ),
    (
        DAEMON,
        "NDN: Offer",
        "Sorry. Your message could not be delivered to:\n\nbob@dest.example (The name was not found at the remote "
        "site. Check that the name has been entered correctly.)\n",
        ("bob@dest.example", "user unknown", True),
    ),
    # A server says so after the content: it may be its filter.
    (
        DAEMON,
        "failure notice",
        "<kim@dest.example>: host mx said: 550 No such user here (in reply to end of DATA command)\n",
        ("kim@dest.example", "filtered", False),
    ),
]


def octets(author: str, subject: str, body: str) -> bytes:
    """A notice in UTF-8."""
    section = f"From: {author}\nTo: x@firm.example\nSubject: {subject}\nContent-Type: text/plain; charset=utf-8\n\n"
    return (section + body).replace("\n", "\r\n").encode()


@pytest.mark.parametrize(("author", "subject", "body", "expected"), NOTICES)
def test_recipient_reason_and_hardness_of_notices_in_many_words(
    author: str, subject: str, body: str, expected: tuple[str, str, bool]
) -> None:
    report = read_report(octets(author, subject, body), by_nobody=True)
    assert report is not None
    assert [(one.address, one.reason, one.hard) for one in report.recipients] == [expected]
    assert report.kind is Kind.BOUNCE


def test_who_failed_is_whom_the_notice_names_not_to_whom_the_mail_given_back_went() -> None:
    author, subject, body, expected = NOTICES[0]
    given_back = "\n--j\nContent-Type: message/rfc822\n\nFrom: x@firm.example\nTo: someone@dest.example\n\n--j--\n"
    told = octets(author, subject, f"--j\nContent-Type: text/plain\n\n{body}{given_back}")
    report = read_report(told.replace(b"text/plain; charset=utf-8", b"multipart/mixed; boundary=j", 1), by_nobody=True)
    assert report is not None
    assert [one.address for one in report.recipients] == [expected[0]]


@pytest.mark.parametrize(
    ("line", "ends"),
    [
        ("your message.", False),
        ("the original message.", False),
        ("Your message", False),
        ("Your message follows:", True),
        ("----- Your message begins here -----", True),
        ("--- Original message ---", True),
        ("Original Message:", True),
    ],
)
def test_where_the_mail_given_back_begins(line: str, ends: bool) -> None:
    told = read_notice(octets(DAEMON, "x", f"It could not be delivered.\n{line}\n<a@b.example>\n")).told
    assert ("<a@b.example>" not in told) == ends
