# SPDX-License-Identifier: Apache-2.0
"""`message explain` and `message replay`: why, on one page; and what another policy would have done."""

import json

import pytest
from sqlalchemy import update

from gateway import cli_trace, config, opening
from gateway.cli_output import cells
from storage import sessions
from storage.envelope import Session
from storage.schema import message
from storage.sessions import Refusal, SessionRecord
from storage.states import Move
from tests.support.office import World, field, mail, sign

STRICT_DESK = """
[[team]]
name = "support"
display_name = "Firm Support"
sender = "support@firm.example"
[[address]]
address = "support@firm.example"
team = "support"
accept_from = "known_contacts"
others = "{others}"
verified = true
[[contact]]
name = "Vera Known"
addresses = ["vera@known.example"]
"""
EXPLAINED = {
    *("id", "direction", "received_at", "state", "claims", "authentication", "lookups", "classification", "report"),
    *("disposition", "reason", "recipients", "thread", "notes", "events", "deliveries"),
}
HOSTILE = "=?utf-8?q?=1B[31m_red_=E2=80=AE?= " + "long " * 40


@pytest.fixture
def keyed(installation):
    """The installation with its keys made, as the first start would."""
    settings = config.load(installation.file, {})
    database = opening.open_store(settings)
    opening.open_keys(settings, database)
    database.close()
    return installation


def strict(installation, others: str = "reject"):
    """A desk file under which only known contacts may write."""
    path = installation.directory / "strict.toml"
    path.write_text(STRICT_DESK.format(others=others))
    return str(path)


# --- explain ---------------------------------------------------------------------------------------------------------


def test_the_page_says_who_vouched_what_was_looked_up_and_what_came_of_it(installation, world: World):
    arrived = world.carl(subject="It is broken")
    page = " ".join(installation.out("message", "explain", arrived.id).split())
    for said in (
        'From: "Carl Customer" <carl@customer.example>. Anybody can write this line.',
        "Somebody does: dkim of customer.example.",
        "DKIM pass for customer.example, selector s1",
        'TXT s1._domainkey.customer.example: "v=DKIM1',
        "person: a person's mail",
        "support@firm.example: accepted",
        "It points to no thread of ours.",
        f"It began thread {arrived.token}, case 1: proven",
        "Why: the author is proven, and nothing in the mail points to a thread of ours.",
        "casegate: assigned - -> ann",
        "casegate: acknowledged to=carl@customer.example",
        "copy to ann.doe@private.example: queued",
    ):
        assert said in page, said


def test_a_page_is_eighty_columns_wide_and_two_screens_long(installation, world: World):
    lines = installation.out("message", "explain", world.carl(subject="It is broken").id).splitlines()
    assert len(lines) < 60
    assert all(cells(line) <= 80 for line in lines)


def test_what_joined_a_thread_says_by_what(installation, world: World):
    first = world.carl()
    back = field(world.sent("acknowledgement")[-1], "reply-to")
    second = world.carl(back)
    page = " ".join(installation.out("message", "explain", second.id).split())
    assert f"It points to thread {first.token} by something only we can have made; the author takes part there." in page
    assert f"It joined thread {first.token}, case 1: proven" in page


def test_what_was_held_says_why_and_belongs_to_no_thread(installation, world: World):
    held = world.accept(mail("Eve <eve@evil.example>"), "held@firm.example", sender="eve@evil.example")
    page = " ".join(installation.out("message", "explain", held).split())
    assert "Nobody vouches for the author" in page
    assert "held@firm.example: held in quarantine, because" in page
    assert "None: only accepted mail belongs to a thread." in page


def test_an_agents_reply_is_explained_too(installation, world: World):
    world.carl()
    back = field(world.sent("copy")[-1], "reply-to")
    reply = world.reply(mail("Ann Doe <ann.doe@private.example>", to=back), back)
    page = " ".join(installation.out("message", "explain", reply).split())
    assert "The agent ann, who logged in from 198.51.100.7." in page
    assert "reply to carl@customer.example: queued" in page
    assert installation.json("message", "explain", reply)["lookups"] == []


def test_the_document_has_every_part(installation, world: World):
    arrived = world.carl()
    document = installation.json("message", "explain", arrived.id)
    assert document.keys() == EXPLAINED
    assert document["claims"]["from"] == "carl@customer.example"
    assert document["lookups"][0]["kind"] == "TXT"
    assert document["thread"]["candidates"] == []
    assert document["thread"]["joined"] is False
    assert [one["kind"] for one in document["events"]] == ["created", "message", "assigned", "acknowledged"]
    assert {one["kind"] for one in document["deliveries"]} == {"copy", "acknowledgement"}
    assert all(one.keys() == {"step", "decided", "because"} for one in document["notes"])


def test_nothing_of_a_stranger_steers_the_terminal_or_widens_the_page(installation, world: World):
    name = "日本" * 30
    author = f"{name} <{'x' * 60}@{'long-label.' * 8}customer.example>"
    arrived = world.receive(mail(author, subject=HOSTILE, body="x"), sender="carl@customer.example")
    shown = installation.out("message", "explain", arrived.id)
    assert all(character.isprintable() or character == "\n" for character in shown)
    assert all(cells(line) <= 80 for line in shown.splitlines())
    assert installation.call("message", "explain", arrived.id, "--json").stdout.isascii()


def test_a_refused_mail_is_looked_up_in_its_session(installation, world: World):
    record = SessionRecord(
        session=Session("23ogcrx22j6jsgu526ws", "192.0.2.1", "mx.evil.example"),
        listener="mx",
        began_at=world.now,
        ended_at=world.now,
        outcome="refused",
        refused=(
            Refusal("23ogcrx22j6jsgu526ws-1", "content", "550 5.7.1 No", "a block says \x1b so"),
            Refusal("23ogcrx22j6jsgu526ws-1", "DATA", "503 5.5.1 Bad sequence"),
        ),
    )
    with world.database.move(Move.LOG) as unit:
        sessions.log(unit, [record], 100)
    words = installation.refused(1, "message", "explain", "23ogcrx22j6jsgu526ws-1")
    assert "was refused and is not stored: 550 5.7.1 No, because a block says \\x1b so" in words
    assert "casegate session show 23ogcrx22j6jsgu526ws" in words


@pytest.mark.parametrize("name", ["nosuch", "café"])
def test_an_unknown_message_is_not_found(installation, name):
    assert "no message" in installation.refused(1, "message", "explain", name)


# --- replay ----------------------------------------------------------------------------------------------------------


def mix(world: World) -> dict[str, str]:
    """A mail of each sort: name -> id."""
    first = world.carl()
    return {
        "first": first.id,
        "second": world.carl(references=f"<{first.message_id}>").id,
        "third_party": world.carl(author="Dora <dora@other.example>", references=f"<{first.message_id}>").id,
        "unproven": world.receive(mail("Eve <eve@evil.example>"), sender="eve@evil.example").id,
        "known": world.carl("vip@firm.example", author="Vera <vera@known.example>").id,
        "held": world.accept(mail("Eve <eve@evil.example>"), "held@firm.example", sender="eve@evil.example"),
        "discarded": world.accept(mail("Eve <eve@evil.example>"), "gone@firm.example", sender="eve@evil.example"),
        "softened": world.accept(
            mail("Eve <eve@evil.example>"), "vip@firm.example", "support@firm.example", sender="eve@evil.example"
        ),
        "bounce": world.receive(mail("Mail System <mailer-daemon@other.example>"), sender=None).id,
        "large": world.receive(sign(mail(body="long line\r\n" * 60_000), "customer.example")).id,
    }


def test_under_the_same_policy_nothing_would_be_otherwise(keyed, world: World):
    mails = mix(world)
    document = keyed.json("message", "replay", "--since", "3650d")
    assert (document["messages"], document["judged"], document["failed"]) == ([], len(mails), 0)


def test_mail_from_before_answers_were_kept_is_counted_apart(keyed, world: World):
    world.carl()
    with world.database.move(Move.ADDRESS) as unit:  # as the migration left it
        unit.execute(update(message).values(trace=""))
    document = keyed.json("message", "replay", "--since", "3650d", "--desk", strict(keyed))
    assert (document["messages"], document["judged"], document["untraced"]) == ([], 0, 1)
    assert "1 from before answers of DNS were kept" in keyed.out("message", "replay", "--since", "3650d")


def test_what_annotate_mode_took_is_judged_the_same_in_annotate_mode(keyed, world: World):
    world.annotate = True
    message_id = world.accept(mail("Eve <eve@evil.example>"), "vip@firm.example", sender="eve@evil.example")
    other = keyed.directory / "annotate.toml"
    other.write_text(keyed.file.read_text() + '[policy]\nmode = "annotate"\n')
    assert keyed.json("message", "replay", message_id, "--config", str(other))["different"] == 0
    (item,) = keyed.json("message", "replay", message_id)["messages"]
    assert item["differences"][0] | {"because_before": "", "because_after": ""} == {
        "what": "disposition",
        "before": "accept",
        "after": "reject",
        "because_before": "",
        "because_after": "",
    }


def test_another_desk_changes_exactly_what_it_speaks_of(keyed, world: World):
    mails = mix(world)
    document = keyed.json("message", "replay", "--since", "3650d", "--desk", strict(keyed))
    changed = {item["id"]: {one["what"]: one["after"] for one in item["differences"]} for item in document["messages"]}
    refused = {"disposition": "reject", "for support@firm.example": "reject"}
    for name in ("first", "second", "third_party", "unproven", "large"):
        assert changed[mails[name]] == refused, name
    # Addresses that this desk lacks take nothing.
    for name, address in (("known", "vip"), ("held", "held"), ("discarded", "gone")):
        assert changed[mails[name]] == {"disposition": "reject", f"for {address}@firm.example": "reject"}, name


def test_a_held_mail_that_would_be_let_in_says_into_which_thread(keyed, world: World):
    held = world.accept(mail("Eve <eve@evil.example>"), "held@firm.example", sender="eve@evil.example")
    desk = keyed.directory / "open.toml"
    desk.write_text(
        keyed.desk.read_text() + '[[address]]\naddress = "held@firm.example"\nteam = "support"\nverified = true\n'
    )
    (item,) = keyed.json("message", "replay", held, "--desk", str(desk))["messages"]
    after = {one["what"]: (one["before"], one["after"]) for one in item["differences"]}
    assert after == {
        "disposition": ("quarantine", "accept"),
        "for held@firm.example": ("quarantine", "accept"),
        "proof": ("none", "unproven"),
        "thread": ("none", "a new one"),
    }
    page = keyed.out("message", "replay", held, "--desk", str(desk))
    assert "for held@firm.example: quarantine -> accept" in page
    assert "then: " in page
    assert "now: " in page


def test_contacts_are_those_of_the_desk_file_and_those_whom_a_reply_confirmed(keyed, world: World):
    known = world.carl(author="Vera <vera@known.example>")
    confirmed = world.carl()
    back = field(world.sent("copy")[-1], "reply-to")
    assert isinstance(world.reply(mail("Ann Doe <ann.doe@private.example>", to=back), back), str)
    stranger = world.carl(author="Dora <dora@other.example>")
    document = keyed.json("message", "replay", "--since", "3650d", "--desk", strict(keyed))
    assert [item["id"] for item in document["messages"]] == [stranger.id]
    assert {known.id, confirmed.id}.isdisjoint(item["id"] for item in document["messages"])


def test_a_desk_that_is_tried_stays_a_trial(keyed, world: World):
    world.carl()
    before = keyed.out("export")
    keyed.json("message", "replay", "--since", "3650d", "--desk", strict(keyed))
    assert keyed.out("export") == before


def test_a_stricter_configuration_is_judged_by_the_stored_answers(keyed, world: World):
    arrived = world.carl()
    other = keyed.directory / "strict-keys.toml"
    other.write_text(keyed.file.read_text() + "[dkim]\nmin_key_bits = 4096\n")
    (item,) = keyed.json("message", "replay", arrived.id, "--config", str(other))["messages"]
    after = {one["what"]: (one["before"], one["after"]) for one in item["differences"]}
    assert after["dkim"] == ("pass customer.example", "policy customer.example")
    assert after["aligned"] == ("yes", "no")
    assert after["proof"] == ("proven", "unproven")
    assert item["not_looked_up"] == []


def test_what_was_not_looked_up_then_counts_as_without_an_answer_and_is_told(keyed, world: World):
    arrived = world.carl()
    with world.database.move(Move.APPLY) as unit:  # as if the records had been too large to keep
        unit.exec_driver_sql('UPDATE message SET trace = \'{"notes":[],"dns":[]}\'')
    (item,) = keyed.json("message", "replay", arrived.id)["messages"]
    assert "TXT s1._domainkey.customer.example" in item["not_looked_up"]
    assert {one["what"]: one["after"] for one in item["differences"]}["dkim"] == "temperror customer.example"
    page = " ".join(keyed.out("message", "replay", arrived.id).split())
    assert "not looked up then, so it counts as without an answer: TXT s1._domainkey.customer.example" in page


def test_a_mail_whose_content_is_damaged_is_told_and_the_others_are_judged(keyed, world: World):
    first, second = world.carl(), world.carl()
    with world.database.move(Move.APPLY) as unit:
        unit.exec_driver_sql(f"DELETE FROM content_chunk WHERE content_id = {first.content_id}")
    document = keyed.json("message", "replay", "--since", "3650d")
    assert [(item["id"], bool(item["error"])) for item in document["messages"]] == [(first.id, True)]
    assert (document["judged"], document["failed"]) == (1, 1)
    assert "1 could not be judged again" in keyed.out("message", "replay", "--since", "3650d")
    assert second.id not in keyed.out("message", "replay", "--since", "3650d")


def test_only_mail_since_that_time_is_judged(keyed, world: World):
    world.carl()
    since = world.clock.advance(3600)
    world.carl()
    assert keyed.json("message", "replay", "--since", since.isoformat())["judged"] == 1
    assert keyed.json("message", "replay", "--since", "2026-11-22T13:00:00+01:00")["judged"] == 2


BAD_CALLS = [
    # Neither an ID nor a time.
    ((), "either the ID of a message or --since TIME"),
    # Both.
    (("x", "--since", "2d"), "either the ID of a message or --since TIME"),
    # No time, a time without its zone, a day that is none.
    (("--since", "yesterday"), "expected a time such as"),
    (("--since", "2026-11-22T12:00:00"), "expected a time such as"),
    (("--since", "2026-13-41T12:00:00Z"), "expected a time such as"),
    # Files that are not there.
    (("--since", "2d", "--desk", "/nonexistent/desk.toml"), "/nonexistent/desk.toml"),
    (("--since", "2d", "--config", "/nonexistent/casegate.toml"), "/nonexistent/casegate.toml"),
]


@pytest.mark.parametrize(("words", "complaint"), BAD_CALLS)
def test_a_bad_call_is_one_line_and_two(keyed, words, complaint):
    assert complaint in keyed.refused(2, "message", "replay", *words)


def test_a_reply_was_never_judged(keyed, world: World):
    world.carl()
    back = field(world.sent("copy")[-1], "reply-to")
    reply = world.reply(mail("Ann Doe <ann.doe@private.example>", to=back), back)
    assert "is an agent's reply" in keyed.refused(2, "message", "replay", reply)
    assert keyed.json("message", "replay", "--since", "3650d")["judged"] == 1


def test_an_unknown_message_cannot_be_judged_again(keyed):
    assert "no message" in keyed.refused(1, "message", "replay", "nosuch")


def test_the_document_is_one_also_where_it_is_empty(keyed, world: World):
    assert json.loads(keyed.out("message", "replay", "--since", "2d", "--json")) == {
        "messages": [],
        "judged": 0,
        "different": 0,
        "failed": 0,
        "untraced": 0,
    }


RELEASED = [
    # Held as a whole, and as the share of one of two recipients: judging alone it would be refused, and was held then.
    ("held@firm.example",),
    ("vip@firm.example", "support@firm.example"),
]


@pytest.mark.parametrize("recipients", RELEASED)
def test_what_an_operator_released_counts_as_held(keyed, world: World, recipients):
    held = world.accept(mail("Eve <eve@evil.example>"), *recipients, sender="eve@evil.example")
    keyed.out("quarantine", "release", held)
    document = keyed.json("message", "replay", "--since", "3650d")
    assert (document["messages"], document["judged"]) == ([], len(recipients))
    ids = [one["id"] for one in keyed.json("message", "list")]
    assert any("released" in keyed.out("message", "explain", one) for one in ids)


@pytest.mark.postgres
def test_postgresql_explains_and_judges_alike(installation, postgres_url):
    installation.file.write_text(f'{installation.file.read_text()}[database]\nurl = "{postgres_url}"\n')
    world = World(postgres_url)
    settings = config.load(installation.file, {})
    database = opening.open_store(settings)
    opening.open_keys(settings, database)
    database.close()
    mails = mix(world)
    world.close()
    assert "It began thread" in installation.out("message", "explain", mails["first"])
    document = installation.json("message", "replay", "--since", "3650d")
    assert (document["messages"], document["judged"]) == ([], len(mails))
    changed = installation.json("message", "replay", "--since", "3650d", "--desk", strict(installation))["messages"]
    assert {item["id"] for item in changed} >= {mails["first"], mails["held"]}


def test_a_long_run_says_how_far_it_is(keyed, world: World, monkeypatch):
    monkeypatch.setattr(cli_trace, "PROGRESS_EVERY_S", -1.0)
    world.carl()
    done = keyed.call("message", "replay", "--since", "3650d", "--json")
    assert done.stderr == "1 judged, 0 of them otherwise\n"
    assert json.loads(done.stdout)["judged"] == 1
