# SPDX-License-Identifier: Apache-2.0
"""casegate's neighbours, private and fresh: PostgreSQL (fsync and synchronous_commit on) and Redis (only a bell)."""

import contextlib
import os
import pwd
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

from bench.processes import NotReady, free_port, fresh, program, running, wait_for_port

POSTGRES_CONF = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
fsync = on
synchronous_commit = on
full_page_writes = on
"""


@contextlib.contextmanager
def redis(directory: Path) -> Iterator[str]:
    """An empty Redis that keeps nothing; gives its URL."""
    port = free_port()
    command = [program("redis-server"), "--bind", "127.0.0.1", "--port", str(port), "--save", "", "--appendonly", "no"]
    with running([*command, "--dir", str(directory)], directory / "redis.log"):
        wait_for_port(port)
        yield f"redis://127.0.0.1:{port}/0"


@contextlib.contextmanager
def postgres(directory: Path) -> Iterator[str]:
    """A fresh cluster with Debian's defaults; gives the SQLAlchemy URL of an empty database."""
    binaries = newest_postgres()
    user = "postgres" if os.geteuid() == 0 else None
    cluster = fresh(directory)
    if user:
        entry = pwd.getpwnam(user)
        os.chown(cluster, entry.pw_uid, entry.pw_gid)
    make = [str(binaries / "initdb"), "-D", str(cluster), "-U", "casegate", "-A", "trust", "-E", "UTF8", "--locale=C"]
    made = subprocess.run(make, capture_output=True, text=True, user=user, cwd="/")
    if made.returncode:
        raise NotReady(f"initdb failed: {made.stderr}")
    port = free_port()
    with (cluster / "postgresql.conf").open("a") as settings:
        settings.write(f"{POSTGRES_CONF}port = {port}\n")
    server = [str(binaries / "postgres"), "-D", str(cluster)]
    # SIGINT: the shutdown that does not wait for clients.
    with running(server, directory.with_suffix(".log"), user=user, stop_by=signal.SIGINT):
        wait_for_database(binaries, port)
        yield f"postgresql+psycopg://casegate@127.0.0.1:{port}/postgres"


def wait_for_database(binaries: Path, port: int) -> None:
    """The port answers before start-up has ended; pg_isready knows."""
    wait_for_port(port)
    ready = [str(binaries / "pg_isready"), "-U", "casegate", "-h", "127.0.0.1", "-p", str(port), "-t", "30"]
    if subprocess.run(ready, capture_output=True).returncode:
        raise NotReady("PostgreSQL does not get ready")


def newest_postgres() -> Path:
    """The directory of Debian's server programs."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
    if not found:
        raise NotReady("PostgreSQL is not installed: run bench/prepare.sh as root")
    return found[-1]
