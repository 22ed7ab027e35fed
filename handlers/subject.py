# SPDX-License-Identifier: Apache-2.0
"""What the checks look at, and what the operator wants looked at."""

from dataclasses import dataclass, field

from handlers.dkim import DkimPolicy, Signatures
from handlers.headers import Head
from handlers.identity import Mailbox
from storage.envelope import Envelope, Session


@dataclass(frozen=True, slots=True)
class AuthenticationPolicy:
    """What the operator wants looked at."""

    dkim: DkimPolicy = field(default_factory=DkimPolicy)


@dataclass(frozen=True, slots=True)
class Subject:
    """What is checked; `signatures` have been fed the whole body."""

    session: Session
    envelope: Envelope
    head: Head
    author: Mailbox | None
    signatures: Signatures
    policy: AuthenticationPolicy = field(default_factory=AuthenticationPolicy)
