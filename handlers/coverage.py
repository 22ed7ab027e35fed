# SPDX-License-Identifier: Apache-2.0
"""Did the author write this mail to us, where a signature alone (DKIM) vouches for them?

A signature goes with the mail: whoever has got one can send it on to us, with other fields above it (a replay). Enters:
a judged mail. Leaves: None where the host vouches too (SPF of this very transaction), else what the aligned signature
covers: only those fields are the author's, and only if To or Cc among them names us have they written to us.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

from handlers.arrival import Incoming
from handlers.dmarc_walk import is_within
from handlers.headers import Field, Head
from handlers.identity import mailboxes
from handlers.office import Office
from handlers.results import Authentication, DkimResult
from storage.address import a_labels

UNPROVEN = "the author's signature covers no To or Cc that names us, so the forwarder alone vouches for them"
UNSEEN = "the author's signature covers no To or Cc that names us: others may have sent it here, so nothing points"


@dataclass(frozen=True, slots=True)
class Covered:
    """`head` has the fields that are the author's, and no other; `is_to_us`: one of them names an address of ours."""

    head: Head
    is_to_us: bool


def covered(mail: Incoming, office: Office) -> Covered | None:
    """What is the author's in a mail for which nothing but a signature vouches; None for any other mail."""
    found = mail.authentication
    if not mail.aligned or any(one.startswith("spf:") for one in found.dmarc.aligned):
        return None
    head = only(mail.head, _signed(found))
    named = (one.address for name in (b"to", b"cc") for one in mailboxes(head, name))
    return Covered(head, any(office.is_public(one) for one in named))


def only(head: Head, signed: Counter[str]) -> Head:
    """The header section without what is not signed: of several fields of a name the lowest are (RFC 6376 §5.4.2)."""
    left = Counter(signed)
    kept: list[Field] = []
    for field in reversed(head.fields):
        name = field.name.decode("ascii", "replace")
        if left[name] > 0:
            left[name] -= 1
            kept.append(field)
    return replace(head, fields=tuple(reversed(kept)))


def _signed(found: Authentication) -> Counter[str]:
    """How many fields of each name are signed for the author.

    A pass that a filter in front of us has found does not tell by which signature: what all of them cover is signed.
    """
    vouching = {one[5:] for one in found.dmarc.aligned if one.startswith("dkim:")}
    ours = [one for one in found.dkim if not one.by]
    passing = [one for one in ours if one.result == "pass" and a_labels(one.domain) in vouching]
    if passing:
        return _union(passing)
    domains = vouching or {found.dmarc.domain}
    return _shared(
        one for one in ours if any(is_within(one.domain, each) or is_within(each, one.domain) for each in domains)
    )


def _union(results: Iterable[DkimResult]) -> Counter[str]:
    whole: Counter[str] = Counter()
    for one in results:
        whole |= Counter(one.signed)
    return whole


def _shared(results: Iterable[DkimResult]) -> Counter[str]:
    counted = [Counter(one.signed) for one in results]
    whole = counted[0] if counted else Counter[str]()
    for one in counted:
        whole &= one
    return whole
