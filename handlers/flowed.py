# SPDX-License-Identifier: Apache-2.0
"""Text of format=flowed becomes the paragraphs that were written (RFC 3676 §4).

Enters: the characters of a part, line ends LF. Leaves: the same with soft line breaks gone; quotes keep their marks.
Linear; never fails.
"""

SIGNATURE = "-- "


def unflow(text: str, *, is_delsp: bool) -> str:
    """Join the lines that end in a space with those that follow in the same depth of quotes."""
    done: list[str] = []
    open_depth, pieces = -1, list[str]()
    for line in text.split("\n"):
        words = line.lstrip(">")
        depth = len(line) - len(words)
        words = words.removeprefix(" ")  # §4.4: stuffed
        is_signature = words == SIGNATURE
        if open_depth != depth or is_signature:
            done += _closed(pieces, open_depth)
            pieces = []
        is_soft = words.endswith(" ") and not is_signature
        pieces.append(words[:-1] if is_soft and is_delsp else words)
        open_depth = depth
        if not is_soft:
            done += _closed(pieces, depth)
            open_depth, pieces = -1, []
    return "\n".join((*done, *_closed(pieces, open_depth)))


def _closed(pieces: list[str], depth: int) -> list[str]:
    if not pieces:
        return []
    words = "".join(pieces)
    return [f"{'>' * depth} {words}" if depth else words]
