# SPDX-License-Identifier: Apache-2.0
"""`python -m bench --scale`: what a large store costs, as ratios of a store of a million mails to one of ten thousand.

Both stores lie side by side and are asked in turn, in this process, with nothing but the store's own work in between:
thread look-ups by our ids and by others', lists of cases, and the accepting transaction with its fsync.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench import figures
from bench.scale_fill import MAILS_A_CASE, fill
from handlers.proof import decide
from storage import case_views, messages, pointing
from storage.address import parse
from storage.case_values import View
from storage.case_views import Asked
from storage.content import packed
from storage.database import Database
from storage.envelope import Envelope, Session
from storage.messages import Arrival, Header, Placing, Verdict
from storage.states import MessageState, Move
from storage.threads import Author, Person, Pointer, key_of

SMALL, LARGE = 10_000, 1_000_000
LOOK_UPS, LISTS, ACCEPTS = 300, 20, 40  # a round
WARM_UPS = 10
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)

VIEWS = {
    "case list": View(""),
    "case list --team": View("", teams=("team1",)),
    "case list --owner --status open": View("", owners=("agent4",), statuses=("open",)),
    "case list --contact": View("", contact="c7@customer.example"),
}


@dataclass(slots=True)
class Store:
    """One store: how many mails it was filled with, and how many were accepted since."""

    database: Database
    mails: int
    accepted: int = 0


def run(directory: Path, database: str | None, rounds: int, large: int = LARGE) -> str:
    """Fill, measure in turn, tell as Markdown."""
    stores = [_store(directory, database, mails) for mails in (SMALL, large)]
    works: dict[str, Callable[[Store, random.Random], int]] = {"thread look-up": _look_up, "accept": _accept}
    works |= {name: _lister(view) for name, view in VIEWS.items()}
    for work in works.values():
        for store in stores:
            for number in range(WARM_UPS):
                work(store, random.Random(1000 + number))  # a service that runs has its pages mapped
    lines = ["| work | at 10,000 mails | at a million | ratio |", "|---|---|---|---|"]
    for name, work in works.items():
        small, great = [], []
        for number in range(rounds):
            order = stores if number % 2 else stores[::-1]
            taken = {store.mails: _timed(work, store, number + 1) for store in order}
            small.append(taken[SMALL])
            great.append(taken[large])
        ratio = figures.ratios(great, small)
        cells = [_microseconds(figures.spread(small).median), _microseconds(figures.spread(great).median)]
        lines.append(f"| {name} | {' | '.join(cells)} | {ratio.median:.2f} ({ratio.least:.2f}-{ratio.greatest:.2f}) |")
    for store in stores:
        store.database.close()
    return "\n".join(lines)


def _store(directory: Path, database: str | None, mails: int) -> Store:
    """A fresh store of that size; on PostgreSQL in a database whose name ends in the number."""
    if database is None:
        path = directory / f"scale-{mails}.db"
        for old in directory.glob(f"{path.name}*"):
            old.unlink()
        made = Database(f"sqlite:///{path}")
    else:
        made = Database(f"{database}_{mails}")
    fill(made, mails)
    return Store(made, mails)


def _timed(work: Callable[[Store, random.Random], int], store: Store, number: int) -> float:
    """Seconds for one piece of the work."""
    begin = time.perf_counter()
    pieces = work(store, random.Random(number))
    return (time.perf_counter() - begin) / pieces


def _look_up(store: Store, chance: random.Random) -> int:
    for _ in range(LOOK_UPS):
        mail = chance.randrange(1, store.mails + 1)
        thread = (mail - 1) // MAILS_A_CASE + 1
        pointers = [Pointer(key=key_of(f"{mail}@bench.example")), Pointer(thread_token=f"T{thread}")]
        with store.database.read() as unit:
            found = pointing.candidates(unit, pointers, Author(_author(chance), aligned=True))
        if [one.thread_id for one in found] != [thread]:
            raise AssertionError(f"mail {mail} is not found in its thread: {found}")
    return LOOK_UPS


def _lister(view: View) -> Callable[[Store, random.Random], int]:
    def work(store: Store, _chance: random.Random) -> int:
        for _ in range(LISTS):
            with store.database.read() as unit:
                rows = case_views.found(unit, Asked(view, NOW), 50)
                case_views.links(unit, [row.id for row in rows])
        return LISTS

    return work


def _accept(store: Store, chance: random.Random) -> int:
    """Half of the mails answer an old one, half begin a thread."""
    for _ in range(ACCEPTS):
        store.accepted += 1
        answered = chance.randrange(1, store.mails + 1) if chance.random() < 0.5 else None
        arrival = _arrival(f"new-{store.accepted}", _author(chance), answered)
        with store.database.move(Move.ACCEPT) as unit:
            messages.accept(unit, arrival, decide)
    return ACCEPTS


def _author(chance: random.Random) -> Person:
    address = f"c{chance.randrange(100)}@customer.example"
    return Person("Customer", address, address)


def _arrival(name: str, author: Person, answered: int | None) -> Arrival:
    own = f"{name}@bench.example"
    content = f"From: {author.address}\r\nMessage-ID: <{own}>\r\n\r\n".encode() + b"Still broken. " * 250
    key = key_of(f"{answered}@bench.example")
    pointers = (Pointer(key=key),) if answered is not None else ()
    placing = Placing(
        author=Author(author, aligned=True),
        pointers=pointers,
        own_key=key_of(own),
        referred_keys=(key,) if answered is not None else (),
        copied=(),
        new_token=f"N{name}",
    )
    recipient = parse("team0@firm.example")
    return Arrival(
        id=name,
        received_at=NOW,
        session=Session("s1", "192.0.2.1"),
        envelope=Envelope(parse(author.address), (recipient,), name),
        content=packed(content),
        header=Header(author, (), (), "Still broken", own),
        placing=placing,
        authentication="{}",
        classification="person",
        state=MessageState.ACCEPTED,
        disposition="accept",
        reason="",
        verdicts=(Verdict(str(recipient), str(recipient), "accept"),),
        trace="",
        stamp=b"",
        left_out=(),
    )


def _microseconds(seconds: float) -> str:
    return f"{seconds * 1e6:,.0f} us"
