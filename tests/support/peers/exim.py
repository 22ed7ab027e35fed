# SPDX-License-Identifier: Apache-2.0
"""Exim, which sends by BDAT wherever CHUNKING is offered.

Enters: ports. Leaves: a `Server`; `chunked` tells from its log which mails went by BDAT.
"""

import re
from typing import ClassVar

from tests.support.peers.server import HOME, OCTETS, PLAIN, Server

CONF = """\
primary_hostname = exim.example
local_interfaces = 127.0.0.1
daemon_smtp_ports = {port}
acl_smtp_rcpt = accept
host_lookup =
rfc1413_hosts =
dns_dnssec_ok = 0
message_size_limit = {octets}
log_file_path = /var/log/exim4/%slog
log_selector = +all
spool_directory = /var/spool/exim4
exim_path = /usr/sbin/exim4
keep_environment =

begin routers

home:
  driver = manualroute
  domains = {home}
  route_list = * 127.0.0.1
  self = send
  transport = home
plain:
  driver = manualroute
  senders = *@{plain}
  route_list = * 127.0.0.1
  self = send
  transport = plain
world:
  driver = manualroute
  route_list = * 127.0.0.1
  self = send
  transport = world

begin transports

home:
  driver = smtp
  port = {port_home}
  hosts_avoid_tls = *
plain:
  driver = smtp
  port = {mx}
  hosts_avoid_tls = *
world:
  driver = smtp
  port = {mx}
"""


class Exim(Server):
    """Exim of Debian, the light daemon."""

    name = "exim"
    users: ClassVar = {"Debian-exim": 103, "mail": 8}

    def start(self) -> None:
        """Write the configuration and start the daemon."""
        words = {"octets": OCTETS, "plain": PLAIN, "home": HOME}
        settings = CONF.format(port=self.port, mx=self.hosts.mx, port_home=self.hosts.home, **words)
        self.root.write("/etc/exim4/exim4.conf", settings)
        self.root.make("/var/spool/exim4", "Debian-exim", 0o750)
        self.root.make("/var/log/exim4", "Debian-exim", 0o750)
        self.root.start(self.port, "/usr/sbin/exim4", "-bdf", "-q1m")

    def queue(self) -> str:
        """`exim -bp`."""
        return self.root.call("/usr/sbin/exim4", "-bp")

    def log(self) -> str:
        """Main log, panic log and standard error."""
        logs = (self.root.read(f"/var/log/exim4/{name}log") for name in ("main", "panic", "reject"))
        return "".join(logs) + self.root.output()

    def chunked(self, recipient: str) -> list[bool]:
        """For each delivery to this recipient whether it went by BDAT: Exim then logs K."""
        lines = re.findall(rf"=> .*{re.escape(recipient)}.*", self.root.read("/var/log/exim4/mainlog"))
        return [re.search(r" K ", line) is not None for line in lines]
