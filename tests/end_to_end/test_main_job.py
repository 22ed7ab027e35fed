# SPDX-License-Identifier: Apache-2.0
"""The main job over real sockets: a customer's mail, a case, the agent's copy, the agent's reply, the answer to it.

Every test has a customer of its own, so all share one running installation on each pair of database and runner.
"""

import re

import pytest

from tests.end_to_end.conftest import CANARIES, LOGIN, SIGNATURE, World
from tests.support.canaries import found_canaries
from tests.support.people import accepted_id
from tests.support.verifiers import passes_dkimpy, passes_opendkim

pytestmark = pytest.mark.slow

THREAD_ID = re.compile(r"[A-Z2-7]{12}")
WAYS_IN = [
    pytest.param(False, "plain", id="starttls-auth-plain"),
    pytest.param(False, "login", id="starttls-auth-login"),
    pytest.param(True, "plain", id="implicit-tls-auth-plain"),
]


@pytest.mark.parametrize(("implicit_tls", "mechanism"), WAYS_IN)
def test_a_mail_becomes_a_case_the_reply_leaves_and_the_answer_joins(
    world: World, implicit_tls: bool, mechanism: str
) -> None:
    carl, ann = world.customer(), world.agent
    words = f"Smoke comes out of number {carl.domain}."
    question = carl.write("Broken tractor", words)

    copy = ann.inbox(words)
    case = carl.case()
    assert isinstance(case["number"], int)
    assert THREAD_ID.fullmatch(case["thread_id"])
    assert (case["status"], case["team"], case["owner"]) == ("new", "support", LOGIN)
    assert case["messages"] == [question]
    assert copy.field("X-Casegate-Thread") == case["thread_id"]
    assert copy.field("From") == f"Carl Customer via Firm Support <{case['thread_id'].lower()}@gw.example>"
    assert passes_dkimpy(copy.content, world.zone)[:1] == ["gw.example"]

    draft = ann.compose(copy, f"Turn the key of {carl.domain}.")
    reply = accepted_id(ann.send(draft, [copy.field("Reply-To")], implicit_tls=implicit_tls, mechanism=mechanism))

    letter = carl.inbox("Turn the key")
    assert letter.field("From") == "Firm Support <support@firm.example>"
    assert letter.field("Subject") == "Re: Broken tractor"
    assert letter.field("X-Casegate-Thread") == case["thread_id"]
    assert letter.content.endswith(f"\r\n-- \r\n{SIGNATURE}\r\n".encode())
    # Carl's client shows one thread: the reply answers the very mail that he wrote.
    assert letter.field("In-Reply-To") == world.installation.message(question)["message_id"].join("<>")
    assert passes_dkimpy(letter.content, world.zone) == ["firm.example", "gw.example"]
    assert passes_opendkim(letter.content, world.zone) == ["firm.example", "gw.example"]
    assert found_canaries(letter.content + (letter.return_path or "").encode(), CANARIES) == []

    answer = carl.answer(letter, f"It works again, {carl.domain}.")
    second = ann.inbox(f"It works again, {carl.domain}.")
    assert second.field("X-Casegate-Thread") == case["thread_id"]
    # Ann's client shows one thread too: her own mail's id stands in the references of what answers it.
    assert re.search(rb"(?mi)^Message-ID: (\S+)", draft)[1].decode() in second.field("References")
    after = carl.case()
    assert after["number"] == case["number"]
    assert after["messages"] == [question, reply, answer]
    assert world.installation.message(answer)["proof"] == "proven"
    told = [event["kind"] for event in after["timeline"]]
    assert told == ["created", "message", "assigned", "reply", "status", "message", "status"]
    assert after["status"] == "open"
