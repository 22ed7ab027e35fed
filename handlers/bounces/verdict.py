# SPDX-License-Identifier: Apache-2.0
"""What a failure means: status code, reason, and whether it is hard, from what a report and a server say.

Enters: the texts about one recipient. Leaves: a judged Recipient. A status code that says more than its class is
believed first, words of servers are asked where it does not, and what nobody explains is `unknown`. Never fails.

Hard is meant to be safe: words alone about an unknown user count only where the code or the command (RCPT) supports
them, for servers also say so of mail that a filter refused after DATA.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from handlers.bounces import providers, reasons, tongues
from handlers.bounces.reasons import Reason
from handlers.bounces.values import MAX_DIAGNOSTIC, Action, Recipient
from handlers.mime_parts import scrub

_CERTAIN = (
    Reason.MAILBOX_FULL,
    Reason.MOVED,
    Reason.RATE,
    Reason.AUTHENTICATION,
    Reason.SENDER_REFUSED,
    Reason.TOO_BIG,
)
_WEAK = (Reason.POLICY, Reason.SYSTEM, Reason.NETWORK, Reason.EXPIRED)
MAX_READ = 2000  # characters of a diagnostic
MIN_READ, ALL_READ = 200, 100_000  # of one of many recipients, and of all

_STATUS = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.]\d|\d)")
_REPLY = re.compile(r"(?<![\d.-])([45][0-57]\d)(?=[- :]|$)(?!-\d{3})(?! ?(?:days?|hours?|bytes?|recip))")
_SPOKEN = re.compile(r"(?<![\d.-])[45][0-57]\d[- :'#]{1,4}(?:[45]\d\d )?[(#]{0,2}([45]\.\d{1,3}\.\d{1,3})(?!\d)")
_GOOD = re.compile(r"(?<![\d.\[-])(2[0-5]\d)(?=[- :]|$)")
_ADDRESS = re.compile(r"[^\s<>@(\[\"']{1,128}@[^\s<>@)\]\"',;:]{1,255}")
_URL = re.compile(r"https?://([^\s/?#>)]{1,200})[^\s>)]{0,500}")
_COMMANDS = (  # the command to which a server's response was the answer
    (
        "RCPT",
        re.compile(
            r"(?:\bto|after|sent|our|in) (?:\w+ ){0,2}rcpt\b|smtp:rcpt|\[rcpt[ _]to|>>> ?rcpt|not like recipient|"
            r"rcpt to generated|rcpt to command"
        ),
    ),
    ("MAIL", re.compile(r"(?:to|after|our) ?>* ?(?:\w+ ){0,2}mail from|>>> ?mail|sender was rejected|\[mail_from\]")),
    (
        "DATA",
        re.compile(
            r"(?:to|after|our) (?:the )?(?:end of |sending )?data\b|>>> ?(?:data|\.)|after i sent the message|"
            r"text command"
        ),
    ),
    ("EHLO", re.compile(r"(?:to|after|our) (?:initial )?(?:ehlo|helo|connect)")),
)
_EXPLICIT = re.compile(  # words of the mail system itself, which has looked the user up
    r"<?@>?: (?:recipient address rejected: )?(?:user|unknown|no such|undeliverable)|not listed in|"
    r"domino directory|recip(?:ient)?notfound|unknown user: |(?:unknown|invalid) (?:final delivery )?userid|"
    r"e-?mail account does not exist|recipient name is not recognized|address (?:was )?(?:not|couldn.t be) found|"
    r"000005c1|not present in directory|unable to deliver message to <|542 <?@>? rejected|"
    r"delivery error: dd this user|adresse (?:d au moins un )?destinataire invalide|user not known|"
    r"unknown local[- ]part|user unknown in|vdeliver|badrcptto|no mailbox here by that name|"
    r"55[0134] (?:5\.\d\.\d )?(?:<?@>?:? )?no such (?:user|recipient|mailbox|account|person)|name was not found at|"
    r"\(user not found\)|invalid recipient: "
)
_ALWAYS = re.compile(
    tongues.NOBODY + r"|delivery error: dd "
)  # of the system that knows its users, whenever it said so


@dataclass(frozen=True, slots=True)
class Finding:
    """What a report tells of one recipient: fields for programs, and the words around them."""

    address: str
    action: Action = Action.FAILED
    status: str = ""
    diagnostic: str = ""
    context: str = ""
    original: str = ""


def judge_all(findings: Sequence[Finding]) -> tuple[Recipient, ...]:
    """All recipients of a report: the more there are, the less is read of each."""
    limit = max(MIN_READ, min(MAX_READ, ALL_READ // max(1, len(findings))))
    return tuple(judge(one, limit) for one in findings)


def judge(found: Finding, limit: int = MAX_READ) -> Recipient:
    """The recipient with its status, reason and hardness."""
    said, about = clean((found.diagnostic or found.context)[:limit]), clean(found.context[:limit])
    near = _wording(f"{clean(found.diagnostic[:limit])} {about}")
    status, reply = status_of(found.status, said, about), reply_of(said) or reply_of(about)
    status = status or _class_by(reply, found.action, near)
    reason = _reason(status, reply, said, near, found.action)
    return Recipient(
        address=found.address,
        action=found.action,
        status=status,
        reply_code=reply,
        hard=found.action is Action.FAILED and status.startswith("5") and reason in reasons.HARD,
        reason=reason.value,
        diagnostic=said[:MAX_DIAGNOSTIC],
        original=found.original,
    )


def _wording(text: str) -> str:
    """What words are looked for in: addresses and paths of URLs could hold any."""
    return _ADDRESS.sub("@", _URL.sub(r"http://\1 ", text)).lower()


def clean(text: str) -> str:
    """One line of bounded length, safe to store and to show."""
    return " ".join(scrub(text[:MAX_READ]).split())


def status_of(declared: str, said: str, about: str) -> str:
    """The status code: what the server itself said after its reply code, else the most specific that is told.

    RFC 3464 §2.3.4 wants the last word in Status, yet senders write there how they gave up (4.4.7), or 5.1.1 for all.
    """
    given, spoken = _STATUS.search(declared), _SPOKEN.search(said)
    if given is None:
        told = spoken or _STATUS.search(said) or _SPOKEN.search(about) or _STATUS.search(about)
        return told[1] if told else ""
    if spoken is None and _is_vague(given[1]):
        others = [code for code in (*_STATUS.findall(said), *_SPOKEN.findall(about)) if code[0] == given[1][0]]
        better = [code for code in others if not _is_vague(code)] or [code for code in others if code[2:] != "0.0"]
        return better[0] if better and (not _is_vague(better[0]) or given[1][2:] == "0.0") else given[1]
    if spoken is not None and not _is_vague(spoken[1]):
        return spoken[1]
    if spoken is not None and _is_vague(given[1]) and spoken[1][2:] != "0.0":
        return spoken[1]
    return given[1]


def reply_of(said: str) -> str:
    """The SMTP response code (RFC 5321 §4.2)."""
    found = _REPLY.search(said) or _GOOD.search(said[:12])
    return found[1] if found else ""


def _is_vague(status: str) -> bool:
    return status.endswith((".0.0", ".5.0", ".3.0", ".4.0", ".7.0", ".1.0", ".2.0", ".4.7"))


def _class_by(reply: str, action: Action, near: str) -> str:
    """A status for a failure without one: only its class is known."""
    if action is Action.DELAYED:
        return "4.0.0"
    if action is not Action.FAILED:
        return "2.0.0"
    if reply:
        return f"{reply[0]}.0.0" if reply[0] in "45" else "5.0.0"
    return "4.0.0" if "retry time" in near or "retry timeout" in near else "5.0.0"


def _reason(status: str, reply: str, said: str, near: str, action: Action) -> Reason:
    """The most telling of what code and words say."""
    provided = providers.by_code(said.lower())
    if provided is not None:
        return provided
    spoken = _spoken(said) or reasons.by_words(near)
    coded = reasons.by_status(status)
    if reply in ("521", "556") and Reason.BLOCKED not in spoken:
        return Reason.NOT_ACCEPTING
    if coded is Reason.USER_UNKNOWN or (status in ("5.1.10", "5.4.1") and Reason.USER_UNKNOWN in spoken):
        return _instead_of_user(spoken, status)
    if coded in _CERTAIN:
        return coded
    first = _first(spoken, status, near)
    if first is None:
        return _unspoken(coded, action, near)
    if coded is not None and first in _WEAK:
        return first if coded in (Reason.FILTERED, Reason.EXPIRED, *_WEAK) else coded
    return first


def _spoken(said: str) -> tuple[Reason, ...]:
    """What the server said counts before what the reporter wrote around it."""
    found = _REPLY.search(said)
    own = reasons.by_words(_wording(said[found.start() :])) if found and found.start() else ()
    return own or reasons.by_words(_wording(said))


def _unspoken(coded: Reason | None, action: Action, near: str) -> Reason:
    """Where no words help."""
    if coded is not None:
        return coded
    if command_of(near) == "EHLO":
        return Reason.BLOCKED
    return Reason.EXPIRED if action is Action.DELAYED else Reason.UNKNOWN


def _instead_of_user(spoken: tuple[Reason, ...], status: str) -> Reason:
    """A status of "no such user" holds unless the words plainly say something else; 5.1.0 says less."""
    if spoken and spoken[0] is Reason.SYSTEM:
        return Reason.SYSTEM
    others = [
        Reason.MAILBOX_FULL,
        Reason.MOVED,
        Reason.RELAYING,
        Reason.NOT_ACCEPTING,
        Reason.BLOCKED,
        Reason.SENDER_REFUSED,
    ]
    if Reason.USER_UNKNOWN in spoken and status != "5.1.0":
        others = [Reason.MAILBOX_FULL, Reason.MOVED, Reason.RELAYING]
    return next((one for one in spoken if one in others), Reason.USER_UNKNOWN)


def _first(spoken: tuple[Reason, ...], status: str, near: str) -> Reason | None:
    """The first reason, where words about an unknown user are weighed by the command they answer."""
    first, command = next(iter(spoken), None), command_of(near)
    if command == "MAIL" and first in (Reason.POLICY, None):
        return Reason.SENDER_REFUSED
    if first is not Reason.USER_UNKNOWN:
        return first
    if command == "RCPT" or (command != "DATA" and _EXPLICIT.search(near)) or _ALWAYS.search(near):
        return Reason.USER_UNKNOWN
    if status[2:] == "2.1" and Reason.SUSPENDED in reasons.by_words(near):
        return Reason.SUSPENDED
    return Reason.SENDER_REFUSED if command == "MAIL" else Reason.FILTERED


def command_of(near: str) -> str:
    """The SMTP command that was refused, as far as the words tell."""
    return next((name for name, pattern in _COMMANDS if pattern.search(near)), "")
