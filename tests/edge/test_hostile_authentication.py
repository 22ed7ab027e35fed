# SPDX-License-Identifier: Apache-2.0
"""Mail built to make its verification dear: each is taken, has its verdict, and costs little more than a fair one.

The cost is processor time of the MX process alone, measured from outside, beside a mail of the largest size without
any signature. That one takes 0.3 to 0.4 s where the dearest of these takes 0.9: each is below a second. ARC is on,
and the mails reach up to the limits. What DNS may do is tried elsewhere.
"""

import random
from base64 import encodebytes
from collections.abc import Iterator

import pytest

from tests.handlers.test_arc import junk
from tests.handlers.test_dkim import bomb
from tests.support.dns import DnsZone
from tests.support.installation import Installation
from tests.support.meter import cost_of, family
from tests.support.people import accepted_id, mail
from tests.support.tls import TlsFiles

SUPPORT, CARL = "support@firm.example", "carl@customer.example"
LARGE = 34_000_000
PLAIN = mail(CARL, SUPPORT, "Tractor", "It does not start.")


@pytest.fixture(scope="module")
def zone() -> Iterator[DnsZone]:
    """Keys that nobody should compute with."""
    made = DnsZone()
    made.set("s1._domainkey.bomb.example", "TXT", [bomb(16_384, 65_537).decode()])
    made.set("s1._domainkey.wide.example", "TXT", [bomb(2048, 2**64 + 1).decode()])
    made.set("s1._domainkey.large.example", "TXT", [bomb(8192, 2**32 - 1).decode()])
    made.set("s1._domainkey.many.example", "TXT", [f"v=DKIM1; n={n}; p=AAAA" for n in range(200)])
    yield made
    made.close()


@pytest.fixture(scope="module")
def house(zone: DnsZone, tmp_path_factory: pytest.TempPathFactory, tls_files: TlsFiles) -> Iterator[Installation]:
    """One MX process in annotate mode: the mails are stored with their verdicts, whatever they are."""
    config = {"mx": {"processes": 1}, "authentication": {"arc": True}, "policy": {"mode": "annotate"}}
    directory = tmp_path_factory.mktemp("authentication")
    with Installation(directory, nameservers=[zone.address], tls=tls_files, config=config) as made:
        made.set_up(zone)
        made.start("mx")
        yield made


def signature(domain: str, form: str = "relaxed/relaxed", more: str = "", names: str = "from") -> bytes:
    tags = f"v=1; a=rsa-sha256; d={domain}; s=s1; c={form}; h={names}; bh=AAAA; b=AAAA{more}"
    return f"DKIM-Signature: {tags}\r\n".encode()


EIGHT = b"".join(
    signature(f"d{n}.example", form, more)
    for n, (form, more) in enumerate(
        [("relaxed/relaxed", ""), ("simple/simple", ""), ("relaxed/simple", "; l=100"), ("simple/relaxed", "; l=9999")]
        * 2
    )
)


def large(line: str) -> bytes:
    return mail(CARL, SUPPORT, "Large", line * (LARGE // (len(line) + line.count("\n"))))


# Its repeats lie beyond the window in which zlib finds them.
RANDOM = encodebytes(random.Random(1).randbytes(1_000_000)).decode()


def results(value: bytes) -> bytes:
    return b"Authentication-Results: " + value + b"\r\n" + PLAIN


def dkim(*words: str) -> dict:
    return {"dkim": list(words), "arc": "none"}


NO_KEY = ["permerror"] * 8

# What is sent, and the verdict that has to be stored.
HOSTILE = [
    pytest.param(signature("bomb.example") * 8 + PLAIN, dkim(*NO_KEY), id="keys of 16384 bits"),
    pytest.param(signature("wide.example") * 8 + PLAIN, dkim(*NO_KEY), id="keys with a large exponent"),
    pytest.param(signature("large.example") * 8 + PLAIN, dkim(*["fail"] * 8), id="the largest keys that are taken"),
    pytest.param(signature("many.example") * 8 + PLAIN, dkim(*NO_KEY), id="200 records at a name"),
    pytest.param(junk(60) + PLAIN, {"dkim": [], "arc": "fail"}, id="60 ARC sets"),
    pytest.param(lambda: junk(50) + large("w  x\ty \n"), {"dkim": [], "arc": "fail"}, id="50 ARC sets on 34 MB"),
    pytest.param(
        lambda: b"".join(signature(f"d{n}.example") for n in range(40)) + large("w  x\ty \n"),
        dkim(*NO_KEY),
        id="40 signatures on 34 MB",
    ),
    pytest.param(
        signature("d.example", names=":".join(["from"] + ["x-pad"] * 499)) * 8 + b"X-Pad: a  b\r\n" * 900 + PLAIN,
        dkim(*NO_KEY),
        id="500 names in h=",
    ),
    pytest.param(lambda: EIGHT + large(" " * 998 + "x\n"), dkim(*NO_KEY), id="lines of spaces"),
    pytest.param(lambda: EIGHT + large(" " * 900_000 + "x\n"), dkim(*NO_KEY), id="long lines of spaces"),
    pytest.param(lambda: EIGHT + large("\t \t \n"), dkim(*NO_KEY), id="tabs and spaces before line ends"),
    pytest.param(lambda: EIGHT + large("w  x\ty \n"), dkim(*NO_KEY), id="many short runs of spaces"),
    pytest.param(lambda: EIGHT + mail(CARL, SUPPORT, "Large", RANDOM * 24), dkim(*NO_KEY), id="34 MB of base64"),
    pytest.param(lambda: EIGHT + large("\n"), dkim(*NO_KEY), id="empty lines"),
    pytest.param(
        signature("d.example", more="; z=" + "b \r\n " * 30_000 + "x") + PLAIN, dkim("permerror"), id="z= of many lines"
    ),
    pytest.param(results(b"x; " + b"(" * 100_000 + b")" * 100_000), dkim(), id="deep comments in a field of results"),
    pytest.param(results(b"gw.example; " + b'("' * 100_000), dkim(), id="deep comments in our name"),
    pytest.param(b"Received: from a ([192.0.2.1]) by b; x\r\n" * 900 + PLAIN, dkim(), id="900 Received fields"),
]  # fmt: skip


def send(house: Installation, content: bytes) -> tuple[float, str]:
    """The processor seconds that a content costs, and the id of its message."""
    answers = []

    def work() -> None:
        with house.mx() as client:
            answers.append(client.send_mail(CARL, [SUPPORT], content))

    spent = cost_of(family(house.programs[0].pid)[1:], work)
    return spent.cpu_s, accepted_id(answers[0])


@pytest.fixture(scope="module")
def fair(house: Installation) -> float:
    """What the largest mail costs without a signature, in seconds."""
    content = large("The tractor does not start, and the manual says nothing of it.\n")
    return min(send(house, content)[0] for _ in range(2))


@pytest.mark.parametrize(("content", "verdict"), HOSTILE)
def test_a_mail_that_is_dear_to_verify_is_taken_with_its_verdict_at_a_fair_cost(house, fair, content, verdict):
    content = content() if callable(content) else content
    allowed = (4 if len(content) > LARGE / 2 else 0.5) * fair
    costs, message_id = send(house, content)
    found = house.json("message", "show", message_id)["authentication"]
    assert {"dkim": [one["result"] for one in found["dkim"]], "arc": found["arc"]["result"]} == verdict
    # A neighbour on the same core makes a second dearer; the second time it has gone.
    assert costs < allowed or send(house, content)[0] < allowed
