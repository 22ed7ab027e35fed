# SPDX-License-Identifier: Apache-2.0
"""A dead DNS blocklist is told to the log, and not with every mail."""

from datetime import UTC, datetime, timedelta

import pytest

from gateway.dead_lists import DeadLists

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def test_each_dead_list_is_told_once_an_hour(caplog: pytest.LogCaptureFixture) -> None:
    lists = DeadLists()
    for minute in range(60):
        lists.tell(("dead.example", "parked.example"), NOW + timedelta(minutes=minute))
    assert [one.levelname for one in caplog.records] == ["WARNING", "WARNING"]
    assert "dead.example" in caplog.messages[0]
    assert "take it out of policy.dnsbl" in caplog.messages[0]
    assert "parked.example" in caplog.messages[1]
    lists.tell(("dead.example",), NOW + timedelta(hours=1))
    # A clock that was ahead keeps nobody silent.
    lists.tell(("dead.example",), NOW - timedelta(days=365))
    lists.tell((), NOW + timedelta(hours=9))
    assert len(caplog.records) == 4
