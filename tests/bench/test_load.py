# SPDX-License-Identifier: Apache-2.0
"""The load generator against a scripted server on a free port."""

import socketserver
import threading

import pytest

from bench import load


class Session(socketserver.StreamRequestHandler):
    """Answers every line of a mail; what it was sent is kept by the server."""

    def handle(self):
        self.server.connections.append(self.client_address)
        self.wfile.write(b"220 ready\r\n")
        for line in self.rfile:
            self.wfile.write(self.answer(line))
            if line.startswith(b"QUIT"):
                return

    def answer(self, line):
        said = {b"EHLO": b"250-PIPELINING\r\n250 SIZE\r\n", b"DATA": b"354 go on\r\n", b"QUIT": b"221 bye\r\n"}
        if line[:4] in (b"EHLO", b"DATA", b"QUIT"):
            return said[line[:4]]
        if line.startswith((b"MAIL", b"RCPT")):
            return b"250 2.1.0 ok\r\n"
        while not line.endswith(b"\r\n.\r\n"):
            line += self.rfile.readline()
        self.server.contents.append(line)
        return self.server.after_dot


class Scripted(socketserver.ThreadingTCPServer):
    """A server that says `after_dot` to every content."""

    def __init__(self, after_dot):
        super().__init__(("127.0.0.1", 0), Session)
        self.after_dot = after_dot
        self.port = self.server_address[1]
        self.contents = []
        self.connections = []


@pytest.fixture
def scripted():
    made = []

    def start(after_dot):
        server = Scripted(after_dot)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        made.append((server, thread))
        return server

    yield start
    for server, thread in made:
        server.shutdown()
        server.server_close()
        thread.join()


def mails_to_send(count):
    return [load.steps(number, b"Subject: %d\r\n\r\nbody\r\n" % number) for number in range(count)]


def test_each_mail_goes_once_over_its_own_connection_and_is_timed(scripted):
    server = scripted(b"250 2.0.0 taken\r\n")
    outcome = load.Sessions(server.port, mails_to_send(7), reuse=False).run(3)
    assert sorted(server.contents) == sorted(b"Subject: %d\r\n\r\nbody\r\n.\r\n" % number for number in range(7))
    assert len(server.connections) == 7
    assert len(outcome.latencies_s) == 7
    assert not outcome.refused
    assert 0 < max(outcome.latencies_s) <= outcome.ended_at - outcome.began_at


def test_with_reuse_a_session_carries_many_mails(scripted):
    server = scripted(b"250 2.0.0 taken\r\n")
    outcome = load.Sessions(server.port, mails_to_send(7), reuse=True).run(2)
    assert len(set(server.contents)) == 7
    assert len(server.connections) == 2
    assert len(outcome.latencies_s) == 7


def test_a_refused_mail_is_counted_as_refused_and_not_as_fast(scripted):
    server = scripted(b"451 4.3.0 later\r\n")
    outcome = load.Sessions(server.port, mails_to_send(3), reuse=False).run(2)
    assert outcome.refused == ["451 4.3.0 later"] * 3
    assert not outcome.latencies_s
