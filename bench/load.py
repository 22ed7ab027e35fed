# SPDX-License-Identifier: Apache-2.0
"""The load: prepared mails over concurrent SMTP sessions, by one cheap process of its own (raw sockets on epoll).

Like Postfix's smtp-source it goes in lockstep (no pipelining), with one connection a mail unless --reuse is given.
The latency of a mail runs from its connect (reused: from its MAIL) to the 250 after the final dot. The result is one
JSON document on standard output. A response other than the expected one counts as refused and ends that session's mail.
"""

import argparse
import json
import select
import socket
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

from bench import mails

EXPECTED = (b"220", b"250", b"250", b"250", b"354", b"250", b"221")
# The positions in EXPECTED that matter to the clock and to reuse.
GREETED, AFTER_DOT = 1, 5
STALLED_AFTER_S = 60.0


@dataclass(slots=True)
class Outcome:
    """What was measured; times in seconds of time.perf_counter."""

    latencies_s: list[float] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    began_at: float = 0.0
    ended_at: float = 0.0


class Sessions:
    """All concurrent sessions, each a small machine that answers what it reads."""

    def __init__(self, port: int, steps: list[tuple[bytes, ...]], *, reuse: bool) -> None:
        self.port = port
        self.waiting = deque(steps)
        self.reuse = reuse
        self.poller = select.epoll()
        self.open: dict[int, Session] = {}
        self.outcome = Outcome()

    def run(self, sessions: int) -> Outcome:
        """Send everything; return when the last session has closed."""
        self.outcome.began_at = time.perf_counter()
        for _ in range(sessions):
            self.connect()
        while self.open:
            events = self.poller.poll(STALLED_AFTER_S)
            if not events:
                raise TimeoutError(f"no response for {STALLED_AFTER_S:.0f} s with {len(self.open)} sessions open")
            for number, _event in events:
                self.read(self.open[number])
        return self.outcome

    def connect(self) -> None:
        """Open a session for the next mail, if one is left."""
        if not self.waiting:
            return
        began_at = time.perf_counter()
        wire = socket.create_connection(("127.0.0.1", self.port), timeout=STALLED_AFTER_S)
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        session = Session(wire, self.waiting.popleft(), began_at)
        self.open[wire.fileno()] = session
        self.poller.register(wire.fileno(), select.EPOLLIN)

    def read(self, session: "Session") -> None:
        """Take what came; answer when a response is complete."""
        try:
            came = session.wire.recv(65536)
        except OSError as problem:
            came = f"000 {problem}\r\n".encode()
        session.unread += came or b"000 connection closed\r\n"
        last = session.unread[session.unread.rfind(b"\n", 0, -1) + 1 :]
        # A dash after the code announces a further line (RFC 5321 §4.2.1).
        if session.unread.endswith(b"\n") and last[3:4] != b"-":
            session.unread = b""
            self.proceed(session, last)

    def proceed(self, session: "Session", response: bytes) -> None:
        """Check the response and say the next line."""
        if not response.startswith(EXPECTED[session.position]):
            self.outcome.refused.append(response.decode("utf-8", "replace").strip())
            return self.close(session)
        if session.position == AFTER_DOT:
            self.outcome.ended_at = time.perf_counter()
            self.outcome.latencies_s.append(self.outcome.ended_at - session.began_at)
            if self.reuse and self.waiting:
                session.began_at = time.perf_counter()
                session.steps = self.waiting.popleft()
                session.position = GREETED
        if session.position == len(session.steps):
            return self.close(session)
        session.wire.sendall(session.steps[session.position])
        session.position += 1
        return None

    def close(self, session: "Session") -> None:
        """End the session and begin the next."""
        number = session.wire.fileno()
        self.poller.unregister(number)
        del self.open[number]
        session.wire.close()
        self.connect()


@dataclass(slots=True)
class Session:
    """One connection: what it says, how far it is, when its mail began."""

    wire: socket.socket
    steps: tuple[bytes, ...]
    began_at: float
    position: int = 0
    unread: bytes = b""


def steps(index: int, content: bytes) -> tuple[bytes, ...]:
    """What a client says for one mail. No line of ours begins with a dot, so nothing is stuffed (RFC 5321 §4.5.2)."""
    return (
        b"EHLO mail.%b\r\n" % mails.DOMAIN.encode(),
        b"MAIL FROM:<%b>\r\n" % mails.sender(index).encode(),
        b"RCPT TO:<%b>\r\n" % mails.RECIPIENT.encode(),
        b"DATA\r\n",
        content + b".\r\n",
        b"QUIT\r\n",
    )


def arguments() -> argparse.Namespace:
    """The command line of the load process."""
    parser = argparse.ArgumentParser(prog="python -m bench.load")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--file", type=Path, required=True, help="the signed mails")
    parser.add_argument("--first", type=int, default=0, help="index of the first mail")
    parser.add_argument("--mails", type=int, required=True)
    parser.add_argument("--sessions", type=int, default=20)
    parser.add_argument("--reuse", action="store_true", help="keep each connection for many mails")
    return parser.parse_args()


def main() -> None:
    """Send, then print the result."""
    given = arguments()
    contents = mails.load(given.file, given.first, given.mails)
    lines = [steps(given.first + number, content) for number, content in enumerate(contents)]
    sessions = Sessions(given.port, lines, reuse=given.reuse)
    wall_at_start = time.time()
    outcome = sessions.run(given.sessions)
    result = {
        "accepted": len(outcome.latencies_s),
        "refused": len(outcome.refused),
        "first_refusal": outcome.refused[0] if outcome.refused else "",
        "began_at": wall_at_start,
        "seconds": outcome.ended_at - outcome.began_at,
        "latencies_s": outcome.latencies_s,
        "client_cpu_s": time.process_time(),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
