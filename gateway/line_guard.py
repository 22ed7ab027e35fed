# SPDX-License-Identifier: Apache-2.0
"""The last look at a content before it leaves: every line ends in CR LF, and the last one does too.

A bare CR or LF that some hosts take for a line end is how a second mail is smuggled past them (RFC 5321 §2.3.8).
Lines longer than 998 octets leave as they are. The survey has looked at every octet before the first one leaves.
"""

from handlers.contents import Content
from storage.response import R554_BARE_LINE_END, Response


def refusal(content: Content) -> Response | None:
    """The response for content that must not leave, None for content that may."""
    return None if content.ends_lines_in_crlf else R554_BARE_LINE_END
