# SPDX-License-Identifier: Apache-2.0
"""DNS for everyone: one stub resolver a process, with its own small cache in front of dnspython.

Enters: names as they stand in mail and the desk. Leaves: handlers.ports.Answer. Never raises for a name or for what the
network says: one table maps each failure to a Found (dependencies G25), and whatever it lacks is TEMPORARY.
Answers are kept for their TTL, "no" included where the zone says how long (RFC 2308); temporary failures are never
kept. Questions that are already on their way are shared; their number, the time of each and the size of each answer are
bounded.
"""

import asyncio
import logging
import re
import socket
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import dns.asyncresolver
import dns.exception
import dns.message
import dns.name
import dns.nameserver
import dns.query
import dns.rdatatype
import dns.resolver
import dns.rrset

from handlers.ports import Answer, Found, Question
from storage.address import BadAddress, parse

CACHED_ANSWERS = 10_000
CACHED_OCTETS = 8_192  # a bigger answer is asked for again, so that a stranger's records cannot fill the memory
LONGEST_POSITIVE_S = 86_400.0
LONGEST_NEGATIVE_S = 900.0  # RFC 2308 §5 allows 1-3 hours; a new record shall be seen sooner
QUESTIONS_AT_ONCE = 400  # many times what one mail may have on its way (gateway/looking_up.py)
ANSWER_OCTETS = 16_384  # reading thousands of records takes a tenth of a second; no honest name has them
NAME_CHARACTERS = 1_024  # no name of 255 octets is longer, with every octet escaped as \DDD (RFC 1035 §5.1)
UDP_PAYLOAD_OCTETS = 1_232  # fits one packet on any path; what is bigger comes by TCP

_FOUND: tuple[tuple[type[Exception], Found], ...] = (
    (dns.resolver.NXDOMAIN, Found.NO_NAME),
    (dns.resolver.NoAnswer, Found.NO_DATA),
    (dns.resolver.YXDOMAIN, Found.MALFORMED),
    (dns.name.EmptyLabel, Found.MALFORMED),
    (dns.name.LabelTooLong, Found.MALFORMED),
    (dns.name.NameTooLong, Found.MALFORMED),
    (dns.name.BadEscape, Found.MALFORMED),
    (dns.name.IDNAException, Found.MALFORMED),
    (BadAddress, Found.MALFORMED),
    (UnicodeError, Found.MALFORMED),
    (dns.resolver.NoNameservers, Found.TEMPORARY),
    (dns.exception.Timeout, Found.TEMPORARY),  # LifetimeTimeout among them
    (OSError, Found.TEMPORARY),  # TimeoutError among them
)


class AnswerTooBig(OSError):
    """Not read: nothing of it may be relied upon."""


_NAMESERVER = re.compile(
    r"(?:\[(?P<v6>[0-9A-Fa-f:.%\w]+)\]|(?P<host>[^\s:\[\]]+))(?::(?P<port>[0-9]{1,5}))?|(?P<bare_v6>[0-9A-Fa-f:.]+)"
)

_log = logging.getLogger(__name__)
_Key = tuple[str, str]


class DnsResolver:
    """handlers.ports.Resolver on dnspython; one object serves any number of event loops, one after the other."""

    def __init__(
        self,
        nameservers: tuple[str, ...],
        timeout_s: float,
        cached_answers: int = CACHED_ANSWERS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Nameservers are "host", "host:port" or "[::1]:port", none means the system's; ValueError for another form."""
        self._stub = _stub(nameservers, timeout_s)
        self._timeout_s = timeout_s
        self._cached_answers = cached_answers
        self._monotonic = monotonic
        self._cache: OrderedDict[_Key, tuple[float, Answer]] = OrderedDict()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._gate = asyncio.Semaphore(QUESTIONS_AT_ONCE)
        self._under_way: dict[_Key, asyncio.Task[Answer]] = {}

    def known(self, question: Question) -> Answer | None:
        """From the cache."""
        return self._known((question.name, question.kind))

    async def ask(self, question: Question) -> Answer:
        """The strings of a TXT record are joined (RFC 7208 §3.3, RFC 6376 §3.6.2.2)."""
        return await self._ask(question.name, question.kind)

    async def mx(self, domain: str) -> Answer:
        """MX records as b"10 mail.host.example"; null MX is b"0 " (RFC 7505)."""
        return await self._ask(domain, "MX")

    async def addresses(self, host: str) -> Answer:
        """IPv6 addresses, then IPv4 addresses; one family's failure matters only when the other has none."""
        known = self._known(_key(host, "AAAA")), self._known(_key(host, "A"))
        if known[0] is not None and known[1] is not None:
            return _both(known[0], known[1])
        return _both(*await asyncio.gather(self._ask(host, "AAAA"), self._ask(host, "A")))

    async def _ask(self, name: str, kind: str) -> Answer:
        """From the cache, else from the question under way, else from a new one."""
        key = _key(name, kind)
        known = self._known(key)
        if known is not None:
            return known
        loop = asyncio.get_running_loop()
        if loop is not self._loop:  # a worker may run one event loop a job; locks and tasks belong to theirs
            self._loop, self._gate, self._under_way = loop, asyncio.Semaphore(QUESTIONS_AT_ONCE), {}
        task = self._under_way.get(key)
        if task is None:
            task = self._under_way[key] = loop.create_task(self._resolve(key))
        return await asyncio.shield(task)  # who leaves does not take the answer from the others

    async def _resolve(self, key: _Key) -> Answer:
        """One question on the wire, the wait for its turn included in its time."""
        try:
            async with asyncio.timeout(self._timeout_s), self._gate:
                name = _name(key[0])
                reply = await self._stub.resolve(name, key[1], search=False, raise_on_no_answer=False)
            answer = Answer(Found.NO_DATA) if reply.rrset is None else Answer(Found.YES, _records(reply.rrset))
            self._keep(key, answer, _ttl(reply.response))
        except dns.resolver.NXDOMAIN as error:
            answer = Answer(Found.NO_NAME)
            self._keep(key, answer, min(_ttls(error), default=0))
        except dns.resolver.NoNameservers as error:
            answer = Answer(_found_by_all(error))
        except Exception as error:
            answer = Answer(_found(error))
        finally:
            self._under_way.pop(key, None)
        return answer

    def _known(self, key: _Key) -> Answer | None:
        kept = self._cache.get(key)
        if kept is None or kept[0] <= self._monotonic():
            return None
        self._cache.move_to_end(key)
        return kept[1]

    def _keep(self, key: _Key, answer: Answer, ttl_s: float) -> None:
        """Remember within the bounds; the least recently used answer leaves first."""
        if sum(map(len, answer.records)) > CACHED_OCTETS:
            return
        longest = LONGEST_POSITIVE_S if answer.found is Found.YES else LONGEST_NEGATIVE_S
        self._cache[key] = (self._monotonic() + min(ttl_s, longest), answer)
        self._cache.move_to_end(key)
        while len(self._cache) > self._cached_answers:
            self._cache.popitem(last=False)


def _both(v6: Answer, v4: Answer) -> Answer:
    """What two families say about one host: any address is a yes, and only then does a failure not count."""
    if v6.records or v4.records:
        return Answer(Found.YES, v6.records + v4.records)
    for found in (Found.TEMPORARY, Found.MALFORMED, Found.NO_DATA):
        if found in (v6.found, v4.found):
            return Answer(found)
    return Answer(Found.NO_NAME)


def _key(name: str, kind: str) -> _Key:
    return name.lower().removesuffix("."), kind


def _name(text: str) -> dns.name.Name:
    """The name to ask for, from the root: no search list; raises what the table knows as MALFORMED."""
    if len(text) > NAME_CHARACTERS:
        raise dns.name.NameTooLong
    # Not by dnspython, which knows IDNA 2003 alone: it has one name for what are two (storage/address.py).
    name = dns.name.from_text(text if text.isascii() else parse(f"x@{text}").host)
    if name == dns.name.root:
        raise dns.name.EmptyLabel
    return name


def _records(rrset: dns.rrset.RRset) -> tuple[bytes, ...]:
    if rrset.rdtype == dns.rdatatype.TXT:
        return tuple(b"".join(rdata.strings) for rdata in rrset)
    if rrset.rdtype == dns.rdatatype.MX:
        return tuple(f"{rdata.preference} {_host(rdata.exchange)}".encode() for rdata in rrset)
    if rrset.rdtype == dns.rdatatype.PTR:
        return tuple(_host(rdata.target).encode() for rdata in rrset)
    return tuple(rdata.address.encode() for rdata in rrset)


def _host(name: dns.name.Name) -> str:
    return "" if name == dns.name.root else name.to_text(omit_final_dot=True).lower()


def _ttls(error: dns.resolver.NXDOMAIN) -> list[int]:
    """How long each "no such name" holds (RFC 2308 §5)."""
    return [_ttl(response) for response in error.kwargs.get("responses", {}).values()]


def _ttl(response: dns.message.QueryMessage) -> int:
    """A "no" without the zone's SOA says nothing of how long it holds, and is not kept (RFC 2308 §5)."""
    found = response.resolve_chaining()
    is_known = found.answer is not None or any(one.rdtype == dns.rdatatype.SOA for one in response.authority)
    return found.minimum_ttl if is_known else 0


def _found_by_all(error: dns.resolver.NoNameservers) -> Found:
    """What came of asking every nameserver; an answer too big for one is so for all."""
    is_too_big = any(isinstance(one[3], AnswerTooBig) for one in error.kwargs.get("errors", ()))
    return Found.MALFORMED if is_too_big else _found(error)


def _found(error: Exception) -> Found:
    for kind, found in _FOUND:
        if isinstance(error, kind):
            return found
    _log.warning("DNS failed in an unknown way: %s", type(error).__name__)
    return Found.TEMPORARY


def _stub(nameservers: tuple[str, ...], timeout_s: float) -> dns.asyncresolver.Resolver:
    stub = dns.asyncresolver.Resolver(configure=False)
    if nameservers:
        stub.nameservers = [_nameserver(text) for text in nameservers]
    else:
        try:
            stub.read_resolv_conf("/etc/resolv.conf")
            stub.nameservers = [_Nameserver(str(address), 53) for address in stub.nameservers]
        except dns.resolver.NoResolverConfiguration:
            stub.nameservers = [_Nameserver("127.0.0.1", 53)]  # as resolv.conf(5) says
    stub.lifetime = timeout_s
    stub.timeout = timeout_s / 3  # a lost packet is asked for again
    stub.use_edns(0, 0, UDP_PAYLOAD_OCTETS)
    stub.cache = None
    return stub


class _Nameserver(dns.nameserver.Do53Nameserver):
    """A nameserver whose answers by TCP are looked at for their size before they are read."""

    async def async_query(self, request: dns.message.QueryMessage, **about: Any) -> dns.message.Message:  # type: ignore[override]
        """One question by UDP; by TCP where `max_size` says that the answer did not fit."""
        if not about["max_size"]:
            return await super().async_query(request, **about)
        async with asyncio.timeout(about["timeout"]):
            octets = await self._by_tcp(request.to_wire(prepend_length=True))
        reply = dns.message.from_wire(octets)
        if not request.is_response(reply):
            raise dns.query.BadResponse
        return reply

    async def _by_tcp(self, question: bytes) -> bytes:
        reader, writer = await asyncio.open_connection(self.address, self.port)
        try:
            writer.write(question)
            size = int.from_bytes(await reader.readexactly(2), "big")
            if size > ANSWER_OCTETS:
                raise AnswerTooBig(f"{size} octets")
            return await reader.readexactly(size)
        finally:
            writer.transport.abort()


def _nameserver(text: str) -> dns.nameserver.Do53Nameserver:
    """A nameserver by address or, asked of the system once, by name."""
    form = _NAMESERVER.fullmatch(text)
    if form is None or not 0 < int(form["port"] or 53) < 65_536:
        raise ValueError(f"{text!r} is not a nameserver such as 127.0.0.1:53")
    host = form["v6"] or form["bare_v6"] or form["host"]
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_DGRAM)
    except (OSError, UnicodeError) as error:
        raise ValueError(f"the nameserver {text!r} has no address") from error
    return _Nameserver(str(found[0][4][0]), int(form["port"] or 53))
