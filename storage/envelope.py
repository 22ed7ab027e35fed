# SPDX-License-Identifier: Apache-2.0
"""What SMTP says about a mail before its content: the session it came in and its envelope (RFC 5321 §2.3.1)."""

from dataclasses import dataclass

from storage.address import Address


@dataclass(frozen=True, slots=True)
class Session:
    """One connection as later steps need it; `peer` is the client's IP address, after PROXY, or "local".

    `protocol` is SMTP, ESMTP, LMTP, or local for a mail that came by no connection.
    """

    id: str
    peer: str
    helo: str = ""
    protocol: str = "ESMTP"
    tls: str | None = None  # "TLSv1.3 TLS_AES_256_GCM_SHA384", None in clear text
    login: str | None = None  # the agent, after AUTH


@dataclass(frozen=True, slots=True)
class Wish:
    """What the sender asks to be told about one recipient (RFC 3461 §4.1, §4.2).

    `notify` is NEVER alone, or some of SUCCESS, FAILURE and DELAY, or nothing; `orcpt` is type;xtext as it came.
    """

    notify: tuple[str, ...] = ()
    orcpt: str = ""


@dataclass(frozen=True, slots=True)
class Envelope:
    """The null reverse-path is None, and only None. `id` is the transaction's: the session's, and a number in it.

    `ret` is FULL, HDRS or nothing, `envid` xtext as it came (RFC 3461 §4.3, §4.4); there is a wish for each recipient,
    or none at all.
    """

    reverse_path: Address | None
    recipients: tuple[Address, ...]
    id: str = ""
    ret: str = ""
    envid: str = ""
    wishes: tuple[Wish, ...] = ()
    smtputf8: bool = False  # RFC 6531 §3.4: addresses and header section may hold UTF-8
    declared_octets: int = 0  # the SIZE of MAIL (RFC 1870 §6); 0: none

    @property
    def reverse_path_text(self) -> str:
        return "" if self.reverse_path is None else str(self.reverse_path)
