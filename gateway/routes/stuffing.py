# SPDX-License-Identifier: Apache-2.0
"""Dots at the beginning of a line, doubled (RFC 5321 §4.5.2), in a content that comes in pieces."""

from collections.abc import Iterable, Iterator


def stuffed(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The pieces as they go over the wire: a line may begin in one piece and its CR LF stand in the one before."""
    last = b"\r\n"
    for piece in pieces:
        sent = piece.replace(b"\r\n.", b"\r\n..")
        if last == b"\r\n" and piece.startswith(b"."):
            sent = b"." + sent
        elif last.endswith(b"\r") and piece.startswith(b"\n."):
            sent = b"\n.." + sent[2:]
        last = (last + piece[-2:])[-2:]
        yield sent
