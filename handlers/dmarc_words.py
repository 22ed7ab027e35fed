# SPDX-License-Identifier: Apache-2.0
"""What DMARC found, in words for the trace: which record, which policy, whose domain vouches for the author."""

from handlers.results import DmarcResult


def explained(found: DmarcResult) -> tuple[str, str]:
    """What was decided, and because of which record."""
    decided = f"policy {found.policy}" if found.policy else "no policy"
    said = [_record(found), *_identifiers(found)]
    if found.remark:
        said.append(f"{found.remark}, which is a remark and decides nothing")
    return decided, "; ".join(said)


def _record(found: DmarcResult) -> str:
    if not found.record_domain:
        return found.reason or f"nothing was found at _dmarc.{found.domain} or above"
    above = "" if found.record_domain == found.domain else f", which stands above {found.domain},"
    lowered = " and t=y has lowered it" if found.testing else ""
    return f"the record at _dmarc.{found.record_domain}{above} says so{lowered}"


def _identifiers(found: DmarcResult) -> list[str]:
    """Those that are the author's; where no policy applies they are the author's very domain."""
    method_and_domain = [one.partition(":")[::2] for one in found.aligned]
    return [f"{method} of {domain} {_why(found, domain)}" for method, domain in method_and_domain]


def _why(found: DmarcResult, domain: str) -> str:
    if domain == found.domain:
        return "is of the author's very domain"
    return f"is within the author's organization {found.organization}"
