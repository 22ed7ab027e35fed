# SPDX-License-Identifier: Apache-2.0
"""A private PostgreSQL of Debian's on a free loopback port, run as user postgres when the tests are root.

Everything it holds lies in one new directory that goes with it. Nothing of a system's own cluster is touched.
"""

import functools
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import psycopg

from tests.support import stores
from tests.support.ports import free_port
from tests.support.service import Service

SUPERUSER = "casegate"
MEMORY = Path("/dev/shm")  # a database is a thousand files, which a disk needs a second for
ROOM_OCTETS = 1_000_000_000


def binaries() -> Path | None:
    """The directory of the newest Debian server binaries, or None."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: float(p.parent.parent.name))
    return found[-1].parent if found else None


def _in_memory() -> Path | None:
    """Where files live in memory and there is room for a cluster, or None."""
    if not os.access(MEMORY, os.W_OK | os.X_OK):
        return None
    found = os.statvfs(MEMORY)
    return MEMORY if found.f_bavail * found.f_frsize >= ROOM_OCTETS else None


class PostgresServer:
    """Without `durable` it does not fsync: the same behaviour, faster; a crash of the server itself needs True."""

    def __init__(self, *, durable: bool = False) -> None:
        self._binaries = binaries()
        self._user = "postgres" if os.geteuid() == 0 else None  # PostgreSQL refuses to run as root
        self._home = Path(tempfile.mkdtemp(prefix="casegate-postgres-", dir=None if durable else _in_memory()))
        if self._user:
            shutil.chown(self._home, self._user, self._user)
        self._databases = 0
        self.port = free_port()
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": self._home,
            "fsync": "on" if durable else "off",
            "full_page_writes": "on" if durable else "off",
            "max_connections": 100,
            "shared_buffers": "32MB",
            "logging_collector": "off",
        }
        options = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
        # By way of the log, the default since 15, it has to be written out before it can be dropped.
        self._strategy = "STRATEGY FILE_COPY" if int(self._binaries.parent.name) >= 15 else ""
        command = [str(self._binaries / "postgres"), "-D", str(self._home / "data"), *options]
        self._service = Service(command, "ready to accept connections", self._user)

    def start(self) -> None:
        """Make the cluster if there is none, start the server and wait until it answers."""
        if not (self._home / "data").exists():
            self._initialise()
        self._service.start()

    def _initialise(self) -> None:
        options = ["-U", SUPERUSER, "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]
        identity = {"user": self._user, "group": self._user, "extra_groups": []} if self._user else {}
        command = [str(self._binaries / "initdb"), "-D", str(self._home / "data"), *options]
        done = subprocess.run(command, cwd="/", capture_output=True, text=True, **identity)
        if done.returncode:
            raise RuntimeError(f"initdb failed:\n{done.stdout}{done.stderr}")

    def _execute(self, statement: str) -> None:
        where = f"host=127.0.0.1 port={self.port} user={SUPERUSER} dbname=postgres"
        with psycopg.connect(where, autocommit=True) as connection:
            connection.execute(statement)

    def database(self, template: str = "template0") -> str:
        """Make an empty database and return its SQLAlchemy URL; give it to drop() afterwards."""
        self._databases += 1
        name = f"case{self._databases}"
        self._execute(f"CREATE DATABASE {name} TEMPLATE {template} {self._strategy}")
        return f"postgresql+psycopg://{SUPERUSER}@127.0.0.1:{self.port}/{name}"

    def store(self) -> str:
        """The same, migrated."""
        return self.database(template=self._migrated)

    @functools.cached_property
    def _migrated(self) -> str:
        url = self.database()
        stores.migrate_at(url)
        return url.rpartition("/")[2]

    def drop(self, url: str) -> None:
        """Drop a database of database(), whoever is still connected."""
        self._execute(f"DROP DATABASE IF EXISTS {url.rpartition('/')[2]} WITH (FORCE)")

    def kill(self) -> None:
        """A crash: SIGQUIT is PostgreSQL's immediate shutdown, without checkpoint; the next start recovers."""
        self._service.stop(signal.SIGQUIT)

    def restart(self) -> None:
        """Crash it if it runs, and start it on the same port with what was committed."""
        self.kill()
        self.start()

    def close(self) -> None:
        """Stop it and remove everything it held."""
        self._service.stop(signal.SIGQUIT)
        shutil.rmtree(self._home, ignore_errors=True)
