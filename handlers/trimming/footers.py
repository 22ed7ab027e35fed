# SPDX-License-Identifier: Apache-2.0
"""Whether lines below a rule are what a list, a lawyer or a scanner for viruses lets stand below each mail.

Enters: the rule and what is below it. Leaves: yes or no; in doubt no. Never fails. Each paragraph must begin with a
sentence that such programs write, or hold nothing but ways to reach somebody; whoever asks, or says "I", is a person.
"""

import re

from handlers.trimming.cards import MAX_CHARACTERS, tells_contact
from handlers.trimming.lines import Kind, Line

LONG = 20  # as programs draw rules; people's are shorter
MAX_MAIL_WORDS = 60  # characters between the beginning of a lawyer's sentence and what tells it

_SHORT_RULES = ("--", "—", "–", "---")
_GROUPS_RULE = "-=-=-"

_LIST = re.compile(
    r"[^\s,:]+(?: [^\s,:]+)? mailing list(?: -- \S+@\S+)?$|"
    r"you (?:received|are receiving|got) this (?:message |e-?mail )?because you |"
    r"to (?:unsubscribe|post|visit your group|view this discussion|stop receiving)\b.{0,120}"
    r"(?:\bsend\b|\bvisit\b|\bgo to|https?://|@\w)|for more options,? visit |"
    r"(?:groups\.io|yahoo!? groups) links\b|reply to this email directly,? (?:or )?view it on |"
    r"sie erhalten diese (?:nachricht|e-?mail|mail),? weil |sie haben diese nachricht erhalten,? (?:weil|da) |"
    r"vous (?:recevez|avez reçu) ce (?:message|mail|courriel),? (?:parce que|car) |"
    r"(?:ha recibido|recibió|has recibido) este (?:mensaje|correo) porque |"
    r"(?:hai ricevuto|ricevi) questo messaggio perché |você (?:recebeu|está recebendo) esta mensagem porque |"
    r"(?:u ontvangt|je hebt) dit bericht (?:ontvangen )?omdat |"
    r"вы получили это сообщение,? (?:потому|поскольку|так как) "
)
_SCANNED = re.compile(
    r"(?:this (?:e-?mail|message|mail)|(?:e-?mail|message|mail)) (?:has been|was|is) (?:checked|scanned)\b.{0,60}$|"
    r"(?:scanned|checked) (?:by|for viruses by|with) [^.,]{2,40}\.?$|virus-free\.(?: www\.\S+| \S*https?://\S+|$)|"
    r"diese (?:e-?mail|nachricht) wurde\b.{0,40}\b(?:viren|schadsoftware)\b.{0,12}\bgeprüft\.?$|virenfrei\. |"
    r"(?:l'absence de virus dans )?ce (?:courrier|courriel|message)\b.{0,50}\bvérifié\b.{0,50}$|"
    r"este (?:correo|mensaje|e-?mail)\b.{0,60}\b(?:analizado|escaneado|verificado)\b.{0,50}\bvirus\b|"
    r"(?:questa e-?mail|questo messaggio) è stat[ao] (?:controllat|verificat|analizzat)[ao]\b.{0,40}\bvirus\b|"
    r"(?:deze e-?mail|dit bericht) (?:is|werd)\b.{0,40}\bvirus\w*\b.{0,20}\b(?:gecontroleerd|gescand)\b"
)
_BETWEEN = rf"[^.?!]{{0,{MAX_MAIL_WORDS}}}"
_LAWYERS = re.compile(
    rf"(?:this|the information (?:contained )?in this) (?:e-?mail|message|communication)\b{_BETWEEN}"
    r"\b(?:confidential|privileged|intended (?:only|solely))|"
    r"if you (?:are not the (?:intended|named) (?:recipient|addressee)|have received this (?:e-?mail|message)|"
    r"received this (?:e-?mail|message) in error)|"
    rf"diese (?:e-?mail|nachricht)\b{_BETWEEN}\bvertraulich|"
    r"(?:wenn|falls) sie nicht der (?:richtige|beabsichtigte|vorgesehene) (?:adressat|empfänger)|"
    rf"ce (?:message|courriel|mail|courrier électronique)\b{_BETWEEN}\bconfidentiel|"
    rf"este (?:mensaje|correo|e-?mail)\b{_BETWEEN}\bconfidencia|esta mensagem\b{_BETWEEN}\bconfidencia|"
    rf"(?:questo messaggio|questa e-?mail|il presente messaggio)\b{_BETWEEN}\briservat|"
    rf"(?:dit (?:e-?mail)?bericht|deze e-?mail)\b{_BETWEEN}\bvertrouwelijk|"
    rf"(?:detta|det här) (?:meddelande|e-postmeddelande)t?\b{_BETWEEN}\bkonfidentiell|"
    rf"denne (?:e-?mail|e-post|meddelelse)n?\b{_BETWEEN}\bfortrolig|"
    rf"(?:данное|это|настоящее) (?:сообщение|письмо)\b{_BETWEEN}\bконфиденциальн"
)
# Of a person, in the languages above; "please" alone may be a lawyer's, too.
_OWN = re.compile(
    r"[?？]|\b(?:i|i['’]\w+|me|my|mine|ich|mich|mir|meine?\w?|je|j['’]\w+|moi|mon|mes|yo|mis?|mío|mio|mia|eu|meu|minha|"
    r"ik|mij|mijn|jag|mig|mitt?|min|mina|jeg|meg|я|мне|меня|мой|моя|моё|моего)\b|"
    r"\b(?:please|bitte)\b(?! (?:immediately |sofort )?(?:notify|delete|advise|inform|contact|return|destroy|"
    r"informieren|benachrichtigen|löschen|den absender|consider the environment|do not (?:read|copy|print|disclose)))"
)


def is_footer(rule: Line, below: list[Line], *, under_words: bool) -> bool:
    """Whether a program wrote all of it; right under words only below a long line of underscores, as lists draw it."""
    inside = below[:-1] if below and below[-1].seen == rule.seen else below
    closed = len(inside) < len(below)
    programs = len(rule.seen) >= LONG or rule.seen.startswith(_GROUPS_RULE)
    if (closed and not programs) or (under_words and rule.seen.strip("_")):
        return False
    if any(one.seen == rule.seen or _OWN.search(one.seen) for one in inside):
        return False
    found = _paragraphs(inside)
    if not found or not (programs or rule.seen in _SHORT_RULES) or not _begins(found[0], programs=programs):
        return False
    return all(_begins(one, programs=programs) or _reaches(one) for one in found[1:])


def _begins(paragraph: list[Line], *, programs: bool) -> bool:
    """Lines of lists and scanners are told one by one; lawyers' sentences run over several, below a long rule."""
    if programs and _LAWYERS.match(" ".join(one.seen for one in paragraph[:4])):
        return True
    return _tells(paragraph[0]) and all(_tells(one) or _reaches([one]) for one in paragraph)


def _tells(one: Line) -> bool:
    seen = one.seen.lstrip("<*> ")  # as Yahoo marks a list
    return bool(_LIST.match(seen) or _SCANNED.match(seen))


def _reaches(paragraph: list[Line]) -> bool:
    """Nothing but short lines that say how to reach somebody."""
    return all(tells_contact([one]) and (len(one.seen) <= MAX_CHARACTERS or " " not in one.seen) for one in paragraph)


def _paragraphs(lines: list[Line]) -> list[list[Line]]:
    found: list[list[Line]] = [[]]
    for one in lines:
        if one.kind is Kind.EMPTY:
            found.append([])
        else:
            found[-1].append(one)
    return [one for one in found if one]
