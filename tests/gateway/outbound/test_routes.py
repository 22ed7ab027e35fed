# SPDX-License-Identifier: Apache-2.0
"""What every route owes, shown for all of them; then the ways in which a remote host can refuse, lie or vanish."""

import asyncio
import ssl

import pytest

from gateway.dns import DnsResolver
from gateway.routes.build import RouteSettings, build_route
from gateway.routes.hosts import HostFinder
from gateway.routes.maildir import MaildirRoute
from gateway.routes.mx import MxRoute
from gateway.routes.responses import R250_FILED, R451_UNREADABLE, from_remote
from gateway.routes.session import Dialler, Limits, Login
from gateway.routes.smarthost import SmarthostRoute
from handlers.ports import R451_UNKNOWN, Departure
from storage.response import R554_BARE_LINE_END
from tests.support.contents import cut, whole
from tests.support.fake_mx import FakeMx

CONTENT = b"Subject: dots\r\n\r\n.\r\n..two\r\n.x\r\nlast\r\n"
LIMITS = Limits(2.0, 2.0, 2.0, 5.0)
BOB, EVE, FAY = "bob@far.example", "eve@far.example", "fay@far.example"


def departure(*recipients, content=CONTENT, reverse_path="b.x@gw.example", name="row-1"):
    content = whole(content) if isinstance(content, bytes) else content
    return Departure(name, reverse_path, recipients or (BOB,), content)


def codes(responses):
    return {recipient: response.code for recipient, response in responses.items()}


@pytest.fixture
def far():
    with FakeMx() as server:
        yield server


@pytest.fixture
def resolver(dns_zone):
    dns_zone.update(
        {
            "far.example": {"MX": ["10 mx.far.example"]},
            "mx.far.example": {"A": ["127.0.0.1"]},
            "null.example": {"MX": ["0 ."]},
            "plain.example": {"A": ["127.0.0.1"]},
            "empty.example": {"TXT": ["nothing"]},
            "loop.example": {"MX": ["10 GW.example", "20 mx.far.example"]},
            "backup.example": {"MX": ["20 gw.example", "10 mx.far.example"]},
            "fails.example": {"rcode": "SERVFAIL"},
            "lame.example": {"MX": ["10 nowhere.far.example"]},
            "two.example": {"MX": ["20 mx.far.example", "10 dead.far.example"]},
            "dead.far.example": {"A": ["127.0.0.2"]},
        }
    )
    return DnsResolver((dns_zone.address,), 2.0)


def smarthost(server, validated=None, login=None):
    return SmarthostRoute(f"smtp://127.0.0.1:{server.port}", Dialler("gw.example", LIMITS, validated, login))


def to_mx(resolver, server, *, allow_loopback=True):
    finder = HostFinder(resolver, "gw.example", server.port, allow_loopback)
    return MxRoute(finder, Dialler("gw.example", LIMITS))


@pytest.fixture(params=["maildir", "smarthost", "mx"])
def route(request, tmp_path, far, resolver):
    """Each route, with a way to read what arrived: (reverse-path, recipients, content)."""
    if request.param == "maildir":
        return MaildirRoute(tmp_path / "out"), lambda: read_maildir(tmp_path / "out")
    built = smarthost(far) if request.param == "smarthost" else to_mx(resolver, far)
    return built, lambda: [(mail.reverse_path, to, mail.content) for mail in far.mails for to in mail.recipients]


def read_maildir(directory):
    found = []
    for path in directory.glob("new/*"):
        sender, recipient, content = path.read_bytes().split(b"\r\n", 2)
        reverse_path = sender.removeprefix(b"Return-Path: <").removesuffix(b">").decode()
        found.append((reverse_path or None, recipient.removeprefix(b"Delivered-To: ").decode(), content))
    return found


class TestEveryRoute:
    async def test_answers_for_each_recipient_and_delivers_to_each(self, route):
        responses = await route[0].send(departure(BOB, EVE))
        assert codes(responses) == {BOB: 250, EVE: 250}
        assert sorted(to for _, to, _ in route[1]()) == [BOB, EVE]

    async def test_carries_the_null_reverse_path(self, route):
        await route[0].send(departure(reverse_path=None))
        assert route[1]() == [(None, BOB, CONTENT)]

    @pytest.mark.parametrize(
        "content",
        [
            CONTENT,
            b".\r\n",
            b"\r\n",
            # octets beyond ASCII and NUL are not ours to judge
            b"X: \xff\xfe\x00\r\n\r\n\x80\r\n",
            # longer than 998 octets
            b"a" * 5000 + b"\r\n",
            b"x: y\r\n\r\n" + b".line\r\n" * 20_000,
        ],
    )
    async def test_delivers_the_content_octet_for_octet(self, route, content):
        assert codes(await route[0].send(departure(content=content))) == {BOB: 250}
        assert [arrived for _, _, arrived in route[1]()] == [content]

    @pytest.mark.parametrize("size", [1, 2, 3, 7, 100_000])
    async def test_delivers_a_content_that_comes_in_pieces_octet_for_octet(self, route, size):
        content = CONTENT + b"." * 5 + b"\r\n.\r\n" + (b"x" * 998 + b"\r\n.\r\n") * (size // 100)
        assert codes(await route[0].send(departure(content=cut(content, size)))) == {BOB: 250}
        assert [arrived for _, _, arrived in route[1]()] == [content]

    @pytest.mark.parametrize("readable", [0, 10, len(CONTENT) - 1])
    async def test_half_a_mail_never_arrives(self, route, readable):
        (response,) = (await route[0].send(departure(content=cut(CONTENT, 5, readable)))).values()
        assert (response, route[1]()) == (R451_UNREADABLE, [])
        assert codes(await route[0].send(departure())) == {BOB: 250}
        assert [arrived for _, _, arrived in route[1]()] == [CONTENT]

    @pytest.mark.parametrize(
        "content", [b"a\nb\r\n", b"a\rb\r\n", b"a\r\n.\nb\r\n", b"a\r\n\r", b"no end", b"\n\r\r\n"]
    )
    async def test_lets_no_bare_cr_or_lf_leave(self, route, content):
        assert await route[0].send(departure(content=content)) == {BOB: R554_BARE_LINE_END}
        assert route[1]() == []

    @pytest.mark.parametrize("bad", ["", "nobody", "a@b\r\nRCPT TO:<x@y.example>", "a b@c.example", "\ud800@x.example"])
    async def test_refuses_what_is_no_address_and_serves_the_others(self, route, bad):
        assert codes(await route[0].send(departure(bad, BOB))) == {bad: 553, BOB: 250}
        assert len(route[1]()) == 1


class TestMaildir:
    async def test_files_one_row_once_however_often_it_is_sent(self, tmp_path):
        route = MaildirRoute(tmp_path)
        for _ in range(3):
            assert (await route.send(departure(BOB, EVE)))[BOB].text.startswith(R250_FILED.text)
        await asyncio.gather(*(route.send(departure(BOB, EVE)) for _ in range(5)))
        assert len(list(tmp_path.glob("new/*"))) == 2
        assert list(tmp_path.glob("tmp/*")) == []

    @pytest.mark.parametrize("flags", ["", ":2,", ":2,FS"])
    async def test_knows_a_mail_that_was_read(self, tmp_path, flags):
        route = MaildirRoute(tmp_path)
        await route.send(departure())
        filed = next(tmp_path.glob("new/*"))
        filed.rename(tmp_path / "cur" / (filed.name + flags))
        assert codes(await route.send(departure())) == {BOB: 250}
        assert list(tmp_path.glob("new/*")) == []

    async def test_overwrites_what_a_crash_left(self, tmp_path):
        route = MaildirRoute(tmp_path)
        await route.send(departure())
        filed = next(tmp_path.glob("new/*"))
        whole = filed.read_bytes()
        filed.unlink()
        (tmp_path / "tmp" / filed.name).write_bytes(b"half of it, and longer " * 100)
        assert codes(await route.send(departure())) == {BOB: 250}
        assert filed.read_bytes() == whole

    async def test_is_for_its_owner_only(self, tmp_path):
        await MaildirRoute(tmp_path / "out").send(departure())
        modes = {path.stat().st_mode & 0o777 for path in (tmp_path / "out").iterdir()}
        assert modes == {0o700}
        assert next((tmp_path / "out").glob("new/*")).stat().st_mode & 0o777 == 0o600

    async def test_a_failing_disk_is_temporary(self, tmp_path, caplog):
        (tmp_path / "file").write_bytes(b"")
        assert codes(await MaildirRoute(tmp_path / "file").send(departure())) == {BOB: 451}

    async def test_a_row_name_cannot_leave_the_maildir(self, tmp_path):
        await MaildirRoute(tmp_path / "out").send(departure(name="../../evil"))
        assert len(list(tmp_path.glob("out/new/*"))) == 1


class TestRefusals:
    @pytest.mark.parametrize(
        ("script", "expected"),
        [
            # one recipient's refusal is its own
            ({f"RCPT {BOB}": "550 5.1.1 no", f"RCPT {EVE}": "452 4.2.2 full"}, {BOB: 550, EVE: 452, FAY: 250}),
            ({"RCPT": "550 5.1.1 no"}, {BOB: 550, EVE: 550, FAY: 550}),
            ({"MAIL": "451 4.7.1 later"}, {BOB: 451, EVE: 451, FAY: 451}),
            # DATA speaks for the accepted ones
            ({f"RCPT {BOB}": "550 5.1.1 no", "DATA": "452 4.3.1 full"}, {BOB: 550, EVE: 452, FAY: 452}),
            ({f"RCPT {BOB}": "450 4.2.1 no", "CONTENT": "554 5.7.1 spam"}, {BOB: 450, EVE: 554, FAY: 554}),
            # 250 is no answer to DATA, and nothing was sent
            ({"DATA": "250 2.0.0 ok"}, {BOB: 451, EVE: 451, FAY: 451}),
            ({"DATA": "drop"}, {BOB: 451, EVE: 451, FAY: 451}),
            ({f"RCPT {EVE}": "drop"}, {BOB: 451, EVE: 451, FAY: 451}),
            ({f"RCPT {BOB}": "550 5.1.1 no", f"RCPT {EVE}": "421 4.3.2 bye"}, {BOB: 550, EVE: 421, FAY: 421}),
            # a 5xx before MAIL is about us, and so is "log in first"
            ({"CONNECT": "554 5.7.1 you are listed"}, {BOB: 451, EVE: 451, FAY: 451}),
            ({"CONNECT": "421 4.3.2 busy"}, {BOB: 421, EVE: 421, FAY: 421}),
            ({"CONNECT": "drop"}, {BOB: 451, EVE: 451, FAY: 451}),
            ({"CONNECT": "HTTP/1.1 400"}, {BOB: 451, EVE: 451, FAY: 451}),
            ({"MAIL": "530 5.7.0 log in"}, {BOB: 451, EVE: 451, FAY: 451}),
            # a host without EHLO gets HELO
            ({"EHLO": "502 5.5.1 what"}, {BOB: 250, EVE: 250, FAY: 250}),
        ],
    )
    async def test_each_recipient_gets_its_own_response(self, resolver, script, expected):
        with FakeMx(script) as far:
            for route in (smarthost(far), to_mx(resolver, far)):
                assert codes(await route.send(departure(BOB, EVE, FAY))) == expected

    async def test_a_lost_250_is_told_as_unknown_and_not_tried_at_the_next_host(self, resolver, far, dns_zone):
        dns_zone.set("far.example", "MX", ["10 mx.far.example", "20 plain.example"])
        far.lose_250(1)
        assert await to_mx(resolver, far).send(departure()) == {BOB: R451_UNKNOWN}
        assert len(far.mails) == 1

    async def test_nobody_listening_is_temporary(self, resolver, far):
        far.close()
        for route in (smarthost(far), to_mx(resolver, far)):
            assert codes(await route.send(departure())) == {BOB: 451}

    @pytest.mark.parametrize(
        ("code", "message", "expected"),
        [
            (550, "5.1.1 no\n5.1.1 such user", "550 5.1.1 no such user"),
            (550, "no code", "550 5.0.0 no code"),
            # a class that contradicts the code is not believed
            (450, "5.1.1 odd", "450 4.0.0 odd"),
            (250, "2.0.0 \x00\x1b[31m\u202e\ud800ok", "250 2.0.0 [31m ok"),
            (-1, "what", "451 4.5.0 Unexpected answer: what"),
            (354, "go", "451 4.5.0 Unexpected answer: go"),
            (535, "5.7.8 bad", "451 4.7.8 bad"),
        ],
    )
    def test_a_remotes_words_are_made_safe_to_keep(self, code, message, expected):
        assert str(from_remote(code, message)) == expected

    def test_a_remotes_words_are_cut(self):
        assert len(from_remote(550, "x" * 100_000).text) == 500


class TestMx:
    def test_names_its_groups_by_domain_and_what_is_no_address_alone(self, resolver, far):
        named = to_mx(resolver, far).groups((BOB, "ann@FAR.example", "zoe@two.example", "nobody"))
        assert named == [(BOB, "ann@FAR.example"), ("zoe@two.example",), ("nobody",)]

    @pytest.mark.parametrize(
        ("domain", "expected"),
        [
            ("far.example", "250"),
            ("plain.example", "250"),
            # a dead host is followed by the next
            ("two.example", "250"),
            ("backup.example", "250"),
            ("[127.0.0.1]", "250"),
            ("null.example", "556 5.1.10"),
            ("nobody.example", "550 5.1.2"),
            ("empty.example", "550 5.1.2"),
            ("loop.example", "554 5.4.6"),
            ("fails.example", "451 4.4.3"),
            # the zone of the host may be repaired
            ("lame.example", "451 4.4.4"),
        ],
    )
    async def test_the_domain_decides_where_it_goes(self, resolver, far, domain, expected):
        responses = await to_mx(resolver, far).send(departure(f"bob@{domain}"))
        assert str(responses[f"bob@{domain}"]).startswith(expected)

    async def test_one_departure_serves_many_domains(self, resolver, far):
        responses = await to_mx(resolver, far).send(departure(BOB, "x@null.example", "y@plain.example", EVE))
        assert codes(responses) == {BOB: 250, "x@null.example": 556, "y@plain.example": 250, EVE: 250}
        assert sorted(mail.recipients for mail in far.mails) == [(BOB, EVE), ("y@plain.example",)]

    @pytest.mark.parametrize("domain", ["far.example", "plain.example", "[127.0.0.1]", "[IPv6:::ffff:127.0.0.1]"])
    async def test_a_mail_for_this_host_itself_is_a_loop(self, resolver, far, domain):
        responses = await to_mx(resolver, far, allow_loopback=False).send(departure(f"bob@{domain}"))
        assert str(responses[f"bob@{domain}"]).startswith("554 5.4.6")
        assert far.sessions == 0


class TestTls:
    async def test_takes_any_certificate_where_tls_is_opportunistic(self, resolver, tls_files):
        with FakeMx(tls=tls_files.server_context()) as far:
            assert codes(await to_mx(resolver, far).send(departure())) == {BOB: 250}
            assert far.mails[0].tls

    @pytest.mark.parametrize("refusal", ["454 4.7.0 not now", "220 go ahead but not by TLS", "drop"])
    async def test_goes_on_in_clear_where_starttls_fails(self, resolver, tls_files, refusal):
        with FakeMx({"STARTTLS": refusal}, tls=tls_files.server_context()) as far:
            assert codes(await to_mx(resolver, far).send(departure())) == {BOB: 250}
            assert not far.mails[0].tls

    @pytest.mark.parametrize("refusal", ["454 4.7.0 not now", "220 go ahead but not by TLS", "drop"])
    async def test_never_goes_on_in_clear_where_tls_is_required(self, tls_files, refusal):
        with FakeMx({"STARTTLS": refusal}, tls=tls_files.server_context()) as far:
            assert codes(await smarthost(far, tls_files.client_context()).send(departure())) == {BOB: 451}
            assert far.mails == []

    async def test_refuses_a_host_without_tls_where_it_is_required(self, far, tls_files):
        assert codes(await smarthost(far, tls_files.client_context()).send(departure())) == {BOB: 451}

    async def test_refuses_a_strangers_certificate_where_tls_is_required(self, tls_files):
        with FakeMx(tls=tls_files.server_context()) as far:
            assert codes(await smarthost(far, ssl.create_default_context()).send(departure())) == {BOB: 451}
            assert far.mails == []

    async def test_validates_the_certificate_where_tls_is_required(self, tls_files):
        with FakeMx(tls=tls_files.server_context()) as far:
            assert codes(await smarthost(far, tls_files.client_context()).send(departure())) == {BOB: 250}
            assert far.mails[0].tls


class TestLogin:
    async def test_logs_in_over_validated_tls(self, tls_files):
        with FakeMx(tls=tls_files.server_context(), login=("desk", "s€cret")) as far:
            route = smarthost(far, tls_files.client_context(), Login("desk", "s€cret"))
            assert codes(await route.send(departure())) == {BOB: 250}
            assert far.mails[0].login == "desk"

    async def test_a_refused_login_costs_no_mail(self, tls_files):
        with FakeMx(tls=tls_files.server_context(), login=("desk", "other")) as far:
            route = smarthost(far, tls_files.client_context(), Login("desk", "wrong"))
            assert codes(await route.send(departure())) == {BOB: 451}

    async def test_a_password_never_leaves_in_clear(self, tls_files):
        with FakeMx(login=("desk", "secret")) as far:
            route = smarthost(far, tls_files.client_context(), Login("desk", "secret"))
            assert codes(await route.send(departure())) == {BOB: 451}
            assert not [command for command in far.commands if command.startswith("AUTH")]

    def test_a_login_without_validation_is_not_built(self, far):
        with pytest.raises(ValueError, match="login"):
            smarthost(far, None, Login("desk", "secret"))

    async def test_the_settings_make_tls_required_for_a_login(self, resolver):
        with FakeMx(login=("desk", "secret")) as far:
            settings = RouteSettings(f"smtp://{far.address}", "gw.example", username="desk", password="secret")
            assert codes(await build_route(settings, resolver).send(departure())) == {BOB: 451}
            assert not [command for command in far.commands if command.startswith("AUTH")]
            assert not far.mails


class TestParameters:
    async def test_says_what_the_host_understands_and_the_mail_needs(self, far):
        await smarthost(far).send(departure("jürgen@far.example", content=b"\xc3\xbc\r\n"))
        assert "MAIL FROM:<b.x@gw.example> BODY=8BITMIME SMTPUTF8" in far.commands
        assert "EHLO gw.example" in far.commands

    async def test_an_ascii_local_part_goes_with_the_a_labels_of_its_domain(self, far):
        await smarthost(far).send(departure("bob@bücher.example"))
        assert "RCPT TO:<bob@xn--bcher-kva.example>" in far.commands

    async def test_no_domain_becomes_another_one_on_its_way_out(self, far):
        """IDNA 2003 wrote fass.example, whose owner is another (RFC 5891)."""
        await smarthost(far).send(departure("bob@faß.example"))
        assert "RCPT TO:<bob@xn--fa-hia.example>" in far.commands

    async def test_only_the_address_beyond_ascii_fails_at_a_host_without_smtputf8(self):
        with FakeMx({"EHLO": "502 5.5.1 what"}) as far:
            responses = await smarthost(far).send(departure("jürgen@far.example", BOB))
            assert codes(responses) == {"jürgen@far.example": 553, BOB: 250}

    async def test_a_mail_beyond_the_hosts_size_is_not_sent(self):
        with FakeMx({"EHLO": "250-far.example\r\n250 SIZE 10"}) as far:
            assert str((await smarthost(far).send(departure()))[BOB]).startswith("552 5.3.4")
            assert not [command for command in far.commands if command.startswith("MAIL")]


@pytest.mark.parametrize(
    ("text", "kind"),
    [("mx", MxRoute), ("smtp://h.example:25", SmarthostRoute), ("maildir:/nowhere", MaildirRoute)],
)
def test_a_route_is_built_from_its_text(resolver, text, kind):
    assert isinstance(build_route(RouteSettings(text, "gw.example"), resolver), kind)


@pytest.mark.parametrize("text", ["", "http://h.example", "smtp://", "smtp://h.example:x"])
def test_a_text_that_is_no_route_is_refused(resolver, text):
    with pytest.raises(ValueError):
        build_route(RouteSettings(text, "gw.example"), resolver)
