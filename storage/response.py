# SPDX-License-Identifier: Apache-2.0
"""What an SMTP server answers (RFC 5321 §4.2): every response of ours is a named value here, number first.

The texts say what the sender can do and never why we are built as we are: no policy, no path, no exception.
"""

from dataclasses import dataclass, field, replace


@dataclass(frozen=True, slots=True)
class Response:
    """`code` is the RFC 5321 reply code, `enhanced` the RFC 3463 status (empty only where RFC 2034 forbids one).

    `action` stands only in what a route reports of a mail that was taken: "delivered" or "relayed" (RFC 3464 §2.3.3),
    and nothing where the next host promised to report itself. `because` is for operators, and never said.
    """

    code: int
    enhanced: str
    text: str
    action: str = field(default="", compare=False)
    because: str = field(default="", compare=False, repr=False)

    def __str__(self) -> str:
        return " ".join(filter(None, (str(self.code), self.enhanced, self.text)))

    def about(self, detail: str) -> "Response":
        """The same answer with the id or address that the sender needs to quote."""
        return replace(self, text=f"{self.text} {detail}")

    def given(self, because: str) -> "Response":
        """The same answer, with the reason that our own people read."""
        return replace(self, because=because)

    @property
    def is_positive(self) -> bool:
        return 200 <= self.code < 400

    @property
    def is_temporary(self) -> bool:
        return 400 <= self.code < 500

    @property
    def is_permanent(self) -> bool:
        return self.code >= 500


R214_HELP = Response(214, "2.0.0", "See RFC 5321; people read postmaster@ this host")  # RFC 5321 §4.1.1.8
R220_READY_FOR_TLS = Response(220, "2.0.0", "Ready to start TLS")  # RFC 3207 §4
R221_BYE = Response(221, "2.0.0", "Bye")  # RFC 5321 §4.1.1.10
R235_LOGGED_IN = Response(235, "2.7.0", "Authentication succeeded")  # RFC 4954 §6
R250_OK = Response(250, "2.0.0", "OK")  # RFC 5321 §4.2.2
R250_SENDER_OK = Response(250, "2.1.0", "Sender OK")  # RFC 3463 §3.2
R250_RECIPIENT_OK = Response(250, "2.1.5", "Recipient OK")  # RFC 3463 §3.2
R250_CHUNK_TAKEN = Response(250, "2.0.0", "Chunk taken")  # RFC 3030 §2
R250_ACCEPTED = Response(250, "2.6.0", "Accepted, id")  # RFC 5321 §4.2.5: we are now responsible
R252_NOT_VERIFIED = Response(252, "2.5.0", "Send some mail and see")  # RFC 5321 §3.5.3
R354_GO_AHEAD = Response(354, "", "End data with <CR><LF>.<CR><LF>")  # RFC 5321 §4.1.1.4; RFC 2034 §5

# 421 ends the session (RFC 5321 §3.8); the client keeps its mail and comes again.
R421_TIMEOUT = Response(421, "4.4.2", "No command in time, connect again")  # RFC 5321 §4.5.3.2.7
R421_TOO_SLOW = Response(421, "4.4.2", "The content came too slowly, send it again faster")  # RFC 5321 §4.5.3.2.5
R421_SHUTTING_DOWN = Response(421, "4.3.2", "Service is restarting, try again in a minute")  # RFC 5321 §3.8
R421_TOO_MANY_ERRORS = Response(
    421, "4.7.0", "Too many errors, correct what was refused before you connect again"
)  # RFC 5321 §7.8
R421_TOO_MANY_UNKNOWN = Response(
    421, "4.7.0", "Too many unknown recipients, take them out before you connect again"
)  # RFC 5321 §7.8
R421_NO_PROGRESS = Response(
    421, "4.7.0", "Too many commands without a mail, connect again to send one"
)  # RFC 5321 §7.8
R421_ENOUGH = Response(421, "4.7.0", "Enough mail for one session, connect again to send more")  # RFC 5321 §7.8
R421_TOO_MUCH = Response(
    421, "4.7.0", "Closing before the end of this mail, the rest of it is not read"
)  # RFC 5321 §7.8
R421_TOO_MANY_CONNECTIONS = Response(421, "4.7.0", "Too many connections, try again later")  # RFC 5321 §7.8
R421_TOO_MANY_OF_YOU = Response(421, "4.7.0", "Too many connections from your network, close some")  # RFC 5321 §7.8
R421_MAKE_ROOM = Response(
    421, "4.7.0", "Too busy to wait for you, send without pauses or try again later"
)  # RFC 5321 §7.8

R450_OVER_RATE = Response(450, "4.7.1", "Too much mail from you at once, try again later")  # RFC 5321 §7.8
R451_TRY_LATER = Response(451, "4.3.0", "Cannot answer for this mail now, try again later")  # RFC 5321 §4.2.2
R451_NO_SIGNATURE = Response(451, "4.7.5", "Cannot sign this mail now, try again later")  # RFC 3463 §3.8
R451_DNS = Response(451, "4.4.3", "DNS gives no answer about the sender now, try again later")  # RFC 3463 §3.5
R452_NO_STORAGE = Response(452, "4.3.1", "Cannot store mail now, try again later")  # RFC 3463 §3.4
R452_NO_MEMORY = Response(452, "4.3.1", "Too much mail at the same time, try again later")  # RFC 3463 §3.4
R452_TOO_MANY_RECIPIENTS = Response(
    452, "4.5.3", "Too many recipients, send the rest in another mail"
)  # RFC 5321 §4.5.3.1.10
R454_LOGIN_LATER = Response(454, "4.7.0", "Too many failed logins, try again later")  # RFC 4954 §6
R454_NO_TLS = Response(454, "4.7.0", "TLS is not available now, go on without it or try again later")  # RFC 3207 §4

R500_UNKNOWN_COMMAND = Response(500, "5.5.2", "Command not recognised, say HELP for where to read")  # RFC 5321 §4.2.4
R500_LINE_TOO_LONG = Response(500, "5.5.2", "Command line too long, shorten it")  # RFC 5321 §4.5.3.1.4
R500_BARE_LINE_END = Response(500, "5.5.2", "End lines in CR LF, a bare CR or LF is refused")  # RFC 5321 §2.3.8
R501_SYNTAX = Response(501, "5.5.4", "Syntax error in parameters, correct the command")  # RFC 5321 §4.2.2
R501_CHUNK = Response(501, "5.5.4", "Say BDAT with a number of octets, and LAST with the last chunk")  # RFC 3030 §2
R501_BAD_SENDER = Response(
    501, "5.1.7", "Bad sender address syntax, write MAIL FROM:<name@host.example>"
)  # RFC 5321 §4.1.2
R501_BAD_RECIPIENT = Response(
    501, "5.1.3", "Bad recipient address syntax, write RCPT TO:<name@host.example>"
)  # RFC 5321 §4.1.2
R501_BAD_AUTH = Response(501, "5.5.2", "Cannot decode the login, send it in base64")  # RFC 4954 §4
R501_AUTH_CANCELLED = Response(501, "5.0.0", "Login cancelled as you asked, begin again with AUTH")  # RFC 4954 §4
R502_NOT_HERE = Response(502, "5.5.1", "Command not offered here, do without it")  # RFC 5321 §4.2.4
R503_BAD_SEQUENCE = Response(503, "5.5.1", "Bad sequence of commands, begin again with RSET or EHLO")  # RFC 5321 §4.1.4
R503_LHLO = Response(503, "5.5.1", "This is LMTP, say LHLO")  # RFC 2033 §4.1
R504_MECHANISM = Response(504, "5.5.4", "Unknown login mechanism, use PLAIN or LOGIN")  # RFC 4954 §4
R530_TLS_FIRST = Response(530, "5.7.0", "Use STARTTLS first")  # RFC 3207 §4
R530_LOGIN_FIRST = Response(530, "5.7.0", "Log in first")  # RFC 4954 §6
R535_BAD_LOGIN = Response(535, "5.7.8", "Login or password is wrong, check both")  # RFC 4954 §6
R538_ENCRYPTION_NEEDED = Response(538, "5.7.11", "Logging in needs TLS, use STARTTLS first")  # RFC 4954 §6
R550_NO_SUCH_ADDRESS = Response(550, "5.1.1", "No such address here, check its spelling")  # RFC 5321 §3.3
R550_NOT_ALLOWED = Response(
    550, "5.7.1", "This address takes no mail from you, ask its owner another way"
)  # RFC 5321 §7.9
R550_DMARC = Response(
    550, "5.7.26", "The author's domain asks to refuse what it does not vouch for, send by its own servers"
)  # RFC 7372 §3.3
R550_LISTED = Response(550, "5.7.1", "Your host is on a public blocklist, have it taken off")  # RFC 5321 §7.9
R550_OVER_RATE = Response(550, "5.7.1", "Too much mail from you, send less")  # RFC 5321 §7.9
R550_COLLEAGUE = Response(550, "5.7.1", "This is a colleague's own address, take it out of the mail")  # RFC 5321 §7.9
R550_USE_SUBMISSION = Response(
    550, "5.7.1", "Agents answer through the submission relay, set it in your mail client"
)  # RFC 5321 §7.9
R552_TOO_BIG = Response(552, "5.3.4", "The mail is bigger than this server takes, send it smaller")  # RFC 1870 §6.1
R552_TOO_BIG_FOR_ADDRESS = Response(
    552, "5.2.3", "The mail is bigger than this address takes, send it smaller"
)  # RFC 3463 §3.3
R553_NEEDS_SMTPUTF8 = Response(
    553, "5.6.7", "A non-ASCII address needs SMTPUTF8, send with it or write to another address"
)  # RFC 6531 §3.5
R554_BARE_LINE_END = Response(554, "5.6.0", "Bare CR, LF or NUL in the content, end lines in CR LF")  # RFC 5321 §2.3.8
R554_LINE_TOO_LONG = Response(554, "5.6.0", "A line of the content is too long, wrap or encode it")  # RFC 5322 §2.1.1
R554_NO_AUTHOR = Response(
    554, "5.7.1", "This mail names no author who could be answered, add a recipient"
)  # RFC 3463 §3.8
R554_TAKES_NO_PART = Response(
    554, "5.7.1", "Whoever wrote the mail that you answer takes no part in the case, write to them by their own address"
)  # RFC 3463 §3.8
R554_ANSWERS_A_NOTE = Response(
    554, "5.7.1", "This answers a note that somebody wrote, answer the copy of the mail, not the note"
)  # RFC 3463 §3.8
R554_SIDE_LETTER = Response(
    554, "5.7.1", "The reply that you answer did not go to the customer, write to its readers by their own addresses"
)  # RFC 3463 §3.8
R554_AUTOMATIC = Response(
    554, "5.7.1", "Auto-Submitted says that a program wrote this, only what a person wrote goes out in the team's name"
)  # RFC 3834 §2
R554_NOT_A_REPLY = Response(
    554, "5.7.1", "This is not a reply to a case you may answer, answer the mail of the case itself"
)  # RFC 3463 §3.8
R554_TWO_CASES = Response(554, "5.7.1", "This mail answers more than one case, send one mail for each")  # RFC 3463 §3.8
R554_CANNOT_REWRITE = Response(554, "5.6.0", "This mail cannot be sent in the team's name:")  # RFC 3463 §3.7
R554_MIME_STRUCTURE = Response(
    554, "5.6.0", "Too many parts, or parts too deep in each other, send a simpler mail"
)  # RFC 3463 §3.7
R554_TOO_MANY_HEADER_FIELDS = Response(
    554, "5.6.0", "The header section is too large, leave out fields or recipients"
)  # RFC 3463 §3.7
R554_TOO_MANY_HOPS = Response(
    554, "5.4.6", "This mail has been through too many hosts, it goes in circles"
)  # RFC 5321 §6.3
R554_NOT_ONE_AUTHOR = Response(
    554, "5.6.0", "The mail does not name one author, write one address into one From field"
)  # RFC 5322 §3.6.2
R554_ATTACHMENT = Response(
    554, "5.6.1", "An attachment is of a kind that this address does not take, send it another way"
)  # RFC 3463 §3.7
R554_NOT_SMTP = Response(554, "5.5.1", "This is a mail server, speak SMTP to it")  # RFC 5321 §4.2.2
R554_TOO_EARLY = Response(554, "5.5.1", "Wait for the greeting before you speak")  # RFC 5321 §3.1
R554_OUT_OF_TURN = Response(554, "5.5.0", "Wait for each response that you may not pipeline behind")  # RFC 2920 §3.1
R555_PARAMETER = Response(555, "5.5.4", "Parameter not recognised, leave it out")  # RFC 5321 §4.1.1.11
