# SPDX-License-Identifier: Apache-2.0
"""Google and Microsoft ask whether they may forward: kept for the operator, never a case; forgeries are mail.

The samples are written after the providers' documentation, in several languages.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from handlers.ports import Answer, Found
from storage import desk_version, ways
from storage.states import Move
from storage.ways import Confirmation
from tests.support.forwarding import INTAKE_ADDRESS, KEY, NOBODY, Yard, forwarded_desk
from tests.support.office import sign

SAMPLES = Path(__file__).parent.parent.parent / "messages" / "forwarding"
GOOGLE, MICROSOFT = "google.com", "accountprotection.microsoft.com"
AUTHORS = {
    GOOGLE: "forwarding-noreply@google.com",
    MICROSOFT: "account-security-noreply@accountprotection.microsoft.com",
}
LINK = "https://mail-settings.google.com/mail/vf-%5BANGjdJ9aBcDeFgHiJkLmNoPqRsTuVwXyZ0123456789%5D-a1B2c3D4e5F6g7H8"
VERIFY = "https://account.live.com/proofs/Verify?otc=aB1cD2eF3gH4&mkt=EN-US&addr=in-abcdefghijklmnop%40gw.example"


@pytest.fixture
def yard(tmp_path: Path) -> Iterator[Yard]:
    made = Yard(f"sqlite:///{tmp_path}/casegate.db")
    made.peer(NOBODY)
    yield made
    made.close()


def sample(name: str) -> bytes:
    return (SAMPLES / f"{name}.eml").read_bytes()


def kept(yard: Yard) -> tuple[Confirmation, ...]:
    with yard.database.read() as unit:
        row = ways.rows(unit).get(KEY)
        return ways.confirmations_of(row) if row is not None else ()


ISOLATED = LINK.replace("mail-settings.google.com", "isolated.mail.google.com")


@pytest.mark.parametrize(
    ("name", "domain", "account", "code", "link"),
    [
        ("google-en", GOOGLE, "office@firm.example", "482913057", LINK),
        ("google-de", GOOGLE, "office@firm.example", "482913057", LINK),
        ("google-ja", GOOGLE, "office@firm.example", "482913057", LINK),
        # The subject has no number in some; the text does.
        ("google-workspace", GOOGLE, "office@firm.example", "482913057", ISOLATED),
        ("microsoft-en", MICROSOFT, "of****@firm.example", "7046215", ""),
        ("microsoft-fr", MICROSOFT, "of****@firm.example", "7046215", ""),
        ("microsoft-link", MICROSOFT, "", "", VERIFY),
    ],
)
@pytest.mark.parametrize("to", [INTAKE_ADDRESS, KEY])
def test_the_question_is_kept_for_the_operator(
    yard: Yard, caplog: pytest.LogCaptureFixture, name: str, domain: str, account: str, code: str, link: str, to: str
):
    if to == KEY:
        yard.word()
    message = yard.receive(sign(sample(name), domain), to, sender=AUTHORS[domain])
    assert (message.classification, message.case, message.state) == ("forwarding", None, "routed")
    assert yard.sent() == []
    (one,) = kept(yard)
    provider = "google" if domain == GOOGLE else "microsoft"
    assert (one.provider, one.account, one.code, one.link) == (provider, account, code, link)
    assert "asks whether it may forward to support@firm.example" in caplog.text
    assert not code or code not in caplog.text


@pytest.mark.parametrize(
    "octets",
    [
        # No signature; another domain's; another author with Google's words.
        sample("google-en"),
        sign(sample("google-en"), "evil.example"),
        sign(sample("google-en").replace(b"@google.com", b"@google.evil.example"), "google.evil.example"),
        sign(sample("google-en").replace(b"forwarding-noreply@", b"somebody@"), "google.com"),
        sample("microsoft-en"),
        # Microsoft's own, and no question: who signed in where is for whoever reads this mailbox.
        sign(sample("microsoft-en").replace(b"7046215", b"-").replace(b"security code", b"sign-in"), MICROSOFT),
    ],
)
def test_a_forged_question_is_a_mail_like_any_other(yard: Yard, octets: bytes):
    yard.word()
    message = yard.receive(octets, KEY, sender="x@evil.example")
    assert (message.classification == "forwarding", message.case is None) == (False, False)
    assert kept(yard) == ()


def test_a_question_that_is_not_its_authors_or_not_signed_is_a_mail_like_any_other(yard: Yard):
    yard.word()
    # The provider's signature, and an author of another domain of its own: nobody vouches for that one.
    other = sign(
        sample("google-en").replace(b"forwarding-noreply@google.com", b"forwarding-noreply@googlemail.com"), GOOGLE
    )
    # The author is vouched for by SPF, and the signature is broken.
    yard.txt["google.com"] = Answer(Found.YES, (f"v=spf1 ip4:{NOBODY} -all".encode(),))
    yard.txt["_dmarc.google.com"] = Answer(Found.YES, (b"v=DMARC1; p=none",))
    broken = sign(sample("google-en"), GOOGLE) + b"More.\r\n"
    for octets, is_aligned in ((other, False), (broken, True)):
        judged = yard.judged(octets, KEY, sender=AUTHORS[GOOGLE])
        assert (judged.authentication.aligned, judged.classification.value == "forwarding") == (is_aligned, False)


def test_a_question_to_whom_it_is_not_kept_for_makes_a_case(yard: Yard):
    yard.word()
    for to in (("postmaster@gw.example",), (KEY, "postmaster@gw.example")):
        message = yard.receive(sign(sample("google-en"), GOOGLE), *to, sender=AUTHORS[GOOGLE])
        assert (to, message.classification != "forwarding", message.case is not None) == (to, True, True)
    assert kept(yard) == ()


def test_a_question_to_an_old_address_is_kept_at_the_one_it_leads_to(yard: Yard):
    yard.word()
    with yard.database.move(Move.ADDRESS) as unit:
        ways.put_alias(unit, "help@old.example", "help@old.example", KEY, "command")
        desk_version.count_up(unit)
    yard.look()
    yard.receive(sign(sample("google-en"), GOOGLE), "help@old.example", sender=AUTHORS[GOOGLE])
    assert [one.code for one in kept(yard)] == ["482913057"]
    with yard.database.read() as unit:
        assert "help@old.example" not in ways.rows(unit)


def test_a_question_about_an_address_that_is_taken_out_before_its_job_is_kept_there(yard: Yard):
    yard.accept(sign(sample("google-en"), GOOGLE), INTAKE_ADDRESS, sender=AUTHORS[GOOGLE])
    whole = forwarded_desk()
    yard.apply(replace(whole, addresses=whole.addresses[1:]))
    yard.look()
    yard.route()
    assert [one.code for one in kept(yard)] == ["482913057"]


def test_only_the_last_few_questions_are_kept(yard: Yard):
    for number in range(5):
        octets = sample("google-en").replace(b"482913057", b"48291305%d" % number).replace(b"<google", b"<%d" % number)
        yard.receive(sign(octets, GOOGLE), INTAKE_ADDRESS, sender=AUTHORS[GOOGLE])
    assert [one.code for one in kept(yard)] == ["482913054", "482913053", "482913052"]
