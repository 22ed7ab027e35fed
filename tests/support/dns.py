# SPDX-License-Identifier: Apache-2.0
"""A DNS server for tests, over UDP and TCP on one loopback port, that serves a zone a test can change at any time.

The zone is name -> type -> list of strings in presentation form; instead of a list, or of the whole entry of a name,
`{"rcode": "NXDOMAIN" | "NODATA" | "SERVFAIL" | "TIMEOUT"}` scripts that outcome. TIMEOUT gets no answer at all,
GARBAGE and WRONG_ID one that is none, HELD a SERVFAIL that waits for `release()`. An absent name is NXDOMAIN, a name
without the asked type is NODATA, a CNAME is followed. `delay_s` holds every answer back.
"""

import socketserver
import threading
import time
from collections import Counter
from collections.abc import Mapping

from dnslib import AAAA, CNAME, MX, NS, PTR, QTYPE, RCODE, RR, TXT, A, DNSRecord

TTL_S = 0  # what a test changes must be seen at once, whoever caches
UDP_OCTETS = 512
CNAME_STEPS = 8


def _txt(text: str) -> TXT:
    octets = text.encode("utf-8", "surrogateescape")
    return TXT([octets[i : i + 255] for i in range(0, len(octets), 255)] or [b""])


def _mx(text: str) -> MX:
    preference, _, host = text.partition(" ")
    return MX(host.strip() or ".", int(preference))


_RDATA = {"A": A, "AAAA": AAAA, "TXT": _txt, "SPF": _txt, "MX": _mx, "CNAME": CNAME, "PTR": PTR, "NS": NS}


def _key(name: str) -> str:
    return name.rstrip(".").lower()


class DnsZone:
    """The server; `address` is what configuration takes as a name server, `queries` counts (name, type)."""

    def __init__(self, zone: Mapping[str, Mapping] | None = None) -> None:
        self._lock = threading.Lock()
        self._zone: dict[str, dict] = {}
        self.delay_s = 0.0
        self._released = threading.Event()
        self.queries: Counter[tuple[str, str]] = Counter()
        self.update(zone or {})
        self._servers = _open(self)
        self.port = self._servers[0].server_address[1]
        self.address = f"127.0.0.1:{self.port}"
        for server in self._servers:
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()

    def update(self, zone: Mapping[str, Mapping]) -> None:
        """Add or replace whole names."""
        with self._lock:
            self._zone.update({_key(name): dict(entry) for name, entry in zone.items()})

    def set(self, name: str, kind: str, records: "list[str] | dict[str, str]") -> None:
        """Set the records of one type, or script an outcome: set("x.example", "TXT", {"rcode": "TIMEOUT"})."""
        with self._lock:
            self._zone.setdefault(_key(name), {})[kind] = records

    def remove(self, name: str, kind: str | None = None) -> None:
        """Forget one type of a name, or the name."""
        with self._lock:
            if kind is None:
                self._zone.pop(_key(name), None)
            else:
                self._zone.get(_key(name), {}).pop(kind, None)

    def clear(self) -> None:
        """Forget every name and every count, and hold anew."""
        with self._lock:
            self._released.clear()
            self._zone.clear()
            self.queries.clear()

    def release(self) -> None:
        """Let go of what is held."""
        self._released.set()

    @property
    def total(self) -> int:
        """How many questions came."""
        return sum(self.queries.values())

    def close(self) -> None:
        """Stop listening."""
        self.release()
        for server in self._servers:
            server.shutdown()
            server.server_close()

    def is_silent(self, name: str, kind: str) -> bool:
        """Whether a question gets no answer, or none that is one."""
        with self._lock:
            entry = self._zone.get(_key(name), {})
        records = entry if "rcode" in entry else entry.get(kind)
        return isinstance(records, Mapping) and records["rcode"] in ("TIMEOUT", "GARBAGE", "WRONG_ID")

    def respond(self, packet: bytes, *, limit: int | None) -> bytes | None:
        """The answer to one packet, cut with TC above `limit` octets; None is silence."""
        request = DNSRecord.parse(packet)
        name = b".".join(request.q.qname.label).decode("utf-8", "surrogateescape").lower()
        kind = str(QTYPE[request.q.qtype])
        answer = request.reply()
        with self._lock:
            self.queries[name, kind] += 1
            rcode = self._fill(answer, name, kind)
        if self.delay_s:
            time.sleep(self.delay_s)
        if rcode == "HELD":
            self._released.wait()
            rcode = "SERVFAIL"
        if rcode == "TIMEOUT":
            return None
        if rcode == "GARBAGE":
            return packet[:2] + b"\xff" * 40
        if rcode == "WRONG_ID":
            return bytes([packet[0] ^ 1]) + bytes(answer.pack())[1:]
        answer.header.rcode = getattr(RCODE, rcode)
        packed = answer.pack()
        if limit is None or len(packed) <= limit:
            return packed
        cut = request.reply()  # dnslib's own truncate() drops the question, which resolvers then take for a forgery
        cut.header.tc = 1
        return cut.pack()

    def _fill(self, answer: DNSRecord, name: str, kind: str) -> str:
        for _ in range(CNAME_STEPS):
            entry = self._zone.get(name)
            if entry is None:
                return "NXDOMAIN"
            wanted = "CNAME" if "CNAME" in entry and kind not in entry else kind
            records = entry if "rcode" in entry else entry.get(wanted, [])
            if isinstance(records, Mapping):
                return "NOERROR" if records["rcode"] == "NODATA" else records["rcode"]
            for text in records:
                answer.add_answer(RR(name, getattr(QTYPE, wanted), ttl=TTL_S, rdata=_RDATA[wanted](text)))
            if wanted == kind or not records:
                return "NOERROR"
            name = _key(records[0])
        return "SERVFAIL"


class _Udp(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        packet, sock = self.request
        answer = self.server.zone.respond(packet, limit=UDP_OCTETS)
        if answer is not None:
            sock.sendto(answer, self.client_address)


class _Tcp(socketserver.StreamRequestHandler):
    timeout = 10

    def handle(self) -> None:
        while len(length := self.rfile.read(2)) == 2:
            answer = self.server.zone.respond(self.rfile.read(int.from_bytes(length, "big")), limit=None)
            if answer is None:
                self.rfile.read(1)  # silence: hold the connection until the client gives up
                return
            self.wfile.write(len(answer).to_bytes(2, "big") + answer)


class _UdpServer(socketserver.ThreadingUDPServer):
    daemon_threads = True
    block_on_close = False


class _TcpServer(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away is no news."""


def _open(zone: DnsZone) -> list:
    for _ in range(50):
        udp = _UdpServer(("127.0.0.1", 0), _Udp)
        try:
            tcp = _TcpServer(udp.server_address, _Tcp)
        except OSError:  # the port is free for UDP only
            udp.server_close()
            continue
        udp.zone = tcp.zone = zone
        return [udp, tcp]
    raise RuntimeError("no port free for both UDP and TCP")
