# SPDX-License-Identifier: Apache-2.0
"""Why a recipient did not get a mail: a small list, found by what servers write and by status codes (RFC 3463).

Enters: a diagnostic in lower case with single spaces. Leaves: reasons that its words name, the most telling first, or
the one that a status code means. Every pattern is bounded, so the cost is linear in the text.
"""

import re
from enum import Enum

from handlers.bounces import tongues


class Reason(Enum):
    """docs/classification.md explains each."""

    USER_UNKNOWN = "user unknown"
    FILTERED = "filtered"
    MOVED = "moved"
    HOST_UNKNOWN = "host unknown"
    NOT_ACCEPTING = "accepts no mail"
    MAILBOX_FULL = "mailbox full"
    SUSPENDED = "suspended"
    TOO_BIG = "too big"
    SPAM = "spam"
    VIRUS = "virus"
    POLICY = "policy"
    SENDER_REFUSED = "sender refused"
    BLOCKED = "blocked"
    AUTHENTICATION = "authentication"
    RELAYING = "relaying denied"
    RATE = "too many"
    EXPIRED = "expired"
    NETWORK = "network"
    SYSTEM = "system"
    CONTENT = "content"
    UNKNOWN = "unknown"


HARD = frozenset({Reason.USER_UNKNOWN, Reason.HOST_UNKNOWN, Reason.MOVED, Reason.NOT_ACCEPTING})

# What status codes mean (RFC 3463 §3; IANA's registry of enhanced status codes): both classes, then class by class.
_BY_DETAIL = {
    "1.6": Reason.MOVED,
    "1.7": Reason.SENDER_REFUSED,
    "1.8": Reason.SENDER_REFUSED,
    "1.9": Reason.SYSTEM,
    "2.2": Reason.MAILBOX_FULL,
    "2.3": Reason.TOO_BIG,
    "2.4": Reason.FILTERED,
    "3.1": Reason.SYSTEM,
    "3.2": Reason.NOT_ACCEPTING,
    "3.3": Reason.SYSTEM,
    "3.4": Reason.TOO_BIG,
    "3.5": Reason.SYSTEM,
    "4.2": Reason.NETWORK,
    "4.3": Reason.SYSTEM,
    "4.5": Reason.SYSTEM,
    "4.6": Reason.NETWORK,
    "4.7": Reason.EXPIRED,
    "4.8": Reason.NETWORK,
    "5.2": Reason.CONTENT,
    "5.3": Reason.RATE,
    "5.5": Reason.SYSTEM,
    "7.13": Reason.SUSPENDED,
    "7.16": Reason.TOO_BIG,
    "7.17": Reason.MOVED,
    "7.18": Reason.MOVED,
    "7.25": Reason.BLOCKED,
    "7.27": Reason.SENDER_REFUSED,
    "7.28": Reason.SPAM,
    **{f"6.{number}": Reason.CONTENT for number in range(10)},
    **{f"7.{number}": Reason.POLICY for number in (2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 14, 15, 19)},
    **{f"7.{number}": Reason.AUTHENTICATION for number in (20, 21, 22, 23, 24, 26, 29)},
}
_BY_STATUS = {
    "4.2.1": Reason.BLOCKED,
    "4.4.1": Reason.EXPIRED,
    "4.4.4": Reason.NETWORK,
    "4.7.1": Reason.BLOCKED,
    "5.1.0": Reason.USER_UNKNOWN,
    "5.1.1": Reason.USER_UNKNOWN,
    "5.1.2": Reason.HOST_UNKNOWN,
    "5.1.3": Reason.USER_UNKNOWN,
    "5.1.4": Reason.FILTERED,
    "5.1.10": Reason.NOT_ACCEPTING,  # RFC 7505 §4.2
    "5.2.0": Reason.FILTERED,
    "5.2.1": Reason.FILTERED,
    "5.3.0": Reason.SYSTEM,
    "5.4.0": Reason.NETWORK,
    "5.4.4": Reason.HOST_UNKNOWN,
    "5.5.4": Reason.SYSTEM,
    "5.7.0": Reason.POLICY,
    "5.7.1": Reason.POLICY,
}

_WORDS: tuple[tuple[Reason, str], ...] = (
    (Reason.FILTERED, r"blocked by (?:the |this )?(?:recipient|user|addressee)\b"),
    (Reason.BLOCKED, r"\bptr\b|reverse dns|service refuse|ip name lookup|sender ip|sending ip"),
    (
        Reason.SPAM,
        r"blacklisted url|blocked (?:by|for) (?:(?:our|the|policy:) )?(?:\w+ ){0,2}(?:spam|bulk|abuse)|no spam please|"
        r"spam complaints|blocked by our filter|\buribl\b",
    ),
    (Reason.POLICY, r"for policy reasons|policy violation|denied by policy|local policy|security policies"),
    (Reason.SYSTEM, r"procmail: |bin/procmail|couldn't create \"|command died|pipe to \||duplicated message-id"),
    (
        Reason.NOT_ACCEPTING,
        r"null ?mx|no smtp service|doesn't receive e-?mail|malformed or unexpected name server reply",
    ),
    (
        Reason.CONTENT,
        r"multiple [^.;]{0,60}(?:address|header)|messages with multiple|duplicate header|(?:not|non)[- ]compliant|"
        r"rfc ?5322|header (?:section )?is (?:missing|invalid)",
    ),
    (
        Reason.NETWORK,
        r"dns error|not found[^;]{0,20}try again|name lookup failure|name server: [^;]{0,80}try again|"
        r"unrouteable mail domain|dns records for the destination",
    ),
    (
        Reason.SENDER_REFUSED,
        r"groups\.google\.com|group you tried to contact|sender (?:e-?mail )?address (?:rejected|has been black)|"
        r"not a registered gateway user|(?:null|empty)(?: envelope)? senders?\b|(?:third-party|unsigned) dsn|"
        r"bounce ?deny|returned mail not accepted|backscatter|\bbatv\b|\be2110\b|domain of sender|"
        r"sender (?:domain )?is (?:empty|in my)|sender blacklisted|valid sender domain|from: domain is invalid|"
        r"mail from not owned|senderfilter|secumail|does(?:n't| not) accept mail from|access to submit messages|"
        r"delivery not authorized|your e-?mail address has been black|administrative prohibition|envelope blocked",
    ),
    (
        Reason.MOVED,
        r"not our customer|has been (?:moved|replaced by|changed to)|user (?:has )?moved|mailbox has moved|"
        r"address has changed|no longer on server|no longer (?:with|employed)|"
        r"please (?:use|try) (?:the )?new address",
    ),
    (
        Reason.MAILBOX_FULL,
        r"(?:mail ?box|inbox|mail ?folder|storage|account)[^.;]{0,60}\b(?:full\b|exceed|out of (?:storage|disk)|"
        r"quota|is over)|\b(?:over|exceed\w*|disk|maildir|mailbox|storage|not enough|hit) ?(?:the |its |his |"
        r"their |user |disk |mail )*quota|quota (?:has been |is |was )?(?:exceed|violat|full)|"
        r"exceed\w* [^.;]{0,30}quota|full mail ?box|mailbox[ _]?full|insufficient disk|exceeds allowed size|"
        r"exceeded storage|no space left|too much mail data|space has been used|too many messages on the server|"
        r"boite du destinataire pleine|over ?quota|overquota|mailbox size limit|"
        r"not (?:enough|sufficient) (?:storage |disk )?space|out of storage space|" + tongues.FULL,
    ),
    (
        Reason.AUTHENTICATION,
        r"\bdmarc\b|authentication (?:information|checks|level|requirements)|"
        r"\bspf\b[^.;]{0,60}(?:fail|record|check|policy|pass|not|violat|allow)|fail\w* (?:the )?spf|"
        r"\bdkim\b[^.;]{0,50}(?:fail|not|pass|check|sign|invalid)|unauthenticated email|sender policy framework|"
        r"not authenticated with|(?:fails?|failed|did not pass|missing|lacks) (?:\w+ ){0,3}(?:spf|dkim)|"
        r"(?:is )?not authorized (?:by|to use) [^.;]{0,40}spf|bad spf|spf settings",
    ),
    (
        Reason.VIRUS,
        r"\bvirus\b|\bmalware|\bworm\b|infected|eicar|trojan|security policies[^.;]{0,20}(?:virus|malicious)|"
        r"dangerous attachment",
    ),
    (
        Reason.BLOCKED,
        r"\bptr\b|reverse (?:dns|lookup|record|host|name)|rdns|no (?:reverse|rdns)|"
        r"cannot find your (?:reverse )?hostname|mismatches client ip|client ip|"
        r"(?:fix|valid) (?:your )?(?:reverse|rdns)|unknown client host|(?:block|black|deny|ban) ?-?list|\brbl\b|"
        r"\bdnsbl|spamhaus|spamcop|sorbs|barracuda|senderbase|senderscore|proofpoint|cloudmark|trendmicro|"
        r"mail-abuse|client host (?:\S{0,60} )?(?:rejected|blocked)|access denied[^.;]{0,30}\bip\b|"
        r"blocked (?:-|by|using|for|due)|(?:your |the )?(?:ip|ip address|network|host|domain|"
        r"server)[^.;]{0,60}(?:block|blacklist|banned|reputation|not allowed to (?:connect|send))|reputation|"
        r"messages from \S{1,60} (?:weren't|were not) sent|"
        r"(?:connection|service)[^.;]{0,20}(?:refused|rejected) by (?:policy|filter)|blocked by|\bis blocked\b|"
        r"ip \S{1,40} (?:is )?(?:blocked|blacklisted|refused)|dynamic(?:ally)? (?:ip|assigned|address)|"
        r"temporarily deferred due to|too many spam|suspicious (?:mail|traffic|activity)|"
        r"(?:helo|ehlo)[^.;]{0,40}(?:reject|invalid|refus|denied|mismatch|resol|not (?:found|allow))|"
        r"(?:bad|invalid) (?:helo|ehlo)|greylist|graylist|gray-list|smtp server of your isp|go away|open proxy|"
        r"not (?:currently )?accepting mail from|no access from mail server|too many unwanted|"
        r"service not available, clos|not accepting connections|\b[45]\d\d (?:[45]\.\d\.\d )?blocked\b|"
        r"(?:bad|banned) ip\b|ip profile|remote ?host looks|requires? confirmation|confirm this mail server|"
        r"listed as abusive|access from (?:ip|host)|\bip (?:address )?\S{1,40} (?:has been )?(?:reject|refus|denied)|"
        r"by your ip\b|mail from [\d.]{7,15} refused|refused - see http|not allowed to connect|sending spam|"
        r"unverifyable|host network not allowed|relay host name|cannot resolve your|no matches to nameserver|"
        r"not passed validation",
    ),
    (
        Reason.SPAM,
        r"\bspam\b|\bspam[-_ ]|unsolicited|\bjunk mail|\bube\b|\buce\b|bulk mail|blacklisted url|"
        r"message content (?:rejected|refused)|content filter|phish|looks like (?:a )?spam|"
        r"rejected[^.;]{0,30}content|spamassassin|bayes|mail rejete|identified as spam|high probability of|"
        r"score too high|considered (?:spam|unsolicited)|_506\b|spamprofiler|bulk[ .-](?:e-?mail|advertising)|"
        r"(?:banned|unacceptable|mail) content|recurrent pattern|anti-?spam|(?:mail|spam) score|"
        r"has detected that this message is|spamming",
    ),
    (
        Reason.RELAYING,
        r"relay(?:ing)? (?:is )?(?:access )?(?:denied|not permitted|not allowed|prohibited|disallowed|attempt|"
        r"not supported)|relaying|not (?:a )?(?:permitted|allowed|configured) to relay|no relay|unable to relay|"
        r"cannot relay|relay denied|as a relay|"
        r"not local host|handle mail for|"
        r"requires authentication when attempting to send|specified domain is not allowed|"
        r"is not (?:an? )?(?:local|hosted) domain|allowed rcpthosts|"
        r"domain isn't in my list|not a gateway|insecure mail relay|we do not relay|open relay",
    ),
    (
        Reason.TOO_BIG,
        r"(?:message|mail|email|e-mail|attachment)[^.;]{0,40}(?:too (?:big|large)|exceeds? (?:the )?(?:maximum |"
        r"fixed |size|limit|allowed)|size (?:limit|exceeds))|size limit|max(?:imum)? (?:message |allowed )?size|"
        r"larger than the|too large|line limit exceeded|message header size|exceeded maximum inbound message size|"
        r"msg too big|msg size",
    ),
    (
        Reason.NOT_ACCEPTING,
        r"does(?:n't| not) (?:accept|receive) (?:any )?(?:e-?)?mail(?! (?:from|with))|null ?mx|mail receiving disabled|"
        r"no mx record found|couldn't find a mail exchanger|"
        r"no (?:valid )?mail (?:exchanger|server)|has no mx|host/domain does not|"
        r"not accepting (?:mail|network messages)(?! (?:from|with))|system not accepting|"
        r"smtp protocol returned a permanent error|mx (?:record )?points to|no route for current request",
    ),
    (
        Reason.SUSPENDED,
        r"(?:account|mailbox|user|recipient|address)[^.;]{0,60}(?:suspend|disabled|inactive|locked|deactivat|"
        r"discontinued|expired|frozen|unavailable due|not active|closed|on hold)|is a deactivated|"
        r"inactive (?:account|user|mailbox)|(?:disabled|suspended|locked|archived|terminated) (?:account|user|mailbox|"
        r"recipient)|temporar(?:il)?y locked|is disabled|not been logged|"
        r"(?:user|account|mailbox|recipient|destinataire) (?:is |has been |est )?(?:terminated|archiv)|"
        r"(?:is|has been) (?:\w+ )?suspended",
    ),
    (
        Reason.HOST_UNKNOWN,
        r"domain (?:name )?(?:does not exist|doesn't exist|is not reachable|must exist|not found)|"
        r"host (?:or domain name )?(?:unknown|unreachable|not found|\S{1,80} not found)|unknown (?:host|domain)|"
        r"name or service not known|no such (?:domain|host)|unrouteable|unroutable (?!sender)|nxdomain|"
        r"couldn't find any host|does not appear to be registered|domain [^.;]{0,40}is unknown|"
        r"illegal host|non-?existent (?:domain|host)|bad destination (?:system|host)|invalid domain|"
        r"the account or domain may not exist|dns lookup failure|could not be resolved|"
        r"553 \S{1,80} does not exist|couldn't find any host named|"
        r"domain \S{1,80} (?:does not exist|not found|is not found)",
    ),
    (
        Reason.USER_UNKNOWN,
        r"(?:user|recipient|mailbox|account|address(?:ee)?|local part|alias|mail ?drop|customer|person|inbox|"
        r"rcpt)[^.;]{0,80}?(?:unknown|does(?:n't| not| no) (?:exist|have an?)|"
        r"not (?:be )?(?:found|exist|known|listed|valid|ok|present|local|recogni|accepted|our)|invalid|inconnu|"
        r"unavailable|non-? ?existent|no longer|isn't (?:a|in)|n'existe|unavaiable)|(?:unknown|invalid|no such|"
        r"non-? ?existent|bad|illegal|undeliverable|not a (?:valid|known|local)|no) (?:local |final delivery |"
        r"virtual |or \w+ |destination |e-?mail |mailbox |rcpt |envelope )*(?:user|recipient|mailbox|account|"
        r"address|local[ -]part|alias|mail ?drop|person|destination|rcpt|customer|uid|userid)|"
        r"no mail box|can't accept user|not an active address|not e-?mail address|recipient refuses to|"
        r"envelope recipient (?:is|has)|recipients? (?:is|was|were) undeliver|badrecipientto|missing home dir|"
        r"server rejected recipient|\bno \S{1,60} in (?:the )?(?:name )?directory|"
        r"this user doesn't have|not listed in|doesn't exist|does not exist|no one (?:with|at|by)|no mailbox|"
        r"not a (?:local|known|valid) |recipnotfound|recipientnotfound|no existe|"
        r"adresse (?:d au moins un )?destinataire|inconnu|nicht gefunden|unbekannt|sconosciuto|nie istnieje|"
        r"no valid recipients|badrcptto|validrcptto|couldn't be found|could not be found|wasn't found|"
        r"not in (?:the |my )?directory|unable to deliver message to <|utente|rcpt rejected|^\W*not found\b|"
        r"address rejected(?:\W*$|\W+(?:in reply|user|unknown|invalid|undeliver|no such|access denied))|"
        r"address not found|> ?:? not found|invalid-recipient|user[ _]not[ _](?:found|exist)|542 <?@>? rejected|"
        r"name was not found at|" + tongues.NOBODY,
    ),
    (
        Reason.FILTERED,
        r"message filtered|user rules|recipients was rejected by a remote|"
        r"(?:refuse[sd]?|reject\w*|restricted|blocked)[^.;]{0,40} (?:by |to )?(?:the |this )?(?:user|recipient|"
        r"addressee)|user re(?:ject|fuse)|recipient preferences|account is protected|not accepting any mail|"
        r"only accepting mail from|domain filter|header error|is only accepting|bounced address",
    ),
    (
        Reason.SENDER_REFUSED,
        r"(?<!unauthenticated )sender[^.;]{0,60}(?:rejected|refused|denied|invalid|not (?:allowed|exist|valid|"
        r"found|accepted|verif|pre-approved)|verify failed|unroutable|blacklist|is spammer|blocked|unknown)|"
        r"(?:invalid|unroutable|bad|bogus|unverified) (?:sender|mail from|return path)|"
        r"mail from[^.;]{0,40}(?:denied|rejected|refused|invalid)|domain of sender|emetteur invalide|batv|"
        r"purported|null sender|not a registered gateway user|not allowed to post|not (?:a )?member|"
        r"permission to (?:post|send)|e2110|envelope blocked|is not verified",
    ),
    (
        Reason.RATE,
        r"too many (?:connections|messages|recipients|concurrent|mails|emails|errors|invalid|hops from)|"
        r"rate limit|frequency limit|(?:connection|sending|message|mail|daily) (?:rate|limit)|throttl|"
        r"exceed\w* (?:the )?(?:rate|limit on|hourly|daily|maximum number)|limit exceeded|"
        r"try again (?:in|after) \d|too (?:fast|frequent)|receiving limits|"
        r"limit for the number|too many (?:\w+ )?sessions|trop de connexions|again slower|"
        r"at a rate that|exceeded the max",
    ),
    (
        Reason.POLICY,
        r"polic(?:y|ies)|not permitted|not authorized|not allowed|prohibited|security|potential|"
        r"unauthenticated senders|access denied|permission denied|forbidden|attachment|administrative|denied|"
        r"violat|authentication (?:required|credentials|failure)|must (?:authenticate|issue a starttls)|members-only|"
        r"closed (?:mailing )?list|organi[sz]ational settings|low priority|mass mailer|not subscribed|"
        r"verification failure",
    ),
    (
        Reason.CONTENT,
        r"(?:malformed|bad|invalid|missing) (?:header|message|mime|date|from|message-id)|improper|"
        r"illegal (?:mime|char|attachment)|non-?ascii|8bit|syntax error|line too long|bare (?:lf|cr)",
    ),
    (
        Reason.EXPIRED,
        r"expired|timed? ?out|time-?out|too long|retry time|(?:given|giving) up|delivery failed \d+ attempts|"
        r"max(?:imum)? retr|has been in the queue|could not be delivered for|\d (?:day|hour)s?\b[^.;]{0,30}queue|"
        r"aborted after|unable to deliver (?:this )?(?:message )?after|delayed|connection refused|"
        r"could not find a gateway|cannot connect|couldn't connect|"
        r"connect(?:ion)? to \S{1,100} (?:failed|refused)|unable to connect|connection (?:failed|dropped)|"
        r"socket error|retry timeout|attempts will continue|for a long time|not been collected|"
        r"did(?: not|n't) respond|within the allowed",
    ),
    (
        Reason.NETWORK,
        r"too many hops|\bloops?\b|looping|lost connection|connection (?:reset|lost|closed)|name service error|"
        r"host name lookup|(?:dns|network|routing) (?:error|failure|problem|loop)|name server|temporary lookup|"
        r"try again|hop count|network (?:is )?(?:error|unreachable)|could(?:n't| not) (?:be )?resolve|maximum hop|"
        r"no route to host|host is unreachable|unable to resolve|could not connect|"
        r"malformed or unexpected name server|lookup fail|no answer from host|starttls|"
        r"tls (?:is|required|handshake)",
    ),
    (
        Reason.SYSTEM,
        r"(?:system|server|configuration|local|internal|mailer|service)[^.;]{0,20} (?:error|fail|problem|"
        r"unavailable|refuse)|cannot (?:append|create|open)|can't (?:create|open|execute)|command (?:died|failed|"
        r"output|time)|pipe |procmail|x-unix|out of memory|insufficient system|resources? temporar|"
        r"service (?:currently |temporarily )?(?:unavailable|not available)|i/o error|disk (?:full|error)|"
        r"maildrop|local delivery|unexpected|errno|interrupted system|while being processed|"
        r"queue file|no mdb|misconfigur",
    ),
)
_PATTERNS = tuple((reason, re.compile(words)) for reason, words in _WORDS)


def by_words(text: str) -> tuple[Reason, ...]:
    """The reasons that the words of a diagnostic name."""
    return tuple(reason for reason, pattern in _PATTERNS if pattern.search(text))


def by_status(status: str) -> Reason | None:
    """What a status code means: None for codes that say no more than their class."""
    return _BY_STATUS.get(status) or _BY_DETAIL.get(status[2:])
