# SPDX-License-Identifier: Apache-2.0
"""Exim, which sends by BDAT wherever CHUNKING is offered.

Enters: ports. Leaves: a `Server`; `flags` tells from its log how a mail went.
"""

import re
from typing import ClassVar

from tests.support.peers.server import HANDOVER, HOME, LMTP_SOCKET, OCTETS, PLAIN, Server

CONF = """\
primary_hostname = exim.example
local_interfaces = 127.0.0.1
daemon_smtp_ports = {port}
acl_smtp_rcpt = accept
host_lookup =
rfc1413_hosts =
dsn_advertise_hosts = *
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
  domains = {home} : {handover}
  route_list = * 127.0.0.1
  self = send
  transport = home
plain:
  driver = manualroute
  senders = *@{plain}
  route_list = * 127.0.0.1
  self = send
  transport = plain
handover:
  driver = accept
  senders = *@{handover}
  transport = handover
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
handover:
  driver = lmtp
  socket = {socket}
  batch_max = 100
world:
  driver = smtp
  port = {mx}
"""


class Exim(Server):
    """Exim of Debian, the light daemon."""

    name = "exim"
    deferral = " == "
    users: ClassVar = {"Debian-exim": 103, "mail": 8}

    def start(self) -> None:
        """Write the configuration and start the daemon."""
        words = {"octets": OCTETS, "plain": PLAIN, "home": HOME, "handover": HANDOVER, "socket": LMTP_SOCKET}
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

    def flags(self, message_id: str) -> set[str]:
        """The letters with which Exim logs how it delivered a mail: L for PIPELINING, K for CHUNKING."""
        log = self.root.read("/var/log/exim4/mainlog")
        name = re.search(rf"\s(\S+) <= .* id={re.escape(message_id)}\s", log)[1]
        return set(re.findall(r" (L|K)(?= )", re.search(rf" {name} => .*", log)[0]))
