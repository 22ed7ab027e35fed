# SPDX-License-Identifier: Apache-2.0
"""Comments: what the team says among itself in a case, with files. They stand in no outbox and reach no customer."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import insert

from storage import files
from storage.cases import add_text
from storage.database import Unit
from storage.files import NewFile
from storage.schema_cases import comment_file


def add(unit: Unit, said: tuple[int, str, str], new: Sequence[NewFile], now: datetime) -> int:
    """Write a comment of (case, actor, text) with its files; returns its id."""
    case_id, actor, text = said
    comment_id = add_text(unit, case_id, actor, text, now)
    for one in new:
        files.keep(unit, one, now)
    rows = [
        {"comment_id": comment_id, "position": at, "name": one.name, "sha256": one.content.sha256}
        for at, one in enumerate(new)
    ]
    if rows:
        unit.execute(insert(comment_file), rows)
    return comment_id
