# SPDX-License-Identifier: Apache-2.0
"""What one client is refused, in the words of the log: the command with its argument, so that its id leads to it.

Enter: commands as they come, and refusals. Leave: texts without control characters, cut, and whether one gets a line:
the same again gets none, and after MOST_LINES a mail gets one, so that a flood stays cheap. Nothing of AUTH, and
nothing that is no command after it, is ever named: it may be a password.
"""

import logging
import re

from gateway.conversation import Transaction
from storage.response import Response
from storage.sessions import Refusal

log = logging.getLogger(__name__)

MOST_LINES = 100
ARGUMENT_LENGTH = 200
BECAUSE_LENGTH = 500

_WORD = re.compile(r"[A-Z]{1,12}")


class Refusals:
    """Of one session."""

    def __init__(self) -> None:
        self._verb = self._argument = ""
        self._is_known = self._has_tried_auth = False
        self._last: Refusal | None = None
        self._lines = 0

    def hear(self, verb: str, argument: str, *, is_known: bool) -> None:
        """This is the command in hand; the empty verb is none."""
        self._verb, self._argument, self._is_known = verb, argument, is_known
        self._has_tried_auth = self._has_tried_auth or "AUTH" in verb

    def command(self, recipient: str = "") -> str:
        """The command in hand as the log names it; over LMTP it is refused to one recipient."""
        whom = f" for {_shown(recipient)}" if recipient else ""
        return self._command() + whom

    def _command(self) -> str:
        if not self._verb:
            return "the client is"
        if not self._is_known:
            is_word = _WORD.fullmatch(self._verb) and not self._has_tried_auth
            return self._verb if is_word else "an unknown command"
        if self._verb == "AUTH" or not self._argument:
            return self._verb
        return f"{self._verb} {_shown(self._argument)}"

    def note(self, name: str, peer: str, response: Response, recipient: str = "") -> Refusal:
        """The command in hand is refused under this id."""
        because = response.because[:BECAUSE_LENGTH]
        refusal = Refusal(name, self.command(recipient), str(response), because)
        if self.is_news(refusal):
            log.info("%s %s: %s answered %s", name, peer, refusal.command, refusal.response)
        return refusal

    def whom(self, transaction: Transaction | None, responses: tuple[Response, ...]) -> tuple[str, ...]:
        """Over LMTP each response to the content is about one recipient (RFC 2033 §4.2)."""
        whom = transaction.answered() if transaction is not None and self._verb in ("DATA", "BDAT") else ()
        return whom if len(whom) == len(responses) else ("",) * len(responses)

    def is_news(self, refusal: Refusal) -> bool:
        """Whether this one gets a line in the log."""
        last, self._last = self._last, refusal
        if refusal == last or (self._lines >= MOST_LINES and last is not None and refusal.id == last.id):
            return False
        self._lines += 1
        return True


def _shown(text: str) -> str:
    """On one line, in ASCII, in quotes."""
    return ascii(text[:ARGUMENT_LENGTH])[:ARGUMENT_LENGTH]
