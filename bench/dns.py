# SPDX-License-Identifier: Apache-2.0
"""A private DNS in a process of its own: the sender's key, SPF and DMARC records; the same for every side.

`python -m bench.dns KEYFILE HOST:PORT ...` answers over UDP and TCP until it is ended. What it does not know is
NXDOMAIN with an SOA, so that resolvers may cache that too (RFC 2308).
"""

import sys
import threading
from pathlib import Path

from dnslib import QTYPE, RCODE, RR, DNSRecord
from dnslib.server import DNSHandler, DNSLogger, DNSServer

from bench import mails

ZONE = """
$TTL 3600
customer.example. IN MX 10 mail.customer.example.
customer.example. IN TXT "v=spf1 ip4:127.0.0.1 -all"
_dmarc.customer.example. IN TXT "v=DMARC1; p=reject"
mail.customer.example. IN A 127.0.0.1
firm.example. IN MX 10 gw.example.
gw.example. IN A 127.0.0.1
1.0.0.127.in-addr.arpa. IN PTR mail.customer.example.
"""
SOA = "example. 3600 IN SOA ns.example. hostmaster.example. 1 3600 600 86400 3600"


class Zone:
    """Answers from one fixed set of records."""

    def __init__(self, key_record: str) -> None:
        # A character-string holds at most 255 octets (RFC 1035 §3.3).
        parts = " ".join(f'"{key_record[at : at + 250]}"' for at in range(0, len(key_record), 250))
        name = f"{mails.SELECTOR}._domainkey.{mails.DOMAIN}."
        self.records = RR.fromZone(f"{ZONE}{name} IN TXT {parts}\n")

    def resolve(self, request: DNSRecord, _handler: DNSHandler) -> DNSRecord:
        """The records of that name and type; no such type: empty; no such name: NXDOMAIN."""
        reply = request.reply()
        named = [record for record in self.records if record.rname == request.q.qname]
        for record in named:
            if QTYPE[record.rtype] == QTYPE[request.q.qtype]:
                reply.add_answer(record)
        if not reply.rr:
            reply.header.rcode = RCODE.NOERROR if named else RCODE.NXDOMAIN
            reply.add_auth(*RR.fromZone(SOA))
        return reply


def main() -> None:
    """Serve until the process is ended."""
    zone = Zone(mails.public_record(mails.private_key(Path(sys.argv[1]))))
    silent = DNSLogger(logf=lambda _line: None)
    for place in sys.argv[2:]:
        host, _, port = place.partition(":")
        for tcp in (False, True):
            DNSServer(zone, address=host, port=int(port), tcp=tcp, logger=silent).start_thread()
    threading.Event().wait()


if __name__ == "__main__":
    main()
