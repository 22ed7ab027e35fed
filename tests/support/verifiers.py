# SPDX-License-Identifier: Apache-2.0
"""What a stranger's mail host says about the signatures on a mail: dkimpy and OpenDKIM, keys from a test's DNS."""

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import dkim
import dns.exception
import dns.resolver
import pytest

from tests.support.dns import DnsZone
from tests.support.waiting import PATIENCE_S

OPENDKIM = shutil.which("opendkim") or next((path for path in ("/usr/sbin/opendkim",) if Path(path).exists()), None)
_RESULT = re.compile(r"dkim=(\w+)[^;]*? header\.d=(\S+)")
_TAG = re.compile(rb"(?:^|;)\s*([ds])=([^;\s]+)")


def key_text(zone: DnsZone, name: str) -> bytes:
    """The TXT record at a name, asked over the wire; empty where there is none."""
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers, resolver.port = ["127.0.0.1"], zone.port
    resolver.timeout = resolver.lifetime = PATIENCE_S
    try:
        return b"".join(resolver.resolve(name.rstrip("."), "TXT")[0].strings)
    except dns.exception.DNSException:
        return b""


def signatures(content: bytes) -> list[tuple[str, str]]:
    """Domain and selector of each DKIM-Signature, topmost first."""
    head = re.sub(rb"\r\n[ \t]+", b" ", content.partition(b"\r\n\r\n")[0])
    fields = re.findall(rb"(?im)^dkim-signature:([^\r]*)", head)
    found = [dict(_TAG.findall(field)) for field in fields]
    return [(tags[b"d"].decode(), tags[b"s"].decode()) for tags in found]


def passes_dkimpy(content: bytes, zone: DnsZone) -> list[str]:
    """The domains whose signatures dkimpy verifies."""
    verifier = dkim.DKIM(content)
    found = signatures(content)
    verified = [
        verifier.verify(index, dnsfunc=lambda name, timeout=5: key_text(zone, name.decode()))
        for index in range(len(found))
    ]
    return [domain for (domain, _), is_good in zip(found, verified, strict=True) if is_good]


def passes_opendkim(content: bytes, zone: DnsZone) -> list[str]:
    """The domains whose signatures `opendkim -t` verifies, its keys in a TestPublicKeys file."""
    if OPENDKIM is None:
        pytest.skip("opendkim is not installed: apt-get install opendkim")
    names = [f"{selector}._domainkey.{domain}" for domain, selector in signatures(content)]
    keys = "".join(f"{name} {key_text(zone, name).decode()}\n" for name in dict.fromkeys(names))
    with tempfile.TemporaryDirectory(prefix="casegate-opendkim-") as place:
        mail, table, conf = Path(place, "mail"), Path(place, "keys"), Path(place, "conf")
        mail.write_bytes(content)
        table.write_text(keys)
        conf.write_text(f"Mode v\nSyslog no\nTestPublicKeys {table}\n")
        command = [OPENDKIM, "-x", str(conf), "-t", str(mail), "-vv"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S)
    assert done.returncode == 0, done.stderr
    # It prints the Authentication-Results field that it would insert, one dkim= for each signature.
    return [domain for result, domain in _RESULT.findall(done.stdout) if result == "pass"]
