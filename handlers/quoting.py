# SPDX-License-Identifier: Apache-2.0
"""Whether the beginning of a mail holds anything of a mail before it; in doubt it does.

Unlike the trimming of replies this has to answer before the promise, in any language, and needs not know where a quote
begins. Enters: text or HTML as text. Leaves: yes or no. Linear: each rule looks at one line, or at three.
"""

import re

MAX_LINE = 400

_PAGE = re.compile(
    r"<blockquote|gmail_quote|divrplyfwdmsg|olk_src_body|yahoo_quoted|moz-cite-prefix|protonmail_quote|appendonsend|"
    r"border-top:\s?solid #|data-marker=\"__quote",
    re.IGNORECASE,
)
_QUOTED = re.compile(r"[ \t]{0,3}(?:>|\||&gt;)")
_RULES = ("---", "___", "===", "***")
_DATE_OR_ADDRESS = re.compile(r"[@\d]")
_FIELD = re.compile(r"\s{0,3}\*?[^\s:：][^:：]{0,30}[:：]\*?\s*\S")


def holds_a_quote(words: str) -> bool:
    """A quoted line, a divider, an attribution, a header block, or what a page marks quotes with."""
    if _PAGE.search(words):
        return True
    fields_so_far = addresses = 0
    for line in words.split("\n"):
        line = line[:MAX_LINE]
        if _QUOTED.match(line) or _divides(line.strip()):
            return True
        if _FIELD.match(line):
            fields_so_far, addresses = fields_so_far + 1, addresses + ("@" in line)
            if fields_so_far >= 3 and addresses:
                return True
        elif line.strip():
            fields_so_far = addresses = 0
    return False


def _divides(line: str) -> bool:
    """A rule, with words in it or not, or who wrote when, which ends in a colon in most languages."""
    if line.startswith(_RULES) and line.endswith(_RULES):
        return True
    return line.endswith((":", "：")) and _DATE_OR_ADDRESS.search(line) is not None
