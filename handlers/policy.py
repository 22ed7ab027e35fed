# SPDX-License-Identifier: Apache-2.0
"""The order of steps on one screen, one tuple a path; what a step does stands in the module it is imported from."""

from collections.abc import Callable
from dataclasses import dataclass, field

from handlers import classification, dmarc_words, dnsbl, spf, upstream
from handlers.admission import admit
from handlers.arrival import Incoming, Note
from handlers.book import Book
from handlers.office import Lookups, Office
from handlers.pointers import find_pointers
from handlers.rates import Rates, Uncounted
from handlers.stamp import put_stamp
from handlers.ways import ABOUT_ADDRESSES, follow


@dataclass(frozen=True, slots=True)
class Bench:
    """What the steps may look at beside the mail."""

    office: Office
    book: Book
    lookups: Lookups
    rates: Rates = field(default_factory=Uncounted)


Step = Callable[[Incoming, Bench], Incoming]


def _authenticate(mail: Incoming, bench: Bench) -> Incoming:
    found = mail.checks.run(bench.book)
    notes = []
    if found.spf.result != "none" and found.upstream.result == "none":
        notes.append(Note("spf", *spf.explained(found.spf, mail.session.peer)))
    if found.author_spf.result != "none":
        notes.append(Note("spf", *spf.explained(found.author_spf, mail.session.peer)))
    if mail.author is not None:
        notes.append(Note("dmarc", *dmarc_words.explained(found.dmarc)))
    notes += [Note("dnsbl", *dnsbl.explained(zone)) for zone in found.dnsbl.dead]
    if found.upstream.result != "none":
        notes.append(Note("upstream", *upstream.explained(found.upstream, mail.session.peer)))
    return mail.noting_all(notes, authentication=found, aligned=found.aligned)


def _classify(mail: Incoming, bench: Bench) -> Incoming:
    sign = classification.explained(mail.head, mail.envelope, bench.office.keys)
    return mail.noting("classification", sign.found.value, sign.because, classification=sign.found)


def _admit(mail: Incoming, bench: Bench) -> Incoming:
    """What is about a routing address is taken whatever its policy says."""
    return mail if mail.classification in ABOUT_ADDRESSES else admit(mail, bench.office, bench.lookups, bench.rates)


ON_ARRIVAL: tuple[Step, ...] = (
    _authenticate,  # handlers/authentication.py: which host, domains and author vouch; DNS has been asked before
    _classify,  # handlers/classification.py: person or machine
    lambda mail, bench: follow(mail, bench.office),  # handlers/ways.py: did it come the way its address has learnt
    _admit,  # handlers/admission.py: accept, quarantine, discard, or a refusal
    lambda mail, bench: find_pointers(mail, bench.office),  # which thread it speaks of
    lambda mail, bench: put_stamp(mail, bench.office),  # what we say about it in front
)


def judge(mail: Incoming, bench: Bench) -> Incoming:
    """Take a mail through the steps; a refusal ends them. Storing it (storage/messages.py) makes the promise."""
    for step in ON_ARRIVAL:
        mail = step(mail, bench)
        if mail.refusal is not None:
            break
    return mail
