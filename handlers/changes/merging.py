# SPDX-License-Identifier: Apache-2.0
"""Merge: all mail of one case belongs to another one from now on, with every mail that comes later.

Enters: two case numbers. Leaves: the threads of the first in the second, the first closed and leading to the second.
Conversations stay apart: whoever answers a mail answers in its own thread, to its own people. The second keeps what it
holds; who watches the first or is of its case team belongs to the second too. Links, tags, fields, comments stay where
they are and are shown with the second.
"""

from dataclasses import replace
from typing import Any

from handlers.acting import By
from handlers.case_edits import Refusal
from handlers.changes.common import (
    Done,
    both,
    clock_of,
    different_contacts,
    ending_of,
    owe_copies,
    set_status,
    stands_alone,
    tell,
    wake,
)
from storage import case_changes, cases
from storage.case_changes import MERGE, Change, Trail
from storage.database import Unit
from storage.desk import Snapshot

MOST_TOLD = 100  # messages that the timeline names
MERGED = "closed"  # the status of a case that was merged


def merge(unit: Unit, desk: Snapshot, numbers: tuple[int, int], by: By, *, is_sure: bool = False) -> Done | Refusal:
    """The first case into the second; `is_sure`: that they are different contacts' is known."""
    found = both(unit, numbers)
    if isinstance(found, Refusal):
        return found
    threads = cases.threads_of(unit, found[0].id)
    locked = case_changes.lock(unit, (), threads, [case.id for case in found])
    gone, kept = (locked[case.id] for case in found)
    refusal = _fault(unit, gone, kept, is_sure=is_sure)
    if refusal is not None:
        return refusal
    case_changes.expect_threads(unit, gone.id, threads)
    return Done(_merge(unit, desk, (gone, kept), tuple(threads), by), kept.number)


def _fault(unit: Unit, gone: Any, kept: Any, *, is_sure: bool) -> Refusal | None:
    merged = stands_alone(unit, gone) or stands_alone(unit, kept)
    if merged is not None:
        return merged
    words = different_contacts(gone, kept)
    return Refusal(words) if words and not is_sure else None


def _merge(unit: Unit, desk: Snapshot, pair: tuple[Any, Any], threads: tuple[int, ...], by: By) -> int:
    gone, kept = pair
    on_way = case_changes.on_way(unit, (gone.id, kept.id))
    last, endings = case_changes.last_seq(unit), (*ending_of(gone), *ending_of(kept))
    before = Trail(threads=threads, endings=endings, clocks=clock_of(kept), last_seq=last, on_way=on_way)
    change_id = case_changes.write(unit, Change(0, MERGE, gone.id, kept.id, before), by.actor, by.now)
    case_changes.give_threads(unit, threads, kept.id)
    watchers, members = case_changes.add_people(unit, gone.id, kept.id)
    told: dict[str, object] = {"change": change_id, "number": kept.number}
    tell(unit, gone.id, "merged_into", told, by)
    mail = case_changes.ids_in(unit, threads, MOST_TOLD)
    tell(unit, kept.id, "merged", {"change": change_id, "number": gone.number, "messages": mail}, by)
    woken = wake(unit, desk, gone, kept, by)
    closed = set_status(unit, desk, gone, MERGED, by)
    cases.write(unit, gone.id, {"merged_into_id": kept.id})
    trail = replace(before, watchers=watchers, members=members, statuses=woken + closed)
    case_changes.keep_trail(unit, change_id, trail)
    owe_copies(unit, kept.id, by)
    return change_id
