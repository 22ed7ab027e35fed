# SPDX-License-Identifier: Apache-2.0
"""Words of notices in other languages than English, for the tables of signs, recipients and reasons.

German, French, Spanish, Italian, Portuguese, Dutch, Swedish, Danish, Norwegian, Finnish, Polish, Czech, Slovak,
Hungarian, Romanian, Turkish, Greek, Russian, Ukrainian, Chinese, Japanese, Korean; with and without accents.
Patterns only, each bounded, all for text in lower case or read without regard to it.
"""

# That a mail did not arrive.
FAILED = (
    r"nicht (?:zugestellt|[üu]e?bermittelt|ausgeliefert|zugeleitet) werden|zustellung (?:\S{1,80} ){0,3}fehlgeschlagen|"
    r"unzustellbar|(?:n'a|n’a|n'ont|na) pas (?:pu )?(?:[êe]tre )?(?:remis|distribu|d[ée]livr|livr|achemin)|"
    r"[ée]chec (?:de (?:la )?)?(?:remise|distribution|livraison)|non (?:remis|distribu[ée])|"
    r"no (?:se |ha )?(?:ha )?(?:pudo|podido|pudieron|puede) (?:ser )?(?:entreg|envi)|no (?:fue )?entregado|"
    r"(?:non (?:[èe] stat[oa] |pu[òo] essere |[èe] stato possibile )|impossibile )(?:consegn|recapit)|"
    r"mancat[ao] (?:consegna|recapito)|n[ãa]o (?:p[ôo]de|foi|pode) (?:ser )?(?:entreg|enviad)|falha na entrega|"
    r"niet (?:worden )?(?:afgeleverd|bezorgd|besteld)|onbestelbaar|(?:inte|ikke) (?:lever|skickas|sendes)|"
    r"viesti[äa] ei (?:voitu|voida) (?:toimit|v[äa]lit)|toimitus ep[äa]onnistui|niedostarcz|niedor[ęe]cz|"
    r"nie (?:zosta[łl][ao]? |mog[łl][ao]? (?:zosta[ćc] )?|uda[łl]o si[ęe] )(?:dor[ęe]cz|dostarcz)|"
    r"(?:nelze|nepoda[řr]ilo(?: se)?|nemohla? b[ýy]t) doru[čc]|nedoru[čc]|"
    r"nem (?:siker[üu]lt )?k[ée]zbes[íi]t|k[ée]zbes[íi]thetetlen|nu a (?:putut )?(?:fi )?(?:fost )?livrat|"
    r"teslim edilemedi|iletilemedi|δεν (?:ήταν δυνατή|παραδόθηκε|μπόρεσε)|не вдалося достав|не доставлено|"
    r"не (?:может быть |было |был[ао]? |удалось )?доставл?(?:ен|ить)|"
    r"недоставлен|退信|退回|(?:无法|未能|無法)(?:送达|投递|送達|投遞|发送|傳送)|投递失败|送信に失敗|반송|"
    r"(?:配信|配送|送信|お届け)(?:でき|失敗|エラー)|届けられません|(?:전송|전달|발송|배달)(?:되지|하지|에 실패| ?실패)"
)
# What stands before the address of a recipient.
LABELS = (
    r"empf(?:ä|ae)nger|mottagare|modtager|mottaker|vastaanottaja|odbiorca|adresat|p[řr][íi]jemce|pr[íi]jemca|"
    r"c[íi]mzett|destinatar|al[ıi]c[ıi]|παραλήπτης|одержувач|"
    r"destinataires?|destinatari[oa]s?|destinat[áa]rios?|geadresseerde|ontvanger|"
    r"получател[ья]м?|адресат|收件人(?:邮件地址|地址)?|收件者|宛先|受信者|送信先|받는 ?사람|수신자|an(?= ?<)"
)
FULL = (
    r"postfach\b.{0,60}\b(?:voll|[üu]e?berf[üu]e?llt|ersch[öo]e?pft)|speicherplatz.{0,40}ersch[öo]e?pft|"
    r"(?:bo[îi]te|messagerie)\b.{0,60}\b(?:pleine|satur[ée]e)|quota.{0,20}d[ée]pass[ée]|"
    r"(?:mailbox|postvak|brevl[åa]da|postkasse|innboks|postilaatikko)\b.{0,30}\b(?:vol|full|fuld|t[äa]ynn[äa])\b|"
    r"skrzynk\w*\b.{0,60}(?:prze)?pe[łl]n|schr[áa]nk\w*\b.{0,40}\bpln|postal[áa]d\w*\b.{0,40}\b(?:megtelt|tele)\b|"
    r"(?:kutusu|kotas[ıi])\b.{0,40}\b(?:dolu|a[şs][ıi]l)|γραμματοκιβώτιο.{0,40}(?:πλήρες|γεμάτο)|"
    r"скриньк.{0,40}(?:переповнен|заповнен)|buz[óo]n\b.{0,60}\b(?:lleno|llena)|casella\b.{0,60}\bpiena|caixa\b.{0,60}\bcheia|"
    r"ящик.{0,40}(?:переполнен|полон)|(?:邮箱|信箱|郵箱|邮箱空间)\S{0,12}(?:已满|已滿|不足|超过|满)|"
    r"(?:メールボックス|容量)\S{0,20}(?:一杯|いっぱい|満杯|超え|超過|オーバー)|"
    r"(?:메일함|사서함|편지함|용량).{0,20}(?:초과|가득|부족)"
)
NOBODY = (
    r"unbekannte[rn]? (?:empf(?:ä|ae)nger|benutzer)|(?:empf(?:ä|ae)nger|benutzer|adresse)\S{0,8} (?:ist )?"
    r"(?:unbekannt|existiert nicht)|"
    r"(?:utilisateur|destinataire|adresse) (?:est )?(?:inconnue?|inexistante?|introuvable)|"
    r"(?:usuario|destinatario|buz[óo]n|cuenta|direcci[óo]n) (?:es )?(?:desconocid[oa]|no existe|inexistente)|"
    r"(?:utente|destinatario|indirizzo|casella) (?:[èe] )?(?:sconosciut[oa]|inesistente|non esiste|non trovato)|"
    r"(?:usu[áa]rio|destinat[áa]rio|endere[çc]o|conta) (?:[ée] )?(?:desconhecid[oa]|n[ãa]o existe|inexistente)|"
    r"(?:gebruiker|ontvanger) (?:is )?onbekend|(?:gebruiker|adres) bestaat niet|"
    r"(?:ok[äa]nd|ukendt|ukjent) (?:anv[äa]ndare|mottagare|bruger|modtager|bruker|mottaker)|"
    r"(?:anv[äa]ndaren|mottagaren|brugeren|modtageren|brukeren|adressen) (?:finns inte|findes ikke|finnes ikke)|"
    r"(?:tuntematon|ei (?:ole )?olemassa) (?:k[äa]ytt[äa]j[äa]|vastaanottaja)|"
    r"(?:u[żz]ytkownik|odbiorca|adres|konto|skrzynka)\b.{0,30}\bnie istnieje|nieznany (?:u[żz]ytkownik|odbiorca)|"
    r"(?:u[žz]ivatel|p[řr][íi]jemce|adresa|schr[áa]nka|pou[žz][íi]vate[ľl]|pr[íi]jemca)\b.{0,30}\bneexistuje|"
    r"nezn[áa]m[ýy] (?:u[žz]ivatel|p[řr][íi]jemce|pou[žz][íi]vate[ľl])|"
    r"(?:ismeretlen|nem l[ée]tez[őo]) (?:felhaszn|c[íi]m)|(?:utilizator|destinatar) (?:necunoscut|inexistent)|"
    r"(?:kullan[ıi]c[ıi]|al[ıi]c[ıi]|adres) (?:bulunamad[ıi]|mevcut de[ğg]il)|"
    r"άγνωστος (?:χρήστης|παραλήπτης)|(?:користувач|одержувач)\w* не (?:знайден|існує)|"
    r"(?:пользовател|получател|адресат|ящик)\w* (?:@ )?не (?:найден|существует)|нет такого пользователя|"
    r"(?:收件人|用户|用戶|邮箱|地址|帐号|账号)[^。;]{0,40}不存在|(?:宛先|アドレス|ユーザー?)[^。;]{0,30}存在しません|"
    r"(?:존재하지 않는|없는) (?:사용자|계정|메일|주소|수신자)|"
    r"(?:사용자|계정|주소|수신자).{0,10}(?:존재하지 않|없습니다)"
)
# Near these words an address is one that failed.
SENTENCE = (
    r"niet (?:worden )?(?:bezorgd|afgeleverd)|inte levereras|ikke lever|nie (?:zosta|uda|mo)|nepoda|nelze|nem siker|"
    r"edilemedi|δεν |не вдал|unzustellbar|fehlgeschlagen|n['’]a pas|[ée]chec|no se pudo|"
    r"no ha podido|no pud|impossibile|non pu|n[ãa]o [pf]|falha|"
    r"не удалось|не может|не доставл|недоставл|退信|退回|无法|無法|できません|失敗|않았|못했|실패"
)
