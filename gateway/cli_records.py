# SPDX-License-Identifier: Apache-2.0
"""The DNS records to publish, as lines of a zone file (RFC 1035 §5.1).

Mail leaves with a reverse-path at server.name and two DKIM signatures, so SPF is asked of server.name, and each team
sender's domain publishes our DKIM key (RFC 6376 §3.6.2, RFC 7208 §2.4).
"""

from collections.abc import Iterable, Iterator

from gateway.clock import SystemClock
from gateway.config import Config
from handlers.signing import Signer
from storage.address import BadAddress, parse
from storage.desk_values import Desk

STRING_OCTETS = 255  # of one string in a TXT record, RFC 1035 §3.3.14


def all_records(config: Config, dkim_pem: bytes, desk: Desk) -> Iterator[str]:
    """Everything for server.name, and the DKIM records of the senders' domains."""
    name = config.server.name
    yield f"; {name}: put the addresses of this machine here, and let their PTR point back"
    yield f"; {name}. IN A 192.0.2.1"
    yield f"; {name}. IN AAAA 2001:db8::1"
    yield f"{name}. IN MX 10 {name}."
    yield f"{name}. IN TXT {txt('v=spf1 mx -all')}"
    yield from _dkim(config, dkim_pem, (name,))
    yield "; what others shall do with mail that only pretends to be ours: p=none watches, p=reject refuses"
    yield f"_dmarc.{name}. IN TXT {txt('v=DMARC1; p=none')}"
    yield from sender_records(config, dkim_pem, desk)


def sender_records(config: Config, dkim_pem: bytes, desk: Desk) -> Iterator[str]:
    """The DKIM records of the domains that teams send from."""
    domains = dict.fromkeys(_ascii(team.sender.domain) for team in desk.teams)
    foreign = [domain for domain in domains if domain and domain != config.server.name]
    if foreign:
        yield "; the teams' senders: we sign for these domains"
        yield from _dkim(config, dkim_pem, foreign)


def txt(text: str) -> str:
    """The text as one or more quoted strings."""
    pieces = (text[start : start + STRING_OCTETS] for start in range(0, len(text), STRING_OCTETS))
    return " ".join(f'"{piece}"' for piece in pieces)


def _dkim(config: Config, dkim_pem: bytes, domains: Iterable[str]) -> Iterator[str]:
    selector = config.dkim.selector
    record = Signer(dkim_pem, selector, SystemClock()).public_record()
    for domain in domains:
        yield f"{selector}._domainkey.{domain}. IN TXT {txt(record)}"


def _ascii(domain: str) -> str:
    """A-labels; nothing for an address literal or a name that has none."""
    try:
        return parse(f"x@{domain}").host if not domain.startswith("[") else ""
    except BadAddress:
        return ""
