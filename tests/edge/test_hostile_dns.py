# SPDX-License-Identifier: Apache-2.0
"""DNS in hostile hands: each mail has its verdict, soon after the bound and for less than a second of processor time.

The bound is half an installation's, so that ten seconds there are far more than needed. Whoever is not the
sender is not kept waiting.
"""

import threading
import time
from collections.abc import Iterator

import pytest

from tests.support.dkim import key_record
from tests.support.dns import DnsZone
from tests.support.office import mail, sign
from tests.support.suite import PEER, Suite
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow

WALL_S, PROCESSOR_S = 10.0, 1.0  # of the first, the machine may need more than the bound
SILENT = {"rcode": "TIMEOUT"}
POINTER = "200.2.0.192.in-addr.arpa"


@pytest.fixture(scope="module")
def listener(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Suite]:
    """With half the time that an installation has for each mail."""
    zone = DnsZone()
    bounds = {"dns": {"timeout": "2500ms"}, "authentication": {"timeout": "4s"}}
    with Suite(tmp_path_factory.mktemp("hostile"), zone, **bounds) as made:
        yield made
    zone.close()


@pytest.fixture
def suite(listener: Suite) -> Suite:
    """The same with an empty zone."""
    listener.zone.clear()
    listener.zone.delay_s = 0.0
    return listener


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
    ("zone", "result"),
    [
        # nobody answers: for the record, for what it includes, for anything at the end of a chain
        ({"a.example": {"TXT": SILENT}}, "temperror"),
        ({"a.example": {"TXT": ["v=spf1 include:b.example -all"]}, "b.example": {"TXT": SILENT}}, "temperror"),
        (chain(8) | {"z.example": {"TXT": SILENT}}, "temperror"),
        ({"a.example": {"TXT": ["v=spf1 " + " ".join(f"a:n{n}.example" for n in range(10)) + " -all"]}}
         | {f"n{n}.example": {"A": SILENT} for n in range(10)}, "temperror"),
        (TEN_NAMES | {host: {"A": SILENT} for host in HOSTS}, "temperror"),
        # what comes is no answer
        ({"a.example": {"TXT": {"rcode": "GARBAGE"}}}, "temperror"),
        ({"a.example": {"TXT": {"rcode": "WRONG_ID"}}}, "temperror"),
        ({"a.example": {"CNAME": ["b.example"]}, "b.example": {"CNAME": ["a.example"]}}, "temperror"),
        # more than anybody needs: of records, of text, of texts
        ({"a.example": {"TXT": ["v=spf1 a -all"], "A": many_addresses(1500)}}, "permerror"),
        ({"a.example": {"TXT": ["v=spf1 " + "ip4:10.0.0.1 " * 4000 + "-all"]}}, "permerror"),
        ({"a.example": {"TXT": ["v=spf1 -all"] + [f"other {n}" for n in range(1500)]}}, "permerror"),
        (TEN_NAMES | {host: {"A": many_addresses(900)} for host in HOSTS}, "temperror"),
        ({POINTER: {"PTR": [f"n{n}.example" for n in range(400)]}, "a.example": {"TXT": ["v=spf1 ptr -all"]}}
         | {f"n{n}.example": {"A": many_addresses(900)} for n in range(400)}, "fail"),
    ],
)  # fmt: skip
def test_each_mail_has_its_verdict_in_time(suite, zone, result):
    suite.zone.update(zone)
    began, before = time.monotonic(), suite.processor_s
    shown = suite.send(mail(), reverse_path="carl@a.example")
    assert suite.processor_s - before < PROCESSOR_S
    assert time.monotonic() - began < WALL_S
    assert shown["authentication"]["spf"]["result"] == result


def test_dns_that_is_slow_about_everything_ends_in_temporary_errors(suite):
    suite.zone.update(chain(8))
    suite.zone.delay_s = 1.0
    began = time.monotonic()
    shown = suite.send(mail(), reverse_path="carl@a.example")
    assert time.monotonic() - began < WALL_S
    assert shown["authentication"]["spf"]["result"] == "temperror"


def test_the_questions_of_one_mail_are_counted(suite):
    suite.zone.update(TEN_NAMES | {host: {"A": ["10.0.0.1"]} for host in HOSTS})
    suite.zone.update(
        {"mail.a.example": {"TXT": ["v=spf1 " + " ".join(f"mx:m{n}.a.example" for n in range(10)) + " -all"]}}
    )
    suite.zone.queries.clear()
    suite.send(mail(), reverse_path="carl@a.example", helo="mail.a.example")
    assert suite.zone.total <= 300


def test_a_silent_name_does_not_keep_the_author_from_being_looked_up(suite):
    """Who sends in another's name chooses what else is asked, and could so hide what that domain wants done."""
    suite.zone.update(
        {
            "a.example": {"TXT": SILENT},
            POINTER: {"PTR": SILENT},
            "s1._domainkey.a.example": {"TXT": SILENT},
            **{f"s{n}._domainkey.b.example": {"TXT": SILENT} for n in range(8)},
            "_dmarc.bank.example": {"TXT": ["v=DMARC1; p=reject"]},
        }
    )
    octets = sign(mail("Bank <service@mail.www.bank.example>"), "a.example")
    signature = octets.partition(b"From:")[0].replace(b"a.example", b"b.example")
    octets = b"".join(signature.replace(b"s=s1;", b"s=s%d;" % n) for n in range(7)) + octets
    found = suite.send(octets, reverse_path="carl@a.example")["authentication"]
    assert {found["spf"]["result"], *(one["result"] for one in found["dkim"])} == {"temperror"}
    assert (found["dmarc"]["record_domain"], found["dmarc"]["policy"]) == ("bank.example", "reject")


def test_while_many_mails_wait_for_silent_names_another_is_served(suite):
    suite.zone.update({f"n{n}.example": {"A": SILENT} for n in range(10)} | {POINTER: {"PTR": ["ok.example"]}})
    record = "v=spf1 " + " ".join(f"a:n{n}.example" for n in range(10)) + " -all"
    suite.zone.update({f"slow{n}.example": {"TXT": [record.replace(":n", f":x{n}-")]} for n in range(12)})
    suite.zone.update({f"x{n}-{m}.example": {"A": SILENT} for n in range(12) for m in range(10)})
    suite.zone.update({"customer.example": {"TXT": [f"v=spf1 ip4:{PEER} -all"]}, "ok.example": {"A": [PEER]}})
    suite.zone.set("s1._domainkey.customer.example", "TXT", [key_record()])
    hostile = [
        threading.Thread(target=suite.send, args=(mail(),), kwargs={"reverse_path": f"x@slow{n}.example"})
        for n in range(12)
    ]
    for one in hostile:
        one.start()
    wait_until(lambda: suite.zone.total >= 12 * 10, "every hostile mail waits")
    found = suite.send(sign(mail(), "customer.example"), reverse_path="carl@customer.example")["authentication"]
    assert any(one.is_alive() for one in hostile)
    assert found["spf"]["result"] == found["dkim"][0]["result"] == found["iprev"]["result"] == "pass"
    for one in hostile:
        one.join()
