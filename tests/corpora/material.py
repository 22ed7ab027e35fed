# SPDX-License-Identifier: Apache-2.0
"""The corpora as mail on the wire: each file with the address it goes to, LF made CR LF and nothing else changed."""

import base64
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support.dkim import Signer
from tests.support.dns import DnsZone

FOLDERS = ("mime", "replies/talon", "dmarc/rspamd")


@dataclass(frozen=True)
class Mail:
    """One transaction; `content` ends in CR LF. `ends_data` is for smuggled ones: the trick is a real end."""

    name: str
    reverse_path: str | None
    recipient: str
    content: bytes
    ends_data: bool = False

    @property
    def holds_bare_octets(self) -> bool:
        """Whether it has a bare CR, a bare LF or a NUL."""
        return re.search(rb"\r(?!\n)|(?<!\r)\n|\0", self.content) is not None


def on_the_wire(octets: bytes) -> bytes:
    """A file as a client sends it."""
    content = re.sub(rb"(?<!\r)\n", b"\r\n", octets)
    return content if content.endswith(b"\r\n") else content + b"\r\n"


def from_strangers(corpora: Path, recipient: str) -> Iterator[Mail]:
    """Whole messages of people and programs we do not know."""
    for folder in FOLDERS:
        for name, octets in _files(corpora, corpora / folder):
            yield Mail(name, "someone@elsewhere.example", recipient, on_the_wire(octets))


def with_signatures(corpora: Path, recipient: str, zone: DnsZone) -> Iterator[Mail]:
    """The DKIM cases, with their keys published."""
    for case in json.loads((corpora / "dkim/cases.json").read_bytes())["cases"]:
        octets = (corpora / "dkim" / case["file"]).read_bytes()
        if case.get("format", "").startswith("dns-lines"):
            octets = octets.partition(b"\n\n")[2]
        zone.update(case["records"])
        yield Mail(f"dkim/{case['id']}", "someone@elsewhere.example", recipient, on_the_wire(octets))


def bounces(corpora: Path, recipient: str) -> Iterator[Mail]:
    """Reports, from the null reverse-path."""
    for name, octets in _files(corpora, corpora / "bounces"):
        yield Mail(name, None, recipient, on_the_wire(octets))


def answers(corpora: Path, recipient: str, signer: Signer, answered: str) -> Iterator[Mail]:
    """Texts of answers as plain mail of the customer, signed, to a mail of ours."""
    for number, (name, octets) in enumerate(_files(corpora, corpora / "replies/email_reply_trimmer/emails")):
        head = (
            f"From: Carl Customer <carl@{signer.domain}>\r\nTo: {recipient}\r\nSubject: Re: Broken tractor\r\n"
            f"Message-ID: <answer-{number}@{signer.domain}>\r\nIn-Reply-To: {answered}\r\n"
            "Date: Sun, 22 Nov 2026 10:00:00 +0000\r\nMIME-Version: 1.0\r\n"
            "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
        )
        content = on_the_wire(head.encode() + octets)
        yield Mail(name, f"carl@{signer.domain}", recipient, signer.sign(content))


def smuggled(corpora: Path, recipient: str) -> Iterator[Mail]:
    """What follows DATA, final dot included: a text, the trick, and a second envelope with a second mail."""
    for sequence in json.loads((corpora / "spoofing/smuggling.json").read_bytes())["sequences"]:
        name = sequence["id"]
        first = f"From: <a@elsewhere.example>\r\nSubject: first {name}\r\n\r\none"
        second = (
            f"MAIL FROM:<b@elsewhere.example>\r\nRCPT TO:<{recipient}>\r\nDATA\r\n"
            f"From: <b@elsewhere.example>\r\nSubject: second {name}\r\n\r\ntwo\r\n.\r\n"
        )
        octets = first.encode() + base64.b64decode(sequence["bytes_b64"]) + second.encode()
        yield Mail(name, "a@elsewhere.example", recipient, octets, sequence["ends_data"])


def words(corpora: Path) -> list[bytes]:
    """The dictionaries for fuzzing: a quoted word a line, `\\xNN` for an octet."""
    found = []
    for path in sorted((corpora / "fuzz").iterdir()):
        for quoted in re.findall(r'^(?:\w+=)?"(.*)"$', path.read_text("utf-8"), re.MULTILINE):
            plain = re.sub(rb"\\x([0-9a-f]{2})", lambda octet: bytes([int(octet[1], 16)]), quoted.encode())
            found.append(plain.replace(b'\\"', b'"'))
    return found


def _files(corpora: Path, folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix != ".json" and not path.name.startswith("LICENSE"):
            yield str(path.relative_to(corpora)), path.read_bytes()
