# SPDX-License-Identifier: Apache-2.0
"""One matter of several teams in the store: the teams that watch a case, and the cases that began with one mail."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, or_, select

from storage import case_changes, cases
from storage.database import Unit
from storage.schema import thread
from storage.schema_cases import case, case_link, case_watcher
from storage.threads import Link
from storage.upsert import Upsert

MOST_CASES = 50  # of one matter


@dataclass(frozen=True, slots=True)
class Theirs:
    """A thread of a team's, and the case that its mail belongs to now."""

    thread_id: int
    case: Any


def of_matter(unit: Unit, case_id: int, team_id: int) -> list[Theirs]:
    """What a team has of the matter of a case, the nearest first, and of those as near the newest.

    Cases are of one matter that began with one mail, or that one goes on in for good after the other has ended.
    """
    near = _matter(unit, case_id)
    rows = unit.execute(_THREADS, {"cases": near[1:], "t": team_id})
    nearest = sorted(rows, key=lambda row: near.index(row.began))
    return [Theirs(row.id, cases.of_thread(unit, row.id)) for row in nearest]


def link(unit: Unit, case_id: int, other_id: int) -> bool:
    """Let two cases stand beside each other as those of one mail; False where they do already."""
    return case_changes.add_link(unit, case_id, other_id, (Link.SAME_MAIL.value, Link.SAME_MAIL.value))


def watch(unit: Unit, case_id: int, team_id: int) -> bool:
    """Let a team watch another team's case; False where it does already."""
    return _WATCHER.write(unit, {"case_id": case_id, "team_id": team_id}).first() is not None


def _matter(unit: Unit, case_id: int) -> list[int]:
    found: list[int] = [case_id]
    newer: Sequence[int] = found
    while newer and len(found) < MOST_CASES:
        newer = list(unit.execute(_NEAR, {"cases": newer, "known": found}).scalars())
        found = [*found, *newer]
    return found


_WATCHER = Upsert(case_watcher, None, case_watcher.c.team_id)
_OLD, _NEW = thread.alias("old"), thread.alias("new")
_GOES_ON = (  # a case may follow another for its topic alone
    select(_OLD.c.id)
    .join(_NEW, _NEW.c.id == _OLD.c.followed_by_id)
    .where(_OLD.c.case_id == case_link.c.other_id, _NEW.c.case_id == case_link.c.case_id)
    .correlate(case_link)
    .exists()
)
_IS_NEAR = or_(
    case_link.c.kind == Link.SAME_MAIL.value,
    (case_link.c.kind == Link.FOLLOWS.value) & _GOES_ON,
)
_NEAR = (
    select(case_link.c.other_id)
    .where(case_link.c.case_id.in_(bindparam("cases", expanding=True)), _IS_NEAR)
    .where(case_link.c.other_id.not_in(bindparam("known", expanding=True)))
    .group_by(case_link.c.other_id)
    .order_by(case_link.c.other_id.desc())
    .limit(MOST_CASES)
)
_THREADS = (
    select(thread.c.id, case.c.id.label("began"))
    .join(case, case.c.thread_token == thread.c.token)
    .where(case.c.id.in_(bindparam("cases", expanding=True)), case.c.team_id == bindparam("t"))
)
