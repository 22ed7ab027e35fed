# SPDX-License-Identifier: Apache-2.0
"""What customers and agents sent, and what they were promised: the client's side of the accounts.

A client repeats a mail until it gets a 250, as a real MTA does; every id that a 250 named is kept, for one mail must
always be promised under the same id.
"""

import threading
from dataclasses import dataclass, field

from tests.support.dkim import Signer
from tests.support.installation import PASSWORD, Delivered, Installation
from tests.support.smtp_client import RawClient
from tests.support.waiting import wait_until

CUSTOMER_DOMAIN = "customer.example"
ROUTING_ADDRESS = "support@firm.example"
HELD_ADDRESS = "held@firm.example"  # quarantines strangers' mail
DATE = "Sun, 22 Nov 2026 10:00:00 +0000"
LARGE_OCTETS = 600_000  # three chunks, written ahead of the promise


@dataclass
class Sent:
    """One mail; `ids` are those of its 250s, each of which is the same promise."""

    message_id: str
    reverse_path: str
    recipients: tuple[str, ...]
    content: bytes
    ids: list[str] = field(default_factory=list)

    @property
    def id(self) -> str:
        """The id that it was promised under."""
        assert len(set(self.ids)) == 1, self.ids
        return self.ids[0]


class Ledger:
    """All that was sent to one installation."""

    def __init__(self, installation: Installation, signer: Signer) -> None:
        self._installation, self._signer = installation, signer
        self._changed = threading.Condition()
        self.mails: list[Sent] = []
        self.replies: list[Sent] = []

    # --- customers -------------------------------------------------------------------------------------------------

    def mail(self, octets: int = 0, to: str = ROUTING_ADDRESS) -> Sent:
        """A new customer's first mail, signed by their domain, at least so long; not yet sent."""
        with self._changed:
            number = len(self.mails) + 1
            author = f"carl{number}@{CUSTOMER_DOMAIN}"
            sent = Sent(f"{number}@{CUSTOMER_DOMAIN}", author, (to,), b"")
            self.mails.append(sent)
        text = f"It does not start, number {number}.\r\n" + "All work and no play. " * 3 + "\r\n"
        body = text * (octets // len(text) + 1)
        head = f"From: Carl {number} <{author}>\r\nTo: {to}\r\nSubject: Tractor {number}\r\nDate: {DATE}\r\n"
        sent.content = self._signer.sign(f"{head}Message-ID: <{sent.message_id}>\r\n\r\n{body}".encode())
        return sent

    def try_mail(self, sent: Sent) -> bool:
        """One attempt of the customer's MTA; whether it was answered 250."""
        return self._attempt(sent, self._installation.mx_port, login=None)

    def send(self, sent: Sent) -> Sent:
        """Repeat until 250."""
        wait_until(lambda: self.try_mail(sent), f"a 250 for {sent.message_id}")
        return sent

    # --- agents ----------------------------------------------------------------------------------------------------

    def reply(self, copy: Delivered, octets: int = 0) -> Sent:
        """What the agent's mail client makes of an answer to this copy; not yet sent."""
        number = len(self.replies) + 1
        to = copy.field("Reply-To")
        fields = (
            "From: Ann Doe <ann.doe@private.example>",
            f"To: {to}",
            f"Subject: Re: {copy.field('Subject')}",
            f"Message-ID: <reply{number}@private.example>",
            f"In-Reply-To: {copy.field('Message-ID')}",
            f"Date: {DATE}",
        )
        text = f"Turn the key, number {number}.\r\n"
        content = "\r\n".join((*fields, "", text * (octets // len(text) + 1))).encode()
        sent = Sent(f"reply{number}@private.example", "ann.doe@private.example", (to,), content)
        self.replies.append(sent)
        return sent

    def try_reply(self, sent: Sent) -> bool:
        """One attempt of the agent's mail client; whether it was answered 250."""
        return self._attempt(sent, self._installation.submission_port, login="ann")

    def send_reply(self, sent: Sent) -> Sent:
        """Repeat until 250."""
        wait_until(lambda: self.try_reply(sent), f"a 250 for {sent.message_id}")
        return sent

    # --- both ------------------------------------------------------------------------------------------------------

    @property
    def answered(self) -> int:
        """How many customers' mails have got a 250."""
        with self._changed:
            return sum(bool(sent.ids) for sent in self.mails)

    def wait_answered(self, count: int, timeout_s: float) -> None:
        """Wait until so many customers' mails have got a 250."""
        with self._changed:
            done = self._changed.wait_for(lambda: sum(bool(sent.ids) for sent in self.mails) >= count, timeout_s)
        assert done, f"{self.answered} of {count} mails were answered in {timeout_s} s"

    def _attempt(self, sent: Sent, port: int, login: str | None) -> bool:
        try:
            with RawClient(("127.0.0.1", port)) as client:
                client.ehlo()
                if login is not None:
                    client.starttls(self._installation.tls.client_context())
                    client.ehlo()
                    client.auth_plain(login, PASSWORD)
                answer = client.send_mail(sent.reverse_path, sent.recipients, sent.content)
        except OSError:  # it died, it is not there yet, or it says nothing
            return False
        assert answer.code < 500, answer
        if answer.code != 250:
            return False
        with self._changed:
            sent.ids.append(answer.text.split()[-1])
            self._changed.notify_all()
        return True
