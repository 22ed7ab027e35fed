# SPDX-License-Identifier: Apache-2.0
"""Whether every line of a content ends in CR LF, told from its pieces; a pair may be divided between two of them.

A bare CR or LF that some hosts take for a line end is how a second mail is smuggled past them (RFC 5321 §2.3.8).
"""


class LineEnds:
    """Feed the pieces to `update`, then ask; linear, and it keeps two octets."""

    def __init__(self) -> None:
        self._cr = self._lf = self._pairs = 0
        self._last = b""

    def update(self, piece: bytes) -> None:
        """The next octets."""
        self._cr += piece.count(b"\r")
        self._lf += piece.count(b"\n")
        self._pairs += piece.count(b"\r\n") + (self._last.endswith(b"\r") and piece.startswith(b"\n"))
        self._last = (self._last + piece[-2:])[-2:]

    @property
    def are_pairs(self) -> bool:
        """No CR or LF stands alone."""
        return self._pairs == self._cr == self._lf

    @property
    def are_crlf(self) -> bool:
        """No CR or LF stands alone, and the last line is ended too."""
        return self.are_pairs and self._last == b"\r\n"
