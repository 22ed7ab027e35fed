# SPDX-License-Identifier: Apache-2.0
"""The short form of the fuzzers, for every run: what was found before, then some hundred fresh octets a target."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.targets import TARGETS
from tests.fuzz.wire import Talk, listener

FOUND = Path(__file__).parent / "found"

_WORDS = [b"\r\n", b".", b"\r", b"\n", b"\0", b"<", b">", b"@", b":", b" ", b"--", b"=?utf-8?b?", b"From", b"To"]
octets = st.one_of(
    st.binary(max_size=400), st.lists(st.one_of(st.sampled_from(_WORDS), st.binary(max_size=8))).map(b"".join)
)


def test_what_a_fuzzer_found_once_stays_mended():
    for path in sorted(FOUND.glob("*/*")):
        TARGETS[path.parent.name](path.read_bytes())


@pytest.mark.parametrize("name", TARGETS)
def test_no_octets_break_a_law(name):
    @settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
    @given(octets)
    def look(some):
        TARGETS[name](some)

    look()


TestTalk = Talk.TestCase
TestTalk.settings = settings(max_examples=30, stateful_step_count=40, deadline=None)


@pytest.fixture(scope="module", autouse=True)
def _one_listener():
    yield
    listener().close()
