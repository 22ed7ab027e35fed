# SPDX-License-Identifier: Apache-2.0
"""The espoofer dialogues of the submission side: whoever an agent says they are, the customer hears from the team."""

import json
from pathlib import Path

import pytest

from handlers.headers import scan
from tests.end_to_end.conftest import CANARIES, World
from tests.support.people import mail

pytestmark = pytest.mark.slow

OTHER = "other.agent@canary-private.example"
BOSS = "boss@legit.example"
TEAM = "support@firm.example"
# The corpus has the third; the first two are its known relatives.
DIALOGUES = {
    "two From fields": f"From: <{{ACCOUNT}}>\r\nFrom: <{BOSS}>\r\n",
    "two From fields, the other first": f"From: <{BOSS}>\r\nFrom: <{{ACCOUNT}}>\r\n",
    "two mailboxes in From": f"From: <{BOSS}>, <{{ACCOUNT}}>\r\n",
    "a From of another agent": f"From: <{OTHER}>\r\nSender: <{BOSS}>\r\n",
    "a From of somebody": f"From: Boss <{BOSS}>\r\nReply-To: <{BOSS}>\r\nResent-From: <{BOSS}>\r\n",
    "a From nobody can read": f"From: =?utf-8?q?boss=40legit.example?=,<{BOSS}>\r\n From : <{BOSS}>\r\n",
    "no From": f"Sender: <{BOSS}>\r\n",
}


def _the_customer_hears_the_team_alone(world: World, head: str) -> None:
    customer, ann = world.customer(), world.agent
    customer.write("Broken tractor", f"Question of {customer.domain}.")
    copy = ann.inbox(f"Question of {customer.domain}.")
    to = copy.field("Reply-To").strip("<>")
    rest = mail("", to, "Re: Broken tractor", f"Answer to {customer.domain}.", In_Reply_To=copy.field("Message-ID"))
    answer = ann.send(head.replace("{ACCOUNT}", ann.address).encode() + rest, [to])
    if answer.code >= 500:
        return
    letter = customer.inbox(f"Answer to {customer.domain}.")
    fields = scan(letter.content)
    assert fields.count(b"from") == 1
    assert letter.field("From").endswith(f"<{TEAM}>")
    for secret in (*CANARIES, OTHER, "legit.example"):
        assert secret.encode() not in letter.content, secret


@pytest.mark.parametrize("head", DIALOGUES.values(), ids=DIALOGUES)
def test_the_customer_hears_the_team_alone(world: World, head: str) -> None:
    _the_customer_hears_the_team_alone(world, head)


@pytest.mark.corpora
def test_no_row_of_the_corpus_makes_an_agent_somebody_else(world: World, corpora: Path) -> None:
    rows = json.loads((corpora / "spoofing/espoofer.json").read_bytes())["cases"]
    submitted = [one for one in rows if one["mode"] == "submission"]
    for row in submitted:
        head = "".join(
            f"{line}\r\n" for line in row["message"].split("\r\n") if line.startswith(("From", " ", "Sender"))
        )
        for word, value in (("{OTHER_USER}", OTHER), ("{LEGIT}", "legit.example"), ("{ATTACKER}", "attacker.example")):
            head = head.replace(word, value)
        _the_customer_hears_the_team_alone(world, head)
    assert submitted
