# SPDX-License-Identifier: Apache-2.0
"""What mail clients write into HTML around quotes, attributions, old mails and signatures.

Enters: an opening tag in small letters. Leaves: the kind of what it holds. Never fails. Marks are looked for in tags
that have attributes only, in their first MAX_TAG_CHARACTERS.
"""

import re

from handlers.trimming.lines import Kind

MAX_TAG_CHARACTERS = 600

# The elements that clients mark; the others are not worth a look.
MARKED = frozenset({"blockquote", "pre", "div", "p", "span", "table", "td", "hr", "section", "a"})

_QUOTE = re.compile(
    r"type=\W?cite|\scite=|class=[\"']?[^\"'>]{0,60}(?:quote|cite)|name=[\"']?quote|border-left:[^;\"'>]{0,25}(?:solid|p[xt])"
)
_INSIDE: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    (Kind.ATTRIBUTION, re.compile(r"class=[\"']?(?:x_)?(?:gmail_attr|moz-cite-prefix|gmail_default_attr)")),
    (
        Kind.SIGNATURE,
        re.compile(
            r"class=[\"']?[^\"'>]{0,40}(?:gmail_signature|moz-signature|protonmail_signature_block|tutanota_signature|"
            r"ymail_android_signature|yahoo-signature|k9mail-signature|bloop_sign|front-signature|missive_signature|"
            r"hs_signature|nylas-signature|email-signature)|class=[\"']?(?:x_)*signature[\"'\s>]|"
            r"name=[\"']?(?:x_)*messagesignaturesection|fairemail=[\"']?signature|data-sigid=|data-signatureblock=|"
            r"data-marker=[\"']?__sig_p|"
            r"id=[\"']?(?:x_)*(?:signature|ms-outlook-mobile-signature|composer_signature|ymail_android_signature|"
            r"zmail_signature|protonmail_signature|applemailsignature|outlooksignature|_rc_sig|bloop_sign_\d{0,20})\b|"
            r"data-smartmail=[\"']?gmail_signature"
        ),
    ),
    (Kind.QUOTED, re.compile(r"name=[\"']?quote\b|class=[\"']?(?:x_)?(?:yahoo_quoted_text|protonmail_quote_body)")),
)
# The old mail begins here, in the same element or behind it.
_BEGINS = re.compile(
    r"id=[\"']?(?:x_)*(?:divrplyfwdmsg|appendonsend|reply-intro|stopspelling|isforwardcontent|quoted_header)|"
    r"class=[\"']?[^\"'>]{0,40}outlookmessageheader|name=[\"']?(?:x_)?(?:_mailoriginal|messagereplysection)\b|"
    r"border-top-color:\s?rgb\(229, ?229, ?229\)|data-marker=[\"']?(?:x_)?__headers__|"
    # Word draws such a line in other colours around a person's own words, too: there the fields below must say it.
    r"border:\s?none;\s?border-top:\s?solid\s(?:#e1e1e1|#b5c4df)\s1\.0pt"
)
# The old mail is in this element; what stands behind its end is new again.
_OLD_MAIL = re.compile(
    r"id=[\"']?(?:x_)*(?:mail-editor-reference-message|yahoo_quoted|mailcontainer_quote)|"
    r"class=[\"']?[^\"'>]{0,40}(?:yahoo_quoted|zmail_extra(?!_hr)|ms-outlook-quote|mail_android_quote)"
)


def holds(name: str, tag: str) -> Kind | None:
    """What an element holds whose opening tag this is."""
    if name == "blockquote":
        return Kind.QUOTED if _QUOTE.search(tag, 0, MAX_TAG_CHARACTERS) else Kind.INDENTED
    if name not in MARKED or "=" not in tag:
        return None
    for kind, mark in _INSIDE:
        if mark.search(tag, 0, MAX_TAG_CHARACTERS):
            return kind
    return None


def begins_old_mail(name: str, tag: str) -> bool:
    """Whether the old mail begins where this tag stands."""
    if name not in MARKED or "=" not in tag:
        return False
    return holds_old_mail(name, tag) or _BEGINS.search(tag, 0, MAX_TAG_CHARACTERS) is not None


def holds_old_mail(name: str, tag: str) -> bool:
    """Whether the old mail is in this element and ends with it."""
    return name in MARKED and "=" in tag and _OLD_MAIL.search(tag, 0, MAX_TAG_CHARACTERS) is not None
