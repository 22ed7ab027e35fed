# SPDX-License-Identifier: Apache-2.0
"""Whatever strangers know and send, in whatever order: they join nothing, become nobody, and get nothing.

Strangers know thread IDs, subjects, From lines and Message-IDs, have seen quoted copies with expired addresses and
those of other roles, authenticate their own domains as they like, write under any name, use ids before their owners do,
and send on what the people of the case have signed.
"""

import tempfile
import time
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from storage.case_values import CaseSettings, Handling
from tests.handlers.verbs.stranger_tricks import (
    ABOVE,
    AUTHORS,
    BODIES,
    FIELDS,
    LEAKED,
    PLACES,
    SIGNED,
    TEXTS,
    Trick,
    prepare,
    send,
    tricks,
)
from tests.support.office import World
from tests.support.strangers import answer, goes_on, nothing_left, opened, put, seen


def desks(*policies: str) -> st.SearchStrategy[CaseSettings]:
    """Every way in which a desk may file mail."""
    handling = st.builds(
        Handling,
        threads=st.sampled_from(policies),
        thread_by=st.sampled_from(["token", "contact"]),
        topic_change=st.sampled_from(["stay", "new_case"]),
        subject_tag=st.booleans(),
        reopen_days=st.sampled_from([0, 30]),
    )
    several = st.sampled_from(["one_case", "linked_cases"])
    return st.builds(CaseSettings, several_addresses=several, handling=handling)


ALL_POLICIES = ("strict", "standard", "open")
LONG = 10  # attacks of one office
OWNED = {"Ann": {}, "nobody": {"owner_id": None, "queue": None}} | {
    queue: {"owner_id": None, "queue": queue} for queue in ("support", "fallback")
}
STATES = st.builds(
    lambda status, owned: OWNED[owned] | ({"status": status} if status else {}),
    st.sampled_from(["", "open", "on_hold", "solved", "closed"]),
    st.sampled_from(sorted(OWNED)),
)
LIMITS = settings(
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    phases=(Phase.explicit, Phase.generate),  # a mail has few parts: shrinking would only take its minutes
)


@LIMITS
@given(desk=desks("strict", "standard"), state=STATES, mails=st.lists(tricks(*LEAKED), min_size=1, max_size=5))
def test_strangers_get_nowhere_in_the_case_of_a_customer_whose_domain_vouches(
    world: World, desk: CaseSettings, state: dict[str, object], mails: list[Trick]
) -> None:
    _attack(world, desk, state, mails, domain="customer.example")


@LIMITS
@given(desk=desks(*ALL_POLICIES), state=STATES, mails=st.lists(tricks(is_forwarded=True), min_size=1, max_size=5))
def test_nor_without_our_own_mail_in_the_case_of_one_whose_domain_vouches_for_nobody(
    world: World, desk: CaseSettings, state: dict[str, object], mails: list[Trick]
) -> None:
    _attack(world, desk, state, mails, domain="")


@LIMITS
@given(desk=desks(*ALL_POLICIES), state=STATES, mails=st.lists(tricks(*LEAKED), min_size=1, max_size=5))
def test_whoever_is_let_in_changes_neither_the_case_nor_its_people(
    world: World, desk: CaseSettings, state: dict[str, object], mails: list[Trick]
) -> None:
    _attack(world, desk, state, mails, domain="customer.example", is_let_in=True)


@pytest.mark.parametrize("several", ["one_case", "linked_cases"])
@pytest.mark.parametrize("sends", SIGNED)
def test_a_mail_of_its_people_that_is_sent_on_changes_nothing(world: World, several: str, sends: str) -> None:
    """Each by itself, with nothing above it, with each field, to each address; the case is solved, and stays so."""
    alone = [frozenset({one}) for one in (*FIELDS, *ABOVE, *PLACES, *LEAKED)]
    mails = [Trick(AUTHORS[1], known, sends=sends, is_released=True) for known in (frozenset[str](), *alone)]
    _attack(world, CaseSettings(several_addresses=several), {"status": "solved"}, mails, domain="customer.example")


def try_for(seconds: float) -> int:
    """The long form, for `make fuzz`: other mails each time; returns how many attacks were made."""
    end, done = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        _try(("strict", "standard"), LEAKED, "customer.example")
        _try(ALL_POLICIES, [], "")
        done += 2 * LONG
    return done


def _try(policies: tuple[str, ...], more: list[str], domain: str) -> None:
    known = tricks(*more, is_forwarded=not domain)

    @settings(LIMITS, max_examples=LONG, derandomize=False, deadline=None, database=None)
    @given(desk=desks(*policies), state=STATES, mails=st.lists(known, min_size=1, max_size=9))
    def attack(desk: CaseSettings, state: dict[str, object], mails: list[Trick]) -> None:
        _attack(world, desk, state, mails, domain=domain)

    with tempfile.TemporaryDirectory() as place:
        world = World(f"sqlite:///{place}/casegate.db")
        attack()
        world.close()


@pytest.mark.postgres
@pytest.mark.parametrize("domain", ["customer.example", ""])
def test_on_postgresql_they_get_no_further(postgres_url: str, domain: str) -> None:
    world = World(postgres_url)
    known = frozenset([*FIELDS, *TEXTS, *PLACES, *(LEAKED if domain else [])])
    mails = [Trick(author, known, body, is_answered=True) for author in AUTHORS for body in ("", *BODIES)]
    mails += [Trick(AUTHORS[1], frozenset({name}), sends=one) for one in SIGNED for name in ("subject", "sales")]
    try:
        _attack(world, CaseSettings(), {}, mails, domain=domain)
    finally:
        world.close()


def _attack(
    world: World,
    desk: CaseSettings,
    state: dict[str, object],
    mails: list[Trick],
    *,
    domain: str,
    is_let_in: bool = False,
) -> None:
    """A case, the strangers' mails, and what its people see of it before and after."""
    matter = opened(world, desk, domain)
    prepare(world, matter)
    put(world, matter.number, state)
    before, sent = seen(world, matter), {one.id for one in world.sent()}
    for one in mails:
        found = send(world, replace(matter, welcomes_bounces=is_let_in), one)
        if one.is_answered and found is not None and found.thread_id != matter.thread_id:
            answer(world, found)
        after = seen(world, matter)
        assert (after | {"mails": before["mails"], "events": before["events"]} if is_let_in else after) == before, one
    nothing_left(world, matter, sent, matter.ours if any("an id of ours" in one.knows for one in mails) else "")
    goes_on(world, matter, domain)
