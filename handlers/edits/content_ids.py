# SPDX-License-Identifier: Apache-2.0
"""Content-IDs name the machine that made them (uuid@anns-laptop.local): they get ids of our own domain.

Enters: content and our domain. Leaves: content in which those Content-ID fields, the cid: links of HTML leaves and the
start parameter of multipart/related changed, and nothing else.
"""

import re
from hashlib import sha256
from urllib.parse import unquote

from handlers.edits.splice import Replacement, splice, with_text
from handlers.headers import scan
from handlers.mime_parts import Part, parts, text

_LINK = re.compile(r"\bcid:([^\s\"'<>)\]\\]{1,998})", re.IGNORECASE)
_ANY_ID = re.compile(rb"<([^<>\s]{1,998})>")


def replace_content_ids(content: bytes, own_domain: str) -> bytes:
    """Give every foreign Content-ID a name of ours."""
    found = parts(content)
    names = {part.about.content_id: _name(part.about.content_id, own_domain) for part in found if part.about.content_id}
    if names:
        content = splice(content, [edit for part in found for edit in _with_links(content, part, names)])
    return splice(content, [edit for part in parts(content) for edit in _with_ids(content, part, own_domain)])


def _name(content_id: str, own_domain: str) -> str:
    if content_id.lower().endswith(f"@{own_domain}"):
        return content_id
    return f"{sha256(content_id.encode()).hexdigest()[:32]}@{own_domain}"


def _with_ids(content: bytes, part: Part, own_domain: str) -> list[Replacement]:
    """Content-ID itself, and in Content-Type the start parameter that points to one."""
    head = scan(part.header.of(content))
    edits = []
    for field in head.fields:
        if field.name in (b"content-id", b"content-type"):
            raw = head.raw(field)
            changed = _ANY_ID.sub(lambda match: b"<" + _name(_text(match[1]), own_domain).encode() + b">", raw)
            if changed != raw:
                start = part.header.start + field.start
                edits.append(Replacement(start, start + len(raw), changed))
    return edits


def _with_links(content: bytes, part: Part, names: dict[str, str]) -> list[Replacement]:
    """RFC 2392: a cid URL is the id with its special characters percent-encoded; some texts show it in brackets."""
    if not part.is_leaf or part.about.type not in ("text/html", "text/plain") or part.is_attachment:
        return []
    words = text(content, part)
    changed = _LINK.sub(lambda match: f"cid:{names.get(unquote(match[1]), match[1])}", words)
    return with_text(content, part, changed) if changed.lower() != words.lower() else []


def _text(octets: bytes) -> str:
    return octets.decode("utf-8", "replace")
