# SPDX-License-Identifier: Apache-2.0
"""What people write in the words of machines stays seen: it is a person's, or at least it wakes its closed case."""

import pytest

from storage import cases
from storage.states import Move
from tests.support.office import World, mail, sign

CARL = "Carl Customer <carl@customer.example>"
REJECTED = "My order was rejected by your shop, please help."
UNKNOWN = "I wrote to bob@firm.example and got a bounce: 550 5.1.1 user unknown. What now?"
PEOPLE = [
    # The words of mail systems in somebody's domain, local part or name.
    ("Sue <sue@mail.systemhaus.example>", "Re: Broken", REJECTED),
    ("Sue <sue@mailgateway.example>", "Re: Broken", "The login could not be sent."),
    ("Sue <sue@maildelivery.example>", "Delivery problem", "The parcel could not be delivered."),
    ("Sue <sue@bounces.example>", "Re: Broken", "Our booking was refused."),
    ("Bounce Club <bounce@trampoline.example>", "Re: Broken", "Our booking was refused."),
    ("News <bounces@news.example>", "Newsletter undelivered", "Write to nancy@news.example, delivery failed."),
    ("Tim Daemon <tim.daemon@x.example>", "Re: Broken", "Our booking was refused."),
    ("Jon Daemon <daemon@x.example>", "Delivery status", "Is it delivered? It says user unknown."),
    ("Mail Delivery Ltd <hello@x.example>", "Delivery problem", "Our van could not deliver to the address."),
    ("Mail Server Shop <order@x.example>", "Order rejected", "It was rejected by the bank: sue@x.example"),
    ("Return Mail Kft <post@x.example>", "Returned mail", "It was returned to sender."),
    # Who keeps a mail system writes about it.
    ("Mail Administrator <postmaster@customer.example>", "Re: Broken", "Mail to bob@firm.example was rejected by you."),
    ("Jane (postmaster) <postmaster@customer.example>", "Your server", "Delivery to bob@customer.example failed."),
    ("Postmaster <postmaster@customer.example>", "Warning: your certificate expires", UNKNOWN),
    ("Mail Administrator <mail-admin@x.example>", "Mailbox full", "The mailbox is full: carl@x.example"),
    ("System Administrator <sysadmin@x.example>", "Rejected invoice", "It was rejected: use books@x.example"),
    ("Abuse Desk <abuse@customer.example>", "Complaint about spam", "We received spam from you."),
    # About bounces.
    (CARL, "Re: Mail delivery failed", UNKNOWN),
    (CARL, "Undeliverable parcel 1234", "Delivery failed, recipient unknown, returned to sender."),
    (CARL, "Fwd: Undelivered Mail Returned to Sender", "<bob@x.example>: host mx said: 550 5.1.1 user unknown"),
    (CARL, "Warning", "delivery failed of parcel"),
    # About responders.
    (CARL, "Your agent Bob is out of office, who helps?", "It is urgent."),
    (CARL, "Bob is out of office - who replaces him?", "It is urgent."),
    (CARL, "[Auto reply] does not work", "It is urgent."),
    (CARL, "Auto-reply: wrong text", "It is urgent."),
    (CARL, "Abwesend: wer vertritt Bob?", "Es eilt."),
    (CARL, "Automatic reply: how do I set it?", "How?"),
    (CARL, "Automatische Antwort: falscher Text", "Bitte richten."),
    (CARL, "Fwd: Automatic reply: Away", "See below."),
    (CARL, "Out of office: Bob", "Who stands in for him?"),
]
AWAY = "Automatic reply: Broken"


def answer(world: World, author: str, *, sender: str | None, **fields: str) -> object:
    """An aligned answer into a case of the author's that was closed meanwhile."""
    body = fields.pop("body", "I am away.")
    first = world.carl(author=author)
    with world.database.move(Move.ROUTE) as unit:
        cases.write(unit, first.case.id, {"status": "closed", "status_kind": "closed"})
    octets = mail(author, body, in_reply_to=f"<{first.message_id}>", **fields)
    domain = author.rpartition("@")[2].rstrip(">")
    return world.receive(sign(octets, domain), sender=sender)


def address_of(author: str) -> str:
    """Without the name."""
    return author.rpartition("<")[2].rstrip(">")


@pytest.mark.parametrize(("author", "subject", "body"), PEOPLE)
def test_a_person_who_writes_like_a_machine_wakes_the_closed_case(
    world: World, author: str, subject: str, body: str
) -> None:
    found = answer(world, author, sender=address_of(author), subject=subject, body=body)
    assert (found.classification, found.case.number, found.case.status) == ("person", 1, "open")
    # Without a signature it is a person's mail just so.
    assert world.receive(mail(author, body, subject=subject), sender=address_of(author)).classification == "person"


@pytest.mark.parametrize(
    ("author", "subject", "body"),
    [
        row
        for row in PEOPLE
        if not row[1].lower().startswith(("auto", "[auto", "abwesend", "out of", "your agent", "bob"))
    ],
)
def test_a_person_without_a_reverse_path_wakes_the_closed_case_whatever_it_looks_like(
    world: World, author: str, subject: str, body: str
) -> None:
    found = answer(world, author, sender=None, subject=subject, body=body)
    assert (found.case.number, found.case.status) == (1, "open")
    assert world.receive(mail(author, body, subject=subject), sender=None).case is not None


@pytest.mark.parametrize(
    ("sender", "fields"),
    [
        # RFC 3834, whatever the subject.
        (address_of(CARL), {"subject": "Re: Broken", "auto_submitted": "auto-replied"}),
        (address_of(CARL), {"subject": AWAY, "auto_submitted": "auto-generated"}),
        # Responders that do not know it: their fields, or their subject beside another sign.
        (address_of(CARL), {"subject": "Re: Broken", "x_autoreply": "yes"}),
        (address_of(CARL), {"subject": "Re: Broken", "precedence": "auto_reply"}),
        (address_of(CARL), {"subject": AWAY, "x_auto_response_suppress": "All"}),
        (address_of(CARL), {"subject": AWAY, "precedence": "bulk"}),
        (address_of(CARL), {"subject": "[Auto-Reply] Broken", "x_loop": "carl@customer.example"}),
        (None, {"subject": AWAY}),
        (None, {"subject": "Abwesend: Broken"}),
        (None, {"subject": "Carl Customer is out of the office"}),
        # A receipt, and a report with its part for programs.
        (None, {"subject": "Read: Broken", "content_type": "multipart/report; report-type=disposition-notification"}),
        (None, {"subject": "Returned", "content_type": "multipart/report; report-type=delivery-status; boundary=b"}),
    ],
)
def test_a_machine_of_the_customers_does_not_wake_the_closed_case(
    world: World, sender: str | None, fields: dict[str, str]
) -> None:
    found = answer(world, CARL, sender=sender, **fields)
    assert found.classification in ("auto-reply", "out-of-office", "bounce")
    assert (found.case.number, found.case.status) == (1, "closed")


def test_the_subject_of_a_responder_alone_gets_no_automatic_answer(world: World) -> None:
    assert world.carl(subject="Automatic reply: how do I set it?").classification == "person"
    assert not world.sent("acknowledgement")
    world.carl(subject="How do I set an automatic reply?")
    assert len(world.sent("acknowledgement")) == 1


def test_a_mail_system_that_can_be_answered_gives_back_the_mail_or_is_none(world: World) -> None:
    told = "Your message to bob@x.example failed:\r\n\r\n<bob@x.example>: 550 5.1.1 User unknown\r\n"
    given_back = "\r\n--- Original message ---\r\n\r\nReceived: from a by b\r\nSubject: hi\r\n"
    author, sender = "Postmaster <postmaster@x.example>", "postmaster@x.example"
    assert world.receive(mail(author, told, subject="Undeliverable"), sender=sender).classification == "person"
    assert world.receive(mail(author, told + given_back), sender=sender).classification == "bounce"
