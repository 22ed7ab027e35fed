# SPDX-License-Identifier: Apache-2.0
"""The units, judged by systemd's own tools and held against what the program says of itself."""

import configparser
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from gateway import listener, supervisor
from gateway.config import Mx, Submission
from gateway.sockets import KEYS
from tests.support.waiting import PATIENCE_S

UNITS = Path(__file__).parent.parent.parent / "systemd"
UNIT = UNITS / "casegate.service"
SOCKETS = sorted(UNITS.glob("*.socket"))
ANALYZE = shutil.which("systemd-analyze")

needs_analyze = pytest.mark.skipif(ANALYZE is None, reason="needs systemd-analyze of Debian's package systemd")


@pytest.fixture
def installed(tmp_path):
    """All units as an operator copies them; verify wants the program, the user and the group to be there."""
    for path in (UNIT, *SOCKETS):
        text = path.read_text().replace("/opt/casegate/bin/casegate", "/bin/true")
        (tmp_path / path.name).write_text(re.sub(r"(Socket(?:User|Group))=\w+", r"\1=root", text))
    return tmp_path


def _run(*words):
    return subprocess.run([ANALYZE, *words], capture_output=True, text=True, timeout=PATIENCE_S, check=False)


def _drop_in(directory):
    (directory / "casegate.service.d").mkdir()
    shutil.copy(UNITS / "casegate-sockets.conf", directory / "casegate.service.d" / "sockets.conf")


def _values(path, key):
    return re.findall(rf"^{key}=(.*)$", path.read_text(), re.MULTILINE)


def _exposure(directory):
    result = _run("security", "--offline=true", "--no-pager", str(directory / UNIT.name))
    exposure = re.search(r"Overall exposure level for casegate.service: ([0-9.]+)", result.stdout)
    assert exposure, result.stderr
    return float(exposure[1])


@needs_analyze
@pytest.mark.parametrize("with_drop_in", [False, True])
def test_verify_has_nothing_to_say(installed, with_drop_in):
    if with_drop_in:
        _drop_in(installed)
    units = [str(installed / path.name) for path in (UNIT, *SOCKETS)]
    result = _run("verify", "--man=no", *units)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


@needs_analyze
def test_the_exposure_is_at_most_two_and_less_without_the_capability(installed):
    with_capability = _exposure(installed)
    _drop_in(installed)
    assert _exposure(installed) < with_capability <= 2.0


def test_a_bad_configuration_is_not_tried_again():
    assert "\nRestartPreventExitStatus=2\n" in UNIT.read_text()


def test_each_grace_fits_into_the_next():
    stop_s, start_s = (int(_values(UNIT, key)[0].removesuffix("s")) for key in ("TimeoutStopSec", "TimeoutStartSec"))
    assert listener.GRACE_S < supervisor.GRACE_S < stop_s
    assert start_s > supervisor.READY_S


def test_every_socket_unit_has_a_word_of_ours_and_belongs_to_the_service():
    assert sorted(_values(path, "FileDescriptorName")[0] for path in SOCKETS) == sorted(KEYS)
    for path in SOCKETS:
        unit = configparser.ConfigParser(strict=False, interpolation=None)
        unit.read(path)
        assert (unit["Socket"]["Service"], unit["Install"]["WantedBy"]) == ("casegate.service", "sockets.target")


def test_the_socket_units_listen_where_the_default_configuration_does():
    mx, submission = Mx(), Submission()
    wanted = {"mx": mx.listen, "submission": submission.listen, "submission_tls": submission.listen_tls}
    for path in SOCKETS:
        (word,) = _values(path, "FileDescriptorName")
        if word in wanted:
            assert _values(path, "ListenStream") == [str(endpoint) for endpoint in wanted[word]]
