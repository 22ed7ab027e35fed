# SPDX-License-Identifier: Apache-2.0
"""Names of devices and programs, and the few words that programs write around them; all in lower case.

Enters: nothing. Leaves: data. A line is a program's if it has a device and no word that is not here: "Sent by phone on
Monday" is a person's.
"""

# A word that begins so, with an ending as languages need it: "iPhonesta"; anywhere in a word that has other letters.
BRANDS: tuple[str, ...] = (
    *("iphon", "айфон", "ipad", "ipod", "macbook", "android", "outlook", "blackberry", "samsung", "galaxy", "huawei"),
    *("xiaomi", "redmi", "oneplus", "nokia", "lumia", "motorola", "xperia", "yahoo", "gmail", "hotmail", "proton"),
    *("thunderbird", "bluemail", "mailbird", "fastmail", "hushmail", "mailfence", "windows", "fairemail", "tutanota"),
    *("mailspring", "superhuman", "laposte", "яндекс", "k-9", "smartphone", "小米", "スマートフォン", "スマホ"),
    *(
        "タブレット",
        "客户端",
        "用戶端",
        "휴대전화",
        "스마트폰",
        "휴대폰",
        "手机",
        "手機",
        "邮箱",
        "郵箱",
        "信箱",
        "携帯",
        "หมายสำหรับ",
    ),
    *("gmx", "web.de", "t-online", "mail.ru", "bluemail", "گوشی", "메일"),
)
# Whole words.
NAMES: frozenset[str] = frozenset(
    (
        *(
            "ios",
            "htc",
            "sony",
            "pixel",
            "aol",
            "zoho",
            "naver",
            "tuta",
            "spark",
            "boxer",
            "libero",
            "seznam",
            "orange",
        ),
        *("workspace", "em", "apple", "lg", "telekom", "note", "мобильной", "e-mail-app", "mail.com"),
    )
)
# Anything that takes no name: only behind "from", or with "my".
KINDS: frozenset[str] = frozenset(
    (
        *(
            "phone",
            "cell",
            "mobile",
            "handy",
            "mobil",
            "mobilen",
            "mobiltelefon",
            "móvil",
            "movil",
            "tablet",
            "tablette",
        ),
        *("telefon", "telefonu", "telefonen", "telefono", "teléfono", "téléphone", "telefoon", "device", "gerät"),
        *(
            "mobilgerät",
            "appareil",
            "dispositivo",
            "puhelimesta",
            "cellulare",
            "celular",
            "portable",
            "телефона",
            "телефону",
        ),
        *("mobilu", "tabletu", "telefonumdan", "mobiele", "mobiel", "điện", "thoại", "ponsel", "mobiltelefonról"),
    )
)
MY: frozenset[str] = frozenset(
    (
        *("my", "mein", "meine", "meinem", "meiner", "mon", "ma", "mi", "meu", "minha", "mio", "mia", "mijn", "m'n"),
        *("min", "mitt", "mit", "mojego", "mojej", "mého", "mojí", "môjho", "mojega", "mog", "moje", "моего", "мого"),
        *("моя", "minu", "mana", "mano", "saya", "tôi", "μου", "من", "שלי", "ของฉัน", "बी", "meva", "mea", "ko"),
        *("我的", "내", "나의", "मेरे", "الخاص", "بي"),
    )
)
AROUND: frozenset[str] = frozenset(
    (
        *("the", "a", "an", "new", "all", "for", "on", "by", "from", "with", "via", "and", "app", "mail", "email"),
        *("e-mail", "mobile", "secure", "client", "one", "plus", "pro", "max", "mini", "tab", "ultra", "edge"),
        *(
            "network",
            "wireless",
            "work",
            "mailbox",
            "at&t",
            "verizon",
            "sprint®",
            "now",
            "t-mobile",
            "vodafone",
            "enjoy",
            "ad-free",
        ),
        *("emails", "&", "der", "die", "das", "dem", "den", "für", "mit", "von", "vom", "aus", "und", "einem", "über"),
        *("la", "le", "les", "l'application", "l’application", "application", "pour", "de", "du", "des", "un", "une"),
        *("depuis", "courrier", "mobile.", "el", "los", "para", "desde", "correo", "aplicación", "do", "da", "o"),
        *("aplicativo", "correio", "email", "posta", "per", "con", "il", "dal", "dall'app", "voor", "vanuit", "vanaf"),
        *(
            "mijn",
            "met",
            "een",
            "het",
            "från",
            "för",
            "till",
            "til",
            "fra",
            "e-post",
            "appen",
            "med",
            "via",
            "aplikacji",
        ),
        *("poczta", "poczty", "dla", "systemu", "z", "ze", "aplikace", "pošta", "pošty", "pro", "pre", "mailu", "na"),
        *("alkalmazásából", "az", "uygulamasından", "için", "ile", "din", "pe", "pentru", "aplicația", "телефона"),
        *("смартфона", "почты", "почта", "для", "из", "с", "устройства", "із", "пошти", "от", "το", "από", "για"),
        *(
            "su",
            "op",
            "auf",
            "di",
            "hub+",
            "inbox",
            "mobilního",
            "telefonu",
            "telefonul",
            "ios-laitteille",
            "android-laitteille",
        ),
        *("älypuhelimesta", "สำหรับ", "لـ", "στο", "на"),
        *("dari", "của", "từ", "cho", "untuk", "al", "les", "del", "des", "ang", "aking", "daripada", "mula", "sa"),
        *("الـ", "جهاز", "على", "هاتف", "گوشی", "با", "من", "תוך", "עבור", "ה", "版邮件", "的郵件", "的", "से", "mula"),
    )
)
# With these a line says more of itself: "Sent from my iPhone, please excuse typos".
EXCUSES: tuple[str, ...] = ("brevity", "typos", "excuse")
