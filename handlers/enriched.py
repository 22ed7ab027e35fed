# SPDX-License-Identifier: Apache-2.0
"""text/enriched without its commands (RFC 1896 §3): what is left of it where a mail has no other text. Linear."""

import re

_COMMAND = re.compile(r"<<|<(/?)([A-Za-z0-9-]{1,60})>|\n+")
_RICHTEXT = {"nl": "\n", "np": "\n", "lt": "<"}  # its forerunner (RFC 1341 §7.1.3)


def plain(text: str) -> str:
    """The words: a single line end is a space, two are one; what stands in <param> is no text."""
    kept, at, in_parameter = list[str](), 0, False
    for found in _COMMAND.finditer(text):
        if not in_parameter:
            kept.append(text[at : found.start()])
        at = found.end()
        if found[2] is not None:
            kept += _RICHTEXT.get(found[2].lower(), ())
            in_parameter = not found[1] if found[2].lower() == "param" else in_parameter
        elif not in_parameter:
            kept.append("<" if found[0] == "<<" else "\n" * (len(found[0]) - 1) or " ")
    return "".join(kept) + ("" if in_parameter else text[at:])
