# SPDX-License-Identifier: Apache-2.0
"""What a job works on: one message under claim, with the office it works in."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from handlers.office import Office
from handlers.received import Received
from handlers.signing import Signer


@dataclass(frozen=True, slots=True)
class Work:
    """`row` is the message's row, `mail` what was received, `now` the instant the job began."""

    row: Any
    mail: Received
    office: Office
    signer: Signer
    now: datetime
