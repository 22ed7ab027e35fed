# SPDX-License-Identifier: Apache-2.0
"""The profile: every thread and every fork is seen, waiting is not."""

import subprocess
import sys
from pathlib import Path

from bench import profiled
from tests.support.waiting import PATIENCE_S

PROGRAM = """
import os, threading
def in_main(): return sum(i * i for i in range(20000))
def in_thread(): return sum(i * i for i in range(20000))
def in_child(): return sum(i * i for i in range(20000))
in_main()
thread = threading.Thread(target=in_thread)
thread.start()
thread.join()
child = os.fork()
if child == 0:
    in_child()
    os._exit(0)
os.waitpid(child, 0)
"""


def test_main_thread_other_thread_and_forked_child_are_profiled(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    out = tmp_path / "profile"
    root = Path(profiled.__file__).parent.parent
    subprocess.run(
        [sys.executable, "-m", "bench.profiled", str(out), str(program)], check=True, cwd=root, timeout=PATIENCE_S
    )
    table = profiled.top(out, 500)
    assert len(list(tmp_path.glob("profile.*"))) == 2
    assert all(name in table for name in ("in_main", "in_thread", "in_child"))
    assert "_thread.lock" not in table


def test_no_profile_is_said_so(tmp_path):
    assert "no profile" in profiled.top(tmp_path / "nothing")
