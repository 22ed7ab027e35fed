# SPDX-License-Identifier: Apache-2.0
"""The names that mail clients give the header fields of an old mail put below a new one; all in lower case.

Enters: nothing. Leaves: `KIND_OF`: name -> kind of field. One name may be another kind elsewhere ("data" is a date, "a"
is To); a block is known by how many kinds it has, not by which.
"""

FROM, SENT, TO, COPY, SUBJECT, OTHER = "from", "sent", "to", "copy", "subject", "other"


def _words(several: str) -> tuple[str, ...]:
    return tuple(several.split(", "))


_NAMES: dict[str, tuple[str, ...]] = {
    FROM: _words(
        "šalje, frå, кімнен, жіберуші, от кога, remite, from, von, de, da, van, från, fra, lähettäjä, od, "
        "feladó, de la, от, от кого, від, від кого, ад, из, од, απόστολος, αποστολέας, από, kimden, gönderen, "
        "kimdən, מאת, من, از, फ़्रॉम, प्रेषक, จาก, ผู้ส่ง, từ, người gửi, dari, daripada, mula kay, saatja, "
        "kellelt, no, sūtītājs, nuo, siuntėjas, nork, frá, ó, oddi wrth, nga, expéditeur, remitente, "
        "remetente, mittente, absender, afzender, avsändare, avsender, afsender, nadawca, odesílatel, "
        "odosielateľ, pošiljatelj, expeditor, отправитель, відправник, подател, 差出人, 送信者, 送信元, "
        "发件人, 寄件者, 寄件人, "
        "發件人, 보낸 사람, 보낸사람, 발신, 보낸이, გამგზავნი"
    ),
    SENT: _words(
        "enviat el, enviado o, enviada o, bidaltze-data, bidaltze data, жіберілді, жіберілген, anfonwyd, "
        "seolta, göndərildi, göndərilib, tarix, dërguar, gestuur, ipinadala, dată, 寄送日期, 寄出日期, "
        "傳送日期, sent, "
        "date, sent at, sent on, gesendet, datum, gesendet am, envoyé, envoyé le, date d'envoi, enviado, "
        "enviado el, enviado em, enviada em, enviada, fecha, data, inviato, data invio, verzonden, datum/tijd, "
        "skickat, skickades, sendt, dato, lähetetty, päiväys, päivämäärä, wysłano, wysłane, data wysłania, "
        "odesláno, odoslané, dátum, elküldve, küldve, trimis, trimis la, отправлено, дата, послано, надіслано, "
        "дата й час, адпраўлена, изпратено, испратено, послато, poslano, poslato, datum slanja, στάλθηκε, "
        "ημερομηνία, εστάλη, gönderildi, gönderme tarihi, tarih, נשלח, תאריך, التاريخ, تاريخ, تاريخ الإرسال, "
        "تم الإرسال, أرسلت, ارسال شده, تاریخ, भेजा गया, दिनांक, ส่ง, ส่งเมื่อ, วันที่, đã gửi, ngày, ngày gửi, "
        "dikirim, terkirim, tanggal, dihantar, tarikh, petsa, saadetud, kuupäev, nosūtīts, datums, išsiųsta, "
        "gauta, enviat, bidalia, dagsetning, 送信日時, 日付, 日時, 送信, 发送时间, 发送日期, 日期, 時間, "
        "时间, 寄件日期, 傳送時間, 發送時間, "
        "보낸 날짜, 보낸날짜, 날짜, 보낸 시간, 보냄, 발신일, 일시"
    ),
    TO: _words(
        "pour, кімге, címzettek, destinataires, destinatarios, destinatari, odbiorca, 收信人, 收信者, to, an, à, a, "
        "para, aan, till, til, vastaanottaja, kenelle, do, komu, címzett, către, кому, до, каму, за, kome, za, "
        "prima, προς, kime, alıcı, kimə, אל, إلى, الى, به, को, प्रति, ถึง, tới, đến, người nhận, kepada, "
        "untuk, para kay, adressaat, kellele, kam, kam sūtīts, saņēmējs, kam siųsta, gavėjas, per a, nori, "
        "nora, chuig, at, për, destinataire, destinatario, destinatário, empfänger, ontvanger, mottagare, "
        "mottaker, modtager, adresat, příjemce, primatelj, prejemnik, destinatar, получатель, одержувач, 宛先, "
        "送信先, 收件人, 收件者, 받는 사람, 받는사람, 수신, 받는이, მიმღები"
    ),
    COPY: _words(
        "kopie an, 副本抄送, cc, bcc, kopie, copie à, copie, copia, cópia, kopia, kopi, kopio, dw, másolatot kap, "
        "másolat, копия, копія, копие, κοιν., κοινοποίηση, bilgi, עותק, העתק, نسخة, نسخة إلى, رونوشت, "
        "प्रतिलिपि, สำเนา, สำเนาถึง, đồng gửi, tembusan, salinan, koopia, kopija, 抄送, 副本, 参照, 참조, "
        "숨은 참조, 密送, "
        "密件副本, cci, cco, ccn, kópia, afrit, udw"
    ),
    SUBJECT: _words(
        "sujet, zadeva, тақырып, тақырыбы, mavzu, subject, betreff, objet, asunto, assunto, oggetto, "
        "onderwerp, ämne, emne, aihe, temat, předmět, predmet, tárgy, subiect, тема, тэма, относно, предмет, "
        "θέμα, konu, mövzu, נושא, الموضوع, موضوع, विषय, เรื่อง, หัวเรื่อง, chủ đề, tiêu đề, subjek, perihal, "
        "subyek, judul, paksa, teema, temats, tēma, tema, assumpte, gaia, efni, ábhar, pwnc, subjekti, 件名, 题名, "
        "主题, 主題, 主旨, 標題, 标题, 제목, თემა"
    ),
    OTHER: _words(
        "reply-to, reply to, antwort an, répondre à, risposta, rispondi a, responder a, antwoord aan, "
        "svar till, svar til, responder para, sent by, on behalf of, sender, attachments, anlagen, anhänge, "
        "importance, priority, wichtigkeit, priorität, pièces jointes, adjuntos, datos adjuntos, allegati, "
        "bijlagen, bilagor, załączniki, prílohy, přílohy, вложения, 添付ファイル, 附件, 첨부, "
        "organization, mailed-by, "
        "signed-by, newsgroups, message-id, in-reply-to, references, ответить, keywords, categories, "
        "list-post, mailing list, company, sensitivity, when, where, responder"
    ),
}

# Fields of forms and bookings, too; what stands behind says more.
PLAIN_DATES: frozenset[str] = frozenset(
    (
        "date",
        "datum",
        "fecha",
        "data",
        "dato",
        "päivämäärä",
        "dátum",
        "дата",
        "tarih",
        "datums",
        "kuupäev",
        "日付",
        "日期",
        "dată",
        "tarix",
        "ημερομηνία",
        "ngày",
        "tanggal",
        "날짜",
        "日時",
    )
)

# Of mail only.
REPLY_TO: frozenset[str] = frozenset(
    _words(
        "reply-to, reply to, antwort an, répondre à, risposta, rispondi a, responder a, antwoord aan, "
        "svar till, svar til"
    )
)

KIND_OF: dict[str, str] = {name: kind for kind, names in _NAMES.items() for name in names}
