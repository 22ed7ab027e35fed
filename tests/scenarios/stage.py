# SPDX-License-Identifier: Apache-2.0
"""Plays one scenario in a whole office on a database, and tells what came of it in the words of the tables."""

from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

from sqlalchemy import select

from handlers import changing
from handlers.acting import casegate
from handlers.destinations import Destination
from handlers.headers import scan
from handlers.ports import Answer, Found
from storage import cases, threads
from storage.address import key_of, parse
from storage.case_values import CaseSettings, Handling, Sections
from storage.schema import message
from storage.schema_cases import case, case_event
from storage.states import Move
from storage.trace import facts_of
from tests.scenarios.language import Scenario, Step
from tests.support.office import DESK, World, customer_address, mail, sign
from tests.support.office import field as field_of
from tests.support.strangers import OF_M365, partly

A_DAY = 86_400
WHO = {
    "carl": "Carl Customer <carl@customer.example>",
    "mate": "Mate Customer <mate@customer.example>",
    "dora": "Dora Other <dora@other.example>",
    "vera": "Vera Known <vera@known.example>",
    "mal": "Mal <mal@evil.example>",
    "daemon": "Mail System <mailer-daemon@mx.remote.example>",
    "forger": "Carl Customer <mal@evil.example>",  # the name alone is Carl's
}
OUTSIDE = {  # ids of mail that has not come to us
    "nothing of ours": "12345@elsewhere.example",
    "nothing of carl's": "23456@mail.customer.example",
    "nothing of dora's": "34567@other.example",
}
TOLD = frozenset({"bounced", "complained", "delay_reported", "delivery_reported", "watched"})
REPORT = """--b

A report.

--b
Content-Type: message/{kind}

{told}

--b
Content-Type: text/rfc822-headers

Message-ID: <{original}>

--b--"""
REPORTS = {
    "reports": (
        "delivery-status",
        "Reporting-MTA: dns; mx.remote.example\n\n"
        "Final-Recipient: rfc822; carl@customer.example\nAction: failed\nStatus: 5.1.1",
    ),
    "complains of": ("feedback-report", "Feedback-Type: abuse\nUser-Agent: Loop/1.0\nVersion: 1"),
}


@dataclass(frozen=True)
class Outcome:
    """What the tables expect, in their words; `cells` are (threads policy, proof, what became of the mail)."""

    cases: tuple[str, ...]
    refused: tuple[str, ...]
    told: tuple[str, ...]
    acknowledged: tuple[str, ...]
    copies: tuple[str, ...]
    reach: tuple[str, ...]
    cells: frozenset[tuple[str, str, str]]


def desk_of(scenario: Scenario) -> Any:
    """The usual desk with what this scenario says of cases."""
    named = set(Handling.__dataclass_fields__)
    handling = Handling(**{name: value for name, value in scenario.desk.items() if name in named})
    rest = {name: value for name, value in scenario.desk.items() if name not in named}
    return replace(DESK, sections=Sections(cases=CaseSettings(**rest, handling=handling)))


def play(scenario: Scenario, url: str) -> Outcome:
    """Every step in an office of its own."""
    world = World(url, desk_of(scenario))
    try:
        stage = Stage(world)
        for step in scenario.steps:
            stage.do(step)
        world.route()
        return stage.outcome(scenario.desk.get("threads", "standard"))
    finally:
        world.close()


@dataclass
class Stage:
    """The office, and the mails by the names that the steps give them."""

    world: World
    ids: dict[str, str] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    octets: dict[str, bytes] = field(default_factory=dict)

    def do(self, step: Step) -> None:
        if step.name == "days":
            self.world.clock.advance(int(step.words) * A_DAY)
        elif step.name == "status":
            number, _, status = step.words.partition(" ")
            self._status(int(number), status)
        elif step.name == "dns":
            name, _, text = step.words.partition(" ")
            self.world.txt[name] = Answer(Found.YES, (text.encode(),))
        elif step.name == "route":
            self.world.route()
        elif step.answers:
            self._reply(step)
        else:
            self._mail(step)

    def _status(self, number: int, status: str) -> None:
        world = self.world
        with world.database.move(Move.EDIT) as unit:
            locked = cases.lock(unit, world.case(number).id)
            changing.change(unit, world.office.desk, locked, {"status": status}, casegate(world.now))
        world.clock.advance(1)

    # --- mail in -------------------------------------------------------------------------------------------------

    def _mail(self, step: Step) -> None:
        recipients = [self._recipient(one) for one in step.to]
        taken = [one for one in recipients if isinstance(self.world.rcpt(one), Destination)]
        if not taken:
            self.refused.append(step.name)
            return
        author = WHO[step.who]
        own = key_of(author.rpartition("<")[2].rstrip(">")).rpartition("@")[2]
        domain = own if step.signed_by is None else step.signed_by
        shown = ", ".join(f"{one}@firm.example" for one in step.to if one.isalpha()) or "support@firm.example"
        fields = {"to": shown, "subject": f"Matter {step.name}"}
        body = self._fill(step, fields)
        octets = mail(author, body, **fields)
        if ("To unsigned", "") in step.details:
            octets = partly(octets, domain, OF_M365)
        elif domain:
            octets = sign(octets, domain)
        self.world.vouched = ("by forwarder", "") in step.details
        sender = None if step.who == "daemon" else str(parse(author.rpartition("<")[2].rstrip(">")))
        message_id = self.world.accept(octets, *taken, sender=f"mal@{domain}" if domain not in ("", own) else sender)
        self.world.vouched = False
        self.ids[step.name], self.octets[step.name] = message_id, octets
        if ("unrouted", "") not in step.details:
            self.world.route()

    def _fill(self, step: Step, fields: dict[str, str]) -> str:
        """The header fields that the details speak of; returns the text."""
        text = [f"This is what {step.who} says in {step.name}."]
        for what, about in step.details:
            if what in ("answers", "refers", "forged id of"):
                named = _forged(self._id(about)) if what == "forged id of" else self._id(about)
                fields["references"] = f"{fields.get('references', '')} <{named}>".strip()
                fields |= {"in-reply-to": f"<{named}>"} if what != "refers" else {}
            elif what in REPORTS:
                kind, told = REPORTS[what]
                report = REPORT.format(kind=kind, told=told, original=self._id(about))
                fields["content-type"] = f'multipart/report; report-type={kind}; boundary="b"'
                text = [report.replace("\n", "\r\n")]
            else:
                self._detail(what, about, fields, text)
        return "\r\n".join(text)

    def _detail(self, what: str, about: str, fields: dict[str, str], text: list[str]) -> None:
        if what == "same id as":
            fields["message-id"] = f"<{self._id(about)}>"
        elif what == "thread":
            fields["x-casegate-thread"] = self._token(about)
        elif what == "tag":
            fields["subject"] = f"Re: {fields['subject']} [{self._token(about)}]"
        elif what == "hides":
            text.append(f"[{self._token(about)}]")
        elif what == "quotes":
            text += ["On Sunday somebody wrote:", *(f"> {line}" for line in self._text(about).splitlines())]
        elif what == "text":
            text[:] = [about]
        elif what == "cc":
            fields["cc"] = ", ".join(WHO[one] for one in about.split())
        elif what == "auto":
            fields["auto-submitted"] = "auto-replied"
        elif what == "list":
            fields["list-id"] = "<list.example>"
        elif what not in ("unrouted", "To unsigned", "by forwarder"):
            fields[what] = WHO[about] if what == "reply-to" else about

    def _recipient(self, said: str) -> str:
        if said.isalpha():
            return f"{said}@firm.example"
        whose, _, about = said.partition(" address in " if " address in " in said else "address in ")
        if said.startswith("bounce address of "):
            return str(self._sent(said.removeprefix("bounce address of ")).reverse_path)
        if whose == "expired":
            to = key_of(self._sent(about).to[0])
            return customer_address(self._token(about), to, self.world.now.replace(year=2026, month=1))
        return field_of(self._sent(about), "reply-to").strip("<>")

    # --- replies out -----------------------------------------------------------------------------------------------

    def _reply(self, step: Step) -> None:
        copy = next(one for one in self._all_sent(f"copy of {step.answers}") if self._agent_of(one) == step.who)
        to = field_of(copy, "reply-to").strip("<>")
        fields = {"to": to, "subject": f"Re: Matter {step.answers}", "in-reply-to": field_of(copy, "message-id")}
        text = [f"This is what {step.who} answers in {step.name}."]
        also: list[str] = []
        for what, about in step.details:
            also += [WHO[one].rpartition("<")[2].rstrip(">") for one in about.split()] if what == "cc" else []
            self._detail(what, about, fields, text)
        address = self.world.office.desk.agents[step.who].value.address
        done = self.world.reply(mail(str(address), "\r\n".join(text), **fields), to, *also, login=step.who)
        assert isinstance(done, str), done
        self.ids[step.name] = done

    def _agent_of(self, sent: SimpleNamespace) -> str:
        agents = self.world.office.desk.agents.values()
        return next((one.value.login for one in agents if [str(one.value.address)] == sent.to), "")

    # --- looking -----------------------------------------------------------------------------------------------------

    def _all_sent(self, ref: str) -> list[SimpleNamespace]:
        kind, _, name = ref.rpartition(" of ")
        wanted = {"": "reply", "ack": "acknowledgement", "copy": "copy"}[kind]
        seqs = self._seqs(name)
        return [one for one in self.world.sent(wanted) if one.message_seq in seqs]

    def _seqs(self, name: str) -> set[int]:
        """The rows of a mail: two, where it was filed in two cases."""
        with self.world.database.read() as unit:
            mine = select(message.c.content_id).where(message.c.id == self.ids[name])
            return set(unit.execute(select(message.c.seq).where(message.c.content_id.in_(mine))).scalars())

    def _sent(self, ref: str) -> SimpleNamespace:
        return self._all_sent(ref)[0]

    def _is_inbound(self, ref: str) -> bool:
        return " of " not in ref and self.world.message(self.ids[ref]).direction == "inbound"

    def _id(self, ref: str) -> str:
        """The Message-ID under which the outside knows a mail."""
        if ref in OUTSIDE:
            return OUTSIDE[ref]
        if self._is_inbound(ref):
            return str(self.world.message(self.ids[ref]).message_id)
        return field_of(self._sent(ref), "message-id").strip("<>")

    def _token(self, ref: str) -> str:
        return str(self.world.message(self.ids[ref.rpartition(" of ")[2]]).token)

    def _text(self, ref: str) -> str:
        octets = self.octets[ref] if self._is_inbound(ref) else self._sent(ref).octets
        return octets[scan(octets).body_offset :].decode()

    # --- what came of it ---------------------------------------------------------------------------------------------

    def outcome(self, policy: str) -> Outcome:
        with self.world.database.read() as unit:
            rows = unit.execute(select(message).order_by(message.c.seq)).all()
            numbers = unit.execute(select(case.c.number, case.c.id).order_by(case.c.number)).all()
            events = unit.execute(select(case_event.c.kind, case.c.number).join(case).order_by(case_event.c.id)).all()
            told = [f"{one.kind} {one.number}" for one in events if one.kind in TOLD]
            lines = tuple(self._line(unit, one.number, one.id, rows) for one in numbers)
        return Outcome(
            cases=lines,
            refused=tuple(self.refused),
            told=tuple(told),
            acknowledged=tuple(self._names(self.world.sent("acknowledgement"), rows)),
            copies=self._copies(rows),
            reach=self._reach(rows),
            cells=frozenset(_cell(policy, row) for row in rows if facts_of(row.trace) is not None),
        )

    def _line(self, unit: Any, number: int, case_id: int, rows: Any) -> str:
        about = self.world.case(number)
        mine = cases.threads_of(unit, case_id)
        named = [self._name(row, rows) + _proof(row) for row in rows if row.thread_id in mine]
        people = {one.key.partition("@")[0] for each in mine for one in threads.participants(unit, each, "customer")}
        shown = [f"{number} {about.status} {about.team}: {' '.join(named)}", " ".join(sorted(people))]
        links = ", ".join(f"{kind} {other}" for kind, other in about.links)
        return " | ".join([*shown, links] if links else shown)

    def _name(self, row: Any, rows: Any) -> str:
        contents = {one.id: one.content_id for one in rows}
        return next(name for name, id_ in self.ids.items() if contents[id_] == row.content_id)

    def _names(self, sent: list[SimpleNamespace], rows: Any) -> list[str]:
        by_seq = {row.seq: row for row in rows}
        return [self._name(by_seq[one.message_seq], rows) for one in sent if one.message_seq]

    def _copies(self, rows: Any) -> tuple[str, ...]:
        """Which agent has which mail, by agent."""
        found: dict[str, list[str]] = {}
        for one in self.world.sent("copy"):
            found.setdefault(self._agent_of(one), []).extend(self._names([one], rows))
        return tuple(f"{login}: {' '.join(names)}" for login, names in sorted(found.items()))

    def _reach(self, rows: Any) -> tuple[str, ...]:
        """Whom each reply went to."""
        replies = self.world.sent("reply")
        return tuple(
            f"{self._names([one], rows)[0]}: {' '.join(sorted(to.partition('@')[0] for to in one.to))}"
            for one in replies
        )


def _forged(message_id: str) -> str:
    """In the form of ours, with another last character of the MAC."""
    local, _, host = message_id.rpartition("@")
    return f"{local[:-1]}{'a' if local[-1] != 'a' else 'b'}@{host}"


def _proof(row: Any) -> str:
    return "" if row.proof == "proven" else f"={row.proof}"


def _cell(policy: str, row: Any) -> tuple[str, str, str]:
    joined, linked = facts_of(row.trace).decided
    return policy, row.proof, "joins" if joined is not None else "linked" if linked is not None else "new"
