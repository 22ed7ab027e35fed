# SPDX-License-Identifier: Apache-2.0
"""What holds for one routing address: its own word, else the desk's [policy], else the default (docs/admission.md)."""

from collections.abc import Mapping
from dataclasses import dataclass, fields

from storage.desk_values import NO_MAX_SIZE, Policy

DEFAULT = Policy(
    accept_from="anyone",
    others="reject",
    lists=(),
    dmarc_reject="reject",
    dmarc_quarantine="quarantine",
    dmarc_none="accept",
    no_author="quarantine",
    max_size=0,
    forbid_attachments=(),
    forbidden_attachment="reject",
    rate_author="off",
    rate_domain="off",
    rate_total="off",
    over_rate="defer",
)
_NAMES = tuple(each.name for each in fields(Policy))


@dataclass(frozen=True, slots=True)
class Effective:
    """Every key with a value, and who said it."""

    policy: Policy
    said_by: Mapping[str, str]

    def words(self, key: str) -> str:
        """The key that decided, for an operator: "dmarc_reject = reject (default)"."""
        value = getattr(self.policy, key)
        shown = ", ".join(value) if isinstance(value, tuple) else value
        return f"{key} = {shown} ({self.said_by[key]})"

    @property
    def asks_for_contacts(self) -> bool:
        """Whether it takes a look into the store."""
        return self.policy.accept_from == "known_contacts"


def effective(own: Policy, desk: Policy, name: str) -> Effective:
    """What holds for the address of this name."""
    voices = ((own, f"address {name}"), (desk, "the desk's [policy]"), (DEFAULT, "default"))
    found: dict[str, object] = {}
    said_by: dict[str, str] = {}
    for key in _NAMES:
        for policy, voice in voices:
            value = getattr(policy, key)
            if value or value == () or policy is DEFAULT:
                found[key], said_by[key] = value, voice
                break
    if found["max_size"] == NO_MAX_SIZE:
        found["max_size"] = 0
    return Effective(Policy(**found), said_by)  # type: ignore[arg-type]


# RFC 5321 §4.5.1: mail for the postmaster is taken from anyone.
POSTMASTER = effective(
    Policy(dmarc_reject="accept", dmarc_quarantine="accept", dmarc_none="accept"), Policy(), "of the postmaster"
)
