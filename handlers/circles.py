# SPDX-License-Identifier: Apache-2.0
"""Mail that would go round: of ours and come back, through too many hosts, an answering machine of an agent's mailbox.

Enters: an Asked. Leaves: a Ruling that names the sign, or nothing of any other mail. Who wrote it is not asked of it,
for a refusal of our own mail would come back as a bounce; all that holds whoever wrote does, for strangers can put such
a sign into their mail. What bears no mark that only we can make is not ours, and is refused (RFC 5321 §6.3).
"""

from handlers.admission_rules import Asked, Rule, Ruling, by_attachment, by_block, by_dnsbl, by_size
from handlers.arrival import Incoming
from handlers.classification import AUTOMATIC, MAX_RECEIVED, Class
from handlers.loops import mark_of_ours
from handlers.office import Office
from storage.address import key_of
from storage.response import R554_TOO_MANY_HOPS


def by_circle(asked: Asked) -> Ruling | None:
    """Ours is kept for people to see and never worked; what only ran through too many hosts is its sender's."""
    mail = asked.mail
    if mail.classification in AUTOMATIC and _is_agents(mail, asked.office):
        return Ruling("discard", "an automatic answer of an agent's own mailbox")
    if mail.classification is not Class.LOOP:
        return None
    mark = mark_of_ours(mail.head, asked.office.keys)
    if mark:
        return Ruling("quarantine", f"a loop: a mail of ours came back, its {mark} is one that only we can make")
    return Ruling("reject", f"a loop: more than {MAX_RECEIVED} Received fields, a default", R554_TOO_MANY_HOPS)


# Like RULES, without those that ask who wrote: by_dmarc and by_author.
OF_CIRCLES: tuple[Rule, ...] = (by_block, by_dnsbl, by_size, by_attachment, by_circle)


def _is_agents(mail: Incoming, office: Office) -> bool:
    private = {key_of(text) for text in office.desk.private_addresses}
    return mail.author is not None and mail.author.address.key in private
