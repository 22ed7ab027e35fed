# SPDX-License-Identifier: Apache-2.0
"""An agent's mail becomes the customer's copy: the order of the edits stands in `rewrite_reply`.

Enters: content as the submission relay took it, and a plan. Leaves: the content to sign and send. Fails: CannotRewrite,
whose reason in plain words goes to the agent; nothing leaves half rewritten, for the leak check comes last.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from handlers.edits.content_ids import replace_content_ids
from handlers.edits.private_text import hide_private, hiding
from handlers.edits.reply_header import write_reply_header
from handlers.edits.sealed import why_sealed
from handlers.edits.sendable import declare_text, shorten_lines
from handlers.edits.signature import add_signature
from handlers.edits.structure import BrokenStructure, write_structure
from handlers.headers import scan
from handlers.identity import Mailbox
from handlers.leaks import find_leak
from handlers.mime_parts import parts
from storage.address import Address


class CannotRewrite(Exception):
    """This mail cannot leave in the team's name; the text says why, to the agent."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class ReplyPlan:
    """All that the customer's copy gets from us.

    `addresses` maps the key of each of our own addresses to the person who stands there instead; `drop` holds the keys
    to be taken out of To and Cc; `private` are the strings that must not leave. `hosts` are the agent's machines, taken
    out of header fields, and `text_hosts` those of them that are nobody's mail domain, taken out of words behind an @.
    Ids come without angle brackets.
    """

    sender: Mailbox
    reply_to: Address | None
    message_id: str
    in_reply_to: str | None
    references: tuple[str, ...]
    thread_id: str
    signature: str
    own_domain: str
    addresses: Mapping[str, Mailbox]
    drop: frozenset[str]
    private: tuple[str, ...]
    date: datetime
    subject_tag: bool = False  # whether the thread ID stands in the subject too
    hosts: tuple[str, ...] = ()
    text_hosts: tuple[str, ...] = ()
    note_word: str = ""  # tokens.note_word: never replaced, for what stands around it must not leave either


def rewrite_reply(content: bytes, plan: ReplyPlan) -> bytes:
    """Make the customer's copy; raises CannotRewrite."""
    if scan(content).truncated:
        raise CannotRewrite("its header section is too large")
    reason = why_sealed(content, parts(content))
    if reason:
        raise CannotRewrite(reason)
    content = replace_content_ids(declare_text(content), plan.own_domain)
    content = hide_private(content, hiding(plan))  # after the links, which name hosts too
    content = add_signature(content, plan.signature)
    content = shorten_lines(content)
    try:
        content = write_structure(content, plan)
    except BrokenStructure:
        raise CannotRewrite("its MIME structure is broken") from None
    content = write_reply_header(content, plan)
    leak = _leak(content, plan)
    if leak:
        raise CannotRewrite(leak)
    return content if content.endswith(b"\r\n") else content + b"\r\n"


def _leak(content: bytes, plan: ReplyPlan) -> str | None:
    """What of ours is in it, in words for the agent; which it is costs a second look only where there is something."""
    if not find_leak(content, (*plan.private, plan.note_word)):
        return None
    private = find_leak(content, plan.private)
    if private:
        return f"{private} holds a private address of your desk"
    return "it quotes a note of your desk; delete the quoted lines and send again"
