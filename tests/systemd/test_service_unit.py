# SPDX-License-Identifier: Apache-2.0
"""The unit, judged by systemd's own tools."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

UNIT = Path(__file__).parent.parent.parent / "systemd" / "casegate.service"
ANALYZE = shutil.which("systemd-analyze")

pytestmark = pytest.mark.skipif(ANALYZE is None, reason="needs systemd-analyze of Debian's package systemd")


def _run(*words):
    return subprocess.run([ANALYZE, *words], capture_output=True, text=True, timeout=60, check=False)


def test_verify_has_nothing_to_say(tmp_path):
    copy = tmp_path / "casegate.service"  # verify wants the program to be there
    copy.write_text(UNIT.read_text().replace("/opt/casegate/bin/casegate", "/bin/true"))
    result = _run("verify", "--man=no", str(copy))
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_the_exposure_is_at_most_two():
    result = _run("security", "--offline=true", "--no-pager", str(UNIT))
    exposure = re.search(r"Overall exposure level for casegate.service: ([0-9.]+)", result.stdout)
    assert exposure, result.stderr
    assert float(exposure[1]) <= 2.0


def test_a_bad_configuration_is_not_tried_again():
    assert "\nRestartPreventExitStatus=2\n" in UNIT.read_text()
