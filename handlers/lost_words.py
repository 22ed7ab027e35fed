# SPDX-License-Identifier: Apache-2.0
"""Words of a mail that stand in its header section, for the empty line before them is missing or holds blanks.

Enters: a mail that shows nothing, or its only part, a text. Leaves: a mail, or a part, with the body that was meant.
For words alone: what a mail says of itself and of its files is read as it stands (RFC 5322 §2.1). Never fails; linear.
"""

import re
from dataclasses import replace

from handlers.mime_parts import Part, Span

_NO_FIELD = rb"(?![ \t\r\n]|[!-9;-~]++[ \t]*+:|>?From )(?=[^\r\n])"
_BEHIND_BLANKS = re.compile(rb"\n[ \t]++\r?\n" + _NO_FIELD)
_ANYWHERE = re.compile(rb"\n" + _NO_FIELD)
_LAST_FIELD = re.compile(rb".*\n(?=[!-9;-~]++[ \t]*+:)", re.DOTALL)
_LINE_OF_BLANKS = re.compile(rb"(?<=\n)[ \t]++(?=\r?\n)")


def with_lost_words(content: bytes, text: list[Part]) -> list[Part]:
    """What has parts stays as it is: where it is divided is known by its fields."""
    if len(text) != 1 or text[0].parent is not None:
        return text
    mail = text[0]
    has_words = content[mail.body.start : mail.body.end].strip() != b""
    lost = (_BEHIND_BLANKS if has_words else _ANYWHERE).search(content, 0, mail.header.end)
    if lost is None:
        last = _LAST_FIELD.match(content, 0, mail.header.end)
        lost = _ANYWHERE.search(content, last.end() if last is not None else 0, mail.header.end)
    return [replace(mail, body=Span(lost.end(), mail.body.end))] if lost is not None else text


def mended(content: bytes, header_end: int) -> bytes:
    """The mail with an empty line where its fields end, and no blanks on empty lines; the same if it is whole."""
    lost = _ANYWHERE.search(content, 0, header_end)
    if lost is None:
        return content
    divided = content[: lost.start() + 1] + b"\r\n" + content[lost.end() :]
    return _LINE_OF_BLANKS.sub(b"", divided)
