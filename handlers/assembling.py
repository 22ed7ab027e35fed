# SPDX-License-Identifier: Apache-2.0
"""A mail that has been looked at to its end becomes the Incoming that handlers/policy.py judges.

The one place that puts it together: for the MX, and for whoever judges stored mail again (handlers/replaying.py).
"""

from handlers import identity
from handlers.arrival import Incoming
from handlers.authentication import Checks
from handlers.destinations import Destination
from handlers.headers import Head
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
    mail = Incoming(
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
    return mail if author is not None else mail.noting("author", "none", _why_nobody(head))


def _why_nobody(head: Head) -> str:
    """Why there is no one author (handlers/identity.py)."""
    if head.truncated:
        return "the header section is longer than we read"
    count = head.count(b"from")
    if count == 1:
        return "From names nobody, several people, or somebody whom two readers could take for two"
    return "there is no From field" if not count else f"there are {count} From fields"
