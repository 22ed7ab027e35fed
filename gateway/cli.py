# SPDX-License-Identifier: Apache-2.0
"""The command line: `casegate -c FILE VERB`. docs/cli.md shows every verb.

Enters: a call. Leaves: standard output, and an exit code that scripts can rely on: 0 done, 1 not found, 2 bad call or
bad configuration, 75 a later try may work. Fails: one line on standard error, never a traceback.
"""

import gc
import os
import sys
from pathlib import Path
from typing import Any, NoReturn

import click
from click.core import ParameterSource

from gateway import (
    cli_addresses,
    cli_admission,
    cli_case_edit,
    cli_case_moves,
    cli_cases,
    cli_comments,
    cli_contacts,
    cli_desk,
    cli_import,
    cli_ingest,
    cli_install,
    cli_members,
    cli_messages,
    cli_quarantine,
    cli_sessions,
)
from gateway.cli_operator import Operator, exit_code, words_of

DEFAULT_FILE = Path("/etc/casegate/casegate.toml")
INTERRUPTED = 130


class Program(click.Group):
    """The verbs, with one place where every error becomes a line and a code."""

    def main(self, *args: Any, **options: Any) -> NoReturn:
        """Run one call and end the process."""
        sys.exit(self._run(args, {**options, "prog_name": "casegate", "standalone_mode": False}))

    def _run(self, args: tuple[Any, ...], options: dict[str, Any]) -> int:
        try:
            _show_what_the_terminal_cannot()
            code = super().main(*args, **options)
            if sys.stdout is not None:  # None: closed by whoever called us
                sys.stdout.flush()
            return code if isinstance(code, int) else 0
        except (click.Abort, KeyboardInterrupt):
            return INTERRUPTED
        except BrokenPipeError:
            _close_stdout()
            return 1
        except Exception as error:
            click.echo(f"casegate: {words_of(error)}", err=True)
            return exit_code(error)


def _show_what_the_terminal_cannot() -> None:
    """A mail may hold what the terminal's character set lacks."""
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")


def _close_stdout() -> None:
    """Whoever read us has gone; Python must not complain about it at its exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@click.group(cls=Program, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("-c", "file", type=click.Path(path_type=Path), default=DEFAULT_FILE, help="Configuration file.")
@click.pass_context
def cli(context: click.Context, file: Path) -> None:
    """SMTP gateway that turns a team's customer mail into cases and relays the agents' replies."""
    named = context.get_parameter_source("file") is ParameterSource.COMMANDLINE
    context.obj = Operator(file, named)


@cli.command()
@click.pass_obj
def serve(operator: Operator) -> int:
    """Run every role, with as many processes as the configuration says."""
    from gateway import serve as service

    return service.serve(operator.config())


@cli.command()
@click.argument("role", type=click.Choice(["mx", "submission", "worker"]))
@click.pass_obj
def run(operator: Operator, role: str) -> int:
    """Run one role as one process, in the foreground."""
    from gateway import serve as service

    return service.run(operator.config(), role)


_ROOMS = (
    cli_install,
    cli_desk,
    cli_contacts,
    cli_import,
    cli_addresses,
    cli_admission,
    cli_ingest,
    cli_messages,
    cli_quarantine,
    cli_sessions,
    cli_cases,
    cli_case_edit,
    cli_case_moves,
    cli_members,
    cli_comments,
)
for verb in (verb for room in _ROOMS for verb in room.VERBS):
    cli.add_command(verb)


def main() -> NoReturn:
    """The console script."""
    try:
        cli.main()
    finally:
        gc.freeze()  # else Python searches all that was loaded for garbage as it ends: a third of a second of each call
