# SPDX-License-Identifier: Apache-2.0
"""The verbs of comments and files: what the team keeps beside the mail, once, and what no customer gets."""

import hashlib
from pathlib import Path

import pytest
from sqlalchemy import func, select

from storage import files
from storage.files import FileOfMail
from storage.schema_cases import file
from storage.states import Move
from tests.gateway.cli.conftest import Installation
from tests.support.office import CARL, World, mail

PLAN = b"%PDF-1.4 the plan of the printer"
SECRET = "She is about to leave us"
MULTIPART = 'multipart/mixed; boundary="b"'
TYPE = {"content-type": MULTIPART, "mime-version": "1.0"}
BODY = (
    "--b\r\nContent-Type: text/plain\r\n\r\nSee the plan.\r\n--b\r\nContent-Type: application/pdf\r\n"
    'Content-Disposition: attachment; filename="../../plan.pdf"\r\n\r\n' + PLAN.decode() + "\r\n--b--\r\n"
)
DIGEST = hashlib.sha256(PLAN).hexdigest()


@pytest.fixture
def office(installation: Installation, world: World) -> Installation:
    """A case whose mail has a file."""
    world.carl(**{"content-type": MULTIPART}, body=BODY, subject="Printer on fire")
    return installation


def test_a_comment_stands_in_the_case_and_in_no_mail(office: Installation, world: World, tmp_path: Path) -> None:
    path = tmp_path / "offer.txt"
    path.write_bytes(b"An offer.")
    told = office.json("case", "comment", "1", "--text", SECRET, "--file", str(path), "--as", "ann")
    assert told["changes"][0]["kind"] == "comment"
    office.out("case", "comment", "1", "--text", "-", stdin="From a pipe.\n")
    shown = office.json("case", "show", "1")
    assert (shown["comments"][0]["actor"], shown["comments"][0]["text"]) == ("agent:ann", SECRET)
    assert [one["name"] for one in shown["comments"][0]["files"]] == ["offer.txt"]
    assert shown["comments"][1]["text"] == "From a pipe."
    assert next(one for one in shown["timeline"] if one["kind"] == "comment")["actor"] == "agent:ann"
    assert shown["status"] == "new"
    assert SECRET in office.out("case", "show", "1")
    copy = world.sent("copy")[0]
    to = copy.head.first(b"reply-to").decode()
    assert isinstance(world.reply(mail("Ann <ann.doe@private.example>", to=to), to), str)
    world.carl(subject="Another")
    assert all(SECRET.encode() not in one.octets and b"An offer." not in one.octets for one in world.sent())
    assert [one.to for one in world.sent("reply")] == [[CARL]]


def test_files_with_the_longest_names_are_listed_in_80_columns(office: Installation, tmp_path: Path) -> None:
    path = tmp_path / f"{'a very long name ' * 12}.pdf"
    path.write_bytes(b"%PDF-1.4 another")
    office.out("case", "comment", "1", "--file", str(path))
    page = office.out("file", "list", "1")
    assert "a very long name" in page
    assert max(map(len, page.splitlines())) <= 80


def test_a_file_is_listed_once_with_all_its_places_and_kept_once(
    office: Installation, world: World, tmp_path: Path
) -> None:
    path = tmp_path / "copy.pdf"
    path.write_bytes(PLAN)
    for _ in range(2):
        office.out("case", "comment", "1", "--file", str(path))
    world.carl(**{"content-type": MULTIPART}, body=BODY, subject="Again", references=_own_id(world))
    (item,) = office.json("file", "list", "1")
    assert (item["sha256"], item["name"], item["type"], item["size"]) == (
        DIGEST,
        "plan.pdf",
        "application/pdf",
        len(PLAN),
    )
    assert [bool(one["message"]) for one in item["places"]].count(True) == 2
    assert [one["name"] for one in item["places"] if one["comment"]] == ["copy.pdf", "copy.pdf"]
    page = office.out("file", "list", "1")
    assert DIGEST in page
    assert all(len(line) <= 80 for line in page.splitlines())
    with world.database.read() as unit:
        assert files.content_of(unit, bytes.fromhex(DIGEST)) is not None
        assert unit.execute(select(func.count()).select_from(file)).scalar() == 1


def test_a_file_that_an_agent_sends_is_a_file_of_the_case(office: Installation, world: World) -> None:
    copy = world.sent("copy")[0]
    to = copy.head.first(b"reply-to").decode()
    sent = mail("Ann <ann.doe@private.example>", to=to, body=BODY.replace("See the plan", "Another"), **TYPE)
    assert isinstance(world.reply(sent, to), str)
    (item,) = office.json("file", "list", "1")
    assert [bool(one["message"]) for one in item["places"]] == [True, True]
    assert office.call("file", "get", item["sha256"], "-o", "-").stdout_bytes == PLAN


def _own_id(world: World) -> str:
    """The keyed id of what we sent the customer: evidence, and a pointer."""
    return f"<{world.sent('acknowledgement')[0].message_id}>"


def test_a_file_is_written_out_under_a_safe_name_and_over_nothing(
    office: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert office.out("file", "get", DIGEST) == "plan.pdf\n"
    assert (tmp_path / "here" / "plan.pdf").read_bytes() == PLAN
    assert "--force" in office.refused(2, "file", "get", DIGEST)
    office.out("file", "get", DIGEST, "--force")
    office.out("file", "get", DIGEST, "-o", str(tmp_path / "other.pdf"))
    assert (tmp_path / "other.pdf").read_bytes() == PLAN
    assert office.call("file", "get", DIGEST, "-o", "-").stdout_bytes == PLAN
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    office.refused(2, "file", "get", DIGEST, "--force", "-o", str(tmp_path / "link"))
    assert not (tmp_path / "elsewhere").exists()


def test_a_file_of_a_comment_comes_out_as_it_went_in(office: Installation, tmp_path: Path) -> None:
    path = tmp_path / "note"
    path.write_bytes(bytes(range(256)) * 4000)
    office.out("case", "comment", "1", "--file", str(path))
    item = next(one for one in office.json("file", "list", "1") if one["name"] == "note")
    office.out("file", "get", item["sha256"], "-o", str(tmp_path / "again"))
    assert (tmp_path / "again").read_bytes() == path.read_bytes()


def test_a_case_has_the_files_of_what_was_merged_into_it(office: Installation, world: World, tmp_path: Path) -> None:
    path = tmp_path / "offer.txt"
    path.write_bytes(b"An offer.")
    world.carl(subject="Another")
    office.out("case", "comment", "1", "--file", str(path))
    office.out("case", "merge", "1", "into", "2")
    assert [one["name"] for one in office.json("file", "list", "2")] == ["plan.pdf", "offer.txt"]


# What is no comment, what is not there, what is no hash.
@pytest.mark.parametrize(
    ("code", "words"),
    [
        (2, ("case", "comment", "1")),
        (2, ("case", "comment", "1", "--text", "  ")),
        (2, ("case", "comment", "1", "--text", "x" * 100_001)),
        (2, ("case", "comment", "1", "--file", "/nowhere/at/all")),
        (2, ("case", "comment", "1", "--file", "/")),
        (1, ("case", "comment", "99", "--text", "x")),
        (1, ("case", "comment", "1", "--text", "x", "--as", "nobody")),
        (1, ("file", "list", "99")),
        (1, ("file", "get", "0" * 64)),
        (2, ("file", "get", "abc")),
        (2, ("file", "get", DIGEST, "-o", "/nowhere/at/all")),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(office: Installation, code: int, words: tuple[str, ...]) -> None:
    office.refused(code, *words)


def test_what_the_index_says_and_the_mail_does_not_hold_is_not_found(office: Installation, world: World) -> None:
    with world.database.move(Move.ROUTE) as unit:
        files.index(unit, 1, [FileOfMail("a", "b/c", 1, b"x" * 32), FileOfMail("a", "b/c", 1, b"x" * 32)])
    office.refused(1, "file", "get", (b"x" * 32).hex())
