# SPDX-License-Identifier: Apache-2.0
"""A mail that has been looked at to its end becomes the Incoming that handlers/policy.py judges.

The one place that puts it together: for the MX, and for whoever judges stored mail again (handlers/replaying.py).
"""

from handlers import identity
from handlers.arrival import Incoming
from handlers.authentication import Checks
from handlers.destinations import Destination
from handlers.inspection import Inspection
from handlers.office import Office
from handlers.subject import Subject
from storage.envelope import Envelope, Session


def assemble(
    inspection: Inspection,
    session: Session,
    envelope: Envelope,
    destinations: tuple[Destination, ...],
    office: Office,
) -> Incoming:
    """Everything that the steps need; the inspection has seen the whole content."""
    head, signatures = inspection.finish()
    author = identity.author(head)
    subject = Subject(session, envelope, head, author, signatures, office.authentication)
    return Incoming(
        id=envelope.id,
        received_at=inspection.now,
        session=session,
        envelope=envelope,
        head=head,
        author=author,
        checks=Checks(subject),
        destinations=destinations,
        beyond=inspection.beyond,
        size_octets=inspection.size_octets,
        files=inspection.files(),
        opening=inspection.opening,
    )
