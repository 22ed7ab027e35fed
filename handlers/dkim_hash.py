# SPDX-License-Identifier: Apache-2.0
"""What a DKIM signature covers, as SHA-256 digests: the body while it comes, in pieces, and chosen header fields.

`BodyDigests` is told beforehand which (canonical form, l=) are wanted, is fed the body cut anyhow and answers after
`finish`: the same as dkimpy's canonicalisation gives (a test compares them), which is quadratic in spaces and wants the
whole body (dependencies G3). Linear, and a few octets are kept at most: empty lines that may be the last are counted.
"""

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable

from handlers.headers import Field, Head

Wanted = tuple[str, int | None]  # "simple" or "relaxed", and the l= of a signature that has one

_B_TAG = re.compile(rb"((?:^|;)[ \t\r\n]*b[ \t\r\n]*=)[^;]*")
_FOLD = re.compile(rb"\r?\n")
_LONG_RUN = b" " * 16
_EMPTY_LINES = 4096
_MANY_EMPTY_LINES = b"\r\n" * _EMPTY_LINES


class BodyDigests:
    """The body digests (RFC 6376 §3.7) of all signatures of one mail."""

    def __init__(self, wanted: Iterable[Wanted]) -> None:
        lengths: defaultdict[str, set[int]] = defaultdict(set)
        for form, octets in wanted:
            lengths[form].update(() if octets is None else (octets,))
        self._forms = {form: _Form(form, sorted(stops)) for form, stops in lengths.items()}
        self._is_finished = False

    def feed(self, octets: bytes) -> None:
        """Take the next octets of the body."""
        for form in self._forms.values():
            form.feed(octets)

    def finish(self) -> None:
        """The body is complete; saying it again changes nothing."""
        if not self._is_finished:
            self._is_finished = True
            for form in self._forms.values():
                form.finish()

    def octets(self, form: str) -> int:
        """The length of the canonical body, which l= counts."""
        return self._forms[form].octets

    def digest(self, form: str, octets: int | None = None) -> bytes:
        """The digest of the canonical body, or of its first octets; they were asked for, and there are so many."""
        return self._forms[form].digest(octets)


class _Form:
    """One canonical body on its way into the hash; `stops` are the lengths, ascending, whose digests are wanted."""

    def __init__(self, form: str, stops: list[int]) -> None:
        self.octets = 0
        self._relaxed = form == "relaxed"
        self._stops = stops
        self._digests: dict[int | None, bytes] = {}
        self._hash = hashlib.sha256()
        self._cut = b""  # the end of the last piece, whose meaning the next octets decide: space, CR
        self._empty_lines = 0  # line ends that do not count if nothing follows

    def feed(self, octets: bytes) -> None:
        octets = self._cut + octets if self._cut else octets
        text = octets.removesuffix(b"\r")
        line_end = b"\r" if len(text) < len(octets) else b""
        if self._relaxed:
            words = text.rstrip(b"\t ")
            self._cut = (b" " if len(words) < len(text) else b"") + line_end
            text = _relaxed(words)
        else:
            self._cut = line_end
        self._add(text)

    def finish(self) -> None:
        self._add(self._cut)
        self._cut = b""
        if self.octets or not self._relaxed:  # RFC 6376 §3.4.3, §3.4.4: only simple counts an empty body as a line
            self._write(b"\r\n")
        self._write(b"")  # for l=0 of an empty body
        self._digests[None] = self._hash.digest()

    def digest(self, octets: int | None) -> bytes:
        return self._digests[octets]

    def _add(self, text: bytes) -> None:
        """RFC 6376 §3.4.3: empty lines at the end of the body do not count, so line ends wait for what follows."""
        words = text.rstrip(b"\r\n")
        if len(words) + 2 == len(text) and text.endswith(b"\r\n"):
            pairs = 1
        else:
            pairs = _pairs(text[len(words) :])
            words = text[: len(text) - 2 * pairs]
        if words:
            self._write_empty_lines()
            self._write(words)
        self._empty_lines += pairs

    def _write_empty_lines(self) -> None:
        while self._empty_lines > _EMPTY_LINES:
            self._write(_MANY_EMPTY_LINES)
            self._empty_lines -= _EMPTY_LINES
        self._write(b"\r\n" * self._empty_lines)
        self._empty_lines = 0

    def _write(self, octets: bytes) -> None:
        end, at = self.octets + len(octets), 0
        while self._stops and self._stops[0] <= end:
            stop = self._stops.pop(0)
            self._hash.update(memoryview(octets)[at : stop - self.octets])
            at = stop - self.octets
            self._digests[stop] = self._hash.digest()
        self._hash.update(memoryview(octets)[at:] if at else octets)
        self.octets = end


class HeaderDigests:
    """The digests of what signatures cover of one header section."""

    def __init__(self, head: Head) -> None:
        self._head = head
        self._by_name: defaultdict[bytes, list[Field]] = defaultdict(list)
        for field in head.fields:
            self._by_name[field.name].append(field)

    def digest(self, form: str, names: Iterable[bytes], signature: bytes) -> bytes:
        """The digest of the fields that `names` choose, lowest first, then of the signature field without its b=."""
        hasher = hashlib.sha256()
        left = {name: len(fields) for name, fields in self._by_name.items()}
        for name in names:
            if left.get(name):  # a field that is not there counts as the empty string (RFC 6376 §5.4.2)
                left[name] -= 1
                hasher.update(canonical_field(form, self._head.raw(self._by_name[name][left[name]])))
        hasher.update(signature_itself(form, signature))
        return hasher.digest()


def signature_itself(form: str, raw: bytes) -> bytes:
    """A signature field as it covers itself: without the value of b= and the line end (RFC 6376 §3.7)."""
    name, _, value = raw.partition(b":")
    return canonical_field(form, name + b":" + _B_TAG.sub(rb"\1", value)).removesuffix(b"\r\n")


def _relaxed(text: bytes) -> bytes:
    """RFC 6376 §3.4.4: white space at the end of a line does not count, any other run of it is one space."""
    return _compressed(text).replace(b" \r\n", b"\r\n")


def _compressed(text: bytes) -> bytes:
    """Each run of white space as one space: by halving it, which is faster than a pattern even where runs abound."""
    text = text.replace(b"\t", b" ")
    if b"  " in text:
        while _LONG_RUN in text:
            text = text.replace(_LONG_RUN, b" ")
        while b"  " in text:
            text = text.replace(b"  ", b" ")
    return text


def _pairs(line_ends: bytes) -> int:
    """How many CR LF end these octets, which are CR and LF in any order: a bare one ends the count."""
    if not line_ends.endswith(b"\n"):
        return 0
    bare = max(line_ends.rfind(b"\n\n"), line_ends.rfind(b"\r\r"))
    return (len(line_ends) - bare - 1) // 2


def canonical_field(form: str, raw: bytes) -> bytes:
    """A header field in canonical form (RFC 6376 §3.4.1, §3.4.2)."""
    if form == "simple":
        return raw
    name, _, value = raw.partition(b":")
    return name.lower().rstrip() + b":" + _compressed(_FOLD.sub(b"", value)).strip() + b"\r\n"
