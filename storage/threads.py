# SPDX-License-Identifier: Apache-2.0
"""Which thread a mail belongs to, asked and written inside the accepting transaction.

Enters: pointers found in a mail and the facts about its author. Leaves: candidates for the decision that
handlers/proof.py makes, and the rows that it needs: thread, keys, participants. Two first mails of a proven author with
one Message-ID meet in the unique key (hash, author): the later one fails with ThreadRace and is tried again.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from sqlalchemy import bindparam, delete, or_, select, update

from storage.address import BadAddress, parse
from storage.address import key_of as address_key
from storage.database import Unit
from storage.prepared import Prepared
from storage.schema import author_domain, message_key, outbox, participant, thread, thread_alias
from storage.upsert import Upsert


class ThreadRace(Exception):
    """Another transaction made the same thread at the same time; try again and join it."""


class Proof(Enum):
    """How sure we are that the author may write here (design: who may join a thread)."""

    PROVEN = "proven"
    LIKELY = "likely"
    THIRD_PARTY = "third_party"
    UNPROVEN = "unproven"


class Link(Enum):
    """Why two cases stand beside each other."""

    POSSIBLY_BELONGS_TO = "possibly_belongs_to"
    THIRD_PARTY = "third_party"
    FOLLOWS = "follows"  # the same people go on, about something else or much later
    SAME_MAIL = "same_mail"  # one mail to addresses of several teams


@dataclass(frozen=True, slots=True)
class Person:
    """An address with the name it goes by; `key` is `Address.key`.

    `through`: who takes part in a thread only because this address (its key) is of the same contact as a participant's:
    that address itself, and whom its mail copied.
    """

    name: str
    address: str
    key: str
    through: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Pointer:
    """Something in a mail that names a thread: by its public ID, or by the hash of another mail's Message-ID.

    `evidence` marks the two kinds that only we can have made: a keyed Message-ID and a signed address; `is_bounce` a
    report that came to our signed bounce address. `is_own` is the mail's own Message-ID, which leads only to a thread
    of the same proven author: a stranger who used it before them gains nothing. `row` is the name of the outbox row
    that one of ours was made for: it leads to where that mail is now, whatever thread it was written in. `is_shown`
    stands in the subject or in a field of the header section, where the author may have put it. `side` is the domain of
    the author, or of one whom the mail names, in which the id was made. `is_hint`: it says where the mail may belong,
    and lets it join nothing.
    """

    thread_token: str | None = None
    row: str | None = None
    key: bytes | None = None
    evidence: bool = False
    is_bounce: bool = False
    is_own: bool = False
    is_shown: bool = False
    side: str = ""
    is_hint: bool = False


@dataclass(frozen=True, slots=True)
class Author:
    """The facts on which proof rests; `person` is None where the mail has no one author.

    `spf` is that of the author's very domain, None where nobody looked at it, `publishes_dmarc` where DNS did not say.
    `vouched`: it came by the forwarder of its address, which serves nobody else.
    """

    person: Person | None
    aligned: bool
    spf: str | None = None
    publishes_dmarc: bool | None = None
    vouched: bool = False


@dataclass(frozen=True, slots=True)
class Candidate:
    """A thread that a pointer names, with what we know of the author in it.

    `address` is the one whose rules hold for it, by its key, and `joins` its rule `threads`. `is_other_topic`: the mail
    is about something else, where that matters. `is_alternate`: the author takes part under another address of theirs;
    `by_contact`: nothing in the mail points here but its author. `is_shown` is as in Pointer. `is_strangers`: only
    Message-IDs point here, of unproven mail where nobody proven has written, or made in a domain of another's.
    `is_hint` is as in Pointer, of all that point here.
    """

    thread_id: int
    evidence: bool
    participant: bool
    is_bounce: bool = False
    address: str = ""
    is_other_topic: bool = False
    is_alternate: bool = False
    by_contact: bool = False
    is_shown: bool = False
    is_strangers: bool = False
    is_hint: bool = False
    joins: str = "standard"


@dataclass(frozen=True, slots=True)
class Decision:
    """`join` is the thread, or None for a new one, linked to `link_to` where that is given; `because` is for people."""

    proof: Proof
    join: int | None = None
    link_to: int | None = None
    link: Link | None = None
    because: str = field(default="", compare=False)


OtherTopic = Callable[[Sequence[str]], bool]  # whether a mail is about something else than these subjects
Decide = Callable[[Author, Sequence[Candidate], bool], Decision]  # the bool: the domain has passed aligned before

_BY_TOKEN = select(thread.c.id).where(thread.c.token == bindparam("t"))
_BY_ALIAS = select(thread_alias.c.thread_id).where(thread_alias.c.token == bindparam("t"))
_TOKEN_OF = select(thread.c.token).where(thread.c.id == bindparam("i"))
_BY_ROWS = select(outbox.c.name, outbox.c.thread_id).where(
    outbox.c.name.in_(bindparam("names", expanding=True)), outbox.c.thread_id.is_not(None)
)
_FOLLOWING = select(thread.c.followed_by_id).where(thread.c.id == bindparam("i")).with_for_update(key_share=True)
_PLACE = select(thread.c.case_id, thread.c.followed_by_id).where(thread.c.id == bindparam("i"))
_LOCK = select(thread.c.case_id).where(thread.c.id == bindparam("t")).with_for_update(key_share=True)
_NEW_THREAD = Prepared(thread.insert().returning(thread.c.id))
NEW_KEY = Upsert(  # a mail that others referred to before it came is now a mail that came
    message_key,
    lambda new: {"names_message": or_(message_key.c.names_message, new.excluded.names_message)},
    message_key.c.thread_id,
)
_NEW_PARTICIPANT = Upsert(participant)
_OF_PERSON = ("key", "name", "address", "through")
_NEW_DOMAIN = Upsert(author_domain)
_KNOWN_DOMAIN = Prepared(select(author_domain.c.domain).where(author_domain.c.domain == bindparam("d")))


def key_of(message_id: str) -> bytes:
    """The hash under which a Message-ID (without angle brackets) is kept; 16 octets.

    Some programs change its letter case, or write the domain in A-labels (RFC 5890).
    """
    text = message_id.lower()
    if not text.isascii():
        left, at, domain = text.rpartition("@")
        text = f"{left}{at}{_a_labels(domain)}"
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:16]


def _a_labels(domain: str) -> str:
    try:
        return parse(f"x@{domain}").host
    except BadAddress:
        return domain


def by_token(unit: Unit, token: str) -> int | None:
    """The thread with this ID, or with this old ID of it."""
    for question in (_BY_TOKEN, _BY_ALIAS):
        thread_id = unit.execute(question, {"t": token}).scalar()
        if thread_id is not None:
            return int(thread_id)
    return None


def by_rows(unit: Unit, names: Sequence[str]) -> dict[str, int]:
    """The thread that each outbox row's mail belongs to now; what is not kept is not there."""
    return {row.name: int(row.thread_id) for row in unit.execute(_BY_ROWS, {"names": list(names)})}


def by_row(unit: Unit, name: str) -> int | None:
    """The same of one row."""
    return by_rows(unit, [name]).get(name)


def token_of(unit: Unit, thread_id: int) -> str:
    """The thread's ID."""
    return str(unit.execute(_TOKEN_OF, {"i": thread_id}).scalar_one())


def following(unit: Unit, thread_id: int) -> int | None:
    """Where the people of this thread go on, the thread locked."""
    found = unit.execute(_FOLLOWING, {"i": thread_id}).scalar_one()
    return None if found is None else int(found)


def lock_following(unit: Unit, thread_id: int) -> int | None:
    """Lock all threads that go on from this one, which is locked; returns the case that it belongs to.

    Each was made after the one before it, so they are locked in the order of their ids (decision 0031).
    """
    place = unit.execute(_PLACE, {"i": thread_id}).one()
    after = place.followed_by_id
    while after is not None:
        after = following(unit, after)
    return None if place.case_id is None else int(place.case_id)


def follow(unit: Unit, thread_id: int, token: str, now: datetime) -> int:
    """A new thread, in which the customers of this one go on."""
    new = make(unit, token, now)
    unit.execute(update(thread).where(thread.c.id == thread_id).values(followed_by_id=new))
    bring_along(unit, thread_id, new)
    return new


def bring_along(unit: Unit, thread_id: int, new: int) -> None:
    """Whoever is a customer of this thread by now is one of the other, too."""
    add_participants(unit, new, "customer", participants(unit, thread_id, "customer"))


def lock(unit: Unit, thread_id: int) -> int | None:
    """Lock the thread's row; the case that it belongs to now."""
    return unit.execute(_LOCK, {"t": thread_id}).scalar()


def domain_has_passed(unit: Unit, domain: str) -> bool:
    """Whether an author of this domain has ever passed aligned."""
    return bool(_KNOWN_DOMAIN.run(unit, d=domain))


def make(unit: Unit, token: str, now: datetime) -> int:
    """A new thread with this ID; a collision raises and the next try draws another."""
    return int(_NEW_THREAD.run(unit, token=token, created_at=now)[0][0])


def add_keys(unit: Unit, thread_id: int, owner: str, own: bytes | None, referred: Iterable[bytes]) -> frozenset[int]:
    """Remember the mail's own id and those it refers to; returns the other threads that they lead their owner to."""
    keys = sorted({*([own] if own else []), *referred})  # in one order, so that two such transactions cannot deadlock
    if not keys:
        return frozenset()
    rows = [{"hash": key, "author": owner, "thread_id": thread_id, "names_message": key == own} for key in keys]
    found = NEW_KEY.write_one(unit, **rows[0]) if len(rows) == 1 else NEW_KEY.write(unit, rows)
    return frozenset(int(row[0]) for row in found) - {thread_id}


def add_participants(unit: Unit, thread_id: int, role: str, people: Iterable[Person]) -> None:
    """Let these people belong to the thread in this role; doing it twice is harmless."""
    rows = [
        {"thread_id": thread_id, "role": role, **{name: getattr(person, name) for name in _OF_PERSON}}
        for person in people
    ]
    if len(rows) == 1:
        _NEW_PARTICIPANT.write_one(unit, **rows[0])
    elif rows:
        _NEW_PARTICIPANT.write(unit, rows)


def replace_participant(unit: Unit, thread_id: int, address: str, person: Person) -> None:
    """Let a customer's place in the thread be another's."""
    mine = (participant.c.thread_id == thread_id) & (participant.c.role == "customer")
    unit.execute(delete(participant).where(mine, participant.c.key == address_key(address)))
    add_participants(unit, thread_id, "customer", [person])


def remove_through(unit: Unit, thread_id: int, key: str) -> list[str]:
    """Whoever takes part here for the sake of this address does so no more; their addresses."""
    theirs = (participant.c.thread_id == thread_id, participant.c.role == "customer", participant.c.through == key)
    gone = sorted(unit.execute(select(participant.c.address).where(*theirs)).scalars())
    unit.execute(delete(participant).where(*theirs))
    return gone


def participants(unit: Unit, thread_id: int, role: str) -> list[Person]:
    """Everyone who belongs to the thread in this role."""
    rows = unit.execute(select(participant).where(participant.c.thread_id == thread_id, participant.c.role == role))
    return [Person(row.name, row.address, row.key, row.through) for row in rows]


def let_in_through(unit: Unit, thread_id: int, key: str) -> str:
    """The address for whose sake this customer takes part here; nothing where it is for their own."""
    mine = (participant.c.thread_id == thread_id, participant.c.role == "customer", participant.c.key == key)
    return str(unit.execute(select(participant.c.through).where(*mine)).scalar() or "")


def remember_domain(unit: Unit, domain: str, now: datetime) -> None:
    """Note that this author domain passes aligned."""
    if not domain_has_passed(unit, domain):
        _NEW_DOMAIN.write_one(unit, domain=domain, first_aligned_at=now)


def with_any(unit: Unit, found: Iterable[int], people: Sequence[str]) -> frozenset[int]:
    """Those of the threads in which one of these people takes part as a customer."""
    if not people:
        return frozenset()
    rows = unit.execute(
        select(participant.c.thread_id).where(
            participant.c.thread_id.in_(list(found)),
            participant.c.role == "customer",
            participant.c.key.in_(people),
        )
    )
    return frozenset(rows.scalars())
