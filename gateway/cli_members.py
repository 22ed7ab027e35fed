# SPDX-License-Identifier: Apache-2.0
"""The verbs of the case team: `case member add`, `remove` and `team`. `case show` shows who is in it."""

import click

from gateway.cli_case_edit import with_agent, work
from gateway.cli_case_number import CASE
from gateway.cli_cases import case
from gateway.cli_operator import Operator
from gateway.cli_output import with_json
from handlers import teaming


@case.group()
def member() -> None:
    """The case team: agents with a role in one case."""


@member.command(name="add")
@click.argument("number", metavar="CASE", type=CASE)
@click.argument("agent", metavar="LOGIN")
@click.argument("role")
@with_agent
@with_json
@click.pass_obj
def member_add(operator: Operator, /, number: int, login: str | None, as_json: bool, **given: str) -> None:
    """Give an agent a role in a case, in place of the one they had."""
    new = (given["agent"], given["role"])
    work(operator, number, login, as_json, lambda unit, desk, row, by: teaming.add(unit, desk, row, new, by))


@member.command(name="remove")
@click.argument("number", metavar="CASE", type=CASE)
@click.argument("agent", metavar="LOGIN")
@with_agent
@with_json
@click.pass_obj
def member_remove(operator: Operator, number: int, agent: str, login: str | None, as_json: bool) -> None:
    """Take an agent out of a case team."""
    work(operator, number, login, as_json, lambda unit, _, row, by: teaming.remove(unit, row, agent, by))


@member.command(name="team")
@click.argument("number", metavar="CASE", type=CASE)
@click.argument("name")
@with_agent
@with_json
@click.pass_obj
def member_team(operator: Operator, number: int, name: str, login: str | None, as_json: bool) -> None:
    """Add all of a case team of the desk, each in their role."""
    work(operator, number, login, as_json, lambda unit, desk, row, by: teaming.add_team(unit, desk, row, name, by))
