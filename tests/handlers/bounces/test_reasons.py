# SPDX-License-Identifier: Apache-2.0
"""Refusals in words that the open corpora do not have: the reason, and whether the address is at fault."""

import pytest

from handlers.bounces.verdict import Finding, judge

# What the sender could not send to is hard; what a server says of us, of the mail, or of today is not.
REFUSALS: dict[tuple[str, bool], tuple[str, ...]] = {
    ("user unknown", True): (
        "550 5.0.0 can't accept user (in reply to RCPT TO command)",
        "550 Sorry, no mail box available for this user (in reply to RCPT TO command)",
        "550 is not an active address at this host (in reply to RCPT TO command)",
        "550 user missing home directory (in reply to RCPT TO command)",
        "550 no kim in name directory (in reply to RCPT TO command)",
        "550 non existent user (in reply to RCPT TO command)",
        "553 sorry, this recipient is in my badrecipientto list (in reply to RCPT TO command)",
        # Who answers for its own directory need not say at which command.
        "554 delivery error: dd This user doesn't have a dest.example account (in reply to end of DATA command)",
        "Invalid recipient: kim@dest.example",
        "kim@dest.example (user not found)",
    ),
    ("host unknown", True): (
        "550 mail domain mentioned in email address is unknown",
        "Sorry, I couldn't find any host named dest.example",
        "the domain name (dest.example) does not appear to be registered.",
    ),
    # A server that takes no mail from us takes others'.
    ("sender refused", False): (
        "550 this server does not accept mail from free providers",
        "550 null senders are not allowed here",
        "550 empty envelope senders not allowed",
        "550 error: no third-party DSNs",
        "550 backscatter protection detected an invalid or expired email address",
        "550 sender domain is empty",
        "550 envelope blocked - https://gateway.example/1",
        "550 From: domain is invalid. Please provide a valid From:",
    ),
    ("blocked", False): (
        "421 mx.dest.example ESMTP not accepting connections",
        "550 banned sending IP",
        "550 sender IP address rejected",
        "554 You are not allowed to connect.",
        "550 server IP 192.0.2.9 listed as abusive",
        "550 Access denied. IP name lookup failed",
        "550 blocked",
        "451 your server requires confirmation",
        "550 mail from 192.0.2.9 refused",
    ),
    ("policy", False): (
        "550 closed mailing list",
        "550 posting by non-member to a members-only list",
        "550 message bounced due to organizational settings",
        "535 authentication credentials invalid",
    ),
    ("spam", False): (
        "550 rejected - bulk email",
        "550 blocked by SpamAssassin",
        "550 blocked by policy: no spam please",
        "554 rejecting banned content",
        "550 your message failed several antispam checks",
        "550 your email breaches local URIBL policy",
    ),
    ("network", False): (
        "550 unrouteable mail domain",
        "550 DNS records for the destination computer could not be found",
        "550 no route to host",
    ),
    ("suspended", False): (
        "550 account has been suspended",
        "550 archived recipient",
        "550 mailbox is unavailable: user is terminated",
    ),
    ("relaying denied", False): (
        "550 we don't handle mail for that domain",
        "550 not local host dest.example",
        "553 refusing to act as a relay",
    ),
    ("expired", False): ("550 server did not respond", "550 not reachable within the allowed queue period"),
    ("too many", False): (
        "421 too many sessions",
        "450 please try again slower",
        "550 5.7.705 tenant has exceeded threshold",
    ),
    ("system", False): ("554 remote server is misconfigured", "554 queue file write error"),
    ("filtered", False): (
        "550 you have been blocked by the recipient",
        "550 no such user (in reply to end of DATA command)",
    ),
}


@pytest.mark.parametrize(
    ("said", "reason", "hard"), [(said, *meant) for meant, several in REFUSALS.items() for said in several]
)
def test_what_servers_say_means(said: str, reason: str, hard: bool) -> None:
    judged = judge(Finding("kim@dest.example", diagnostic=said))
    assert (judged.reason, judged.hard) == (reason, hard)
