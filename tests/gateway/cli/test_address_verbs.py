# SPDX-License-Identifier: Apache-2.0
"""The verbs of routing addresses: what DNS proves, what is said of the rest, and how each call ends."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from storage import ways
from storage.database import Database
from storage.schema import outbox_recipient
from storage.schema_ways import way
from storage.states import Move
from tests.gateway.cli.conftest import DESK, Installation
from tests.support.dns import DnsZone

HOST_ADDRESS = "192.0.2.1"


@pytest.fixture
def asking(installation: Installation, dns_zone: DnsZone) -> Installation:
    """Its desk is applied, and DNS is the test's."""
    with installation.file.open("a") as file:
        file.write(f'[dns]\nnameservers = ["{dns_zone.address}"]\ntimeout = "1s"\n[mx]\nlisten = ["198.51.100.7:25"]\n')
    installation.out("apply", str(installation.desk))
    dns_zone.set("gw.example", "A", [HOST_ADDRESS])
    dns_zone.set("mx.firm.example", "A", [HOST_ADDRESS])
    dns_zone.set("own.firm.example", "A", ["198.51.100.7"])
    dns_zone.set("far.example", "A", ["203.0.113.5"])
    return installation


def shown(asking: Installation, address: str) -> dict:
    return asking.json("address", "show", address)


# What DNS has for new.example -> is it verified, and what is said.
POINTING = [
    ({"MX": ["10 gw.example"]}, True, "MX of new.example: gw.example, which is this host"),
    # Another name for an address that server.name has, and one that the MX listens at.
    ({"MX": ["10 mx.firm.example"]}, True, "mx.firm.example has 192.0.2.1, which is this host's"),
    ({"MX": ["10 own.firm.example"]}, True, "own.firm.example has 198.51.100.7, which is this host's"),
    # Senders try the best first: ours behind it gets nothing.
    ({"MX": ["10 far.example", "20 gw.example"]}, False, "MX of new.example: far.example: not this host"),
    ({"MX": ["10 far.example", "10 gw.example"]}, True, "MX of new.example: far.example, gw.example"),
    # RFC 5321 section 5.1: without MX the domain is its own mail host.
    ({"A": [HOST_ADDRESS]}, True, "new.example has no MX; new.example has 192.0.2.1"),
    ({"A": ["203.0.113.5"]}, False, "new.example has no MX, and its address is not this host's"),
    ({"MX": ["0 ."]}, False, "new.example takes no mail at all (null MX)"),
]


@pytest.mark.parametrize(("records", "verified", "said"), POINTING)
def test_an_address_is_verified_where_the_mail_of_its_domain_comes_here(
    asking: Installation, dns_zone: DnsZone, records: dict, verified: bool, said: str
):
    dns_zone.update({"new.example": records})
    printed = asking.out("address", "add", "help@new.example", "--team", "support")
    one = shown(asking, "help@new.example")
    printed = " ".join(printed.split())
    assert said in printed
    assert (one["verified"], one["way"]) == (verified, "direct" if verified else "forwarded")
    assert said in one["found"]
    assert (f"has to be forwarded to {one['intake']}" in printed) != verified


def test_where_dns_is_silent_nothing_is_decided(asking: Installation, dns_zone: DnsZone):
    dns_zone.set("new.example", "MX", {"rcode": "SERVFAIL"})
    result = asking.call("address", "add", "help@new.example", "--team", "support")
    assert (result.exit_code, "DNS gave no answer" in result.stderr) == (75, True)
    assert "it takes no mail until it is verified" in result.stderr
    assert asking.call("address", "verify", "help@new.example").exit_code == 75
    assert shown(asking, "help@new.example")["way"] == "none"


def test_an_address_of_our_own_domain_and_a_word_need_no_dns(asking: Installation, dns_zone: DnsZone):
    assert "is verified" in asking.out("address", "add", "help@gw.example", "--team", "support")
    assert "by your word" in asking.out("address", "add", "word@far.example", "--team", "support", "--word")
    ways_ = {one["address"]: (one["verified"], one["way"]) for one in asking.json("address", "list")}
    assert ways_["help@gw.example"] == (True, "hosted")
    assert ways_["word@far.example"] == (True, "word")
    assert dns_zone.total == 0


def test_a_forwarded_address_keeps_its_intake_and_waits_for_its_probe(asking: Installation, dns_zone: DnsZone):
    dns_zone.set("new.example", "MX", ["10 far.example"])
    asking.out("address", "add", "help@new.example", "--team", "support")
    intake = shown(asking, "help@new.example")["intake"]
    result = asking.call("address", "verify", "help@new.example", "--wait", "0s")
    assert (result.exit_code, "the probe is not back yet" in result.stderr) == (75, True)
    one = shown(asking, "help@new.example")
    assert (one["intake"], one["probe"]["state"], one["probe"]["purpose"]) == (intake, "sent", "verify")
    assert [row["kind"] for row in asking.json("outbox", "list")] == ["probe"]
    assert one["probe"]["delivery"] == "queued"
    assert "It has not left yet: does casegate serve run?" in result.stderr
    database = Database(f"sqlite:///{asking.directory}/casegate.db")
    with database.move(Move.SETTLE) as unit:
        unit.execute(update(outbox_recipient).values(state="deferred", response="connection refused"))
    database.close()
    assert "No host has taken it yet: connection refused" in " ".join(
        asking.out("address", "show", "help@new.example").split()
    )
    asking.out("address", "verify", "help@new.example", "--word")
    assert shown(asking, "help@new.example")["verified"]


def test_what_moves_here_is_direct_from_then_on(asking: Installation, dns_zone: DnsZone):
    dns_zone.set("new.example", "MX", ["10 far.example"])
    asking.out("address", "add", "help@new.example", "--team", "support")
    dns_zone.set("new.example", "MX", ["10 gw.example"])
    asking.out("address", "verify", "help@new.example")
    assert shown(asking, "help@new.example")["way"] == "direct"


# What does not answer while a verified address is verified again.
SILENT = [
    ("mx.new.example", "A"),
    ("mx.new.example", "AAAA"),
    ("new.example", "MX"),
    # Without our own addresses nothing can be held against ours.
    ("gw.example", "A"),
]


@pytest.mark.parametrize(("name", "kind"), SILENT)
def test_one_silent_name_server_takes_no_live_address_out(
    asking: Installation, dns_zone: DnsZone, name: str, kind: str
):
    dns_zone.set("new.example", "MX", ["10 mx.new.example"])
    dns_zone.set("mx.new.example", "A", [HOST_ADDRESS])
    asking.out("address", "add", "help@new.example", "--team", "support")
    before = shown(asking, "help@new.example")
    assert before["verified"]
    dns_zone.set("mx.new.example", "A", ["203.0.113.5"] if name == "gw.example" else [])
    dns_zone.set(name, kind, {"rcode": "SERVFAIL"})
    result = asking.call("address", "verify", "help@new.example")
    assert (result.exit_code, "DNS gave no answer" in result.stderr) == (75, True)
    assert shown(asking, "help@new.example") == before


def test_a_verified_address_whose_mail_goes_elsewhere_now_stays_in_use_with_an_alarm(
    asking: Installation, dns_zone: DnsZone
):
    dns_zone.set("new.example", "MX", ["10 gw.example"])
    asking.out("address", "add", "help@new.example", "--team", "support")
    dns_zone.set("new.example", "MX", ["10 far.example"])
    result = asking.call("address", "verify", "help@new.example")
    assert (result.exit_code, "stays in use, and in alarm" in result.stdout) == (1, True)
    one = shown(asking, "help@new.example")
    assert (one["verified"], one["way"], one["alarm"].partition(":")[0]) == (True, "forwarded", "moved")
    assert asking.call("address", "list").exit_code == 1
    dns_zone.set("new.example", "MX", ["10 gw.example"])
    asking.out("address", "verify", "help@new.example")
    one = shown(asking, "help@new.example")
    assert (one["verified"], one["way"], one["alarm"]) == (True, "direct", "")


def test_an_alarm_is_told_and_ends_the_list_with_1(asking: Installation, dns_zone: DnsZone):
    dns_zone.set("new.example", "MX", ["10 far.example"])
    asking.out("address", "add", "help@new.example", "--team", "support")
    database = Database(f"sqlite:///{asking.directory}/casegate.db")
    with database.move(Move.ADDRESS) as unit:
        ways.set_alarm(unit, "help@new.example", "stopped: no probe has come back since then", datetime.now(UTC))
    database.close()
    result = asking.call("address", "list")
    assert (result.exit_code, result.stderr) == (1, "")
    assert "help@new.example: stopped: no probe has come back since then" in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert asking.call("address", "list", "--json").exit_code == 1


def test_a_forward_for_which_nobody_sends_heartbeats_is_an_alarm_too(asking: Installation, dns_zone: DnsZone):
    dns_zone.set("new.example", "MX", ["10 far.example"])
    asking.out("address", "add", "help@new.example", "--team", "support")
    database, now = Database(f"sqlite:///{asking.directory}/casegate.db"), datetime.now(UTC)
    for verified_at, late, code in ((None, 3600, 0), (now, 60, 0), (now, 3600, 1)):
        planned = {"verified_at": verified_at, "next_probe_at": now - timedelta(seconds=late)}
        with database.move(Move.ADDRESS) as unit:
            unit.execute(update(way).where(way.c.key == "help@new.example").values(**planned))
        assert asking.call("address", "list").exit_code == code
    assert shown(asking, "help@new.example")["alarm"].startswith("unwatched: a heartbeat was due at 2")
    database.close()


def test_an_alias_leads_on_and_is_written_down(asking: Installation):
    assert "apply brings it back" not in asking.out("address", "alias", "old@firm.example", "support@firm.example")
    assert shown(asking, "support@firm.example")["aliases"] == ["old@firm.example"]
    assert 'aliases = ["old@firm.example"]' in asking.out("export")
    asking.out("address", "remove", "old@firm.example")
    assert shown(asking, "support@firm.example")["aliases"] == []


def test_an_alias_is_shown_with_where_it_leads(asking: Installation):
    asking.out("address", "alias", "old@firm.example", "support@firm.example")
    one = shown(asking, "OLD@firm.example")
    assert (one["address"], one["alias_of"], one["way"]) == ("old@firm.example", "support@firm.example", "alias")
    assert "support@firm.example" in asking.out("address", "show", "old@firm.example")
    assert "old@firm.example leads to support@firm.example" in asking.out("address", "list")


def test_an_address_that_takes_mail_never_leads_to_one_that_takes_none(asking: Installation, dns_zone: DnsZone):
    dns_zone.set("new.example", "MX", ["10 far.example"])
    asking.out("address", "add", "help@new.example", "--team", "support")
    asking.out("address", "alias", "old@firm.example", "support@firm.example")
    for old in ("support@firm.example", "old@firm.example"):
        line = asking.refused(2, "address", "alias", old, "help@new.example")
        assert f"{old} takes mail and help@new.example does not yet: casegate address verify help@new.example" in line
        assert shown(asking, old)["verified"]
    printed = " ".join(asking.out("address", "alias", "older@firm.example", "help@new.example").split())
    assert "it takes no mail until help@new.example is verified" in printed
    asking.out("address", "verify", "help@new.example", "--word")
    asking.out("address", "alias", "support@firm.example", "help@new.example")


def test_the_hidden_intake_of_an_address_is_made_no_public_one(asking: Installation, dns_zone: DnsZone):
    dns_zone.set("new.example", "MX", ["10 far.example"])
    asking.out("address", "add", "help@new.example", "--team", "support")
    intake = shown(asking, "help@new.example")["intake"]
    for words in (("add", intake, "--team", "support"), ("alias", intake.upper(), "support@firm.example")):
        assert "is the hidden intake of help@new.example" in asking.refused(2, "address", *words)


def test_show_tells_a_person_the_whole_policy_and_how_the_newest_probe_stands(asking: Installation, dns_zone: DnsZone):
    said = ('accept_from = "listed"', 'lists = ["partners"]', 'forbid_attachments = [".exe"]', 'max_size = "2MB"')
    lists = '[[list]]\nname = "partners"\nentries = ["@partner.example"]\n'
    keys = "\n".join((*said, 'others = "quarantine"', 'dmarc_reject = "quarantine"', 'rate_domain = "600/h"'))
    asking.desk.write_text(DESK.replace("verified = true", keys) + lists)
    assert "support@firm.example takes no mail until it is verified" in asking.out("apply", str(asking.desk))
    dns_zone.set("firm.example", "MX", ["10 far.example"])
    asking.call("address", "verify", "support@firm.example")
    asking.call("address", "verify", "support@firm.example", "--wait", "0s")
    printed = asking.out("address", "show", "support@firm.example")
    assert max(map(len, printed.splitlines())) <= 80
    words = " ".join(printed.split())
    assert "accept_from listed, others quarantine, lists partners, dmarc_reject quarantine, max_size 2MB" in words
    assert "forbid_attachments .exe, rate_domain 600/h" in words
    assert "The newest probe is of 2" in words
    assert "It has not left yet" in words


def test_a_word_for_an_address_of_the_desk_file_says_that_apply_takes_it_back(asking: Installation):
    printed = " ".join(asking.out("address", "verify", "support@firm.example", "--word").split())
    assert "write verified = true into the desk file too, or apply takes it back" in printed
    asking.out("address", "add", "own@far.example", "--team", "support", "--word")
    assert "desk file" not in asking.out("address", "verify", "own@far.example", "--word")


def test_a_word_for_an_old_address_is_given_for_the_one_that_it_leads_to(asking: Installation):
    asking.out("address", "alias", "old@firm.example", "support@firm.example")
    assert "leads to support@firm.example" in asking.refused(2, "address", "verify", "old@firm.example", "--word")


def test_what_export_writes_after_an_alias_was_refused_can_be_applied(asking: Installation):
    asking.refused(2, "address", "alias", "ann.doe@private.example", "support@firm.example")
    desk = asking.directory / "again.toml"
    desk.write_text(asking.out("export"))
    asking.out("apply", str(desk))


def test_the_longest_addresses_leave_80_columns(asking: Installation, dns_zone: DnsZone):
    long = f"{'a' * 64}@{'.'.join(['b' * 50] * 3)}.example"
    dns_zone.set(long.partition("@")[2], "MX", ["10 far.example"])
    printed = asking.out("address", "add", long, "--team", "support")
    printed += asking.out("address", "list") + asking.out("address", "show", long)
    assert max(map(len, printed.splitlines())) <= 80
    assert long in "".join(asking.out("address", "list").split())


def test_removing_says_what_the_desk_file_still_has(asking: Installation):
    assert "change the desk file too" in asking.out("address", "remove", "support@firm.example")
    assert asking.json("address", "list") == []
    assert "taken back" in asking.out("apply", str(asking.desk))


@pytest.mark.parametrize(
    ("code", "words", "said"),
    [
        (2, ("add", "support@firm.example", "--team", "support"), "is a routing address already"),
        (2, ("add", "ann.doe@private.example", "--team", "support"), "is the private address of an agent"),
        (2, ("add", "no address", "--team", "support"), "is not a mailbox"),
        (1, ("add", "x@gw.example", "--team", "nosuch"), "no team 'nosuch'"),
        (1, ("show", "x@gw.example"), "no routing address"),
        (1, ("verify", "x@gw.example"), "no routing address"),
        (1, ("remove", "x@gw.example"), "no routing address"),
        (1, ("alias", "x@gw.example", "y@gw.example"), "no routing address"),
        (2, ("alias", "support@firm.example", "Support@firm.example"), "alias of itself"),
        (2, ("alias", "ann.doe@private.example", "support@firm.example"), "is the private address of an agent"),
        (2, ("add", "a@[127.0.0.1]", "--team", "support"), "has a domain, not a number"),
        (2, ("alias", "a@[127.0.0.1]", "support@firm.example"), "has a domain, not a number"),
        (2, ("verify", "support@firm.example", "--wait", "soon"), "not a duration"),
    ],
)
def test_a_call_that_makes_no_sense_is_refused_in_one_line(asking: Installation, code: int, words: tuple, said: str):
    assert said in asking.refused(code, "address", *words)
    assert [one["address"] for one in asking.json("address", "list")] == ["support@firm.example"]
