# SPDX-License-Identifier: Apache-2.0
"""Customers and agents as they are met on the wire: what their mail clients and mail hosts write and read."""

import re
from collections.abc import Sequence
from itertools import count

from tests.support.dkim import Signer
from tests.support.dns import DnsZone
from tests.support.installation import Delivered, Installation
from tests.support.smtp_client import Answer
from tests.support.waiting import wait_until

SUPPORT = "support@firm.example"
_numbers = count(1)


def mail(author: str, to: str, subject: str, body: str, **fields: str) -> bytes:
    """A mail in CR LF lines; an underscore in a field's name stands for a hyphen, an empty value leaves it out."""
    domain = author.rpartition("@")[2].rstrip(">")
    given = {
        "From": author,
        "To": to,
        "Subject": subject,
        "Date": "Sun, 22 Nov 2026 10:00:00 +0000",
        "Message-ID": f"<m{next(_numbers)}@mail.{domain}>",
        **{name.replace("_", "-"): value for name, value in fields.items()},
    }
    section = "".join(f"{name}: {value}\r\n" for name, value in given.items() if value)
    return (section + "\r\n" + body.replace("\n", "\r\n") + "\r\n").encode()


def accepted_id(answer: Answer) -> str:
    """The message id that a 250 names."""
    shape = re.fullmatch(r"2\.6\.0 Accepted, id ([a-z2-7]{20}-\d+)", answer.text)
    assert answer.code == 250, answer
    assert shape is not None, answer
    return shape[1]


class Customer:
    """One person with an address at a domain that signs, whose mail host talks to the installation's MX."""

    def __init__(self, installation: Installation, zone: DnsZone, address: str, name: str = "Carl Customer") -> None:
        self._installation = installation
        self.address, self.name, self.domain = address, name, address.rpartition("@")[2]
        self.author = f"{name} <{address}>"
        self.signer = Signer(zone, self.domain)

    def compose(self, subject: str, body: str = "It does not start.", to: str = SUPPORT, **fields: str) -> bytes:
        """A mail of theirs, signed by their domain."""
        return self.signer.sign(mail(self.author, to, subject, body, **fields))

    def send(self, content: bytes, to: str = SUPPORT) -> Answer:
        """Hand a mail to the MX as their host does; the last response."""
        with self._installation.mx() as session:
            return session.send_mail(self.address, [to], content)

    def write(self, subject: str, body: str = "It does not start.", to: str = SUPPORT, **fields: str) -> str:
        """Send a signed mail that must be taken; its message id."""
        return accepted_id(self.send(self.compose(subject, body, to, **fields), to))

    def answer(self, letter: Delivered, body: str) -> str:
        """Press Reply on a mail of the team's; the message id."""
        return self.write(
            f"Re: {letter.field('Subject')}",
            body,
            letter.field("Reply-To"),
            In_Reply_To=letter.field("Message-ID"),
            References=f"{letter.field('References')} {letter.field('Message-ID')}".strip(),
        )

    def inbox(self, words: str) -> Delivered:
        """Wait for the one mail to them whose body holds these words."""
        return the_mail(self._installation, self.address, words)

    def case(self) -> dict[str, object]:
        """The one case of theirs, with its timeline."""
        (number,) = [one["number"] for one in self._installation.cases() if one["contact"] == self.address]
        return self._installation.case(number)


class Agent:
    """A person who answers from a mail client on a machine that names itself `helo`."""

    helo = "client.example"

    def __init__(self, installation: Installation, login: str, address: str, name: str = "Ann Doe") -> None:
        self._installation = installation
        self.login, self.address, self.author = login, address, f"{name} <{address}>"

    def inbox(self, words: str) -> Delivered:
        """Wait for the one copy whose body holds these words."""
        return the_mail(self._installation, self.address, words)

    def compose(self, copy: Delivered, body: str, to: str = "", **fields: str) -> bytes:
        """Press Reply on a copy."""
        references = f"{copy.field('References')} {copy.field('Message-ID')}".strip()
        given = {"In_Reply_To": copy.field("Message-ID"), "References": references, **fields}
        return mail(self.author, to or copy.field("Reply-To"), f"Re: {copy.field('Subject')}", body, **given)

    def send(
        self, content: bytes, recipients: Sequence[str], *, implicit_tls: bool = False, mechanism: str = "plain"
    ) -> Answer:
        """Hand a mail to the relay as their client does; the last response."""
        log_in = self._installation.submission_tls if implicit_tls else self._installation.submission
        with log_in(self.login, mechanism=mechanism, helo=self.helo) as session:
            return session.send_mail(self.address, recipients, content)

    def reply(self, copy: Delivered, body: str, **fields: str) -> str:
        """Answer a copy; the relay must take it. Returns the message id."""
        return accepted_id(self.send(self.compose(copy, body, **fields), [copy.field("Reply-To")]))


def the_mail(installation: Installation, to: str, words: str) -> Delivered:
    """Wait for the one mail to an address whose content holds these words."""
    wanted = words.encode()
    found = wait_until(
        lambda: [one for one in installation.maildir(to) if wanted in one.content], f"{words!r} in the inbox of {to}"
    )
    assert len(found) == 1, [(one.name, one.field("Subject")) for one in found]
    return found[0]
