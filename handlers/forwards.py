# SPDX-License-Identifier: Apache-2.0
"""A mail that passes another one on: who wrote that one, when, about what, and what the one who passes it on says.

Enters: a content, or the text of one. Leaves: a Forward, or None. Read are an attached mail, and the block that a mail
client writes above the old mail: Gmail, Outlook, Apple Mail, Thunderbird and others, in the languages of
handlers/trimming. What a block says is its writer's word and proves nothing. Linear; never fails.
"""

import re
from dataclasses import dataclass

from handlers import reading
from handlers.headers import decode_text, message_ids, scan
from handlers.identity import author
from handlers.mime_parts import scrub
from handlers.trimming.header_words import FROM, KIND_OF, SENT, SUBJECT
from handlers.trimming.lines import Kind, Line, lines_of, words_of
from handlers.trimming.old_mail import MAX_NAME_CHARACTERS, OldMail, old_mails
from storage.address import BadAddress, parse

MAX_FIELD_CHARACTERS = 1000
MAX_DATE_CHARACTERS = 100
MAX_SUBJECT_OCTETS = 16_384

_MAILS = ("message/rfc822", "message/global")
# What clients write before the subject of a mail that they pass on, by language; a number may stand behind it.
_PREFIX = re.compile(
    r"\s*(?:\[[^\[\]]{1,40}\]\s*)?(?:fwd?|fw|wg|weitergel(?:eitet)?|tr|rv|rv|reenv|enc|i|inoltro|doorst|vb|vs|vl|vl|pd|podaj"
    r"|ilt|tov|továbbítás|fs|πρθ|пересл|пер|fyi|转发|轉寄|轉發|転送|전달|הועבר|إعادة توجيه|ส่งต่อ)"
    r"(?:\[\d{1,3}\]|\(\d{1,3}\))?\s*[:：]\s*",
    re.IGNORECASE,
)
_TRAILER = re.compile(r"\s*\(fwd\)\s*$", re.IGNORECASE)
# In a divider: what tells a mail passed on from a mail answered.
_PASSED_ON = (
    *("forward", "weitergeleitet", "transfér", "réexpédi", "reenviad", "inoltrat", "doorgestuurd", "encaminhad"),
    *("reencaminhad", "przekaz", "videresend", "vidarebefordra", "välitet", "edelleenlähet", "přeposl", "preposl"),
    *("továbbít", "redirec", "пересыла", "пересла", "переадрес", "перенаправ", "переслан", "пересилає", "препрат"),
    *("proslij", "prosleđ", "προωθ", "iletil", "yönlendir", "שהועבר", "توجيه", "ส่งต่อ", "chuyển tiếp", "terusan"),
    *("転送", "转发", "轉寄", "轉發", "전달"),
)
_ADDRESS = re.compile(r"[^\s<>\[\]()\"',;:*]{1,64}@[^\s<>\[\]()\"',;:*]{1,255}")
_NAME_ENDS = re.compile(r"[<\[(]")
_END = re.compile(r"\s*\n-{3,20} ?End (?:of )?forwarded message ?-{3,20}$", re.IGNORECASE)  # mutt's
_AROUND = " \t*_\"'“”„«»"


@dataclass(frozen=True, slots=True)
class Forward:
    """The mail within: its author as it names them, and its text; `note` is what stands above.

    `author_address` is empty where no single address stands there; `date` is as written.
    """

    author_name: str
    author_address: str
    date: str
    subject: str
    text: str
    note: str
    is_attached: bool = False
    message_id: str = ""  # of an attached mail


def is_forward_subject(subject: str) -> bool:
    """Whether a client marked the subject as passed on."""
    return bool(_PREFIX.match(subject) or _TRAILER.search(subject))


def without_prefix(subject: str) -> str:
    """The subject of the mail within."""
    return _TRAILER.sub("", _PREFIX.sub("", subject, count=1)).strip()


def of_mail(content: bytes, text: str) -> Forward | None:
    """What a mail passes on: in its text if a client says so, else the only mail attached to it."""
    subject = decode_text((scan(content).first(b"subject") or b"")[:MAX_SUBJECT_OCTETS])
    within = of_text(text, is_marked=is_forward_subject(subject))
    if within is not None:
        return within
    mails = [file.octets for file in reading.files(content) if file.about.type in _MAILS]
    return _attached(mails[0], text) if len(mails) == 1 else None


def of_text(text: str, *, is_marked: bool) -> Forward | None:
    """The block of a client and what follows; an answer has such a block too, so something must say which it is."""
    lines = lines_of(text)
    for old in old_mails(lines):
        told, begin = _block(lines, old)
        divider = " ".join(line.seen for line in lines[old.start : begin] if line.kind is not Kind.QUOTED)
        if (is_marked or any(word in divider for word in _PASSED_ON)) and told.get(FROM):
            return _forward(lines[: old.start], told, lines[begin:])
        if told.get(FROM):
            return None  # an answer to something
    return None


def _attached(octets: bytes, note: str) -> Forward:
    head, read = scan(octets), reading.read(octets)
    one = author(head)
    date, said = (decode_text((head.first(name) or b"")[:MAX_FIELD_CHARACTERS]) for name in (b"date", b"from"))
    return Forward(
        author_name=one.name if one is not None else said,
        author_address=str(one.address) if one is not None else "",
        date=scrub(date)[:MAX_DATE_CHARACTERS],
        subject=scrub(read.subject)[:MAX_FIELD_CHARACTERS],
        text=read.text,
        note=note.strip(),
        is_attached=True,
        message_id=next(iter(message_ids(head.first(b"message-id") or b"")), ""),
    )


def _block(lines: list[Line], old: OldMail) -> tuple[dict[str, str], int]:
    """What the fields say, and where the text begins; Apple's client quotes both."""
    begin = old.stop
    if not any(_field(line.words) for line in lines[old.start : old.stop]):
        while begin < len(lines) and lines[begin].kind is Kind.EMPTY:
            begin += 1
        told, stop = _fields([_unquoted(line.words) for line in lines[begin : begin + 20]])
        return told, begin + stop
    told, _ = _fields([line.words for line in lines[old.start : old.stop]], skip_others=True)
    return told, begin


def _fields(words: list[str], *, skip_others: bool = False) -> tuple[dict[str, str], int]:
    told: dict[str, str] = {}
    kind = ""
    for number, line in enumerate(words):
        found = _field(line)
        if found is not None:
            kind = found[0]
            told.setdefault(kind, found[1][:MAX_FIELD_CHARACTERS])
        elif not line.strip() and told and not skip_others:
            return told, number + 1
        elif kind and line.strip() and line[0] in " \t>":
            told[kind] = f"{told[kind]} {line.strip()}"[:MAX_FIELD_CHARACTERS]
        elif not skip_others and not told and line.strip():
            return {}, 0
        elif not skip_others and line.strip():
            return told, number
    return told, len(words)


def _field(line: str) -> tuple[str, str] | None:
    """Kind and value of a field of the block."""
    bare = line.replace("\u200b", "").strip(" \t>|")
    places = [at for at in (bare.find(mark, 0, MAX_NAME_CHARACTERS) for mark in ":：") if at > 0]
    if not places:
        return None
    kind = KIND_OF.get(bare[: min(places)].strip(_AROUND + "\xa0").lower())
    return (kind, bare[min(places) + 1 :].strip(_AROUND)) if kind is not None else None


def _unquoted(words: str) -> str:
    return words.removeprefix(">").removeprefix(" ")


def _forward(above: list[Line], told: dict[str, str], below: list[Line]) -> Forward:
    name, address = _person(told[FROM])
    said = [line for line in below if line.kind is not Kind.EMPTY]
    is_quoted = bool(said) and all(line.words.startswith(">") for line in said[:3])
    text = "\n".join(_unquoted(line.words) for line in below).strip() if is_quoted else words_of(below)
    text = _END.sub("", text)
    return Forward(
        author_name=name,
        author_address=address,
        date=told.get(SENT, "")[:MAX_DATE_CHARACTERS],
        subject=told.get(SUBJECT, ""),
        text=text,
        note=words_of(above),
    )


def _person(value: str) -> tuple[str, str]:
    """A name and the one address; several, or one that is none, are no address."""
    value = value.replace("mailto:", " ").replace("\u200b", "")
    addresses: dict[str, str] = {}
    for found in _ADDRESS.findall(value):
        try:
            address = parse(found.strip(".*_"))
        except BadAddress:
            continue
        addresses.setdefault(address.key, str(address))
    end = _NAME_ENDS.search(value)
    name = value[: end.start()] if end is not None else value
    name = "" if "@" in name else name.strip(_AROUND)
    return name[:200], next(iter(addresses.values())) if len(addresses) == 1 else ""
