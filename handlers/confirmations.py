# SPDX-License-Identifier: Apache-2.0
"""Forwarders that ask the new address whether they may: Google's and Microsoft's mails with a code or a link.

Enters: a judged mail; later its body. Leaves: which provider asks, on whose behalf, and what proves the answer. Only a
mail that the provider's own domain signed, aligned with its author, is one; everything else is a mail like any other.
The words differ by language, so only what all languages share is read: author, digits, the link's host. Never fails.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from html import unescape

from handlers import reading
from handlers.arrival import Incoming
from handlers.headers import Head
from handlers.received import Received

TEXT_OCTETS = 256 * 1024

_ADDRESS = re.compile(r"[A-Za-z0-9._%+'*-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}")


@dataclass(frozen=True, slots=True)
class _Provider:
    """How one provider's question is known and read."""

    name: str
    authors: frozenset[str]
    signs: tuple[str, ...]
    code: tuple[re.Pattern[str], ...]  # the first that is found, in the subject or in the text
    link: re.Pattern[str]
    asks_always: bool = True  # false: the same author writes of other things too


@dataclass(frozen=True, slots=True)
class Question:
    """What the operator needs to answer; what the mail does not say is empty."""

    account: str
    code: str
    link: str


_PROVIDERS = (
    _Provider(
        "google",
        frozenset({"forwarding-noreply@google.com", "forwarding-noreply@googlemail.com"}),
        ("google.com", "googlemail.com"),
        (re.compile(r"\(#\s*(\d{6,12})\)"), re.compile(r"(?<![\d/=-])(\d{9,12})(?![\d-])")),
        re.compile(
            r"https://(?:[a-z-]+\.)?(?:mail|mail-settings)\.google\.com/mail/(?:[a-z0-9/]*/)?vf-[^\s\"'<>]{1,600}"
        ),
    ),
    _Provider(
        "microsoft",
        frozenset(
            {
                "account-security-noreply@accountprotection.microsoft.com",
                "no-reply@accountprotection.microsoft.com",
                "msa@communication.microsoft.com",
            }
        ),
        ("accountprotection.microsoft.com", "communication.microsoft.com", "microsoft.com"),
        (re.compile(r"(?<![\w#/=.%&-])(\d{6,8})(?![\w%-])"),),
        re.compile(
            r"https://(?:account\.live|account\.microsoft|login\.live)\.com/[^\s\"'<>?]{0,200}(?i:verify|confirm)[^\s\"'<>]{0,600}"
        ),
        asks_always=False,
    ),
)


def provider(mail: Incoming) -> str:
    """Who asks with this mail, or nobody."""
    if mail.author is None or not mail.aligned:
        return ""
    key = mail.author.address.key
    one = next((each for each in _PROVIDERS if key in each.authors and _is_signed(mail, each)), None)
    return one.name if one is not None and (one.asks_always or _asks(mail, one)) else ""


def read(provider_name: str, mail: Received, body: bytes, own_host: str) -> Question:
    """What is asked; `body` is the body's octets, `own_host` the domain of our own addresses."""
    one = next(each for each in _PROVIDERS if each.name == provider_name)
    subject, text = _words(mail.head, body)
    link = one.link.search(text)
    account = _account((subject, text), own_host)
    return Question(account, _code(one, subject, text), link[0].rstrip(".,;)") if link else "")


def provider_of(author_address: str) -> str:
    """Whose mails this author writes."""
    key = author_address.lower()
    return next((one.name for one in _PROVIDERS if key in one.authors), "")


def _is_signed(mail: Incoming, one: _Provider) -> bool:
    return any(each.result == "pass" and each.domain in one.signs for each in mail.authentication.dkim)


def _asks(mail: Incoming, one: _Provider) -> bool:
    """Whether the beginning of the mail has a code or a link to answer by."""
    subject, text = _words(mail.head, mail.opening)
    return bool(_code(one, subject, text)) or one.link.search(text) is not None


def _words(head: Head, body: bytes) -> tuple[str, str]:
    """Subject and text, of a page also what it does not show, for there are the links."""
    found = reading.read(head.content[: head.body_offset] + body[:TEXT_OCTETS])
    return found.subject, f"{found.text}\n{unescape(found.html or '')}"


def _code(one: _Provider, subject: str, text: str) -> str:
    for pattern in one.code:
        found = pattern.search(subject) or pattern.search(text)
        if found:
            return found[1]
    return ""


def _account(places: Iterable[str], own_host: str) -> str:
    """The mailbox that is to be forwarded: the first address that is not ours; Microsoft masks it."""
    found = (one[0] for place in places for one in _ADDRESS.finditer(place))
    return next((one for one in found if not one.lower().endswith(f"@{own_host}")), "")
