# SPDX-License-Identifier: Apache-2.0
"""Words of a mail that stand in its header section, for the empty line before them is missing or holds blanks.

Enters: a mail's only part. Leaves: the part with the body that was meant. For showing alone: what a mail says of itself
stands before the first empty line (RFC 5322 §2.1). Never fails; linear.
"""

import re
from dataclasses import replace

from handlers.mime_parts import Part, Span

_NO_FIELD = rb"(?![ \t\r\n]|[!-9;-~]++[ \t]*+:|>?From )"
_BEHIND_BLANKS = re.compile(rb"\n[ \t]++\r?\n" + _NO_FIELD + rb"(?=[^\r\n])")
_ANYWHERE = re.compile(rb"\n" + _NO_FIELD + rb"(?=[^\r\n])")


def with_lost_words(content: bytes, found: tuple[Part, ...]) -> tuple[Part, ...]:
    """A mail with parts stays as it is: where it is divided is known by its fields."""
    mail = found[0]
    if len(found) > 1 or mail.about.type.startswith("multipart/"):
        return found
    is_endless = mail.header.end == mail.body.start  # no empty line at all
    lost = (_ANYWHERE if is_endless else _BEHIND_BLANKS).search(content, 0, mail.header.end)
    return (replace(mail, body=Span(lost.end(), mail.body.end)),) if lost is not None else found
