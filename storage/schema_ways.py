# SPDX-License-Identifier: Apache-2.0
"""The tables of the ways by which mail reaches us: what is known of each, the probes that show it, and aliases.

They name addresses by key, not by row: a way outlives the desk's row, for an old address that became an alias.
"""

from sqlalchemy import Column, ForeignKey, Index, Table

from storage.columns import Instant, Text, id_column, metadata, ref

way = Table(
    "way",
    metadata,
    Column("key", Text, primary_key=True),  # of the public address, which may be an alias
    Column("address", Text, nullable=False),
    Column("kind", Text, nullable=False),  # direct, forwarded, hosted
    Column("intake", Text, unique=True),  # the local part of the hidden address that a forward leads to
    Column("found", Text, nullable=False),  # what the last look at DNS said
    Column("verified_at", Instant),
    Column("hosts", Text, nullable=False),  # JSON: those that brought probes back
    Column("learnt", Text, nullable=False),  # JSON: what the forward did with a probe; empty before the first
    Column("latest", Text, nullable=False),  # JSON: the same of the newest probe
    Column("alarm", Text, nullable=False),  # words; empty while all is well
    Column("alarm_at", Instant),
    Column("next_probe_at", Instant),
    Column("confirmations", Text, nullable=False),  # JSON: a forwarder asks whether it may
)

probe = Table(
    "probe",
    metadata,
    id_column(),
    Column("name", Text, nullable=False, unique=True),  # in its token
    Column("way_key", Text, ForeignKey("way.key"), nullable=False),
    ref("outbox_id", "outbox"),
    Column("purpose", Text, nullable=False),  # verify, heartbeat
    Column("state", Text, nullable=False),
    Column("sent_at", Instant, nullable=False),
    Column("due_at", Instant),  # when it counts as lost; null in every state but sent
    Column("ended_at", Instant),
    Column("said", Text, nullable=False),  # who refused it, and how
    Index(None, "outbox_id"),
    Index("ix_probe_way_key_id", "way_key", "id"),
    Index(
        "ix_probe_due_at",
        "due_at",
        sqlite_where=Column("due_at").is_not(None),
        postgresql_where=Column("due_at").is_not(None),
    ),
)

address_alias = Table(
    "address_alias",
    metadata,
    Column("key", Text, primary_key=True),
    Column("address", Text, nullable=False),
    Column("target_key", Text, nullable=False),  # of the routing address that has its mail now
    Column("source", Text, nullable=False),  # "file", or "command"
)
