# SPDX-License-Identifier: Apache-2.0
"""A listener on a free loopback port with a scripted receiver, and TLS by trustme."""

import asyncio
import contextlib
import ssl
from dataclasses import dataclass, field

import pytest
import trustme

from gateway.edge import Edge
from gateway.listener import serve
from gateway.listening import bind, bind_unix
from gateway.receiver import EdgeSettings
from storage.response import (
    R235_LOGGED_IN,
    R250_ACCEPTED,
    R250_RECIPIENT_OK,
    R250_SENDER_OK,
    R535_BAD_LOGIN,
    R550_NO_SUCH_ADDRESS,
    Response,
)
from tests.support.gathering import Gathering

R452_FULL = Response(452, "4.2.2", "Mailbox full")


class ScriptedIntake(Gathering):
    """Counts how it ends; over LMTP full@firm.example is refused after the content."""

    def __init__(self, receiver, envelope, decide):
        super().__init__(envelope, decide)
        self._receiver, self._envelope = receiver, envelope

    async def write(self, octets):
        if self._receiver.on_write:
            await self._receiver.on_write(octets)
        await super().write(octets)

    async def finish(self):
        self._receiver.finished += 1
        said = zip(self._envelope.recipients, await super().finish(), strict=True)
        return tuple(R452_FULL if recipient.local == "full" else one for recipient, one in said)

    async def abandon(self):
        self._receiver.abandoned += 1
        await super().abandon()


@dataclass
class ScriptedReceiver:
    """Takes mail for anyone@firm.example, remembers it, and does what its `on_*` functions say."""

    mails: list = field(default_factory=list)
    on_sender: object = None
    on_recipient: object = None
    on_content: object = None
    on_begin: object = None
    on_write: object = None
    begun: int = 0
    finished: int = 0
    abandoned: int = 0

    async def sender(self, session, reverse_path):
        if self.on_sender:
            return await self.on_sender(session, reverse_path)
        return R250_SENDER_OK

    async def recipient(self, session, envelope, recipient):
        if self.on_recipient:
            return await self.on_recipient(session, envelope, recipient)
        known = recipient.domain == "firm.example" or str(recipient) == "Postmaster@gw.example"
        return R250_RECIPIENT_OK if known else R550_NO_SUCH_ADDRESS

    async def begin(self, session, envelope):
        if self.on_begin:
            return await self.on_begin(session, envelope)
        self.begun += 1
        return ScriptedIntake(self, envelope, lambda content: self.content(session, envelope, content))

    async def content(self, session, envelope, content):
        if self.on_content:
            return await self.on_content(session, envelope, content)
        self.mails.append((session, envelope, content))
        return R250_ACCEPTED.about(f"m{len(self.mails)}")


class OneLogin:
    """ann / correct horse."""

    def __init__(self):
        self.asked = []

    async def login(self, session, login, password):
        self.asked.append((login, password))
        return R235_LOGGED_IN if (login, password) == ("ann", "correct horse") else R535_BAD_LOGIN


class Client:
    """A client that writes octets and reads responses; TLS on demand."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer

    async def send(self, octets):
        self.writer.write(octets)
        await self.writer.drain()

    async def response(self):
        """All lines of one response, or b"" when the server has closed."""
        lines = []
        while True:
            line = await asyncio.wait_for(self.reader.readline(), 10)
            lines.append(line)
            if line[3:4] != b"-":
                return b"".join(lines)

    async def say(self, octets):
        await self.send(octets + b"\r\n")
        return await self.response()

    async def start_tls(self, context):
        assert (await self.say(b"STARTTLS")).startswith(b"220 ")
        await self.writer.start_tls(context, server_hostname="gw.example")

    async def close(self):
        self.writer.close()
        with contextlib.suppress(OSError):
            await self.writer.wait_closed()


@dataclass
class Running:
    """A listener at work; `port` is a path where it has a Unix socket."""

    edge: Edge
    port: int | str
    stop: asyncio.Event
    hurry: asyncio.Event
    task: asyncio.Task
    clients: list

    async def connect(self, *, greet=True, tls=None, host=None):
        options = {"ssl": tls, "server_hostname": "gw.example"} if tls else {}
        options |= {"local_addr": (host, 0)} if host else {}
        if isinstance(self.port, int):
            client = Client(*await asyncio.open_connection("127.0.0.1", self.port, **options))
        else:
            client = Client(*await asyncio.open_unix_connection(self.port))
        self.clients.append(client)
        if greet:
            assert (await client.response()).startswith(b"220 ")
        return client


@pytest.fixture(scope="session")
def authority():
    return trustme.CA()


@pytest.fixture(scope="session")
def server_tls(authority):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("gw.example").configure_cert(context)
    return context


@pytest.fixture(scope="session")
def client_tls(authority):
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


@pytest.fixture
def receiver():
    return ScriptedReceiver()


@pytest.fixture
def one_login():
    return OneLogin()


@pytest.fixture
async def start(receiver):
    """start(authenticator=None, grace_s=5, **settings) serves on a free port and is stopped after the test."""
    started = []

    async def start(authenticator=None, grace_s=5.0, address="127.0.0.1:0", **settings):
        edge = Edge(EdgeSettings("gw.example", **settings), receiver, authenticator)
        bound = bind(address) if isinstance(address, str) else bind_unix(address, 0o600)
        stop, hurry = asyncio.Event(), asyncio.Event()
        task = asyncio.create_task(serve([bound], edge, stop, grace_s, hurry))
        name = bound.getsockname()
        running = Running(edge, name if isinstance(name, str) else name[1], stop, hurry, task, [])
        started.append(running)
        return running

    yield start
    for running in started:
        for client in running.clients:
            await client.close()
        running.stop.set()
        await running.task


@pytest.fixture
def start_local(start, tmp_path):
    """start_local(**settings) serves LMTP on a Unix socket."""

    async def start_local(**settings):
        return await start(address=tmp_path / "lmtp.sock", lmtp=True, **settings)

    return start_local
