# SPDX-License-Identifier: Apache-2.0
"""SMTP smuggling, in and out: each known sequence in the content, followed by a second envelope and mail.

Only CR LF . CR LF ends a content, whether bare line ends are refused or mended; and what then leaves, to agents and to
customers, holds no bare CR, no bare LF and no dot that a server of any kind could take for the end.
"""

import base64
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.fake_mx import FakeMx
from tests.support.installation import Delivered, Installation
from tests.support.people import Agent, accepted_id, mail
from tests.support.waiting import wait_until

CORPORA = os.environ.get("CASEGATE_CORPORA", "")
SEQUENCES = (
    json.loads((Path(CORPORA) / "spoofing" / "smuggling.json").read_text("utf-8"))["sequences"] if CORPORA else []
)
pytestmark = pytest.mark.skipif(not CORPORA, reason="CASEGATE_CORPORA names no directory of mail corpora")

SUPPORT, ANN, CARL = "support@firm.example", "ann.doe@private.example", "carl@customer.example"
STRAY = re.compile(rb"\r(?!\n)|(?<!\r)\n|\0")
EVIL = b"MAIL FROM:<x@evil.example>\r\nRCPT TO:<%b>\r\nDATA\r\nSubject: evil\r\n\r\nsmuggled\r\n.\r\n"


@pytest.fixture(scope="module", params=["reject", "normalise"])
def mode(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def outside() -> Iterator[FakeMx]:
    with FakeMx() as host:
        yield host


@pytest.fixture(scope="module")
def house(build, mode, outside) -> Installation:
    return build(
        {"limits": {"bare_line_ends": mode}, "outbound": {"route": f"smtp://{outside.address}", "concurrency": 1}}
    )


def ids(house: Installation) -> set[str]:
    return {one["id"] for one in house.json("message", "list")}


def send(client, recipient: str, before: bytes, sequence: bytes) -> list[tuple[int, str]]:
    """The content, the sequence, a second envelope and its mail, in one go; what was answered up to QUIT."""
    client.send(before + sequence + EVIL % recipient.encode() + b"\r\n.\r\nQUIT\r\n")
    answers = []
    while not answers or answers[-1].code not in (221, 421):
        try:
            answers.append(client.read())
        except ConnectionError:
            break
    return answers


@pytest.mark.parametrize("row", SEQUENCES, ids=lambda row: row["id"])
@pytest.mark.parametrize("chunked", [False, True], ids=["DATA", "BDAT"])
def test_no_sequence_makes_two_mails_of_one_at_the_mx(house, mode, row, chunked):
    known, sequence = ids(house), base64.b64decode(row["bytes_b64"])
    before = mail("Carl <carl@customer.example>", SUPPORT, f"Before {row['id']}", "one")
    with house.mx() as client:
        client.command("MAIL FROM:<carl@customer.example>")
        client.command(f"RCPT TO:<{SUPPORT}>")
        if chunked:
            content = before + sequence + EVIL % SUPPORT.encode()
            client.send(b"BDAT %d LAST\r\n" % len(content) + content)
            answers = [client.read()]
            client.quit()
        else:
            assert client.command("DATA").code == 354
            answers = send(client, SUPPORT, before, sequence)
    new = [house.message(one) for one in ids(house) - known]
    assert len(new) <= 1
    assert all(one["envelope"]["reverse_path"] == CARL for one in new)
    assert [answer.code for answer in answers].count(250) == len(new)
    ends = row["ends_data"] and not chunked
    for one in new:
        raw = house.octets("message", "raw", one["id"])
        assert not STRAY.search(raw), raw
        assert (b"smuggled" in raw) != ends
    if mode == "reject" and not ends and STRAY.search(sequence):
        assert not new
    if mode == "normalise" or ends:
        assert len(new) == 1


@pytest.mark.parametrize("row", SEQUENCES, ids=lambda row: row["id"])
def test_nothing_smuggled_leaves_to_agent_or_customer(house, mode, outside, row):
    sequence = base64.b64decode(row["bytes_b64"])
    words = f"Out {row['id']} {mode}"
    with house.mx() as client:
        opened = client.send_mail(CARL, [SUPPORT], mail(CARL, SUPPORT, words, "?"))
    accepted_id(opened)
    copy = arrived(outside, ANN, words)
    reply = Agent(house, "ann", ANN).compose(copy, "the answer")
    with house.submission() as client:
        client.command(f"MAIL FROM:<{ANN}>")
        assert client.command(f"RCPT TO:<{copy.field('Reply-To')}>").code == 250
        assert client.command("DATA").code == 354
        answers = send(client, copy.field("Reply-To"), reply, sequence)
    if 250 in [answer.code for answer in answers]:
        arrived(outside, CARL, words)
    assert all(not STRAY.search(one.content) for one in outside.mails)
    assert not [one for one in outside.mails if one.content.lstrip().startswith(b"Subject: evil")]
    verbs = {command.split(" ")[0].upper() for command in outside.commands}
    assert verbs <= {"EHLO", "MAIL", "RCPT", "DATA", "QUIT", "RSET", "NOOP"}, verbs


def arrived(outside: FakeMx, to: str, words: str):
    def look():
        return [one for one in outside.mails if to in one.recipients and words.encode() in one.content]

    (found,) = wait_until(look, f"{words!r} for {to}")
    return Delivered("", found.reverse_path, to, found.content)
