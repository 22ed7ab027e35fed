# SPDX-License-Identifier: Apache-2.0
"""Broken relatives of the corpora's mails, accepted, routed, copied, read and sent as replies: nothing may break.

The same mutations on every run. What is refused is refused by a Response; an exception would cost the mail an attempt.
"""

import random
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from handlers import quotes, reading
from tests.corpora.material import bounces, from_strangers, words
from tests.support.office import World, field

pytestmark = [pytest.mark.corpora, pytest.mark.slow]

MAILS = 300
MOST_OCTETS = 300_000
BARE = re.compile(rb"\r(?!\n)|(?<!\r)\n")
OWN_WORDS = [  # what text columns and codecs choke on, and more than any bound allows
    *(b"=?utf-8?b?AAAA?=", b"=?utf-8?q?=00=ED=A0=80?=", b"=?utf-7?q?+2AA-?=", b"\xed\xa0\x80", b"=?idna?q?xn--a?="),
    *(b"charset=punycode", b"charset=unicode_escape", b"charset=undefined", b"charset=hex"),
    *(b"References: " + b"<a@b> " * 300 + b"\r\n", b"To: " + b"a@b.example, " * 500 + b"c@d\r\n"),
    *(b"A: b\r\n" * 1100, b"x" * 5000),
]


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """An office in annotate mode, which takes everything."""
    url = f"sqlite:///{tmp_path}/casegate.db" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    made = World(url)
    made.annotate = True
    yield made
    made.close()


def _mutated(dice: random.Random, seeds: list[bytes], vocabulary: list[bytes]) -> bytes:
    octets = dice.choice(seeds)
    for _ in range(dice.randint(1, 6)):
        section = max(octets.find(b"\r\n\r\n"), 0)
        at = dice.randint(0, section if dice.random() < 0.7 else len(octets))
        line = octets.rfind(b"\n", 0, at) + 1
        cut = at + dice.randint(1, 60)
        foreign = dice.choice(seeds)
        octets = dice.choice(
            [
                octets[:at] + dice.choice(vocabulary) + octets[at:],
                octets[:line] + dice.choice(vocabulary) + octets[line:],
                octets[:at] + bytes([dice.randint(1, 255)]) + octets[at + 1 :],
                octets[:at] + octets[cut:],
                octets[:cut] + octets[at:],
                octets[:at] + foreign[dice.randint(0, len(foreign)) :][:400] + octets[at:],
            ]
        )
    octets = re.sub(rb"\r\n|\r|\n", b"\r\n", octets.replace(b"\0", b""))
    return octets if octets.endswith(b"\r\n") else octets + b"\r\n"


def test_no_mutation_breaks_a_step(world, corpora):
    dice, vocabulary = random.Random(5321), [*words(corpora), *OWN_WORDS]
    seeds = [mail.content for mail in (*from_strangers(corpora, ""), *bounces(corpora, ""))]
    world.carl()
    reply_to = field(world.sent("copy")[0], "reply-to")
    routed = 0
    for _ in range(MAILS):
        octets = _mutated(dice, seeds, vocabulary)[:MOST_OCTETS].rpartition(b"\r\n")[0] + b"\r\n"
        ended = world.receive(octets, sender=dice.choice([None, "a@b.example"]))
        assert ended.state in ("routed", "quarantined", "discarded")
        routed += ended.state == "routed"
        quotes.new_text(reading.read(octets).text)
        world.reply(octets, reply_to)
    assert routed > MAILS * 0.9
    assert [mail.name for mail in world.sent() if BARE.search(mail.octets)] == []
