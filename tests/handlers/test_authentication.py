# SPDX-License-Identifier: Apache-2.0
"""The checks of one mail together: what they ask at once, and that each is run until it has its answers."""

from typing import Any

from handlers import identity
from handlers.authentication import Checks
from handlers.dkim import DkimPolicy
from handlers.inspection import Inspection, Limits
from handlers.results import Authentication
from handlers.subject import Subject
from storage.address import parse
from storage.envelope import Envelope, Session
from tests.support.dkim import key_record
from tests.support.office import BEGINNING, mail, sign
from tests.support.zone_book import ZoneBook

PEER = "192.0.2.7"
ZONE: dict[str, Any] = {
    "mail.firm.example": {"TXT": [f"v=spf1 ip4:{PEER} -all"]},
    "s1._domainkey.firm.example": {"TXT": [key_record()]},
    "_dmarc.firm.example": {"TXT": ["v=DMARC1; p=reject"]},
}


def checked(zone: ZoneBook, octets: bytes) -> Authentication:
    inspection = Inspection(Limits(), DkimPolicy(), BEGINNING)
    inspection.feed(octets)
    head, signatures = inspection.finish()
    session = Session("s1", PEER, "mx.firm.example")
    envelope = Envelope(parse("bounces@mail.firm.example"), ())
    checks = Checks(Subject(session, envelope, head, identity.author(head), signatures))
    return zone.run(checks.run)


def test_all_that_is_known_at_once_is_asked_at_once() -> None:
    zone = ZoneBook(ZONE)
    found = checked(zone, sign(mail("ann@firm.example"), "firm.example"))
    assert (found.spf.result, found.dkim[0].result, found.dmarc.result) == ("pass", "pass", "pass")
    first = ["mail.firm.example", "mx.firm.example", "s1._domainkey.firm.example", "7.2.0.192.in-addr.arpa"]
    assert set(zone.asked[:5]) == {*first, "_dmarc.firm.example"}
    # Then only what the walks of the two domains still want, one name after the other.
    assert zone.asked[5:] == ["_dmarc.example", "_dmarc.mail.firm.example"]
    assert zone.rounds == 3


def test_the_walk_of_an_author_without_a_record_goes_on_beside_spf_and_dkim() -> None:
    zone = ZoneBook({name: one for name, one in ZONE.items() if not name.startswith("_dmarc")})
    found = checked(zone, mail("ann@a.firm.example"))
    assert (found.dmarc.result, found.dmarc.published) == ("none", False)
    assert zone.rounds == 3  # as many as there are names in the walk


def test_without_an_author_dmarc_asks_nothing() -> None:
    zone = ZoneBook(ZONE)
    found = checked(zone, sign(mail("ann@firm.example, bob@firm.example"), "firm.example"))
    assert (found.dkim[0].result, found.dmarc.result, found.aligned) == ("pass", "permerror", False)
    assert not any(name.startswith("_dmarc") for name in zone.asked)
