# SPDX-License-Identifier: Apache-2.0
"""Every decision leaves a note that names its rule, and none says what another one says."""

import json

import pytest

from handlers import intake
from tests.support.office import World, customer_address, mail, sign


def notes(world: World, octets: bytes, *recipients: str, sender: str | None = "carl@customer.example") -> dict:
    """step -> (decided, because) of each note."""
    told: dict[str, list] = {}
    for one in world.judged(octets, *recipients, sender=sender).notes:
        told.setdefault(one.step, []).append((one.decided, one.because))
    return told


NOBODY = [
    # No From field at all.
    ({"from": ""}, "there is no From field"),
    # Two people, of whom a reader may show either.
    ({"from": "a@x.example, b@y.example"}, "From names nobody, several people, or somebody whom two readers"),
]


@pytest.mark.parametrize(("fields", "because"), NOBODY)
def test_a_mail_without_one_author_says_why(world: World, fields, because):
    ((decided, said),) = notes(world, mail(**fields))["author"]
    assert decided == "none"
    assert said.startswith(because)


def test_two_from_fields_are_counted(world: World):
    ((_, said),) = notes(world, b"From: eve@evil.example\r\n" + mail())["author"]
    assert said == "there are 2 From fields"


def test_each_recipient_has_its_rule(world: World):
    told = notes(world, mail("Eve <eve@evil.example>"), "support@firm.example", "held@firm.example")["admission"]
    (accepted,) = [because for _, because in told if because.startswith("for support@firm.example: ")]
    (held,) = [because for decided, because in told if because.startswith("for held@firm.example: ")]
    assert "accept_from" in accepted
    assert "known_contacts" in held


def test_what_points_to_a_thread_is_named_and_only_where_something_does(world: World):
    first = world.carl()
    octets = sign(mail(references=f"<{first.message_id}>", subject=f"Re: [{first.token}]"), "customer.example")
    ((decided, said),) = notes(world, octets, customer_address(first.token))["pointers"]
    assert decided == "found"
    assert said == (
        "a signed address of ours; the Message-ID of another mail; a thread ID that stands in it for all to see"
    )
    assert "pointers" not in notes(world, mail())


def test_forged_fields_that_are_left_out_are_counted(world: World):
    octets = b"Authentication-Results: gw.example; dkim=pass\r\nX-Casegate-Message: 1\r\n" + mail()
    assert notes(world, octets)["stamp"] == [("2 fields left out", "only we write such a field")]


def test_no_note_says_what_another_says(world: World):
    first = world.carl()
    octets = sign(mail(references=f"<{first.message_id}>"), "customer.example")
    told = world.judged(octets, "support@firm.example", "held@firm.example").notes
    assert len({(one.decided, one.because) for one in told}) == len(told)
    assert all(one.because and not one.because.endswith(".") for one in told)


def test_what_the_way_undid_is_stored_as_undone(world: World):
    judged = world.judged(sign(mail(), "customer.example"))
    assert judged.aligned
    stored = intake.authentication_json(judged.authentication, aligned=False)
    assert json.loads(stored)["aligned"] is False
