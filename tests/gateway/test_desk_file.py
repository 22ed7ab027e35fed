# SPDX-License-Identifier: Apache-2.0
"""The desk file, there and back."""

import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from gateway import desk_file
from storage.address import Address
from storage.desk_values import Agent, Contact, Desk, Policy, RoutingAddress, Team

SAMPLE = Path(__file__).parent.parent.parent / "conf" / "desk.toml"
ODD = st.text(max_size=40).map(lambda s: "".join(c for c in s if c.isprintable() or c in "\n\t"))
NAME = ODD.map(lambda s: "N" + "".join(c for c in s if c.isprintable()))


@st.composite
def _desks(draw):
    names = draw(st.lists(st.from_regex(r"[a-z0-9]{1,8}", fullmatch=True), unique=True, max_size=3))
    teams = tuple(Team(n, draw(NAME), Address(n, "firm.example")) for n in names)
    agents = tuple(Agent(n, draw(NAME), Address(n, "private.example"), tuple(names), draw(ODD)) for n in names)
    others = st.sampled_from(["reject", "quarantine", "discard"])
    addresses = tuple(
        RoutingAddress(Address(n, "in.example"), n, draw(st.booleans()), draw(ODD), Policy("known_contacts", draw(others)))
        for n in names
    )
    contacts = tuple(Contact(draw(NAME), (Address(n, "c.example"), Address(n, "d.example"))) for n in names)
    return Desk(teams, agents, addresses, contacts)


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
