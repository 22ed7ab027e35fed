# SPDX-License-Identifier: Apache-2.0
"""Text inside the parameters of the DSN extension, and addresses as delivery reports write them.

xtext (RFC 3461 §4) hides any octet as +XX. What a stranger hid may be a line end: only printable ASCII is given back,
so that a report's field is never more than one. Addresses beyond ASCII travel as \\x{...} (RFC 6533 §3).
"""

import re

_HIDDEN = re.compile(r"\+([0-9A-F]{2})")
_PLAIN = re.compile(r"[ -~]*")
_XTEXT_UNSAFE = re.compile(r"[^!-*,-<>-~]")
_UTF8_UNSAFE = re.compile(r"[^!-*,-<>-\[\]-~]")  # RFC 6533 §3: QCHAR is xchar without the backslash


def encode(text: str) -> str:
    """ASCII text as xtext."""
    return _XTEXT_UNSAFE.sub(lambda found: f"+{ord(found[0]):02X}", text)


def decode(text: str) -> str:
    """What xtext says, or nothing where that is not one printable line."""
    said = _HIDDEN.sub(lambda found: chr(int(found[1], 16)), text)
    return said if _PLAIN.fullmatch(said) else ""


def typed(address: str) -> str:
    """An address as a report names it, in ASCII: its type and the form that goes with it."""
    return f"rfc822; {address}" if address.isascii() else f"utf-8; {_utf8_xtext(address)}"


def original_recipient(address: str) -> str:
    """An address as the value of ORCPT."""
    return f"rfc822;{encode(address)}" if address.isascii() else f"utf-8;{_utf8_xtext(address)}"


def _utf8_xtext(text: str) -> str:
    return _UTF8_UNSAFE.sub(lambda found: f"\\x{{{ord(found[0]):X}}}", text)
