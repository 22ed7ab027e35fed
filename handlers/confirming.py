# SPDX-License-Identifier: Apache-2.0
"""A customer's NOTIFY=SUCCESS (RFC 3461 §4.1), honoured once their mail is in a case: never a way to mail a stranger.

Only to a reverse-path that is the author's own address, and only if the author takes part and passes aligned: whoever
replays a signed mail under another reverse-path gets nothing sent there. Once a message, twenty a day for an author. It
names the recipients that the sender named (for an intake the public address), no agent, and repeats nothing but the
Message-ID (docs/decisions/0013).
"""

import json
from datetime import timedelta
from typing import Any

from handlers import persons, tokens, xtext
from handlers.classification import Class
from handlers.identity import Mailbox
from handlers.notices import ConfirmationPlan, confirmation
from handlers.reports import Action, Fate
from handlers.work import Work
from storage import cases, outbox, threads
from storage.address import Address, parse
from storage.cases import Event
from storage.database import Unit
from storage.outbox import Outgoing
from storage.response import Response

A_DAY = timedelta(days=1)
MOST_A_DAY = 20
ARRIVED = Response(250, "2.1.5", "Arrived")


def confirm(unit: Unit, case: Any, work: Work) -> None:
    """Write the report into the outbox if it was asked for and everything speaks for it."""
    wished = _wished(work.row)
    if not wished or not _is_authors_own(work):
        return
    author = parse(work.row.author_address)
    team = work.office.desk.teams.get(case.team_id)
    if team is None or author.key in work.office.inside or work.office.makes(author):
        return
    if not cases.may_confirm(unit, author.key, work.now - A_DAY, MOST_A_DAY):
        return
    cases.note_confirmation(unit, work.row.seq, author.key, work.now)
    token = threads.token_of(unit, work.row.thread_id)
    outbox.put(unit, _outgoing(case, author, wished, token, work), work.now)
    told: dict[str, object] = {"message": work.row.id, "to": str(author)}
    cases.add_event(unit, case.id, Event("casegate", "confirmed", told), work.now)


def _wished(row: Any) -> list[dict[str, Any]]:
    """The recipients whose delivery the sender wants to hear of; one whose mail is held has not been delivered.

    A loop that an operator released goes one step, and no further by a word of ours.
    """
    if row.classification == Class.LOOP.value:
        return []
    recipients: list[dict[str, Any]] = json.loads(row.recipients)
    return [one for one in recipients if one["disposition"] == "accept" and "SUCCESS" in one.get("notify", ())]


def _is_authors_own(work: Work) -> bool:
    """Whether the report goes to nobody but a proven author of the thread (RFC 5321 §4.5.5: never to a null one)."""
    row = work.row
    is_same = bool(row.reverse_path) and row.reverse_path.lower() == row.author_address.lower()
    return is_same and persons.takes_part(row) and json.loads(row.authentication).get("aligned") is True


def _fate(one: dict[str, Any], work: Work) -> Fate:
    """A recipient as the author knows it: a forwarder brings mail to an intake, which nobody may learn."""
    address = work.office.public(parse(one["address"]))
    return Fate(address, Action.DELIVERED, ARRIVED, work.now, _unless_hidden(one.get("orcpt", ""), work))


def _unless_hidden(told: str, work: Work) -> str:
    """What came as xtext (RFC 3461 §4); nothing where a forwarder wrote an intake into it."""
    words = xtext.decode(told).lower()
    return "" if any(intake in words for intake in work.office.intakes) else told


def _outgoing(case: Any, author: Address, wished: list[dict[str, Any]], token: str, work: Work) -> Outgoing:
    row, office, name = work.row, work.office, tokens.new_name(work.now)
    team = office.desk.teams[case.team_id].value
    sender = Mailbox(team.display_name, team.sender)
    plan = ConfirmationPlan(
        sender=sender,
        recipient=author,
        message_id=tokens.message_id(office.keys, token, name),
        server_name=office.name,
        thread_id=token,
        fates=tuple(_fate(one, work) for one in wished),
        arrived_at=row.received_at,
        envid=_unless_hidden(row.envid, work),
        confirmed_id=row.message_id,
        date=work.now,
        subject_tag=case.responded_at is not None and bool(office.handling_at(case.routing_address).subject_tag),
    )
    content = confirmation(plan)
    domains = dict.fromkeys((office.name, sender.address.domain))
    return Outgoing(
        name=name,
        kind="confirmation",
        thread_id=row.thread_id,
        message_seq=row.seq,
        agent_id=None,
        message_id=plan.message_id,
        reverse_path="",
        head=work.signer.sign_all(content, domains) + content,
        content_id=None,
        body_offset=0,
        recipients=(str(author),),
    )
