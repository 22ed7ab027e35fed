# SPDX-License-Identifier: Apache-2.0
"""The real program restarted and reloaded while clients connect: nobody is refused, nobody is reset."""

import contextlib
import os
import signal
import socket
import ssl
import threading
from collections import Counter

import pytest

from tests.support import tls
from tests.support.dns import DnsZone
from tests.support.installation import Installation
from tests.support.smtp_client import RawClient
from tests.support.waiting import PATIENCE_S, wait_until

pytestmark = pytest.mark.slow

CONTENT = b"From: carl@customer.example\r\nTo: support@firm.example\r\nSubject: Hello\r\n\r\nHello.\r\n"
ENVELOPE = ("carl@customer.example", ["support@firm.example"])


@pytest.fixture
def installation(tmp_path, tls_files):
    zone = DnsZone()
    try:
        with Installation(tmp_path / "gw", nameservers=[zone.address], tls=tls_files) as made:
            made.set_up()
            yield made
    finally:
        zone.close()


@pytest.fixture
def connect(installation):
    """Sessions with the MX after EHLO, closed at the end of the test."""
    with contextlib.ExitStack() as open_clients:
        yield lambda: open_clients.enter_context(installation.mx())


@pytest.fixture
def systemd(installation):
    """The sockets of the units, which outlive every run of the program."""
    ports = {
        "mx": installation.mx_port,
        "submission": installation.submission_port,
        "submission_tls": installation.submission_tls_port,
    }
    with contextlib.ExitStack() as held:
        yield {name: held.enter_context(socket.create_server(("127.0.0.1", port))) for name, port in ports.items()}


class Crowd:
    """Clients that connect one after the other and send a mail each; what becomes of each connection is counted."""

    def __init__(self, port, clients=4):
        self.seen, self.faults = Counter(), []
        self._port, self._enough = port, threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(clients)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._enough.set()
        for thread in self._threads:
            thread.join()

    def _run(self):
        while not self._enough.is_set():
            try:
                self.seen[self._mail()] += 1
            except Exception as fault:
                self.faults.append(repr(fault))

    def _mail(self):
        """The code of the first answer that ends the conversation: 250 after the content, or 421 anywhere."""
        with contextlib.closing(RawClient(("127.0.0.1", self._port))) as client:
            answer = client.greeting
            for line in ("EHLO client.example", "MAIL FROM:<a@b.example>", "RCPT TO:<support@firm.example>", "DATA"):
                if answer.code == 421:
                    return 421
                answer = client.command(line)
            return client.send_content(CONTENT).code if answer.code == 354 else answer.code

    def wait_for_more(self, count=10):
        """So many more mails are accepted; any other end of a conversation ends the wait, for the test to show."""
        want = self.seen[250] + count
        wait_until(lambda: self.seen[250] >= want or self.faults or set(self.seen) - {250, 421}, f"{count} more mails")


def names(installation):
    """The name in the greeting of a new connection."""
    with contextlib.closing(RawClient(("127.0.0.1", installation.mx_port))) as client:
        return client.greeting.text.split()[0]


def reload(installation, program, **config):
    """Write these keys, reload, and wait until the new processes are in force."""
    installation.configure(config)
    count = len(program.lines("reloaded: "))
    program.send(signal.SIGHUP)
    return program.wait_for_line("reloaded: ", count + 1)


# --- restart on systemd's sockets


def test_a_restart_on_systemds_sockets_refuses_and_resets_nobody(installation, systemd):
    installation.start(sockets=systemd)
    with Crowd(installation.mx_port) as crowd:
        crowd.wait_for_more()
        for _ in range(2):
            installation.stop()
            installation.start(sockets=systemd)
            crowd.wait_for_more()
    assert crowd.faults == []
    assert set(crowd.seen) <= {250, 421}
    installation.stop()


def test_those_who_came_between_two_runs_are_served_by_the_next(installation, systemd):
    installation.start(sockets=systemd)
    installation.stop()
    waiting = [socket.create_connection(("127.0.0.1", installation.mx_port), PATIENCE_S) for _ in range(30)]
    program = installation.start(sockets=systemd)
    for connection in waiting:
        with connection:
            assert connection.recv(100).startswith(b"220 gw.example")
    assert len(program.lines("taken over from systemd")) == 3
    assert installation.errors() == []
    installation.stop()


def test_a_socket_of_systemds_that_is_wrong_ends_the_start(installation, systemd):
    with socket.create_server(("127.0.0.1", 0)) as stray, pytest.raises(AssertionError):
        installation.start(sockets={**systemd, "casegate.socket": stray})
    (program,) = installation.programs
    assert program.wait() == 2
    (line,) = [line for line in program.log if line.startswith("casegate: ")]
    assert '"casegate.socket" on 127.0.0.1:' in line
    assert "FileDescriptorName=" in line


# --- stop with sockets of our own


def test_a_client_that_the_kernel_has_let_in_hears_421_from_the_last_process(installation):
    installation.configure({"mx": {"listen": [f"127.0.0.1:{installation.mx_port}"], "processes": 1}})
    program = installation.start("mx")
    (child,) = program.children()
    os.kill(child, signal.SIGSTOP)  # so that none of these is accepted before the stop
    waiting = [socket.create_connection(("127.0.0.1", installation.mx_port), PATIENCE_S) for _ in range(20)]
    program.send(signal.SIGTERM)
    program.wait_for_line("stopping")
    os.kill(child, signal.SIGCONT)
    for connection in waiting:
        with connection:
            assert connection.recv(100)[:4] in (b"421 ", b"220 ")
    installation.stop()


def test_a_stop_waits_for_content_and_for_a_transaction_that_has_begun(installation, connect):
    program = installation.start("mx")
    content, begun, idle = connect(), connect(), connect()
    for line in ("MAIL FROM:<carl@customer.example>", "RCPT TO:<support@firm.example>"):
        content.command(line)
    begun.command("MAIL FROM:<carl@customer.example>")
    assert content.command("DATA").code == 354
    content.send(CONTENT[:20])
    program.send(signal.SIGTERM)
    assert idle.read().code == 421
    content.send(CONTENT[20:] + b".\r\n")
    assert [content.read().code, content.read().code] == [250, 421]
    assert begun.command("RCPT TO:<support@firm.example>").code == 250
    assert begun.command("DATA").code == 354
    assert [begun.send_content(CONTENT).code, begun.read().code] == [250, 421]
    installation.stop()


# --- reload


def test_a_reload_refuses_and_resets_nobody_and_lets_mail_be_finished(installation, connect):
    program = installation.start()
    before = set(program.children())
    begun = connect()
    for line in ("MAIL FROM:<carl@customer.example>", "RCPT TO:<support@firm.example>", "DATA"):
        begun.command(line)
    with Crowd(installation.mx_port) as crowd:
        crowd.wait_for_more()
        for size in ("30MB", "31MB"):
            line = reload(installation, program, mx={"listen": [f"127.0.0.1:{installation.mx_port}"], "max_size": size})
            assert line.endswith(f"-> {size}")
            crowd.wait_for_more()
        assert [begun.send_content(CONTENT).code, begun.read().code] == [250, 421]
    assert crowd.faults == []
    assert set(crowd.seen) <= {250, 421}
    wait_until(lambda: not before & set(program.children()), "the old processes to go")
    assert installation.errors() == []
    installation.stop()


def test_a_reload_opens_and_closes_addresses_and_renames(installation):
    program = installation.start()
    old, new = installation.mx_port, installation.submission_port
    installation.submission_port = 0
    line = reload(
        installation,
        program,
        server={"name": "new.example"},
        submission={"listen": []},
        mx={"listen": [f"127.0.0.1:{new}"]},
    )
    assert "server.name gw.example -> new.example" in line
    installation.mx_port = new
    wait_until(lambda: names(installation) == "new.example", "the old processes to stop accepting")
    wait_until(lambda: refuses(old), "the old address to be closed")
    installation.stop()


def refuses(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S).close()
    except ConnectionRefusedError:
        return True
    return False


@pytest.mark.parametrize(
    ("text", "words"),
    [
        # No TOML.
        ("[server", "found a fault in the syntax"),
        # A key that needs another start.
        ('[server]\nname = "gw.example"\nstate_dir = "/nonexistent"\n', "server.state_dir"),
        # An address that this host does not have.
        (None, "cannot listen on"),
    ],
)
def test_a_configuration_that_cannot_be_taken_over_leaves_the_old_one_in_force(installation, text, words):
    program = installation.start("mx")
    before = program.children()
    if text is None:
        installation.configure({"mx": {"listen": ["192.0.2.1:25"]}})
    else:
        installation.file.write_text(text)
    program.send(signal.SIGHUP)
    line = program.wait_for_line("the old configuration stays in force")
    assert words in line
    assert (names(installation), program.children()) == ("gw.example", before)
    assert len(program.errors()) == 1
    installation.stop()


def test_processes_that_do_not_get_ready_leave_the_old_ones_in_force(installation):
    program = installation.start("mx")
    before = program.children()
    doors = installation.directory / "run"
    doors.rename(installation.directory / "elsewhere")
    doors.write_text("no directory")
    installation.configure({"server": {"name": "new.example"}})
    program.send(signal.SIGHUP)
    assert "ended with status 1" in program.wait_for_line("the old configuration stays in force")
    wait_until(lambda: program.children() == before, "the new processes to go")
    assert names(installation) == "gw.example"
    doors.unlink()
    assert "new.example" in reload(installation, program)
    installation.stop()


def test_systemd_hears_of_a_reload_and_of_its_end(installation, tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(f"{tmp_path}/notify")
        systemd.settimeout(PATIENCE_S)
        program = installation.start("mx", environment={"NOTIFY_SOCKET": f"{tmp_path}/notify"})
        assert systemd.recv(200) == b"READY=1\nSTATUS=2 processes"
        reload(installation, program)
        assert systemd.recv(200).startswith(b"RELOADING=1\nMONOTONIC_USEC=")
        assert systemd.recv(200) == b"READY=1\nSTATUS=2 processes"
        installation.configure({"mx": {"listen": ["192.0.2.1:25"]}})
        program.send(signal.SIGHUP)
        assert systemd.recv(200).startswith(b"RELOADING=1")
        assert systemd.recv(200) == b"READY=1\nSTATUS=not reloaded, the old configuration stays in force"
        installation.stop()
        assert systemd.recv(200) == b"STOPPING=1"


def test_a_storm_of_reloads_becomes_a_few(installation):
    program = installation.start("mx")
    for _ in range(300):
        program.send(signal.SIGHUP)
    program.wait_for_line("reloaded: no key has changed")
    reload(installation, program, server={"name": "new.example"})
    assert len(program.lines("reloaded: ")) < 30  # each begins with what has come by then
    wait_until(lambda: names(installation) == "new.example", "the old processes to stop accepting")
    wait_until(lambda: len(program.children()) == 2, "the old processes to go")
    assert installation.errors() == []
    installation.stop()


def greets_under_tls(installation, files):
    """Whether the MX shows a certificate of this authority; a process that goes says 421 to any of our words.

    In the midst of a handshake it can say nothing: only there it may hang up without a word.
    """
    with RawClient(("127.0.0.1", installation.mx_port)) as client:
        if client.greeting.code == 421 or client.ehlo().code == 421 or client.command("STARTTLS").code == 421:
            return False
        try:
            client.handshake(files.client_context())
        except (ssl.SSLError, ConnectionError):
            return False
        return True


def test_a_new_certificate_is_shown_after_a_reload(installation, tls_files, tmp_path):
    program = installation.start("mx")
    assert greets_under_tls(installation, tls_files)
    renewed = tls.make(tmp_path)
    tables = {"certificate": str(renewed.certificate), "key": str(renewed.key)}
    reload(installation, program, tls=tables)
    wait_until(lambda: greets_under_tls(installation, renewed), "the old processes to stop accepting")
    installation.stop()


def test_a_key_that_does_not_fit_does_not_end_the_offer_of_tls(installation, tls_files, tmp_path):
    program = installation.start("mx")
    installation.configure({"tls": {"key": str(tls.make(tmp_path).key)}})
    program.send(signal.SIGHUP)
    assert "tls.key" in program.wait_for_line("the old configuration stays in force")
    assert greets_under_tls(installation, tls_files)
    installation.stop()


# --- the Unix socket of LMTP


def greeting(path):
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(PATIENCE_S)
        client.connect(str(path))
        return client.recv(200)


def test_the_unix_socket_is_served_kept_over_a_reload_and_removed_at_the_end(installation, tmp_path):
    path = tmp_path / "lmtp"
    installation.configure({"lmtp": {"socket": str(path)}, "mx": {"listen": []}})
    program = installation.start("mx")
    assert greeting(path).startswith(b"220 gw.example")
    program.wait_for_line(f": opened by user id {os.getuid()}")
    made, before = path.stat().st_ino, set(program.children())
    reload(installation, program, server={"name": "new.example"})
    wait_until(lambda: not before & set(program.children()), "the old processes to go")
    assert b"new.example" in greeting(path)
    assert path.stat().st_ino == made
    os.kill(program.children()[0], signal.SIGKILL)
    program.wait_for_line("starting it again")
    assert path.exists()
    installation.stop()
    assert not path.exists()
