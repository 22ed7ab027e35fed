# SPDX-License-Identifier: Apache-2.0
"""Sender-spoofing dialogues through a real listener ("Composition Kills"), octet by octet: the corpus and its family.

Whatever passes, it never passes for the victim; and whoever is picked as the author is the same for the verdict, the
lists, the case and the agents' copy. RELATIVES are the other known members of the family, in our own words.
"""

import base64
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from handlers.headers import scan
from storage import case_views, cases, listing
from storage.desk_values import Policy
from tests.support.dkim import key_record
from tests.support.dns import DnsZone
from tests.support.office import DESK, HOST, World, field, sign
from tests.support.suite import PEER, Suite

pytestmark = pytest.mark.timeout(300)

LEGIT, ATTACKER = "legit.example", "attacker.example"
SUPPORT = "support@firm.example"
WORDS = {
    "{LEGIT}": LEGIT,
    "{ATTACKER}": ATTACKER,
    "{RCPT}": SUPPORT,
    "{DATE}": "Sun, 22 Nov 2026 12:00:00 +0000",
    "{B64_LEGIT_ANGLE}": base64.b64encode(f"<admin@{LEGIT}>".encode()).decode(),
}
ZONE = {
    LEGIT: {"TXT": ["v=spf1 -all"]},
    f"_dmarc.{LEGIT}": {"TXT": ["v=DMARC1; p=reject"]},
    ATTACKER: {"TXT": [f"v=spf1 ip4:{PEER} -all"]},
    **{f"{name}.{ATTACKER}": {"TXT": [f"v=spf1 ip4:{PEER} -all"]} for name in ("helo", "a", "any")},
    f"_dmarc.{ATTACKER}": {"TXT": ["v=DMARC1; p=none"]},
    f"s1._domainkey.{ATTACKER}": {"TXT": [key_record()]},
}
FIRST, ADMIN = f"<first@{ATTACKER}>", f"<admin@{LEGIT}>"


def _mail(head: str) -> str:
    fields = ("To: <{RCPT}>", "Subject: hello", "Date: {DATE}", "Message-ID: <{ID}@ids.{ATTACKER}>")
    return head + "".join(f"{one}\r\n" for one in fields) + "\r\nHi.\r\n"


RELATIVES = {
    # One From field, or nobody is the author.
    "two fields": f"From: {FIRST}\r\nFrom: {ADMIN}\r\n",
    "two fields, the victim's first": f"From: {ADMIN}\r\nFrom: {FIRST}\r\n",
    "a space behind the name": f"From: {FIRST}\r\nFrom : {ADMIN}\r\n",
    "a tab behind the name": f"From: {FIRST}\r\nFrom\t: {ADMIN}\r\n",
    "a fold behind the name": f"From: {FIRST}\r\nFrom\r\n : {ADMIN}\r\n",
    "a space before the name of the victim's": f" From: {ADMIN}\r\nFrom: {FIRST}\r\n",
    "an odd octet in the name": f"From: {FIRST}\r\nFr\x0bom: {ADMIN}\r\n",
    "a mark before the name": f"From: {FIRST}\r\n>From: {ADMIN}\r\n",
    "letter case": f"fROM: {ADMIN}\r\nFrom: {FIRST}\r\n",
    # One mailbox, or nobody is.
    "two mailboxes": f"From: {ADMIN}, {FIRST}\r\n",
    "two mailboxes, folded": f"From: {ADMIN},\r\n {FIRST}\r\n",
    "a route": f"From: <@{LEGIT},@any.example:first@{ATTACKER}>\r\n",
    "a bare address before brackets": f"From: admin@{LEGIT}{FIRST}\r\n",
    "a bare address behind brackets": f"From: {FIRST}admin@{LEGIT}\r\n",
    "two pairs of brackets": f"From: {ADMIN}{FIRST}\r\n",
    "brackets in brackets": f"From: <admin@{LEGIT}{FIRST}\r\n",
    "a comment in a comment": f"From: ((<first@{ATTACKER}>){ADMIN}\r\n",
    "a group": f"From: Team: {ADMIN};, {FIRST}\r\n",
    "an encoded word in brackets": f"From: <=?utf-8?q?admin=40{LEGIT}?=@{ATTACKER}>\r\n",
    "a semicolon": f"From: {ADMIN};{FIRST}\r\n",
    "a quote without end": f'From: "admin@{LEGIT} {FIRST}\r\n',
    # No From field: nobody else steps in.
    "only a Sender": f"Sender: {ADMIN}\r\n",
    "only a Resent-From": f"Resent-From: {ADMIN}\r\n",
    "an empty From": f"From: \r\nSender: {ADMIN}\r\nReply-To: {ADMIN}\r\n",
}
NAMES = {
    "quoted": f'"admin@{LEGIT}"',
    "a quoted pair in a quote": f'"\\"{ADMIN}\\" "',
    "encoded": f"=?utf-8?q?admin=40{LEGIT}=3E?=",
    "a comment": f"(admin@{LEGIT})",
    "an encoded word in quotes": '"=?utf-8?b?{B64_LEGIT_ANGLE}?="',
}
ENVELOPES = {
    "the null reverse-path": (ATTACKER, "<>"),
    "HELO with the victim's name": (LEGIT, "<>"),
    "HELO with a name below the victim's": (f"x.{LEGIT}", f"<any@{ATTACKER}>"),
    "a quoted local part": (ATTACKER, f'<"any@{LEGIT} "@{ATTACKER}>'),
    "a name below that does not exist": (ATTACKER, f"<any@mailfrom.notexist.{LEGIT}>"),
    "a comment": (ATTACKER, f"<any@{LEGIT}(a.{ATTACKER}>"),
    "an apostrophe": (ATTACKER, f"<any@{LEGIT}'@any.{ATTACKER}>"),
    "a route": (ATTACKER, f"<@{LEGIT},@any.com:'any@{ATTACKER}>"),
    "a lone CR": (ATTACKER, f"<any@{LEGIT}\r.{ATTACKER}>"),
}
SIGNERS = (f"{LEGIT}'a.{ATTACKER}", f"{LEGIT}(.{ATTACKER}", f"{LEGIT}.{ATTACKER}", f"{ATTACKER}.", ATTACKER)


# By default such mail is held; taken, it shows its author in case and copy as well.
TAKING = replace(DESK, policy=Policy(no_author="accept"))


@pytest.fixture(scope="module", params=["annotate", "enforce"])
def office(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """The listener, and a World over the same store that routes what was accepted."""
    directory, zone = tmp_path_factory.mktemp("espoofer"), DnsZone(ZONE)
    with Suite(directory, zone, desk_value=TAKING, policy={"mode": request.param}) as suite:
        world = World(f"sqlite:///{directory}/casegate.db", TAKING)
        yield SimpleNamespace(suite=suite, world=world, sent=0)
        world.close()
    zone.close()


def _sent(office: SimpleNamespace, case: Mapping[str, str], signer: str = "") -> dict[str, Any] | None:
    """The stored message; None where it was refused."""
    office.sent += 1
    filled = {name: _filled(text, office.sent) for name, text in case.items()}
    octets = filled["message"].encode("latin-1")
    shown = office.suite.send(
        sign(octets, signer) if signer else octets,
        helo=filled["helo"],
        raw_mail_from=filled["mail_from"],
        recipient=filled["rcpt_to"].strip("<>"),
    )
    assert "id" in shown or shown["response"][0] in "45"
    return shown if "id" in shown else None


def _filled(text: str, number: int) -> str:
    for word, value in {**WORDS, "{ID}": str(number)}.items():
        text = text.replace(word, value)
    return text


def _never_for_the_victim(office: SimpleNamespace, shown: Mapping[str, Any]) -> None:
    """The invariant of the corpus, and one author everywhere."""
    found, author = shown["authentication"], shown["from"] or ""
    said = scan(office.suite.stamped(shown["id"])).first(b"authentication-results").decode()
    assert re.findall(r"header\.from=([^\s;]+)", said) == ([author.rpartition("@")[2]] if author else [])
    assert re.findall(r"[^.]dmarc=(\w+)", said) == [found["dmarc"]["result"]]
    assert LEGIT not in re.findall(r"header\.d=([^\s;]+)", said)
    if found["spf"]["result"] == "pass" or LEGIT not in (shown["envelope"]["reverse_path"] or ""):
        assert f"smtp.mailfrom={LEGIT};" not in f"{said};"
    assert not (author.endswith(LEGIT) and (found["aligned"] or found["dmarc"]["result"] == "pass"))
    if not author:
        assert (found["dmarc"]["result"], found["aligned"]) == ("permerror", False)
    _named_alike(office.world, shown["id"], author)


def _named_alike(world: World, message_id: str, author: str) -> None:
    """In the list of messages, in the case, and in the agents' copy, which is from ourselves."""
    world.route()
    with world.database.read() as unit:
        row = next(one for one in listing.messages(unit, 10) if one.id == message_id)
        case = case_views.by_number(unit, cases.of_thread(unit, row.thread_id).number)
    assert row.author_address == case.contact_address == author
    copy = world.sent("copy")[-1]
    assert copy.head.count(b"from") == 1
    assert field(copy, "from").rpartition("<")[2].endswith(f"@{HOST}>")


def _author_of(shown: Mapping[str, Any]) -> str:
    return (shown["from"] or "@").rpartition("@")[2]


@pytest.mark.corpora
def test_no_row_of_the_corpus_passes_for_the_victim(office: SimpleNamespace, corpora: Path) -> None:
    rows = json.loads((corpora / "spoofing/espoofer.json").read_bytes())["cases"]
    inbound = [one for one in rows if one["mode"] == "inbound"]
    for row in inbound:
        shown = _sent(office, row)
        if shown is not None:
            _never_for_the_victim(office, shown)
            if "dmarc fail" in row["expect"]:
                assert (_author_of(shown), shown["authentication"]["dmarc"]["result"]) == (LEGIT, "fail"), row["id"]
            else:
                assert shown["from"] is None or shown["authentication"]["dmarc"]["result"] == "fail", row["id"]
    assert inbound


@pytest.mark.parametrize("head", RELATIVES.values(), ids=RELATIVES)
def test_a_from_that_can_be_read_in_two_ways_names_nobody(office: SimpleNamespace, head: str) -> None:
    case = {"helo": ATTACKER, "mail_from": f"<any@{ATTACKER}>", "rcpt_to": f"<{SUPPORT}>", "message": _mail(head)}
    shown = _sent(office, case)
    if shown is not None:
        _never_for_the_victim(office, shown)
        assert shown["from"] is None


@pytest.mark.parametrize(("helo", "mail_from"), ENVELOPES.values(), ids=ENVELOPES)
def test_no_envelope_vouches_for_the_victim(office: SimpleNamespace, helo: str, mail_from: str) -> None:
    message = _mail(f"From: {ADMIN}\r\n")
    shown = _sent(office, {"helo": helo, "mail_from": mail_from, "rcpt_to": f"<{SUPPORT}>", "message": message})
    if shown is not None:
        _never_for_the_victim(office, shown)
        assert (_author_of(shown), shown["authentication"]["dmarc"]["result"]) == (LEGIT, "fail")


@pytest.mark.parametrize("signer", SIGNERS)
def test_no_signature_of_a_domain_that_looks_like_the_victims_vouches(office: SimpleNamespace, signer: str) -> None:
    office.suite.zone.set(f"s1._domainkey.{signer.rstrip('.')}", "TXT", [key_record()])
    message = _mail(f"From: {ADMIN}\r\n")
    case = {"helo": ATTACKER, "mail_from": f"<any@{ATTACKER}>", "rcpt_to": f"<{SUPPORT}>", "message": message}
    shown = _sent(office, case, signer)
    if shown is not None:
        _never_for_the_victim(office, shown)
        assert shown["authentication"]["dmarc"]["result"] == "fail"


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_a_name_is_only_a_name_and_the_attacker_the_author_everywhere(office: SimpleNamespace, name: str) -> None:
    message = _mail(f"From: {name} {FIRST}\r\nX-Y: z\r\n From: {ADMIN}\r\n")
    case = {"helo": ATTACKER, "mail_from": f"<any@{ATTACKER}>", "rcpt_to": f"<{SUPPORT}>", "message": message}
    shown = _sent(office, case)
    assert shown["authentication"]["dmarc"]["result"] == "pass"
    _never_for_the_victim(office, shown)
    assert shown["from"] == FIRST.strip("<>")
