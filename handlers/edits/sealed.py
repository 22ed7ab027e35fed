# SPDX-License-Identifier: Apache-2.0
"""What cannot be sent in the team's name without breaking or betraying: signed, encrypted or broken mail.

Enters: content and its parts. Leaves: the reason in plain words for the agent, or None.
"""

import re
from collections.abc import Sequence

from handlers.mime_parts import Part, decode, is_whole

_TYPES = {
    "multipart/signed": "it is digitally signed, and a signature names you; send it unsigned",
    "multipart/encrypted": "it is encrypted; send it unencrypted",
    "application/pgp-encrypted": "it is encrypted; send it unencrypted",
    "application/pkcs7-mime": "it is signed or encrypted with S/MIME; send it without",
    "application/x-pkcs7-mime": "it is signed or encrypted with S/MIME; send it without",
    "application/pkcs7-signature": "it is digitally signed, and a signature names you; send it unsigned",
    "application/x-pkcs7-signature": "it is digitally signed, and a signature names you; send it unsigned",
    "application/pgp-signature": "it is digitally signed, and a signature names you; send it unsigned",
    "application/pgp-keys": "it carries a PGP key, which names you; send it without",
}
_ARMOR = re.compile(rb"^-----BEGIN PGP (?:SIGNED MESSAGE|MESSAGE|SIGNATURE|PUBLIC KEY BLOCK)-----", re.MULTILINE)


def why_sealed(content: bytes, found: Sequence[Part]) -> str | None:
    """Why this mail cannot be rewritten; None if it can."""
    if content.count(b"\n") != content.count(b"\r\n") or content.count(b"\r") != content.count(b"\r\n"):
        return "its lines do not end in CR LF"
    if not is_whole(tuple(found)):
        return "it has too many parts"
    for part in found:
        if part.about.type in _TYPES:
            return _TYPES[part.about.type]
        if part.is_leaf and part.about.type.startswith("multipart/"):
            return "its MIME structure is broken"
        if part.about.type == "text/plain" and _ARMOR.search(decode(content, part)):
            return "it holds a PGP block, which cannot be kept intact; send it without"
    return None
