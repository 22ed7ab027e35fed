# SPDX-License-Identifier: Apache-2.0
"""DNS in hostile hands: each mail has its verdict when its time is over, and costs little processor time.

Here DNS alone would be waited for much longer than a client waits: whoever has an answer owes it to the bound of the
mail. Whoever is not the sender is not kept waiting.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.dkim import key_record
from tests.support.dns import DnsZone
from tests.support.office import mail, sign
from tests.support.suite import PEER, Suite
from tests.support.waiting import PATIENCE_S, wait_until

pytestmark = pytest.mark.slow

PROCESSOR_S = 4.0  # the dearest takes half a second
SILENT, HELD = {"rcode": "TIMEOUT"}, {"rcode": "HELD"}
POINTER = "200.2.0.192.in-addr.arpa"


@pytest.fixture(scope="module")
def zone() -> Iterator[DnsZone]:
    made = DnsZone()
    yield made
    made.close()


@pytest.fixture(autouse=True)
def _empty_zone(zone: DnsZone) -> None:
    zone.clear()
    zone.delay_s = 0.0


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory, zone: DnsZone) -> Iterator[Suite]:
    """With a second for each mail, and no other end of a wait for silent names."""
    bounds = {"silence_s": 10 * PATIENCE_S, "authentication": {"timeout": "1s"}}
    with Suite(tmp_path_factory.mktemp("hasty"), zone, **bounds) as made:
        yield made


@pytest.fixture(scope="module")
def patient(tmp_path_factory: pytest.TempPathFactory, zone: DnsZone) -> Iterator[Suite]:
    """With time for whatever is answered."""
    with Suite(tmp_path_factory.mktemp("patient"), zone) as made:
        yield made


def chain(length: int) -> dict[str, dict[str, list[str]]]:
    """Includes, one in the other."""
    names = ["a.example", *(f"i{n}.example" for n in range(length))]
    return {
        one: {"TXT": [f"v=spf1 include:{other} -all"]}
        for one, other in zip(names, [*names[1:], "z.example"], strict=True)
    }


def many_addresses(count: int) -> list[str]:
    return [f"10.0.{n // 250}.{n % 250}" for n in range(count)]


TEN_NAMES = {"a.example": {"TXT": ["v=spf1 " + " ".join(f"mx:m{n}.%{{d}}" for n in range(10)) + " -all"]}} | {
    f"m{n}.a.example": {"MX": [f"{m} h{m}.m{n}.example" for m in range(10)]} for n in range(10)
}
HOSTS = [f"h{m}.m{n}.example" for n in range(10) for m in range(10)]


@pytest.mark.parametrize(
    "records",
    [
        # nobody answers: for the record, for what it includes, for anything at the end of a chain
        {"a.example": {"TXT": SILENT}},
        {"a.example": {"TXT": ["v=spf1 include:b.example -all"]}, "b.example": {"TXT": SILENT}},
        chain(8) | {"z.example": {"TXT": SILENT}},
        {"a.example": {"TXT": ["v=spf1 " + " ".join(f"a:n{n}.example" for n in range(10)) + " -all"]}}
        | {f"n{n}.example": {"A": SILENT} for n in range(10)},
        TEN_NAMES | {host: {"A": SILENT} for host in HOSTS},
        # what comes is no answer
        {"a.example": {"TXT": {"rcode": "GARBAGE"}}},
        {"a.example": {"TXT": {"rcode": "WRONG_ID"}}},
        {"a.example": {"CNAME": ["b.example"]}, "b.example": {"CNAME": ["a.example"]}},
        # more answers than there is time for
        TEN_NAMES | {host: {"A": many_addresses(900)} for host in HOSTS},
    ],
)
def test_a_mail_has_its_verdict_when_its_time_is_over(hasty, records):
    hasty.zone.update(records)
    assert verdict(hasty) == "temperror"


def verdict(suite: Suite) -> str:
    before = suite.processor_s
    shown = suite.send(mail(), reverse_path="carl@a.example")
    assert suite.processor_s - before < PROCESSOR_S
    return shown["authentication"]["spf"]["result"]


@pytest.mark.parametrize(
    ("records", "result"),
    [
        # more than anybody needs: of records, of text, of texts
        ({"a.example": {"TXT": ["v=spf1 a -all"], "A": many_addresses(1500)}}, "permerror"),
        ({"a.example": {"TXT": ["v=spf1 " + "ip4:10.0.0.1 " * 4000 + "-all"]}}, "permerror"),
        ({"a.example": {"TXT": ["v=spf1 -all"] + [f"other {n}" for n in range(1500)]}}, "permerror"),
        ({POINTER: {"PTR": [f"n{n}.example" for n in range(400)]}, "a.example": {"TXT": ["v=spf1 ptr -all"]}}
         | {f"n{n}.example": {"A": many_addresses(900)} for n in range(400)}, "fail"),
    ],
)  # fmt: skip
def test_a_mail_has_its_verdict_about_more_than_anybody_needs(patient, records, result):
    patient.zone.update(records)
    assert verdict(patient) == result


def test_dns_that_is_slow_about_everything_ends_in_temporary_errors(hasty):
    hasty.zone.update(chain(8))
    hasty.zone.delay_s = 1.0
    assert verdict(hasty) == "temperror"


def test_the_questions_of_one_mail_are_counted(patient):
    patient.zone.update(TEN_NAMES | {host: {"A": ["10.0.0.1"]} for host in HOSTS})
    patient.zone.update(
        {"mail.a.example": {"TXT": ["v=spf1 " + " ".join(f"mx:m{n}.a.example" for n in range(10)) + " -all"]}}
    )
    patient.send(mail(), reverse_path="carl@a.example", helo="mail.a.example")
    assert patient.zone.total <= 300


def test_a_silent_name_does_not_keep_the_author_from_being_looked_up(patient):
    """Who sends in another's name chooses what else is asked, and could so hide what that domain wants done."""
    patient.zone.update(
        {
            "a.example": {"TXT": HELD},
            POINTER: {"PTR": HELD},
            "s1._domainkey.a.example": {"TXT": HELD},
            **{f"s{n}._domainkey.b.example": {"TXT": HELD} for n in range(8)},
            "_dmarc.bank.example": {"TXT": ["v=DMARC1; p=reject"]},
        }
    )
    octets = sign(mail("Bank <service@mail.www.bank.example>"), "a.example")
    signature = octets.partition(b"From:")[0].replace(b"a.example", b"b.example")
    octets = b"".join(signature.replace(b"s=s1;", b"s=s%d;" % n) for n in range(7)) + octets
    with ThreadPoolExecutor(1) as sender:
        sent = sender.submit(patient.send, octets, reverse_path="carl@a.example")
        wait_until(lambda: patient.zone.queries["_dmarc.bank.example", "TXT"], "the author to be looked up")
        patient.zone.release()
    found = sent.result()["authentication"]
    assert {found["spf"]["result"], *(one["result"] for one in found["dkim"])} == {"temperror"}
    assert (found["dmarc"]["record_domain"], found["dmarc"]["policy"]) == ("bank.example", "reject")


def held(zone: DnsZone) -> set[str]:
    """The domains about which something was asked that is held."""
    return {name.partition(".")[2] for name, kind in list(zone.queries) if kind == "A" and ".slow" in name}


def test_while_many_mails_wait_for_silent_names_another_is_served(patient):
    patient.zone.update({POINTER: {"PTR": ["ok.example"]}, "ok.example": {"A": [PEER]}})
    for n in range(12):
        names = [f"x{m}.slow{n}.example" for m in range(10)]
        patient.zone.set(f"slow{n}.example", "TXT", ["v=spf1 " + " ".join(f"a:{name}" for name in names) + " -all"])
        patient.zone.update({name: {"A": HELD} for name in names})
    patient.zone.update({"customer.example": {"TXT": [f"v=spf1 ip4:{PEER} -all"]}})
    patient.zone.set("s1._domainkey.customer.example", "TXT", [key_record()])
    with ThreadPoolExecutor(12) as senders:
        hostile = [senders.submit(patient.send, mail(), reverse_path=f"x@slow{n}.example") for n in range(12)]
        wait_until(lambda: len(held(patient.zone)) == 12, "every hostile mail waits")
        found = patient.send(sign(mail(), "customer.example"), reverse_path="carl@customer.example")["authentication"]
        assert not any(one.done() for one in hostile)
        patient.zone.release()
    assert found["spf"]["result"] == found["dkim"][0]["result"] == found["iprev"]["result"] == "pass"
