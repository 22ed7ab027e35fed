# SPDX-License-Identifier: Apache-2.0
"""An agent's copy of a customer's mail, put into the outbox: new header section, the body where it lies, our signature.

The copy comes from the thread's own stand-in address, so that quoting it names neither customer nor agent wrongly, and
answers go to the agent's signed reply address. Unverified mail says so in subject and display name. Whom mail of one
who takes no part names is told in fields that no client answers to. A machine's mail is copied with the null
reverse-path and every copy asks for silence: a dead or answering mailbox must not feed the case.
"""

import json
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from handlers import message_ids, persons, tokens
from handlers.authentication_results import forged_spans
from handlers.classification import Class
from handlers.copies import ESSENTIAL, CopyPlan, agent_copy
from handlers.edits.recipients import KEEP, edit_mailboxes
from handlers.edits.reply_header import mailbox_octets
from handlers.headers import Field, Head, Span, fold, printable, scan
from handlers.identity import Mailbox
from handlers.work import Work
from storage import outbox, threads
from storage.address import BadAddress, parse
from storage.cases import Event, add_event
from storage.database import Unit
from storage.desk import AgentRow
from storage.messages import thread_stamp
from storage.outbox import Outgoing

AGENT_ADDRESS_LIFE = timedelta(days=365)

_NOBODY = b"undisclosed-recipients:;"
_VERIFIED = frozenset({"proven"})
_PEOPLE = frozenset({Class.PERSON.value, Class.LIST.value, Class.CALENDAR.value})
SILENCE = b"X-Auto-Response-Suppress: OOF, AutoReply\r\n"


@dataclass(frozen=True, slots=True)
class _Copy:
    """One mail for one agent: the name of its outbox row, its plan, and where its body lies."""

    name: str
    agent: AgentRow
    plan: CopyPlan
    content_id: int
    body_offset: int


def copy_to_agent(unit: Unit, case: Any, agent_id: int, work: Work) -> None:
    """Write the copy of one message for one agent; a retired agent gets none, and the timeline says so."""
    copy = _copy(unit, case, agent_id, work)
    if copy is not None:
        _put(unit, case, copy, work)


def copy_reply(unit: Unit, case: Any, agent_id: int, sent: Any, work: Work) -> None:
    """The same of what our side wrote: as the customers got it, in the team's name; `sent` is its row in the outbox.

    An imported mail of ours has none. Of the header section that stays by which a mail is read.
    """
    copy = _copy(unit, case, agent_id, work)
    if copy is None:
        return
    team, head = work.office.desk.teams.get(case.team_id), work.mail.head
    plan = replace(
        copy.plan,
        stamp=thread_stamp(copy.plan.thread_id) + SILENCE,
        left_out=tuple((one.start, one.end) for one in head.fields if one.name not in ESSENTIAL),
        sender=replace(copy.plan.sender, name=team.value.display_name if team is not None else ""),
        is_unverified=False,
        author=None,
    )
    copy = replace(copy, plan=plan)
    if sent is not None:
        copy = replace(copy, content_id=sent.content_id, body_offset=sent.body_offset)
    _put(unit, case, copy, work)


def _copy(unit: Unit, case: Any, agent_id: int, work: Work) -> _Copy | None:
    agent = work.office.desk.agent_by_id(agent_id)
    if agent is None:
        add_event(unit, case.id, Event("casegate", "not_copied", {"message": work.row.id}), work.now)
        return None
    keys, token = work.office.keys, threads.token_of(unit, work.row.thread_id)
    name = tokens.new_name(work.now)
    rows = outbox.ids_in_thread(unit, work.row.thread_id)
    side = message_ids.chain(message_ids.agents_side(rows, agent_id), work.row.seq)
    reply_to = tokens.reply_address(
        keys, token, agent.value.address.key, tokens.Role.AGENT, work.now + AGENT_ADDRESS_LIFE
    )
    plan = CopyPlan(
        stamp=bytes(work.row.stamp) + SILENCE,
        left_out=_left_out(work),
        sender=Mailbox(_shown_author(case, work), parse(tokens.thread_address(keys, token))),
        reply_to=parse(reply_to),
        message_id=tokens.message_id(keys, token, name),
        in_reply_to=side[-1] if side else None,
        references=side,
        is_unverified=work.row.proof not in _VERIFIED,
        case_label=work.office.desk.sections.cases.label(case.number),
        author=_author_address(work.row.author_address),
        thread_id=token,
    )
    return _Copy(name, agent, plan, work.row.content_id, work.mail.head.body_offset)


def _put(unit: Unit, case: Any, copy: _Copy, work: Work) -> None:
    row, plan, keys = work.row, copy.plan, work.office.keys
    section = _readdressed(agent_copy(work.mail.head, plan), case, work)
    signatures = work.signer.sign_section(section, work.mail.body, (work.office.name,))
    outbox.put(
        unit,
        Outgoing(
            name=copy.name,
            kind="copy",
            thread_id=row.thread_id,
            message_seq=row.seq,
            agent_id=copy.agent.id,
            message_id=plan.message_id,
            reverse_path=tokens.bounce_address(keys, plan.thread_id, copy.name)
            if row.classification in _PEOPLE
            else "",
            head=signatures + section,
            content_id=copy.content_id,
            body_offset=copy.body_offset,
            recipients=(str(copy.agent.value.address),),
        ),
        work.now,
    )


def _readdressed(section: bytes, case: Any, work: Work) -> bytes:
    """Whom an agent's Reply-All may hold: not a customer's own reply address, nor whom a guest names."""
    team = work.office.desk.teams.get(case.team_id)
    shown = mailbox_octets(Mailbox(team.value.display_name, team.value.sender)) if team is not None else KEEP
    head, is_guests = scan(section), persons.is_guests(work.row)
    fields = [_field(head, field, shown, work, is_guests=is_guests) for field in head.fields]
    if is_guests:
        fields.append(fold(b"To", shown if team is not None else _NOBODY))
    return b"".join(fields) + b"\r\n"


def _field(head: Head, field: Field, shown: bytes, work: Work, *, is_guests: bool) -> bytes:
    raw = head.raw(field)
    if field.name not in (b"to", b"cc"):
        return raw
    value = raw.partition(b":")[2].strip()
    edited = edit_mailboxes(value, lambda address: _instead(address, shown, work))
    if is_guests:
        return fold(b"X-Casegate-Original-" + field.name.title(), edited or b"")
    return raw if edited in (value, None) else fold(field.name.title(), edited or b"")


def _instead(address: str, shown: bytes, work: Work) -> bytes:
    hidden = work.office.hidden.get(address)
    if hidden is not None:
        return hidden.encode()
    return shown if _is_customers(address, work) else KEEP


def _left_out(work: Work) -> tuple[Span, ...]:
    """Of a mail that was only annotated intake may have read fewer fields than the copy has."""
    head = work.mail.head
    forged = forged_spans(head, work.office.authserv_id)
    return tuple({*_spans(work.row.left_out), *forged, *_hidden_spans(head, work)})


def _hidden_spans(head: Head, work: Work) -> set[Span]:
    """The fields in which forwarders write the intake (Received, X-Forwarded-To ...): an agent may send a copy on."""
    intakes = [intake.encode() for intake in work.office.intakes]
    lower = head.content[: head.body_offset].lower()
    if not any(intake in lower for intake in intakes):
        return set()
    others = (field for field in head.fields if field.name not in (b"to", b"cc"))
    return {
        (field.start, field.end) for field in others if any(one in lower[field.start : field.end] for one in intakes)
    }


def _is_customers(address: str, work: Work) -> bool:
    local, _, domain = address.rpartition("@")
    if domain != work.office.keys.host:
        return False
    signed = tokens.read_reply_address(work.office.keys, local, work.now)
    return signed is not None and signed.role is tokens.Role.CUSTOMER


def _shown_author(case: Any, work: Work) -> str:
    """ "Carl Customer via Firm Support": the team's name tells the agent whose mail it is."""
    author = printable(work.row.author_name or work.row.author_address or "unknown author")
    team = work.office.desk.teams.get(case.team_id)
    return f"{author} via {team.value.display_name}" if team is not None else author


def _author_address(text: str) -> Any:
    try:
        return parse(text) if text else None
    except BadAddress:
        return None


def _spans(stored: str) -> tuple[tuple[int, int], ...]:
    return tuple((start, end) for start, end in json.loads(stored))
