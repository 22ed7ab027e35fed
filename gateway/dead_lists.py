# SPDX-License-Identifier: Apache-2.0
"""Tells the log of DNS blocklists that are dead, once in an hour and process for each; the operator has to act.

Enters: the zones that a mail met. Bounded: they are those of the configuration.
"""

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta

from handlers import dnsbl

EVERY = timedelta(hours=1)

log = logging.getLogger(__name__)


class DeadLists:
    """When each was told."""

    def __init__(self) -> None:
        self._told: dict[str, datetime] = {}

    def tell(self, zones: Iterable[str], now: datetime) -> None:
        """A clock that goes back tells again."""
        for zone in zones:
            last = self._told.get(zone)
            if last is None or abs(now - last) >= EVERY:
                self._told[zone] = now
                log.warning("%s", dnsbl.explained(zone)[1])
