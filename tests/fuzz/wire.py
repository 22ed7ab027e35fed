# SPDX-License-Identifier: Apache-2.0
"""A state machine that talks SMTP well and badly to a real listener and knows what each command may be answered with.

Every command gets exactly one response, in time, with a code that its state allows; the connection ends only after 221,
421 or 554, and after 501 to a line that was to announce a chunk. A silent server is a failure, not a wait.
"""

import socket

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from tests.fuzz.listener import Listener

SILENCE_S = 20.0

_listener: Listener | None = None


def listener() -> Listener:
    """One for all examples: starting one costs more than a conversation."""
    global _listener
    if _listener is None:
        _listener = Listener()
    return _listener


junk = st.binary(max_size=60).map(lambda octets: octets.replace(b"\n", b"?"))
words = st.sampled_from(
    [
        b"MAIL",
        b"RCPT",
        b"DATA",
        b"RSET",
        b"AUTH",
        b"STARTTLS",
        b"VRFY",
        b"HELP",
        b"XYZZY",
        b"LHLO",
        b"mail",
        b"",
    ]
)
broken_chunks = st.sampled_from(
    [
        b"BDAT",
        b"BDAT! 5",
        b"BDAT 5 LAST\0",
        b"BDAT 5\r LAST",
        b" bdat 5",
        b"\x0bBDAT 5",
        b"BDAT\t5",
        b"bdat 5 " + b"x" * 3000,
    ]
)
bodies = st.binary(max_size=120).map(
    lambda octets: octets.replace(b".", b"..").replace(b"\r", b"").replace(b"\n", b"\r\n")
)


class Talk(RuleBasedStateMachine):
    """One client; `greeted`, `mail` and `recipients` are what the server should think."""

    @initialize()
    def connect(self):
        self.socket = socket.create_connection(("127.0.0.1", listener().port), SILENCE_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.greeted = self.mail = self.over = self.chunking = False
        self.recipients = 0
        assert self.response() == 220

    def teardown(self):
        if hasattr(self, "socket"):
            self.socket.close()

    def send(self, octets):
        self.socket.sendall(octets)

    def line(self):
        while b"\r\n" not in self.buffer:
            received = self.socket.recv(65536)
            if not received:
                return None
            self.buffer += received
        line, _, self.buffer = self.buffer.partition(b"\r\n")
        return line

    def response(self):
        """The code of the next response; lines are well formed."""
        while True:
            line = self.line()
            assert line is not None, "the connection ended without a response"
            assert line[:3].isdigit(), line
            assert len(line) <= 512, line
            assert line[3:4] in (b" ", b"-"), line
            assert line[:3] in (b"220", b"221", b"250", b"354", b"334") or line[4:6] in (b"2.", b"4.", b"5."), line
            if line[3:4] == b" ":
                return int(line[:3])

    def say(self, octets, *allowed):
        self.send(octets + b"\r\n")
        code = self.response()
        assert code in allowed, (octets, code, allowed)
        return code

    def forget(self):
        self.mail, self.recipients, self.chunking = False, 0, False

    alive = precondition(lambda self: not self.over)

    @alive
    @rule()
    def ehlo(self):
        self.say(b"EHLO client.example", 250)
        self.greeted = True
        self.forget()

    @alive
    @rule(verb=st.sampled_from([b"NOOP", b"RSET", b"VRFY x", b"HELP", b"EXPN x", b"LHLO x"]))
    def harmless(self, verb):
        self.say(verb, 250, 252, 214, 502, 500, 503)
        if verb == b"RSET":
            self.forget()

    @alive
    @rule(
        path=st.sampled_from(
            [b"<>", b"<a@b.example>", b"<a@b.example> SIZE=10 BODY=8BITMIME", b"<a@b.example> RET=HDRS"]
        )
    )
    def mail_from(self, path):
        code = self.say(b"MAIL FROM:" + path, *((250,) if self.greeted and not self.mail else (503,)))
        self.mail = self.mail or code == 250

    @alive
    @rule(unknown=st.booleans())
    def rcpt_to(self, unknown):
        address = b"<nobody@else.example>" if unknown else b"<support@firm.example>"
        good = 550 if unknown else 250
        code = self.say(b"RCPT TO:" + address, *((good, 503) if self.chunking else (good,) if self.mail else (503,)))
        self.recipients += code == 250

    @alive
    @rule(body=bodies)
    def data(self, body):
        if self.say(b"DATA", *((354,) if self.recipients and not self.chunking else (503, 554))) == 354:
            ended = body if not body or body.endswith(b"\r\n") else body + b"\r\n"
            self.say(ended + b".", 250, 554)
            self.forget()
        elif self.chunking:
            self.reset()

    @alive
    @rule(body=bodies, last=st.booleans())
    def bdat(self, body, last):
        self.send(b"BDAT %d%s\r\n" % (len(body), b" LAST" if last else b"") + body)
        code = self.response()
        assert code in ((250, 554, 552, 503) if self.recipients else (503,)), code
        self.chunking = not last and code == 250
        if last or code != 250:
            self.reset()

    @alive
    @rule(line=broken_chunks)
    def broken_bdat(self, line):
        self.say(line, 501)
        assert self.line() is None
        self.over = True

    def reset(self):
        self.say(b"RSET", 250)
        self.forget()

    @alive
    @rule(junk=junk, word=words)
    def nonsense(self, word, junk):
        line = word + b" " + junk.replace(b"\r", b"?")
        if word == b"DATA":
            line = word + b"! " + line
        code = self.say(line, 250, 252, 214, 500, 501, 502, 503, 504, 530, 538, 454, 550, 552, 553, 555)
        if code == 250:
            self.reset()

    @alive
    @rule(count=st.integers(1, 40))
    def pipelined(self, count):
        if not self.greeted or self.mail:
            self.ehlo()
        group = [b"MAIL FROM:<a@b.example>", *[b"RCPT TO:<r%d@firm.example>" % n for n in range(count)], b"RSET"]
        self.send(b"\r\n".join(group) + b"\r\n")
        assert [self.response() for _ in group] == [250] * len(group)

    @alive
    @rule()
    def quit(self):
        self.say(b"QUIT", 221)
        assert self.line() is None
        self.over = True

    @rule()
    def connect_again(self):
        self.socket.close()
        self.connect()

    @alive
    @rule()
    def half_close(self):
        self.send(b"NOOP\r\n")
        self.socket.shutdown(socket.SHUT_WR)
        assert self.response() == 250
        assert self.line() is None
        self.over = True
