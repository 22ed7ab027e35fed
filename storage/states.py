# SPDX-License-Identifier: Apache-2.0
"""Every state a row can be in, and every move between them. One move is one transaction; nothing is written otherwise.

| move     | noun      | from                | to                              | made by    |
|----------|-----------|---------------------|---------------------------------|------------|
| arrive   | content   | -                   | arriving                        | mx         |
| accept   | message   | - arriving          | accepted quarantined discarded  | mx         |
| submit   | message   | - arriving          | submitted                       | submission |
| claim    | message   | accepted            | accepted                        | job        |
| route    | message   | - accepted          | accepted routed                 | job        |
| shunt    | message   | accepted            | shunted                         | job        |
| release  | message   | - quarantined       | accepted                        | operator   |
| drop     | message   | quarantined         | dropped                         | operator   |
| expire   | message   | quarantined         | dropped                         | sweep      |
| assign   | case      | waiting             | assigned                        | job        |
| take     | recipient | queued deferred     | queued deferred                 | delivery   |
| settle   | recipient | queued deferred     | delivered deferred failed       | delivery   |
| forget   | content   | arriving            | -                               | sweep mx   |
| tidy     | digest    | kept                | -                               | sweep      |
| tidy     | probe     | returned lost refused | -                             | sweep      |
| log      | session   | -                   | ended                           | listener   |
| apply    | desk      | any                 | any                             | operator   |
| presence | agent     | available away      | available away                  | operator   |
| password | agent     | any                 | any                             | operator   |
| address  | way       | any                 | any                             | operator   |
| edit     | case      | any                 | any                             | operator   |
| change   | case      | any                 | any                             | operator   |
| hand     | case      | due                 | copied                          | sweep      |
| import   | message   | -                   | routed submitted                | operator   |
| age      | case      | any                 | any                             | sweep      |
| tell     | notice    | noted               | -                               | sweep      |
| probe    | probe     | -                   | sent                            | sweep op.  |
| miss     | probe     | sent                | lost                            | sweep      |

accept flips its content from arriving to kept, makes or joins the thread and writes the digest, or drops the content of
a mail that came before; mx forgets what its client did not finish. route makes the case,
its events and the outbox rows, whose recipients begin as queued, or takes the mail on into the case that follows, where
it is accepted anew; for another team's case it makes a second accepted message. submit writes its outbox row likewise.
claim and take
set the lease and count the attempt before any byte of the mail is read; delivery renews its lease by take, as the same
attempt. A message in accepted and a recipient in queued
or deferred are due; quarantined waits for an operator, or for its age; every other state is final. release makes or
joins the thread; of the share that an address held of a mail which others accepted it makes a message. drop and expire
delete the content, of a share nothing. A probe begins with its outbox row; route makes one that came back returned,
even a lost one, settle makes one that no host took refused, miss gives up what still waits to leave. log writes how
sessions ended and forgets the oldest beyond the bound.
edit marks a case that got another owner as due; hand writes their copies and takes the mark away. change merges,
splits, moves and undoes: threads, messages, outbox rows and keys go to another case, all of them or none.
tell takes a note of what an agent is to be told away and puts the mail into the outbox.
Each move has two kill points: before and after its commit.
"""

import os
import signal
from collections import Counter
from enum import Enum


class Move(Enum):
    """The moves of the table above, by name."""

    ARRIVE = "arrive"
    ACCEPT = "accept"
    SUBMIT = "submit"
    CLAIM = "claim"
    ROUTE = "route"
    SHUNT = "shunt"
    RELEASE = "release"
    DROP = "drop"
    EXPIRE = "expire"
    ASSIGN = "assign"
    TAKE = "take"
    SETTLE = "settle"
    FORGET = "forget"
    TIDY = "tidy"
    LOG = "log"
    APPLY = "apply"
    PRESENCE = "presence"
    PASSWORD = "password"  # noqa: S105 (a move's name)
    ADDRESS = "address"
    EDIT = "edit"
    CHANGE = "change"
    HAND = "hand"
    IMPORT = "import"
    AGE = "age"
    TELL = "tell"
    PROBE = "probe"
    MISS = "miss"


class MessageState(Enum):
    """Where a message stands; only ACCEPTED is unfinished, and QUARANTINED may still be released."""

    ACCEPTED = "accepted"
    ROUTED = "routed"
    SHUNTED = "shunted"
    QUARANTINED = "quarantined"
    DISCARDED = "discarded"
    DROPPED = "dropped"
    SUBMITTED = "submitted"


class RecipientState(Enum):
    """Where one recipient of an outbox row stands; QUEUED and DEFERRED are unfinished."""

    QUEUED = "queued"
    DEFERRED = "deferred"
    DELIVERED = "delivered"
    FAILED = "failed"


class ProbeState(Enum):
    """Where a probe stands; SENT is unfinished, LOST may still come back."""

    SENT = "sent"
    RETURNED = "returned"
    LOST = "lost"
    REFUSED = "refused"


KILL_VARIABLE = "CASEGATE_KILL_AT"  # "route:before:3": this process kills itself at the third such point
_reached: Counter[str] = Counter()


def kill_points() -> tuple[str, ...]:
    """Every instant at which the crash test stops a process."""
    return tuple(f"{move.value}:{side}" for move in Move for side in ("before", "after"))


def pass_kill_point(move: Move, side: str) -> None:
    """Die here without a trace of tidying up, if the crash test asked for it."""
    wanted = os.environ.get(KILL_VARIABLE)
    if wanted is None:
        return
    point = f"{move.value}:{side}"
    _reached[point] += 1
    if wanted == f"{point}:{_reached[point]}":
        os.kill(os.getpid(), signal.SIGKILL)
