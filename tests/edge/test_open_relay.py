# SPDX-License-Identifier: Apache-2.0
"""An open-relay prober: the usual tricks, spoken to a whole installation, on the MX, on LMTP's rules and on submission.

A trick has passed when the server takes the recipient, or when anything at all leaves for a stranger. Both are asked.
"""

import re

import pytest

from tests.support.installation import NAME
from tests.support.smtp_client import RawClient

VICTIM = "victim@elsewhere.example"
INSIDE = "support@firm.example"

# (reverse-path, recipient as it stands between TO:< and >); the reason stands above each group.
TRICKS = [
    # plainly, from a stranger, from nobody, and in the name of one of ours
    ("spam@spammer.example", VICTIM),
    ("", VICTIM),
    (INSIDE, VICTIM),
    (f"postmaster@{NAME}", VICTIM),
    ("spam@localhost", VICTIM),
    (f"spam@{NAME}", VICTIM),
    ("spam@[127.0.0.1]", VICTIM),
    # the percent hack, with each host that could count as ours
    ("spam@spammer.example", f"victim%elsewhere.example@{NAME}"),
    ("spam@spammer.example", "victim%elsewhere.example@firm.example"),
    ("spam@spammer.example", "victim%elsewhere.example@[127.0.0.1]"),
    ("spam@spammer.example", "victim%elsewhere.example@localhost"),
    ("spam@spammer.example", "victim%elsewhere.example%gw.example@firm.example"),
    # an address quoted into a local part
    ("spam@spammer.example", f'"{VICTIM}"@{NAME}'),
    ("spam@spammer.example", f'"{VICTIM}"@firm.example'),
    ("spam@spammer.example", f'"{VICTIM}"'),
    ("spam@spammer.example", '"victim%elsewhere.example"@firm.example'),
    # source routes: RFC 5321 lets us drop them, so the address behind the colon counts
    ("spam@spammer.example", f"@{NAME}:{VICTIM}"),
    ("spam@spammer.example", f"@firm.example,@{NAME}:{VICTIM}"),
    ("spam@spammer.example", "@[127.0.0.1]:victim@elsewhere.example"),
    # bang paths
    ("spam@spammer.example", "elsewhere.example!victim"),
    ("spam@spammer.example", f"elsewhere.example!victim@{NAME}"),
    ("spam@spammer.example", f"{NAME}!elsewhere.example!victim@firm.example"),
    # two hosts, no host, a host with a dot behind it, literals
    ("spam@spammer.example", f"{VICTIM}@{NAME}"),
    ("spam@spammer.example", f"victim@elsewhere.example@{INSIDE}"),
    ("spam@spammer.example", "victim"),
    ("spam@spammer.example", f"{VICTIM}."),
    ("spam@spammer.example", "victim@[192.0.2.1]"),
    ("spam@spammer.example", "victim@[IPv6:2001:db8::1]"),
    ("spam@spammer.example", "victim@[127.0.0.1]"),
    # lists, comments, empty angle brackets, control characters that a sloppy parser drops
    ("spam@spammer.example", f"{INSIDE},{VICTIM}"),
    ("spam@spammer.example", f"{INSIDE}> <{VICTIM}"),
    ("spam@spammer.example", f"{VICTIM}(comment)@firm.example"),
    ("spam@spammer.example", f"{VICTIM} {INSIDE}"),
    ("spam@spammer.example", f"{VICTIM}\t@firm.example"),
    ("spam@spammer.example", f"{VICTIM}\0@firm.example"),
    ("spam@spammer.example", f"\\{VICTIM}"),
    # a plus tag, and addresses that look like our signed ones
    ("spam@spammer.example", "support+victim=elsewhere.example@elsewhere.example"),
    ("spam@spammer.example", f"r.jxa6pdrnq2so.victim.elsewhere@{NAME}"),
    ("spam@spammer.example", f"b.jxa6pdrnq2so.victim@{NAME}"),
]


@pytest.mark.parametrize(("reverse_path", "recipient"), TRICKS)
def test_no_trick_makes_the_mx_relay(house, reverse_path, recipient):
    with house.mx() as client:
        assert client.command(f"MAIL FROM:<{reverse_path}>").code in (250, 501)
        client.send(f"RCPT TO:<{recipient}>\r\n".encode())
        assert client.read().code in (500, 501, 503, 550, 553, 554, 555)
        assert client.command("DATA").code == 503
    assert not house.maildir()


# Commands that some servers take for permission.
@pytest.mark.parametrize(
    "command",
    [
        "XCLIENT ADDR=127.0.0.1 LOGIN=ann",
        "XFORWARD ADDR=127.0.0.1",
        "TURN",
        "ETRN elsewhere.example",
        "ATRN elsewhere.example",
        "SEND FROM:<spam@spammer.example>",
        "SOML FROM:<spam@spammer.example>",
        "SAML FROM:<spam@spammer.example>",
        "AUTH PLAIN AGFubgBhbm4=",
        "EHLO localhost",
        "EHLO [127.0.0.1]",
        f"EHLO {NAME}",
        "HELO firm.example",
    ],
)
def test_no_command_earns_trust(house, command):
    with house.mx() as client:
        client.command(command)
        client.command("EHLO client.example")
        client.command(f"MAIL FROM:<{INSIDE}> AUTH={INSIDE}")
        assert client.command(f"RCPT TO:<{VICTIM}>").code in (503, 550)


@pytest.mark.parametrize("reverse_path", [INSIDE, "ann.doe@private.example", VICTIM])
def test_submission_takes_nothing_without_a_login(house, reverse_path):
    with RawClient(("127.0.0.1", house.submission_port)) as client:
        client.ehlo()
        assert client.starttls(house.tls.client_context()).code == 220
        client.ehlo()
        assert client.command(f"MAIL FROM:<{reverse_path}>").code == 530
        assert client.command(f"RCPT TO:<{VICTIM}>").code == 503


def test_mail_that_was_taken_for_one_of_ours_leaves_for_nobody_else(house):
    """Header fields name recipients too; a gateway that read them would be a relay."""
    with house.mx() as client:
        client.command("MAIL FROM:<spam@spammer.example>")
        client.command(f"RCPT TO:<{INSIDE}>")
        client.command("DATA")
        client.send(
            f"From: spam@spammer.example\r\nTo: {VICTIM}\r\nBcc: {VICTIM}\r\nResent-To: {VICTIM}\r\n"
            f"Disposition-Notification-To: {VICTIM}\r\nReturn-Receipt-To: {VICTIM}\r\nErrors-To: {VICTIM}\r\n"
            "Subject: open?\r\n\r\nHello\r\n.\r\n".encode()
        )
        assert client.read().code == 250
    house.wait_for_mail(1, to="ann.doe@private.example")
    assert not [one for one in house.maildir() if re.search("elsewhere|spammer", one.delivered_to)]
