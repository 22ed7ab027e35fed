# SPDX-License-Identifier: Apache-2.0
"""The octets of an outbox row, piece by piece: its head, then the body of the content it points into."""

from collections.abc import Iterator
from typing import Any

from storage import content as contents
from storage.content import Look


def pieces(look: Look, row: Any) -> Iterator[bytes]:
    """What leaves; raises ContentMissing in place of the last piece where the content is damaged."""
    yield bytes(row.head)
    if row.content_id is None:
        return
    skipped = row.body_offset
    for piece in contents.pieces(look, row.content_id):
        if skipped < len(piece):
            yield piece[skipped:]
        skipped = max(skipped - len(piece), 0)
