# SPDX-License-Identifier: Apache-2.0
"""What in a mail points to a thread, best first: signed addresses, our keyed ids and foreign ids, the public thread ID.

Only a signed address and our own ids are evidence. Ids go from the nearest mail to the root, whosever they are. Foreign
ids are looked up by hash; the mail's own Message-ID is among them, so that a first mail that comes twice by two ways
meets itself. The thread ID counts in X-Casegate-Thread, in the subject and in what is quoted; Outlook's Thread-Index
is a hint that leads nobody but its own author.
"""

import re
from base64 import b64decode
from binascii import Error as BadBase64
from dataclasses import replace

from handlers import first_words, shown_ids, tokens
from handlers.arrival import Incoming, Note
from handlers.classification import Class
from handlers.coverage import UNPROVEN, UNSEEN, covered
from handlers.destinations import Destination, Kind
from handlers.dmarc_walk import is_within
from handlers.headers import Head, decode_text, message_ids
from handlers.identity import mailboxes
from handlers.office import Office
from handlers.topics import without_tags
from storage.threads import Pointer, key_of

MAX_FIELDS = 3  # of one name
MAX_OURS = 20
MAX_FOREIGN = 20
MAX_SIDES = 20  # of To, and of Cc
MAX_SUBJECT_OCTETS = 2000
INDEX_BASE_OCTETS, INDEX_STEP_OCTETS = 22, 5  # Outlook: what the first mail had, and what each answer adds
MAX_INDEX_OCTETS = 2000

_BRACKETED = re.compile(rb"<[^<>]*>")
_BARE = re.compile(rb"(?:^|[\s,;])([^\s<>,;()\"]+@[^\s<>,;()\"]+)(?=$|[\s,;])")


def find_pointers(mail: Incoming, office: Office) -> Incoming:
    """Those that count: of a mail that only a signature vouches for not all do (decision 27)."""
    found = covered(mail, office)
    if found is None:
        return _found(mail, office)
    if found.dispute:
        return _found(mail, office).noting("pointers", "not proven", found.dispute, aligned=False)
    mail = mail.but(written=found.head, is_to_us=found.is_to_us)
    if not found.is_to_us:
        return _passed_on(mail, office)
    own_key = key_of_mail(found.head)
    if own_key is None:  # whoever sends it on may give it another id, and what is known would seem new
        named = {one.address for name in (b"to", b"cc") for one in mailboxes(found.head, name)}
        known = tuple(one for one in mail.destinations if one.address in named or not one.thread_id)
        return _found(mail.but(head=found.head, destinations=known), office).but(
            head=mail.head, destinations=mail.destinations
        )
    whole = _found(mail, office)  # a mail that we have stays where it is, whatever stands above it now
    return whole.but(pointers=tuple(dict.fromkeys([Pointer(key=own_key, is_own=True), *whole.pointers])))


def _passed_on(mail: Incoming, office: Office) -> Incoming:
    """What others may have sent on joins nothing; by the learnt forwarder, as far as a mail does that nobody signed.

    A bounce at our bounce address proves itself, and a mail that we have already meets itself. The rest tells agents
    where the case may belong, as any stranger's mail does.
    """
    found = _found(mail, office)
    evidence = tuple(one for one in found.pointers if one.is_bounce or (one.evidence and mail.vouched))
    if any(not one.is_bounce for one in evidence):
        return found.noting("pointers", "not proven", UNPROVEN, pointers=evidence, aligned=False)
    own_key = key_of_mail(mail.written) if mail.written is not None else None
    own = (Pointer(key=own_key, is_own=True),) if own_key is not None else ()
    hints = tuple(replace(one, evidence=False, is_hint=True) for one in found.pointers if one not in (*evidence, *own))
    return mail.noting("pointers", "not counted", UNSEEN, pointers=(*evidence, *own, *hints))


def _found(mail: Incoming, office: Office) -> Incoming:
    """Gather them from envelope, header section and the opening of the body; each thread once is enough."""
    ids = _of_ids(mail, office)
    own_key = key_of_mail(mail.head)
    kinds = {
        "a signed address of ours": [_of_destination(mail, one) for one in mail.destinations if one.thread_id],
        "a Message-ID of ours in References or In-Reply-To": [one for one in ids if one.evidence],
        "the Message-ID of another mail": [one for one in ids if not one.evidence],
        "": [Pointer(key=own_key, is_own=True)] if own_key is not None else [],  # every mail has one
        "a thread ID that stands in it for all to see": _shown(mail, office),
    }
    if not any(one.thread_token for pointers in kinds.values() for one in pointers):
        kinds["a thread ID in its text"] = _in_text(mail, office)
    kinds["a Thread-Index of Outlook, which is a hint and no more"] = _hint(mail.head)
    said = "; ".join(kind for kind, pointers in kinds.items() if kind and pointers)
    notes = [Note("pointers", "found", said)] if said else []
    best_first = [*kinds.pop("a signed address of ours"), *ids]
    rest = [one for found in kinds.values() for one in found]
    return mail.noting_all(notes, pointers=tuple(dict.fromkeys([*best_first, *rest])))


def _of_destination(mail: Incoming, one: Destination) -> Pointer:
    """A bounce address lets a bounce join the thread of the mail it speaks of; nothing else that comes there."""
    is_bounce = one.kind is Kind.BOUNCE and mail.classification is Class.BOUNCE
    evidence = one.evidence and (one.kind is Kind.REPLY or is_bounce)
    return Pointer(thread_token=one.thread_id, row=one.outbox_name, evidence=evidence, is_bounce=is_bounce)


def _of_ids(mail: Incoming, office: Office) -> list[Pointer]:
    """One for each id, the nearest mail first: the nearest ones and the root, of ours and of others."""
    read = [(text, tokens.read_message_id(office.keys, text)) for text in referred_ids(mail.head)]
    ours = _nearest_and_root([text for text, own in read if own is not None], MAX_OURS)
    foreign = _nearest_and_root([text for text, own in read if own is None], MAX_FOREIGN)
    kept = {*ours, *foreign}
    sides = _sides(mail) if foreign else ()
    return [
        Pointer(key=key_of(text), side=_side(text, sides))
        if own is None
        else Pointer(thread_token=own.thread_id, row=own.outbox_name, evidence=True)
        for text, own in read
        if text in kept
    ]


def _sides(mail: Incoming) -> tuple[str, ...]:
    """The domains of the author and of those whom the mail names: whose ids it may well refer to."""
    named = [one.address.host for name in (b"to", b"cc") for one in mailboxes(mail.head, name)[:MAX_SIDES]]
    return tuple(dict.fromkeys([*([mail.author.address.host] if mail.author is not None else []), *named]))


def _side(message_id: str, sides: tuple[str, ...]) -> str:
    """The domain among these that the id was made in, as it says itself; empty where it says nothing of that."""
    host = message_id.rpartition("@")[2].lower()
    return next((one for one in sides if is_within(host, one)), "")


def _shown(mail: Incoming, office: Office) -> list[Pointer]:
    """The thread IDs in the two places where we write them."""
    stamped = (mail.head.first(b"x-casegate-thread") or b"")[:MAX_SUBJECT_OCTETS].decode("ascii", "replace")
    subject = decode_text((mail.head.first(b"subject") or b"")[:MAX_SUBJECT_OCTETS])
    bare = without_tags(subject, [one.way for one in mail.destinations if one.way is not None])
    texts = dict.fromkeys(filter(None, (stamped, subject, bare)))
    found = [token for text in texts for token in shown_ids.in_subject(text, office.keys)]
    return [Pointer(thread_token=token, is_shown=True) for token in dict.fromkeys(found)]


def _in_text(mail: Incoming, office: Office) -> list[Pointer]:
    """The thread IDs that stand in the opening of the body, which a reply quotes from our mail."""
    if first_words.needs_decoding(mail.head, mail.opening):
        words = first_words.first_words(mail.head, mail.opening).encode()
    else:
        words = first_words.unbroken(mail.opening)
    return [Pointer(thread_token=token) for token in shown_ids.in_text(words, office.keys)]


def _hint(head: Head) -> list[Pointer]:
    """Only an answer points: programs that write one mail again and again may give all of them one index."""
    index = _thread_index(head)
    is_answer = index is not None and len(index) >= INDEX_BASE_OCTETS + INDEX_STEP_OCTETS
    return [Pointer(key=key, is_own=True) for key in hint_keys(head)] if is_answer else []


def hint_keys(head: Head) -> tuple[bytes, ...]:
    """The key of the conversation that Outlook takes the mail for, to be kept for its author alone."""
    index = _thread_index(head)
    return (key_of(f"thread index {index[:INDEX_BASE_OCTETS].hex()}"),) if index is not None else ()


def _thread_index(head: Head) -> bytes | None:
    value = b"".join((head.first(b"thread-index") or b"")[:MAX_INDEX_OCTETS].split())
    try:
        index = b64decode(value + b"=" * (-len(value) % 4), validate=True)
    except BadBase64:
        return None
    return index if len(index) >= INDEX_BASE_OCTETS else None


def referred_ids(head: Head) -> tuple[str, ...]:
    """In-Reply-To, then References from the nearest ancestor to the root (RFC 5322 §3.6.4)."""
    answered = [text for value in head.all(b"in-reply-to")[:MAX_FIELDS] for text in _ids(value)]
    chain = [text for value in head.all(b"references")[:MAX_FIELDS] for text in reversed(_ids(value))]
    return tuple(dict.fromkeys(answered + chain))


def _ids(value: bytes) -> tuple[str, ...]:
    """The ids of a field that gateways may have encoded as text, or partly robbed of its brackets."""
    if b"=?" in value:
        value = decode_text(value).encode()
    if b"&lt;" in value:
        value = value.replace(b"&lt;", b"<").replace(b"&gt;", b">")
    found = message_ids(value)
    if b"<" not in value or b"@" not in _BRACKETED.sub(b" ", value):
        return found
    return message_ids(_BARE.sub(rb" <\1>", value))


def _nearest_and_root(ids: list[str], most: int) -> list[str]:
    return ids if len(ids) <= most else [*ids[: most - 1], ids[-1]]


def foreign_keys(head: Head, office: Office) -> tuple[bytes, ...]:
    """Hashes of the ids it refers to that are not ours: the nearest ones, and the root."""
    foreign = [text for text in referred_ids(head) if tokens.read_message_id(office.keys, text) is None]
    return tuple(dict.fromkeys(key_of(text) for text in _nearest_and_root(foreign, MAX_FOREIGN)))


def message_id_of(head: Head) -> str:
    """The mail's own Message-ID without angle brackets, or nothing."""
    return head.message_id


def key_of_mail(head: Head) -> bytes | None:
    """The hash of the mail's own Message-ID."""
    text = message_id_of(head)
    return key_of(text) if text else None
