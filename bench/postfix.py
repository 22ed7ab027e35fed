# SPDX-License-Identifier: Apache-2.0
"""The peers: a private Postfix, alone or with OpenDKIM verifying as its milter, on free loopback ports.

Postfix keeps its defaults (it fsyncs the queue file before the 250, always), looks nothing up in DNS and discards what
it took. One default is changed, in its favour: in_flow_delay would pause clients for a second now and then. OpenDKIM
refuses whatever does not verify, so a 250 is the proof that it checked; `probe` sends a tampered mail to see that it
does. Both need root and the users that Debian's packages make.
"""

import contextlib
import os
import pwd
import smtplib
import subprocess
from collections.abc import Iterator
from pathlib import Path

from bench import mails
from bench.processes import NotReady, free_port, fresh, program, running, wait_for_port, wait_for_socket

MAIN_CF = """\
compatibility_level = 3.6
config_directory = {directory}/conf
queue_directory = {directory}/queue
data_directory = {directory}/data
maillog_file = {directory}/mail.log
maillog_file_prefixes = {directory}
myhostname = gw.example
mydestination =
mynetworks =
relay_domains = firm.example
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
alias_maps =
alias_database =
local_recipient_maps =
smtpd_relay_restrictions = reject_unauth_destination
smtpd_peername_lookup = no
smtp_dns_support_level = disabled
in_flow_delay = 0
default_transport = discard:
relay_transport = discard:
local_transport = discard:
"""
MILTER_CF = """\
smtpd_milters = {milter}
milter_default_action = tempfail
"""
# Debian's master.cf without chroot and without what this path never uses.
MASTER_CF = """\
127.0.0.1:{port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
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
def postfix(directory: Path, *, milter: str = "") -> Iterator[int]:
    """A fresh Postfix; gives its SMTP port."""
    control = [program("postfix"), "-c", str(directory / "conf")]
    end_leftover(directory, control)
    fresh(directory)
    port = free_port()
    for name in ("conf", "queue", "data"):
        (directory / name).mkdir()
    os.chown(directory / "data", *user_ids("postfix"))
    settings = MAIN_CF.format(directory=directory)
    settings += MILTER_CF.format(milter=milter) if milter else ""
    (directory / "conf/main.cf").write_text(settings)
    (directory / "conf/master.cf").write_text(MASTER_CF.format(port=port))
    started = subprocess.run([*control, "start"], capture_output=True, text=True)
    try:
        if started.returncode:
            raise NotReady(f"postfix did not start: {started.stderr}")
        wait_for_port(port, greeting=b"220")
        yield port
    finally:
        subprocess.run([*control, "stop"], capture_output=True)


@contextlib.contextmanager
def postfix_opendkim(directory: Path, *, dns_host: str, over_tcp: bool) -> Iterator[int]:
    """A fresh Postfix that asks a fresh OpenDKIM about each mail; gives the SMTP port.

    Over TCP the milter's small packets wait for delayed ACKs, which halves the rate without any work being done.
    """
    filtering = fresh(directory.with_name(directory.name + "-filter"))
    port, path = free_port(), filtering / "milter.sock"
    socket, milter = (
        (f"inet:{port}@127.0.0.1", f"inet:127.0.0.1:{port}") if over_tcp else (f"local:{path}", f"unix:{path}")
    )
    settings = OPENDKIM_CONF.format(directory=filtering, socket=socket, dns_host=dns_host)
    (filtering / "opendkim.conf").write_text(settings)
    os.chown(filtering, *user_ids("opendkim"))
    command = [program("opendkim"), "-f", "-x", str(filtering / "opendkim.conf")]
    with running(command, filtering / "opendkim.log"):
        if over_tcp:
            wait_for_port(port)
        else:
            wait_for_socket(path)
        with postfix(directory, milter=milter) as smtp_port:
            yield smtp_port


def probe(port: int, content: bytes) -> None:
    """Raise unless this server refuses a mail whose body was changed after it was signed."""
    tampered = content[:-10] + b"tampered\r\n"
    with smtplib.SMTP("127.0.0.1", port, timeout=30) as client:
        try:
            client.sendmail(mails.sender(0), [mails.RECIPIENT], tampered)
        except smtplib.SMTPDataError:
            return
    raise NotReady("OpenDKIM let a tampered mail pass: it does not verify")


def end_leftover(directory: Path, control: list[str]) -> None:
    """Stop the Postfix of a bench that was killed."""
    if (directory / "queue/pid/master.pid").exists():
        subprocess.run([*control, "stop"], capture_output=True)


def user_ids(name: str) -> tuple[int, int]:
    """User and group id of a system user."""
    try:
        entry = pwd.getpwnam(name)
    except KeyError as missing:
        raise NotReady(f"no user {name}: run bench/prepare.sh as root") from missing
    return entry.pw_uid, entry.pw_gid
