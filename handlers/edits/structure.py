# SPDX-License-Identifier: Apache-2.0
"""What a mail client writes between the words: part header sections, boundaries, preambles and epilogues.

Enters: content and the plan. Leaves: content in which every multipart has a boundary of ours and nothing before its
first and after its last part, every part only listed header fields with listed parameters, and no field a host of the
agent's. The bodies of leaves keep their octets. Fails: BrokenStructure where the parts would no longer be the same.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from itertools import count
from typing import TYPE_CHECKING

from handlers.edits.splice import has_long_line, whole_line
from handlers.headers import Field, Head, decode_text, fold, scan
from handlers.mime_fields import parameters_of
from handlers.mime_parts import Part, parts

if TYPE_CHECKING:
    from handlers.rewrite import ReplyPlan

PART_FIELDS = frozenset(
    b"content-" + name
    for name in (b"type", b"transfer-encoding", b"disposition", b"id", b"language", b"description", b"duration")
)
_STRUCTURED = (b"content-type", b"content-disposition")
_PARAMETERS = frozenset(
    b"name charset format delsp boundary type start start-info report-type method filename size".split()
)
_PARAMETER = re.compile(
    rb';\s*+([^\s=;"*]++)(?:\*\d{0,3}+\*?)?\s*+=\s*+(?:"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[^;\s]*+)', re.DOTALL
)


class BrokenStructure(Exception):
    """The parts cannot be told apart well enough to be written anew."""


def write_structure(content: bytes, plan: "ReplyPlan") -> bytes:
    """Give every multipart a boundary of ours and every part a header section of listed fields."""
    found = parts(content)
    if len(found) == 1:
        return content
    children: dict[int, list[Part]] = {}
    for part in found[1:]:
        children.setdefault(part.parent or 0, []).append(part)
    writer = _Writer(content, plan, children)
    written = b"".join(writer.mail(found[0]))
    if _shape(parts(written)) != _shape(found):
        raise BrokenStructure
    return written


def clean_field(head: Head, field: Field, plan: "ReplyPlan") -> bytes:
    """One kept field: without unlisted parameters, hosts of the agent's and lines too long to send (RFC 5322 §2.1.1).

    Obsolete white space before the colon (RFC 5322 §4.5) is not passed on; else the octets stay as they are.
    """
    raw = whole_line(head.raw(field))
    name, _, value = raw.partition(b":")
    hosts = _host_pattern(plan.hosts)
    if field.name in PART_FIELDS or field.name == b"date":
        value = hosts.sub(plan.own_domain.encode(), value) if hosts else value
    if field.name in _STRUCTURED:
        value = _listed_parameters(value, hosts)
    if field.name == b"content-description" and hosts and hosts.search(decode_text(value).encode()):
        return b""
    cleaned = name.rstrip() + b":" + value
    return fold(name.rstrip(), value) if has_long_line(cleaned) else cleaned


def _listed_parameters(value: bytes, hosts: re.Pattern[bytes] | None) -> bytes:
    """A parameter with a host hidden in an encoding goes as a whole."""
    telling = set()
    if hosts:
        told = parameters_of(value).items()
        telling = {name.encode() for name, text in told if hosts.search(decode_text(_octets(text)).encode())}
    keep = _PARAMETERS - telling

    def listed(match: re.Match[bytes]) -> bytes:
        return match[0] if match[1].lower() in keep else b""

    return whole_line(_PARAMETER.sub(listed, value))


def _octets(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _host_pattern(hosts: Sequence[str]) -> re.Pattern[bytes] | None:
    """Whole names only: a longer host that ends in one of these goes with it."""
    if not hosts:
        return None
    names = b"|".join(re.escape(host.encode()) for host in sorted(hosts, key=len, reverse=True))
    return re.compile(rb"(?<![A-Za-z0-9-])(?:" + names + rb")(?![A-Za-z0-9-]|\.[A-Za-z0-9])", re.IGNORECASE)


def _shape(found: Sequence[Part]) -> list[tuple[object, ...]]:
    return [(part.parent, part.is_leaf, part.about.type, part.about.charset, part.about.encoding) for part in found]


class _Writer:
    """Puts one mail together again."""

    def __init__(self, content: bytes, plan: "ReplyPlan", children: Mapping[int, list[Part]]) -> None:
        self.content, self.plan, self.children = content, plan, children
        self.base = self._fresh()

    def mail(self, whole: Part) -> Iterator[bytes]:
        """The whole mail; its own header section is for `write_reply_header` to choose from."""
        head = scan(whole.header.of(self.content))
        typed = next((field for field in head.fields if field.name == b"content-type"), None)
        for field in head.fields:
            yield self._type(head, field, whole) if field is typed else whole_line(head.raw(field))
        yield b"\r\n"
        yield from self._body(whole)

    def _body(self, part: Part) -> Iterator[bytes]:
        if part.number not in self.children:
            yield part.body.of(self.content)
            return
        dashes = b"--" + self._boundary(part)
        for child in self.children[part.number]:
            yield dashes + b"\r\n"
            yield from self._section(child)
            yield b"\r\n"
            yield from self._body(child)
            yield b"\r\n"
        yield dashes + b"--"

    def _section(self, part: Part) -> Iterator[bytes]:
        head = scan(part.header.of(self.content))
        seen: set[bytes] = set()
        for field in head.fields:
            if field.name in PART_FIELDS and field.name not in seen:
                seen.add(field.name)
                multipart = field.name == b"content-type" and part.number in self.children
                yield self._type(head, field, part) if multipart else clean_field(head, field, self.plan)

    def _type(self, head: Head, field: Field, part: Part) -> bytes:
        """Content-Type of a multipart, its boundary last."""

        def others(match: re.Match[bytes]) -> bytes:
            return b"" if match[1].lower() == b"boundary" else match[0]

        cleaned = clean_field(head, field, self.plan)
        return _PARAMETER.sub(others, cleaned).rstrip(b"; \t\r\n") + b';\r\n boundary="%b"\r\n' % self._boundary(part)

    def _boundary(self, part: Part) -> bytes:
        """Of one length for all parts, so that none is the beginning of another."""
        return b"%b_%03d" % (self.base, part.number)

    def _fresh(self) -> bytes:
        """RFC 2046 §5.1.1: a boundary must not occur in what it divides."""
        seed = f"{self.plan.own_domain} {self.plan.message_id}"
        made = (b"=_" + sha256(f"{seed} {turn}".encode()).hexdigest()[:32].encode() for turn in count())
        return next(base for base in made if base not in self.content)
