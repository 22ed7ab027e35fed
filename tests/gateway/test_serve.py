# SPDX-License-Identifier: Apache-2.0
"""What a start that cannot succeed says, and with which code systemd may or may not try again."""

import socket
import subprocess
import sys

from tests.support.waiting import PATIENCE_S

CONFIGURATION = """
[server]
name = "gw.example"
state_dir = "{directory}"
[queue]
redis_url = ""
[mx]
listen = ["{address}"]
"""


def start_mx(directory, address):
    (directory / "casegate.toml").write_text(CONFIGURATION.format(directory=directory, address=address))
    command = [sys.executable, "-P", "-m", "gateway", "-c", directory / "casegate.toml", "run", "mx"]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S)


def test_a_port_that_another_process_has_is_for_a_later_try(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ended = start_mx(tmp_path, f"127.0.0.1:{taken.getsockname()[1]}")
    assert ended.returncode == 75
    assert 'mx.listen[0]: cannot listen on "127.0.0.1:' in ended.stderr
    assert "expected a free port" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_an_address_that_this_host_does_not_have_is_for_a_later_try(tmp_path):
    ended = start_mx(tmp_path, "192.0.2.1:2525")
    assert (ended.returncode, "Traceback" in ended.stderr) == (75, False)
