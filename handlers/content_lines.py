# SPDX-License-Identifier: Apache-2.0
"""What invitations and contact cards are made of: lines of name, parameters and value (RFC 5545 §3.1, RFC 6350 §3.3).

Enters: text. Leaves: the first lines, unfolded, each read. What is no such line is passed over. Linear; never fails.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

MAX_CHARACTERS = 200_000
MAX_LINES = 5_000
MAX_VALUE_CHARACTERS = 1_000

_FOLD = re.compile(r"\r?\n[ \t]")
_LINE = re.compile(r"(?:[\w-]{1,60}+\.)?([A-Za-z0-9-]{1,60}+)((?:;(?:[^:\"\n]|\"[^\"\n]*+\")*+)?+):(.*)")
_PARAMETER = re.compile(r";([A-Za-z0-9-]{1,60})=(?:\"([^\"]*)\"|([^;\"]*))")
_ESCAPE = re.compile(r"\\(.)")


class Line(NamedTuple):
    """The name in capitals, parameters by name in capitals; the value is as written, escapes and all."""

    name: str
    parameters: dict[str, str]
    value: str

    @property
    def text(self) -> str:
        """The value as people read it."""
        return _ESCAPE.sub(lambda one: "\n" if one[1] in "nN" else one[1], self.value)[:MAX_VALUE_CHARACTERS]


def lines(text: str) -> Iterator[Line]:
    """The lines in their order."""
    unfolded = _FOLD.sub("", text[:MAX_CHARACTERS])
    for number, line in enumerate(unfolded.split("\n")):
        found = _LINE.match(line[: 4 * MAX_VALUE_CHARACTERS].rstrip("\r"))
        if number >= MAX_LINES:
            return
        if found is not None:
            given = {one[1].upper(): one[2] if one[2] is not None else one[3] for one in _PARAMETER.finditer(found[2])}
            yield Line(found[1].upper(), given, found[3].strip())
