# SPDX-License-Identifier: Apache-2.0
"""The words of the scenario tables (*.toml): what came in and was done, and the graph of cases that comes of it.

A step is one line; REF is a mail's name, `ack of REF` or `copy of REF`:

    NAME: WHO [unsigned | signed by DOMAIN] -> RECIPIENT, ... [; DETAIL] ...     a customer's mail
    NAME: AGENT answers REF [; cc WHO ...] [; subject TEXT] [; text TEXT]        an agent's reply, to the contact
    status NUMBER NAME | N days | dns NAME TEXT | route                          what happens meanwhile

RECIPIENT is an address's name (support), `address in REF`, `expired address in REF`, `agent's address in REF`, or
`bounce address of REF`. DETAIL is one of: answers REF, refers REF, forged id of REF, same id as REF, thread REF,
tag REF, hides REF (in the body), quotes REF, reports REF, complains of REF, subject TEXT, text TEXT, cc WHO ...,
reply-to WHO, auto, list, To unsigned (the signature leaves it out, as Microsoft 365 does), by forwarder (the dedicated
one of the address), unrouted (accepted, and left to a later `route`).

A case is one line, `NUMBER STATUS TEAM: NAME[=PROOF] ... | PARTICIPANT ... [| KIND NUMBER, ...]`; proof is `proven`
where nothing is said.
"""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Step:
    """One line: `name` is that of a mail, or the word that the line begins with."""

    name: str
    who: str = ""
    signed_by: str | None = None  # None: its own domain; empty: nobody
    to: tuple[str, ...] = ()
    answers: str = ""
    details: tuple[tuple[str, str], ...] = ()
    words: str = ""


@dataclass(frozen=True, slots=True)
class Scenario:
    """One row of a table; `rivals` are the issues of others that it is about."""

    name: str
    only_catches: str
    steps: tuple[Step, ...]
    cases: tuple[str, ...]
    rivals: tuple[str, ...]
    desk: dict[str, Any]
    more: dict[str, Any]  # refused, told, acknowledged, copies, reach: what else is expected


_WHO = r"(?P<name>\w+): (?P<who>\w+)"
_MAIL = re.compile(rf"{_WHO}(?: (?P<unsigned>unsigned)| signed by (?P<domain>\S+))? -> (?P<to>[^;]+)(?P<rest>.*)")
_REPLY = re.compile(rf"{_WHO} answers (?P<ref>[^;]+)(?P<rest>.*)")
_OTHER = re.compile(r"(?P<name>status|dns|route) ?(?P<words>.*)|(?P<days>\d+) days")
_DETAILS = (
    "answers|refers|forged id of|same id as|thread|tag|hides|quotes|reports|complains of|subject|text|cc|reply-to|auto"
    "|list|unrouted|To unsigned|by forwarder"
)
_DETAIL = re.compile(rf"({_DETAILS})(?: (.+))?")


def scenarios() -> list[Scenario]:
    """All rows of all tables."""
    return [
        _scenario(row) for path in sorted(HERE.glob("*.toml")) for row in tomllib.loads(path.read_text())["scenario"]
    ]


def _scenario(row: dict[str, Any]) -> Scenario:
    known = {"name", "only_catches", "steps", "cases", "rivals", "desk"}
    return Scenario(
        row["name"],
        row["only_catches"],
        tuple(step(line.strip()) for line in row["steps"].strip().splitlines()),
        tuple(line.strip() for line in row["cases"].strip().splitlines()),
        tuple(row.get("rivals", ())),
        row.get("desk", {}),
        {name: value for name, value in row.items() if name not in known},
    )


def step(line: str) -> Step:
    """Read one line."""
    if found := _MAIL.fullmatch(line):
        signed_by = "" if found["unsigned"] else found["domain"]
        to = tuple(one.strip() for one in found["to"].split(","))
        return Step(found["name"], found["who"], signed_by, to, details=_details(found["rest"]))
    if found := _REPLY.fullmatch(line):
        return Step(found["name"], found["who"], answers=found["ref"].strip(), details=_details(found["rest"]))
    if found := _OTHER.fullmatch(line):
        return Step(found["name"] or "days", words=found["words"] or found["days"] or "")
    raise ValueError(f"no step: {line}")


def _details(text: str) -> tuple[tuple[str, str], ...]:
    found = [_DETAIL.fullmatch(one.strip()) for one in text.split(";") if one.strip()]
    if None in found:
        raise ValueError(f"no details: {text}")
    return tuple((one[1], one[2] or "") for one in found if one is not None)
