# SPDX-License-Identifier: Apache-2.0
"""The version of the desk: counts up with every change of it, so that processes know when to read it again."""

from sqlalchemy import select, update

from storage.database import Unit
from storage.schema_desk import counter

_VERSION = select(counter.c.value).where(counter.c.name == "desk")


def version(unit: Unit) -> int:
    """The present one."""
    return int(unit.execute(_VERSION).scalar_one())


def count_up(unit: Unit) -> None:
    """The desk has changed."""
    unit.execute(update(counter).where(counter.c.name == "desk").values(value=counter.c.value + 1))
