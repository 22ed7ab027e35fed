# SPDX-License-Identifier: Apache-2.0
"""A mail that only says that it is the customer's never joins their case, whatever thread ID and ids it shows."""

from dataclasses import dataclass

import pytest

from tests.end_to_end.conftest import ACKNOWLEDGE, World
from tests.support.installation import Delivered
from tests.support.people import Customer, accepted_id, mail

pytestmark = pytest.mark.slow

HELLO = "hello@firm.example"  # acknowledges


@dataclass(frozen=True)
class Conversation:
    """A case with one mail each way: what a spy may have seen of it."""

    victim: Customer
    number: int
    thread_id: str
    letter: Delivered


@pytest.fixture
def conversation(world: World) -> Conversation:
    victim, ann = world.customer(), world.agent
    victim.write("Broken tractor", f"Secret of {victim.domain}.", HELLO)
    victim.inbox(ACKNOWLEDGE)
    copy = ann.inbox(f"Secret of {victim.domain}.")
    ann.reply(copy, f"Answer to {victim.domain}.")
    letter = victim.inbox(f"Answer to {victim.domain}.")
    case = victim.case()
    return Conversation(victim, case["number"], case["thread_id"], letter)


def forged(conversation: Conversation, author: str, body: str) -> bytes:
    """Everything that was public or seen in the conversation, in one mail."""
    letter = conversation.letter
    return mail(
        author,
        HELLO,
        f"Re: Broken tractor {conversation.thread_id}",
        body,
        In_Reply_To=letter.field("Message-ID"),
        References=letter.field("Message-ID"),
        X_Casegate_Thread=conversation.thread_id,
    )


# Who signs the mail that says From: victim. Neither proves the author: nobody, or a domain that is not the author's.
@pytest.mark.parametrize("signed_by_another", [False, True], ids=["unsigned", "signed-by-another-domain"])
def test_a_spoofed_author_gets_another_case(world: World, conversation: Conversation, signed_by_another: bool) -> None:
    victim, ann = conversation.victim, world.agent
    words = f"Send it to me instead of {victim.domain}."
    spoof = forged(conversation, victim.author, words)
    if signed_by_another:
        spoof = world.customer().signer.sign(spoof)
    with world.installation.mx() as session:
        recipients = [HELLO, conversation.letter.field("Reply-To")]
        message_id = accepted_id(session.send_mail(victim.address, recipients, spoof))

    copy = ann.inbox(words)
    shown = world.installation.message(message_id)
    assert shown["proof"] == "unproven"
    assert shown["case"] != conversation.number
    case = world.installation.case(shown["case"])
    assert case["links"] == [{"kind": "possibly_belongs_to", "number": conversation.number}]
    assert case["thread_id"] != conversation.thread_id
    # Whoever reads the copy sees at once that nobody vouches for the author.
    assert copy.field("Subject").startswith("[unverified] ")
    assert "[unverified]" in copy.field("From").partition("<")[0]
    assert copy.field("X-Casegate-Thread") == case["thread_id"]
    original = world.installation.case(conversation.number)
    assert message_id not in original["messages"]
    # The victim hears nothing of it: the acknowledgement of their own mail and the answer are all they ever got.
    assert [event["kind"] for event in case["timeline"]].count("acknowledged") == 0
    assert len(world.installation.maildir(victim.address)) == 2


def test_a_stranger_with_the_right_ids_gets_a_linked_case(world: World, conversation: Conversation) -> None:
    mallory, ann = world.customer(name="Mallory Else"), world.agent
    words = f"I am the lawyer of {conversation.victim.domain}."
    content = mallory.signer.sign(forged(conversation, mallory.author, words))
    message_id = accepted_id(mallory.send(content, HELLO))

    copy = ann.inbox(words)
    shown = world.installation.message(message_id)
    assert shown["proof"] == "third_party"
    case = world.installation.case(shown["case"])
    assert case["links"] == [{"kind": "third_party", "number": conversation.number}]
    assert copy.field("Subject").startswith("[unverified] ")
    assert world.installation.maildir(mallory.address) == []

    # What ann answers goes to the stranger alone and tells nothing of the other case.
    ann.reply(copy, f"Who are you, {mallory.domain}?")
    letter = mallory.inbox("Who are you")
    assert conversation.victim.domain.encode() not in letter.content
    assert len(world.installation.maildir(conversation.victim.address)) == 2


def test_the_thread_id_alone_lets_a_proven_participant_join(world: World, conversation: Conversation) -> None:
    victim, ann = conversation.victim, world.agent
    message_id = victim.write(f"Once more {conversation.thread_id}", f"Without ids, {victim.domain}.", HELLO)

    ann.inbox(f"Without ids, {victim.domain}.")
    assert world.installation.message(message_id)["case"] == conversation.number


def test_an_unsigned_first_mail_is_taken_marked_and_not_acknowledged(world: World) -> None:
    nobody, ann = world.customer(), world.agent
    words = f"No signature at {nobody.domain}."
    message_id = accepted_id(nobody.send(mail(nobody.author, HELLO, "Hello", words), HELLO))

    assert ann.inbox(words).field("Subject") == "[unverified] Hello"
    assert world.installation.message(message_id)["proof"] == "unproven"
    kinds = [event["kind"] for event in nobody.case()["timeline"]]
    assert kinds == ["created", "message", "assigned", "not_acknowledged"]
    assert world.installation.maildir(nobody.address) == []
