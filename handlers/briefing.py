# SPDX-License-Identifier: Apache-2.0
"""The mail by which an agent gets a case that no mail opened: its text, to be answered like a copy.

It comes from the thread's stand-in address, Reply-To is the agent's signed reply address, and the body holds nothing
but the case's text: an answer quotes it to the contact.
"""

from email.utils import format_datetime
from typing import Any

from handlers import tokens
from handlers.copying import AGENT_ADDRESS_LIFE, SILENCE
from handlers.edits.reply_header import bracketed, mailbox_octets
from handlers.headers import encode_unstructured, fold, printable
from handlers.identity import Mailbox
from handlers.loops import loop_mark
from handlers.reports import text_part
from handlers.work import Work
from storage import cases, outbox, threads
from storage.address import parse
from storage.database import Unit
from storage.desk import AgentRow
from storage.outbox import Outgoing


def brief(unit: Unit, which: tuple[Any, int], agent_id: int, work: Work) -> None:
    """Write it into the outbox; `which` is the case that was made, and the number of the one that has it now."""
    case, number = which
    agent = work.office.desk.agent_by_id(agent_id)
    if agent is None:
        return
    keys, token = work.office.keys, case.thread_token
    name = tokens.new_name(work.now)
    message_id = tokens.message_id(keys, token, name)
    content = _section((case, number), agent, message_id, work) + text_part(_words(unit, case, work))
    outbox.put(
        unit,
        Outgoing(
            name=name,
            kind="copy",
            thread_id=threads.by_token(unit, token),
            message_seq=None,
            agent_id=agent_id,
            message_id=message_id,
            reverse_path=tokens.bounce_address(keys, token, name),
            head=work.signer.sign_all(content, (work.office.name,)) + content,
            content_id=None,
            body_offset=0,
            recipients=(str(agent.value.address),),
        ),
        work.now,
    )


def _section(which: tuple[Any, int], agent: AgentRow, message_id: str, work: Work) -> bytes:
    case, number = which
    keys, token = work.office.keys, case.thread_token
    until = work.now + AGENT_ADDRESS_LIFE
    reply_to = tokens.reply_address(keys, token, agent.value.address.key, tokens.Role.AGENT, until)
    sender = Mailbox(_shown_contact(case, work), parse(tokens.thread_address(keys, token)))
    return b"".join(
        (
            SILENCE,
            fold(b"From", mailbox_octets(sender)),
            fold(b"Reply-To", reply_to.encode()),
            fold(b"To", case.routing_address.encode()),
            fold(b"Subject", encode_unstructured(case.subject)),
            fold(b"Date", format_datetime(case.created_at).encode()),
            fold(b"Message-ID", bracketed(message_id)),
            loop_mark(message_id),
            fold(b"X-Casegate-Thread", token.encode()),
            fold(b"X-Casegate-Case", work.office.desk.sections.cases.label(number).encode()),
            fold(b"X-Casegate-Author", case.contact_address.encode()),
            b"MIME-Version: 1.0\r\n",
        )
    )


def _shown_contact(case: Any, work: Work) -> str:
    name = printable(case.contact_name or case.contact_address)
    team = work.office.desk.teams.get(case.team_id)
    return f"{name} via {team.value.display_name}" if team is not None else name


def _words(unit: Unit, case: Any, work: Work) -> str:
    text = cases.text_of(unit, case.id)
    if text:
        return text
    label = work.office.desk.sections.cases.label(case.number)
    return f"Case {label} was opened by hand, without a text. An answer to this mail goes to {case.contact_address}.\n"
