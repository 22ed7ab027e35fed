# SPDX-License-Identifier: Apache-2.0
"""What a route reports for a recipient: the remote's words made safe to keep, or our own where no host spoke.

What says something of our settings or our host, not of the mail, is temporary: it never costs anyone a mail at once.
"""

import re

from storage.response import Response

TEXT_CHARACTERS = 500

R250_FILED = Response(250, "2.1.5", "Filed as", action="delivered")
R451_DNS = Response(451, "4.4.3", "Cannot look up the recipient's mail host now")
R451_NO_HOST = Response(451, "4.4.4", "No mail host of the recipient's domain has an address")
R451_UNREADABLE = Response(451, "4.3.0", "Our store cannot give the mail now")
R451_NOT_FILED = Response(451, "4.3.0", "Cannot write to the maildir now")
R451_NO_CONNECTION = Response(451, "4.4.1", "Cannot connect to the mail host now")
R451_LOST = Response(451, "4.4.2", "The connection was lost before the content was sent")
R451_NO_TLS = Response(451, "4.7.4", "The host offers no TLS that we accept, and TLS is required")
R451_NO_LOGIN = Response(451, "4.7.8", "The smarthost takes no login of ours")
R550_NO_DOMAIN = Response(550, "5.1.2", "The recipient's domain does not exist or has no mail host")
R553_BAD_ADDRESS = Response(553, "5.1.3", "Not an address that can be sent to")
R553_NO_UTF8 = Response(553, "5.6.7", "The host takes no address beyond ASCII")  # RFC 6531 §3.5
R552_TOO_BIG = Response(552, "5.3.4", "The mail is bigger than the host takes")  # RFC 1870 §6.1
R554_LOOP = Response(554, "5.4.6", "The recipient's best mail host is this host itself")  # RFC 5321 §5.1
R556_NULL_MX = Response(556, "5.1.10", "The recipient's domain takes no mail")  # RFC 7505 §4

_OUR_SETTINGS = frozenset({530, 534, 535, 538})  # RFC 4954 §6: the login is at fault, not the mail
_ENHANCED = re.compile(r"([245]\.[0-9]{1,3}\.[0-9]{1,3})(?:[ \t]+|$)")
_UNPRINTABLE = re.compile(r"[\x00-\x20\x7f-\xa0\u2028-\u202e\u2066-\u2069\ud800-\udfff]+")


def from_remote(code: int, message: str) -> Response:
    """A remote's answer: one line of at most 500 printable characters, a code of the classes 2, 4 or 5."""
    lines = message[: 8 * TEXT_CHARACTERS].split("\n")
    named = _ENHANCED.match(lines[0])
    text = _UNPRINTABLE.sub(" ", " ".join(_ENHANCED.sub("", line, count=1) for line in lines)).strip()[:TEXT_CHARACTERS]
    if not (200 <= code < 300 or 400 <= code < 600):
        return Response(451, "4.5.0", f"Unexpected answer: {text}"[:TEXT_CHARACTERS])
    if code in _OUR_SETTINGS:
        return as_temporary(Response(code, named[1] if named else "5.7.0", text))
    enhanced = named[1] if named and named[1][0] == str(code)[0] else f"{code // 100}.0.0"
    return Response(code, enhanced, text)


def as_temporary(response: Response) -> Response:
    """The same words as a 4xx, where a refusal is about us and may pass."""
    if not response.is_permanent:
        return response
    return Response(451, f"4{response.enhanced[1:]}", response.text)
