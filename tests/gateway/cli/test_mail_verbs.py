# SPDX-License-Identifier: Apache-2.0
"""`message`, `case` and `outbox`: the outside contract's keys, and tables that fit a terminal."""

import hashlib
import re
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.cli_output import cells
from storage import outbox
from storage.states import Move, RecipientState
from tests.support.office import CARL, World, field, mail, sign


def words(text: str) -> set[str]:
    return set(text.split())


INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
# design.md, "The outside contract"; the lists lack the long ones.
MESSAGE_KEYS = words(
    "id direction thread_id case envelope from from_name to cc subject received_at authentication classification "
    "disposition reason proof state text reply_text attachments attempts session"
)
LONG_MESSAGE_KEYS = {"text", "reply_text", "attachments"}
CASE_KEYS = words(
    "number thread_id status priority team queue owner contact contact_name subject messages links timeline created_at"
)


def deliver(world: World, response: str = "250 2.0.0 taken") -> None:
    """Settle everything in the outbox as delivered."""
    with world.database.move(Move.TAKE) as unit:
        taken = outbox.take(unit, world.now, timedelta(minutes=1), 100)
    with world.database.move(Move.SETTLE) as unit:
        for one in taken:
            assert outbox.settle(unit, one, RecipientState.DELIVERED, response, (world.now, None))


def answer(world: World) -> str:
    """Ann answers her last copy; the id of her reply."""
    back = field(world.sent("copy")[-1], "reply-to")
    reply = world.reply(mail("Ann Doe <ann.doe@private.example>", "All is well.\r\n\r\n> Hello?", to=back), back)
    assert isinstance(reply, str), reply
    return reply


def test_a_message_shows_all_of_the_contract(installation, world: World):
    arrived = world.carl(
        body="New words.\r\n\r\nOn 1 Nov 2026 Ann wrote:\r\n> Old words.", cc="Dora <dora@other.example>"
    )
    deliver(world)
    shown = installation.json("message", "show", arrived.id)
    assert shown.keys() >= MESSAGE_KEYS
    assert (shown["id"], shown["direction"], shown["case"], shown["state"]) == (arrived.id, "inbound", 1, "routed")
    assert shown["thread_id"] == arrived.token
    assert shown["envelope"] == {
        "reverse_path": CARL,
        "recipients": ["support@firm.example"],
        **{"ret": None, "envid": None, "notify": {}, "orcpt": {}},  # nothing was wished
    }
    assert (shown["from"], shown["from_name"]) == (CARL, "Carl Customer")
    assert (shown["to"], shown["cc"]) == (["support@firm.example"], ["dora@other.example"])
    assert shown["authentication"]["dkim"][0]["result"] == "pass"
    assert all("result" in shown["authentication"][name] for name in ("spf", "dmarc", "arc"))
    assert "Old words." in shown["text"]
    assert shown["reply_text"] == "New words."
    assert INSTANT.fullmatch(shown["received_at"])
    assert shown["session"]["peer"] == "192.0.2.1"
    copies = [one for one in shown["attempts"] if one["kind"] == "copy"]
    assert copies[0]["recipient"] == "ann.doe@private.example"
    assert (copies[0]["outcome"], copies[0]["response"]) == ("delivered", "250 2.0.0 taken")
    assert INSTANT.fullmatch(copies[0]["at"])


def test_attachments_are_named_and_measured(installation, world: World):
    octets = (
        mail(content_type='multipart/mixed; boundary="b"', body="")
        + b"--b\r\nContent-Type: text/plain\r\n\r\nSee it.\r\n"
        + b'--b\r\nContent-Type: text/csv\r\nContent-Disposition: attachment; filename="a.csv"\r\n\r\n1;2\r\n--b--\r\n'
    )
    shown = installation.json("message", "show", world.receive(octets).id)
    digest = hashlib.sha256(b"1;2").hexdigest()
    assert shown["attachments"] == [
        {"name": "a.csv", "type": "text/csv", "size": 3, "sha256": digest}
        | {"sniffed": "text/plain", "inline": False, "cid": None, "within": None}
    ]


def test_what_a_mail_holds_is_told_in_json_and_in_lines(installation, world: World):
    octets = (
        mail(content_type='multipart/mixed; boundary="b"', body="")
        + b"--b\r\nContent-Type: text/html\r\n\r\n<script>x</script><p>Hi</p><img src=http://t.example/x>\r\n"
        + b"--b\r\nContent-Type: text/vcard\r\n\r\nBEGIN:VCARD\r\nFN:Li Wu\r\nEMAIL:li@b.example\r\nEND:VCARD\r\n"
        + b"--b\r\nContent-Type: message/rfc822\r\n\r\nFrom: Eve <eve@other.example>\r\nSubject: in\r\n\r\nwords\r\n"
        + b"--b--\r\n"
    )
    received = world.receive(octets)
    shown = installation.json("message", "show", received.id)
    assert (shown["text"], shown["html"], shown["remote_images"]) == ("Hi", "<p>Hi</p><img>", 1)
    assert shown["cards"] == [{"name": "Li Wu", "emails": ["li@b.example"], "organisation": "", "telephones": []}]
    assert [(one["from"], one["text"].strip()) for one in shown["nested"]] == [("Eve <eve@other.example>", "words")]
    assert (shown["forwarded"]["from"], shown["calendar"]) == ("eve@other.example", None)
    lines = installation.out("message", "show", received.id)
    assert all(label in lines for label in ("remote_images  1, not loaded", "card  Li Wu, li@b.example", "nested  Eve"))
    assert max(map(len, lines.splitlines())) <= 80


def test_the_null_reverse_path_is_null(installation, world: World):
    arrived = world.accept(mail("Mail System <postmaster@other.example>"), sender=None)
    assert installation.json("message", "show", arrived)["envelope"]["reverse_path"] is None


def test_quarantined_mail_is_in_the_list_without_thread_and_case(installation, world: World):
    world.accept(mail("Eve <eve@evil.example>"), "held@firm.example", sender="eve@evil.example")
    (shown,) = installation.json("message", "list")
    assert (shown["disposition"], shown["state"]) == ("quarantine", "quarantined")
    assert (shown["thread_id"], shown["case"]) == (None, None)


def test_lists_have_the_same_keys_less_the_long_ones(installation, world: World):
    arrived = world.carl()
    deliver(world)
    shown = installation.json("message", "show", arrived.id)
    (listed,) = installation.json("message", "list")
    assert LONG_MESSAGE_KEYS.isdisjoint(listed)
    assert listed == {key: shown[key] for key in listed}
    assert listed.keys() >= MESSAGE_KEYS - LONG_MESSAGE_KEYS
    case = installation.json("case", "show", "1")
    (listed_case,) = installation.json("case", "list")
    assert listed_case == {key: case[key] for key in listed_case}
    assert listed_case.keys() >= CASE_KEYS - {"timeline"}


def test_raw_gives_the_octets_as_received_and_stamped_with_ours(installation, world: World):
    octets = sign(mail(subject="Caf\u00e9").replace(b"\r\n\r\n", b"\r\nX-Odd: \xff\r\n\r\n", 1), "customer.example")
    arrived = world.receive(octets)
    assert installation.call("message", "raw", arrived.id).stdout_bytes == octets
    stamped = installation.call("message", "raw", arrived.id, "--stamped").stdout_bytes
    assert stamped == arrived.stamped
    assert stamped.endswith(octets)
    assert stamped.startswith(b"Authentication-Results: gw.example")


def test_a_case_tells_its_story(installation, world: World):
    first = world.carl(subject="It is broken")
    reply = answer(world)
    shown = installation.json("case", "show", "1")
    assert shown.keys() >= CASE_KEYS
    assert (shown["number"], shown["thread_id"], shown["status"]) == (1, first.token, "pending")
    assert (shown["team"], shown["queue"], shown["owner"]) == ("support", None, "ann")
    assert (shown["contact"], shown["contact_name"]) == (CARL, "Carl Customer")
    assert shown["messages"] == [first.id, reply]
    kinds = [event["kind"] for event in shown["timeline"]]
    assert kinds[:3] == ["created", "message", "assigned"]
    assert "reply" in kinds
    assert all(INSTANT.fullmatch(event["at"]) and event["actor"] for event in shown["timeline"])


def test_links_show_kind_and_number_on_both_cases(installation, world: World):
    first = world.carl()
    eve = sign(mail("Eve <eve@other.example>", references=f"<{first.message_id}>"), "other.example")
    world.receive(eve.replace(b"Subject: ", f"Subject: [{first.token}] ".encode()), sender="eve@other.example")
    cases = installation.json("case", "list")
    for case in cases:
        assert installation.json("case", "show", str(case["number"]))["links"] == case["links"]


def test_the_outbox_lists_recipients(installation, world: World):
    world.carl()
    listed = installation.json("outbox", "list")
    assert {"copy", "acknowledgement"} == {one["kind"] for one in listed}
    copy = next(one for one in listed if one["kind"] == "copy")
    assert copy.keys() == words("id name kind case recipient state attempts unsettled due_at response")
    assert (copy["case"], copy["state"], copy["attempts"]) == (1, "queued", 0)
    deliver(world)
    assert {one["due_at"] for one in installation.json("outbox", "list")} == {None}


def test_an_agents_reply_is_an_outbound_message_of_the_case(installation, world: World):
    world.carl()
    shown = installation.json("message", "show", answer(world))
    assert (shown["direction"], shown["case"], shown["state"]) == ("outbound", 1, "submitted")
    assert shown["session"]["login"] == "ann"
    assert shown["reply_text"] == "All is well."


def test_a_table_shows_the_newest_fifty_and_says_so_and_json_shows_all(installation, world: World):
    for number in range(51):
        world.accept(mail(subject=f"number {number}"))
    lines = installation.out("message", "list").splitlines()
    assert len(lines) == 1 + 50 + 1
    assert lines[-1] == "50 newest shown; --limit N shows more"
    assert "number 50" in lines[1]
    assert len(installation.json("message", "list")) == 51
    assert len(installation.json("message", "list", "--limit", "3")) == 3
    assert installation.out("message", "list", "--limit", "60").splitlines()[-1] == "51 in all"


HOSTILE = "\x1b[31m red \u202e \u65e5\u672c\u8a9e " + "long " * 40


@pytest.mark.parametrize("verb", [("message", "list"), ("case", "list"), ("outbox", "list")])
def test_tables_fit_into_eighty_columns(installation, world: World, verb):
    name = "\u65e5\u672c" * 30
    author = f"{name} <{'x' * 60}@{'long-label.' * 8}customer.example>"
    world.receive(mail(author, subject=HOSTILE.replace("\x1b", "")), sender=CARL)
    deliver(world, "250 2.0.0 " + "taken " * 50)
    for line in installation.out(*verb).splitlines():
        assert cells(line) <= 80, line


def test_nothing_of_a_mail_steers_the_terminal(installation, world: World):
    arrived = world.receive(
        mail(subject="=?utf-8?q?=1B[31m_red_=E2=80=AE?=", body="\x1b[2J gone\x9b\t\u202e" + "w" * 200)
    )
    for verb in (("message", "list"), ("message", "show", arrived.id), ("case", "list"), ("case", "show", "1")):
        shown = installation.out(*verb)
        assert all(character.isprintable() or character == "\n" for character in shown), verb
        assert all(cells(line) <= 80 for line in shown.splitlines()), verb
        assert installation.call(*verb, "--json").stdout.isascii()


@pytest.mark.parametrize("verb", ["show", "raw"])
def test_an_unknown_message_is_not_found(installation, verb):
    assert "no message 'nosuch'" in installation.refused(1, "message", verb, "nosuch")
    installation.refused(1, "message", verb, "caf\u00e9")


def test_an_unknown_case_is_not_found(installation):
    assert "no case 7" in installation.refused(1, "case", "show", "7")


def test_every_key_stands_in_the_documentation(installation, world: World):
    arrived = world.carl()
    text = (Path(__file__).parent.parent.parent.parent / "docs" / "cli.md").read_text("utf-8")
    documents = (
        installation.json("message", "show", arrived.id),
        installation.json("case", "show", "1"),
        *(installation.json(noun, "list")[0] for noun in ("outbox", "agent", "team", "address", "contact")),
    )
    assert [key for document in documents for key in document if f"`{key}`" not in text] == []


@pytest.mark.postgres
def test_postgresql_tells_the_same(installation, postgres_url):
    installation.file.write_text(f'{installation.file.read_text()}[database]\nurl = "{postgres_url}"\n')
    world = World(postgres_url)
    first = world.carl()
    answer(world)
    deliver(world)
    world.close()
    assert len(installation.json("message", "show", first.id)["attempts"]) == 2
    assert [one["direction"] for one in installation.json("message", "list")] == ["outbound", "inbound"]
    assert installation.json("case", "show", "1")["status"] == "pending"
    assert len(installation.json("case", "list")[0]["messages"]) == 2
    assert len(installation.json("outbox", "list")) == 3
    assert "1 in all" in installation.out("case", "list")
