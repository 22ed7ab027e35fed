# SPDX-License-Identifier: Apache-2.0
"""The threading corpus through a real listener: mail in, and which of it is in one thread.

Every mail is a proven customer's. The listener's address wants a case of its own for another topic, so that a base
subject which is read wrongly parts what belongs together.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from handlers.headers import scan
from handlers.pointers import referred_ids
from handlers.topics import base_subject
from storage.case_values import CaseSettings, Handling, Sections
from storage.threads import key_of
from tests.support.dkim import key_record
from tests.support.dns import DnsZone
from tests.support.office import DESK, sign
from tests.support.suite import Suite

pytestmark = pytest.mark.corpora

DOMAIN = "customer.example"
TOPICS = replace(DESK, sections=Sections(cases=CaseSettings(handling=Handling(topic_change="new_case"))))
_numbers = count(1)


@pytest.fixture
def suite(tmp_path: Path, dns_zone: DnsZone) -> Iterator[Suite]:
    dns_zone.update({f"s1._domainkey.{DOMAIN}": {"TXT": [key_record()]}})
    with Suite(tmp_path, dns_zone, desk_value=TOPICS) as made:
        yield made


def items(corpora: Path, name: str) -> list[Mapping[str, Any]]:
    return list(json.loads((corpora / "threading" / name).read_text())["cases"])


def sent(suite: Suite, author: str, head: str, message_id: str = "", subject: str = "Any") -> dict[str, Any]:
    """One mail of this customer's; `head` is a block of header fields as they are."""
    own = message_id or f"own{next(_numbers)}@mail.{DOMAIN}"
    given = {"From": f"{author}@{DOMAIN}", "To": "support@firm.example", "Message-ID": f"<{own}>", "Subject": subject}
    fields = "".join(f"{name}: {value}\r\n" for name, value in given.items() if value)
    date = "Date: Sun, 22 Nov 2026 12:00:00 +0000\r\n"
    octets = f"{fields}{date}{head}\r\nWords of mail {next(_numbers)}.\r\n".encode()
    shown = suite.send(sign(octets, DOMAIN), reverse_path=f"{author}@{DOMAIN}")
    assert shown["response"].startswith("250"), shown
    assert shown["authentication"]["aligned"], shown
    return shown


def test_ids_are_read_as_the_table_says(corpora: Path, suite: Suite) -> None:
    """Also through the listener: a mail under each of the ids comes first, and the mail that refers to it joins."""
    wrong = []
    for item in items(corpora, "references.json"):
        head = scan(item["header_block"].encode() + b"\r\n")
        read = [key_of(text) for text in referred_ids(head)]
        if read[::-1] != [key_of(text) for text in item["ids"]] and "in-reply-to" not in item["header_block"].lower():
            wrong.append(item["id"])
        for number, text in enumerate(item["ids"]):
            author = f"{item['id']}-{number}"
            first = sent(suite, author, "", message_id=text)
            if sent(suite, author, item["header_block"])["thread_id"] != first["thread_id"]:
                wrong.append(f"{item['id']} {text}")
        if not item["ids"]:
            sent(suite, item["id"], item["header_block"])
    assert wrong == []


def test_base_subjects_keep_together_what_is_one_topic(corpora: Path, suite: Suite) -> None:
    wrong = []
    for item in items(corpora, "subject_base.json"):
        if base_subject(item["subject"]) != (item["base"], item["is_reply_or_forward"]):
            wrong.append(item["id"])
        first = sent(suite, item["id"], "", subject=item["base"] or "Any")
        answer = f"In-Reply-To: <{first['message_id']}>\r\n"
        subject = item["subject"].strip().replace("\0", "")
        again = sent(suite, item["id"], answer, subject=subject)
        other = sent(suite, item["id"], answer, subject="Quite another matter")
        if again["thread_id"] != first["thread_id"] or other["thread_id"] == first["thread_id"]:
            wrong.append(f"{item['id']} through the listener")
    assert wrong == []


def test_messages_in_any_order_come_together(corpora: Path, suite: Suite) -> None:
    wrong = []
    for item in items(corpora, "jwz.json"):
        mails: dict[str, list[str]] = {}
        for one in item["messages"]:
            full = {name: f"{item['id']}.{name}@{DOMAIN}" for name in (one["message_id"], *one["references"])}
            chain = " ".join(f"<{full[name]}>" for name in one["references"])
            head = f"References: {chain}\r\n" if chain else ""
            shown = sent(suite, item["id"], head, message_id=full[one["message_id"]])
            mails.setdefault(one["message_id"], []).append(shown["thread_id"])
        threads = [{thread for name in group for thread in mails[name]} for group in item["same_thread"]]
        if any(len(group) != 1 for group in threads) or len(set.union(*threads)) != len(threads):
            wrong.append(item["id"])
        assert sum(map(len, mails.values())) == len(item["messages"])
    assert wrong == []
