# SPDX-License-Identifier: Apache-2.0
"""The commands of a transaction: MAIL, RCPT, then the content by DATA (RFC 5321 §3.3) or by BDAT (RFC 3030 §2).

Enter: a Conversation whose checks have passed, and an argument. Leave: one response, or over LMTP one for each
recipient after the content (RFC 2033 §4.2). Each octet that was announced is read, whatever becomes of the mail, so
that content is never taken for commands. Fails: an exception of a Receiver, raised when the client is in step again.
"""

import re

from gateway import paths
from gateway.conversation import Chunks, Conversation, Transaction
from gateway.line_law import REFUSALS, Content, Fault, LineLaw
from gateway.lines import Reading, Write
from gateway.receiver import Intake
from storage.response import (
    R250_CHUNK_TAKEN,
    R250_RECIPIENT_OK,
    R354_GO_AHEAD,
    R421_ENOUGH,
    R451_TRY_LATER,
    R452_TOO_MANY_RECIPIENTS,
    R501_CHUNK,
    Response,
)

Answer = Response | tuple[Response, ...] | None

_CHUNK = re.compile(r"([0-9]{1,20})(?: +([!-~]+))?")


async def mail(c: Conversation, argument: str) -> Answer:
    """MAIL: a new transaction, unless the session has had its share."""
    c.end_transaction()
    if c.usage.is_spent(c.settings):
        c.over = True
        return R421_ENOUGH
    path = paths.sender(argument, c.settings.max_size_octets, tolerant=c.settings.tolerant)
    if isinstance(path, Response):
        return path
    response = await c.receiver.sender(c.session, path.address)
    if response.is_positive:
        c.usage.transactions += 1
        c.usage.idle_commands = 0
        name = f"{c.session.id}-{c.usage.transactions}"
        c.transaction = Transaction(name, path.address, path.smtputf8, path.ret, path.envid, path.declared_octets)
    return response


async def rcpt(c: Conversation, argument: str) -> Answer:
    """RCPT: one more recipient; the same one again is answered and counts once."""
    transaction = c.transaction
    if transaction is None or transaction.chunks is not None:
        return c.missing()
    path = paths.recipient(argument, c.settings.name, smtputf8=transaction.smtputf8)
    if isinstance(path, Response):
        return path
    address = path.address
    assert address is not None  # noqa: S101  # only MAIL may name the null path
    known = transaction.recipients.get(address)
    if known is not None and not c.settings.lmtp:
        c.usage.idle_commands = 0
        return R250_RECIPIENT_OK
    if len(transaction.accepted) >= c.settings.max_recipients or _had_its_recipients(c):
        c.usage.idle_commands = 0  # RFC 5321 §4.5.3.1.10: each is answered, however many there are
        return R452_TOO_MANY_RECIPIENTS
    if known is not None:
        transaction.accepted.append(known)
        return R250_RECIPIENT_OK
    response = await c.receiver.recipient(c.session, transaction.envelope(), address)
    if response.is_positive:
        c.usage.recipients += 1
        c.usage.idle_commands = 0
        transaction.accepted.append(len(transaction.recipients))
        transaction.recipients[address] = len(transaction.recipients)
        transaction.wishes.append(path.wish)
    return response


def _had_its_recipients(c: Conversation) -> bool:
    return c.usage.recipients >= c.settings.max_session_recipients


async def data(c: Conversation, _argument: str) -> Answer:
    """DATA: 354, then the content up to CR LF . CR LF."""
    transaction = c.transaction
    if transaction is None or transaction.chunks is not None:
        return c.missing()
    intake = await c.receiver.begin(c.session, transaction.envelope())
    if isinstance(intake, Response):
        c.end_transaction()
        return intake
    transaction.intake = intake
    c.wire.say(R354_GO_AHEAD)
    c.owes()
    limits = c.content_limits()
    content = Content(limits.octets, limits.line_octets, normalise=limits.normalise)
    sink, reading = _Sink(intake.write), Reading(limits.octets)
    try:
        await c.wire.read_content(content, reading, sink.write)
    finally:
        c.usage.octets += reading.octets
    sink.look()
    return await _judged(c, transaction, content.fault)


async def bdat(c: Conversation, argument: str) -> Answer:
    """BDAT: so many octets, which follow at once; LAST ends the content."""
    match = _CHUNK.fullmatch(argument)
    if match is None:
        c.lose()  # where the chunk ends and the next command begins cannot be told
        return R501_CHUNK
    if c.reading is None and c.usage.octets >= c.settings.max_session_octets:
        c.lose()  # no content is on its way that would be cut in two: these octets were to be refused
        return R421_ENOUGH
    size, word = int(match[1]), (match[2] or "").upper()
    if word == "LAST":
        c.owes()
    sink, refusal = _Sink(_nowhere), None
    try:
        refusal = await _open(c, word, sink)
    except Exception as error:  # it is raised again below
        sink.failure = error
    reading = c.reading or Reading(c.settings.max_size_octets)
    before = reading.octets
    try:
        await c.wire.read_chunk(size, reading, sink.write)
    finally:
        c.usage.octets += reading.octets - before
    if refusal is not None or sink.failure is not None:
        answer = _refused(c, refusal or R451_TRY_LATER, last=word == "LAST")
        sink.look()
        return answer
    return await _taken(c, size, sink, last=word == "LAST")


async def _open(c: Conversation, word: str, sink: "_Sink") -> Response | None:
    """Have the sink lead to whoever takes the content; the response says why nobody does."""
    transaction = c.transaction
    if word not in ("", "LAST"):
        return R501_CHUNK
    if transaction is None or not transaction.recipients or c.session.protocol == "SMTP":
        return c.missing()
    if transaction.chunks is None:
        intake = await c.receiver.begin(c.session, transaction.envelope())
        if isinstance(intake, Response):
            return intake
        transaction.intake = intake
        transaction.chunks = Chunks(LineLaw(c.content_limits()), Reading(c.settings.max_size_octets))
    if transaction.chunks.refused or transaction.intake is None:
        return c.missing()
    sink.leads_to = _through(transaction.chunks.law, transaction.intake)
    return None


def _refused(c: Conversation, response: Response, *, last: bool) -> Answer:
    """After a chunk that failed the others of its content fail too, until RSET or LAST."""
    transaction = c.transaction
    if transaction is None or not transaction.recipients:
        return response
    c.abandon()
    c.deferred = c.deferred or response.is_temporary
    if transaction.chunks is None:
        transaction.chunks = Chunks(LineLaw(c.content_limits()), Reading(c.settings.max_size_octets))
    transaction.chunks.refused = True
    if not last:
        return response
    c.end_transaction()
    return (response,) * c.owed


async def _taken(c: Conversation, size: int, sink: "_Sink", *, last: bool) -> Answer:
    transaction = c.transaction
    assert transaction is not None  # noqa: S101  # _open has looked
    assert transaction.chunks is not None  # noqa: S101
    law = transaction.chunks.law
    if not last:
        if law.fault is not None:
            return _refused(c, REFUSALS[law.fault], last=False)
        c.usage.idle_commands = 0 if size else c.usage.idle_commands
        return R250_CHUNK_TAKEN
    if transaction.intake is not None and (rest := law.end()):
        sink.leads_to = transaction.intake.write
        await sink.write(rest)
        if sink.failure is not None:
            _refused(c, R451_TRY_LATER, last=True)
            sink.look()
    return await _judged(c, transaction, law.fault)


async def _judged(c: Conversation, transaction: Transaction, fault: Fault | None) -> Answer:
    """The content is complete: its transaction is over, and its Receiver says what becomes of it."""
    intake = transaction.intake
    if fault is not None or intake is None:
        c.end_transaction()
        return (REFUSALS[fault] if fault is not None else R451_TRY_LATER,) * c.owed
    transaction.intake = None
    c.end_transaction()
    c.usage.idle_commands = 0
    responses = await c.wire.finish(intake.finish())
    return tuple(responses[place] for place in transaction.accepted) if c.settings.lmtp else responses[:1]


class _Sink:
    """Takes octets; when our side fails, the rest goes nowhere, and the failure waits until the client is in step."""

    def __init__(self, leads_to: Write) -> None:
        self.leads_to = leads_to
        self.failure: Exception | None = None

    async def write(self, octets: bytes) -> None:
        if self.failure is None:
            try:
                await self.leads_to(octets)
            except Exception as error:  # it is raised by `look`
                self.failure = error

    def look(self) -> None:
        """Raise what went wrong."""
        if self.failure is not None:
            raise self.failure


async def _nowhere(_octets: bytes) -> None:
    """Nobody wants these octets."""


def _through(law: LineLaw, intake: Intake) -> Write:
    async def write(octets: bytes) -> None:
        if piece := law.take(octets):
            await intake.write(piece)

    return write
