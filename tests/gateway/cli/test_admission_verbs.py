# SPDX-License-Identifier: Apache-2.0
"""`block` and `list`: what they print, what they refuse, and what becomes of it when the desk file is applied again."""

import pytest

from tests.gateway.cli.conftest import DESK, Installation

LIST = '[[list]]\nname = "partners"\nentries = ["@partner.example"]\n'
BLOCKS = '[[block]]\nwhat = "@Spam.Example"\nreason = "sends nothing else"\n[[block]]\nwhat = "192.0.2.7/32"\n'


@pytest.fixture
def desk(installation: Installation) -> Installation:
    """With a list and blocks of the file."""
    installation.out("init", str(installation.directory))
    installation.out("apply", str(installation.desk))
    installation.desk.write_text(DESK + LIST + BLOCKS)
    lines = installation.out("apply", str(installation.desk)).splitlines()
    assert lines == [
        "list partners: added",
        "list partners: @partner.example added",
        "block @spam.example: added",
        "block 192.0.2.7: added",
    ]
    return installation


def test_blocks_come_by_file_and_by_command_and_go_where_they_came_from(desk: Installation) -> None:
    assert desk.out("block", "add", "Eve@Evil.Example", "198.51.100.0/24", "--reason", "floods\nus") == (
        "block eve@evil.example: added\nblock 198.51.100.0/24: added\n"
    )
    assert desk.out("block", "add", "@spam.example") == "block @spam.example: was there before\n"
    found = {one["what"]: (one["source"], one["reason"]) for one in desk.json("block", "list")}
    assert found == {
        "@spam.example": ("file", "sends nothing else"),
        "192.0.2.7": ("file", ""),
        "eve@evil.example": ("command", "floods us"),
        "198.51.100.0/24": ("command", "floods us"),
    }
    assert all(len(line) <= 80 for line in desk.out("block", "list").splitlines())
    assert desk.out("block", "remove", "192.0.2.7") == (
        "block 192.0.2.7: removed; the desk file names it, the next apply brings it back\n"
    )
    desk.desk.write_text(DESK + LIST)
    lines = desk.out("apply", str(desk.desk)).splitlines()
    assert lines == ["block @spam.example: removed"]
    assert [one["source"] for one in desk.json("block", "list")] == ["command", "command"]
    assert desk.out("block", "remove", "EVE@evil.example") == "block eve@evil.example: removed\n"


def test_what_is_exported_is_the_files_from_then_on(desk: Installation) -> None:
    desk.out("block", "add", "eve@evil.example", "--reason", "floods us")
    desk.out("list", "add", "partners", "dora@other.example")
    exported = desk.out("export")
    assert 'what = "eve@evil.example"\nreason = "floods us"\n' in exported
    desk.desk.write_text(exported)
    assert desk.out("apply", str(desk.desk)) == "no changes\n"
    assert {one["source"] for one in desk.json("block", "list")} == {"file"}
    desk.desk.write_text(DESK)
    lines = desk.out("apply", str(desk.desk)).splitlines()
    assert lines == [
        "list partners: retired",
        "block 192.0.2.7: removed",
        "block @spam.example: removed",
        "block eve@evil.example: removed",
    ]


def test_lists_are_shown_and_changed(desk: Installation) -> None:
    assert desk.out("list", "add", "partners", "@*.wide.example", "X@Y.Example", "@partner.example") == (
        "list partners: @*.wide.example added\nlist partners: x@y.example added\n"
        "list partners: @partner.example was there before\n"
    )
    shown = desk.json("list", "show", "partners")
    assert [(one["entry"], one["source"]) for one in shown] == [
        ("@partner.example", "file"),
        ("@*.wide.example", "command"),
        ("x@y.example", "command"),
    ]
    assert desk.json("list", "show") == shown
    assert desk.out("list", "remove", "partners", "x@y.example") == "list partners: x@y.example removed\n"
    assert desk.out("apply", str(desk.desk)) == "no changes\n"
    assert len(desk.json("list", "show")) == 2


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (2, ("block", "add", "nobody")),
        (2, ("block", "add", "@")),
        (2, ("block", "add", "a@b@c.example d")),
        # A slip that would refuse nearly all mail.
        (2, ("block", "add", "0.0.0.0/0")),
        (2, ("block", "add", "::/0")),
        (2, ("block", "add", "192.0.2.1/24")),
        (2, ("block", "add", "2000::/12")),
        # The same in IPv4 written as IPv6, which any client on IPv4 may be.
        (2, ("block", "add", "::/16")),
        (2, ("block", "add", "::ffff:0:0/96")),
        (2, ("block", "add", "::ffff:192.0.0.0/103")),
        (2, ("block", "add", "::ffff:0:0/90")),
        # All or none.
        (2, ("block", "add", "eve@evil.example", "support@firm.example")),
        (2, ("block", "add")),
        (1, ("block", "remove", "eve@evil.example")),
        # All or none.
        (1, ("block", "remove", "@spam.example", "eve@evil.example")),
        (1, ("list", "show", "friends")),
        (1, ("list", "add", "friends", "x@y.example")),
        (1, ("list", "remove", "partners", "x@y.example")),
        # Networks have no addresses that could write.
        (2, ("list", "add", "partners", "192.0.2.0/24")),
        (2, ("list", "add", "partners", "@*")),
    ],
)
def test_a_bad_call_changes_nothing(desk: Installation, code: int, words: tuple[str, ...]) -> None:
    before = desk.out("export")
    desk.refused(code, *words)
    assert desk.out("export") == before


@pytest.mark.parametrize(
    ("entry", "word"),
    [
        ("SUPPORT@firm.example", "our address support@firm.example"),
        ("@firm.example", "our address support@firm.example"),
        # All below a domain are blocked with it.
        ("@example", "our address"),
        ("ann.doe@private.example", "the agent ann"),
        ("@private.example", "the agent ann"),
        ("@gw.example", "server.name gw.example"),
        ("127.0.0.1", "this host itself"),
        ("::1", "this host itself"),
        ("::ffff:127.0.0.1", "this host itself"),
        ("10.0.0.0/8", "10.1.0.0/16 of limits.unlimited_from"),
        ("10.1.2.3", "10.1.0.0/16 of limits.unlimited_from"),
        ("203.0.113.9", "203.0.113.9/32 of authentication.upstreams"),
    ],
)
def test_our_own_are_blocked_by_no_slip(desk: Installation, entry: str, word: str) -> None:
    text = desk.file.read_text()
    text += '[limits]\nunlimited_from = ["10.1.0.0/16"]\n'
    text += '[authentication]\nupstreams = ["filter.firm.example from 203.0.113.9"]\n'
    desk.file.write_text(text)
    assert f"would block {word}" in " ".join(desk.refused(2, "block", "add", entry).split())
    assert entry not in str(desk.json("block", "list"))


def test_a_network_has_one_entry_however_it_is_written(desk: Installation) -> None:
    assert desk.out("block", "add", "::ffff:198.51.100.0/120") == "block 198.51.100.0/24: added\n"
    assert desk.out("block", "add", "198.51.100.0/24") == "block 198.51.100.0/24: was there before\n"
    assert desk.out("block", "remove", "::ffff:198.51.100.0/120") == "block 198.51.100.0/24: removed\n"
