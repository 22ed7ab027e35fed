# SPDX-License-Identifier: Apache-2.0
"""An office in which people merge, split, move and undo, and what a user sees of it afterwards."""

import json
from types import SimpleNamespace

from sqlalchemy import select

from gateway.persistence import changing, persistent
from handlers import handing, received, replies, tokens
from handlers.acting import By
from handlers.changes import linking, merging, parting, undoing
from handlers.changes.parting import Wish
from handlers.headers import scan
from handlers.work import Work
from storage import case_views, cases
from storage import replies as reply_store
from storage.address import parse
from storage.envelope import Session
from storage.replies import Submission
from storage.schema import message
from storage.states import Move
from tests.support.office import World, field, mail, sign

DORA = "dora@other.example"


class Hands(World):
    """The office, with the verbs that change which mail belongs to which case."""

    @property
    def by(self) -> By:
        return By("operator:root", self.clock.advance(1))

    def merge(self, number: int, into: int, *, is_sure: bool = False) -> object:
        return self._swept(self.change_merge(number, into, is_sure=is_sure))

    def split(self, number: int, *messages: str, subject: str = "") -> object:
        return self._swept(self.change_part(number, Wish(messages, subject=subject)))

    def move(self, into: int, *messages: str, is_sure: bool = False) -> object:
        return self._swept(self.change_part(None, Wish(messages, into=into, is_sure=is_sure)))

    def undo(self, number: int, change: int | None = None) -> object:
        return self._swept(self.change_undo(number, change))

    def change_merge(self, number: int, into: int, *, is_sure: bool = True) -> object:
        desk, by = self.office.desk, self.by
        do = lambda unit: merging.merge(unit, desk, (number, into), by, is_sure=is_sure)  # noqa: E731
        return persistent(self.database, changing, do)

    def change_part(self, number: int | None, wish: Wish) -> object:
        by = self.by
        return persistent(self.database, changing, lambda unit: parting.part(unit, self.office, number, wish, by))

    def change_undo(self, number: int, change: int | None = None) -> object:
        desk, by = self.office.desk, self.by
        return persistent(self.database, changing, lambda unit: undoing.undo(unit, desk, number, change, by))

    def _swept(self, done: object) -> object:
        self.sweep()
        return done

    def link(self, number: int, kind: str, other: int) -> object:
        with self.database.move(Move.EDIT) as unit:
            return linking.link(unit, number, kind, other, self.by)

    def unlink(self, number: int, kind: str, other: int) -> object:
        with self.database.move(Move.EDIT) as unit:
            return linking.unlink(unit, number, kind, other, self.by)

    def sweep(self) -> None:
        """What the sweep does for new owners."""
        with self.database.read() as unit:
            due = cases.copies_due(unit, self.now, 50)
        work = Work(None, received.read(()), self.office, self.signer, self.now)
        for case_id in due:
            with self.database.move(Move.HAND) as unit:
                handing.hand_over(unit, case_id, work)

    # --- what came, and what people see ------------------------------------------------------------------------------

    def write(self, author: str, to: str = "", **fields: str) -> SimpleNamespace:
        """A proven mail to the team, or to an address that the author was given."""
        address = to or "support@firm.example"
        octets = sign(mail(f"Somebody <{author}>", to=address, **fields), author.rpartition("@")[2])
        return self.receive(octets, address, sender=author)

    def answer(self, to: SimpleNamespace, body: str = "Turn the key.", login: str = "ann") -> SimpleNamespace:
        """What the customer gets when an agent answers their copy of a mail."""
        copy = self.copy_of(to, login)
        reply_to = field(copy, "reply-to")
        octets = mail(
            "Ann Doe <ann.doe@private.example>",
            body,
            to=reply_to,
            subject="Re: " + to.subject,
            in_reply_to=field(copy, "message-id"),
        )
        made = self.reply(octets, reply_to, login=login)
        assert isinstance(made, str), made
        return self.sent("reply")[-1]

    def begin_reply(self, to: SimpleNamespace, login: str = "ann") -> Submission:
        """What the relay has ready when it asks for its commit."""
        copy, at, agent = self.copy_of(to, login), self.now, self.office.desk.agents[login]
        reply_to = field(copy, "reply-to")
        fields = {"to": reply_to, "in_reply_to": field(copy, "message-id"), "subject": "Re: " + to.subject}
        octets = mail(str(agent.value.address), "As I said.", **fields)
        envelope = self.envelope(agent.value.address, (parse(reply_to),), tokens.new_name(at))
        draft = replies.Draft(
            Session("s2", "198.51.100.7", "laptop.example", login=login), envelope, scan(octets), agent, at
        )
        pointed = replies.thread_of(self.office, draft)
        with self.database.read() as unit:
            found = reply_store.conversation(unit, pointed)
        made = replies.submission(self.office, self.signer, draft, found)
        assert isinstance(made, Submission), made
        return made

    def copy_of(self, to: SimpleNamespace, login: str = "ann") -> SimpleNamespace:
        """The last copy of a mail that this agent got."""
        agent = self.office.desk.agents[login].id
        return [one for one in self.sent("copy") if one.message_seq == to.seq and one.agent_id == agent][-1]

    def respond(self, reply: SimpleNamespace, author: str, **fields: str) -> SimpleNamespace:
        """The customer answers the team's reply, as their client does it."""
        named = {"in_reply_to": field(reply, "message-id"), "subject": field(reply, "subject")}
        return self.write(author, **({"to": field(reply, "reply-to")} | named | fields))

    def id_of(self, reply: SimpleNamespace) -> str:
        """The id of the message that a reply carries."""
        with self.database.read() as unit:
            return unit.execute(select(message.c.id).where(message.c.seq == reply.message_seq)).scalar_one()

    def mail_of(self, number: int) -> list[str]:
        """The ids of a case's messages."""
        with self.database.read() as unit:
            row = case_views.by_number(unit, number)
            return [one.id for one in case_views.mail_of(unit, row.id)]

    def told(self, number: int, *kinds: str) -> list[tuple[str, dict[str, object]]]:
        """The lines of a timeline of these kinds."""
        with self.database.read() as unit:
            row = case_views.by_number(unit, number)
            return [(one.kind, json.loads(one.detail)) for one in cases.timeline(unit, row.id) if one.kind in kinds]
