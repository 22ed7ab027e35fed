# SPDX-License-Identifier: Apache-2.0
"""Mail whose outcome an answer of DNS would change, and that DNS has not given: 451, but not for ever (decision 26).

Enters: a judged mail. Leaves: whether such an answer could make it `likely`, what the sender hears, and the budget of
tries of this one mail. When they are used up it is judged by what is known: nobody vouches, no policy applies.
"""

from handlers.admission_rules import Ruling
from handlers.arrival import Incoming
from handlers.dmarc_walk import is_within
from handlers.office import Office
from handlers.pointers import find_pointers, message_id_of
from handlers.ports import Found, Question
from handlers.rates import Budget
from storage.response import R451_DNS, Response

TRIES, WINDOW_S = 8, 86_400  # one more every three hours: with the usual pauses of senders some five to twelve hours
MAX_NAMED = 150
NOT_AWAITED = "has been put off often enough, and is judged without it"


def could_be_likely(mail: Incoming, office: Office) -> bool:
    """Whether DNS keeps back what may let the author join a thread unproven: their record, or SPF of their domain."""
    found = mail.authentication
    record = found.dmarc.published is None and found.dmarc.result == "temperror"
    spf = found.dmarc.published is False and found.of_author.result == "temperror"
    if mail.aligned or mail.vouched or not (record or spf):
        return False
    return any(one.evidence and not one.is_bounce for one in find_pointers(mail, office).pointers)


def ruling(mail: Incoming) -> Ruling:
    """What the operator reads and the sender hears: the question without an answer."""
    asked = unanswered(mail)
    said = f"DNS gives no answer for {asked} now, try again later" if asked else R451_DNS.text
    response = Response(R451_DNS.code, R451_DNS.enhanced, said)
    return Ruling("defer", f"DNS gave no answer that could change the outcome: {asked or 'about the author'}", response)


def unanswered(mail: Incoming) -> str:
    """The question that matters most: the author's record, else one about their domain, else what SPF wanted to know.

    No other one: a sender need not know which lists we ask, and with which key of the operator's in their names.
    """
    found = mail.authentication
    failed = [one for one, answer in found.answers if answer.found is Found.TEMPORARY]
    records = [one for one in failed if one.name.startswith("_dmarc.")] if found.dmarc.published is None else []
    domain = found.dmarc.organization or found.dmarc.domain
    own = [one for one in failed if domain and is_within(one.name, domain)]
    reasons = f"{found.author_spf.reason} {found.spf.reason}".split()
    of_spf = [one for one in failed if one.name in reasons]
    return _named(next(iter(records or own or of_spf), None))


def tries(mail: Incoming) -> Budget:
    """Those of this very mail: no other mail, and nobody who writes in its author's name, can use them up."""
    envelope, author = mail.envelope, mail.author
    parts = [envelope.reverse_path, author and author.address.key, message_id_of(mail.head), *envelope.recipients]
    return Budget(f"dns {' '.join(map(str, parts))}", TRIES, WINDOW_S, "", "dns")


def _named(one: Question | None) -> str:
    """In printable ASCII, for a response: senders choose such names."""
    if one is None:
        return ""
    return "".join(each if "!" <= each <= "~" else "?" for each in one.name[:MAX_NAMED]) + f" ({one.kind})"
