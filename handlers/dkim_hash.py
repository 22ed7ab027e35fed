# SPDX-License-Identifier: Apache-2.0
"""What a DKIM signature covers, as digests: the body once for each canonical form, and chosen header fields.

Enters: a scanned mail. Leaves: SHA-256 digests (RFC 6376 §3.7), the same for signing and verifying. The canonical body
is kept, so many signatures on one large mail cost one pass for each form. Fails: never; bounds are the callers'.
"""

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable

from dkim.canonicalization import Relaxed, Simple

from handlers.headers import Field, Head

_FORMS = {"simple": Simple, "relaxed": Relaxed}
_B_TAG = re.compile(rb"((?:^|;)[ \t\r\n]*b[ \t\r\n]*=)[^;]*")


class Digests:
    """The digests of one mail."""

    def __init__(self, head: Head) -> None:
        self._head = head
        self._bodies: dict[str, bytes] = {}
        self._body_digests: dict[tuple[str, int | None], bytes] = {}
        self._by_name: defaultdict[bytes, list[Field]] = defaultdict(list)
        for field in head.fields:
            self._by_name[field.name].append(field)

    def body_octets(self, form: str) -> int:
        """The length of the canonical body, which a signature's l= counts."""
        return len(self._body(form))

    def body(self, form: str, octets: int | None = None) -> bytes:
        """The digest of the canonical body, or of its beginning where a signature has l=."""
        key = (form, octets)
        if key not in self._body_digests:
            self._body_digests[key] = hashlib.sha256(memoryview(self._body(form))[:octets]).digest()
        return self._body_digests[key]

    def header(self, form: str, names: Iterable[bytes], signature: bytes) -> bytes:
        """The digest of the fields that `names` choose, lowest first, then of the signature field without its b=."""
        hasher = hashlib.sha256()
        left = {name: len(fields) for name, fields in self._by_name.items()}
        for name in names:
            if left.get(name):  # a field that is not there counts as the empty string (RFC 6376 §5.4.2)
                left[name] -= 1
                hasher.update(_canonical(form, self._head.raw(self._by_name[name][left[name]])))
        name, _, value = signature.partition(b":")
        hasher.update(_canonical(form, name + b":" + _B_TAG.sub(rb"\1", value)).removesuffix(b"\r\n"))
        return hasher.digest()

    def _body(self, form: str) -> bytes:
        if form not in self._bodies:
            self._bodies[form] = _FORMS[form].canonicalize_body(self._head.content[self._head.body_offset :])
        return self._bodies[form]


def _canonical(form: str, raw: bytes) -> bytes:
    name, _, value = raw.partition(b":")
    ((name, value),) = _FORMS[form].canonicalize_headers([(name, value)])
    return b"%b:%b" % (name, value)
