# SPDX-License-Identifier: Apache-2.0
"""The verb `ingest`: one mail on standard input, for /etc/aliases, pipe(8) and the like.

Leaves: the message's id and 0 once the mail is durable; otherwise a code of sysexits.h and one line on standard error.
A pipe's caller bounces on nearly every code, so that whatever is no fault of the mail is 75, ours and the
configuration's included (docs/decisions/0014). Killed in the middle it ends with 75, and the sweep takes what arrived.
"""

import asyncio
import contextlib
import logging
import os
import signal
from datetime import UTC, datetime
from typing import Any, NoReturn

import click
from click.exceptions import Exit

from gateway import keys
from gateway.cli_operator import Operator, words_of
from gateway.config import Config
from gateway.ingest import NoContent, Refusal, ingest
from gateway.line_law import ContentLimits
from gateway.session_log import accepted_id
from handlers import tokens
from storage import desk_version
from storage.address import Address, BadAddress, parse
from storage.envelope import Envelope
from storage.response import R452_TOO_MANY_RECIPIENTS, R501_BAD_RECIPIENT, R501_BAD_SENDER, Response

# sysexits.h
USAGE = 64
DATA_ERROR = 65
NO_SUCH_RECIPIENT = 67
UNAVAILABLE = 69
TRY_LATER = 75
NOT_ALLOWED = 77

PATIENCE_S = 120  # for one step of the store; callers have limits of their own, and bounce at them
READ_OCTETS = 65_536
_STDIN = 0
_NULL = ("", "<>", "mailer-daemon")  # the last is what Postfix and Sendmail write for the null reverse-path
_CODES = (("5.1.7", DATA_ERROR), ("5.1.", NO_SUCH_RECIPIENT), ("5.7.", NOT_ALLOWED), ("5.6.", DATA_ERROR))
_TOO_BIG = ("5.3.4", "5.2.3")  # for us, for the address


class Unfinished(Exception):
    """There is no installation here that could take mail yet."""


class ForPipes(click.Command):
    """A verb that ends with codes of sysexits.h."""

    def make_context(self, *args: Any, **options: Any) -> click.Context:
        try:
            return super().make_context(*args, **options)
        except click.UsageError as error:
            _end(USAGE, words_of(error))

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except Exit:
            raise
        except KeyboardInterrupt:
            _end(TRY_LATER, "interrupted")
        except (NoContent, Unfinished) as error:
            _end(TRY_LATER, str(error))
        except Exception as error:
            _end(TRY_LATER, words_of(error))


def _end(code: int, words: str) -> NoReturn:
    """One line for whoever reads the log of the caller; the code is what counts."""
    _say(2, f"casegate: {words}")
    raise Exit(code)


def _say(descriptor: int, line: str) -> None:
    """Unbuffered: what nobody reads must not fail at the end of the program, and change its code."""
    with contextlib.suppress(OSError):
        os.write(descriptor, f"{line}\n".encode("utf-8", "backslashreplace"))


@click.command(name="ingest", cls=ForPipes)
@click.option(
    "-f",
    "--from",
    "sender",
    default="<>",
    metavar="REVERSE_PATH",
    help='The envelope sender, such as ${sender} of Postfix; "", "<>" and MAILER-DAEMON are the null reverse-path. '
    "Without it the mail has the null reverse-path: nobody hears of trouble with it.",
)
@click.argument("recipients", nargs=-1, required=True, metavar="RECIPIENT...")
@click.pass_obj
def ingest_verb(operator: Operator, sender: str, recipients: tuple[str, ...]) -> None:
    """Take one mail from standard input, for pipes; ends with codes of sysexits.h."""
    logging.getLogger().addHandler(logging.NullHandler())  # a pipe's caller shows what we print to the sender
    _fill_descriptors()
    _leave_when_told()
    config = operator.config()
    envelope = _envelope(config, sender, recipients)
    outcome = _take(config, envelope)
    signal.alarm(0)
    if isinstance(outcome, Refusal):
        about = f"{outcome.recipient}: " if outcome.recipient is not None else ""
        _end(_code(outcome.response), f"{about}{outcome.response} (id {envelope.id})")
    _say(1, accepted_id(outcome))


VERBS = (ingest_verb,)


def _envelope(config: Config, sender: str, recipients: tuple[str, ...]) -> Envelope:
    reverse_path = _reverse_path(sender)
    found = tuple(dict.fromkeys(_recipient(one) for one in recipients))
    if len(found) > config.mx.max_recipients:
        _end(TRY_LATER, str(R452_TOO_MANY_RECIPIENTS))
    return Envelope(reverse_path, found, f"{tokens.new_name(datetime.now(UTC))}-1")


def _reverse_path(text: str) -> Address | None:
    if text.lower() in _NULL:
        return None
    try:
        return parse(text.removeprefix("<").removesuffix(">"))
    except BadAddress as error:
        _end(_code(R501_BAD_SENDER), f"--from: {error}")


def _recipient(text: str) -> Address:
    try:
        return parse(text.removeprefix("<").removesuffix(">"))
    except BadAddress as error:
        _end(_code(R501_BAD_RECIPIENT), str(error))


def _code(refusal: Response) -> int:
    """What a caller is to make of a refusal."""
    if not refusal.is_permanent:
        return TRY_LATER
    if refusal.enhanced in _TOO_BIG:
        return DATA_ERROR
    return next((code for prefix, code in _CODES if refusal.enhanced.startswith(prefix)), UNAVAILABLE)


def _take(config: Config, envelope: Envelope) -> Response | Refusal:
    """Open the installation as a listener does, offer the mail, ring for it."""
    from gateway import roles  # slow to import: only for who gets so far

    if missing := keys.missing(config.server.state_dir):
        raise Unfinished(f"no {missing[0]} in {config.server.state_dir}/keys: the installation is not finished")
    limits = config.limits
    law = ContentLimits(config.mx.max_size, limits.max_line, limits.bare_line_ends == "normalise")
    with roles.local_receiver(config) as local:
        with local.database.read() as unit:
            if not desk_version.version(unit):
                raise Unfinished("no desk has been applied yet: the installation is not finished")
        shortage = local.supply.refusal()
        if shortage is not None:
            return Refusal(shortage)
        return asyncio.run(ingest(local.receiver, envelope, _read, law))


async def _read() -> bytes:
    """The next piece; the one who feeds us may take their time."""
    signal.alarm(0)
    octets = await asyncio.to_thread(os.read, _STDIN, READ_OCTETS)
    signal.alarm(PATIENCE_S)
    return octets


def _fill_descriptors() -> None:
    """Where standard input or output is closed, the store's own files must not take its place."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(descriptor)


def _leave_when_told() -> None:
    """At once, whatever hangs: an unaccepted mail leaves nothing but chunks for the sweep."""

    def leave(signum: int, _frame: object) -> NoReturn:
        words = "the store took too long" if signum == signal.SIGALRM else f"ended by {signal.Signals(signum).name}"
        _say(2, f"casegate: {words}, nothing is promised")
        os._exit(TRY_LATER)

    for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGALRM):
        signal.signal(signum, leave)
    signal.alarm(PATIENCE_S)
