# SPDX-License-Identifier: Apache-2.0
"""The row "likely" of design.md's table, end to end: judged by SPF and DMARC, stored, routed, copied."""

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace

import pytest

from handlers import intake, proof
from handlers.ports import Answer, Found
from storage import messages
from storage.address import parse
from storage.content import packed
from storage.desk_values import Contact
from storage.states import Move
from tests.support.office import ANN, CARL, DESK, World, customer_address, field, mail, sign

SIGNED = sign(mail(), "customer.example")


def txt(text: str) -> Answer:
    return Answer(Found.YES, (text.encode(),))


def opened(world: World) -> SimpleNamespace:
    """A case of Carl's, whose domain signs nothing; an agent has answered it."""
    first = world.receive(mail())
    assert (first.proof, first.case.number) == ("unproven", 1)
    to = field(world.sent("copy")[-1], "reply-to").strip("<>")
    assert isinstance(world.reply(mail(str(ANN), to=to), to), str)
    return first


def by_reply_address(world: World, first: SimpleNamespace) -> SimpleNamespace:
    return world.receive(mail(), customer_address(first.token))


def by_our_id(world: World, _: SimpleNamespace) -> SimpleNamespace:
    return world.receive(mail(in_reply_to=field(world.sent("reply")[-1], "message-id")))


@pytest.mark.parametrize("answer", [by_reply_address, by_our_id])
def test_a_customer_whose_domain_vouches_for_nobody_joins_with_evidence_and_is_marked(
    world: World, answer: Callable[[World, SimpleNamespace], SimpleNamespace]
) -> None:
    second = answer(world, opened(world))
    assert (second.case.number, second.proof) == (1, "likely")
    copy = world.sent("copy")[-1]
    assert field(copy, "subject").startswith("[unverified]")
    assert "[unverified]" in field(copy, "from")


@pytest.mark.parametrize("record", ["v=spf1 ip4:192.0.2.1 -all", "v=spf1 ?all", "v=spf1 ~all"])
def test_spf_need_not_pass_but_may_not_fail(world: World, record: str) -> None:
    world.txt["customer.example"] = txt(record)
    assert by_reply_address(world, opened(world)).proof == "likely"


UNLIKELY = {
    # Each condition of the row that is missing.
    "SPF fails": lambda world: world.txt.update({"customer.example": txt("v=spf1 -all")}),
    "SPF cannot be read": lambda world: world.txt.update({"customer.example": txt("v=spf1 nonsense")}),
    "DMARC is published": lambda world: world.txt.update({"_dmarc.customer.example": txt("v=DMARC1; p=none")}),
    "DMARC is published above": lambda world: world.txt.update({"_dmarc.example": txt("v=DMARC1; p=none; psd=y")}),
    "DMARC is published badly": lambda world: world.txt.update({"_dmarc.customer.example": txt("v=DMARC1")}),
    "the domain has passed": lambda world: world.receive(SIGNED),
}


@pytest.mark.parametrize("change", UNLIKELY.values(), ids=UNLIKELY)
def test_a_condition_that_is_missing_makes_another_case(world: World, change: Callable[[World], object]) -> None:
    first = opened(world)
    change(world)
    again = by_reply_address(world, first)
    assert (again.proof, again.link_kind) == ("unproven", "possibly_belongs_to")
    assert again.case.number > 1


def test_without_an_answer_about_dmarc_nobody_is_likely(world: World) -> None:
    first = opened(world)
    world.txt["_dmarc.customer.example"] = Answer(Found.TEMPORARY)
    refusal = world.judged(mail(), customer_address(first.token)).refusal
    assert str(refusal) == "451 4.4.3 DNS gives no answer for _dmarc.customer.example (TXT) now, try again later"
    world.annotate = True
    assert by_reply_address(world, first).proof == "unproven"


def test_a_pointer_that_is_no_evidence_makes_another_case(world: World) -> None:
    first = opened(world)
    assert world.receive(mail(x_casegate_thread=first.token)).proof == "unproven"


def test_who_is_no_participant_is_never_likely(world: World) -> None:
    first = opened(world)
    other = world.receive(
        mail("Mal <mal@unsigned.example>"), customer_address(first.token), sender="mal@unsigned.example"
    )
    assert (other.proof, other.case.number) == ("unproven", 2)


def test_likely_mail_brings_nobody_in_and_is_not_remembered_as_a_pass(world: World) -> None:
    first = opened(world)
    world.receive(mail(cc="dora@other.example"), customer_address(first.token))
    assert world.participants(first.token) == {CARL}
    assert by_reply_address(world, first).proof == "likely"


def by_forwarder(world: World, first: SimpleNamespace) -> SimpleNamespace:
    """The step that recognises the way (handlers/ways.py) has found the address's own forwarder."""
    octets = mail()
    judged = replace(world.judged(octets, customer_address(first.token)), vouched=True)
    with world.database.move(Move.ACCEPT) as unit:
        made = messages.accept(unit, intake.arrival(judged, world.office, packed(octets)), proof.decide)
    world.route()
    return world.message(made.id)


def test_a_dedicated_forwarder_vouches_up_to_likely(world: World) -> None:
    first = world.carl()
    world.txt["customer.example"] = txt("v=spf1 -all")
    world.txt["_dmarc.customer.example"] = txt("v=DMARC1; p=none")
    second = by_forwarder(world, first)
    assert (second.case.number, second.proof) == (first.case.number, "likely")
    assert by_reply_address(world, first).proof == "unproven"


def test_spf_alone_proves_nobody_where_dmarc_is_published_it_does(world: World) -> None:
    first = world.carl()
    world.txt["customer.example"] = txt("v=spf1 ip4:192.0.2.1 -all")
    assert by_reply_address(world, first).proof == "unproven"
    world.txt["_dmarc.customer.example"] = txt("v=DMARC1; p=none")
    assert by_reply_address(world, first).proof == "proven"


def test_a_contact_is_the_same_in_u_labels_and_a_labels(world: World) -> None:
    one, other = "jorg@bücher.example", "Jorg@xn--bcher-kva.example"
    first = world.receive(sign(mail(one), "xn--bcher-kva.example"), sender=None)
    second = world.receive(sign(mail(other, x_casegate_thread=first.token), "xn--bcher-kva.example"), sender=None)
    assert (second.proof, second.case.number) == ("proven", first.case.number)


def test_a_known_contact_is_known_by_either_spelling_of_the_domain(world: World) -> None:
    world.apply(replace(DESK, contacts=(Contact("Jo", (parse("jo@bücher.example"),)),)))
    octets = sign(mail("JO@xn--bcher-kva.example"), "xn--bcher-kva.example")
    assert world.judged(octets, "vip@firm.example", sender=None).disposition == "accept"


@pytest.mark.postgres
def test_on_postgresql_the_row_is_the_same(postgres_url: str) -> None:
    world = World(postgres_url)
    try:
        first = opened(world)
        assert by_reply_address(world, first).proof == "likely"
        world.txt["customer.example"] = txt("v=spf1 -all")
        assert by_reply_address(world, first).proof == "unproven"
        assert by_forwarder(world, first).proof == "likely"
    finally:
        world.close()


def test_another_address_of_the_contact_is_never_likely(world: World) -> None:
    """Only proof lets it in: the forger of an address that takes no part has no answer of that address to fear."""
    world.apply(replace(DESK, contacts=(Contact("Carl", (parse(CARL), parse("carl@home.example"))),)))
    first = opened(world)
    octets = mail("Carl <carl@home.example>", in_reply_to=field(world.sent("reply")[-1], "message-id"))
    found = world.receive(octets, customer_address(first.token), sender="carl@home.example")
    assert (found.case.number, found.proof, world.participants(first.token)) == (2, "unproven", {CARL})
