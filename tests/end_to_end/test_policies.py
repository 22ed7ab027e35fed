# SPDX-License-Identifier: Apache-2.0
"""Who may write, in the running program: blocks and lists changed by command, rates over all processes, LMTP."""

import smtplib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.conftest import DESK_OF_TESTS, Build, World
from tests.support.people import accepted_id
from tests.support.smtp_client import Answer
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow

NEAR, FAR = "192.0.2.9", "198.51.100.9"
SUPPORT, SMALL = "support@firm.example", "small@firm.example"
DESK = {
    **DESK_OF_TESTS,
    "list": [{"name": "partners", "entries": ["@partner.example"]}],
    "address": [
        *DESK_OF_TESTS["address"],
        {"address": SMALL, "team": "support", "verified": True, "max_size": "2KB"},
        {"address": "few@firm.example", "team": "support", "verified": True, "rate_author": "3/h"},
        {
            "address": "partners@firm.example",
            "team": "support",
            "verified": True,
            "accept_from": "listed",
            "lists": ["partners"],
        },
    ],
}


@pytest.fixture(scope="module")
def world(build_for_module: Build, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Three MX processes behind a proxy that says who the client is, and LMTP."""
    socket = tmp_path_factory.mktemp("lmtp") / "s"
    config = {"mx": {"processes": 3, "proxy_protocol_from": ["127.0.0.1"]}, "lmtp": {"socket": str(socket)}}
    made = build_for_module(desk=DESK, config=config)
    made.installation.start()
    yield made
    assert made.installation.errors() == []
    made.installation.stop()


def said(world: World, *lines: str, peer: str = NEAR) -> Answer:
    """The response to the last line."""
    with world.installation.mx(proxy=(peer, 40000)) as session:
        return [session.command(line) for line in lines][-1]


def rcpt(world: World, peer: str, sender: str = "x@anywhere.example", to: str = SUPPORT) -> int:
    return said(world, f"MAIL FROM:<{sender}>", f"RCPT TO:<{to}>", peer=peer).code


def everywhere(world: World, code: int, **facts: str) -> None:
    """Every process answers so, for there are more sessions than processes."""
    wait_until(lambda: all(rcpt(world, FAR, **facts) == code for _ in range(8)), f"{code} from each process")


def sent(world: World, content: bytes, to: str, sender: str) -> Answer:
    with world.installation.mx(proxy=(NEAR, 40000)) as session:
        return session.send_mail(sender, [to], content)


@pytest.mark.parametrize("what", ["198.51.100.0/24", "x@anywhere.example", "@anywhere.example"])
def test_a_block_is_in_force_everywhere_as_soon_as_it_is_added(world: World, what: str) -> None:
    everywhere(world, 250)
    assert world.installation.call("block", "add", what, "--reason", "floods us") == f"block {what}: added\n"
    everywhere(world, 550)
    assert rcpt(world, FAR, to="postmaster@gw.example") == 250  # RFC 5321 §4.5.1
    assert rcpt(world, NEAR, sender="y@elsewhere.example") == 250
    answer = said(world, "MAIL FROM:<x@anywhere.example>", f"RCPT TO:<{SUPPORT}>", peer=FAR)
    assert answer.text.startswith("5.7.1 This address takes no mail from you, ask its owner another way")
    assert "floods" not in answer.text
    assert [one["what"] for one in world.installation.json("block", "list")] == [what]
    world.installation.call("block", "remove", what)
    everywhere(world, 250)


def test_a_blocked_author_is_refused_at_the_final_dot(world: World) -> None:
    eve = world.customer("eve@evil.example", "Eve")
    content = eve.compose("Hello", "It is me.")
    world.installation.call("block", "add", "@evil.example")
    wait_until(lambda: sent(world, content, SUPPORT, "list@lists.example").code == 550, "the block")
    world.installation.call("block", "remove", "@evil.example")
    wait_until(lambda: sent(world, content, SUPPORT, "list@lists.example").code == 250, "the block's end")


def test_a_list_changed_by_command_survives_the_desk_file(world: World) -> None:
    dora = world.customer("dora@newpartner.example", "Dora")
    content = dora.compose("Hello", "It is me.", to="partners@firm.example")
    to = "partners@firm.example"
    assert sent(world, content, to, dora.address).code == 550
    world.installation.call("list", "add", "partners", "@newpartner.example")
    desk = world.installation.directory / "desk.toml"
    assert world.installation.call("apply", str(desk)) == "no changes\n"
    wait_until(lambda: sent(world, content, to, dora.address).code == 250, "the list")
    exported = world.installation.directory / "exported.toml"
    exported.write_text(world.installation.call("export"))
    assert world.installation.call("apply", str(exported)) == "no changes\n"
    assert [one["entry"] for one in world.installation.json("list", "show", "partners")] == [
        "@partner.example",
        "@newpartner.example",
    ]


def test_a_declared_size_beyond_the_address_is_refused_at_rcpt(world: World) -> None:
    lines = ("MAIL FROM:<x@anywhere.example> SIZE={}", f"RCPT TO:<{SMALL}>")
    assert said(world, lines[0].format(2000), lines[1]).code == 250
    answer = said(world, lines[0].format(2001), lines[1])
    assert (answer.code, answer.text.split()[0]) == (552, "5.2.3")
    assert said(world, lines[0].format(2001), f"RCPT TO:<{SUPPORT}>").code == 250


def test_a_rate_holds_over_all_processes(world: World) -> None:
    carl = world.customer()
    to = "few@firm.example"
    codes = [sent(world, carl.compose("Hello", f"Number {n}.", to=to), to, carl.address).code for n in range(9)]
    assert sorted(codes) == [250] * 3 + [450] * 6


def test_over_lmtp_each_recipient_has_its_own_answer(world: World) -> None:
    socket = Path(world.installation.file.read_text().partition('socket = "')[2].partition('"')[0])
    carl = world.customer()
    content = carl.compose("Hello", "word " * 1000)
    with smtplib.LMTP(str(socket), local_hostname="relay.example") as session:
        session.ehlo()  # which says LHLO
        session.mail(carl.address)
        for one in (SMALL, "vip@firm.example", SUPPORT):
            assert session.rcpt(one)[0] == 250
        assert session.docmd("DATA")[0] == 354
        session.send(content + b"\r\n.\r\n")
        answers = [session.getreply() for _ in range(3)]
    assert [(code, text.split()[0]) for code, text in answers] == [(552, b"5.2.3"), (550, b"5.7.1"), (250, b"2.6.0")]
    shown = world.installation.message(accepted_id(Answer(250, answers[2][1].decode())))
    assert shown["dispositions"] == {SUPPORT: "accept"}
