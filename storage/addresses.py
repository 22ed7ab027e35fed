# SPDX-License-Identifier: Apache-2.0
"""Routing addresses that a command adds, takes away or speaks for; the desk file's come by storage/desk.py.

What a command adds stays whatever the desk file says. Each change counts the desk's version up.
"""

from sqlalchemy import insert, select, update

from storage.database import Unit
from storage.desk import address_columns
from storage.desk_values import RoutingAddress
from storage.desk_version import count_up
from storage.schema_desk import routing_address, team


def add(unit: Unit, value: RoutingAddress) -> bool:
    """A new address, or one that was retired; False for a team that does not exist."""
    team_id = unit.execute(select(team.c.id).where(team.c.name == value.team, team.c.active)).scalar()
    if team_id is None:
        return False
    columns = {**address_columns(value, int(team_id)), "active": True, "source": "command"}
    key = value.address.key
    changed = unit.execute(update(routing_address).where(routing_address.c.key == key).values(**columns)).rowcount
    if not changed:
        unit.execute(insert(routing_address), columns)
    count_up(unit)
    return True


def retire(unit: Unit, key: str) -> str | None:
    """The address takes no mail any more; whose it was, "file" or "command", or None."""
    retired = update(routing_address).where(routing_address.c.key == key, routing_address.c.active)
    row = unit.execute(retired.values(active=False).returning(routing_address.c.source)).first()
    if row is None:
        return None
    count_up(unit)
    return str(row.source)


def set_word(unit: Unit, key: str) -> str | None:
    """The operator says that the address is theirs; whose it is, "file" or "command", or None where there is none."""
    spoken = update(routing_address).where(routing_address.c.key == key, routing_address.c.active)
    row = unit.execute(spoken.values(verified=True).returning(routing_address.c.source)).first()
    if row is None:
        return None
    count_up(unit)
    return str(row.source)
