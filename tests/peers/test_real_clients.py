# SPDX-License-Identifier: Apache-2.0
"""Others' mail clients log in at the relay, by each mechanism and over each TLS, and their replies reach customers."""

from collections.abc import Iterator
from contextlib import closing
from itertools import count
from pathlib import Path

import pytest

from tests.support.dns import DnsZone
from tests.support.installation import PASSWORD, Delivered, Installation
from tests.support.peers.clients import CLIENTS, Call, Client, Outcome, Tls
from tests.support.people import Agent, Customer, the_mail
from tests.support.tls import TlsFiles

pytestmark = pytest.mark.slow

ANN = "ann.doe@private.example"
NAMES = [client.name for client in CLIENTS]
_numbers = count(1)


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory, tls_files: TlsFiles) -> Iterator[Installation]:
    """All roles, with one question from a customer that ann can answer."""
    place = tmp_path_factory.mktemp("clients")
    with closing(DnsZone()) as zone, Installation(place, nameservers=[zone.address], tls=tls_files) as made:
        made.set_up(zone)
        made.start()
        Customer(made, zone, "carl@customer.example").write("A question", "Does it fit?")
        yield made
        assert made.errors() == []
        made.stop()


@pytest.fixture(scope="module")
def copy(installation: Installation) -> Delivered:
    """The question in ann's mailbox."""
    return Agent(installation, "ann", ANN).inbox("Does it fit?")


@pytest.fixture(params=CLIENTS, ids=NAMES)
def client(request: pytest.FixtureRequest) -> Client:
    """Each client in turn."""
    if reason := request.param.lacking():
        pytest.skip(reason)
    return request.param


def answer(
    installation: Installation, copy: Delivered, client: Client, directory: Path, **login: object
) -> tuple[str, Outcome]:
    """Let the client send a reply of ann's; words that stand in this reply only, and how the client ended."""
    words = f"Yes, it fits in {next(_numbers)} ways."
    content = Agent(installation, "ann", ANN).compose(copy, words)
    given = {"login": "ann", "password": PASSWORD, "mechanism": "PLAIN", "tls": Tls.STARTTLS, **login}
    port = installation.submission_tls_port if given["tls"] is Tls.IMPLICIT else installation.submission_port
    to = (copy.field("Reply-To"),)
    asked = Call(directory, port, ca=installation.tls.ca, reverse_path=ANN, recipients=to, content=content, **given)
    return words, client.send(asked)


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
@pytest.mark.parametrize("tls", [Tls.STARTTLS, Tls.IMPLICIT], ids=lambda tls: tls.value)
def test_an_agents_reply_reaches_the_customer(installation, copy, client, tmp_path, tls, mechanism):
    words, outcome = answer(installation, copy, client, tmp_path, tls=tls, mechanism=mechanism)
    assert outcome.status == 0, outcome.printed
    letter = the_mail(installation, "carl@customer.example", words)
    assert letter.field("From") == "Firm Support <support@firm.example>"


# Two are enough, for each failure makes the next answer wait longer.
@pytest.mark.parametrize("client", CLIENTS[-2:], ids=NAMES[-2:], indirect=True)
def test_a_client_says_that_the_password_is_wrong(installation, copy, client, tmp_path):
    _, outcome = answer(installation, copy, client, tmp_path, password="a-wrong-password-of-a-test")
    assert outcome.status != 0
    # curl prints its dialog, the code among it; the others quote the response.
    assert "535" in outcome.printed, outcome.printed


def test_a_client_without_login_is_told_to_log_in(installation, copy, client, tmp_path):
    _, outcome = answer(installation, copy, client, tmp_path, login="", password="")
    assert outcome.status != 0
    assert "530" in outcome.printed, outcome.printed
