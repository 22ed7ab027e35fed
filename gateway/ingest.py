# SPDX-License-Identifier: Apache-2.0
"""One mail from standard input to a Receiver, as if it had come by SMTP.

Enter: an envelope and octets whose lines end in LF or CR LF. Leaves: one response that speaks for all recipients, as
after DATA: whoever calls us through a pipe has one exit code. All recipients must be ours, or nobody gets the mail.
Fails: whatever the store or the input fails with; nothing is kept then.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from gateway.line_law import REFUSALS, ContentLimits, Fault, LineLaw
from gateway.receiver import Intake, Receiver
from storage.address import Address
from storage.envelope import Envelope, Session
from storage.response import Response

Read = Callable[[], Awaitable[bytes]]

MBOX_LINE = b"From "


class NoContent(Exception):
    """Standard input ended before anything came: whoever feeds us has failed."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why the mail is not taken, and the recipient that is refused, where it is one."""

    response: Response
    recipient: Address | None = None


class PipedLines:
    """Lines of a pipe as those of SMTP: LF becomes CR LF, and an mbox line in front is dropped."""

    def __init__(self) -> None:
        self._held = b""  # the beginning, until it is known whether it is an mbox line; later a CR whose LF may come
        self._state = self._beginning

    def take(self, octets: bytes) -> bytes:
        """What has become certain with these octets."""
        return self._state(self._held + octets)

    def end(self) -> bytes:
        """What was held back."""
        return self._held

    def _beginning(self, octets: bytes) -> bytes:
        if len(octets) < len(MBOX_LINE) and MBOX_LINE.startswith(octets):
            self._held = octets
            return b""
        self._state = self._mbox_line if octets.startswith(MBOX_LINE) else self._rest
        self._held = b""
        return self._state(octets)

    def _mbox_line(self, octets: bytes) -> bytes:
        _, end, rest = octets.partition(b"\n")
        if not end:
            return b""
        self._state = self._rest
        return self._rest(rest)

    def _rest(self, octets: bytes) -> bytes:
        self._held = b"\r" if octets.endswith(b"\r") else b""
        whole = octets[:-1] if self._held else octets
        return whole.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


async def ingest(receiver: Receiver, envelope: Envelope, read: Read, limits: ContentLimits) -> Response | Refusal:
    """Offer one mail; a Response is the promise of the Receiver that it is kept."""
    session = Session(envelope.id.rpartition("-")[0], "local", protocol="local")
    refusal = await _opening(receiver, session, envelope)
    if refusal is not None:
        return refusal
    intake = await receiver.begin(session, envelope)
    if isinstance(intake, Response):
        return Refusal(intake)
    try:
        fault = await _copy(read, intake, limits)
    except BaseException:
        await intake.abandon()
        raise
    if fault is not None:
        await intake.abandon()
        return Refusal(REFUSALS[fault])
    response = (await intake.finish())[0]
    return response if response.is_positive else Refusal(response)


async def _opening(receiver: Receiver, session: Session, envelope: Envelope) -> Refusal | None:
    """MAIL and RCPT: the first refusal is that of the whole mail, for a pipe has one answer."""
    response = await receiver.sender(session, envelope.reverse_path)
    if not response.is_positive:
        return Refusal(response)
    for count, recipient in enumerate(envelope.recipients):
        so_far = replace(envelope, recipients=envelope.recipients[:count])
        response = await receiver.recipient(session, so_far, recipient)
        if not response.is_positive:
            return Refusal(response, recipient)
    return None


async def _copy(read: Read, intake: Intake, limits: ContentLimits) -> Fault | None:
    """The whole input, piece by piece; what is refused is not read to its end."""
    lines, law, began = PipedLines(), LineLaw(limits), False
    while law.fault is None and (octets := await read()):
        began = True
        if piece := law.take(lines.take(octets)):
            await intake.write(piece)
    if not began:
        raise NoContent("nothing came on standard input")
    if law.fault is None and (piece := law.take(lines.end()) + law.end()):
        await intake.write(piece)
    return law.fault
