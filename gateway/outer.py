# SPDX-License-Identifier: Apache-2.0
"""The outer world as one value, so that whoever is built gets DNS and time from the same hand."""

from dataclasses import dataclass, field

from handlers.ports import Clock, Resolver
from handlers.rates import Rates, Uncounted


@dataclass(frozen=True, slots=True)
class Outer:
    """Resolver, clock and rates of one process; `checks_s` bounds all questions about one mail together."""

    resolver: Resolver
    clock: Clock
    checks_s: float = 8.0
    rates: Rates = field(default_factory=Uncounted)
