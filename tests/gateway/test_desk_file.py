# SPDX-License-Identifier: Apache-2.0
"""The desk file, there and back."""

import tempfile
from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from gateway import desk_file
from storage.address import Address
from storage.blocks import Block
from storage.desk_values import NO_MAX_SIZE, Agent, Contact, Desk, Policy, RoutingAddress, SenderList, Team

SAMPLE = Path(__file__).parent.parent.parent / "conf" / "desk.toml"
ODD = st.text(max_size=40).map(lambda s: "".join(c for c in s if c.isprintable() or c in "\n\t"))
NAME = ODD.map(lambda s: "N" + "".join(c for c in s if c.isprintable()))


LISTED = st.sampled_from(["eve@evil.example", "@evil.example", "@*.evil.example"])
BLOCKED = st.sampled_from(["eve@evil.example", "@evil.example", "192.0.2.7", "192.0.2.0/24", "2001:db8::/32"])


def _policies(names):
    """Any key said or not; `names` are those of lists."""
    disposition = st.sampled_from(["", "accept", "quarantine", "reject", "discard"])
    others, rate = st.sampled_from(["", "reject", "quarantine", "discard"]), st.sampled_from(["", "off", "60/h", "1/s"])
    some = st.lists(st.sampled_from(names), unique=True).map(tuple) if names else st.just(())
    ways = ["", "anyone", "known_contacts", "authenticated", *(["listed"] if names else [])]
    made = st.builds(
        Policy,
        accept_from=st.sampled_from(ways),
        others=others,
        lists=st.none() | some,
        dmarc_reject=disposition,
        dmarc_quarantine=disposition,
        dmarc_none=disposition,
        no_author=disposition,
        max_size=st.sampled_from([0, NO_MAX_SIZE, 1000, 1024, 35_000_000]),
        forbid_attachments=st.none() | st.lists(st.sampled_from([".exe", ".tar.gz", "a/b", "audio/*"])).map(tuple),
        forbidden_attachment=others,
        rate_author=rate,
        rate_domain=rate,
        rate_total=rate,
        over_rate=st.sampled_from(["", "defer", "reject"]),
    )
    return made.map(lambda one: replace(one, lists=names) if one.accept_from == "listed" else one)


@st.composite
def _desks(draw):
    names = draw(st.lists(st.from_regex(r"[a-z0-9]{1,8}", fullmatch=True), unique=True, max_size=3))
    teams = tuple(Team(n, draw(NAME), Address(n, "firm.example")) for n in names)
    agents = tuple(Agent(n, draw(NAME), Address(n, "private.example"), tuple(names), draw(ODD)) for n in names)
    addresses = tuple(
        RoutingAddress(Address(n, "in.example"), n, draw(st.booleans()), draw(ODD), draw(_policies(tuple(names))))
        for n in names
    )
    contacts = tuple(Contact(draw(NAME), (Address(n, "c.example"), Address(n, "d.example"))) for n in names)
    lists = tuple(SenderList(n, tuple(draw(st.lists(LISTED, unique=True)))) for n in names)
    blocks = tuple(Block(what, draw(ODD)) for what in draw(st.lists(BLOCKED, unique=True)))
    return Desk(teams, agents, addresses, contacts, draw(_policies(tuple(names))), lists, blocks)


@given(_desks())
def test_a_rendered_desk_loads_to_the_same_desk(desk):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "desk.toml"
        path.write_bytes(desk_file.render(desk).encode())
        assert desk_file.load(path) == desk


def test_the_sample_desk_loads():
    desk = desk_file.load(SAMPLE)
    assert [agent.login for agent in desk.agents] == ["ann", "bob"]
    assert desk.addresses[0].verified
