# SPDX-License-Identifier: Apache-2.0
"""What SMTP says about a mail before its content: the session it came in and its envelope (RFC 5321 §2.3.1)."""

from dataclasses import dataclass

from storage.address import Address


@dataclass(frozen=True, slots=True)
class Session:
    """One SMTP connection as later steps need it; `peer` is the client's IP address, after PROXY."""

    id: str
    peer: str
    helo: str = ""
    esmtp: bool = True
    tls: str | None = None  # "TLSv1.3 TLS_AES_256_GCM_SHA384", None in clear text
    login: str | None = None  # the agent, after AUTH


@dataclass(frozen=True, slots=True)
class Envelope:
    """The null reverse-path is None, and only None."""

    reverse_path: Address | None
    recipients: tuple[Address, ...]

    @property
    def reverse_path_text(self) -> str:
        return "" if self.reverse_path is None else str(self.reverse_path)
