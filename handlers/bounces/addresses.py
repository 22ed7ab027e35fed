# SPDX-License-Identifier: Apache-2.0
"""Mail addresses in running text, as reports name them. Linear, bounded, never fails."""

import re

LOCAL = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.\x80-\U0010ffff-]{1,128}"
DOMAIN = r"[A-Za-z0-9\x80-\U0010ffff](?:[A-Za-z0-9.\x80-\U0010ffff-]{0,250}[A-Za-z0-9\x80-\U0010ffff])?"
ADDRESS = rf'(?:"[^"\r\n@]{{1,64}}"|{LOCAL})@{DOMAIN}'
_ADDRESS = re.compile(rf"(?<![\w.+-]){ADDRESS}")
_ANGLED = re.compile(rf"<\s*(?:smtp:|mailto:)?({ADDRESS})\s*>", re.IGNORECASE)


def address_in(text: str) -> str:
    """The address in a short text, in angle brackets rather than beside them; empty where there is none."""
    text = text[:1000]
    found = _ANGLED.search(text)
    if found:
        return found[1]
    plain = text.strip().strip("<>").strip()
    return plain if re.fullmatch(ADDRESS, plain) else next(iter(addresses_in(text)), "")


def addresses_in(text: str) -> list[str]:
    """All addresses of a text in their order, each once."""
    if "@" not in text:
        return []
    return list(dict.fromkeys(found.strip("'`") for found in _ADDRESS.findall(text)))
