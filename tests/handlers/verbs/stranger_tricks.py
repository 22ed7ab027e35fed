# SPDX-License-Identifier: Apache-2.0
"""What strangers write, and how it is sent: under any name, with all that may be known, or a signed mail sent on."""

from dataclasses import dataclass
from itertools import count
from types import SimpleNamespace

from hypothesis import strategies as st

from handlers import tokens
from handlers.destinations import Destination
from storage.address import BadAddress
from tests.support.office import ANN, KEYS, SALES, SUPPORT, World, customer_address, mail
from tests.support.strangers import MALLORY, OUTLOOK, Matter, signed

_numbers = count(1)
HELD = "held@firm.example"

# Who it says it is, and which domain signed; CARL and DORA are of the case, TWIN looks like Carl's address.
AUTHORS = [
    ("Carl Customer <CARL>", ""),
    ("Carl Customer <CARL>", "evil.example"),
    ("Dora <DORA>", "evil.example"),
    ("CARL <mal@evil.example>", "evil.example"),
    ("Carl <mal@evil.example>", "evil.example"),
    ("Carl <mal2@evil.example>", "evil.example"),
    ("Carl <mal@other-evil.example>", "other-evil.example"),
    ("Carl <TWIN>", "TWIN"),
    ("People: CARL, mal@evil.example;", "evil.example"),
    ("mal@evil.example, People: CARL;", "evil.example"),
    ('"CARL"@evil.example', "evil.example"),
    ("<@evil.example:CARL>", "evil.example"),
    ("=?utf-8?q?CARL?= <mal@evil.example>", "evil.example"),
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
    "an id of their world": {"message_id": "<OUTSIDE>"},
    "an id of ours": {"message_id": "<OURS>"},
    "an id of another case": {"message_id": "<OUTSIDE.sales>"},
    "forged id": {"references": "<FORGED>"},
    "another row's id": {"references": "<ANOTHER>"},
    "by way of what is held": {"in_reply_to": "<HELD>"},
    "thread index": {"thread_index": OUTLOOK[:-2] + "8BAgMEBQ=="},
    "copies": {"cc": "mal@evil.example, DORA"},
    "reply-to": {"reply_to": "mal@evil.example"},
    "Carl's reply-to": {"reply_to": "Carl <CARL>"},
    "case": {"x_casegate_case": "1", "x_casegate_author": "CARL"},
    "sender": {"sender": "CARL", "resent_from": "CARL"},
    "auto": {"auto_submitted": "auto-replied"},
    "away": {"subject": "Out of office: Re: WHAT [TOKEN]", "auto_submitted": "auto-replied"},
    "list": {"list_id": "<list.example>"},
    "failed": {"x_failed_recipients": "CARL"},
}
# Above a signed mail that is sent on stands what would change what is shown of it, too.
ABOVE = {"another To": "To: support@firm.example", "another Cc": "Cc: mal@evil.example, support@firm.example"} | {
    "another type": "Content-Type: text/html",
    "another id": "Message-ID: <another@evil.example>",
    "a hop": "Received: from evil.example by list.example; Sun, 22 Nov 2026 12:00:00 +0000",
}
TEXTS = {"tag in the text": "[ref: TOKEN]", "quote": "> WHAT\r\n> X-Casegate-Thread: TOKEN\r\n> Message-ID: <THEIRS>"}
PLACES = ["expired", "Dora's expired", "agent's", "agent's expired", "stand-in", "forged address", "sales", "held"]
DISGUISES = ["in capitals", "with a tag", "encoded", "quoted"]  # of the addresses that are no evidence
LEAKED = ["our id", "address", "Dora's address", "bounce address"]  # what only those who got our mail have
OURS = ["first", "dora's", "of another case", "ours"]
PRIVATE = [f"private{how}" for how in ("", ", as most sign", ", as Microsoft 365 signs", ", without an id")]
SIGNED = [*OURS, *PRIVATE, "private, open at the end"]

DSN = """--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.evil.example

Final-Recipient: rfc822; CARL
Action: failed
Status: 5.1.1

--b
Content-Type: text/rfc822-headers

Message-ID: <ORIGINAL>
X-Casegate-Thread: TOKEN

--b--"""
COMPLAINT = DSN.replace("delivery-status", "feedback-report").replace(
    "Reporting-MTA: dns; mx.evil.example\n\n", "Feedback-Type: abuse\nUser-Agent: x/1\nVersion: 1\n"
)
INVITATION = "BEGIN:VCALENDAR\nMETHOD:REPLY\nBEGIN:VEVENT\nSUMMARY:WHAT [TOKEN]\nEND:VEVENT\nEND:VCALENDAR"
# Content-Type and text of what is no plain mail; winmail.dat opens with TNEF's signature.
BODIES = {
    "a bounce": ('multipart/report; report-type=delivery-status; boundary="b"', DSN),
    "a complaint": ('multipart/report; report-type=feedback-report; boundary="b"', COMPLAINT),
    "an invitation": ("text/calendar; method=REPLY", INVITATION),
    "winmail.dat": ("application/ms-tnef; name=winmail.dat", 'x\u009f>" TOKEN WHAT'),
}


@dataclass(frozen=True)
class Trick:
    """One mail of a stranger; `sends` is a signed mail of the case's people, instead of one of their own."""

    author: tuple[str, str]
    knows: frozenset[str]
    body: str = ""
    is_answered: bool = False  # by an agent, where it made a case
    sends: str = ""
    disguise: str = ""
    is_released: bool = False  # by an operator, where it was held
    is_forwarded: bool = False  # by the dedicated forwarder of the address, to which anybody can write

    @property
    def is_report(self) -> bool:
        return self.body in ("a bounce", "a complaint")

    @property
    def is_bounce(self) -> bool:
        return self.is_report or "failed" in self.knows or self.author[0].startswith("mailer-daemon")


def tricks(*more: str, is_forwarded: bool = False) -> st.SearchStrategy[Trick]:
    """`more` is what they know beside all that may be known; `is_forwarded`: they may use the forwarder."""
    known = st.frozensets(st.sampled_from([*FIELDS, *ABOVE, *TEXTS, *PLACES, *more]), max_size=6)
    return st.builds(
        Trick,
        st.sampled_from(AUTHORS),
        known,
        st.sampled_from(["", "", "", *BODIES]),
        st.booleans(),
        st.sampled_from(["", *SIGNED]) if more else st.just(""),
        st.sampled_from(["", *DISGUISES]),
        st.booleans(),
        st.booleans() if is_forwarded else st.just(value=False),
    )


def send(world: World, matter: Matter, trick: Trick) -> SimpleNamespace | None:
    """What became of the mail; None where no recipient of it is ours, or it is refused or held."""
    domain = trick.author[1].replace("TWIN", _twin(matter).rpartition("@")[2])
    octets = _sent_on(matter, trick) if trick.sends in matter.signed else signed(_written(matter, trick), domain)
    tried = [one for one in _recipients(matter, trick, world) if _is_ours(world, one)]
    sender = None if trick.is_report and not domain else f"mal@{domain or 'evil.example'}"
    world.vouched = trick.is_forwarded and len(tried) == 1
    judged = world.judged(octets, *tried, sender=sender)
    if judged.refusal is not None:
        return None
    message_id = world.accept(octets, *tried, sender=sender)
    world.vouched = False
    world.route()
    found = world.message(message_id)
    if judged.disposition == "accept":
        return found
    is_held = trick.is_released and found.held_at is not None
    return world.message(world.release(message_id)) if is_held else None


def _written(matter: Matter, trick: Trick) -> bytes:
    fields: dict[str, str] = {}
    for name in sorted(trick.knows & FIELDS.keys()):
        fields |= FIELDS[name]
    if "our id" in trick.knows:
        fields["references"] = f"{fields.get('references', '')} <OURS>".strip()
    text = "\r\n".join(TEXTS[name] for name in sorted(trick.knows & TEXTS.keys()))
    if trick.body:
        kind, lines = BODIES[trick.body]
        fields["content_type"], text = kind, lines.replace("\n", "\r\n")
    return _filled(matter, mail(trick.author[0], f"{text}\r\n{next(_numbers)}", **fields))


def _sent_on(matter: Matter, trick: Trick) -> bytes:
    """The mail as its author signed it, with fields above it that they never wrote; text follows where l= lets it."""
    above = [ABOVE[name] for name in sorted(trick.knows & ABOVE.keys())]
    for name in sorted(trick.knows & FIELDS.keys()):
        above += [f"{field.replace('_', '-').title()}: {value}" for field, value in FIELDS[name].items()]
    if "our id" in trick.knows:
        above.append("References: <OURS>")
    octets = matter.signed[trick.sends]
    after = b"Pay at once.\r\n" if trick.sends.endswith("the end") else b""
    return _filled(matter, "".join(f"{one}\r\n" for one in above).encode()) + octets + after


def _filled(matter: Matter, octets: bytes) -> bytes:
    thread, row, rest = matter.ours.split(".", 2)
    words = {
        "CARL": matter.carl,
        "DORA": matter.dora,
        "TWIN": _twin(matter),
        "TOKEN": matter.token,
        "WHAT": matter.subject,
        "THEIRS": matter.theirs,
        "OURS": matter.ours,
        "NEXT": matter.next_id,
        "OUTSIDE": matter.outside,
        "HELD": f"held.{matter.next_id}",
        "FORGED": matter.ours.replace("@", "a@"),
        "ANOTHER": f"{thread}.{row[::-1]}.{rest}",
        "ORIGINAL": f"{thread}.{row[::-1]}.{rest}",
    }
    for word, known in words.items():
        octets = octets.replace(word.encode(), known.encode())
    return octets


def prepare(world: World, matter: Matter) -> None:
    """A stranger's mail that refers to the case stands in quarantine, another was refused, and one took an id first."""
    for address in (HELD, "vip@firm.example"):
        fields = {"message_id": "<HELD>", "in_reply_to": "<OURS>" if matter.signed else "<THEIRS>", "to": address}
        octets = signed(_filled(matter, mail(MALLORY, **fields)), "evil.example")
        if world.judged(octets, address, sender=MALLORY).refusal is None:
            world.accept(octets, address, sender=MALLORY)
    octets = signed(_filled(matter, mail(MALLORY, message_id="<OUTSIDE>")), "evil.example")
    world.receive(octets, sender=MALLORY)  # whom an agent has answered meanwhile is known: then all are let in


def _twin(matter: Matter) -> str:
    """The address in another domain that looks the same: its first e or o is Cyrillic (RFC 5890)."""
    local, _, domain = matter.carl.partition("@")
    name, dot, top = domain.partition(".")
    looks = name.replace("o", "\u043e").replace("e", "\u0435")
    return f"{local}@{looks.encode('idna').decode()}{dot}{top}"


def _is_ours(world: World, text: str) -> bool:
    try:
        return isinstance(world.rcpt(text), Destination)
    except BadAddress:
        return False


def _recipients(matter: Matter, trick: Trick, world: World) -> list[str]:
    """Everything that they may try; what is to be held goes to nobody else."""
    if "held" in trick.knows and trick.is_released:
        return [HELD]
    old = world.now.replace(year=2026, month=11, day=1)
    live = customer_address(matter.token, matter.carl)
    agents = tokens.reply_address(KEYS, matter.token, ANN.key, tokens.Role.AGENT, world.now)
    known = {
        "expired": _disguised(customer_address(matter.token, matter.carl, old), trick.disguise),
        "Dora's expired": _disguised(customer_address(matter.token, matter.dora, old), trick.disguise),
        "agent's": _disguised(agents, trick.disguise),
        "agent's expired": tokens.reply_address(KEYS, matter.token, ANN.key, tokens.Role.AGENT, old),
        "stand-in": tokens.thread_address(KEYS, matter.token),
        "forged address": live.replace("@", "a@"),
        "sales": str(SALES),
        "held": HELD,
        "address": live,
        "Dora's address": customer_address(matter.token, matter.dora),
        "bounce address": matter.bounce if matter.welcomes_bounces or not trick.is_bounce else str(SUPPORT),
    }
    return list(dict.fromkeys([str(SUPPORT), *(known[one] for one in sorted(trick.knows & known.keys()))]))


def _disguised(address: str, how: str) -> str:
    local, _, host = address.partition("@")
    forms = {
        "in capitals": address.upper(),
        "with a tag": f"{local}+x@{host}",
        "encoded": f"{local}%{host}@firm.example",
        "quoted": f'"{local}"@{host}',
    }
    return forms.get(how, address)
