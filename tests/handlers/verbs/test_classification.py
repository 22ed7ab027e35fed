# SPDX-License-Identifier: Apache-2.0
"""No automatic answer to a machine, one to a person: every row of the corpus, seen by what leaves."""

import json
from pathlib import Path

import pytest

from handlers.automatic import may_answer
from handlers.classification import AUTOMATIC, Class, classify
from handlers.headers import scan
from storage.address import parse
from storage.envelope import Envelope
from tests.support.office import KEYS, World, mail, sign

PERSON = "person@sender.example"
# What the corpus calls it -> what we may call it.
CLASSES = {
    "human": {"person"},
    "auto_reply": {"auto-reply", "out-of-office"},
    "auto_generated": {"auto-reply"},
    "bulk": {"list"},
    "list": {"list"},
    "bounce": {"bounce"},
    "receipt": {"auto-reply"},
    "suppressed": {"person", "auto-reply"},
    "system_sender": {"person", "auto-reply", "bounce"},
    "forwarded": {"person", "auto-reply"},
}


@pytest.mark.corpora
def test_every_row_of_the_corpus_is_answered_or_not_as_it_says(world: World, corpora: Path) -> None:
    rows = json.loads((corpora / "autoreply/headers.json").read_text())["cases"]
    assert len(rows) > 40
    wrong = [text for row in rows if (text := _judge(world, row))]
    assert not wrong, "\n".join(wrong)


def _judge(world: World, row: dict[str, object]) -> str:
    """What is wrong about one row."""
    fields = {name.replace("-", "_").lower(): value for name, value in row["headers"]}
    fields = {name: value.replace("{OUR_DOMAIN}", "gw.example") or " " for name, value in fields.items()}
    author = fields.pop("from", f"Some Person <{PERSON}>")
    domain = author.rpartition("@")[2].rstrip(">")
    before = len(world.sent("acknowledgement"))
    world.clock.advance(86_400)  # another day, another budget
    sender = row.get("envelope_from", author.rpartition("<")[2].rstrip(">"))
    found = world.receive(sign(mail(author, **fields), domain), sender=sender)
    answered = len(world.sent("acknowledgement")) > before
    expect = row["expect"]
    problems = []
    if found.case is None:
        problems.append("made no case")
    if expect["answer_allowed"] not in (None, answered):
        problems.append(f"answered: {answered}")
    if expect["is_auto"] not in (None, found.classification != "person"):
        problems.append(f"class: {found.classification}")
    if found.classification not in CLASSES[expect["class"]]:
        problems.append(f"class: {found.classification}, not {expect['class']}")
    return f"{row['id']}: {', '.join(problems)}" if problems else ""


@pytest.mark.corpora
def test_the_absence_notices_of_the_corpus_are_automatic(corpora: Path) -> None:
    for row in json.loads((corpora / "autoreply/headers.json").read_text())["vacation_messages"]:
        octets = (corpora / "autoreply" / row["file"]).read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        assert _class(octets) in AUTOMATIC, row["file"]


def _class(octets: bytes, sender: str | None = PERSON) -> Class:
    return classify(scan(octets), Envelope(parse(sender) if sender else None, ()), KEYS)


@pytest.mark.parametrize(
    ("fields", "sender", "expected"),
    [
        # A field may be folded, repeated, commented.
        ({"auto_submitted": "(c) no"}, PERSON, Class.PERSON),
        ({"auto_submitted": "\r\n auto-replied"}, PERSON, Class.AUTO_REPLY),
        ({"auto_submitted": "no\r\nAuto-Submitted: auto-generated"}, PERSON, Class.AUTO_REPLY),
        # The null reverse-path: a bounce unless it says that it is an answer.
        ({}, None, Class.BOUNCE),
        ({"auto_submitted": "no"}, None, Class.PERSON),
        ({"auto_submitted": "auto-replied"}, None, Class.AUTO_REPLY),
        ({"subject": "Automatic reply: Away"}, None, Class.OUT_OF_OFFICE),
        # Exim writes no report, but this field, and calls its bounces automatic.
        ({"x_failed_recipients": "a@b.example", "auto_submitted": "auto-replied"}, None, Class.BOUNCE),
        # Words that are only talked about.
        ({"subject": "Your automatic reply: why?"}, PERSON, Class.PERSON),
    ],
)
def test_the_class_of_a_mail(fields: dict[str, str], sender: str | None, expected: Class) -> None:
    assert _class(mail(PERSON, **fields), sender) is expected


@pytest.mark.parametrize("nobody", ["", "no-reply@x.example", "team-request@x.example", "team-bounces@x.example"])
def test_nobody_is_answered_where_nobody_reads(nobody: str) -> None:
    assert not may_answer(scan(mail(PERSON)), nobody, KEYS.host)
    assert not may_answer(scan(mail("noreply@x.example")), PERSON, KEYS.host)
    assert may_answer(scan(mail(PERSON)), PERSON, KEYS.host)
