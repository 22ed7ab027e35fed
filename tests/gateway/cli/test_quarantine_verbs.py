# SPDX-License-Identifier: Apache-2.0
"""`quarantine list|show|release|drop|block`: what an operator sees of held mail, and what their word does."""

import re
from pathlib import Path

import pytest

from gateway import keys
from gateway.cli_output import cells
from handlers.ports import Answer, Found
from storage import blocks, listing, quarantine
from storage.threads import ThreadRace
from tests.support.office import World, mail

DOCUMENT = Path(__file__).parent.parent.parent.parent / "docs" / "quarantine.md"
HELD, OPEN = "held@firm.example", "support@firm.example"
EVE = "eve@evil.example"
KEYS = {
    *("id", "received_at", "keep_until", "from", "from_name", "verified", "reverse_path", "recipients"),
    *("accepted_for", "subject", "message_id", "classification", "reason", "state", "case", "peer", "size"),
}
LONG_KEYS = {"to", "cc", "authentication", "notes", "headers", "text", "text_is_cut", "attachments"}


@pytest.fixture(autouse=True)
def installed(installation) -> None:
    """Keys are made before there are threads."""
    keys.load(installation.directory, "gw.example", make=True)


def from_eve(**fields: str) -> bytes:
    return mail(f"Eve <{EVE}>", **fields)


def row(world: World, message_id: str):
    with world.database.read() as unit:
        return listing.message_by_id(unit, message_id)


def blocked(world: World) -> list[blocks.Block]:
    with world.database.read() as unit:
        return blocks.entries(unit)


def held(world: World, *recipients: str, octets: bytes = b"") -> str:
    """A stranger's mail to an address that holds it."""
    return world.accept(octets or from_eve(), *(recipients or (HELD,)), sender=EVE)


def test_the_list_tells_why_for_whom_and_until_when(installation, world: World):
    first, second = held(world), held(world)
    world.accept(mail())
    shown = installation.json("quarantine", "list")
    assert [one["id"] for one in shown] == [second, first]
    (item, _) = shown
    assert item.keys() == KEYS
    assert (item["from"], item["recipients"], item["accepted_for"]) == (EVE, [HELD], [])
    assert (item["received_at"], item["keep_until"]) == ("2026-11-22T12:00:00Z", "2026-12-22T12:00:00Z")
    assert (item["verified"], item["state"], item["case"]) == (False, "quarantined", None)
    assert item["reason"]
    lines = installation.out("quarantine", "list").splitlines()
    assert lines[-2:] == ["2 in all", "2 held in all, the oldest since 2026-11-22T12:00:00Z"]


def test_an_empty_quarantine_says_so(installation, world: World):
    assert installation.json("quarantine", "list") == []
    assert installation.out("quarantine", "list").splitlines()[-1] == "nothing is held"


# What is no address would find nothing, and say nothing of it.
@pytest.mark.parametrize("words", [("--from", "junk"), ("--from", "@"), ("--for", "%"), ("--for", "@evil.example")])
def test_who_asks_for_what_is_no_address_is_told_so(installation, words: tuple[str, str]):
    assert installation.refused(2, "quarantine", "list", *words)


@pytest.mark.parametrize(
    ("options", "found"),
    [
        # An author's address, in any case of letters; their domain; nobody.
        (("--from", "EVE@evil.example"), 2),
        (("--from", "@evil.example"), 2),
        (("--from", "@example"), 0),
        # Who holds it; not who took it, and not a part of an address.
        (("--for", "Held@firm.example"), 2),
        (("--for", OPEN), 0),
        (("--for", "eld@firm.example"), 0),
        (("--limit", "1"), 1),
        (("--limit", "1", "--for", HELD), 1),
    ],
)
def test_the_list_can_be_narrowed(installation, world: World, options: tuple[str, ...], found: int):
    held(world)
    held(world, HELD, OPEN)
    assert len(installation.json("quarantine", "list", *options)) == found


def test_a_held_mail_is_shown_with_its_reason_and_the_authors_claim(installation, world: World):
    octets = from_eve(to=HELD, content_type='multipart/mixed; boundary="b"', body="")
    octets += b"--b\r\nContent-Type: text/html\r\n\r\n<script>alert(1)</script><b>Buy</b> now\x1b[2J\r\n"
    octets += (
        b'--b\r\nContent-Type: application/zip\r\nContent-Disposition: attachment; filename="a.zip"\r\n\r\nPK\r\n--b--'
    )
    message_id = held(world, octets=octets)
    item = installation.json("quarantine", "show", message_id)
    assert item.keys() == KEYS | LONG_KEYS
    assert item["attachments"] == [{"name": "a.zip", "type": "application/zip", "size": 2}]
    assert ["From", f"Eve <{EVE}>"] in item["headers"]
    assert "Buy now" in item["text"]
    assert "script" not in item["text"]
    told = installation.out("quarantine", "show", message_id)
    assert all(character.isprintable() or character == "\n" for character in told)
    assert all(cells(line) <= 80 for line in told.splitlines())
    assert re.search(r"^kept until +2026-12-22T12:00:00Z, then deleted$", told, re.MULTILINE)
    assert "UNVERIFIED" in told
    assert "a.zip" in told
    assert " ".join(item["reason"].split()) in " ".join(told.split())


def test_hostile_fields_stay_in_eighty_columns(installation, world: World):
    name = "=?utf-8?q?=1B[31m_=E2=80=AE?= " + "日本" * 60
    octets = mail(
        f"{name} <{'x' * 60}@{'long-label.' * 8}evil.example>", subject="w" * 300 + " \u202e" * 40, x_odd="y" * 999
    )
    message_id = held(world, octets=octets)
    for verb in (("quarantine", "list"), ("quarantine", "show", message_id)):
        told = installation.out(*verb)
        assert all(cells(line) <= 80 for line in told.splitlines()), told
        assert all(character.isprintable() or character == "\n" for character in told)
        assert installation.call(*verb, "--json").stdout.isascii()


def test_a_released_mail_is_routed_as_if_accepted_now(installation, world: World):
    message_id = held(world)
    told = installation.out("quarantine", "release", message_id)
    found = world.message(message_id)
    assert (found.state, found.disposition, found.held_at) == ("accepted", "accept", None)
    assert told == f"{message_id}: released for {HELD}, in thread {found.token}\n"
    world.clock.set(found.due_at)
    world.route()
    found = world.message(message_id)
    assert (found.state, found.case.routing_address) == ("routed", HELD)
    assert found.stamped.count(b"X-Casegate-Thread: " + found.token.encode()) == 1
    assert [one.to for one in world.sent("copy")] == [["bob.roe@private.example"]]
    shown = installation.json("message", "show", message_id)
    assert shown["dispositions"] == {HELD: "accept"}
    assert "released from quarantine" in shown["reason"]
    assert installation.json("quarantine", "list") == []


def test_the_story_of_a_released_mail_tells_why_it_was_held_and_who_let_it_in(installation, world: World):
    message_id = held(world)
    installation.out("quarantine", "release", message_id)
    told = " ".join(installation.out("message", "explain", message_id).split())
    assert f"{HELD}: held in quarantine until it was released, because nobody vouches" in told
    assert "quarantine: released, because an operator let it in on" in told
    assert "0 of 1 would be otherwise" in installation.out("message", "replay", message_id)


def test_a_share_is_released_as_a_message_of_its_own(installation, world: World):
    message_id = held(world, OPEN, HELD)
    world.route()
    (item,) = installation.json("quarantine", "list")
    assert (item["id"], item["recipients"], item["accepted_for"]) == (message_id, [HELD], [OPEN])
    assert (item["state"], item["case"]) == ("routed", 1)
    told = installation.out("quarantine", "release", message_id)
    new_id = told.split()[4]
    assert told.startswith(f"{message_id}: released as message {new_id} for {HELD}, in thread ")
    world.clock.set(world.message(new_id).due_at)
    world.route()
    made, first = world.message(new_id), world.message(message_id)
    assert (made.state, made.case.routing_address, first.case.routing_address) == ("routed", HELD, OPEN)
    assert (first.held_at, first.disposition) == (None, "accept")
    assert world.case(2).links == [("possibly_belongs_to", 1)]
    assert f"X-Casegate-Message: {new_id}".encode() in made.stamped
    assert made.stamped.count(b"X-Casegate-Thread: ") == 1
    assert installation.json("message", "show", new_id)["dispositions"] == {HELD: "accept"}
    assert new_id in installation.refused(1, "quarantine", "release", message_id)


@pytest.mark.parametrize("last", ["release", "drop", "block", "show"])
@pytest.mark.parametrize(("first", "word"), [("release", "accepted"), ("drop", "dropped"), ("block", "dropped")])
def test_what_has_been_dealt_with_is_answered_in_words(installation, world: World, first: str, word: str, last: str):
    message_id = held(world)
    installation.out("quarantine", first, message_id)
    before = row(world, message_id)
    told = installation.refused(1, "quarantine", last, message_id)
    assert f"message {message_id} is not in quarantine, it is {word}: " in told
    assert row(world, message_id) == before


def test_an_unknown_message_is_not_found_and_the_rest_goes_on(installation, world: World):
    message_id = held(world)
    done = installation.call("quarantine", "release", "nosuch", message_id, "caf\u00e9")
    assert done.exit_code == 1
    assert done.stdout.startswith(f"{message_id}: released")
    assert [line.partition(":")[2].strip()[:10] for line in done.stderr.splitlines()] == ["no message", "no message"]
    assert "no message 'x'" in installation.refused(1, "quarantine", "show", "x")
    installation.refused(2, "quarantine", "drop")


def test_a_dropped_mail_is_remembered_without_its_content(installation, world: World):
    message_id = held(world)
    told = installation.out("quarantine", "drop", message_id)
    assert re.fullmatch(rf"{message_id}: dropped, its \d+ octets are deleted\n", told)
    shown = installation.json("message", "show", message_id)
    assert (shown["state"], shown["disposition"], shown["from"]) == ("dropped", "quarantine", EVE)
    assert (shown["text"], shown["reply_text"], shown["attachments"]) == (None, None, [])
    assert shown["size"] > 0
    assert "dropped" in installation.out("message", "show", message_id)
    assert "the content has been deleted" in installation.refused(1, "message", "raw", message_id)


def test_a_dropped_share_leaves_the_others_theirs(installation, world: World):
    message_id = held(world, OPEN, HELD)
    assert "the others have it" in installation.out("quarantine", "drop", message_id)
    world.route()
    assert world.message(message_id).state == "routed"
    assert installation.call("message", "raw", message_id).exit_code == 0


def test_blocking_names_the_author_and_drops_the_mail(installation, world: World):
    message_id = held(world)
    told = installation.out("quarantine", "block", message_id)
    assert told.startswith(f"{message_id}: {EVE} is blocked; nothing proves that they wrote it")
    assert row(world, message_id).state == "dropped"
    assert [one.what for one in blocked(world)] == [EVE]


@pytest.mark.parametrize(
    ("author", "sender", "word"),
    [
        # Our own addresses and people, in the mail's own words.
        (OPEN, OPEN, "our own"),
        ("Ann <ann.doe@private.example>", EVE, "our own"),
        ("x <r.abc@gw.example>", EVE, "our own"),
        # A known contact, whose name somebody else may have used.
        ("Vera <vera@known.example>", EVE, "known contact"),
        # The same in the envelope of a mail without a single author.
        ("", "vera@known.example", "known contact"),
        ("", "VERA@Known.Example", "known contact"),
        # Nobody at all.
        ("", None, "names nobody"),
    ],
)
def test_nobody_is_blocked_by_accident(installation, world: World, author: str, sender: str | None, word: str):
    message_id = world.accept(mail(author or "a@b.example, c@d.example"), HELD, sender=sender)
    assert word in installation.refused(2, "quarantine", "block", message_id)
    assert blocked(world) == []
    assert row(world, message_id).state == "quarantined"


def test_a_mail_without_single_author_blocks_its_reverse_path(installation, world: World):
    message_id = held(world, octets=mail("a@b.example, c@d.example"))
    told = installation.out("quarantine", "block", message_id)
    assert f"{EVE} is blocked; nothing proves that they wrote it" in told


def test_spf_vouches_for_a_reverse_path(installation, world: World):
    """Whoever may send in its domain's name sent this: a known contact, who may be blocked at their operator's word."""
    world.txt["known.example"] = Answer(Found.YES, (b"v=spf1 ip4:192.0.2.1 -all",))
    message_id = world.accept(mail("a@b.example, c@d.example"), HELD, sender="vera@known.example")
    told = installation.out("quarantine", "block", message_id)
    assert "vera@known.example is blocked; the mail is dropped" in told
    # It says nothing of an author.
    message_id = world.accept(mail("Vera <vera@other.example>"), HELD, sender="vera@known.example")
    assert "nothing proves" in installation.out("quarantine", "block", message_id)


def test_the_documentation_names_every_key(installation, world: World):
    message_id = held(world)
    text = DOCUMENT.read_text("utf-8")
    item = installation.json("quarantine", "show", message_id)
    assert [key for key in item if f"`{key}`" not in text] == []


@pytest.mark.parametrize("verb", ["release", "drop", "block"])
def test_whoever_comes_second_by_an_instant_changes_nothing(
    installation, world: World, monkeypatch: pytest.MonkeyPatch, verb: str
):
    message_id = held(world)
    lock = quarantine.lock

    def after_another(unit, wanted: str):
        quarantine.drop(unit, lock(unit, wanted), ("quarantine", "dropped", "somebody was faster"))
        return lock(unit, wanted)

    monkeypatch.setattr(quarantine, "lock", after_another)
    assert "it is dropped: somebody was faster" in installation.refused(1, "quarantine", verb, message_id)
    assert blocked(world) == []
    assert row(world, message_id).state == "dropped"


def test_a_release_that_meets_the_arrival_of_its_own_thread_is_tried_again(
    installation, world: World, monkeypatch: pytest.MonkeyPatch
):
    message_id = held(world)
    real, tries = quarantine.release, []

    def at_the_second_try(*about):
        tries.append(about)
        if len(tries) == 1:
            raise ThreadRace
        return real(*about)

    monkeypatch.setattr(quarantine, "release", at_the_second_try)
    assert "released" in installation.out("quarantine", "release", message_id)
    assert len(tries) == 2


@pytest.mark.postgres
def test_postgresql_holds_and_releases_the_same(installation, postgres_url):
    installation.file.write_text(f'{installation.file.read_text()}[database]\nurl = "{postgres_url}"\n')
    world = World(postgres_url)
    first, share = held(world), held(world, OPEN, HELD)
    assert [one["id"] for one in installation.json("quarantine", "list", "--for", HELD)] == [share, first]
    assert installation.json("quarantine", "show", share)["accepted_for"] == [OPEN]
    assert len(installation.out("quarantine", "release", first, share).splitlines()) == 2
    last = held(world)
    assert "is blocked" in installation.out("quarantine", "block", last)
    assert installation.out("quarantine", "list").splitlines()[-1] == "nothing is held"
    world.close()
