# SPDX-License-Identifier: Apache-2.0
"""The trace of one mail as it is stored: what decided, and the answers of DNS that it rests on.

Enters: a judged mail. Leaves: JSON {notes: [[step, decided, because]], dns: [[kind, name, found, [records]]]}; where
the bound of what is stored leaves records out, null stands in their place. `read` gives it back. Everything in it may
be of a stranger's making; each text has a bound, and so has the whole.
"""

import json
from dataclasses import dataclass

from handlers.arrival import Incoming, Note
from handlers.book import question
from handlers.ports import Answer, Found, Question
from storage.messages import to_json

MAX_TEXT = 400  # characters of one text of a note
MAX_NOTES = 200
MAX_NAME = 255  # RFC 1035 §3.1: no name is longer; what is longer was never asked
MAX_DNS_OCTETS = 48 * 1024  # of all records of one mail: a dozen keys of 4096 bits and as many SPF records
MAX_RECORD_OCTETS = 8 * 1024


@dataclass(frozen=True, slots=True)
class Trace:
    """What was stored of the judging; `cut` are the questions whose answers were too large to keep."""

    notes: tuple[Note, ...] = ()
    answers: tuple[tuple[Question, Answer], ...] = ()
    cut: frozenset[Question] = frozenset()


def trace_json(mail: Incoming) -> str:
    """What is stored with the mail."""
    notes = [[_bounded(one.step), _bounded(one.decided), _bounded(one.because)] for one in mail.notes[:MAX_NOTES]]
    left, answers = MAX_DNS_OCTETS, []
    for asked, answer in mail.authentication.answers:
        if len(asked.name) > MAX_NAME:
            continue
        size = sum(map(len, answer.records))
        kept = size <= left and all(len(record) <= MAX_RECORD_OCTETS for record in answer.records)
        left -= size if kept else 0
        records = [record.decode("latin-1") for record in answer.records] if kept else None
        answers.append([asked.kind, asked.name, answer.found.value, records])
    return to_json({"notes": notes, "dns": answers})


def read(stored: str) -> Trace:
    """What was stored; nothing of a mail that was never judged, such as an agent's reply."""
    if not stored:
        return Trace()
    value = json.loads(stored)
    known, cut = [], []
    for kind, name, found, records in value["dns"]:
        asked = question(kind, name)
        if records is None:
            cut.append(asked)
        else:
            known.append((asked, Answer(Found(found), tuple(record.encode("latin-1") for record in records))))
    return Trace(tuple(Note(*note) for note in value["notes"]), tuple(known), frozenset(cut))


def _bounded(text: str) -> str:
    return text if len(text) <= MAX_TEXT else f"{text[: MAX_TEXT - 1]}…"
