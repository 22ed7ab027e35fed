# SPDX-License-Identifier: Apache-2.0
"""The table of design.md, "Who may join a thread", as data: every cell."""

import json
from dataclasses import replace

import pytest

from handlers import intake
from handlers.proof import decide
from storage.content import packed
from storage.threads import Author, Candidate, Decision, Link, Person, Proof
from tests.support.office import World, mail, sign

CARL = Person("Carl", "carl@customer.example", "carl@customer.example")
ALIGNED = Author(CARL, aligned=True)
UNSIGNED = Author(CARL, aligned=False)
NEIGHBOURLY = Author(CARL, aligned=False, spf="pass", publishes_dmarc=False)
VOUCHED = Author(CARL, aligned=False, spf="fail", publishes_dmarc=True, vouched=True)
NOBODY = Author(None, aligned=False)

MINE, MINE_SHOWN = Candidate(1, evidence=True, participant=True), Candidate(1, evidence=False, participant=True)
THEIRS, THEIRS_SHOWN = Candidate(2, evidence=True, participant=False), Candidate(2, evidence=False, participant=False)
HINT = Candidate(6, evidence=True, participant=True, is_hint=True)
ALTERNATE = Candidate(1, evidence=False, participant=True, is_alternate=True)
BY_CONTACT = Candidate(1, evidence=False, participant=True, by_contact=True)
BOUNCED = Candidate(3, evidence=True, participant=False, is_bounce=True)

POSSIBLY = Link.POSSIBLY_BELONGS_TO


def ruled(one: Candidate, policy: str = "standard", *, is_other_topic: bool = False) -> Candidate:
    """A candidate under another policy, or about something else."""
    return replace(one, joins=policy, is_other_topic=is_other_topic)


def other(one: Candidate) -> Candidate:
    return ruled(one, is_other_topic=True)


MINE_TOO = Candidate(4, evidence=False, participant=True)


@pytest.mark.parametrize(
    ("author", "candidates", "passed_before", "expected"),
    [
        # Proven: a participant, aligned; any pointer will do.
        (ALIGNED, [MINE], True, Decision(Proof.PROVEN, join=1)),
        (ALIGNED, [MINE_SHOWN], True, Decision(Proof.PROVEN, join=1)),
        (ALIGNED, [THEIRS, MINE_SHOWN], True, Decision(Proof.PROVEN, join=1)),
        (ALIGNED, [], True, Decision(Proof.PROVEN)),
        # Likely: a participant with evidence, of a domain that never passed and publishes no DMARC, SPF not fail.
        (NEIGHBOURLY, [MINE], False, Decision(Proof.LIKELY, join=1)),
        (Author(CARL, False, "softfail", False), [MINE], False, Decision(Proof.LIKELY, join=1)),
        # Each condition that is missing makes it unproven.
        (NEIGHBOURLY, [MINE_SHOWN], False, Decision(Proof.UNPROVEN, None, 1, POSSIBLY)),
        (NEIGHBOURLY, [THEIRS], False, Decision(Proof.UNPROVEN, None, 2, POSSIBLY)),
        (NEIGHBOURLY, [MINE], True, Decision(Proof.UNPROVEN, None, 1, POSSIBLY)),
        (Author(CARL, False, "pass", True), [MINE], False, Decision(Proof.UNPROVEN, None, 1, POSSIBLY)),
        (Author(CARL, False, "fail", False), [MINE], False, Decision(Proof.UNPROVEN, None, 1, POSSIBLY)),
        (Author(CARL, False, "temperror", False), [MINE], False, Decision(Proof.UNPROVEN, None, 1, POSSIBLY)),
        (Author(CARL, False, "permerror", False), [MINE], False, Decision(Proof.UNPROVEN, None, 1, POSSIBLY)),
        # Likely, too: the dedicated forwarder of the address vouches, whatever it did to SPF and DKIM; never more.
        (VOUCHED, [MINE], True, Decision(Proof.LIKELY, join=1)),
        (VOUCHED, [MINE_SHOWN], True, Decision(Proof.UNPROVEN, None, 1, POSSIBLY)),
        (VOUCHED, [THEIRS], True, Decision(Proof.UNPROVEN, None, 2, POSSIBLY)),
        (VOUCHED, [], True, Decision(Proof.UNPROVEN)),
        # Not looked at is not the same as not failed.
        (UNSIGNED, [MINE], False, Decision(Proof.UNPROVEN, None, 1, POSSIBLY)),
        (Author(CARL, False, "pass", None), [MINE], False, Decision(Proof.UNPROVEN, None, 1, POSSIBLY)),
        # Third party: authenticated, not a participant, with evidence; what it has evidence for comes first.
        (ALIGNED, [THEIRS], True, Decision(Proof.THIRD_PARTY, None, 2, Link.THIRD_PARTY)),
        (ALIGNED, [Candidate(9, False, False), THEIRS], True, Decision(Proof.THIRD_PARTY, None, 2, Link.THIRD_PARTY)),
        # Unproven: anything else.
        (ALIGNED, [THEIRS_SHOWN], True, Decision(Proof.UNPROVEN, None, 2, POSSIBLY)),
        (UNSIGNED, [MINE_SHOWN, THEIRS], False, Decision(Proof.UNPROVEN, None, 1, POSSIBLY)),
        (UNSIGNED, [], False, Decision(Proof.UNPROVEN)),
        (NOBODY, [THEIRS], False, Decision(Proof.UNPROVEN, None, 2, POSSIBLY)),
        (NOBODY, [], False, Decision(Proof.UNPROVEN)),
        # Strict: only who is proven joins; who is likely stands beside, the best thread first.
        (ALIGNED, [ruled(MINE, "strict")], True, Decision(Proof.PROVEN, join=1)),
        (ALIGNED, [ruled(MINE_SHOWN, "strict")], True, Decision(Proof.PROVEN, join=1)),
        (NEIGHBOURLY, [ruled(MINE, "strict")], False, Decision(Proof.LIKELY, None, 1, POSSIBLY)),
        (VOUCHED, [ruled(MINE, "strict")], True, Decision(Proof.LIKELY, None, 1, POSSIBLY)),
        (ALIGNED, [ruled(THEIRS, "strict")], True, Decision(Proof.THIRD_PARTY, None, 2, Link.THIRD_PARTY)),
        (UNSIGNED, [ruled(MINE, "strict")], False, Decision(Proof.UNPROVEN, None, 1, POSSIBLY)),
        (NOBODY, [ruled(BOUNCED, "strict")], False, Decision(Proof.THIRD_PARTY, join=3)),
        # Open: a third party with evidence joins, and nobody else who would not; each thread by its own policy.
        (ALIGNED, [ruled(THEIRS, "open")], True, Decision(Proof.THIRD_PARTY, join=2)),
        (ALIGNED, [THEIRS, ruled(Candidate(5, True, False), "open")], True, Decision(Proof.THIRD_PARTY, join=5)),
        (ALIGNED, [ruled(THEIRS_SHOWN, "open")], True, Decision(Proof.UNPROVEN, None, 2, POSSIBLY)),
        (NEIGHBOURLY, [ruled(THEIRS, "open")], False, Decision(Proof.UNPROVEN, None, 2, POSSIBLY)),
        (UNSIGNED, [ruled(MINE, "open")], False, Decision(Proof.UNPROVEN, None, 1, POSSIBLY)),
        (NEIGHBOURLY, [ruled(MINE, "open")], False, Decision(Proof.LIKELY, join=1)),
        (ALIGNED, [ruled(MINE, "open")], True, Decision(Proof.PROVEN, join=1)),
        # Another topic: a case that follows, unless one of the author's threads that it points to is about that.
        (ALIGNED, [other(MINE)], True, Decision(Proof.PROVEN, None, 1, Link.FOLLOWS)),
        (ALIGNED, [other(MINE), MINE_TOO], True, Decision(Proof.PROVEN, join=4)),
        (ALIGNED, [other(MINE), THEIRS], True, Decision(Proof.PROVEN, None, 1, Link.FOLLOWS)),
        (NEIGHBOURLY, [other(MINE)], False, Decision(Proof.LIKELY, None, 1, Link.FOLLOWS)),
        (
            ALIGNED,
            [ruled(THEIRS, "open", is_other_topic=True)],
            True,
            Decision(Proof.THIRD_PARTY, None, 2, Link.THIRD_PARTY),
        ),
        # What others may have written above a mail that they sent on joins nothing; it links where nothing else does.
        (ALIGNED, [HINT], True, Decision(Proof.PROVEN, None, 6, POSSIBLY)),
        (ALIGNED, [HINT, MINE], True, Decision(Proof.PROVEN, join=1)),
        (ALIGNED, [HINT, other(MINE)], True, Decision(Proof.PROVEN, None, 1, Link.FOLLOWS)),
        (VOUCHED, [HINT, MINE], True, Decision(Proof.LIKELY, join=1)),
        # Known by another address of theirs, or by their open case alone.
        (ALIGNED, [ALTERNATE], True, Decision(Proof.PROVEN, join=1)),
        (ALIGNED, [BY_CONTACT], True, Decision(Proof.PROVEN, join=1)),
        # A bounce joins the thread of the mail it speaks of, marked, whoever wrote it.
        (NOBODY, [BOUNCED], False, Decision(Proof.THIRD_PARTY, join=3)),
        (ALIGNED, [MINE, BOUNCED], True, Decision(Proof.THIRD_PARTY, join=3)),
    ],
)
def test_who_may_join(author: Author, candidates: list[Candidate], passed_before: bool, expected: Decision) -> None:
    decision = decide(author, candidates, passed_before)
    assert decision == expected
    assert decision.because


def test_what_the_way_here_has_undone_is_stored_as_undone(world: World) -> None:
    octets = sign(mail(), "customer.example")
    judged = world.judged(octets)
    assert judged.aligned
    stored = [intake.arrival(one, world.office, packed(octets)) for one in (judged, judged.but(aligned=False))]
    assert [json.loads(one.authentication)["aligned"] for one in stored] == [True, False]
    assert [one.placing.author.aligned for one in stored] == [True, False]


def test_spf_that_had_no_host_to_look_at_is_not_spf_that_said_nothing(world: World) -> None:
    octets = mail(in_reply_to="<a@b.example>")
    assert intake.author_of(world.judged(octets)).spf == "none"
    world.session = replace(world.session, peer="local")
    assert intake.author_of(world.judged(octets)).spf is None
