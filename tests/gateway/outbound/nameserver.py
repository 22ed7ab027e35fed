# SPDX-License-Identifier: Apache-2.0
"""A real nameserver on loopback, UDP and TCP on one port, that counts its questions and can be told to fail."""

import asyncio
import socket
from collections import Counter

from dnslib import QTYPE, RCODE, RR, DNSRecord


class Nameserver:
    """`zone` is master-file text; a name in `silent` gets no answer, in `failing` SERVFAIL, in `big` TCP only."""

    def __init__(self, zone: str = "") -> None:
        self.records = RR.fromZone(zone) if zone else []
        self.asked: Counter[tuple[str, str]] = Counter()
        self.by_tcp: Counter[str] = Counter()
        self.silent: set[str] = set()
        self.failing: set[str] = set()
        self.big: set[str] = set()
        self.held: asyncio.Event | None = None  # while it is not set, no answer leaves
        self.address = ""

    async def __aenter__(self) -> "Nameserver":
        loop = asyncio.get_running_loop()
        self.tcp = await asyncio.start_server(self._talk, "127.0.0.1", 0)
        port = self.tcp.sockets[0].getsockname()[1]
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind(("127.0.0.1", port))
        self.sock.setblocking(False)
        self.udp = loop.create_task(self._serve())
        self.address = f"127.0.0.1:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self.udp.cancel()
        self.tcp.close()
        self.sock.close()

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            data, peer = await loop.sock_recvfrom(self.sock, 4096)
            reply = self.answer(data)
            if self.held is not None:
                await self.held.wait()
            if reply is not None:
                await loop.sock_sendto(self.sock, reply, peer)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        data = await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
        self.by_tcp[str(DNSRecord.parse(data).q.qname).rstrip(".").lower()] += 1
        reply = self.answer(data, tcp=True)
        if reply is not None:
            writer.write(len(reply).to_bytes(2, "big") + reply)
            await writer.drain()
        writer.close()

    def answer(self, data: bytes, *, tcp: bool = False) -> bytes | None:
        """The wire form of what the zone says."""
        query = DNSRecord.parse(data)
        name, kind = str(query.q.qname).rstrip(".").lower(), QTYPE[query.q.qtype]
        self.asked[name, kind] += 1
        if name in self.silent:
            return None
        reply = query.reply()
        if name in self.failing:
            reply.header.rcode = RCODE.SERVFAIL
            return bytes(reply.pack())
        if name in self.big and not tcp:
            reply.header.tc = 1
            return bytes(reply.pack())
        self._fill(reply, name, kind)
        return bytes(reply.pack())

    def _fill(self, reply: DNSRecord, name: str, kind: str) -> None:
        named = [record for record in self.records if str(record.rname).rstrip(".").lower() == name]
        hits = [record for record in named if QTYPE[record.rtype] in (kind, "CNAME")]
        for record in hits:
            reply.add_answer(record)
            if QTYPE[record.rtype] == "CNAME" != kind:
                self._fill(reply, str(record.rdata.label).rstrip(".").lower(), kind)
        if not named:
            reply.header.rcode = RCODE.NXDOMAIN
        if not hits:
            for record in self.records:
                if QTYPE[record.rtype] == "SOA":
                    reply.add_auth(record)
