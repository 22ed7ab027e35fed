# SPDX-License-Identifier: Apache-2.0
"""The tables of the desk, and the counters: keys of people are lower-case addresses (`Address.key`)."""

from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Table, false

from storage.columns import Id, Instant, Text, id_column, metadata, ref

# What admission asks of one address, or of all (storage/policies.py); an empty text: it is not said here.
POLICY_TEXTS = (
    "lists",
    "dmarc_reject",
    "dmarc_quarantine",
    "dmarc_none",
    "no_author",
    "forbid_attachments",
    "forbidden_attachment",
    "rate_author",
    "rate_domain",
    "rate_total",
    "over_rate",
)


def _policy_columns() -> list[Column[Any]]:
    texts = [Column(name, Text, nullable=False, server_default="") for name in POLICY_TEXTS]
    return [*texts, Column("max_size", BigInteger, nullable=False, server_default="0")]


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
    *_policy_columns(),
    Column("handling", Text, nullable=False, server_default="{}"),  # JSON of storage/handling.py
    Column("source", Text, nullable=False, server_default="file"),  # "file", or "command"
)

# The desk's default: one row, or none while nothing is said.
desk_policy = Table(
    "desk_policy",
    metadata,
    id_column(),
    Column("accept_from", Text, nullable=False),
    Column("others", Text, nullable=False),
    *_policy_columns(),
)

# Addresses and domains that may write where an address names the list.
sender_list = Table(
    "sender_list",
    metadata,
    id_column(),
    Column("name", Text, nullable=False, unique=True),
    Column("active", Boolean, nullable=False),
)

sender_list_entry = Table(
    "sender_list_entry",
    metadata,
    Column("list_id", Id, ForeignKey("sender_list.id"), primary_key=True),
    Column("entry", Text, primary_key=True),
    Column("source", Text, nullable=False),  # "file", or "command"
    Column("added_at", Instant),
)

# Addresses, domains and networks that may not write to anyone.
block = Table(
    "block",
    metadata,
    Column("what", Text, primary_key=True),
    Column("reason", Text, nullable=False),
    Column("source", Text, nullable=False),  # "file", or "command"
    Column("added_at", Instant),
)

# An organisation: its contacts are those of its domains, and those given to it by hand.
account = Table(
    "account",
    metadata,
    id_column(),
    Column("name", Text, nullable=False, unique=True),
    Column("active", Boolean, nullable=False),
    Column("source", Text, nullable=False, server_default="file"),  # "file", or "command"
)

account_domain = Table(
    "account_domain", metadata, Column("domain", Text, primary_key=True), ref("account_id", "account")
)

contact = Table(
    "contact",
    metadata,
    id_column(),
    Column("name", Text, nullable=False),
    Column("source", Text, nullable=False),  # desk, reply, mail: how we came to know of them
    Column("language", Text, nullable=False, server_default=""),
    ref("account_id", "account", nullable=True),  # given by hand; else its domain says
    Column("account_source", Text, nullable=False, server_default="desk"),  # desk, or command: the file leaves it
    Index(None, "account_id"),
)

contact_address = Table(
    "contact_address",
    metadata,
    Column("key", Text, primary_key=True),
    Column("address", Text, nullable=False),
    ref("contact_id", "contact"),
    Column("source", Text, nullable=False, server_default="desk"),  # desk, reply, command; mail: it is not known
    Index(None, "contact_id"),
)

# Two contacts made one, with all that it takes to undo it.
contact_change = Table(
    "contact_change",
    metadata,
    id_column(),
    ref("contact_id", "contact"),  # whose addresses and cases they were
    ref("other_id", "contact"),  # whose they are
    Column("at", Instant, nullable=False),
    Column("actor", Text, nullable=False),
    Column("detail", Text, nullable=False),  # JSON
    Column("undone", Boolean, nullable=False, server_default=false()),
    Index(None, "contact_id"),
    Index(None, "other_id"),
)

# The desk file's other sections (storage/sections.py), each read as a whole.
desk_section = Table(
    "desk_section", metadata, Column("name", Text, primary_key=True), Column("value", Text, nullable=False)
)
