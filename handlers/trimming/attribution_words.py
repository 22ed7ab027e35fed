# SPDX-License-Identifier: Apache-2.0
"""How mail clients say "wrote" above a quote, and the words that such a line begins with; all in lower case.

Enters: nothing. Leaves: data. A verb is looked for as a whole word in a line that has a date or an address too, and
ends in a colon, so its last word is enough. Alphabets without spaces between words stand in a list of their own.
"""

# One row a family of languages; the brackets of "(a)" and "/a" are as the clients write them.
VERBS: frozenset[str] = frozenset(
    (
        *("wrote", "writes", "schrieb", "schrieben", "schreibt", "geschrieben", "schreef", "geschreven", "geskryf"),
        *("skrev", "skreiv", "skrifaði", "skrivaði", "kirjoitti", "kirjutas", "rakstīja", "rašė", "parašė"),
        *("écrit", "ecrit", "écrivait", "escribió", "escribio", "escrito", "escreveu", "scritto", "scrive", "scris"),
        *("escriure", "escrit", "escrigué", "escribiu", "idatzi", "shkroi", "shkruar", "skribis"),
        *("napisał(a)", "napisał", "napisała", "napisał/a", "napisali", "pisze"),
        *("napsal(a)", "napsal", "napsala", "napsal/a", "napísal(a)", "napísal", "napísala", "napísal/a"),
        *("napisao/la", "napisao", "napisala", "napisal", "napisal/-a", "napisal(a)", "piše"),
        *("написал", "написала", "написал(а)", "пишет", "писал", "писал(а)"),
        *("написав", "написав(ла)", "написав(-ла)", "пише", "писав", "напісаў", "напісала", "піша"),
        *("написа", "написа(а)", "напиша", "написао/ла", "написао"),
        *("írta", "έγραψε", "έγραψαν", "γράφει", "yazdı", "yazmış", "yazıb", "yozdi", "жазды"),
        *("כתב", "כתבה", "כתב/ה", "כתב(ה)", "כתבו", "كتب", "كتبت", "كتب/ت", "نوشت", "نوشته", "لکھا"),
        *("लिखा", "লিখেছেন", "எழுதினார்", "రాశారు", "ಬರೆದರು", "લખ્યું", "գրել", "գրեց", "დაწერა"),
        *("viết", "menulis", "menuliskan", "sumulat", "isinulat", "sinulat", "aliandika", "ameandika", "wathi"),
        *("எழுதியது", "వ్రాశారు", "लिहिले", "लेख्नुभयो", "ಬರೆದಿದ್ದಾರೆ", "എഴുതി", "ጽፏል", "գրել", "napisana", "missatge", "מאת"),
        *("scríobh", "ysgrifennodd", "sgrìobh"),
    )
)
# Found anywhere in the line: there are no spaces to look for, or the verb takes endings.
UNSPACED_VERBS: tuple[str, ...] = (
    *("写道", "寫道", "写到", "寫到", "写了", "寫了", "撰写", "撰寫", "的郵件", "的邮件"),
    *("のメール", "書きました", "쓴 글", "님이 작성", "작성:", "썼습니다", "님이 쓴", "เขียน"),
)
# What a line begins with when a date or a name follows; folding comes later in the line.
STARTS: tuple[str, ...] = (
    *("on ", "at ", "am ", "le ", "el ", "il ", "em ", "a ", "op ", "den ", "på ", "d. ", "kl. ", "w dniu ", "dnia "),
    *("dne ", "dňa ", "în ", "pe ", "la ", "на ", "в ", "от ", "у ", "dana ", "στις ", "την ", "ב", "في ", "بتاريخ "),
    *(
        "در ",
        "vào ",
        "pada ",
        "noong ",
        "ti ",
        "ma ",
        "to ",
        "quoting ",
        "zitat von ",
        "citando ",
        "citerar ",
        "citát ",
    ),
    *("às ", "ar ", "þann ", "mnamo ", "no dia ", "wiadomość ", "ngo"),
    *("ที่ ", "เมื่อ ", "na ", "在 ", "於 ", "于 ", "o ", "die ", "--- on ", "---- on ", "selon "),
)
# A person who tells a story begins with one of these; a client never does without a quote below. None is a name, too.
PRONOUNS: tuple[str, ...] = (
    *("i ", "we ", "you ", "he ", "she ", "they ", "ich ", "wir ", "sie ", "du ", "ihr ", "je ", "j'", "j’", "nous "),
    *(
        "vous ",
        "elle ",
        "yo ",
        "nosotros ",
        "eu ",
        "nós ",
        "noi ",
        "ik ",
        "wij ",
        "jag ",
        "jeg ",
        "hun ",
        "minä ",
        "já ",
    ),
    *("я ", "мы ", "он ", "она ", "我", "他", "她", "私", "저는 ", "أنا ", "אני "),
)
# Words of a person who tells who wrote; in small letters, for names have capitals. None is in a client's clause.
TELLING: frozenset[str] = frozenset(
    (
        *("i", "me", "us", "we", "he", "she", "they", "my", "our", "your", "his", "her", "their", "the", "you"),
        *(
            "ich",
            "mir",
            "uns",
            "wir",
            "ihr",
            "ihnen",
            "ihre",
            "ihrer",
            "mein",
            "meine",
            "unser",
            "unsere",
            "euer",
            "eure",
        ),
        *("m'a", "m’a", "m'ont", "m’ont", "nous", "vous", "votre", "notre", "vos", "nos", "mes", "elle"),
        *("usted", "ustedes", "nuestro", "nuestra", "vuestro", "vuestra", "nosotros", "compañero", "colega"),
        *("meu", "minha", "seu", "sua", "nosso", "nossa", "vosso", "vossa", "mio", "mia", "vostro", "vostra", "nostro"),
        *(
            "nostra",
            "ik",
            "mij",
            "ons",
            "onze",
            "mijn",
            "uw",
            "jouw",
            "jullie",
            "mig",
            "meg",
            "oss",
            "vår",
            "din",
            "vores",
        ),
        *("deres", "jeres", "mój", "moja", "wasz", "wasza", "nasz", "nam", "nám", "váš", "vaše", "náš"),
        *("я", "мне", "мы", "нам", "мой", "моя", "наш", "наша", "ваш", "ваша", "мені", "bana", "bize"),
    )
)
# The same where there are no spaces to look for.
UNSPACED_TELLING: tuple[str, ...] = (
    "私は",
    "私が",
    "我们",
    "我們",
    "我在",
    "我给",
    "我給",
    "我向",
    "저는",
    "제가",
    "우리",
)
# What stands between a name and the verb.
AUXILIARIES: frozenset[str] = frozenset(("a", "ha", "je", "ezt", "şunu", "tarihinde", "keltezéssel", "đã", "є"))
