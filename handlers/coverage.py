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
UNSEEN = "the author's signature covers no To or Cc that names us: others may have sent it here, so it joins nothing"
_DISPUTED = "the author's signature covers one {} field of several, and mail programs may show another"
# What is shown of a mail, or decides how its text is read; of To and Cc only what is covered counts, however many.
_SHOWN_ONCE = ("subject", "date", "message-id", "mime-version", "content-type", "content-transfer-encoding")


@dataclass(frozen=True, slots=True)
class Covered:
    """`head` has the fields that are the author's, and no other; `is_to_us`: one of them names an address of ours.

    `dispute` says which field others may have written over one of the author's; empty: none.
    """

    head: Head
    is_to_us: bool
    dispute: str = ""


def covered(mail: Incoming, office: Office) -> Covered | None:
    """What is the author's in a mail for which nothing but a signature vouches; None for any other mail."""
    head = written(mail.head, mail.authentication) if mail.aligned else None
    if head is None:
        return None
    named = (one.address for name in (b"to", b"cc") for one in mailboxes(head, name))
    return Covered(head, any(office.is_public(one) for one in named), _dispute(mail.head, head))


def written(head: Head, found: Authentication) -> Head | None:
    """What the signatures of a proven author cover, where no host vouches for them."""
    return None if any(one.startswith("spf:") for one in found.dmarc.aligned) else only(head, _signed(found))


def signatures(found: Authentication) -> tuple[str, ...]:
    """What tells the signatures for which the author is proven from all others (RFC 6008).

    One that covers neither date nor id may be the same for the same words of another day.
    """
    return tuple(one.header_b for one in _vouching(found) if one.header_b and {"date", "message-id"} & {*one.signed})


def _dispute(head: Head, covered_: Head) -> str:
    """RFC 6376 §8.15: what stands beside a covered field of the same name is not the author's."""
    both = (name for name in _SHOWN_ONCE if 0 < covered_.count(name.encode()) < head.count(name.encode()))
    return next((_DISPUTED.format(name) for name in both), "")


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
    passing = _vouching(found)
    if passing:
        return _union(passing)
    domains = _domains(found) or {found.dmarc.domain}
    ours = (one for one in found.dkim if not one.by)
    return _shared(
        one for one in ours if any(is_within(one.domain, each) or is_within(each, one.domain) for each in domains)
    )


def _vouching(found: Authentication) -> list[DkimResult]:
    """Those that we have verified ourselves."""
    domains = _domains(found)
    return [one for one in found.dkim if not one.by and one.result == "pass" and a_labels(one.domain) in domains]


def _domains(found: Authentication) -> set[str]:
    return {one[5:] for one in found.dmarc.aligned if one.startswith("dkim:")}


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
