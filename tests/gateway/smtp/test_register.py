# SPDX-License-Identifier: Apache-2.0
"""The register of a listener, shared by real forked processes that are killed at every line of it."""

import os
import signal
import sys

import pytest

from gateway import register as module
from gateway.register import Caps, Full, Register, Used
from tests.support.cost import seconds

CAPS = Caps(address=2, subnet=3)


@pytest.fixture
def register():
    made = Register(8)
    yield made
    made.close()


def child(work) -> int:
    """Fork, work, leave without a trace; the parent gets the pid."""
    pid = os.fork()
    if pid:
        return pid
    try:
        work()
    finally:
        os._exit(0)


def buried(pid: int, register: Register) -> int:
    """What the supervisor does; answers the exit status."""
    _, status = os.waitpid(pid, 0)
    register.clear(pid)
    return os.waitstatus_to_exitcode(status)


def entered(register: Register, peer: str, caps: Caps = CAPS) -> Full | None:
    slot = register.enter()
    if slot is None:
        return Full.CONNECTIONS
    full = register.name(slot, peer, caps)
    if full is not None:
        register.leave(slot)
    return full


def test_slots_are_taken_until_there_are_none_and_taken_again(register):
    claims = [register.enter() for _ in range(8)]
    assert [claim.slot for claim in claims] == list(range(8))
    assert register.enter() is None
    register.leave(claims[5])
    assert register.used() == Used(7, 0)
    assert register.enter().slot == 5


@pytest.mark.parametrize(
    ("peers", "full"),
    [
        pytest.param(["192.0.2.1"] * 3, Full.ADDRESS, id="one address"),
        pytest.param(["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.254"], Full.SUBNET, id="one /24"),
        pytest.param(["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.3.1"], None, id="the next /24"),
        pytest.param(["2001:db8::1", "2001:db8::2", "2001:db8::3", "2001:db8::ffff:0:4"], Full.SUBNET, id="one /64"),
        pytest.param(["2001:db8::1", "2001:db8::2", "2001:db8::3", "2001:db8:0:1::1"], None, id="the next /64"),
        pytest.param(["192.0.2.1", "::ffff:192.0.2.1", "192.0.2.1"], Full.ADDRESS, id="IPv4 in IPv6 clothes"),
        # 192.0.2.0 as octets begins the IPv6 address: the two are not one subnet.
        pytest.param(["c000:200::1", "c000:200::2", "c000:200::3", "192.0.2.1"], None, id="IPv6 is not IPv4"),
    ],
)
def test_the_last_of_these_peers_reaches_the_bound(register, peers, full):
    assert [entered(register, peer) for peer in peers] == [None] * (len(peers) - 1) + [full]


def test_a_connection_that_was_refused_is_not_counted(register):
    for _ in range(3):
        entered(register, "192.0.2.1")
    assert register.used() == Used(2, 0)
    assert entered(register, "192.0.2.2") is None


def test_two_marks_side_by_side_never_look_like_a_third(register):
    """Every mark begins with an octet that stands nowhere else in one."""
    marks = [mark for last in range(256) for mark in register._marks(f"192.0.2.{last}")]
    assert all(len(mark) == 8 and mark.rfind(b"\xff") == 0 for mark in marks)


def test_another_register_gives_the_same_address_another_mark(register):
    other = Register(1)
    assert other._marks("192.0.2.1") != register._marks("192.0.2.1")
    other.close()


def test_octets_are_reserved_up_to_the_limit_over_all_slots(register):
    first, second = register.enter(), register.enter()
    assert register.reserve(first, 60, 100)
    assert not register.reserve(second, 41, 100)
    assert register.reserve(second, 40, 100)
    register.release(first, 10)
    assert register.used() == Used(2, 90)
    register.leave(first)
    assert register.used() == Used(1, 40)


def test_a_slot_that_is_handed_over_stays_taken_and_forgets_whose_it_was(register):
    slot = register.enter()
    register.name(slot, "192.0.2.1", CAPS)
    register.reserve(slot, 60, 100)
    register.vacate(slot)
    assert register.used() == Used(1, 0)
    assert [entered(register, "192.0.2.1") for _ in range(2)] == [None, None]


@pytest.mark.parametrize(
    "lose",
    [
        pytest.param(lambda register, claim: register.vacate(claim), id="handed over"),
        pytest.param(lambda register, claim: (register.leave(claim), register.enter()), id="left and taken again"),
    ],
)
def test_who_has_lost_a_slot_changes_nothing_at_it(register, lose):
    lost = register.enter()
    lose(register, lost)
    before = bytes(register._map)
    assert register.name(lost, "192.0.2.1", CAPS) is Full.CONNECTIONS
    assert not register.reserve(lost, 10, 100)
    assert register.vacate(lost) is None
    register.release(lost, 10)
    register.leave(lost)
    assert bytes(register._map) == before
    assert register.used() == Used(1, 0)


def test_no_process_changes_the_slot_of_another(register):
    claim = register.enter()
    before = bytes(register._map)

    def work():
        assert not register.reserve(claim, 10, 100)
        register.leave(claim)

    os.waitpid(child(work), 0)
    assert bytes(register._map) == before


def test_what_was_reserved_never_falls_below_nothing(register):
    first, second = register.enter(), register.enter()
    register.reserve(first, 60, 100)
    register.reserve(second, 10, 100)
    register.release(second, 1000)
    assert register.used() == Used(2, 60)


def test_what_one_process_holds_another_sees(register):
    def work():
        slot = register.enter()
        register.name(slot, "192.0.2.1", CAPS)
        register.reserve(slot, 1000, 2000)

    children = [child(work), child(work)]
    statuses = [os.waitpid(pid, 0)[1] for pid in children]
    assert statuses == [0, 0]
    assert register.used() == Used(2, 2000)
    assert entered(register, "192.0.2.1") is Full.ADDRESS
    register.clear(children[0])
    assert register.used() == Used(1, 1000)
    assert entered(register, "192.0.2.1") is None


def test_processes_that_enter_and_leave_at_once_lose_no_slot(register):
    def work():
        for _ in range(500):
            slot = register.enter()
            register.name(slot, "192.0.2.1", CAPS)
            register.reserve(slot, 7, 1000)
            register.leave(slot)

    assert [os.waitpid(pid, 0)[1] for pid in [child(work) for _ in range(4)]] == [0] * 4
    assert register.used() == Used(0, 0)


def die_at(line: int) -> None:
    """Kill this process by signal 9 before the nth line of the register's code that it runs."""
    left = line

    def trace(frame, event, _argument):
        nonlocal left
        if frame.f_code.co_filename != module.__file__:
            return None
        if event == "line":
            left -= 1
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace

    sys.settrace(trace)


def test_a_process_killed_at_any_line_leaves_the_register_whole(register):
    survivor = register.enter()
    register.name(survivor, "192.0.2.1", CAPS)
    register.reserve(survivor, 10, 1000)

    def live():
        slot = register.enter()
        register.name(slot, "192.0.2.1", CAPS)
        register.reserve(slot, 100, 1000)
        register.release(slot, 50)
        register.leave(register.vacate(slot))

    def work():
        die_at(line)
        live()

    line, status = 0, -signal.SIGKILL
    while status == -signal.SIGKILL:
        status = buried(child(work), register)
        assert register.used() == Used(1, 10), line
        again = register.enter()
        assert register.name(again, "192.0.2.1", CAPS) is None, line
        register.leave(again)
        line += 1
    assert status == 0
    assert line > 40  # it was killed in every call


def test_counting_thousands_costs_no_more_than_a_few_answers(register):
    """A full register of 2,000 beside one of 1: searching is in C, so the price is that of the locks and hashes."""
    large, small = Register(2001), Register(1)
    free = Caps(address=10_000, subnet=10_000)
    for number in range(2000):
        large.name(large.enter(), f"10.{number // 250}.{number % 250}.1", free)

    def work(some):
        for _ in range(300):
            slot = some.enter()
            some.name(slot, "192.0.2.1", free)
            some.leave(slot)

    assert seconds(lambda: work(large)) < 12 * seconds(lambda: work(small))
    large.close()
    small.close()
