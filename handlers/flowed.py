# SPDX-License-Identifier: Apache-2.0
"""Text of format=flowed becomes the paragraphs that were written (RFC 3676 §4).

Enters: the characters of a part, line ends LF. Leaves: the same with soft line breaks gone; quotes keep their marks.
Linear; never fails.
"""

import re

SIGNATURE = "-- "

# Lines that stay as they are, as many as there are.
_HARD = re.compile(r"(?:(?![ >])(?:[^\n]*[^\n ])?\n)++")


def unflow(text: str, *, is_delsp: bool) -> str:
    """Join the lines that end in a space with those that follow in the same depth of quotes."""
    done: list[str] = []
    open_depth, pieces, at = -1, list[str](), 0
    while at <= len(text):
        if not pieces and (hard := _HARD.match(text, at)) is not None:
            done.append(hard[0][:-1])
            at = hard.end()
        end = text.find("\n", at)
        line, at = (text[at:end], end + 1) if end >= 0 else (text[at:], len(text) + 1)
        words = line.lstrip(">")
        depth = len(line) - len(words)
        words = words.removeprefix(" ")  # §4.4: stuffed
        is_signature = words == SIGNATURE
        if pieces and (open_depth != depth or is_signature):
            done.append(_closed(pieces, open_depth))
            pieces = []
        is_soft = words.endswith(" ") and not is_signature
        pieces.append(words[:-1] if is_soft and is_delsp else words)
        open_depth = depth
        if not is_soft:
            done.append(_closed(pieces, depth))
            pieces = []
    if pieces:
        done.append(_closed(pieces, open_depth))
    return "\n".join(done)


def _closed(pieces: list[str], depth: int) -> str:
    words = "".join(pieces)
    return f"{'>' * depth} {words}" if depth else words
