# SPDX-License-Identifier: Apache-2.0
"""The command line: `casegate -c FILE VERB`. docs/cli.md shows every verb.

Enters: a call. Leaves: standard output, and an exit code that scripts can rely on: 0 done, 1 not found, 2 bad call or
bad configuration, 75 a later try may work. Fails: one line on standard error, never a traceback.
"""

import gc
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click
from click.core import ParameterSource

from gateway.cli_rooms import Elsewhere, Rooms

if TYPE_CHECKING:
    from gateway.cli_operator import Operator

DEFAULT_FILE = Path("/etc/casegate/casegate.toml")
INTERRUPTED = 130


VERBS = {
    "account": Elsewhere(
        "gateway.cli_contacts", "Accounts: organisations, by the mail domains of their people or by hand."
    ),
    "address": Elsewhere("gateway.cli_addresses", "Routing addresses."),
    "agent": Elsewhere("gateway.cli_desk", "Agents."),
    "apply": Elsewhere("gateway.cli_desk", "Bring a desk file into the database; print what changes."),
    "block": Elsewhere("gateway.cli_admission", "Addresses, domains and networks that may not write."),
    "case": Elsewhere("gateway.cli_cases", "Cases."),
    "contact": Elsewhere("gateway.cli_contacts", "Contacts: the people who write to us."),
    "export": Elsewhere("gateway.cli_desk", "Print the desk in force as a desk file."),
    "file": Elsewhere("gateway.cli_comments", "Files of mails and comments."),
    "import": Elsewhere(
        "gateway.cli_import",
        "Bring old mail from mbox files and maildirs in as cases of the past; no customer gets anything.",
    ),
    "ingest": Elsewhere(
        "gateway.cli_ingest", "Take one mail from standard input, for pipes; ends with codes of sysexits.h."
    ),
    "init": Elsewhere(
        "gateway.cli_install", "Make configuration, certificate, keys and database in DIR; print the DNS records."
    ),
    "list": Elsewhere(
        "gateway.cli_admission", 'Lists of those who may write to addresses with accept_from = "listed".'
    ),
    "message": Elsewhere("gateway.cli_messages", "Mail that came, and replies of agents."),
    "migrate": Elsewhere(
        "gateway.cli_install", "Bring the database to this program's version; stop the service before."
    ),
    "outbox": Elsewhere("gateway.cli_messages", "Mail that leaves."),
    "quarantine": Elsewhere(
        "gateway.cli_quarantine", "Mail that is held until an operator releases or drops it, or it expires."
    ),
    "session": Elsewhere(
        "gateway.cli_sessions", "SMTP connections that have ended, the last server.keep_sessions of them."
    ),
    "team": Elsewhere("gateway.cli_desk", "Teams."),
}


class Program(Rooms):
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
            from gateway.cli_operator import exit_code, words_of

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


@click.group(cls=Program, elsewhere=VERBS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="casegate", prog_name="casegate", message="%(prog)s %(version)s")
@click.option("-c", "file", type=click.Path(path_type=Path), default=DEFAULT_FILE, help="Configuration file.")
@click.pass_context
def cli(context: click.Context, file: Path) -> None:
    """SMTP gateway that turns a team's customer mail into cases and relays the agents' replies."""
    from gateway.cli_operator import Operator

    named = context.get_parameter_source("file") is ParameterSource.COMMANDLINE
    context.obj = Operator(file, named)


@cli.command()
@click.pass_obj
def serve(operator: "Operator") -> int:
    """Run every role, with as many processes as the configuration says."""
    from gateway import serve as service

    return service.serve(operator.config())


@cli.command()
@click.argument("role", type=click.Choice(["mx", "submission", "worker"]))
@click.pass_obj
def run(operator: "Operator", role: str) -> int:
    """Run one role as one process, in the foreground."""
    from gateway import serve as service

    return service.run(operator.config(), role)


def main() -> NoReturn:
    """The console script."""
    try:
        cli.main()
    finally:
        gc.freeze()  # else Python searches all that was loaded for garbage as it ends: a third of a second of each call
