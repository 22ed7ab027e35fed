# SPDX-License-Identifier: Apache-2.0
"""What telephones and programs write below a mail of their own accord, in lower case.

Enters: nothing. Leaves: data. A sentence of a person may have the same words, so each list says how much is needed,
beside a device: an opening, or both ends of the line.
"""

# "Sent from my": a device and two words more, for telephones are called anything.
ALONE: tuple[str, ...] = (
    *("sent from my ", "sent via my "),
    *("envoyé de mon ", "envoyé depuis mon ", "envoyé à partir de mon ", "envoyé via mon "),
    *("enviado desde mi ", "enviado do meu ", "enviado a partir do meu ", "enviado de meu ", "enviado através do meu "),
    *("inviato dal mio ", "inviato da mio ", "verzonden vanaf mijn ", "verzonden via mijn ", "verzonden met mijn "),
    *("verstuurd vanaf mijn ", "verstuurd vanaf m'n ", "skickat från min ", "skickat från mitt ", "sendt fra min "),
    *("sendt fra mit ", "wysłane z mojego ", "wysłano z mojego ", "odesláno z mého ", "odesláno z mojí "),
    *(
        "odoslané z môjho ",
        "poslano s mojega ",
        "poslano z mojega ",
        "poslano sa mog ",
    ),
    *(
        "отправлено с моего ",
        "надіслано з мого ",
        "изпратено от моя ",
    ),
    *("saadetud minu ", "nosūtīts no mana ", "išsiųsta iš mano "),
    *("enviat des del meu ",),
    *("发自我的", "發自我的", "寄自我的", "傳送自我的"),
    *("sent on the go from ", "来自我的", "來自我的"),
    *(
        "poslano iz mog ",
        "poslato sa mog ",
        "poslato iz mog ",
    ),
    *(
        "enviado dende o meu ",
        "enviat des de la meva ",
    ),
)
# These need a device, or a program, within the line.
WITH_DEVICE: tuple[str, ...] = (
    *("sent by my ", "sent with my ", "trimis de pe ", "gửi từ ", "dikirim dari "),
    *("được gửi từ ", "đã gửi từ ", "στάλθηκε από το ", "εστάλη από το ", "enviat des de "),
    *("أُرسلت من ", "أرسلت من ", "تم الإرسال من ", "مرسل من ", "ارسال شده از "),
    *("נשלח מה", "ส่งจาก ", "get outlook for ", "get [outlook for ", "get <outlook for "),
    *("dihantar daripada ", "ipinadala mula sa ", "sendt frå ", "نُشر من ", "مُرسل من "),
    *(
        "فرستاده شده از ",
        "ارسالشده از ",
        "envoyé depuis l'application ",
        "envoyé depuis l’application ",
        "envoyé à partir d’",
    ),
    "envoyé à partir d'",
    *("sent from ", "sent by ", "sent via ", "sent with ", "sent using ", "send from ", "posted from ", "composed on "),
    *(
        "message sent from ",
        "this email was sent from ",
        "this message was sent from ",
        "get outlook",
        "get bluemail",
        "get the new aol",
        "sent on the sprint",
        "poslané z",
        "נשלח מ",
        "发自",
        "ส่งจาก",
        "download outlook",
    ),
    *("envoyé avec ", "envoyé de ", "envoyé depuis ", "envoyé par ", "envoyé à partir de ", "envoyé via "),
    *("télécharger outlook", "téléchargez outlook", "obtenir outlook", "obtenez outlook", "provenance : "),
    *("gesendet von ", "gesendet mit ", "gesendet über ", "gesendet aus ", "verschickt mit ", "holen sie sich outlook"),
    *("enviado desde ", "enviado con ", "enviado por ", "enviado mediante ", "enviado de ", "enviado a través de "),
    *("enviado via ", "enviado do ", "enviado pelo ", "obtener outlook", "obter outlook", "obtén outlook"),
    *(
        "inviato da ",
        "inviato con ",
        "inviato tramite ",
        "scarica outlook",
        "ottieni outlook",
        "verzonden ",
        "verstuurd ",
    ),
    *("outlook voor ", "skickat från ", "skickat med ", "hämta outlook", "sendt fra ", "sendt via ", "sendt med "),
    *("hent outlook", "last ned outlook", "lähetetty ", "hanki outlook", "wysłane z", "wysłano z", "pobierz outlook"),
    *("odesláno z", "odoslané z", "získat outlook", "poslano s ", "poslano sa ", "poslano iz ", "elküldve ", "küldve "),
    *("trimis din ", "отправлено с ", "отправлено из ", "скачать outlook", "надіслано з ", "надіслано із "),
    *("изпратено от ", "изпратено чрез ", "послато са ", "αποστολή από ", "dapatkan outlook", "tải outlook", "发自 "),
    *("發自 ", "获取 outlook", "获取outlook", "取得 outlook", "下载 outlook"),
)
# "Get Outlook for iOS", in the order of words of each language: one of these before the name, or behind the system's.
GET: tuple[str, ...] = (
    *("get", "download", "holen sie sich", "laden sie", "télécharger", "téléchargez", "obtenir", "obtenez", "obtener"),
    *("obtén", "obtén l'", "descargar", "obter", "obter o", "obtenha", "obtenha o", "baixar", "baixar o", "baixe o"),
    *("scarica", "ottieni", "download", "hämta", "skaffa", "hent", "få", "last ned", "skaff deg", "hanki", "lataa"),
    *("pobierz", "pobierz aplikację", "získat", "stáhnout", "získať", "stiahnuť", "descărcați", "obțineți"),
    *("получить", "скачать", "отримати", "завантажити", "изтеглете", "вземете", "λήψη του", "λήψη", "κατεβάστε το"),
    *("preuzmi", "preuzmite", "nabavite", "prenesite", "pridobite", "hankige", "lejupielādēt", "gauti", "atsisiųsti"),
    *("dapatkan", "unduh", "tải", "nhận", "รับ", "ดาวน์โหลด", "الحصول على", "تنزيل", "קבל את", "הורד את", "دریافت"),
    *("获取", "下载", "获取适用于", "取得", "下載", "fáðu", "baja", "eskuratu", "dobi", "preuzmite aplikaciju"),
)
BEHIND: tuple[str, ...] = (
    *("herunterladen", "downloaden", "edinin", "indirin", "beszerzése", "letöltése", "を入手", "を取得", "다운로드"),
    *("下载", "下載", "प्राप्त करें", "を手に入れる", "받기"),
)
SYSTEMS: tuple[str, ...] = ("ios", "android", "mac", "windows", "iphone", "ipad", "mobile", "mobil")

# (opening, ending): between them stands a device.
ENDS: tuple[tuple[str, str], ...] = (
    *(("von mein", "gesendet"), ("von mein", "geschickt"), ("von mein", "verschickt"), ("vom ", "gesendet")),
    *(("diese nachricht wurde ", "gesendet"), ("diese e-mail wurde ", "gesendet"), ("diese mail wurde ", "gesendet")),
    *(
        ("從我的 ", "傳送"),
        ("從我的 ", "寄出"),
        ("从我的", "发送"),
        ("从 ", "发送"),
        ("從 ", "傳送"),
        ("मेरे ", "भेजा गया"),
        ("나의 ", "보냄"),
        ("내 ", "보냄"),
    ),
)
# Behind a device that the line begins with.
ENDINGS: tuple[str, ...] = (
    *(
        "gönderildi",
        "gönderilmiştir",
        "küldve",
        "elküldve",
        "から送信",
        "から送信されました",
        "より送信",
        "에서 보냄",
        "ile gönderildi",
        "から送信済み",
        "에서 전송됨",
    ),
    *("에서 작성", "傳送", "发送", "發送", "寄出", "से भेजा गया", "lähetetty", "saadetud", "bidalia"),
)
# The whole line has no more words than these openings and endings and a device.
FEW_WORDS: tuple[tuple[str, str], ...] = (("from my ", ""), ("", " from mobile"))
MAX_FEW_WORDS = 4
# The whole line, or all of it behind "sent from", "sent with" and the like: names that are common words, too.
WHOLE: frozenset[str] = frozenset(
    (
        *("mobil gesendet", "von unterwegs gesendet", "gesendet von unterwegs", "sent on the go", "sent while mobile"),
        *(
            "gesendet vom handy",
            "vom handy gesendet",
            "sent from mobile",
            "sent via mobile",
            "envoyé de mon mobile",
            "sent on the move",
        ),
    )
)
SENT_WITH: tuple[str, ...] = ("sent from ", "sent with ", "sent via ", "sent using ")
PROGRAMS: frozenset[str] = frozenset(
    (
        *(
            "front",
            "hey",
            "nine",
            "boxer",
            "canary",
            "spark",
            "shortwave",
            "missive",
            "polymail",
            "tuta",
            "mailbox",
            "airmail",
        ),
        *(
            "newton mail",
            "canary mail",
            "spike",
            "edison mail",
            "email+",
            "typeapp",
            "loop email",
            "mymail",
            "nylas n1",
        ),
        *("blue mail", "the hey app", "mailo", "posteo", "mailmate", "postbox", "notion mail", "vivaldi mail", "kiwi"),
    )
)
