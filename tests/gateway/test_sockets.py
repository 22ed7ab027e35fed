# SPDX-License-Identifier: Apache-2.0
"""Which sockets a configuration gets: systemd's by their address or name, its own by binding, kept over a reload."""

import errno
import os
import socket
import stat
from pathlib import Path

import pytest

from gateway.config import load
from gateway.config_errors import ConfigError
from gateway.listening import CannotListen, Listening, bind_unix
from gateway.sockets import FIRST_DESCRIPTOR, Passed, Sockets, passed_on
from gateway.units import Endpoint
from tests.support.ports import free_port

WORDS = ("mx", "lmtp", "submission", "submission_tls")


@pytest.fixture
def configure(tmp_path):
    def configure(mx=(), lmtp="", submission=(), tls=(), mode="0660"):
        file = tmp_path / "casegate.toml"
        file.write_text(
            f'[server]\nname = "gw.example"\nstate_dir = "{tmp_path}"\n[mx]\nlisten = {list(mx)}\n'
            f'[lmtp]\nsocket = "{lmtp}"\nmode = "{mode}"\n'
            f"[submission]\nlisten = {list(submission)}\nlisten_tls = {list(tls)}\n"
        )
        return load(file, {})

    return configure


@pytest.fixture
def sockets():
    made = []

    def sockets(*passed):
        made.append(Sockets([_passed(*each) for each in passed]))
        return made[-1]

    yield sockets
    for each in made:
        each.leave()


def _passed(bound, name):
    """As systemd would hand over a duplicate of this socket."""
    taken = Listening.inherited(os.dup(bound.fileno()))
    address = taken.getsockname()
    return Passed(taken, name, Endpoint(*address[:2]) if isinstance(address, tuple) else Path(address))


def _listening(host="127.0.0.1", *, dual=False):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    if family == socket.AF_INET6:
        bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, not dual)
    bound.bind((host, 0))
    bound.listen()
    return bound


def _port(bound):
    return bound.getsockname()[1]


# --- the environment of sd_listen_fds(3)


def test_without_systemd_nothing_is_passed():
    assert passed_on({}) == ()


def test_what_was_meant_for_another_process_is_left_and_hidden():
    environ = {"LISTEN_PID": "1", "LISTEN_FDS": "1", "LISTEN_FDNAMES": "mx", "PATH": "/bin"}
    assert passed_on(environ) == ()
    assert environ == {"PATH": "/bin"}


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        # No number, and one that no process has descriptors for.
        ({"LISTEN_FDS": "many"}, 'LISTEN_FDS: found "many"'),
        ({"LISTEN_FDS": "99999"}, "LISTEN_FDS"),
        # Names for other sockets than there are.
        ({"LISTEN_FDS": "0", "LISTEN_FDNAMES": "mx:lmtp"}, "LISTEN_FDNAMES: found 2 names"),
    ],
)
def test_a_broken_environment_is_one_line(variables, words):
    with pytest.raises(ConfigError, match=words):
        passed_on({"LISTEN_PID": str(os.getpid()), **variables})


def _not_listening():
    return socket.socket()


def _datagram():
    return socket.socket(socket.AF_INET, socket.SOCK_DGRAM)


def _file():
    return open(os.devnull, "rb")


@pytest.mark.parametrize(
    ("make", "words"),
    [(_not_listening, "one that does not listen"), (_datagram, "one that is no stream"), (_file, "found none")],
)
def test_what_is_no_listening_stream_is_named(make, words, monkeypatch):
    with make() as wrong:
        number = os.dup(wrong.fileno())
        monkeypatch.setattr("gateway.sockets.FIRST_DESCRIPTOR", number)
        with pytest.raises(ConfigError, match=rf'systemd\'s socket "mx" \(descriptor {number}\): .*{words}') as error:
            passed_on({"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1", "LISTEN_FDNAMES": "mx"})
    assert "\n" not in str(error.value)
    if words == "found none":
        os.close(number)


def test_the_first_descriptor_is_the_one_behind_standard_error():
    assert FIRST_DESCRIPTOR == 3


# --- which key a socket of systemd's is for


def test_the_address_decides_and_not_the_name(configure, sockets):
    with _listening() as one, _listening("::1") as two:
        config = configure(mx=[f"127.0.0.1:{_port(one)}"], submission=[f"[::1]:{_port(two)}"])
        found = sockets((one, "submission"), (two, "casegate.socket")).arrange(config, WORDS).by_word
        assert [_port(each) for each in found["mx"]] == [_port(one)]
        assert [_port(each) for each in found["submission"]] == [_port(two)]


def test_the_name_decides_where_the_address_says_nothing(configure, sockets):
    with _listening() as one, _listening() as two:
        found = sockets((one, "mx"), (two, "submission_tls")).arrange(configure(), WORDS).by_word
        assert [_port(each) for each in found["mx"]] == [_port(one)]
        assert [_port(each) for each in found["submission_tls"]] == [_port(two)]


def test_a_socket_of_both_families_stands_for_both_addresses(configure, sockets):
    with _listening("::", dual=True) as both:
        config = configure(mx=[f"0.0.0.0:{_port(both)}", f"[::]:{_port(both)}"])
        arranged = sockets((both, "unknown")).arrange(config, WORDS)
        assert (len(arranged.by_word["mx"]), arranged.own) == (1, ())


def test_a_unix_socket_is_found_by_its_path(configure, sockets, tmp_path):
    with bind_unix(tmp_path / "lmtp", 0o600) as bound:
        found = sockets((bound, "unknown")).arrange(configure(lmtp=tmp_path / "lmtp"), WORDS).by_word
        assert len(found["lmtp"]) == 1


@pytest.mark.parametrize(
    ("name", "words"),
    [
        # A socket unit without FileDescriptorName= gives its own name.
        ("casegate-mx.socket", WORDS),
        # A word of ours, for a role that this process does not have.
        ("submission", ("mx", "lmtp")),
        # LMTP is for programs of this host.
        ("lmtp", WORDS),
        # What does not belong into a line.
        ("\x1b[31m", WORDS),
    ],
)
def test_a_socket_that_nobody_wants_is_named_in_one_line(configure, sockets, name, words):
    with _listening() as bound, pytest.raises(ConfigError, match="found no key for it") as error:
        sockets((bound, name)).arrange(configure(), words)
    assert f"127.0.0.1:{_port(bound) if bound.fileno() >= 0 else ''}" in str(error.value)
    assert str(error.value).isprintable()


# --- our own, from one configuration to the next


def test_an_address_that_stays_keeps_its_socket_and_one_that_goes_is_closed(configure, sockets, unused):
    stays, goes, comes = unused(), unused(), unused()
    ours = sockets()
    before = ours.arrange(configure(mx=[stays, goes]), WORDS)
    ours.adopt(before)
    after = ours.arrange(configure(mx=[comes], submission=[stays]), WORDS)
    assert after.by_word["submission"] == (before.by_word["mx"][0],)
    ours.adopt(after)
    kept, gone = before.by_word["mx"]
    assert (kept.is_last, gone.is_last) == (False, True)
    assert (kept.fileno() >= 0, gone.fileno()) == (True, -1)


def test_a_configuration_that_is_dropped_leaves_what_is_in_force(configure, sockets, unused):
    stays, comes = unused(), unused()
    ours = sockets()
    ours.adopt(before := ours.arrange(configure(mx=[stays]), WORDS))
    ours.drop(after := ours.arrange(configure(mx=[stays, comes]), WORDS))
    assert [each.fileno() >= 0 for each in after.by_word["mx"]] == [True, False]
    assert before.by_word["mx"][0].is_last is False


def test_an_address_that_cannot_be_had_closes_what_was_opened_for_it(configure, sockets, unused):
    free = unused()
    ours = sockets()
    with _listening() as taken, pytest.raises(CannotListen, match=r"mx.listen\[1\]: cannot listen"):
        ours.arrange(configure(mx=[free, f"127.0.0.1:{_port(taken)}"]), WORDS)
    ours.adopt(ours.arrange(configure(mx=[free]), WORDS))


@pytest.fixture
def unused():
    """Each address once, and none that an outgoing connection could take meanwhile."""
    given = set()

    def unused():
        port = free_port()
        while port in given:
            port = free_port()
        given.add(port)
        return f"127.0.0.1:{port}"

    return unused


# --- Unix sockets


def test_a_unix_socket_has_its_mode_whatever_the_umask(tmp_path):
    before = os.umask(0o077)
    try:
        with bind_unix(tmp_path / "lmtp", 0o666):
            assert stat.S_IMODE((tmp_path / "lmtp").stat().st_mode) == 0o666
        assert os.umask(0o077) == 0o077
    finally:
        os.umask(before)


def test_the_socket_of_a_dead_process_is_replaced_and_that_of_a_living_one_is_not(tmp_path):
    with bind_unix(tmp_path / "lmtp", 0o600), pytest.raises(OSError, match="in use") as error:
        bind_unix(tmp_path / "lmtp", 0o600)
    assert error.value.errno == errno.EADDRINUSE
    with bind_unix(tmp_path / "lmtp", 0o600), socket.socket(socket.AF_UNIX) as client:
        client.connect(str(tmp_path / "lmtp"))


def test_a_file_that_is_no_socket_is_kept(tmp_path):
    (tmp_path / "lmtp").write_text("precious")
    with pytest.raises(OSError, match="no socket"):
        bind_unix(tmp_path / "lmtp", 0o600)
    assert (tmp_path / "lmtp").read_text() == "precious"


def test_only_the_last_call_removes_the_file_and_never_anothers(tmp_path):
    with bind_unix(tmp_path / "lmtp", 0o600) as first:
        pass
    assert (tmp_path / "lmtp").exists()
    with bind_unix(tmp_path / "lmtp", 0o600) as second:
        first.last_call()
        assert (tmp_path / "lmtp").exists()
        second.last_call()
        assert not (tmp_path / "lmtp").exists()


# why: the directory is not there; longer than a Unix socket's name may be
@pytest.mark.parametrize("name", ["absent/lmtp", "x" * 120])
def test_a_path_that_cannot_be_had_is_a_configuration_error(configure, sockets, tmp_path, name):
    with pytest.raises(ConfigError, match=r"lmtp.socket: cannot listen on"):
        sockets().arrange(configure(lmtp=tmp_path / name), WORDS)


def test_a_new_mode_is_set_when_it_comes_into_force(configure, sockets, tmp_path):
    ours = sockets()
    ours.adopt(ours.arrange(configure(lmtp=tmp_path / "lmtp"), WORDS))
    after = ours.arrange(configure(lmtp=tmp_path / "lmtp", mode="0600"), WORDS)
    assert stat.S_IMODE((tmp_path / "lmtp").stat().st_mode) == 0o660
    ours.adopt(after)
    assert stat.S_IMODE((tmp_path / "lmtp").stat().st_mode) == 0o600
