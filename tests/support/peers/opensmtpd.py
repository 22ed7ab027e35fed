# SPDX-License-Identifier: Apache-2.0
"""OpenSMTPD, whose paths are compiled in: the reason why the peers have roots and not only configurations.

It connects to one address only every five seconds, whatever the port, so its ways go to two addresses.
Enters: ports. Leaves: a `Server`.
"""

import os
from typing import ClassVar

from tests.support.peers.server import HOME, OCTETS, PLAIN, PLAIN_ADDRESS, Server

CONF = """\
smtp max-message-size "{octets}"
listen on 127.0.0.1 port {port} hostname opensmtpd.example
action "home" relay host "smtp+notls://127.0.0.1:{port_home}" helo "opensmtpd.example"
action "plain" relay host "smtp+notls://{address}:{mx}" helo "opensmtpd.example"
action "world" relay host "smtp://127.0.0.1:{mx}" helo "opensmtpd.example"
match from any for domain "{home}" action "home"
match from any mail-from "@{plain}" for any action "plain"
match from any for any action "world"
"""


class OpenSmtpd(Server):
    """OpenSMTPD of Debian."""

    name = "opensmtpd"
    deferral = 'result="TempFail"'
    users: ClassVar = {"opensmtpd": 104, "opensmtpq": 105}

    def start(self) -> None:
        """Write the configuration and start all its processes."""
        words = {"octets": OCTETS, "plain": PLAIN, "home": HOME, "address": PLAIN_ADDRESS}
        settings = CONF.format(port=self.port, mx=self.hosts.mx, port_home=self.hosts.home, **words)
        self.root.write("/etc/smtpd.conf", settings)
        self.root.write("/etc/mailname", "opensmtpd.example\n")
        self.root.write("/etc/aliases", "")
        self.root.make("/var/lib/opensmtpd/empty", "root")
        self.root.make("/var/run", "root")
        # Debian's package sets this when it is installed; without it smtpctl shows nothing.
        program = self.root.path("/usr/sbin/smtpctl")
        os.chown(program, 0, self.users["opensmtpq"])
        program.chmod(0o2755)
        self.root.start(self.port, "/usr/sbin/smtpd", "-d")

    def queue(self) -> str:
        """`smtpctl show queue`."""
        return self.root.call("/usr/sbin/smtpctl", "show", "queue")

    def log(self) -> str:
        """Standard error, where -d sends the log."""
        return self.root.output()
