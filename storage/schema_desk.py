# SPDX-License-Identifier: Apache-2.0
"""The tables of the desk, and the counters: keys of people are lower-case addresses (`Address.key`)."""

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Table

from storage.columns import Id, Text, id_column, metadata, ref

counter = Table(
    "counter", metadata, Column("name", Text, primary_key=True), Column("value", BigInteger, nullable=False)
)

team = Table(
    "team",
    metadata,
    id_column(),
    Column("name", Text, nullable=False, unique=True),
    Column("display_name", Text, nullable=False),
    Column("sender", Text, nullable=False),
    Column("active", Boolean, nullable=False),
)

agent = Table(
    "agent",
    metadata,
    id_column(),
    Column("login", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("signature", Text, nullable=False),
    Column("presence", Text, nullable=False),
    Column("password_hash", Text),
    Column("active", Boolean, nullable=False),
)

# Every address that an agent ever had: quotes keep naming it when the agent has left or has another.
private_address = Table("private_address", metadata, Column("key", Text, primary_key=True))

agent_team = Table(
    "agent_team",
    metadata,
    Column("agent_id", Id, ForeignKey("agent.id"), primary_key=True),
    Column("team_id", Id, ForeignKey("team.id"), primary_key=True),
)

routing_address = Table(
    "routing_address",
    metadata,
    id_column(),
    Column("key", Text, nullable=False, unique=True),
    Column("address", Text, nullable=False),
    ref("team_id", "team"),
    Column("accept_from", Text, nullable=False),
    Column("others", Text, nullable=False),
    Column("verified", Boolean, nullable=False),
    Column("acknowledge", Text, nullable=False),
    Column("active", Boolean, nullable=False),
)

contact = Table(
    "contact", metadata, id_column(), Column("name", Text, nullable=False), Column("source", Text, nullable=False)
)

contact_address = Table(
    "contact_address",
    metadata,
    Column("key", Text, primary_key=True),
    Column("address", Text, nullable=False),
    ref("contact_id", "contact"),
    Index(None, "contact_id"),
)
