# SPDX-License-Identifier: Apache-2.0
"""Postfix, from its queue manager to its SMTP and LMTP clients, without any command that needs a shell.

Enters: ports. Leaves: a `Server`.
The bench runs the same Postfix by `run` with settings of its own.
"""

from typing import ClassVar

from tests.support.peers.root import Root
from tests.support.peers.server import HANDOVER, HOME, LMTP_SOCKET, OCTETS, PLAIN, Server

# What holds for every private Postfix: loopback only, nothing from the system around it, no DNS.
MAIN_CF = """\
compatibility_level = 3.6
maillog_file = /var/log/postfix.log
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
alias_maps =
alias_database =
local_recipient_maps =
smtpd_peername_lookup = no
smtp_dns_support_level = disabled
"""
SENDER_CF = """\
myhostname = postfix.example
mynetworks = 127.0.0.0/8
smtp_tls_security_level = may
message_size_limit = {octets}
mailbox_size_limit = 0
default_transport = smtp:[127.0.0.1]:{mx}
sender_dependent_default_transport_maps = inline:{{
    {{ @{plain} = plain:[127.0.0.1]:{mx} }}
    {{ @{handover} = lmtp:unix:{socket} }} }}
transport_maps = inline:{{
    {{ {home} = plain:[127.0.0.1]:{port_home} }}
    {{ {handover} = plain:[127.0.0.1]:{port_home} }} }}
"""
# The services of Debian's master.cf that this needs, none of them with a chroot inside the root.
MASTER_CF = """\
127.0.0.1:{port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp unix - - n - - smtp
plain unix - - n - - smtp -o smtp_tls_security_level=none
relay unix - - n - - smtp
lmtp unix - - n - - lmtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""
PRIVATE = ("active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "private", "saved", "trace")


USERS = {"postfix": 101, "postdrop": 102}


def run(root: Root, port: int, settings: str, services: str = "") -> None:
    """Start a Postfix that takes mail on this port, with an empty queue and these settings beside MAIN_CF."""
    root.write("/etc/postfix/main.cf", MAIN_CF + settings)
    root.write("/etc/postfix/master.cf", MASTER_CF.format(port=port) + services)
    root.make("/var/lib/postfix", "postfix")
    root.make("/var/spool/postfix", "root")
    root.make("/var/spool/postfix/pid", "root")
    for name in PRIVATE:
        root.make(f"/var/spool/postfix/{name}", "postfix", 0o700)
    root.make("/var/spool/postfix/public", "postfix")
    root.make("/var/spool/postfix/maildrop", "postfix", 0o730)
    root.start(port, "/usr/lib/postfix/sbin/master", "-d")


class Postfix(Server):
    """Postfix of Debian."""

    name = "postfix"
    deferral = "status=deferred"
    users: ClassVar = USERS

    def start(self) -> None:
        """It passes on what it takes."""
        words = {"octets": OCTETS, "plain": PLAIN, "home": HOME, "handover": HANDOVER, "socket": LMTP_SOCKET}
        run(self.root, self.port, SENDER_CF.format(mx=self.hosts.mx, port_home=self.hosts.home, **words))

    def queue(self) -> str:
        """`postqueue -j`: one JSON object a mail."""
        return self.root.call("/usr/sbin/postqueue", "-j")

    def log(self) -> str:
        """The log of every service."""
        return self.root.read("/var/log/postfix.log") + self.root.output()
