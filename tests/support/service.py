# SPDX-License-Identifier: Apache-2.0
"""A server program of Debian's as a child process: started, watched until it says that it is ready, killed.

Fails with RuntimeError and the last lines of its log when it ends before it is ready.
"""

import queue
import subprocess
import threading
import time
from collections import deque
from collections.abc import Sequence

from tests.support.waiting import PATIENCE_S


class Service:
    """One child process whose output goes through a thread, so that it never blocks on a full pipe."""

    def __init__(self, command: Sequence[str], ready: str, user: str | None = None) -> None:
        self._command, self._ready, self._user = list(command), ready, user
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None
        self.log: deque[str] = deque(maxlen=200)

    def start(self) -> None:
        """Start the program and return when it said the ready words."""
        identity = {"user": self._user, "group": self._user, "extra_groups": []} if self._user else {}
        process = subprocess.Popen(
            self._command,
            cwd="/",  # another user may not enter the checkout
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,  # Ctrl-C in the terminal must not end it before the fixtures do
            **identity,
        )
        lines: queue.Queue[str | None] = queue.Queue()
        self._process = process
        self._reader = threading.Thread(target=self._read, args=(process, lines), daemon=True)
        self._reader.start()
        self._await_ready(lines)

    def _read(self, process: subprocess.Popen[str], lines: "queue.Queue[str | None]") -> None:
        for line in process.stdout:
            self.log.append(line.rstrip())
            lines.put(line)
        lines.put(None)

    def _await_ready(self, lines: "queue.Queue[str | None]") -> None:
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                line = lines.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                line = None
            if line is None:
                self.kill()
                raise RuntimeError(f"{self._command[0]} did not start:\n" + "\n".join(list(self.log)[-20:]))
            if self._ready in line:
                return

    def _end(self) -> None:
        if self._process is not None:
            self._process.wait(PATIENCE_S)
            self._reader.join(PATIENCE_S)
            self._process.stdout.close()
            self._process = None

    def kill(self) -> None:
        """SIGKILL: what a crash of the server is; does nothing when it does not run."""
        if self._process is not None:
            self._process.kill()
        self._end()

    def stop(self, signal: int) -> None:
        """End it by a signal and wait."""
        if self._process is not None:
            self._process.send_signal(signal)
        self._end()

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return None if self._process is None else self._process.pid
