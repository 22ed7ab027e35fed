# SPDX-License-Identifier: Apache-2.0
"""What a report says, as data: each recipient with what became of it, and the mail that it speaks of.

The stored form is JSON and stands as `report` in `message show --json`; docs/classification.md tells its keys.
"""

from dataclasses import asdict, dataclass, field, replace
from enum import Enum

MAX_RECIPIENTS = 1000
MAX_DIAGNOSTIC = 500  # characters that are kept


class Kind(Enum):
    """What sort of report it is: a bounce or a delay (RFC 3464), good news, or a complaint (RFC 5965)."""

    BOUNCE = "bounce"
    DELAY = "delay"
    DELIVERY = "delivery"
    COMPLAINT = "complaint"


class Action(Enum):
    """RFC 3464 §2.3.3; what is written otherwise means one of these."""

    FAILED = "failed"
    DELAYED = "delayed"
    DELIVERED = "delivered"
    RELAYED = "relayed"
    EXPANDED = "expanded"


@dataclass(frozen=True, slots=True)
class Recipient:
    """One recipient. `original` is the address as we wrote to it, where the report names it (RFC 3461 §4.2).

    `hard` means that the address itself is at fault and trying again is of no use; `status` is empty where nobody says.
    """

    address: str
    action: Action = Action.FAILED
    status: str = ""
    reply_code: str = ""
    hard: bool = False
    reason: str = ""
    diagnostic: str = ""
    original: str = ""

    @property
    def is_permanent(self) -> bool:
        """Whether it was given up; for a delay, delivery is still tried."""
        return self.action is Action.FAILED


@dataclass(frozen=True, slots=True)
class Report:
    """`is_formal` where a part for programs says so, not only words for people."""

    kind: Kind
    recipients: tuple[Recipient, ...] = ()
    reporter: str = ""
    envelope_id: str = ""
    original_message_id: str = ""
    is_formal: bool = False
    feedback: dict[str, str] = field(default_factory=dict)

    @property
    def is_failure(self) -> bool:
        """Whether somebody did not get a mail, or has not yet."""
        return self.kind in (Kind.BOUNCE, Kind.DELAY)

    def as_data(self) -> dict[str, object]:
        """The stored form."""
        told = [_told(one) for one in self.recipients[:MAX_RECIPIENTS]]
        data: dict[str, object] = {
            "kind": self.kind.value,
            "final": self.kind is not Kind.DELAY,
            "formal": self.is_formal,
            "recipients": told,
            "reporter": self.reporter,
            "envelope_id": self.envelope_id,
            "original_message_id": self.original_message_id,
        }
        return data | ({"feedback": self.feedback} if self.feedback else {})


def _told(one: Recipient) -> dict[str, object]:
    kept = replace(one, diagnostic=one.diagnostic[:MAX_DIAGNOSTIC])
    return {**asdict(kept), "action": kept.action.value}
