# SPDX-License-Identifier: Apache-2.0
"""Whatever the header section, dmarc=pass is never given for a domain whose key or address did not vouch."""

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.support.authorship import ATTACKER, VICTIM, judged, keep_the_law
from tests.support.office import mail, sign

ATTACKERS, VICTIMS = f"x@{ATTACKER}", f"admin@{VICTIM}"
_WORDS = st.sampled_from(
    [
        *(ATTACKERS, VICTIMS, f"<{ATTACKERS}>", f"<{VICTIMS}>", f'"{VICTIMS}"', f"({VICTIMS})", f"@{VICTIM}:"),
        *("Ann", '"Ann"', "Ann Doe", "<", ">", "(", ")", '"', "\\", ",", ";", ":", "@", "[", "]", ".", "Team:"),
        *("=?utf-8?q?", "?=", "=?utf-8?b?PGFkbWluQGxlZ2l0LmV4YW1wbGU+?=", "=?utf-8?q?admin=40legit.example?=", "=40"),
        *(
            " ",
            "\t",
            "\r\n ",
            "\r\n\t",
            "\n ",
            "\r ",
            "\r\n",
            "\n",
            "\r",
            "\x00",
            "\x0b",
            "\xa0",
            "\x85",
            "é",
            "\ufeff",
        ),
        *(VICTIM, f"{VICTIM}.", f"x.{ATTACKER}", f"{VICTIM}.{ATTACKER}", "xn--bcher-kva.example", "\u3002", "\uff20"),
        *("From:", "\r\nFrom:", "\r\nfrom :", "\r\n From:", "\r\nFrom\r\n :", "\r\nSender:", "\r\n\r\n", "\r\n \r\n"),
    ]
)
_VALUES = st.one_of(
    st.sampled_from([ATTACKERS, f"Ann <{ATTACKERS}>", f"<{ATTACKERS}>", f"Ann <{VICTIMS}>"]),
    st.lists(_WORDS, max_size=6).map("".join),
    st.tuples(st.lists(_WORDS, max_size=3).map("".join), st.just(f"<{ATTACKERS}>")).map("".join),
    st.tuples(st.just(ATTACKERS), st.lists(_WORDS, max_size=3).map("".join)).map("".join),
)
_NAMES = st.sampled_from(
    [
        "From",
        "From",
        "From",
        "FROM",
        "From ",
        "From\t",
        " From",
        ">From",
        "From\r\n ",
        "Fr\x00om",
        "\xefFrom",
        "From\x0b",
    ]
)
_OTHERS = st.sampled_from(
    [
        f"Sender: {VICTIMS}\r\n",
        f"Resent-From: {VICTIMS}\r\n",
        f"Reply-To: {VICTIMS}\r\n",
        f"Authentication-Results: gw.example; dmarc=pass header.from={VICTIM}; dkim=pass header.d={VICTIM}\r\n",
        f"ARC-Authentication-Results: i=1; gw.example; dmarc=pass header.from={VICTIM}\r\n",
        f"DKIM-Signature: v=1; a=rsa-sha256; d={VICTIM}; s=s1; h=from; bh=; b=\r\n",
        f"DKIM-Signature: v=1; a=rsa-sha256; d={VICTIM}; s=s1; h=subject; bh=47DEQpj8; b=AAAA\r\n",
        "no field at all\r\n",
        "Subject: one\rFrom: two\r\n",
    ]
)
_FIELDS = st.one_of(st.tuples(_NAMES, _VALUES).map(lambda pair: f"{pair[0]}: {pair[1]}\r\n"), _OTHERS)


def _octets(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _signed(author: str, domain: str) -> bytes:
    return sign(mail(author, date="Sun, 22 Nov 2026 12:00:00 +0000", message_id="<1@x.example>"), domain)


GENUINE = [_signed(VICTIMS, VICTIM), _signed(ATTACKERS, ATTACKER), _signed(VICTIMS, ATTACKER)]
_TAIL = b"To: support@firm.example\r\nSubject: Broken\r\n\r\nHello\r\n"
usual = settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def test_the_law_is_not_kept_by_passing_nobody() -> None:
    assert [keep_the_law(one) for one in GENUINE] == [True, True, False]
    assert judged(GENUINE[0])[0].dmarc.aligned == (f"dkim:{VICTIM}",)
    assert keep_the_law(f"From: Ann <{ATTACKERS}>\r\n".encode() + _TAIL)


@usual
@given(fields=st.lists(_FIELDS, min_size=1, max_size=4))
@example(fields=[f"From: {ATTACKERS}\r\n", f" From: {VICTIMS}\r\n"])
def test_no_header_section_passes_for_who_did_not_vouch(fields: list[str]) -> None:
    keep_the_law(b"".join(map(_octets, fields)) + _TAIL)


@usual
@given(value=_VALUES)
def test_no_from_field_passes_for_who_did_not_vouch(value: str) -> None:
    keep_the_law(b"From: " + _octets(value) + b"\r\n" + _TAIL)


@settings(usual, max_examples=150)
@given(genuine=st.sampled_from(GENUINE), before=st.lists(_FIELDS, max_size=2), at=st.integers(0, 600), put=_VALUES)
def test_no_mail_that_was_signed_passes_for_another_once_it_was_changed(
    genuine: bytes, before: list[str], at: int, put: str
) -> None:
    changed = genuine[:at] + _octets(put) + genuine[at:] if put else genuine
    keep_the_law(b"".join(map(_octets, before)) + changed)
