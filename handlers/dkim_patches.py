# SPDX-License-Identifier: Apache-2.0
"""Makes dkimpy's canonicalisation linear in C: its own is quadratic in spaces, and slow in words and empty lines.

`prepare_dkimpy` replaces three functions of dkim.canonicalization by equal ones (a test compares them on random
input); it does so once and when told to, never by import. Signatures are checked by `cryptography`, not by dkimpy's
pure Python arithmetic, which a huge key keeps busy for seconds (dependencies G3, G4).
"""

import re

import dkim.canonicalization as canonicalization

_SPACE_BEFORE_LINE_END = re.compile(rb"(?<![\t ])[\t ]+\r\n")
_upstream_strip_trailing_lines = canonicalization.strip_trailing_lines
_NOT_ONE_SPACE = re.compile(rb"\t[\t ]*| [\t ]+")


def prepare_dkimpy() -> None:
    """Install the linear functions; a second call changes nothing."""
    canonicalization.strip_trailing_whitespace = strip_trailing_whitespace
    canonicalization.compress_whitespace = compress_whitespace
    canonicalization.strip_trailing_lines = strip_trailing_lines


def strip_trailing_whitespace(content: bytes) -> bytes:
    """RFC 6376 §3.4.4: white space at the end of a line does not count."""
    if b" \r\n" not in content and b"\t\r\n" not in content:
        return content
    return _SPACE_BEFORE_LINE_END.sub(b"\r\n", content)


def compress_whitespace(content: bytes) -> bytes:
    """RFC 6376 §3.4.4: a run of white space counts as one space."""
    if b"\t" not in content and b"  " not in content:
        return content
    return _NOT_ONE_SPACE.sub(b" ", content)


def strip_trailing_lines(content: bytes) -> bytes:
    """RFC 6376 §3.4.3: empty lines at the end do not count, but there is a last CRLF."""
    text = content.rstrip(b"\r\n")
    lines, odd = divmod(len(content) - len(text), 2)
    if odd or not content.endswith(b"\r\n" * lines):  # bare CR or LF never comes by SMTP
        return _upstream_strip_trailing_lines(content)  # type: ignore[no-any-return]
    return text + b"\r\n"
