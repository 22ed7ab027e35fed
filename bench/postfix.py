# SPDX-License-Identifier: Apache-2.0
"""The peers: a private Postfix, alone or with OpenDKIM verifying as its milter, on free loopback ports.

Postfix keeps its defaults (it fsyncs the queue file before the 250, always), looks nothing up in DNS and discards what
it took. One default is changed, in its favour: in_flow_delay would pause clients for a second now and then. OpenDKIM
refuses whatever does not verify, so a 250 is the proof that it checked; `probe` sends a tampered mail to see that it
does. Postfix runs in a root of its own, as in tests/support/peers; both need root.
"""

import contextlib
import os
import pwd
import smtplib
from collections.abc import Iterator
from pathlib import Path

from bench import mails
from bench.processes import NotReady, free_port, fresh, program, running, wait_for_port, wait_for_socket
from tests.support.peers import postfix as peer
from tests.support.peers.root import Root, lacking

MAIN_CF = """\
myhostname = gw.example
mynetworks =
relay_domains = firm.example
smtpd_relay_restrictions = reject_unauth_destination
in_flow_delay = 0
default_transport = discard:
relay_transport = discard:
local_transport = discard:
"""
MILTER_CF = """\
smtpd_milters = {milter}
milter_default_action = tempfail
"""
OPENDKIM_CONF = """\
Mode v
Socket {socket}
UMask 000
UserID opendkim
PidFile {directory}/opendkim.pid
Syslog no
AuthservID gw.example
InternalHosts 192.0.2.1
Nameservers {dns_host}
AlwaysAddARHeader yes
On-BadSignature reject
On-KeyNotFound reject
On-NoSignature reject
On-SignatureError reject
On-DNSError tempfail
On-InternalError tempfail
"""


@contextlib.contextmanager
def postfix(directory: Path) -> Iterator[int]:
    """A fresh Postfix; gives its SMTP port."""
    with empty_root(directory) as root:
        yield started(root, MAIN_CF)


@contextlib.contextmanager
def postfix_opendkim(directory: Path, *, dns_host: str, over_tcp: bool) -> Iterator[int]:
    """A fresh Postfix that asks a fresh OpenDKIM about each mail; gives the SMTP port.

    Over TCP the milter's small packets wait for delayed ACKs, which halves the rate without any work being done.
    """
    filtering = fresh(directory.with_name(directory.name + "-filter"))
    os.chown(filtering, *user_ids("opendkim"))
    with empty_root(directory) as root:
        root.make("/run/milter", "root", 0o777)
        port, path = free_port(), root.path("/run/milter/socket")
        socket, milter = (
            (f"inet:{port}@127.0.0.1", f"inet:127.0.0.1:{port}")
            if over_tcp
            else (f"local:{path}", "unix:/run/milter/socket")
        )
        settings = OPENDKIM_CONF.format(directory=filtering, socket=socket, dns_host=dns_host)
        (filtering / "opendkim.conf").write_text(settings)
        command = [program("opendkim"), "-f", "-x", str(filtering / "opendkim.conf")]
        with running(command, filtering / "opendkim.log"):
            if over_tcp:
                wait_for_port(port)
            else:
                wait_for_socket(path)
            yield started(root, MAIN_CF + MILTER_CF.format(milter=milter))


@contextlib.contextmanager
def empty_root(directory: Path) -> Iterator[Root]:
    """A root with Postfix in it, also where a bench that was killed left one; all in it ends with the context."""
    if reason := lacking("postfix"):
        raise NotReady(reason)
    root = Root("postfix", directory, peer.USERS)
    try:
        yield root
    finally:
        root.close()


def started(root: Root, settings: str) -> int:
    """Start the Postfix of this root; its SMTP port."""
    port = free_port()
    try:
        peer.run(root, port, settings)
    except AssertionError as failed:
        raise NotReady(f"postfix did not start: {failed}") from failed
    return port


def probe(port: int, content: bytes) -> None:
    """Raise unless this server refuses a mail whose body was changed after it was signed."""
    tampered = content[:-10] + b"tampered\r\n"
    with smtplib.SMTP("127.0.0.1", port, timeout=30) as client:
        try:
            client.sendmail(mails.sender(0), [mails.RECIPIENT], tampered)
        except smtplib.SMTPDataError:
            return
    raise NotReady("OpenDKIM let a tampered mail pass: it does not verify")


def user_ids(name: str) -> tuple[int, int]:
    """User and group id of a system user."""
    try:
        entry = pwd.getpwnam(name)
    except KeyError as missing:
        raise NotReady(f"no user {name}: run bench/prepare.sh as root") from missing
    return entry.pw_uid, entry.pw_gid
