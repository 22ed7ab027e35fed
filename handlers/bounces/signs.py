# SPDX-License-Identifier: Apache-2.0
"""How sure it is that a mail is a notice about a delivery, from header section and words, where no part says so.

One sign may stand in anybody's mail; people write about bounces and forward them. So signs are counted: two of them
that are independent of each other are needed. Never fails, linear.
"""

import re
from dataclasses import dataclass, replace

from handlers.bounces import tongues
from handlers.bounces.notice import Notice
from handlers.headers import Head, decode_text
from handlers.identity import author, claimed_author

_DOMAIN = re.compile(r"@[^\s<>,;]{1,255}")  # customers have hosts of all names
_SYSTEM = re.compile(
    r"mailer[-_. ]?daemon|post[-_. ]?master|mail[-_. ]delivery|delivery[-_. ](?:sub)?system|"
    r"mail[-_ .]?(?:system|administrator|gateway|router|deliver)|^\W*mdaemon|system administrator|returned mail|"
    r"non-?delivery|bounces?@|daemon@|mail server|microsoftexchange[0-9a-f]{32}",
    re.IGNORECASE,
)
# The whole of a local part or a display name, where an answer would reach somebody: people have such words in theirs.
_SYSTEM_LOCAL = re.compile(
    r"mailer[-_.]?daemon|post[-_.]?master|mdaemon|mail[-_.]daemon|mail[-_.]delivery[-_.](?:sub)?system|bounces?|"
    r"microsoftexchange[0-9a-f]{32}"
)
_SYSTEM_NAME = re.compile(
    r"(?:internet )?mail[- ]deliver(?:y)?[- ](?:sub)?(?:system|service|agent)|mailer[- ]daemon|postmaster|mail system|"
    r"mail (?:administrator|gateway|router)|system administrator"
)
_DAEMON_LOCAL = re.compile(r"mailer[-_.]?daemon")
_DIALOGUE = re.compile(
    r"(?<![\d.])[45]\d\d[- ](?:[45]\.\d{1,3}\.\d{1,3}\b|.{0,200}\b(?:rcpt|smtp)\b)|\brcpt to\b|"
    r"(?:host|server) .{0,200}(?:said|replied|returned|responded)\W{1,6}[45]\d\d\b",
    re.IGNORECASE,
)
_SUBJECT = re.compile(
    r"undeliver|returned mail|return(?:ed)? (?:message|to sender|e-?mail)|failure (?:notice|delivery)|"
    r"delivery (?:status|fail|problem|error|warning|has failed|notification|unsuccessful|report|delayed?)|"
    r"mail (?:delivery|system|failure|failed|could not|not delivered|error)|non[- ]?deliver|"
    r"could not (?:be )?(?:send|deliver)|not (?:be )?delivered|delivery:|failed (?:mail|delivery|message)|"
    r"message delivery|unzustellbar|nicht zugestellt|non remis|no se ha podido|mancata consegna|"
    r"error sending your|(?:user|host|recipient) unknown|delay(?:ed)?\b|mail failure|message not|rejected|"
    r"warning: (?:could not|message)|bounce|processing error|problem delivering|loop alert|there was an error|"
    rf"error mail|permanent|not listed in|warning|{tongues.FAILED}",
    re.IGNORECASE,
)
_WORDS = re.compile(
    r"(?:could|can) ?not be (?:delivered|sent)|"
    r"(?:could ?n.t|cannot|unable to|not able to|failed to|wasn't able to) (?:be )?(?:deliver|send)|"
    r"deliver\w* (?:\w+ ){0,3}to (?:\w+ ){0,4}(?:address|recipient|user)\w*(?:\(e?s\))?|"
    r"(?:failed|delivery|undelivered|undeliver\w+) (?:permanently|errors?|fail\w*|attempts?|problems|to\b)|"
    r"(?:was|were|been|is|be) (?:not )?(?:returned|rejected|undeliver\w+|blocked by|bounced|delayed|postponed|refused)|"
    r"(?:fatal|delivery|permanent) (?:delivery )?errors?|not (?:be |been )?delivered|"
    r"returned (?:below|to sender|because|mail)|undeliverable|permanent(?:ly)? (?:error|fail)|"
    r"user (?:unknown|not known)|unknown user|invalid (?:user|address|recipient)|delivery status|"
    r"mailbox (?:is )?full|over quota|have trouble deliver|trouble delivering|"
    r"error (?:has )?occurred (?:while|during)|error delivering|undelivered|rejected by|did not reach|"
    r"could not deliver|pas pu etre delivre|no valid recipients|encountered (?:delivery|an error)|"
    r"exceeds allowed size|duplicated message-id|\b5\d\d[ -]\d\.\d\.\d\b|generated following response|"
    r"message log follows|you tried to (?:contact|reach)|didn.t reach|returned for|non-delivery|"
    rf"failed recipients?|mailbox unavailable|smtp error|requested action not taken|{tongues.FAILED}",
    re.IGNORECASE,
)
_COMPLAINER = re.compile(r"feedback|\bfbl\b|complaint|abuse|\bstaff@hotmail|\bscomp\b|spam|junk", re.IGNORECASE)
_OWN_SUBJECT = re.compile(r"^\s*(?:re|aw|fwd?|wg|tr|antw)\s*:", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Signs:
    """What speaks for a notice."""

    by_system: bool
    in_subject: bool
    in_words: bool
    declared: bool
    by_postmaster: bool = False
    by_daemon: bool = False
    gives_back: bool = False
    by_nobody: bool = False

    @property
    def are_sure(self) -> bool:
        """Two independent signs; where an answer would reach somebody, only what people do not write is one."""
        if not self.by_nobody:
            told = self.by_daemon and (self.in_words or self.in_subject)
            return told or (self.by_postmaster and (self.declared or self.gives_back))
        return self.declared or self.in_words or (self.by_system and self.in_subject)


def by_complainer(head: Head) -> bool:
    """Whether the author bears the name of a feedback loop or an abuse desk."""
    return _COMPLAINER.search(decode_text((head.first(b"from") or b"")[:500])) is not None


def is_passed_on(head: Head) -> bool:
    """Whether the subject is that of an answer or of a forward."""
    return _OWN_SUBJECT.match(decode_text((head.first(b"subject") or b"")[:500])) is not None


def in_header(head: Head) -> Signs:
    """What the header section tells alone; a reply's or a forwarded mail's subject is no sign."""
    subject = decode_text((head.first(b"subject") or b"")[:500])
    sender = decode_text((head.first(b"from") or b"")[:500]) or claimed_author(head)
    by_system = _SYSTEM.search(_DOMAIN.sub("@", sender)) is not None
    written_by = author(head) if by_system else None
    local, name = (written_by.address.local.lower(), written_by.name.lower()) if written_by else ("", "")
    return Signs(
        by_system=by_system,
        in_subject=_SUBJECT.search(subject) is not None and _OWN_SUBJECT.match(subject) is None,
        in_words=False,
        declared=head.count(b"x-failed-recipients") > 0,
        by_postmaster=bool(_SYSTEM_LOCAL.fullmatch(local) or _SYSTEM_NAME.fullmatch(name)),
        by_daemon=_DAEMON_LOCAL.fullmatch(local) is not None,
    )


def of(notice: Notice, *, by_nobody: bool) -> Signs:
    """The signs of the whole mail; `by_nobody`: it came with the null reverse-path."""
    found = in_header(notice.head)
    words = " ".join(line.strip() for line in notice.told[:60])[:8000]
    return replace(
        found,
        in_words=_WORDS.search(words) is not None,
        gives_back=notice.returned is not None and _DIALOGUE.search(words) is not None,
        by_nobody=by_nobody,
    )
