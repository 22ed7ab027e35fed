# SPDX-License-Identifier: Apache-2.0
"""Our body digests are those of dkimpy's canonical body, however the body is cut, and never keep it."""

import hashlib
import tracemalloc

import pytest
from dkim.canonicalization import Relaxed, Simple
from hypothesis import given
from hypothesis import strategies as st

from handlers.dkim_hash import BodyDigests
from tests.support.cost import seconds

FORMS = {"simple": Simple, "relaxed": Relaxed}
bodies = st.lists(
    st.sampled_from([b" ", b" " * 17, b"\t", b"\r\n", b"\r\n\r\n", b" \r\n", b"\r", b"\n", b"a", b"b  c"]), max_size=30
).map(b"".join)


def digests(pieces, wanted) -> BodyDigests:
    made = BodyDigests(wanted)
    for piece in pieces:
        made.feed(piece)
    made.finish()
    return made


@given(bodies, st.data())
def test_the_digests_are_those_of_dkimpys_canonical_body_however_it_is_cut(body, data):
    cuts = sorted(data.draw(st.sets(st.integers(0, len(body)))))
    pieces = [body[start:end] for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True)]
    canonical = {form: theirs.canonicalize_body(body) for form, theirs in FORMS.items()}
    wanted = [(form, None) for form in FORMS]
    wanted += [(form, data.draw(st.integers(0, len(canonical[form])))) for form in FORMS for _ in range(3)]
    made = digests(pieces, wanted)
    for form, octets in wanted:
        assert made.octets(form) == len(canonical[form])
        assert made.digest(form, octets) == hashlib.sha256(canonical[form][:octets]).digest()


def test_a_canonical_form_that_no_signature_uses_is_not_made():
    with pytest.raises(KeyError):
        digests([b"x\r\n"], [("simple", None)]).digest("relaxed")


HOSTILE = {
    # One line without an end.
    "an endless line": b"x" * 65_536,
    # A run that may yet be the end of the line.
    "spaces": b" " * 65_536,
    "tabs and spaces": b"\t " * 32_768,
    # Lines that may yet be the end of the body.
    "empty lines": b"\r\n" * 32_768,
    # Beside them, what cuts them from the end.
    "empty lines and a bare one": b"\n" + b"\r\n" * 32_767 + b"\r",
}


@pytest.mark.parametrize("piece", HOSTILE.values(), ids=HOSTILE)
def test_nothing_of_a_body_is_kept(piece):
    wanted = [(form, octets) for form in FORMS for octets in (None, 70_000)]
    tracemalloc.start()
    made = digests((piece for _ in range(32)), wanted)
    made.feed(b"x")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * len(piece)


@pytest.mark.parametrize("piece", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_body_costs_no_more_than_words_and_spaces(piece):
    wanted = [(form, None) for form in FORMS]
    plain = b"w  x\ty \r\n" * (len(piece) // 9)
    cost = seconds(lambda: digests([piece] * 32 + [b"x"], wanted))
    assert cost < 3 * seconds(lambda: digests([plain] * 32, wanted)) + 0.01
