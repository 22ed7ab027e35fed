# SPDX-License-Identifier: Apache-2.0
"""How sure it is that a mail is a notice about a delivery, from header section and words, where no part says so.

One sign may stand in anybody's mail; people write about bounces and forward them. So signs are counted: two of them
that are independent of each other are needed. Never fails, linear.
"""

import re
from dataclasses import dataclass

from handlers.bounces.notice import Notice
from handlers.headers import Head, decode_text
from handlers.identity import claimed_author

_SYSTEM = re.compile(
    r"mailer[-_. ]?daemon|post[-_. ]?master|mail[-_. ]delivery|delivery[-_. ](?:sub)?system|"
    r"mail[-_ .]?(?:system|administrator|gateway|router|deliver)|^\W*mdaemon|system administrator|returned mail|"
    r"non-?delivery|bounces?@|daemon@|mail server",
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
    r"error mail|permanent|not listed in|warning",
    re.IGNORECASE,
)
_WORDS = re.compile(
    r"(?:could|can) ?not be (?:delivered|sent)|"
    r"(?:could ?n.t|cannot|unable to|not able to|failed to|wasn't able to) (?:be )?(?:deliver|send)|"
    r"deliver\w* (?:\w+ ){0,3}to (?:\w+ ){0,4}(?:address|recipient|user)\w*(?:\(e?s\))?|"
    r"(?:failed|delivery|undelivered|undeliver\w+) (?:permanently|errors?|fail\w*|attempts?|problems|to\b)|"
    r"(?:was|were|been|is|be) (?:not )?(?:returned|rejected|undeliver\w+|bounced|delayed|postponed|refused)|"
    r"(?:fatal|delivery|permanent) (?:delivery )?errors?|not (?:be )?delivered|"
    r"returned (?:below|to sender|because|mail)|undeliverable|permanent(?:ly)? (?:error|fail)|"
    r"user (?:unknown|not known)|unknown user|invalid (?:user|address|recipient)|delivery status|"
    r"mailbox (?:is )?full|over quota|have trouble deliver|trouble delivering|"
    r"error (?:has )?occurred (?:while|during)|error delivering|undelivered|rejected by|did not reach|"
    r"could not deliver|pas pu etre delivre|no valid recipients|encountered (?:delivery|an error)|"
    r"exceeds allowed size|duplicated message-id|\b5\d\d[ -]\d\.\d\.\d\b|generated following response|"
    r"message log follows|you tried to (?:contact|reach)|didn.t reach|returned for|non-delivery|"
    r"failed recipients?|mailbox unavailable|smtp error|requested action not taken",
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
    by_nobody: bool = False

    @property
    def are_sure(self) -> bool:
        """Two independent signs; where an answer would reach somebody, one of them is that a mail system wrote it."""
        if not self.by_nobody:
            return self.by_system and (self.in_words or self.in_subject or self.declared)
        return self.declared or self.in_words or (self.by_system and self.in_subject)


def by_complainer(head: Head) -> bool:
    """Whether the author bears the name of a feedback loop or an abuse desk."""
    return _COMPLAINER.search(decode_text((head.first(b"from") or b"")[:500])) is not None


def in_header(head: Head) -> Signs:
    """What the header section tells alone; a reply's or a forwarded mail's subject is no sign."""
    subject = decode_text((head.first(b"subject") or b"")[:500])
    sender = decode_text((head.first(b"from") or b"")[:500]) or claimed_author(head)
    return Signs(
        by_system=_SYSTEM.search(sender) is not None,
        in_subject=_SUBJECT.search(subject) is not None and _OWN_SUBJECT.match(subject) is None,
        in_words=False,
        declared=head.count(b"x-failed-recipients") > 0,
    )


def of(notice: Notice, *, by_nobody: bool) -> Signs:
    """The signs of the whole mail; `by_nobody`: it came with the null reverse-path."""
    found = in_header(notice.head)
    words = " ".join(line.strip() for line in notice.told[:60])[:8000]
    return Signs(found.by_system, found.in_subject, _WORDS.search(words) is not None, found.declared, by_nobody)
