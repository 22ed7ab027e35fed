# SPDX-License-Identifier: Apache-2.0
"""A held mail that stands in an archive too comes once, whichever of the two comes first."""

from pathlib import Path

import pytest

from gateway import keys
from tests.support.office import World, mail

HELD = "held@firm.example"
EVE = "eve@evil.example"


@pytest.fixture(autouse=True)
def installed(installation) -> None:
    """Keys are made before there are threads."""
    keys.load(installation.directory, "gw.example", make=True)


def hold(world: World, octets: bytes) -> str:
    return world.accept(octets, HELD, sender=EVE)


def bring(installation, directory: Path, octets: bytes) -> str:
    """Import it with what its way to another mailbox did to it."""
    way = b"Return-Path: <x@y.example>\nReceived: from x by y; Sun, 22 Nov 2026 12:00:01 +0000\n"
    archive = directory / "archive.mbox"
    archive.write_bytes(b"From x@y.example Sun Nov 22 12:00:00 2026\n" + way + octets.replace(b"\r\n", b"\n"))
    return installation.call("import", str(archive), "--to", HELD).stdout


# Which of the two came first.
@pytest.mark.parametrize("is_first", ["held", "imported"])
def test_a_released_mail_that_was_imported_comes_no_second_time(installation, world, tmp_path, is_first):
    octets = mail(f"Eve <{EVE}>", "Hello, I am new.\r\n\r\nEve")
    if is_first == "held":
        held = hold(world, octets)
    assert bring(installation, tmp_path, octets) == "1 imported, 0 here already\n"
    if is_first == "imported":
        held = hold(world, octets)
    (case,) = installation.json("case", "list")
    (imported,) = case["messages"]
    told = installation.out("quarantine", "release", held)
    assert told == f"{held}: here already, imported as message {imported} of case 1; dropped\n"
    assert world.route() == []
    assert [one["messages"] for one in installation.json("case", "list")] == [[imported]]
    assert installation.json("quarantine", "list") == []
    assert installation.json("message", "show", held)["state"] == "dropped"
    assert imported in installation.call("quarantine", "release", held).stderr
    assert bring(installation, tmp_path, octets) == "0 imported, 1 here already\n"


# What is not the archived mail, though it may say so.
OTHERS = {
    "other words under the same ids": {"body": "Send money."},
    "another id": {"message_id": "<other@mail.customer.example>"},
    "another author": {"author": "Mal <mal@evil.example>"},
    # Programs write one Message-ID again and again, and people leave the text to the subject.
    "another day": {"date": "Mon, 5 Jan 2026 10:00:00 +0000"},
    "another subject": {"subject": "Please cancel order 77"},
}


@pytest.mark.parametrize("which", OTHERS)
def test_another_mail_is_released(installation, world: World, tmp_path: Path, which: str):
    given = {"author": f"Eve <{EVE}>", "body": "Hello.", "message_id": "<one@mail.customer.example>"}
    bring(installation, tmp_path, mail(**given))
    held = hold(world, mail(**(given | OTHERS[which])))
    assert ": released for " in installation.out("quarantine", "release", held)
    world.clock.set(world.message(held).due_at)
    world.route()
    assert len(installation.json("case", "list")) == 2


def test_a_mail_that_came_live_for_another_address_is_still_released(installation, world: World):
    octets = mail(f"Eve <{EVE}>")
    world.receive(octets, sender=EVE)
    held = hold(world, octets)
    assert ": released for " in installation.out("quarantine", "release", held)


def test_a_mail_without_an_id_is_known_by_its_octets(installation, world: World, tmp_path: Path):
    octets = mail(f"Eve <{EVE}>", message_id="")
    archive = tmp_path / "archive.mbox"
    archive.write_bytes(b"From x@y.example Sun Nov 22 12:00:00 2026\n" + octets.replace(b"\r\n", b"\n"))
    held = hold(world, octets)
    installation.call("import", str(archive), "--to", HELD)
    assert ": here already, " in installation.out("quarantine", "release", held)
