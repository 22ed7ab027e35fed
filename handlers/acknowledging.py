# SPDX-License-Identifier: Apache-2.0
"""The customer's acknowledgement, if the routing address wants one: never a way to mail a stranger through us.

Only to an author who passes aligned, with the null reverse-path, to a person's mail (RFC 3834 §2), once a case, five a
day for an author. It repeats nothing of the mail.
"""

from datetime import timedelta
from typing import Any

from handlers import tokens
from handlers.automatic import may_answer
from handlers.classification import Class
from handlers.identity import Mailbox
from handlers.notices import AcknowledgementPlan, acknowledgement
from handlers.work import Work
from storage import cases, outbox
from storage.address import key_of, parse
from storage.cases import Event
from storage.database import Unit
from storage.desk import AddressRow
from storage.outbox import Outgoing

A_DAY = timedelta(days=1)
MOST_A_DAY = 5
CUSTOMER_ADDRESS_LIFE = timedelta(days=365)


def acknowledge(unit: Unit, case: Any, work: Work) -> None:
    """Write the acknowledgement into the outbox if everything speaks for it; else the timeline says what does not."""
    address = work.office.routing_addresses.get(key_of(case.routing_address))
    if address is None or not address.value.acknowledge:
        return
    because = _why_not(unit, case, work)
    if because:
        cases.add_event(unit, case.id, Event("casegate", "not_acknowledged", {"because": because}), work.now)
        return
    author = parse(work.row.author_address)
    cases.note_acknowledgement(unit, case.id, author.key, work.now)
    outbox.put(unit, _outgoing(case, address, author, work), work.now)
    cases.add_event(unit, case.id, Event("casegate", "acknowledged", {"to": str(author)}), work.now)


def _why_not(unit: Unit, case: Any, work: Work) -> str:
    """What speaks against it (RFC 3834 §2: only a person's mail that leaves room for an answer), or nothing."""
    row = work.row
    if row.proof != "proven":
        return "nothing proves who the author is"
    if row.classification != Class.PERSON.value:
        return "no person wrote it"
    if not may_answer(work.mail.head, row.reverse_path, work.office.keys.host):
        return "it asks for silence, or nobody reads what is sent to its author"
    key = parse(row.author_address).key
    if key in work.office.inside:
        return "the author has one of our own addresses"
    if not cases.may_acknowledge(unit, case.id, key, work.now - A_DAY, MOST_A_DAY):
        return f"the author has had {MOST_A_DAY} within a day"
    return ""


def _outgoing(case: Any, address: AddressRow, author: Any, work: Work) -> Outgoing:
    keys, token, team = work.office.keys, case.thread_token, work.office.desk.teams[address.team_id].value
    name = tokens.new_name(work.now)
    expires_at = work.now + CUSTOMER_ADDRESS_LIFE
    own_id = work.row.message_id
    plan = AcknowledgementPlan(
        sender=Mailbox(team.display_name, team.sender),
        recipient=author,
        reply_to=parse(tokens.reply_address(keys, token, author.key, tokens.Role.CUSTOMER, expires_at)),
        message_id=tokens.message_id(keys, token, name),
        in_reply_to=own_id or None,
        references=(own_id,) if own_id else (),
        case_label=work.office.desk.sections.cases.label(case.number),
        thread_id=token,
        text=address.value.acknowledge,
        date=work.now,
    )
    content = acknowledgement(plan)
    domains = dict.fromkeys((work.office.name, team.sender.domain))
    return Outgoing(
        name=name,
        kind="acknowledgement",
        thread_id=work.row.thread_id,
        message_seq=work.row.seq,
        agent_id=None,
        message_id=plan.message_id,
        reverse_path="",
        head=work.signer.sign_all(content, domains) + content,
        content_id=None,
        body_offset=0,
        recipients=(str(author),),
    )
