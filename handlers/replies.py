# SPDX-License-Identifier: Apache-2.0
"""An agent's mail on the submission relay becomes a reply to a case: recognised, allowed, rewritten, signed.

Enters: the session's login, the envelope, the content. Leaves: a Submission for storage/replies.py, or the response
that tells the agent why not. The login decides who the agent is; addresses and ids only point to the thread. Signing
comes last: no signature, no send (451).
"""

import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from handlers import automatic, files_of_mail, intake, message_ids, teaming, tokens
from handlers.headers import Head, decode_text, scan
from handlers.identity import Mailbox, mailboxes
from handlers.office import Office
from handlers.pointers import message_id_of, referred_ids
from handlers.rewrite import CannotRewrite, ReplyPlan, rewrite_reply
from handlers.signing import Signer, SigningFailed
from handlers.telling_mail import tells_of_words
from storage.address import Address, key_of, parse
from storage.content import Content, packed
from storage.desk import AgentRow, TeamRow
from storage.envelope import Envelope, Session, Wish
from storage.messages import Header
from storage.replies import NOBODY, Conversation, Pointed, Submission
from storage.response import (
    R250_RECIPIENT_OK,
    R451_NO_SIGNATURE,
    R550_COLLEAGUE,
    R550_NO_SUCH_ADDRESS,
    R554_ANSWERS_A_NOTE,
    R554_AUTOMATIC,
    R554_CANNOT_REWRITE,
    R554_NO_AUTHOR,
    R554_NOT_A_REPLY,
    R554_SIDE_LETTER,
    R554_TAKES_NO_PART,
    R554_TWO_CASES,
    Response,
)
from storage.threads import Person, Proof

CUSTOMER_ADDRESS_LIFE = timedelta(days=365)
MAX_REFERRED = 40  # ids that are looked at for where a conversation is
_JOINED = frozenset({Proof.PROVEN.value, Proof.LIKELY.value})
_HOST = re.compile(r"(?=.{4,253}$)[a-z0-9_-]+(?:\.[a-z0-9_-]+)+")


@dataclass(frozen=True, slots=True)
class Draft:
    """A mail as an agent sent it; `stored` is its content where it lies in the store already."""

    session: Session
    envelope: Envelope
    head: Head
    agent: AgentRow
    received_at: datetime
    stored: Content | None = None


def recipient(office: Office, agent: AgentRow, address: Address, now: datetime) -> Response:
    """At RCPT on the relay: our own addresses must be real, and a colleague's private one is never written to."""
    if office.makes(address):
        return R250_RECIPIENT_OK if _thread_named_by(office, address, now) else R550_NO_SUCH_ADDRESS
    mine = agent.value.address.key
    agents = office.desk.agents.values()
    if address.key != mine and address.key in {one.value.address.key for one in agents}:
        return R550_COLLEAGUE
    return R250_RECIPIENT_OK


def thread_of(office: Office, draft: Draft) -> Pointed | Response:
    """The thread that recipients and ids point to, or the refusal where there is none or more than one.

    Of that thread the mails whose ids it names say where the conversation is now: a split takes them along.
    """
    if automatic.says_it_is_a_programs(draft.head):
        return R554_AUTOMATIC
    named = [_thread_named_by(office, address, draft.received_at) for address in draft.envelope.recipients]
    found = {token for token in named if token is not None}
    if not found:
        found = _first_own(office, draft.head)
    if len(found) > 1:
        return R554_TWO_CASES
    if not found:
        return R554_NOT_A_REPLY
    token = found.pop()
    own = (tokens.read_message_id(office.keys, text) for text in referred_ids(draft.head)[:MAX_REFERRED])
    return Pointed(token, tuple(one.outbox_name for one in own if one is not None and one.thread_id == token))


def submission(
    office: Office, signer: Signer, draft: Draft, conversation: Conversation | None
) -> Submission | Response:
    """Rewrite and sign a reply in this conversation; the response says why it cannot be sent."""
    if draft.head.truncated:
        return R554_CANNOT_REWRITE.about("its header section is too large")
    if conversation is None or not _may_write(office, draft.agent, conversation):
        return R554_NOT_A_REPLY
    misdirected = _misdirected(office, draft, conversation)
    if misdirected is not None:
        return misdirected
    team = office.desk.teams[conversation.team_id]
    people = _recipients(office, draft, conversation)
    if not people and conversation.contact == NOBODY:
        return R554_NO_AUTHOR
    if not people:
        return R554_CANNOT_REWRITE.about("nobody outside your desk would receive it")
    if conversation.contact == NOBODY:  # then the first whom the agent names is the one who is answered
        conversation = replace(conversation, contact=people[0])
    outbox_name = tokens.new_name(draft.received_at)
    plan = _plan(office, draft, conversation, team, outbox_name)
    try:
        content = rewrite_reply(draft.head.content, plan)
    except CannotRewrite as refusal:
        return R554_CANNOT_REWRITE.about(refusal.reason)
    domains = dict.fromkeys((office.name, team.value.sender.domain))
    try:
        signatures = signer.sign_all(content, domains)
    except SigningFailed:
        return R451_NO_SIGNATURE
    offset = scan(content).body_offset
    return Submission(
        message_id=draft.envelope.id,
        received_at=draft.received_at,
        session=draft.session,
        envelope=draft.envelope,
        content=draft.stored or packed(draft.head.content),
        header=_header(draft),
        agent_id=draft.agent.id,
        agent_login=draft.agent.value.login,
        conversation=conversation,
        outbox_name=outbox_name,
        own_message_id=plan.message_id,
        reverse_path=tokens.bounce_address(office.keys, conversation.thread_token, outbox_name),
        head=signatures + content[:offset],
        body=packed(content[offset:]),
        recipients=people,
        wishes=_wishes(office, draft, conversation, people),
        files=files_of_mail.of_whole(draft.head),
    )


def _may_write(office: Office, agent: AgentRow, conversation: Conversation) -> bool:
    """Their team's case, or one in whose case team they may write."""
    return teaming.may_write(office.desk, agent, conversation.team_id, conversation.roles.get(agent.id))


def _misdirected(office: Office, draft: Draft, conversation: Conversation) -> Response | None:
    """Why an answer to our own address would not reach whom the agent means."""
    if not any(office.makes(address) for address in draft.envelope.recipients):
        return None
    if any(map(tells_of_words, conversation.notes)):
        return R554_ANSWERS_A_NOTE
    if _is_to_an_outsider(draft, conversation):
        return R554_TAKES_NO_PART
    return R554_SIDE_LETTER if _is_to_a_side_letter(office, draft, conversation) else None


def _is_to_an_outsider(draft: Draft, conversation: Conversation) -> bool:
    """A plain answer to one who takes no part would reach the contact, and quote to them what another wrote."""
    mail = _answered_mail(draft.head, conversation)
    if mail is None or mail.direction == "outbound":
        return False
    return bool(mail.author_address) and _author_of(mail, conversation) is None


def _is_to_a_side_letter(office: Office, draft: Draft, conversation: Conversation) -> bool:
    """A plain answer to what a colleague wrote to others than the contact, unless it can only be for one of them."""
    letter = _answered_mail(draft.head, conversation)
    if letter is None or letter.direction == "inbound":
        return False
    readers = _readers(letter, conversation)
    if conversation.contact.key in readers:
        return False
    outside = {one.key for one in draft.envelope.recipients if not office.makes(one)} - office.inside
    return _answered_person(draft.head, conversation) == NOBODY or not outside <= readers


def _wishes(office: Office, draft: Draft, conversation: Conversation, people: tuple[Person, ...]) -> tuple[Wish, ...]:
    """What the agent's client asked to be told about each who gets it; of two that became one person, the first."""
    if not any(wish.notify or wish.orcpt for wish in draft.envelope.wishes):
        return ()
    customer = _answered_person(draft.head, conversation)
    wishes: dict[str, Wish] = {}
    for address, wish in zip(draft.envelope.recipients, draft.envelope.wishes, strict=True):
        wishes.setdefault(customer.key if office.makes(address) else address.key, wish)
    return tuple(wishes[person.key] for person in people)


def _plan(office: Office, draft: Draft, conversation: Conversation, team: TeamRow, outbox_name: str) -> ReplyPlan:
    keys, token = office.keys, conversation.thread_token
    side = message_ids.customers_side(conversation.rows, {one.key for one in conversation.participants})
    answered = _answered(draft.head, conversation)
    chain = message_ids.chain(side, conversation.next_seq if answered is None else answered + 1)
    customer = _answered_person(draft.head, conversation)
    mailbox = Mailbox(customer.name, parse(customer.address))
    expires_at = draft.received_at + CUSTOMER_ADDRESS_LIFE
    reply_to = tokens.reply_address(keys, token, customer.key, tokens.Role.CUSTOMER, expires_at)
    hosts = _hosts(office, draft, team)
    return ReplyPlan(
        sender=Mailbox(team.value.display_name, team.value.sender),
        reply_to=parse(reply_to),
        message_id=tokens.message_id(keys, token, outbox_name),
        in_reply_to=chain[-1] if chain else None,
        references=chain,
        thread_id=token,
        signature=draft.agent.value.signature,
        own_domain=keys.host,
        addresses={address.key: mailbox for address in _own_addresses(office, draft)},
        drop=frozenset(key_of(text) for text in _agents_addresses(office, conversation)),
        private=_private(office, draft, conversation),
        date=draft.received_at,
        subject_tag=bool(office.handling_at(conversation.routing_address).subject_tag),
        hosts=hosts,
        text_hosts=tuple(host for host in hosts if host not in _mail_domains(office, draft, conversation)),
        note_word=tokens.note_word(keys),
    )


def _hosts(office: Office, draft: Draft, team: TeamRow) -> tuple[str, ...]:
    """The names of the agent's machine, as its EHLO and its Message-ID tell them; our own names are no secret."""
    public = {office.name, office.keys.host, team.value.sender.domain}
    public |= {key.rpartition("@")[2] for key in office.desk.addresses}
    named = (draft.session.helo, message_id_of(draft.head).rpartition("@")[2])
    told = dict.fromkeys(name.lower().strip("[]") for name in named)
    return tuple(name for name in told if _HOST.fullmatch(name) and name not in public)


def _mail_domains(office: Office, draft: Draft, conversation: Conversation) -> set[str]:
    """Where people of this mail have their addresses: many clients make Message-IDs of such a domain."""
    people = [one.key for one in (*conversation.participants, conversation.contact)]
    keys = [*people, *(one.key for one in draft.envelope.recipients), *_agents_addresses(office, conversation)]
    return {key.lower().rpartition("@")[2] for key in keys}


def _agents_addresses(office: Office, conversation: Conversation) -> tuple[str, ...]:
    """What agents have and had; who was an agent once and takes part here is a customer like others."""
    people = {one.key for one in (*conversation.participants, conversation.contact)}
    return (*office.desk.private_addresses, *(key for key in office.desk.past_addresses if key not in people))


def _private(office: Office, draft: Draft, conversation: Conversation) -> tuple[str, ...]:
    """Agents' addresses, the secret reply addresses of their side, and the intakes with and without their host."""
    own = [str(address) for address in _own_addresses(office, draft) if address.local.startswith("a.")]
    return tuple(dict.fromkeys([*_agents_addresses(office, conversation), *own, *office.hidden, *office.intakes]))


def _own_addresses(office: Office, draft: Draft) -> list[Address]:
    """Addresses of the gateway's own domain anywhere in the mail's recipients."""
    shown = [one.address for name in (b"to", b"cc") for one in mailboxes(draft.head, name)]
    named = dict.fromkeys([*draft.envelope.recipients, *shown])
    return [one for one in named if office.makes(one) and one.key not in office.hidden]


def _recipients(office: Office, draft: Draft, conversation: Conversation) -> tuple[Person, ...]:
    """Who gets it: the customer for our own address, and the people the agent added.

    Never our desk itself: a copy to the agent's own address would make them a customer, and their client keeps one.
    """
    names = {one.address.key: one.name for name in (b"to", b"cc") for one in mailboxes(draft.head, name)}
    private = {key_of(text) for text in _agents_addresses(office, conversation)}
    inside = (office.inside - set(office.desk.past_addresses)) | private
    people: dict[str, Person] = {}
    for address in draft.envelope.recipients:
        if office.makes(address):
            customer = _answered_person(draft.head, conversation)
            if customer != NOBODY:
                people[customer.key] = customer
        elif address.key not in inside:
            people[address.key] = Person(names.get(address.key, ""), str(address), address.key)
    return tuple(people.values())


def _answered(head: Head, conversation: Conversation) -> int | None:
    """The number of the message that the agent answers, as their client's In-Reply-To says."""
    sent = {row.sent_id: row.seq for row in conversation.rows if row.sent_id}
    sent |= {row.own_id: row.seq for row in conversation.rows if row.direction == "outbound" and row.own_id}
    return next((sent[text] for text in referred_ids(head) if text in sent), None)


def _answered_person(head: Head, conversation: Conversation) -> Person:
    """The customer who wrote the answered message; the case's contact where the agent answers no customer's."""
    mail = _answered_mail(head, conversation)
    if mail is not None and mail.direction == "outbound":
        return _answered_reader(mail, head, conversation)
    return (_author_of(mail, conversation) if mail is not None else None) or conversation.contact


def _answered_reader(letter: Any, head: Head, conversation: Conversation) -> Person:
    """Whom the answer to a colleague's reply is for, of those whom that went to; NOBODY where that is not plain."""
    readers = _readers(letter, conversation)
    if conversation.contact.key in readers:
        asked = _answered_mail(head, conversation, "inbound")
        author = _author_of(asked, conversation) if asked is not None else None
        return author if author is not None and author.key in readers else conversation.contact
    inside = [one for one in conversation.participants if one.key in readers]
    return inside[0] if len(readers) == len(inside) == 1 else NOBODY


def _readers(letter: Any, conversation: Conversation) -> set[str]:
    return {key_of(address) for address in conversation.readers.get(letter.seq, ())}


def _answered_mail(head: Head, conversation: Conversation, *directions: str) -> Any:
    """The nearest mail to the team, or colleague's reply, that the agent refers to by the id of its copy.

    Not their own reply: who writes after it means what it answers, too.
    """
    copies = {
        row.sent_id: row
        for row in conversation.rows
        if row.kind == "copy" and row.direction in (directions or ("inbound", "outbound"))
    }
    return next((copies[text] for text in referred_ids(head) if text in copies), None)


def _author_of(mail: Any, conversation: Conversation) -> Person | None:
    """Who takes part, or did when their mail joined; None of a third party, a bounce, and where nobody is named."""
    key = key_of(mail.author_address)
    inside = next((one for one in conversation.participants if one.key == key), None)
    if inside is None and mail.author_address and mail.proof in _JOINED:
        return Person(mail.author_name, mail.author_address, key)
    return inside


def _thread_named_by(office: Office, address: Address, now: datetime) -> str | None:
    """A signed agent address, expired or not, or the thread's own address: the login is the proof here."""
    if not office.makes(address):
        return None
    signed = tokens.read_reply_address(office.keys, address.local, now)
    if signed is not None:
        return signed.thread_id if signed.role is tokens.Role.AGENT else None
    token = address.local.upper()
    return token if tokens.is_thread_id(office.keys, token) else None


def _first_own(office: Office, head: Head) -> set[str]:
    for text in referred_ids(head):
        own = tokens.read_message_id(office.keys, text)
        if own is not None:
            return {own.thread_id}
    return set()


def _header(draft: Draft) -> Header:
    value = draft.agent.value
    return Header(
        author=Person(value.name, str(value.address), value.address.key),
        to=tuple(intake.person(one) for one in mailboxes(draft.head, b"to")),
        cc=tuple(intake.person(one) for one in mailboxes(draft.head, b"cc")),
        subject=decode_text(draft.head.first(b"subject") or b"")[: intake.MAX_SUBJECT_CHARACTERS],
        message_id=message_id_of(draft.head),
    )
