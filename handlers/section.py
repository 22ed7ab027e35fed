# SPDX-License-Identifier: Apache-2.0
"""Divides a mail that comes in pieces into its header section and its body.

Enters: the content cut anyhow. Leaves: the header section, of which no more than a limit and one piece are held, and
the octets of the body, which begins at the empty line however far that is. Linear. Never fails.
"""

from handlers.headers import body_begin


class SectionReader:
    """One mail; without an empty line it is all header section."""

    def __init__(self, limit_octets: int) -> None:
        self._limit = limit_octets
        self._octets = bytearray()  # what is held, and once that is full only what the empty line may begin with
        self._section = b""
        self._is_full = False
        self.body_offset = 0
        self.is_complete = False

    @property
    def is_known(self) -> bool:
        """Whether the whole header section has come, or as much of it as is held."""
        return self.is_complete or self._is_full

    @property
    def section(self) -> bytes:
        """The header section so far, the empty line included."""
        return self._section if self.is_known else bytes(self._octets)

    def feed(self, octets: bytes) -> bytes:
        """Take the next octets; those of the body are given back."""
        if self.is_complete:
            return octets
        searched = max(0, len(self._octets) - 2)
        self._octets += octets
        self.body_offset += len(octets)
        end = body_begin(self._octets, searched)
        if not self._is_full and (end or len(self._octets) > self._limit):
            self._is_full = True
            self._section = bytes(self._octets[: end or len(self._octets)])
        if not end:
            if self._is_full:
                del self._octets[:-3]
            return b""
        body = bytes(self._octets[end:])
        self.body_offset -= len(body)
        self.is_complete = True
        self._octets.clear()
        return body
