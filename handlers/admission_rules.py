# SPDX-License-Identifier: Apache-2.0
"""The rules of admission, one function each: what it says about a mail for one recipient, or nothing.

Enters: an Asked. Leaves: a Ruling whose words name what was found and which key, entry or default decided. Rules only
read; the hardest of their rulings holds (handlers/admission.py). Over a rate is not among them: it counts, so it comes
last (handlers/rates.py).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from handlers.admission_policy import POSTMASTER, Effective
from handlers.arrival import Incoming
from handlers.classification import Class
from handlers.destinations import Destination, Kind
from handlers.office import Lookups, Office
from storage.address import Address
from storage.blocks import Block
from storage.desk import AddressRow
from storage.envelope import Envelope, Session
from storage.response import (
    R451_TRY_LATER,
    R550_DMARC,
    R550_LISTED,
    R550_NOT_ALLOWED,
    R552_TOO_BIG_FOR_ADDRESS,
    R554_ATTACHMENT,
    R554_NOT_ONE_AUTHOR,
    Response,
)

_DMARC_KEYS = {"reject": "dmarc_reject", "quarantine": "dmarc_quarantine", "none": "dmarc_none"}


@dataclass(frozen=True, slots=True)
class Ruling:
    """What becomes of the mail for one recipient; `response` is what the client hears if that is no."""

    disposition: str
    because: str
    response: Response = R550_NOT_ALLOWED


@dataclass(frozen=True, slots=True)
class Asked:
    """One mail, one of its recipients, and what holds there; `row` is the routing address that its case came in by."""

    mail: Incoming
    to: Destination
    row: AddressRow | None
    office: Office
    lookups: Lookups

    @property
    def rules(self) -> Effective:
        return POSTMASTER if self.to.is_postmaster else self.office.policy_of(self.row)

    @property
    def is_forwarded(self) -> bool:
        """Whether mail for this address comes by somebody else's forwarding."""
        return self.to.way is not None and self.to.way.kind == "forwarded"


def is_report_to_us(mail: Incoming, to: Destination) -> bool:
    """RFC 5321 §4.5.5: only the null reverse-path makes it one; any other mail is no exception to a policy."""
    if to.kind is not Kind.BOUNCE or mail.envelope.reverse_path is not None:
        return False
    return mail.classification is Class.BOUNCE


def by_block(asked: Asked) -> Ruling | None:
    """Address, domain or network: of the client, of the reverse-path, of each author that From names."""
    mail, blocks = asked.mail, asked.office.desk.blocks
    found = envelope_block(asked.office, mail.session.peer, mail.envelope.reverse_path)
    if found is None and (blocks.addresses or blocks.domains) and not is_report_to_us(mail, asked.to):
        named = (blocks.of_address(one.address) for one in mail.claimed)
        found = next((("the author", block) for block in named if block is not None), None)
    if found is None:
        return None
    who, block = found
    return Ruling("reject", f"{who} is blocked: {block}")


def envelope_block(office: Office, peer: str, reverse_path: Address | None) -> tuple[str, Block] | None:
    """What is known of it before the content: the entry against client or reverse-path, and which of them it is."""
    blocks = office.desk.blocks
    if (network := blocks.of_peer(peer)) is not None:
        return "the client", network
    sender = blocks.of_address(reverse_path) if reverse_path is not None else None
    return None if sender is None else ("the reverse-path", sender)


def by_dnsbl(asked: Asked) -> Ruling | None:
    """What the operator wants done where the client is on a list; a learnt forwarder is known better than by lists."""
    mail = asked.mail
    listed = mail.authentication.dnsbl.listed
    if not listed or mail.vouched:
        return None
    hardest = min(listed, key=lambda one: one.action != "reject")
    words = f"the client {mail.session.peer} is listed by {hardest.zone} as {hardest.code}: policy.dnsbl"
    return Ruling(hardest.action, words, R550_LISTED)


def by_dmarc(asked: Asked) -> Ruling | None:
    """What the author's domain asks for where nobody vouches for the author, and what we make of it."""
    mail, dmarc = asked.mail, asked.mail.authentication.dmarc
    if dmarc.result != "fail":
        return None
    key = _DMARC_KEYS.get(dmarc.policy, "dmarc_none")
    words = f"DMARC failed, {dmarc.record_domain} asks for {dmarc.policy or 'none'}"
    if mail.vouched:
        return Ruling("accept", f"{words}, but it came the way that was learnt for this address: unverified")
    disposition = str(getattr(asked.rules.policy, key))
    if disposition == "reject" and asked.is_forwarded:
        return Ruling("quarantine", f"{words}: {asked.rules.words(key)}, but forwarding breaks it without their fault")
    if disposition == "reject" and _went_through_a_list(mail):
        return Ruling("quarantine", f"{words}: {asked.rules.words(key)}, but it came by a mailing list that vouches")
    return Ruling(disposition, f"{words}: {asked.rules.words(key)}", R550_DMARC)


def _went_through_a_list(mail: Incoming) -> bool:
    """Lists break DMARC without anybody's fault; who lies about being one gains the quarantine."""
    found = mail.authentication
    return mail.classification is Class.LIST and (
        found.spf.result == "pass" or any(one.result == "pass" for one in found.dkim)
    )


def by_no_author(asked: Asked) -> Ruling | None:
    """A mail whose From names nobody, or several, is under no domain's policy (RFC 9989 §5.3.1): ours decides.

    Else whoever may not write in a name would only have to misspell it.
    """
    if asked.mail.author is not None:
        return None
    disposition = asked.rules.policy.no_author
    words = f"From does not name exactly one author, so that no DMARC policy applies: {asked.rules.words('no_author')}"
    if disposition == "reject" and asked.is_forwarded:
        return Ruling("quarantine", f"{words}, but its forwarder would send the refusal to whoever it names")
    return Ruling(disposition, words, R554_NOT_ONE_AUTHOR)


def by_author(asked: Asked) -> Ruling | None:
    """Who may write here at all; From alone proves nothing, so whoever is let in by name must be aligned."""
    policy, mail = asked.rules.policy, asked.mail
    if asked.to.is_postmaster:
        return Ruling("accept", "mail for the postmaster is taken from anyone")
    because = _let_in(asked)
    if because:
        return Ruling("accept", f"{because}: {asked.rules.words('accept_from')}")
    words = f"{_why_not(asked)}: {asked.rules.words('accept_from')}, {asked.rules.words('others')}"
    if policy.others == "reject" and mail.vouched and not mail.aligned:
        return Ruling("quarantine", f"{words}; kept, for its forwarder would send a refusal to whoever it names")
    if policy.others == "reject" and _is_doubted_for_its_way(asked):
        return Ruling("quarantine", f"{words}; kept, for the author is proven and only the way is another than learnt")
    return Ruling(policy.others, words)


def _is_doubted_for_its_way(asked: Asked) -> bool:
    """The way alone is no reason to refuse (handlers/ways.py)."""
    mail = asked.mail
    if mail.aligned or not mail.authentication.aligned:
        return False
    return bool(_let_in(replace(asked, mail=mail.but(aligned=True))))


def _let_in(asked: Asked) -> str:
    """Why this author may write; nothing if they may not."""
    policy, mail = asked.rules.policy, asked.mail
    if policy.accept_from == "anyone":
        return "anyone may write"
    if not mail.aligned or mail.author is None:
        return ""
    address = mail.author.address
    if policy.accept_from == "authenticated":
        return f"the author {address} is proven"
    if policy.accept_from == "known_contacts":
        return f"the author {address} is a known contact" if asked.lookups.is_known_contact(address.key) else ""
    found = ((name, asked.office.desk.lists[name].find(address)) for name in _lists(asked))
    return next((f"the author {address} is {entry} of the list {name}" for name, entry in found if entry), "")


def _lists(asked: Asked) -> list[str]:
    return [name for name in asked.rules.policy.lists or () if name in asked.office.desk.lists]


def _why_not(asked: Asked) -> str:
    """Which half of it is missing."""
    mail = asked.mail
    if mail.author is None:
        return "the mail names no single author"
    address = mail.author.address
    if mail.authentication.aligned and not mail.aligned:
        return (
            f"the author {address} does not count as proven, for the mail came another way than its address has learnt"
        )
    if not mail.aligned:
        return f"nobody vouches for the author {address}: neither DMARC nor a signature of that domain"
    if asked.rules.policy.accept_from == "known_contacts":
        return f"the author {address} is proven, but not a known contact"
    return f"the author {address} is proven, but on none of the lists {', '.join(_lists(asked)) or '(none)'}"


def by_size(asked: Asked) -> Ruling | None:
    """Smaller than the listener's own bound, which was kept before."""
    most, size = asked.rules.policy.max_size, asked.mail.size_octets
    if not most or size <= most:
        return None
    words = f"{size} octets: {asked.rules.words('max_size')}"
    return Ruling("reject", words, R552_TOO_BIG_FOR_ADDRESS)


def by_attachment(asked: Asked) -> Ruling | None:
    """What the mail says of its files, by name and type; their octets are not looked at."""
    entries = asked.rules.policy.forbid_attachments
    files = asked.mail.files
    if not entries:
        return None
    if files is None:  # the desk has changed while the content came
        words = asked.rules.words("forbid_attachments")
        return Ruling("defer", f"{words}: that was said while it came, and nobody has looked", R451_TRY_LATER)
    found = files.forbidden(entries)
    if not found:
        return None
    words = f"{found}: {asked.rules.words('forbidden_attachment')}"
    return Ruling(asked.rules.policy.forbidden_attachment, words, R554_ATTACHMENT)


def at_rcpt(office: Office, session: Session, envelope: Envelope, to: Destination) -> Ruling | None:
    """What can be said before the content comes: of the client, of the reverse-path, of the size that MAIL declared.

    Nothing of what comes to an intake, for it may be a probe: those are judged once their content is there.
    """
    if office.annotate or to.is_postmaster or to.is_intake or to.kind is Kind.PROBE:
        return None
    found = envelope_block(office, session.peer, envelope.reverse_path)
    if found is not None:
        return Ruling("reject", f"{found[0]} is blocked: {found[1]}")
    rules = office.policy_of(to.row) if to.row is not None else None
    if rules is None or not 0 < rules.policy.max_size < envelope.declared_octets:
        return None
    words = f"{envelope.declared_octets} octets are declared: {rules.words('max_size')}"
    return Ruling("reject", words, R552_TOO_BIG_FOR_ADDRESS)


Rule = Callable[[Asked], Ruling | None]

# In this order they are told; the hardest ruling holds, of two equally hard ones the first.
RULES: tuple[Rule, ...] = (
    by_block,  # blocks of the desk: client, reverse-path, author
    by_dnsbl,  # policy.dnsbl of the configuration: client
    by_dmarc,  # dmarc_reject, dmarc_quarantine, dmarc_none
    by_no_author,  # no_author
    by_author,  # accept_from, lists, others
    by_size,  # max_size
    by_attachment,  # forbid_attachments, forbidden_attachment
)
OF_REPORTS: tuple[Rule, ...] = (by_block,)  # about our own mail: whoever wrote it is not asked
OF_POSTMASTER: tuple[Rule, ...] = (by_author,)  # RFC 5321 §4.5.1
