# SPDX-License-Identifier: Apache-2.0
"""Whose address a recipient is."""

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from handlers.destinations import Destination, Kind, destination
from handlers.office import Office
from storage.address import parse
from storage.desk import Snapshot
from storage.response import R550_NO_SUCH_ADDRESS
from tests.support.office import KEYS

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("ours", ["support@bücher.example", "support@xn--bcher-kva.example"])
@pytest.mark.parametrize("theirs", ["Support@bücher.example", "support@XN--bcher-kva.example"])
def test_the_desk_and_the_sender_may_write_a_domain_in_either_way(ours, theirs):
    row = SimpleNamespace(value=SimpleNamespace(verified=True, address=parse(ours)))
    desk = Snapshot(1, teams={}, agents={}, addresses={parse(ours).key: row})
    office = Office("gw.example", "gw.example", KEYS, desk, None, annotate=False)
    found = destination(office, parse(theirs), NOW)
    assert isinstance(found, Destination)
    assert (found.kind, found.row) == (Kind.ROUTING, row)
    assert destination(office, parse("support@bucher.example"), NOW) == R550_NO_SUCH_ADDRESS
