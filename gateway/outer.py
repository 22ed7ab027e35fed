# SPDX-License-Identifier: Apache-2.0
"""The outer world as one value, so that whoever is built gets DNS and time from the same hand."""

from dataclasses import dataclass

from handlers.ports import Clock, Resolver


@dataclass(frozen=True, slots=True)
class Outer:
    """The resolver and the clock of one process; `checks_s` bounds all questions about one mail together."""

    resolver: Resolver
    clock: Clock
    checks_s: float = 8.0
