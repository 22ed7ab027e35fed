# SPDX-License-Identifier: Apache-2.0
"""What systemd and the journal get to read."""

import io
import json
import logging
import socket
import time
import uuid
from datetime import UTC

import pytest

from gateway import logs, sdnotify
from gateway.clock import SystemClock
from tests.support.waiting import PATIENCE_S


@pytest.mark.parametrize("kind", ["path", "abstract"])
def test_systemd_is_told(kind, tmp_path):
    name = f"{tmp_path}/notify" if kind == "path" else f"@casegate-{uuid.uuid4().hex}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(name if kind == "path" else f"\0{name[1:]}")
        systemd.settimeout(PATIENCE_S)
        environ = {"NOTIFY_SOCKET": name}
        sdnotify.ready("two\nlines", environ)
        sdnotify.status("busy", environ)
        sdnotify.stopping(environ)
        assert [systemd.recv(200) for _ in range(3)] == [b"READY=1\nSTATUS=two lines", b"STATUS=busy", b"STOPPING=1"]


def test_a_reload_says_when_it_began(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(f"{tmp_path}/notify")
        systemd.settimeout(PATIENCE_S)
        before = time.monotonic()
        sdnotify.reloading({"NOTIFY_SOCKET": f"{tmp_path}/notify"})
        words = dict(line.split("=") for line in systemd.recv(200).decode().splitlines())
    assert words["RELOADING"] == "1"
    assert before <= (int(words["MONOTONIC_USEC"]) + 1) / 1e6 <= time.monotonic()


# why: no systemd; a socket that nobody holds any more; a form that is no Unix socket
@pytest.mark.parametrize("environ", [{}, {"NOTIFY_SOCKET": "/nonexistent/notify"}, {"NOTIFY_SOCKET": "vsock:2:1"}])
def test_without_systemd_nothing_happens(environ):
    sdnotify.ready("up", environ)


@pytest.fixture
def stream():
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield io.StringIO()
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_a_record_is_one_clean_line(log_format, stream):
    logs.set_up("info", log_format, stream)
    logging.getLogger("gateway.mx").info(
        "from %s", "evil\r\n2026 info\x1b[31m\u2028\udc80 redis://:hunter2@h/0" + "x" * 9999
    )
    text = stream.getvalue()
    assert text.count("\n") == 1
    assert text.removesuffix("\n").isprintable()
    assert "hunter2" not in text
    assert len(text) < 10_000


def test_a_json_record_has_its_fields(stream):
    logs.set_up("warning", "json", stream)
    logging.getLogger("gateway.mx").info("not shown")
    logging.getLogger("gateway.mx").warning("shown")
    assert set(json.loads(stream.getvalue())) == {"time", "level", "logger", "process", "message"}


def test_the_clock_is_aware():
    assert SystemClock().now().tzinfo is UTC
