# SPDX-License-Identifier: Apache-2.0
"""Whatever strangers know and send, in whatever order: they join nothing, become nobody, and get nothing.

Strangers know thread IDs, subjects, From lines and Message-IDs, have seen quoted copies with expired addresses and
those of other roles, authenticate their own domains as they like, and write under any name.
"""

import tempfile
import time
from dataclasses import dataclass, replace
from itertools import count
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from handlers import changing, tokens
from handlers.acting import casegate
from handlers.destinations import Destination
from handlers.leaks import find_leak
from handlers.ports import Answer, Found
from storage import cases, threads
from storage.address import parse
from storage.case_values import CaseSettings, Handling, Sections
from storage.database import Unit
from storage.messages import of_thread
from storage.states import Move
from tests.support.office import ANN, BOB, DESK, KEYS, SALES, SUPPORT, World, customer_address, field, mail, sign

_numbers = count(1)
OUTLOOK = "AdF0ZXN0AAECAwQFBgcICQoLDA0ODw=="  # 22 octets

# Who it says it is, and which domain signed; CARL and DORA are of the case.
AUTHORS = [
    ("Carl Customer <CARL>", ""),
    ("Carl Customer <CARL>", "evil.example"),
    ("Dora <DORA>", "evil.example"),
    ("CARL <mal@evil.example>", "evil.example"),
    ("<CARL>, <mal@evil.example>", "evil.example"),
    ("CARL\r\nFrom: mal@evil.example", "evil.example"),
    ("mal@evil.example", "evil.example"),
    ("Ann <mal@evil.example>", "evil.example"),
    ("mal@other-evil.example", "other-evil.example"),
    ("mal@evil.example", ""),
    ("", ""),
    (str(SUPPORT), "evil.example"),
    (str(ANN), "evil.example"),
    ("mailer-daemon@evil.example", "evil.example"),
]
FIELDS = {
    "thread ID": {"x_casegate_thread": "TOKEN"},
    "subject": {"subject": "Re: WHAT [TOKEN]"},
    "bare subject": {"subject": "re: TOKEN"},
    "same subject": {"subject": "Re: WHAT"},
    "their id": {"in_reply_to": "<THEIRS>"},
    "own id": {"message_id": "<THEIRS>"},
    "next id": {"message_id": "<NEXT>"},
    "forged id": {"references": "<FORGED>"},
    "another row's id": {"references": "<ANOTHER>"},
    "thread index": {"thread_index": OUTLOOK[:-2] + "8BAgMEBQ=="},
    "copies": {"cc": "mal@evil.example, DORA"},
    "reply-to": {"reply_to": "mal@evil.example"},
    "case": {"x_casegate_case": "1", "x_casegate_author": "CARL"},
    "sender": {"sender": "CARL", "resent_from": "CARL"},
    "auto": {"auto_submitted": "auto-replied"},
    "list": {"list_id": "<list.example>"},
    "failed": {"x_failed_recipients": "CARL"},
}
TEXTS = {"tag in the text": "[ref: TOKEN]", "quote": "> WHAT\r\n> X-Casegate-Thread: TOKEN\r\n> Message-ID: <THEIRS>"}
PLACES = ["expired", "Dora's expired", "agent's", "agent's expired", "stand-in", "forged address", "sales"]
LEAKED = ["our id", "address", "Dora's address", "bounce address"]  # what only those who got our mail have

REPORT = """--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.evil.example

Final-Recipient: rfc822; CARL
Action: failed
Status: 5.1.1

--b
Content-Type: text/rfc822-headers

Message-ID: <ORIGINAL>
X-Casegate-Thread: TOKEN

--b--""".replace("\n", "\r\n")


@dataclass(frozen=True)
class Trick:
    """One mail of a stranger."""

    author: tuple[str, str]
    knows: frozenset[str]
    is_report: bool
    is_answered: bool  # by an agent, where it made a case


@dataclass(frozen=True)
class Matter:
    """The case that strangers are after, and all that may be known of it."""

    carl: str
    dora: str
    subject: str
    secret: str
    token: str
    thread_id: int
    number: int
    ours: str  # the Message-ID of our reply
    theirs: str
    next_id: str
    bounce: str
    welcomes_bounces: bool = False  # a bounce at the bounce address proves itself


def tricks(*more: str) -> st.SearchStrategy[Trick]:
    known = st.frozensets(st.sampled_from([*FIELDS, *TEXTS, *PLACES, *more]), max_size=5)
    return st.builds(Trick, st.sampled_from(AUTHORS), known, st.booleans(), st.booleans())


def desks(*policies: str) -> st.SearchStrategy[CaseSettings]:
    """Every way in which a desk may file mail."""
    handling = st.builds(
        Handling,
        threads=st.sampled_from(policies),
        thread_by=st.sampled_from(["token", "contact"]),
        topic_change=st.sampled_from(["stay", "new_case"]),
        subject_tag=st.booleans(),
        reopen_days=st.sampled_from([0, 30]),
    )
    several = st.sampled_from(["one_case", "linked_cases"])
    return st.builds(CaseSettings, several_addresses=several, handling=handling)


ALL_POLICIES = ("strict", "standard", "open")
LONG = 10  # attacks of one office
OWNED = {"Ann": {}, "nobody": {"owner_id": None, "queue": None}} | {
    queue: {"owner_id": None, "queue": queue} for queue in ("support", "fallback")
}
STATES = st.builds(
    lambda status, owned: OWNED[owned] | ({"status": status} if status else {}),
    st.sampled_from(["", "open", "on_hold", "solved", "closed"]),
    st.sampled_from(sorted(OWNED)),
)
LIMITS = settings(
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    phases=(Phase.explicit, Phase.generate),  # a mail has few parts: shrinking would only take its minutes
)


@LIMITS
@given(desk=desks("strict", "standard"), state=STATES, mails=st.lists(tricks(*LEAKED), min_size=1, max_size=5))
def test_strangers_get_nowhere_in_the_case_of_a_customer_whose_domain_vouches(
    world: World, desk: CaseSettings, state: dict[str, object], mails: list[Trick]
) -> None:
    _attack(world, desk, state, mails, domain="customer.example")


@LIMITS
@given(desk=desks(*ALL_POLICIES), state=STATES, mails=st.lists(tricks(), min_size=1, max_size=5))
def test_nor_without_our_own_mail_in_the_case_of_one_whose_domain_vouches_for_nobody(
    world: World, desk: CaseSettings, state: dict[str, object], mails: list[Trick]
) -> None:
    _attack(world, desk, state, mails, domain="")


@LIMITS
@given(desk=desks(*ALL_POLICIES), state=STATES, mails=st.lists(tricks(*LEAKED), min_size=1, max_size=5))
def test_whoever_is_let_in_changes_neither_the_case_nor_its_people(
    world: World, desk: CaseSettings, state: dict[str, object], mails: list[Trick]
) -> None:
    _attack(world, desk, state, mails, domain="customer.example", is_let_in=True)


def try_for(seconds: float) -> int:
    """The long form, for `make fuzz`: other mails each time; returns how many attacks were made."""
    end, done = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        _try(("strict", "standard"), LEAKED, "customer.example")
        _try(ALL_POLICIES, [], "")
        done += 2 * LONG
    return done


def _try(policies: tuple[str, ...], more: list[str], domain: str) -> None:
    @settings(LIMITS, max_examples=LONG, derandomize=False, deadline=None, database=None)
    @given(desk=desks(*policies), state=STATES, mails=st.lists(tricks(*more), min_size=1, max_size=9))
    def attack(desk: CaseSettings, state: dict[str, object], mails: list[Trick]) -> None:
        _attack(world, desk, state, mails, domain=domain)

    with tempfile.TemporaryDirectory() as place:
        world = World(f"sqlite:///{place}/casegate.db")
        attack()
        world.close()


@pytest.mark.postgres
@pytest.mark.parametrize("domain", ["customer.example", ""])
def test_on_postgresql_they_get_no_further(postgres_url: str, domain: str) -> None:
    world = World(postgres_url)
    known = frozenset([*FIELDS, *TEXTS, *PLACES, *(LEAKED if domain else [])])
    mails = [Trick(author, known, is_report, True) for author in AUTHORS for is_report in (False, True)]
    try:
        _attack(world, CaseSettings(), {}, mails, domain=domain)
    finally:
        world.close()


def _attack(
    world: World,
    desk: CaseSettings,
    state: dict[str, object],
    mails: list[Trick],
    *,
    domain: str,
    is_let_in: bool = False,
) -> None:
    """A case, the strangers' mails, and what its people see of it before and after."""
    world.clock.advance(40 * 86_400)
    world.apply(replace(DESK, sections=Sections(cases=desk)))
    matter = _opened(world, domain)
    _set(world, matter.number, state)
    before, sent = _seen(world, matter), {one.id for one in world.sent()}
    for one in mails:
        found = _send(world, replace(matter, welcomes_bounces=is_let_in), one)
        if one.is_answered and found is not None and found.thread_id != matter.thread_id:
            _answer(world, found)
    after = _seen(world, matter)
    assert (after | {"mails": before["mails"], "events": before["events"]} if is_let_in else after) == before
    _nothing_left(world, matter, sent)
    _goes_on(world, matter, domain)


def _opened(world: World, domain: str) -> Matter:
    """Carl writes and copies Dora; Ann answers."""
    number = next(_numbers)
    world.txt["_dmarc.other-customer.example"] = Answer(Found.YES, (b"v=DMARC1; p=none",))  # Dora's vouches as well
    carl, dora = f"carl{number}@{domain or 'quiet.example'}", f"dora{number}@other-customer.example"
    secret, subject = f"zebra{number}secret", f"The matter of unicorn{number}"
    fields = {"subject": subject, "cc": f"Dora <{dora}>", "thread_index": OUTLOOK}
    first = world.receive(_signed(mail(f"Carl <{carl}>", f"It is about {secret}.", **fields), domain), sender=carl)
    to = field(_copy_of(world, first), "reply-to").strip("<>")
    also = [dora] if domain else []  # whom an unproven author copies is nobody until somebody else writes to them
    assert isinstance(world.reply(mail(str(ANN), f"We answer about {secret}.", to=to), to, *also), str)
    ours = world.sent("reply")[-1]
    return Matter(
        carl,
        dora,
        subject,
        secret,
        first.token,
        first.thread_id,
        first.case.number,
        field(ours, "message-id").strip("<>"),
        first.message_id,
        f"next{number}@mail.customer.example",
        ours.reverse_path,
    )


def _signed(octets: bytes, domain: str) -> bytes:
    return sign(octets, domain) if domain else octets


def _copy_of(world: World, found: SimpleNamespace) -> SimpleNamespace:
    return next(one for one in reversed(world.sent("copy")) if one.message_seq == found.seq)


def _set(world: World, number: int, columns: dict[str, object]) -> None:
    with world.database.move(Move.EDIT) as unit:
        case = cases.lock(unit, world.case(number).id)
        changing.change(unit, world.office.desk, case, columns, casegate(world.now))
    world.clock.advance(1)


def _seen(world: World, matter: Matter) -> dict[str, Any]:
    """All that a case is to its people; that others stand beside it is for the agents."""
    case = world.case(matter.number)
    columns = {name: value for name, value in case.row._mapping.items() if name != "id"}
    with world.database.read() as unit:
        mine = cases.threads_of(unit, case.id)
        mails = [row.id for one in mine for row in of_thread(unit, one)]
        people = sorted(
            (role, one.key) for each in mine for role in ("customer", "agent") for one in _in(unit, each, role)
        )
    events = [event for event in case.events if event[1] != "linked"]
    return {"columns": columns, "mails": mails, "people": people, "events": events}


def _in(unit: Unit, thread_id: int, role: str) -> list[threads.Person]:
    return threads.participants(unit, thread_id, role)


def _send(world: World, matter: Matter, trick: Trick) -> SimpleNamespace | None:
    """What became of the mail; None where no recipient of it is ours, or it is refused."""
    author, domain = trick.author
    fields: dict[str, str] = {}
    for name in sorted(trick.knows & FIELDS.keys()):
        fields |= FIELDS[name]
    if "our id" in trick.knows:
        fields["references"] = f"{fields.get('references', '')} <OURS>".strip()
    text = "\r\n".join(TEXTS[name] for name in sorted(trick.knows & TEXTS.keys()))
    if trick.is_report:
        fields["content_type"] = 'multipart/report; report-type=delivery-status; boundary="b"'
        text = REPORT
    octets = mail(author, f"{text}\r\n{next(_numbers)}", **fields)
    for word, known in _words(matter).items():
        octets = octets.replace(word.encode(), known.encode())
    tried = [one for one in _recipients(matter, trick, world) if isinstance(world.rcpt(one), Destination)]
    judged = world.judged(_signed(octets, domain), *tried, sender=f"mal@{domain or 'evil.example'}")
    if judged.refusal is not None or judged.disposition != "accept":
        return None
    null = trick.is_report and not domain
    return world.receive(_signed(octets, domain), *tried, sender=None if null else f"mal@{domain or 'evil.example'}")


def _words(matter: Matter) -> dict[str, str]:
    thread, row, rest = matter.ours.split(".", 2)
    return {
        "CARL": matter.carl,
        "DORA": matter.dora,
        "TOKEN": matter.token,
        "WHAT": matter.subject,
        "THEIRS": matter.theirs,
        "OURS": matter.ours,
        "NEXT": matter.next_id,
        "FORGED": matter.ours.replace("@", "a@"),
        "ANOTHER": f"{thread}.{row[::-1]}.{rest}",
        "ORIGINAL": f"{thread}.{row[::-1]}.{rest}",
    }


def _recipients(matter: Matter, trick: Trick, world: World) -> list[str]:
    """Everything that they may try."""
    old = world.now.replace(year=2026, month=11, day=1)
    live = customer_address(matter.token, matter.carl)
    agents = tokens.reply_address(KEYS, matter.token, ANN.key, tokens.Role.AGENT, world.now)
    known = {
        "expired": customer_address(matter.token, matter.carl, old),
        "Dora's expired": customer_address(matter.token, matter.dora, old),
        "agent's": agents,
        "agent's expired": tokens.reply_address(KEYS, matter.token, ANN.key, tokens.Role.AGENT, old),
        "stand-in": tokens.thread_address(KEYS, matter.token),
        "forged address": live.replace("@", "a@"),
        "sales": str(SALES),
        "address": live,
        "Dora's address": customer_address(matter.token, matter.dora),
        "bounce address": matter.bounce if matter.welcomes_bounces or not _is_bounce(trick) else str(SUPPORT),
    }
    return list(dict.fromkeys([str(SUPPORT), *(known[one] for one in sorted(trick.knows & known.keys()))]))


def _is_bounce(trick: Trick) -> bool:
    return trick.is_report or "failed" in trick.knows or trick.author[0].startswith("mailer-daemon")


def _answer(world: World, found: SimpleNamespace) -> None:
    """An agent answers the stranger's own case."""
    copy = _copy_of(world, found)
    to = field(copy, "reply-to").strip("<>")
    login = "ann" if copy.to == [str(ANN)] else "bob"
    world.reply(
        mail(str(ANN if login == "ann" else BOB), "We do not know you.", to=to, subject="Hello"), to, login=login
    )


def _nothing_left(world: World, matter: Matter, before: set[int]) -> None:
    """Whatever went to others than agents and the case's people tells nothing of it."""
    inside = {str(ANN), str(BOB), matter.carl, matter.dora}
    secrets = (matter.secret, matter.carl, matter.dora, matter.token, matter.subject)
    for one in world.sent():
        if one.id not in before and set(one.to) - inside:
            assert find_leak(one.octets, secrets) is None, (one.kind, one.to)


def _goes_on(world: World, matter: Matter, domain: str) -> None:
    """The case, or the one that follows it, still hears Carl, and an answer goes to Carl alone."""
    _set(world, matter.number, {"owner_id": world.office.desk.agents["ann"].id, "queue": None})
    fields = {
        "subject": f"Re: {matter.subject}",
        "message_id": f"<{matter.next_id}>",
        "in_reply_to": f"<{matter.ours}>",
    }
    address = customer_address(matter.token, matter.carl)
    octets = _signed(mail(f"Carl <{matter.carl}>", "More.", **fields), domain)
    found = world.receive(octets, address, sender=matter.carl)
    kinds = {kind for kind, number in world.case(found.case.number).links if number == matter.number}
    is_strict = world.office.desk.sections.cases.handling.threads == "strict" and not domain
    assert found.case.number == matter.number or kinds & {"follows"} or is_strict, kinds
    copy = _copy_of(world, found)
    to = field(copy, "reply-to").strip("<>")
    assert isinstance(world.reply(mail(str(ANN), to=to), to), str)
    assert world.sent("reply")[-1].to == [parse(matter.carl).key]
