# SPDX-License-Identifier: Apache-2.0
"""Looks for strings that must not leave, in every form in which a mail can carry them."""

import base64
import binascii
import html
import quopri
import re
import urllib.parse
from collections.abc import Iterable, Iterator
from email import message_from_bytes
from email.header import decode_header

_BASE64_RUN = re.compile(rb"[A-Za-z0-9+/=\r\n]{16,}")
_WORD = re.compile(rb"=\?[^?\s]+\?[BbQq]\?[^?\s]*\?=")


def found_canaries(content: bytes, canaries: Iterable[str]) -> list[str]:
    """Which of these strings the content holds, in any letter case and any transfer encoding."""
    seen = [view.lower() for view in views(content)]
    return [one for one in canaries if any(form in view for view in seen for form in _forms(one))]


def _forms(canary: str) -> list[bytes]:
    """The string itself, as UTF-16, and backwards through nothing else: views undo the encodings."""
    lower = canary.lower()
    return [lower.encode(), lower.encode("utf-16-le"), lower.encode("utf-16-be")]


def views(content: bytes) -> Iterator[bytes]:
    """The content raw and with each transfer encoding undone, whatever its header fields say."""
    once = [content, *_decoded(content)]
    for view in once:
        yield view
        yield html.unescape(view.decode("latin-1")).encode("latin-1", "replace")
        yield urllib.parse.unquote_to_bytes(view)
        yield re.sub(rb"\r?\n[ \t]?", b"", view)


def _decoded(content: bytes) -> Iterator[bytes]:
    yield quopri.decodestring(content)
    for run in _BASE64_RUN.findall(content):
        yield from _from_base64(run)
    for word in _WORD.findall(content):
        for octets, _ in decode_header(word.decode("latin-1")):
            yield octets if isinstance(octets, bytes) else octets.encode("latin-1", "replace")
    for part in message_from_bytes(content).walk():
        payload = part.get_payload(decode=True)
        if payload is not None:
            yield payload


def _from_base64(run: bytes) -> Iterator[bytes]:
    """A run may begin anywhere, so each of the four offsets is tried."""
    packed = run.translate(None, b"\r\n=")
    for offset in range(4):
        octets = packed[offset:]
        try:
            yield base64.b64decode(octets[: len(octets) // 4 * 4])
        except binascii.Error:
            continue
