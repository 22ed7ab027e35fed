# SPDX-License-Identifier: Apache-2.0
"""The mail that tells an agent of a change of a case (handlers/telling.py notes it, the sweep comes here).

Enters: a note. Leaves: a mail in the outbox, in the unit of work that takes the note away: it leaves exactly once. It
comes from the thread's own address, so that who may write in the case can answer the customer from it; not from a note
that somebody wrote, for there may be several customers. Whoever is no agent any more gets none.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from typing import Any

from handlers import tokens
from handlers.edits.reply_header import bracketed, mailbox_octets
from handlers.headers import encode_unstructured, fold, scan
from handlers.identity import Mailbox
from handlers.loops import loop_mark
from handlers.office import Office
from handlers.reports import text_part
from handlers.signing import Signer
from storage import cases, members, outbox, threads
from storage.address import Address, parse
from storage.case_values import WORDS
from storage.database import Unit
from storage.outbox import Outgoing

MOST_SUBJECT_CHARACTERS = 200
MOST_NAME_CHARACTERS = 100
_TOLD = b"X-Casegate-Told"  # in notes that somebody wrote: they are not the mail to answer
_ADVICE = (
    "If you may write in this case, your answer goes to the customer.\n"
    "Delete these lines from it: an answer that quotes them is not sent.",
    "To answer, answer the copy of the mail:\nan answer to this note is not sent.",
)


@dataclass(frozen=True, slots=True)
class Post:
    """What it takes to send."""

    office: Office
    signer: Signer
    now: datetime


def tell(unit: Unit, notice_id: int, post: Post) -> bool:
    """Make a mail of one note; False where another worker did."""
    notice = members.take_notice(unit, notice_id)
    if notice is None:
        return False
    agent = post.office.desk.agent_by_id(notice.agent_id)
    case: Any = cases.lock(unit, notice.case_id)
    if agent is None or case is None:
        return True
    keys, name = post.office.keys, tokens.new_name(post.now)
    message_id = tokens.message_id(keys, case.thread_token, name)
    content = _content(post, case, (agent.value.address, message_id), json.loads(notice.detail))
    outgoing = Outgoing(
        name=name,
        kind="notice",
        thread_id=threads.by_token(unit, case.thread_token),
        message_seq=None,
        agent_id=agent.id,
        message_id=message_id,
        reverse_path="",  # RFC 3834 §3.3: nothing is to come back
        head=post.signer.sign_all(content, (post.office.name,)) + content,
        content_id=None,
        body_offset=0,
        recipients=(str(agent.value.address),),
    )
    outbox.put(unit, outgoing, post.now)
    return True


def tells_of_words(note: bytes) -> bool:
    """Whether a note that we sent tells that somebody wrote: the case's contact need not be who is to be answered."""
    return scan(note).first(_TOLD.lower()) is not None


def _content(post: Post, case: Any, to: tuple[Address, str], told: dict[str, Any]) -> bytes:
    recipient, message_id = to
    label = post.office.desk.sections.cases.label(case.number)
    news = ", ".join(f"{one['field']} {one['after'] or 'empty'}" for one in told["changes"])
    # The news stands in the sender's name: an answer takes the subject along, and goes to the customer.
    name = f"Case {label}: {news}"[:MOST_NAME_CHARACTERS]
    sender = Mailbox(name, parse(tokens.thread_address(post.office.keys, case.thread_token)))
    subject = (case.subject or f"Case {label}")[:MOST_SUBJECT_CHARACTERS]
    section = (
        fold(b"From", mailbox_octets(sender)),
        fold(b"To", str(recipient).encode()),
        fold(b"Subject", encode_unstructured(subject)),
        fold(b"Date", format_datetime(post.now).encode()),
        fold(b"Message-ID", bracketed(message_id)),
        loop_mark(message_id),
        fold(b"Auto-Submitted", b"auto-generated"),  # RFC 3834 §5
        fold(b"X-Auto-Response-Suppress", b"All"),  # what Exchange obeys instead
        fold(b"X-Casegate-Thread", case.thread_token.encode()),
        *(fold(_TOLD, one["field"].encode()) for one in told["changes"] if one["field"] in WORDS),
        b"MIME-Version: 1.0\r\n",
    )
    return b"".join(section) + text_part(_words(case, label, told, tokens.note_word(post.office.keys)))


def _words(case: Any, label: str, told: dict[str, Any], word: str) -> str:
    """The word stands beside the first and the last line that a customer must not read: see rewrite.py."""
    lines = [f"Case {label}: {case.subject} {word}", ""]
    lines += [f"{one['field']}: {one['before'] or '-'} -> {one['after'] or '-'}" for one in told["changes"]]
    lines += ["", f"by {told['actor']}", *([told["reason"]] if told["reason"] else [])]
    lines[-1] += f" {word}"
    lines += ["", f"Thread {case.thread_token}. {_ADVICE[any(one['field'] in WORDS for one in told['changes'])]}"]
    return "\n".join(lines) + "\n"
