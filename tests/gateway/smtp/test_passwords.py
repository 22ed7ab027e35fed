# SPDX-License-Identifier: Apache-2.0
"""scrypt at rest, and who may log in."""

import asyncio
import logging

import pytest

from gateway.auth import LoginLimits, PasswordAuthenticator, network_of
from gateway.passwords import DEFAULT_COST, MAX_PASSWORD_OCTETS, Cost, hash_password, verify
from storage.envelope import Session
from storage.response import R235_LOGGED_IN, R454_LOGIN_LATER, R535_BAD_LOGIN

CHEAP = Cost(log_n=4)
STORED = hash_password("correct horse", CHEAP)


def test_a_password_fits_its_hash_and_no_other_does():
    assert verify("correct horse", STORED)
    assert not verify("Correct horse", STORED)
    assert not verify("", STORED)


def test_two_hashes_of_one_password_differ():
    assert hash_password("a", CHEAP) != hash_password("a", CHEAP)


def test_the_default_takes_64_mb():
    assert DEFAULT_COST.memory_octets >= 64 * 1024 * 1024
    assert verify("x", hash_password("x"))


def test_the_two_spellings_of_one_umlaut_are_one_password():
    assert verify("u\u0308ber", hash_password("\u00fcber", CHEAP))


@pytest.mark.parametrize(
    "stored",
    [
        # an unknown login
        None,
        "",
        # another scheme, and clear text
        "$argon2id$v=19$m=65536$abc$def",
        "correct horse",
        # parameters that would take all memory
        "$scrypt$ln=40,r=8,p=1$AAAAAAAAAAAAAAAAAAAAAA==$AAAA" + "A" * 40,
        # broken base64, a hash too short
        "$scrypt$ln=4,r=8,p=1$A=A=A=A=A$" + "A" * 43 + "=",
        "$scrypt$ln=4,r=8,p=1$AAAAAAAAAAAAAAAAAAAAAA==$AAAAAAAA",
    ],
)
def test_a_stored_form_that_cannot_be_read_fits_nothing(stored):
    assert not verify("correct horse", stored, CHEAP)


@pytest.mark.parametrize("password", ["", "x" * (MAX_PASSWORD_OCTETS + 1)])
def test_an_empty_or_endless_password_is_not_stored(password):
    with pytest.raises(ValueError, match="octets"):
        hash_password(password, CHEAP)


def test_an_unknown_login_costs_what_a_known_one_does(monkeypatch):
    asked = []
    monkeypatch.setattr("gateway.passwords._scrypt", lambda _p, _s, cost: asked.append(cost) or bytes(32))
    verify("x", None, CHEAP)
    verify("x", STORED, CHEAP)
    verify("x" * 5000, STORED, CHEAP)
    assert asked == [CHEAP] * 3


class Desk:
    """An authenticator whose pauses are noted, and whose time stands until it is moved."""

    def __init__(self, **limits):
        self.now = 0.0
        self.pauses = []
        self.authenticator = PasswordAuthenticator(
            {"ann": STORED}.get, limits=LoginLimits(**limits), cost=CHEAP, pause=self.pause, monotonic=lambda: self.now
        )

    async def pause(self, seconds):
        self.pauses.append(seconds)

    async def login(self, login="ann", password="wrong", peer="192.0.2.1"):
        return await self.authenticator.login(Session("s", peer), login, password)


@pytest.fixture
def desk():
    made = []

    def make(**limits):
        made.append(Desk(**limits))
        return made[-1]

    yield make
    for each in made:
        each.authenticator.close()


async def test_the_right_password_logs_in_at_once(desk):
    d = desk()
    assert await d.login(password="correct horse") == R235_LOGGED_IN
    assert d.pauses == []


async def test_each_failure_waits_longer_up_to_a_bound(desk):
    d = desk(longest_pause_s=5)
    for _ in range(5):
        assert await d.login() == R535_BAD_LOGIN
    assert d.pauses == [1, 2, 4, 5, 5]


async def test_a_peer_is_locked_out_and_forgiven_after_a_while(desk):
    d = desk(peer_failures=3)
    for name in ("a", "b", "c"):
        assert await d.login(name) == R535_BAD_LOGIN
    assert await d.login(password="correct horse") == R454_LOGIN_LATER
    assert await d.login(password="correct horse", peer="192.0.2.9") == R235_LOGGED_IN
    d.now = 901
    assert await d.login(password="correct horse") == R235_LOGGED_IN


async def test_a_login_is_locked_out_from_everywhere(desk):
    d = desk(login_failures=3)
    for last in range(3):
        await d.login("Ann", peer=f"192.0.2.{last}")
    assert await d.login("ann", "correct horse", "198.51.100.1") == R454_LOGIN_LATER


async def test_a_success_forgets_the_logins_failures(desk):
    d = desk(login_failures=3)
    for _ in range(5):
        await d.login()
        await d.login(password="correct horse")
    assert set(d.pauses) <= {1, 2, 4, 8, 15}
    assert await d.login(password="correct horse") == R235_LOGGED_IN


async def test_an_own_account_does_not_wash_a_peer_clean(desk):
    d = desk(peer_failures=3)
    for name in ("a", "b", "c"):
        await d.login(name)
        await d.login(password="correct horse")
    assert await d.login("d") == R454_LOGIN_LATER


async def test_attempts_at_the_same_time_count_like_attempts_in_turn(desk):
    d = desk(peer_failures=5)
    answers = await asyncio.gather(*(d.login(f"n{i}") for i in range(12)))
    assert answers.count(R535_BAD_LOGIN) == 5
    assert answers.count(R454_LOGIN_LATER) == 7


async def test_the_tables_are_bounded(desk):
    d = desk(table_rows=3, peer_failures=1000)
    for i in range(8):
        await d.login(f"n{i}")
    assert len(d.authenticator._logins) == 3


async def test_a_failing_lookup_counts_as_no_failure_of_the_client():
    def broken(_login):
        raise OSError("the database is away")

    authenticator = PasswordAuthenticator(broken, cost=CHEAP)
    with pytest.raises(OSError, match="away"):
        await authenticator.login(Session("s", "192.0.2.1"), "ann", "x")
    assert len(authenticator._logins) == len(authenticator._peers) == 0
    authenticator.close()


async def test_no_password_is_ever_logged(desk, caplog):
    caplog.set_level(logging.DEBUG)
    d = desk(peer_failures=1)
    await d.login(password="canary-7391")
    await d.login(password="canary-7391")
    assert "ann" in caplog.text
    assert "canary-7391" not in caplog.text


@pytest.mark.parametrize(
    ("peer", "network"),
    [("192.0.2.7", "192.0.2.7"), ("2001:db8::1:2:3", "2001:db8::/64"), ("unix", "unix")],
)
def test_an_attacker_owns_a_whole_64(peer, network):
    assert network_of(peer) == network
