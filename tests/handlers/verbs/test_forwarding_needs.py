# SPDX-License-Identifier: Apache-2.0
"""What an agent's forward must bear to become another's case: without any part of it nobody is a contact."""

from unittest.mock import patch

import dkim
import pytest

from handlers.ports import Answer, Found
from storage import contacts
from tests.support.dkim import private_pem
from tests.support.office import ANN, BEGINNING, CARL, SUPPORT, World, mail

BLOCK = (
    "Please take this one.\r\n\r\n---------- Forwarded message ---------\r\n"
    f"From: Carl Customer <{CARL}>\r\nDate: Mon, Nov 23, 2026 at 10:00 AM\r\nSubject: Broken tractor\r\n"
    f"To: Ann Doe <{ANN}>\r\n\r\nHello,\r\nit is broken.\r\n"
)
FIELDS = (b"from", b"to", b"subject", b"date", b"message-id")


def forward(**fields: str) -> bytes:
    given = {"subject": "Fwd: Broken tractor"} | fields
    return mail(f"Ann Doe <{ANN}>", BLOCK, **given)


def signed(octets: bytes, *names: bytes, domain: str = ANN.domain) -> bytes:
    """With a signature of that domain over these fields alone."""
    with patch("dkim.time.time", return_value=BEGINNING.timestamp()):
        return dkim.sign(octets, b"s1", domain.encode(), private_pem(), include_headers=list(names)) + octets


def is_carls(world: World, octets: bytes) -> bool:
    """Whether it became Carl's case, and Carl a known contact; both or neither."""
    world.receive(octets, str(SUPPORT), sender=str(ANN))
    with world.database.read() as unit:
        known = contacts.is_known_contact(unit, CARL)
    assert known == (world.case(1).contact_address == CARL)
    return known


def test_a_signature_over_all_of_it_is_enough(world: World) -> None:
    assert is_carls(world, signed(forward(), *FIELDS))


@pytest.mark.parametrize("left_out", FIELDS[1:])
def test_each_field_must_be_signed(world: World, left_out: bytes) -> None:
    assert not is_carls(world, signed(forward(), *(name for name in FIELDS if name != left_out)))


@pytest.mark.parametrize("name", ["cc", "mime_version", "content_type", "content_transfer_encoding"])
def test_what_need_not_be_there_must_be_signed_where_it_is(world: World, name: str) -> None:
    values = {
        "cc": str(SUPPORT),
        "mime_version": "1.0",
        "content_type": "text/plain",
        "content_transfer_encoding": "7bit",
    }
    octets = forward(**{name: values[name]})
    assert not is_carls(world, signed(octets, *FIELDS))


def test_what_need_not_be_there_may_be_there_signed(world: World) -> None:
    assert is_carls(world, signed(forward(mime_version="1.0"), *FIELDS, b"mime-version"))


def test_anothers_signature_over_all_of_it_is_not_enough(world: World) -> None:
    """The agent's domain vouches for the author alone; a stranger's signature covers the rest."""
    octets = signed(forward(), b"from", b"date")
    assert not is_carls(world, signed(octets, *FIELDS, domain="evil.example"))


def test_a_host_that_may_send_for_the_agents_domain_is_not_enough(world: World) -> None:
    """SPF says who handed the mail over, not who wrote it: mail hosts are shared."""
    world.txt[ANN.domain] = Answer(Found.YES, (b"v=spf1 ip4:192.0.2.1 -all",))
    world.txt[f"_dmarc.{ANN.domain}"] = Answer(Found.YES, (b"v=DMARC1; p=reject",))
    assert not is_carls(world, forward())
    assert world.case(1).contact_address == str(ANN)


def test_a_signature_that_does_not_hold_is_not_enough(world: World) -> None:
    octets = signed(forward(), *FIELDS).replace(b"it is broken.", b"it is smashed.")
    assert not is_carls(world, octets)


def test_what_a_program_sends_on_is_no_agents_forward(world: World) -> None:
    world.receive(signed(forward(auto_submitted="auto-replied"), *FIELDS), str(SUPPORT), sender=str(ANN))
    with world.database.read() as unit:
        assert not contacts.is_known_contact(unit, CARL)


def test_what_points_to_a_case_is_no_new_matter(world: World) -> None:
    first = world.carl()
    world.receive(signed(forward(in_reply_to=f"<{first.message_id}>"), *FIELDS), str(SUPPORT), sender=str(ANN))
    assert world.case(2).contact_address == str(ANN)
