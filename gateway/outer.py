# SPDX-License-Identifier: Apache-2.0
"""The outer world as one value, so that whoever is built gets DNS and time from the same hand."""

from dataclasses import dataclass

from handlers.ports import Clock, Resolver


@dataclass(frozen=True, slots=True)
class Outer:
    """The resolver and the clock of one process."""

    resolver: Resolver
    clock: Clock
