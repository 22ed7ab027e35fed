# SPDX-License-Identifier: Apache-2.0
"""What clients of further languages write around words, as nobody had written it down here when the rules were made."""

# Above an old mail, with or without marks: attributions, blocks of fields, lines of forwards.
ABOVE: tuple[str, ...] = (
    (
        "\u202b\u202aבתאריך יום ב׳, 2 בנוב׳ 2026 ב-15:04 מאת \u202aFirm Support\u202c\u200f "
        "<\u202asupport@firm.example\u202c\u200f\u202c\u200f>:\u202c\n"
    ),
    "2. 11. 2026 v 15:04, Firm Support <support@firm.example>:\n",
    "Nov 2, 2026, 15:04 by support@firm.example:\n",
    "2. Nov. 2026, 15:04 von support@firm.example:\n",
    "Nov 2, 2026 3:04:05 PM Firm Support <support@firm.example>:\n",
    '02.11.2026, 15:04, "Firm Support" <support@firm.example>:\n',
    "Mon, 2 Nov 2026 15:04:05 +0300 от Firm Support <support@firm.example>:\n",
    "Missatge de Firm Support <support@firm.example> del dia dl., 2 de nov. 2026 a\nles 15:04:\n",
    "Noong Lun, Nob 2, 2026 nang 3:04 PM, sinulat ni Firm Support <support@firm.example>:\n",
    "திங்., 2 நவ., 2026, பிற்பகல் 3:04 அன்று, Firm Support <support@firm.example> எழுதியது:\n",
    "సోమ, నవం 2, 2026 3:04 PMకి, Firm Support <support@firm.example> వారు ఇలా వ్రాశారు:\n",
    "सोम, २ नोव्हें, २०२६ रोजी ३:०४ PM वाजता Firm Support <support@firm.example> ने लिहिले:\n",
    "ಸೋಮ, ನವೆಂ 2, 2026 ರಂದು 3:04 PM ಸಮಯಕ್ಕೆ ರಂದು Firm Support <support@firm.example> ಅವರು ಬರೆದಿದ್ದಾರೆ:\n",
    "2026, നവം 2 തി, 3:04 PM-ന് Firm Support <support@firm.example> എഴുതി:\n",
    "सोम, २०२६ नोभेम्बर २, ०३:०४ PM मा Firm Support <support@firm.example> ले लेख्नुभयो:\n",
    "Երկ, 2 նոյ, 2026 թ. 15:04-ին Firm Support <support@firm.example> գրել է՝\n",
    "Ngo-Mso, Nov 2, 2026 ku-15:04 Firm Support <support@firm.example> ubhale wathi:\n",
    "Às 15:04 de 02/11/2026, Firm Support escreveu:\n",
    "Ar 02/11/2026 15:04, ysgrifennodd Firm Support:\n",
    "Þann 2.11.2026 15:04, skrifaði Firm Support:\n",
    '"Firm Support" <support@firm.example> wrote in message\nnews:abc123@news.example...\n',
    '"Firm Support" <support@firm.example> schrieb im Newsbeitrag\nnews:abc123@news.example...\n',
    (
        "‐‐‐‐‐‐‐ Original Message ‐‐‐‐‐‐‐\n"
        "On Monday, November 2nd, 2026 at 3:04 PM, Firm Support <support@firm.example> wrote:\n"
    ),
    (
        "De: Firm Support <support@firm.example>\nEnviat el: dilluns, 2 de novembre de 2026 15:04\n"
        "Per a: Carl\nTema: RE: Tractor\n"
    ),
    "De: Firm Support\nEnviado o: luns, 2 de novembro\nPara: Carl\nAsunto: RE: Tractor\n",
    "Nork: Firm Support\nBidaltze-data: astelehena\nNori: Carl\nGaia: RE: Tractor\n",
    "Šalje: Firm Support\nPoslano: ponedjeljak\nPrima: Carl\nPredmet: RE: Traktor\n",
    "Od: Firm Support\nPoslano: ponedeljek\nZa: Carl\nZadeva: RE: Traktor\n",
    "Кімнен: Firm Support\nЖіберілді: дүйсенбі\nКімге: Carl\nТақырыбы: RE: Трактор\n",
    "Жіберуші: Firm Support\nЖіберілген: дүйсенбі\nКімге: Carl\nТақырып: RE: Трактор\n",
    "Oddi wrth: Firm Support\nAnfonwyd: Dydd Llun\nAt: Carl\nPwnc: RE: Tractor\n",
    "Ó: Firm Support\nSeolta: Dé Luain\nChuig: Carl\nÁbhar: RE: Tarracóir\n",
    "Kimdən: Firm Support\nGöndərildi: bazar ertəsi\nKimə: Carl\nMövzu: RE: Traktor\n",
    "Nga: Firm Support\nDërguar: e hënë\nPër: Carl\nSubjekti: RE: Traktor\n",
    "Van: Firm Support\nGestuur: Maandag\nAan: Carl\nOnderwerp: RE: Trekker\n",
    "Mula kay: Firm Support\nIpinadala: Lunes\nPara kay: Carl\nPaksa: RE: Traktor\n",
    "Frå: Firm Support\nSendt: måndag\nTil: Carl\nEmne: SV: Traktor\n",
    (
        "Välitetty viesti alkaa:\n\nLähettäjä: Firm Support <support@firm.example>\nAihe: Traktori\n"
        "Päivämäärä: 2. marraskuuta 2026 klo 15.04.05 UTC+2\nVastaanottaja: carl@customer.example\n"
    ),
    (
        "Začátek přeposílané zprávy:\n\nOd: Firm Support <support@firm.example>\nPředmět: Traktor\n"
        "Datum: 2. listopadu 2026 15:04:05 SEČ\nKomu: carl@customer.example\n"
    ),
    (
        "Začiatok preposlanej správy:\n\nOd: Firm Support <support@firm.example>\nPredmet: Traktor\n"
        "Dátum: 2. novembra 2026 15:04:05 CET\nKomu: carl@customer.example\n"
    ),
    (
        "Továbbított levél kezdete:\n\nFeladó: Firm Support <support@firm.example>\nTárgy: Traktor\n"
        "Dátum: 2026. november 2. 15:04:05 CET\nCímzett: carl@customer.example\n"
    ),
    (
        "Início da mensagem reencaminhada:\n\nDe: Firm Support <support@firm.example>\nAssunto: Trator\n"
        "Data: 2 de novembro de 2026 às 15:04:05 WET\nPara: carl@customer.example\n"
    ),
    (
        "İleti başlangıcı:\n\nKimden: Firm Support <support@firm.example>\nKonu: Traktör\n"
        "Tarih: 2 Kasım 2026 15:04:05 GMT+3\nKime: carl@customer.example\n"
    ),
    (
        "Početak proslijeđene poruke:\n\nŠalje: Firm Support <support@firm.example>\nPredmet: Traktor\n"
        "Datum: 2. studenoga 2026. u 15:04:05 CET\nPrima: carl@customer.example\n"
    ),
    (
        "Începutul mesajului redirecționat:\n\nDe la: Firm Support <support@firm.example>\nSubiect: Tractor\n"
        "Dată: 2 noiembrie 2026, 15:04:05 EET\nCătre: carl@customer.example\n"
    ),
    (
        "------------------------------------------------------------------\n"
        "发件人：Firm Support <support@firm.example>\n日　期：2026年11月02日 15:04:05\n"
        "收件人：<carl@customer.example>\n主　题：拖拉机\n"
    ),
    (
        "------------------&nbsp;原始邮件&nbsp;------------------\n"
        '发件人:&nbsp;"Firm Support"&lt;support@firm.example&gt;;\n'
        "发送时间:&nbsp;2026年11月2日(星期一) 下午3:04\n"
        '收件人:&nbsp;"Carl"&lt;carl@customer.example&gt;;\n'
        "主题:&nbsp;拖拉机\n"
    ),
    ">>> Firm Support <support@firm.example> 02.11.2026 15:04 >>>\n",
    ">>> Firm Support 11/02/26 3:04 PM >>>\n",
    "---\nReply above this line\n",
)

# Below the words.
BELOW: tuple[str, ...] = (
    "Sent on the Sprint® Now Network from my BlackBerry®",
    "Sent from Mailbird",
    "Sent with Tuta; enjoy secure & ad-free emails.",
    "Sent from Workspace ONE Boxer",
    "Sent from HEY",
    "Sent from eM Client",
    "Get BlueMail for Android",
    "Gesendet von Mail für Windows",
    "Mobil gesendet",
    "Outlook für Android herunterladen",
    "Envoyé depuis l'application Mail Orange",
    "Enviado desde Correo para Windows",
    "Obter o Outlook para iOS",
    "Inviato da Posta per Windows",
    "Verzonden vanuit Mail voor Windows",
    "Skickat från E-post för Windows",
    "Sendt fra Mail til Windows",
    "Få Outlook for iOS",
    "Skaff deg Outlook for iOS",
    "Lähetetty Windows-sähköpostista",
    "Wysłane z aplikacji Poczta dla systemu Windows",
    "Pobierz aplikację Outlook dla systemu iOS",
    "Stáhnout Outlook pro iOS",
    "Poslané z Pošty pre Windows",
    "Elküldve a Windows Posta alkalmazásából",
    "Az Outlook iOS beszerzése",
    "Descărcați Outlook pentru iOS",
    "Получить Outlook для iOS",
    "Отримати Outlook для iOS",
    "Poslato sa mog iPhone-a",
    "Λήψη του Outlook για iOS",
    "Windows için Posta ile gönderildi",
    "iOS için Outlook'u edinin",
    "مُرسل من الـ iPhone",
    "الحصول على Outlook لـ iOS",
    "ارسال\u200cشده از iPhone من",
    "נשלח מ-Outlook עבור iOS",
    "קבל את Outlook עבור iOS",
    "スマートフォンから送信",
    "Outlook for iOS を入手",
    "iOS용 Outlook 다운로드",
    "从 Windows 版邮件发送",
    "获取适用于 iOS 的 Outlook",
    "发自新浪邮箱客户端",
    "從 Windows 的郵件傳送",
    "ส่งจากจดหมายสำหรับ Windows",
    "รับ Outlook สำหรับ iOS",
    "Enviado dende o meu iPhone",
    "Sendt frå iPhonen min",
)
