# SPDX-License-Identifier: Apache-2.0
"""`import`: old mail from mbox files and maildirs becomes cases of the past, and nothing leaves."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from storage.desk_values import Contact
from tests.support.office import CARL, DESK, World, mail, parse, sign

TO = ("--to", "support@firm.example")


def old(number: int, author: str, hour: int, answers: int | None = None, **fields: str) -> bytes:
    """An old mail of that hour of 5 January, with LF line ends as archives have them."""
    given = {"date": f"Mon, 5 Jan 2026 {hour:02}:00:00 +0000", "message_id": f"<old{number}@archive.example>"}
    if answers is not None:
        given["in_reply_to"] = f"<old{answers}@archive.example>"
    return mail(author, f"Words of mail {number}.", **(given | fields)).replace(b"\r\n", b"\n")


CARLS, DORAS = f"Carl Customer <{CARL}>", "Dora <dora@other.example>"
TEAM = "Firm Support <support@firm.example>"


def mbox(directory: Path, *mails: bytes) -> str:
    path = directory / "archive.mbox"
    path.write_bytes(b"\n".join(b"From x@y.example Mon Jan  5 10:00:00 2026\n" + one for one in mails))
    return str(path)


def maildir(directory: Path, *mails: bytes) -> str:
    path = directory / "Maildir"
    for name in ("cur", "new", "tmp"):
        (path / name).mkdir(parents=True)
    for number, one in enumerate(mails):
        (path / ("cur" if number % 2 else "new") / f"1767600000.{number}.host").write_bytes(one)
    return str(path)


CONVERSATION = (  # the answer lies in front of what it answers
    old(2, TEAM, 12, answers=1, to=CARL),
    old(1, CARLS, 10, subject="Long ago"),
    old(3, CARLS, 14, answers=2),
    old(4, DORAS, 15, subject="Another matter"),
)


@pytest.mark.parametrize("make", [mbox, maildir])
def test_an_archive_becomes_cases_of_the_past(installation, world: World, tmp_path, make):
    told = installation.call("import", make(tmp_path, *CONVERSATION), *TO)
    assert (told.exit_code, told.stdout) == (0, "4 imported, 0 here already\n")
    assert told.stderr == "4 of 4 mails, 4 of them new\n"
    another, first = installation.json("case", "list")
    assert (first["subject"], first["contact"], first["status"]) == ("Long ago", CARL, "closed")
    assert (first["created_at"], first["ended_at"]) == ("2026-01-05T10:00:00Z", "2026-01-05T14:00:00Z")
    assert (another["contact"], another["source"]) == ("dora@other.example", "import")
    shown = installation.json("case", "show", str(first["number"]))
    assert [(one["at"][11:13], one["direction"]) for one in shown["mail"]] == [
        ("10", "inbound"),
        ("12", "outbound"),
        ("14", "inbound"),
    ]
    assert [one["kind"] for one in shown["timeline"]] == ["created", "message", "reply", "message"]
    assert installation.json("outbox", "list") == []


def test_importing_twice_brings_nothing_twice(installation, world: World, tmp_path):
    path = mbox(tmp_path, *CONVERSATION, CONVERSATION[1])
    assert installation.call("import", path, *TO).stdout == "4 imported, 1 here already\n"
    assert installation.call("import", path, *TO).stdout == "0 imported, 5 here already\n"
    assert len(installation.json("message", "list")) == 4


def test_the_octets_are_kept_without_the_mboxs_own_quoting(installation, world: World, tmp_path):
    one = mail(CARLS, "It came\r\nFrom here\r\n>From there").replace(b"\r\n", b"\n")
    quoted = one.replace(b"\nFrom here", b"\n>From here").replace(b"\n>From there", b"\n>>From there")
    installation.call("import", mbox(tmp_path, quoted), *TO)
    (listed,) = installation.json("message", "list")
    raw = installation.call("message", "raw", listed["id"]).stdout_bytes
    assert raw.rstrip() == one.replace(b"\n", b"\r\n").rstrip()


def test_a_customer_who_answers_old_mail_today_is_in_the_old_case(installation, world: World, tmp_path):
    installation.call("import", mbox(tmp_path, *CONVERSATION), *TO)
    octets = mail(CARLS, "Again!", in_reply_to="<old2@archive.example>", subject="Re: Long ago")
    arrived = world.receive(sign(octets, "customer.example"))
    assert (arrived.proof, arrived.row.thread_id is not None) == ("proven", True)
    numbers = {one["number"] for one in installation.json("case", "list") if arrived.id in one["messages"]}
    story = installation.json("case", "show", str(numbers.pop()))
    assert story["subject"] == "Long ago" or any(link["kind"] == "follows" for link in story["links"])


def test_a_stranger_who_named_an_old_mail_is_in_no_old_case(installation, world: World, tmp_path):
    mallory = old(5, "Mallory <mallory@evil.example>", 16, answers=1)
    installation.call("import", mbox(tmp_path, *CONVERSATION, mallory), *TO)
    cases = {one["contact"]: one for one in installation.json("case", "list")}
    assert len(cases[CARL]["messages"]) == 3
    assert [link["kind"] for link in cases["mallory@evil.example"]["links"]] == ["possibly_belongs_to"]


def test_a_dry_run_tells_what_would_come_and_writes_nothing(installation, world: World, tmp_path):
    path = mbox(tmp_path, *CONVERSATION)
    told = installation.call("import", path, *TO, "--dry-run")
    assert (told.exit_code, told.stdout) == (0, "4 to import, 0 here already\n")
    assert installation.json("case", "list") == []
    installation.call("import", path, *TO)
    assert installation.call("import", path, *TO, "--dry-run").stdout == "0 to import, 4 here already\n"


def test_what_cannot_be_read_is_named_and_the_rest_comes(installation, world: World, tmp_path):
    (tmp_path / "notes.txt").write_text("Dear diary\n")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "empty").mkdir()
    bad = {"notes.txt": "no mbox file", "empty": "no maildir", "nowhere": "No such file", "pipe": "no mbox file"}
    paths = [str(tmp_path / name) for name in bad]
    told = installation.call("import", *paths[:2], mbox(tmp_path, *CONVERSATION), *paths[2:], *TO)
    assert (told.exit_code, told.stdout) == (1, "4 imported, 0 here already, 4 left out\n")
    lines = [line for line in told.stderr.splitlines() if line.startswith("left out: ")]
    for line, name, words in zip(lines, bad, bad.values(), strict=True):
        assert name in line
        assert words in line
    assert len(installation.json("case", "list")) == 2


def test_a_link_in_a_maildir_brings_no_file_from_elsewhere(installation, world: World, tmp_path):
    path = maildir(tmp_path, old(1, CARLS, 10))
    (tmp_path / "secret").write_text("Subject: of the operator\n")
    os.symlink(tmp_path / "secret", Path(path) / "new" / "1767600000.9.host")
    told = installation.call("import", path, *TO)
    assert (told.exit_code, told.stdout) == (1, "1 imported, 0 here already, 1 left out\n")
    assert "1767600000.9.host" in told.stderr


def test_a_mail_that_is_too_large_is_named_and_the_rest_comes(installation, world: World, tmp_path):
    installation.file.write_text(installation.file.read_text() + '[mx]\nmax_size = "64KB"\n')
    large = old(5, DORAS, 9) + b"x" * 70_000
    told = installation.call("import", maildir(tmp_path, large, *CONVERSATION), *TO)
    assert (told.exit_code, told.stdout) == (1, "4 imported, 0 here already, 1 left out\n")
    assert "more than mx.max_size" in told.stderr


def test_imported_people_are_shown_as_verified_once_somebody_knows_them(installation, world: World, tmp_path):
    world.apply(replace(DESK, contacts=(Contact("Carl Customer", (parse(CARL),)),)))
    installation.call("import", mbox(tmp_path, *CONVERSATION), *TO)
    verified = {one["contact"]: one["contact_verified"] for one in installation.json("case", "list")}
    assert verified == {CARL: True, "dora@other.example": False}
    assert "dora@other.example (unverified)" in installation.out("case", "show", "2")
    shown = installation.json("contact", "show", "dora@other.example")
    assert (shown["known"], [one["subject"] for one in shown["past"]]) == (False, ["Another matter"])
    assert len(installation.json("case", "list", "--contact", CARL)) == 1


def test_drafts_and_deleted_mail_are_passed_over_and_counted(installation, world: World, tmp_path):
    path = Path(maildir(tmp_path, *CONVERSATION))
    for number, flags in ((1, ":2,S"), (3, ":2,DS")):
        (path / "cur" / f"1767600000.{number}.host").rename(path / "cur" / f"1767600000.{number}.host{flags}")
    told = installation.call("import", str(path), *TO)
    assert (told.exit_code, told.stdout) == (0, "3 imported, 0 here already, 1 passed over: drafts, deleted\n")


def test_a_mail_without_a_date_has_that_of_the_line_above_it(installation, world: World, tmp_path):
    installation.call("import", mbox(tmp_path, old(1, CARLS, 12, date="")), *TO)
    assert installation.json("case", "list")[0]["created_at"] == "2026-01-05T10:00:00Z"


# Words that are wrong, the exit code, and what is said.
WRONG = [
    (("--to", "nobody@firm.example"), 1, "no routing address nobody@firm.example"),
    ((*TO, "--status", "done"), 2, "'done' is no status"),
    ((), 2, "--to"),
]


@pytest.mark.parametrize(("words", "code", "told"), WRONG)
def test_a_wrong_call_says_what_is_wrong(installation, world: World, tmp_path, words, code, told):
    result = installation.call("import", mbox(tmp_path, *CONVERSATION), *words)
    assert (result.exit_code, result.stdout) == (code, "")
    assert told in result.stderr


def test_a_status_of_the_desk_may_stay_open(installation, world: World, tmp_path):
    installation.call("import", mbox(tmp_path, *CONVERSATION), *TO, "--status", "open")
    assert {(one["status"], one["ended_at"]) for one in installation.json("case", "list")} == {("open", None)}
