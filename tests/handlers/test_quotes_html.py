# SPDX-License-Identifier: Apache-2.0
"""The new words of an HTML mail: what clients mark in it says more than its words, whatever the language."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.quotes import new_text_of, new_text_of_html

# Written here in the manner of each client; the words above an old mail are of no language where marks suffice.
PAGES: dict[str, str] = {
    "Gmail": '<div dir="ltr">Thank <b>you</b>.<div>It works.</div></div><br><div class'
    '="gmail_quote gmail_quote_container">'
    '<div dir="ltr" class="gmail_attr">Qwx 2 zzz Ann &lt;<a href="mailto:a@b.exam'
    'ple">a@b.example</a>&gt; qq:<br></div>'
    '<blockquote class="gmail_quote" style="margin:0px 0px 0px 0.8ex;border-left:1px solid rgb(204,204,204)">'
    "<div>old<blockquote>older</blockquote></div></blockquote></div>",
    "Gmail before 2018": 'Thank you.<br>It works.<br><div class="gmail_extra"><br><div class="gmail_quote">'
    'On Mon, Nov 2, 2026 at 6:26 PM, Ann <span dir="ltr">&lt;a@b.example&gt;</span> wrote:<br>'
    '<blockquote class="gmail_quote">old</blockquote></div><br></div>',
    "Gmail with a signature": '<div>Thank you.<br>It works.</div><div><div dir="ltr" class="gmail_signature" '
    'data-smartmail="gmail_signature"><div>Carl Customer</div><div>Farm Ltd is th'
    "e best farm there is.</div></div></div>"
    '<br><div class="gmail_quote"><div class="gmail_attr">Qwx:</div><blockquote cla'
    'ss="gmail_quote">old</blockquote></div>',
    "Apple Mail": '<html><body style="word-wrap: break-word">Thank you.<div>It works.<b'
    'r><div><br><blockquote type="cite">'
    '<div>On 2 Nov 2026, at 15:04, Ann wrote:</div><br class="Apple-interchange-new'
    'line"><div>old</div></blockquote></div>'
    "</div></body></html>",
    "iPhone": '<html><body dir="auto">Thank you.<div>It works.<br><br><div dir="ltr">Sen'
    't from my iPhone</div><div dir="ltr">'
    '<br><blockquote type="cite">On 2 Nov 2026, at 15:04, Ann wrote:<br><br></blo'
    'ckquote></div><blockquote type="cite">'
    '<div dir="ltr">old</div></blockquote></div></body></html>',
    "Outlook": "<div class=WordSection1><p class=MsoNormal>Thank you.<o:p></o:p></p><p "
    "class=MsoNormal>It works.<o:p></o:p>"
    "</p><p class=MsoNormal><o:p>&nbsp;</o:p></p><div><div style='border:none;border-top:solid #E1E1E1 1.0pt;"
    "padding:3.0pt 0cm 0cm 0cm'><p class=MsoNormal><b>Qwx:</b> Ann &lt;a@b.example&gt"
    ";<br><b>Zzz:</b> 2 x<br></p></div></div>"
    "<p class=MsoNormal>old<o:p></o:p></p></div>",
    "Outlook 2007": "<p class=MsoNormal>Thank you.</p><p class=MsoNormal>It works.</p><"
    "div style='border:none;border-top:"
    "solid #B5C4DF 1.0pt;padding:3.0pt 0in 0in 0in'><p>Qwx: Ann</p></div><p>old</p>",
    "Outlook web": '<div class="elementToProof">Thank you.</div><div class="elementToProof">It works.</div>'
    '<div id="appendonsend"></div><hr style="display:inline-block;width:98%" tabindex'
    '="-1"><div id="divRplyFwdMsg" dir="ltr">'
    '<font face="Calibri"><b>Qwx:</b> Ann<br><b>Zzz:</b> 2 x</font><div>&nbsp;</div></div><div>old</div>',
    "Outlook web, passed through": '<div>Thank you.</div><div>It works.</div><div id="x_Signature">Carl</div>'
    '<div id="x_x_divRplyFwdMsg">Qwx: Ann</div><div>old</div>',
    "Outlook mobile": '<div>Thank you.<br>It works.</div><div id="ms-outlook-mobile-signatu'
    're">Get <a href="https://aka.ms/x">'
    'Outlook for iOS</a></div><hr><div id="divRplyFwdMsg"><b>From:</b> Ann</div><div>old</div>',
    "Outlook, French, no mark": "<p>Thank you.</p><p>It works.</p><p><b>De&nbsp;:</b> Ann &lt;a@b.example&gt;<br>"
    "<b>Envoyé&nbsp;:</b> lundi<br><b>À&nbsp;:</b> Carl<br><b>Objet&nbsp;:</b> x</p><p>old</p>",
    "Hotmail": '<body class="hmmessage"><div dir="ltr">Thank you.<br>It works.<br><br><div><hr id="stopSpelling">'
    "Qwx: Mon, 2 Nov<br>Zzz: x<br><br>old</div></div></body>",
    "Thunderbird": '<p>Thank you.</p><p>It works.</p><div class="moz-cite-prefix">Qwx 2 zzz:<br></div>'
    '<blockquote type="cite" cite="mid:x@b.example"><pre class="moz-quote-pre" wrap="">old</pre></blockquote><br>'
    '<div class="moz-signature">-- <br>Carl</div>',
    "Thunderbird, preformatted": "<pre>Thank you.\nIt works.\n</pre><pre class='moz-signatu"
    "re' cols='72'>-- \nCarl</pre>",
    "Yahoo": '<div class="ydp1234yahoo-style-wrap"><div>Thank you.</div><div>It works.</div></div>'
    '<div id="ydp99yahoo_quoted_77" class="ydp99yahoo_quoted"><div>Qwx 2 zzz</div><div>old</div></div>',
    "Proton": '<div>Thank you.<br></div><div>It works.</div><div class="protonmail_si'
    'gnature_block"><div>Sent with Proton'
    '</div></div><div class="protonmail_quote">On Monday, November 2nd, 2026 at 3:0'
    "4 PM, Ann &lt;a@b.example&gt; wrote:<br>"
    '<blockquote class="protonmail_quote" type="cite">old</blockquote></div>',
    "GMX": '<div style="font-family: Verdana"><div>Thank you.</div><div>It works.<div><d'
    'iv name="quote" style="margin:10px 5px;'
    'border-left:2px solid #C3D9E5;"><div><b>Qwx:</b> Montag<br/><b>Zzz:</b> Ann</d'
    'iv><div name="quoted-content">old</div>'
    "</div></div></div></div>",
    "Zoho": '<div>Thank you.<br></div><div>It works.</div><div class="zmail_extra_hr"'
    ' style="border-top: 1px solid"></div>'
    '<div class="zmail_extra"><div id="Zm-_Id_-Sgn1">---- Qwx zzz ----</div><blockquote s'
    'tyle="margin: 0px;">old</blockquote></div>',
    "Samsung": '<div dir="auto">Thank you.</div><div dir="auto">It works.</div><div><br'
    '></div><div id="composer_signature">'
    '<div>Sent from my Galaxy</div></div><div><br></div><div style="font-size:100%;'
    'color:#000000"><!-- originalMessage -->'
    "<div>-------- Original message --------</div><div>From: Ann </div><div>old</div></div>",
    "K-9": 'Thank you.<br>It works.<br><br><div class="gmail_quote">Am 2. November 2026 15:04:05 MEZ schrieb Ann '
    '&lt;a@b.example&gt;:<blockquote class="gmail_quote" style="margin: 0pt;border-'
    'left: 1px solid">old</blockquote></div>',
    "QQ": "<div>Thank you.</div><div>It works.</div><div><br></div><div style='font-si"
    "ze: 12px'>------------------&nbsp;原始邮件"
    "&nbsp;------------------</div><div style='background:#efefef'><b>发件人:</b>&nbsp;\"Ann\"</div><div>old</div>",
    "163": '<div>Thank you.</div><div>It works.</div><p>At 2026-11-02 15:04:05, "'
    'Ann" &lt;a@b.example&gt; wrote:</p>'
    '<blockquote id="isReplyContent" style="PADDING-LEFT: 1ex; BORDER-LEFT: #ccc 1px solid">old</blockquote>',
    "Naver": "<p>Thank you.</p><p>It works.</p><p>-----Original Message-----<br><b>Fro"
    'm:</b> "Ann"&lt;a@b.example&gt; <br>'
    "<b>Sent:</b> 2026-11-02</p><p>old</p>",
    "Lotus Notes": "<font size=2>Thank you.</font><br><font size=2>It works.</font><br><"
    "br><font size=1>From: &nbsp; &nbsp;"
    "</font><font>Ann/FIRM</font><br><font>To: </font><font>Carl</font><br><font>Date: 2.11.2026 15:04</font><br>"
    "<font>Subject: x</font><br><hr noshade><br>old",
    "Outlook Express": '<DIV>Thank you.</DIV><DIV>It works.</DIV><BLOCKQUOTE style="PADDING-'
    "LEFT: 5px; BORDER-LEFT: #000000 2px"
    ' solid"><DIV>----- Original Message ----- </DIV><DIV><B>From:</B> Ann</DIV><DIV>old</DIV></BLOCKQUOTE>',
    "text in HTML": "Thank you.<br>It works.<br><br>&gt; old<br>&gt; older<br>",
}


@pytest.mark.parametrize("client", PAGES)
def test_what_a_client_marks_as_old_goes(client):
    assert new_text_of_html(PAGES[client]).replace("\n\n", "\n") == "Thank you.\nIt works."


@pytest.mark.parametrize(
    ("page", "new"),
    [
        # Answers between the pieces of a quote.
        (
            '<div class="gmail_quote"><div class="gmail_attr">Qwx:</div><blockquote c'
            'lass="gmail_quote">One?</blockquote>'
            '<div>Yes.</div><blockquote class="gmail_quote">Two?</blockquote><div>No.</div></div>',
            "> One?\n\nYes.\n\n> Two?\n\nNo.",
        ),
        # An answer below the quote.
        ('<div class="moz-cite-prefix">Qwx:</div><blockquote type="cite">old</blockquote><p>Yes.</p>', "Yes."),
        # The same in the elements of Yahoo and Zoho, which end.
        (
            '<div>See.</div><div id="yahoo_quoted_1" class="yahoo_quoted"><div>Qwx</div><div>old</div></div>'
            "<div>Yes.</div>",
            "See.\n\n> Qwx\n> old\nYes.",
        ),
        (
            '<div>See.</div><div class="zmail_extra_hr"></div><div class="zmail_extra"><div>---- Qwx ----</div>'
            "<blockquote>old</blockquote></div><div>Yes.</div>",
            "See.\n\n> ---- Qwx ----\n\n> old\n\nYes.",
        ),
        # Words in tables with Word's rules.
        (
            '<p>Our form:</p><div style="border:none;border-top:solid windowtext 1.0pt"><p>A: 5 screws</p>'
            "</div><p>B: 6 nuts</p>",
            "Our form:\n\nA: 5 screws\n\nB: 6 nuts",
        ),
        # A mail passed on in Yahoo, and nothing said.
        ('<div class="yahoo_quoted"><div>You owe us.</div></div>', "You owe us."),
        # Passed on in Gmail, with words above and without.
        (
            '<div>See.</div><div class="gmail_quote"><div class="gmail_attr">------'
            "---- Forwarded message ---------<br>"
            "From: <b>Shop</b> &lt;s@other.example&gt;<br>Date: x<br>Subject: y<b"
            "r>To: z<br></div>You owe us.</div>",
            "See.",
        ),
        (
            '<div class="gmail_quote"><div class="gmail_attr">---------- Forwarded message ---------<br>'
            "From: <b>Shop</b> &lt;s@other.example&gt;<br>Date: x<br>Subject: y<b"
            "r>To: z<br></div>You owe us.</div>",
            "You owe us.",
        ),
        # An indentation is no quote.
        (
            "<p>It says:</p><blockquote style='margin:0 0 0 40px;border:none'>I am broken</blockquote>",
            "It says:\n\nI am broken",
        ),
        # Words typed into the signature's element, where nothing else is.
        ('<div id="ms-outlook-mobile-signature">It is broken.<br>Why?</div>', "It is broken.\nWhy?"),
        # Nothing but a quote.
        ("<blockquote type=cite>old</blockquote>", "> old"),
        # Elements that are closed twice or never, in any order.
        ("</blockquote></div>a<blockquote type=cite>q</div></blockquote></blockquote>b", "a\n\n> q\n\nb"),
        ("a<br>b<br><br><br>c &amp;lt; d", "a\nb\n\nc &lt; d"),
        ("", ""),
    ],
)
def test_what_a_person_wrote_stays(page, new):
    assert new_text_of_html(page) == new


@pytest.mark.parametrize(
    ("text", "page", "new"),
    [
        # No page; a page and its own text; a text that only says that there is a page.
        ("Yes.\n\n> q", None, "Yes."),
        (
            "Yes. Qwx: old",
            '<p>Yes.</p><div class="moz-cite-prefix">Qwx:</div><blockquote type="cite">old</blockquote>',
            "Yes.",
        ),
        ("No HTML?", "<p>" + "It is broken. " * 9 + "</p>", "It is broken. " * 8 + "It is broken."),
        # A short answer, whose page quotes a long mail.
        ("Yes.", "<p>Yes.</p><div>" + "old words " * 30 + "</div>", "Yes."),
        # Both say something: the text is what clients without HTML show, and what signatures of texts cover.
        ("Hello, this is text.", "<p>Hello, this is HTML.</p>", "Hello, this is text."),
        ("", "<p>Yes.</p>", "Yes."),
    ],
)
def test_the_page_is_read_where_the_text_is_poor(text, page, new):
    assert new_text_of(text, page) == new


@given(st.text(alphabet="<>/ab &;=\"'blockquotediv!-\n", max_size=200), st.text(max_size=50))
def test_any_page_is_read(page, text):
    new_text_of(text, page)
