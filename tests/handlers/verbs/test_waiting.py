# SPDX-License-Identifier: Apache-2.0
"""Mail that waits for DNS: what is waited for, what the sender hears, and that nobody waits for ever."""

from types import SimpleNamespace
from typing import Any

import pytest

from gateway.rates import SharedRates
from handlers.ports import Answer, Found
from handlers.waiting import TRIES
from tests.support.office import CARL, World, customer_address, mail, sign

SUPPORT, POSTMASTER = "support@firm.example", "postmaster@gw.example"
NO_ANSWER = Answer(Found.TEMPORARY)
RECORD, OWN_SPF = "_dmarc.customer.example", "customer.example"


def txt(text: str) -> Answer:
    return Answer(Found.YES, (text.encode(),))


@pytest.fixture
def counted(world: World):
    world.rates = SharedRates(buckets=8)
    yield world
    world.rates.close()


def opened(world: World) -> str:
    """The signed address of a case of Carl's, whose domain vouches for nobody."""
    return customer_address(world.receive(mail()).token)


def again(world: World, octets: bytes, *to: str, **about: Any) -> str:
    judged = world.judged(octets, *to, **about)
    return str(judged.refusal) if judged.refusal is not None else judged.disposition


@pytest.mark.parametrize(
    ("missing", "named"),
    [
        # The author's record; the key; what SPF of the author's domain asks.
        (RECORD, RECORD),
        ("s1._domainkey.customer.example", "s1._domainkey.customer.example"),
        ("inside.elsewhere.example", "inside.elsewhere.example"),
    ],
)
def test_the_question_without_an_answer_is_named_to_sender_and_operator(world: World, missing: str, named: str) -> None:
    world.txt |= {
        RECORD: txt("v=DMARC1; p=reject"),
        OWN_SPF: txt("v=spf1 include:inside.elsewhere.example -all"),
        missing: NO_ANSWER,
    }
    octets = sign(mail(), "customer.example") if "_domainkey" in missing else mail()
    judged = world.judged(octets)
    assert str(judged.refusal) == f"451 4.4.3 DNS gives no answer for {named} (TXT) now, try again later"
    assert judged.refused[0].reason == f"DNS gave no answer that could change the outcome: {named} (TXT)"


def test_a_mail_is_put_off_a_few_times_then_judged_without_the_answer(counted: World) -> None:
    counted.txt[RECORD] = NO_ANSWER
    octets, other = mail(), mail(subject="Another")
    for _ in range(TRIES):
        assert again(counted, octets).startswith("451")
    assert again(counted, octets) == "accept"
    (note,) = [one for one in counted.judged(octets).notes if one.decided == "not awaited"]
    assert RECORD in note.because
    assert counted.receive(octets).proof == "unproven"
    # Another mail, even of the same author, has tries of its own.
    assert again(counted, other).startswith("451")


@pytest.mark.parametrize("pause_s", [60, 900, 3600, 4000])
def test_with_the_pauses_that_senders_make_nobody_waits_for_a_day(counted: World, pause_s: int) -> None:
    counted.txt[RECORD] = NO_ANSWER
    octets = mail()
    waited = 0
    while again(counted, octets) != "accept":
        counted.clock.advance(pause_s)
        waited += pause_s
        assert waited <= 86_400


@pytest.mark.parametrize("to", [(POSTMASTER,), (POSTMASTER, SUPPORT)])
def test_the_postmaster_waits_for_nothing(world: World, to: tuple[str, ...]) -> None:
    world.txt[RECORD] = NO_ANSWER
    judged = world.judged(mail(), *to)
    assert (judged.refusal, judged.disposition) == (None, "accept")
    # Who names the postmaster too is no better off elsewhere.
    assert [one.disposition for one in judged.verdicts] == ["accept", "quarantine"][: len(to)]


@pytest.mark.parametrize("missing", [OWN_SPF, RECORD])
def test_what_could_let_an_author_join_is_waited_for(world: World, missing: str) -> None:
    to = opened(world)
    world.txt[missing] = NO_ANSWER
    for sender in (CARL, "x@elsewhere.example"):
        assert again(world, mail(), to, sender=sender).startswith("451 4.4.3"), sender
    # Without evidence nothing of the author's domain but its record could change anything.
    if missing == OWN_SPF:
        assert again(world, mail()) == "accept"


@pytest.mark.parametrize(
    ("record", "sender", "proof"),
    [
        # The author's domain allows others only: whatever the envelope names.
        ("v=spf1 -all", CARL, "unproven"),
        ("v=spf1 -all", "x@evil.example", "unproven"),
        ("v=spf1 -all", None, "unproven"),
        # It allows this client, or says nothing.
        ("v=spf1 ip4:192.0.2.1 -all", "x@evil.example", "likely"),
        ("v=spf1 ip4:192.0.2.1 -all", None, "likely"),
        ("v=spf1 ?all", "x@evil.example", "likely"),
        ("", "x@evil.example", "likely"),
        # It cannot be read.
        ("v=spf1 nonsense", "x@evil.example", "unproven"),
    ],
)
def test_only_spf_of_the_authors_own_domain_makes_them_likely(
    world: World, record: str, sender: str | None, proof: str
) -> None:
    to = opened(world)
    world.txt["evil.example"] = txt("v=spf1 ip4:192.0.2.1 -all")
    if record:
        world.txt[OWN_SPF] = txt(record)
    found: SimpleNamespace = world.receive(mail(), to, sender=sender)
    assert found.proof == proof
