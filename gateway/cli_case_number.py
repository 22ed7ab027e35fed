# SPDX-License-Identifier: Apache-2.0
"""A case as people name it on the command line: 12, #12, or its label such as FS-12. Every verb of cases takes it.

Enters: a word. Leaves: the number. A prefix that is not the desk's is refused: it is another system's case.
"""

import re
from typing import Any

import click

from gateway.cli_operator import Operator
from storage import sections

LARGEST_NUMBER = 2**63 - 1
_WORD = re.compile(r"#?(?P<prefix>[A-Za-z](?:[A-Za-z0-9._-]{0,14}[A-Za-z._-])?)?(?P<number>[0-9]{1,19})", re.ASCII)


class CaseNumber(click.ParamType[int]):
    """The click type; only a prefix costs a look at the desk."""

    name = "case"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        found = _WORD.fullmatch(value)
        number = int(found["number"]) if found else 0
        if not found or not 1 <= number <= LARGEST_NUMBER:
            self.fail(f"{value!r} is not a case such as 12", param, ctx)
        if found["prefix"]:
            self._check_prefix(found["prefix"], value, param, ctx)
        return number

    def _check_prefix(self, given: str, value: str, param: click.Parameter | None, ctx: click.Context | None) -> None:
        operator = ctx.find_object(Operator) if ctx is not None else None
        if operator is None:
            return
        with operator.store() as database, database.read() as unit:
            prefix = sections.sections(unit).cases.number_prefix
        if given.lower() != prefix.lower():
            self.fail(f"{value!r} is none of this desk's cases, which are named {prefix}12", param, ctx)


CASE = CaseNumber()
