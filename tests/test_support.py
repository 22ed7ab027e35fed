# SPDX-License-Identifier: Apache-2.0
"""The fixtures do what the other tests believe of them."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import dkim
import dns.exception
import dns.message
import dns.resolver
import psycopg
import pytest
from redis import Redis
from redis.exceptions import RedisError

from tests.support import skips
from tests.support.dkim import Signer
from tests.support.dns import DnsZone
from tests.support.fake_mx import FakeMx
from tests.support.postgres_server import PostgresServer, binaries
from tests.support.smtp_client import Disconnected, RawClient, stuffed
from tests.support.waiting import PATIENCE_S

ROOT = Path(__file__).parent.parent
CONTENT = b"From: a@far.example\r\nSubject: dots\r\n\r\n.one\r\n..two\r\nend\r\n"


def _resolver(zone: DnsZone) -> dns.resolver.Resolver:
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers, resolver.port = ["127.0.0.1"], zone.port
    resolver.timeout = resolver.lifetime = PATIENCE_S
    return resolver


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        # A long record is cut into strings of 255 octets and comes over TCP where UDP's 512 octets do not hold it.
        ("long.example", "TXT", "x" * 2000),
        ("two.example", "MX", "10 mail.two.example."),
        ("two.example", "A", "192.0.2.1"),
        # An alias is followed, and names have no letter case.
        ("ALIAS.example", "A", "192.0.2.1"),
        # No such name, no such type, and what a zone scripts.
        ("absent.example", "TXT", dns.resolver.NXDOMAIN),
        ("two.example", "TXT", dns.resolver.NoAnswer),
        ("nodata.example", "TXT", dns.resolver.NoAnswer),
        ("nxdomain.example", "TXT", dns.resolver.NXDOMAIN),
        ("servfail.example", "TXT", dns.resolver.NoNameservers),
    ],
)
def test_the_dns_server_answers_as_its_zone_says(dns_zone, name, kind, expected):
    dns_zone.update(
        {
            "long.example": {"TXT": ["x" * 2000]},
            "two.example": {"MX": ["10 mail.two.example"], "A": ["192.0.2.1"]},
            "alias.example": {"CNAME": ["two.example"]},
            "nodata.example": {"TXT": {"rcode": "NODATA"}},
            "nxdomain.example": {"rcode": "NXDOMAIN"},
            "servfail.example": {"TXT": {"rcode": "SERVFAIL"}},
        }
    )
    resolver = _resolver(dns_zone)
    if isinstance(expected, type):
        with pytest.raises(expected):
            resolver.resolve(name, kind)
        return
    record = resolver.resolve(name, kind)[0]
    text = b"".join(record.strings).decode() if kind == "TXT" else record.to_text()
    assert text == expected
    if kind == "TXT":
        assert max(map(len, record.strings)) == 255


def test_a_dns_timeout_is_silence_and_a_zone_changes_while_it_is_served(dns_zone):
    dns_zone.set("x.example", "TXT", {"rcode": "TIMEOUT"})
    dns_zone.set("y.example", "TXT", ["heard"])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
        asker.settimeout(PATIENCE_S)
        for name in ("x.example", "y.example"):
            asker.sendto(dns.message.make_query(name, "TXT").to_wire(), ("127.0.0.1", dns_zone.port))
        first = dns.message.from_wire(asker.recv(512))
    assert first.question[0].name.to_text() == "y.example."
    dns_zone.set("x.example", "TXT", ["now"])
    resolver = _resolver(dns_zone)
    assert resolver.resolve("x.example", "TXT")[0].strings == (b"now",)
    dns_zone.remove("x.example")
    with pytest.raises(dns.resolver.NXDOMAIN):
        resolver.resolve("x.example", "TXT")
    assert dns_zone.queries["x.example", "TXT"] == 3


@pytest.mark.redis
def test_redis_is_lost_by_a_kill_and_comes_back_empty_at_the_same_place(redis_server):
    with Redis.from_url(redis_server.url) as client:
        client.set("a", "1")
    redis_server.kill()
    with Redis.from_url(redis_server.url) as client, pytest.raises(RedisError):
        client.ping()
    redis_server.restart()
    with Redis.from_url(redis_server.url) as client:
        assert client.get("a") is None
        client.set("a", "1")
        redis_server.flush()
        assert client.get("a") is None


@pytest.mark.postgres
def test_a_postgres_database_is_fresh_each_time(postgres_server, postgres_url):
    other = postgres_server.database()
    assert other != postgres_url
    for url in (postgres_url, other):
        with psycopg.connect(url.replace("+psycopg", "")) as connection:
            connection.execute("CREATE TABLE t (n int)")
    postgres_server.drop(other)
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(other.replace("+psycopg", ""))


@pytest.mark.postgres
def test_postgres_keeps_what_was_committed_over_its_own_crash():
    if binaries() is None:
        pytest.skip("PostgreSQL's binaries are not installed: apt-get install postgresql")
    server = PostgresServer(durable=True)
    try:
        server.start()
        url = server.database().replace("+psycopg", "")
        with psycopg.connect(url) as connection:
            connection.execute("CREATE TABLE t AS SELECT 7 AS n")
        server.restart()
        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT n FROM t").fetchall() == [(7,)]
    finally:
        server.close()


def test_a_signed_mail_verifies_with_the_published_key(dns_zone):
    signed = Signer(dns_zone, "far.example").sign(CONTENT)
    resolver = _resolver(dns_zone)

    def lookup(name, timeout=5):
        return b"".join(resolver.resolve(name.decode(), "TXT")[0].strings)

    assert dkim.verify(signed, dnsfunc=lookup)
    assert not dkim.verify(signed + b"more\r\n", dnsfunc=lookup)


def test_the_clock_moves_only_when_told(clock):
    start = clock.now()
    assert clock.now() == start
    assert (clock.advance(90) - start).total_seconds() == 90
    assert start.utcoffset().total_seconds() == 0


def test_the_fake_mx_records_the_octets_that_the_client_sent():
    with FakeMx() as mx, RawClient(mx.address) as client:
        assert client.greeting.code == 220
        assert "PIPELINING" in client.ehlo().text.split("\n")
        assert client.send_mail(None, ["a@far.example", "b@far.example"], CONTENT).code == 250
        assert client.quit().code == 221
    (mail,) = mx.mails
    assert (mail.reverse_path, mail.recipients, mail.content) == (None, ("a@far.example", "b@far.example"), CONTENT)
    assert mail.helo == "client.example"
    assert not mail.tls
    assert mail.answered


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ({"MAIL": "451 4.3.0 later"}, 451),
        # Only the recipient that the script names is refused.
        ({"RCPT bob@far.example": "550 5.1.1 no"}, 550),
        ({"RCPT eve@far.example": "550 5.1.1 no"}, 250),
        ({"DATA": "452 4.3.1 full"}, 452),
        ({"CONTENT": "554 5.7.1 spam"}, 554),
    ],
)
def test_the_fake_mx_refuses_as_scripted(script, expected):
    with FakeMx(script) as mx, RawClient(mx.address) as client:
        client.ehlo()
        assert client.send_mail("a@here.example", ["bob@far.example"], CONTENT).code == expected
        assert len(mx.mails) == (expected == 250)


def test_the_fake_mx_can_lose_a_250_after_it_has_the_mail():
    with FakeMx() as mx:
        mx.lose_250()
        with RawClient(mx.address) as client, pytest.raises(Disconnected):
            client.send_mail("a@here.example", ["bob@far.example"], CONTENT)
        with RawClient(mx.address) as client:
            assert client.send_mail("a@here.example", ["bob@far.example"], CONTENT).code == 250
        assert [mail.answered for mail in mx.wait_for(2)] == [False, True]


@pytest.mark.parametrize("mechanism", ["auth_plain", "auth_login"])
def test_the_fake_mx_speaks_tls_and_checks_logins(tls_files, mechanism):
    with FakeMx(tls=tls_files.server_context(), login=("ann", "sesame")) as mx, RawClient(mx.address) as client:
        assert "STARTTLS" in client.ehlo().text
        assert client.starttls(tls_files.client_context()).code == 220
        assert "STARTTLS" not in client.ehlo().text
        assert getattr(client, mechanism)("ann", "guess").code == 535
        assert getattr(client, mechanism)("ann", "sesame").code == 235
        assert client.send_mail("a@here.example", ["bob@far.example"], CONTENT).code == 250
        client.quit()
        (mail,) = mx.mails
        assert (mail.tls, mail.login) == (True, "ann")


def test_the_fake_mx_can_hang_up_at_any_command():
    with FakeMx({"CONNECT": "drop"}) as mx, pytest.raises(Disconnected):
        RawClient(mx.address)
    with FakeMx({"EHLO": "drop"}) as mx, RawClient(mx.address) as client, pytest.raises(Disconnected):
        client.ehlo()


@pytest.mark.parametrize(
    ("content", "wire"),
    [
        (b"a\r\n", b"a\r\n.\r\n"),
        (b".a\r\n..\r\n", b"..a\r\n...\r\n.\r\n"),
        # Content without a final line end gets one, for the dot has to stand alone.
        (b"a", b"a\r\n.\r\n"),
        (b"", b".\r\n"),
    ],
)
def test_the_client_stuffs_dots(content, wire):
    assert stuffed(content) == wire


@pytest.mark.parametrize(
    ("node", "reason", "expected"),
    [
        ("tests/a.py::test_x[1]", "no swaks here", True),
        ("tests/a.py::test_x[1]", "another reason", False),
        ("tests/b.py::test_x[1]", "no swaks here", False),
    ],
)
def test_ci_forgives_only_the_skips_that_the_list_names(node, reason, expected):
    pairs = skips.allowed("# comment\n\ntests/a.py::test_x[1] | no swaks*\n")
    assert skips.is_allowed(node, reason, pairs) is expected


@pytest.mark.parametrize(
    ("env", "test", "status", "said"),
    [
        # At home a skip is only a skip.
        ({}, "pytest.skip('no such program')", 0, "1 passed, 1 skipped"),
        # In CI it is red, and the reason stands where one looks first.
        ({"CI": "1"}, "pytest.skip('no such program')", 1, "test_one.py::test_other | no such program"),
        # An expected failure is no skip.
        ({"CI": "1"}, "pytest.xfail('known')", 0, "1 passed, 1 xfailed"),
    ],
)
def test_a_skip_that_nobody_allowed_is_red_in_ci(tmp_path, env, test, status, said):
    (tmp_path / "conftest.py").write_text(
        "from tests.support.skips import SkipJudge\ndef pytest_configure(config):\n"
        "    config.pluginmanager.register(SkipJudge())\n"
    )
    (tmp_path / "test_one.py").write_text(f"import pytest\ndef test_sound(): pass\ndef test_other():\n    {test}\n")
    (tmp_path / "pytest.ini").touch()
    clean = {key: value for key, value in os.environ.items() if key != "CI"} | env | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider"],
        cwd=tmp_path,
        env=clean,
        capture_output=True,
        text=True,
    )
    assert done.returncode == status, done.stdout + done.stderr
    assert said in done.stdout
