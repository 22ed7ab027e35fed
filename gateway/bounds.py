# SPDX-License-Identifier: Apache-2.0
"""What one session has used up of its bounds, and the 421 that follows when one is reached.

Enter: responses, contents, recipients. Leaves: nothing while there is room. At a bound the command hears its own
response first. A session that has had its share of mails hears 421 at the next MAIL, so that no mail is cut in two.
"""

from dataclasses import dataclass

from gateway.receiver import EdgeSettings
from storage.response import (
    R421_NO_PROGRESS,
    R421_TOO_MANY_ERRORS,
    R421_TOO_MANY_UNKNOWN,
    R550_NO_SUCH_ADDRESS,
    Response,
)


@dataclass(slots=True)
class Usage:
    """Counts of one session.

    A temporary refusal of ours is no error of the client's: it counts as a command without progress, and 452 for one
    recipient too many not even so, for RFC 5321 §4.5.3.1.10 wants each of them answered.
    """

    transactions: int = 0
    recipients: int = 0
    octets: int = 0
    errors: int = 0
    unknown: int = 0
    idle_commands: int = 0  # in a row

    def is_spent(self, settings: EdgeSettings) -> bool:
        """Whether the session has had its share: of mails, of recipients, of octets."""
        return (
            self.transactions >= settings.max_transactions
            or self.recipients >= settings.max_session_recipients
            or self.octets >= settings.max_session_octets
        )

    def count(self, response: Response) -> None:
        """A command was answered so."""
        if response.is_permanent:
            self.errors += 1
            self.unknown += (response.code, response.enhanced) == _UNKNOWN

    def ending(self, settings: EdgeSettings, max_errors: int) -> Response | None:
        """What ends the session now."""
        if self.errors >= max_errors:
            return R421_TOO_MANY_ERRORS
        if self.unknown >= settings.max_unknown_recipients:
            return R421_TOO_MANY_UNKNOWN
        return R421_NO_PROGRESS if self.idle_commands >= settings.max_commands else None


_UNKNOWN = (R550_NO_SUCH_ADDRESS.code, R550_NO_SUCH_ADDRESS.enhanced)
