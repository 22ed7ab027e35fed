# SPDX-License-Identifier: Apache-2.0
"""Content-IDs name the machine that made them (uuid@anns-laptop.local): they get ids of our own domain.

Enters: content and our domain. Leaves: content in which those Content-ID fields, the cid: links of HTML leaves and the
start parameter of multipart/related changed, and nothing else.
"""

import re
from hashlib import sha256
from urllib.parse import unquote

from handlers.edits.splice import Replacement, splice, with_text
from handlers.mime_parts import Part, parts, text

_LINK = re.compile(r"\bcid:([^\s\"'<>)\\]{1,998})", re.IGNORECASE)
_ANY_ID = re.compile(rb"<([^<>\s]{1,998})>")


def replace_content_ids(content: bytes, own_domain: str) -> bytes:
    """Give every foreign Content-ID a name of ours."""
    found = parts(content)
    names = {part.about.content_id: _name(part.about.content_id, own_domain) for part in found if part.about.content_id}
    names = {old: new for old, new in names.items() if not old.lower().endswith(f"@{own_domain}")}
    if not names:
        return content
    linked = splice(content, [edit for part in found for edit in _with_links(content, part, names)])
    return splice(linked, [edit for part in parts(linked) for edit in _with_ids(linked, part, names)])


def _name(content_id: str, own_domain: str) -> str:
    return f"{sha256(content_id.encode()).hexdigest()[:32]}@{own_domain}"


def _with_ids(content: bytes, part: Part, names: dict[str, str]) -> list[Replacement]:
    """The part's header section: Content-ID itself, and the start parameter that points to one."""
    section = part.header.of(content)
    changed = _ANY_ID.sub(lambda match: f"<{names.get(_text(match[1]), _text(match[1]))}>".encode(), section)
    return [Replacement(*part.header, changed)] if changed != section else []


def _with_links(content: bytes, part: Part, names: dict[str, str]) -> list[Replacement]:
    """RFC 2392: a cid URL is the id with its special characters percent-encoded."""
    if not part.is_leaf or part.about.type != "text/html" or part.is_attachment:
        return []
    page = text(content, part)
    changed = _LINK.sub(lambda match: f"cid:{names.get(unquote(match[1]), match[1])}", page)
    return with_text(content, part, changed) if changed != page else []


def _text(octets: bytes) -> str:
    return octets.decode("utf-8", "replace")
