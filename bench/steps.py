# SPDX-License-Identifier: Apache-2.0
"""`python -m bench --steps`: what each step of accepting one mail costs, in microseconds of this process.

The same mails and the same zone as in the rounds, and the functions that the MX calls, one after the other, with every
answer of DNS at hand as after the first mail. No sockets, no second process: the sum is less than what the service
needs for a mail, and the shares are what is to be read. The commit is measured alone and in groups of ten.
"""

import os
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from dnslib import QTYPE

from bench import casegate, mails
from bench.dns import Zone
from bench.rounds import Bench
from gateway import config, opening
from gateway.clock import SystemClock
from gateway.reception import Reception, StoreLookups
from handlers import dmarc, identity, intake, iprev, policy, spf
from handlers.arrival import Incoming
from handlers.assembling import assemble
from handlers.book import Book, question
from handlers.destinations import Destination, destination
from handlers.dkim import Signatures
from handlers.headers import Head
from handlers.inspection import Inspection
from handlers.office import Office
from handlers.ports import Answer, Found, Question
from handlers.proof import decide
from handlers.subject import Subject
from storage import messages
from storage.address import parse
from storage.content import packed
from storage.database import Database
from storage.envelope import Envelope, Session
from storage.states import Move

GROUP = 10
WARM_UP_SHARE = 10  # the first tenth is not counted

T = TypeVar("T")

MEANING = {
    "inspection": "header section, body digests, MIME bounds, while the content comes",
    "author": "the one author, and the mail put together",
    "spf": "SPF of the reverse-path and of HELO",
    "dkim": "signatures verified (RSA-2048)",
    "iprev": "reverse DNS",
    "dmarc": "the policy of the author's domain",
    "judge": "all steps of handlers/policy.py: the checks above, class, admission, pointers, stamp",
    "values": "what is stored: rows, JSON, compression",
    "commit": "the accepting transaction and its fsync, one mail alone",
    f"commit/{GROUP}": f"the same a mail, in a group of {GROUP}",
}


class Costs:
    """Microseconds of each step, a figure a mail."""

    def __init__(self) -> None:
        self.taken_us: dict[str, list[float]] = defaultdict(list)

    def of(self, step: str, do: Callable[[], T], share: int = 1) -> T:
        """Do it, and count what it took."""
        began_at = time.perf_counter()
        done = do()
        self.taken_us[step].append((time.perf_counter() - began_at) * 1e6 / share)
        return done

    def table(self) -> str:
        """Markdown: median, and the tenth and ninetieth of a hundred."""
        rows = ["| step | median, us | p10-p90 | what it is |", "|---|---|---|---|"]
        for step, meaning in MEANING.items():
            values = self.taken_us[step]
            values = values[len(values) // WARM_UP_SHARE :]
            tenths = statistics.quantiles(values, n=10)
            rows.append(f"| {step} | {statistics.median(values):.0f} | {tenths[0]:.0f}-{tenths[8]:.0f} | {meaning} |")
        return "\n".join(rows)


class _Answers:
    """DNS with every answer at hand."""

    def __init__(self, key_file: Path) -> None:
        self._answers: dict[Question, Answer] = {}
        for record in Zone(mails.public_record(mails.private_key(key_file))).records:
            kind = QTYPE[record.rtype]
            text = b"".join(record.rdata.data) if kind == "TXT" else str(record.rdata).rstrip(".").encode()
            self._answers[question(kind, str(record.rname))] = Answer(Found.YES, (text,))

    def known(self, asked: Question) -> Answer:
        return self._answers.get(asked, Answer(Found.NO_NAME))


@contextmanager
def _place(bench: Bench) -> Iterator[tuple[Database, Office]]:
    there = casegate.install(bench.directory / "casegate-steps", dns_port=bench.dns_port)
    settings = config.load(there.file, os.environ)
    database = opening.open_store(settings)
    try:
        keys, _ = opening.open_keys(settings, database)
        yield database, Reception(settings, keys, database).fresh_office()
    finally:
        database.close()


def run(bench: Bench, key_file: Path) -> str:
    """Take all mails through the steps; the table."""
    costs, answers = Costs(), _Answers(key_file)
    with _place(bench) as (database, office):
        contents = mails.load(bench.mails_file, 0, bench.mails)
        arrivals = [_judge(costs, (database, office), answers, each) for each in enumerate(contents)]
        half = len(arrivals) // 2
        for arrival in arrivals[:half]:
            costs.of("commit", lambda one=arrival: _commit(database, [one]))  # type: ignore[misc]
        for at in range(half, len(arrivals) - GROUP + 1, GROUP):
            group = arrivals[at : at + GROUP]
            costs.of(f"commit/{GROUP}", lambda group=group: _commit(database, group), GROUP)  # type: ignore[misc]
    return costs.table()


def _judge(
    costs: Costs, place: tuple[Database, Office], answers: _Answers, numbered: tuple[int, bytes]
) -> messages.Arrival:
    """One mail up to what is stored; it must be what the comparison is about."""
    (database, office), (index, content) = place, numbered
    _check_apart(costs, answers, office, index, content)
    mail = _incoming(costs, office, index, content)
    looked = policy.Bench(office, Book(answers.known), StoreLookups(database, office))
    judged = costs.of("judge", lambda: policy.judge(mail, looked))
    found = judged.authentication
    if judged.refusal is not None or {found.spf.result, found.dkim[0].result, found.dmarc.result} != {"pass"}:
        raise AssertionError(f"mail {index}: {judged.refusal or found}")
    return costs.of("values", lambda: intake.arrival(judged, office, packed(content)))


def _came(office: Office, index: int) -> tuple[Session, Envelope, Inspection]:
    """What is known before the content of mail `index`."""
    session = Session(f"steps{index}", "127.0.0.1", f"mail.{mails.DOMAIN}")
    envelope = Envelope(parse(mails.sender(index)), (parse(mails.RECIPIENT),), f"steps{index}-1")
    return session, envelope, Inspection(office.limits, office.authentication.dkim, SystemClock().now())


def _look(inspection: Inspection, content: bytes) -> tuple[Head, Signatures]:
    inspection.feed(content)
    return inspection.finish()


def _incoming(costs: Costs, office: Office, index: int, content: bytes) -> Incoming:
    """What the MX does before it judges."""
    session, envelope, inspection = _came(office, index)
    costs.of("inspection", lambda: _look(inspection, content))
    to = destination(office, envelope.recipients[0], inspection.now)
    if not isinstance(to, Destination):
        raise AssertionError(f"{mails.RECIPIENT} is not ours: {to}")
    return costs.of("author", lambda: assemble(inspection, session, envelope, (to,), office))


def _check_apart(costs: Costs, answers: _Answers, office: Office, index: int, content: bytes) -> None:
    """Each check by itself."""
    session, envelope, inspection = _came(office, index)
    head, signatures = _look(inspection, content)
    book, author = Book(answers.known), identity.author(head)
    subject = Subject(session, envelope, head, author, signatures, office.authentication)
    found_spf = costs.of("spf", lambda: (spf.check(subject, book), spf.check_helo(subject, book)))[0]
    keys = {one.name: book.ask(one.kind, one.name) for one in signatures.questions()}
    found_dkim = costs.of("dkim", lambda: signatures.verify(keys))
    costs.of("iprev", lambda: iprev.check(subject, book))
    address = author.address if author is not None else None
    costs.of("dmarc", lambda: dmarc.evaluate(address, found_spf, found_dkim, book))


def _commit(database: Database, arrivals: list[messages.Arrival]) -> None:
    with database.move(Move.ACCEPT) as unit:
        for one in arrivals:
            messages.accept(unit, one, decide)
