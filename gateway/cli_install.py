# SPDX-License-Identifier: Apache-2.0
"""`init` and `migrate`: an installation made, completed, and brought up to date.

`init` keeps whatever is there: configuration, certificate, keys, database; it makes what is missing and prints the DNS
records. When it fails, what it made is gone again.
"""

import json
import os
import re
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.resources import files
from pathlib import Path

import click
from sqlalchemy.engine import make_url

from gateway import cli_records, config, opening
from gateway.certificate import self_signed
from gateway.cli_operator import Operator
from gateway.config import Config
from gateway.config_errors import ConfigError
from gateway.keys import FIRST_FILES, missing
from gateway.units import parse_host_name
from storage import desk, migrate

SAMPLE_NAME = "gw.example"


@click.command()
@click.argument("directory", type=click.Path(path_type=Path), metavar="DIR")
@click.option("--name", help="The gateway's host name; default: that of this machine.")
@click.option("--state-dir", type=click.Path(path_type=Path), help="For keys and database; default: DIR.")
@click.pass_obj
def init(operator: Operator, directory: Path, name: str | None, state_dir: Path | None) -> None:
    """Make configuration, certificate, keys and database in DIR; print the DNS records."""
    directory = directory.absolute()
    file = operator.file.absolute() if operator.is_named else directory / "casegate.toml"
    with _undone_on_failure([file], [directory]):
        _make_directory(directory)
        _write_configuration(file, directory, name, (state_dir or directory).absolute())
        installed = config.load(file, os.environ)
        if name is not None and _host_name(name) != installed.server.name:
            raise ConfigError(f"{file}: server.name: found {installed.server.name}, expected {name} as in --name")
        with _undone_on_failure(_files_of(installed), [installed.server.state_dir]):
            records = _complete(installed)
    click.echo("\nDNS records to publish:\n")
    for line in records:
        click.echo(line)


@click.command(name="migrate")
@click.pass_obj
def migrate_(operator: Operator) -> None:
    """Bring the database to this program's version; stop the service before."""
    database = opening.connect(operator.config())
    try:
        before, after = migrate.upgrade(database)
    finally:
        database.close()
    click.echo(f"already at version {after}" if before == after else f"version {before or 'none'} -> {after}")


VERBS = (init, migrate_)


def sample(name: str) -> str:
    """A file of conf/: beside the packages in a checkout, inside gateway in an installed one."""
    installed = files("gateway").joinpath("samples", name)
    checkout = Path(__file__).parent.parent / "conf" / name
    return installed.read_text("utf-8") if installed.is_file() else checkout.read_text("utf-8")


def configuration(name: str, directory: Path, state_dir: Path) -> str:
    """The sample with this installation's name and paths."""
    text = sample("casegate.toml")
    values = {
        "name": name,
        "state_dir": str(state_dir),
        "certificate": str(directory / "tls.pem"),
        "key": str(directory / "tls.key"),
    }
    for key, value in values.items():
        line = re.search(rf'^{key} = "[^"]*"$', text, re.MULTILINE)
        if line is not None:
            text = f"{text[: line.start()]}{key} = {json.dumps(value, ensure_ascii=False)}{text[line.end() :]}"
    return text


def _complete(installed: Config) -> list[str]:
    """Certificate, database and keys; returns the DNS records."""
    opening.make_state_dir(installed)
    _write_certificate(installed)
    database = opening.open_store(installed)
    try:
        absent = missing(installed.server.state_dir)
        _, dkim_pem = opening.open_keys(installed, database, complete=True)
        with database.read() as unit:
            records = list(cli_records.all_records(installed, dkim_pem, desk.export(unit)))
    finally:
        database.close()
    click.echo(f"database: ready, {database.url.render_as_string(hide_password=True)}")
    click.echo(f"keys: {'made ' + ', '.join(absent) if absent else 'kept'} in {installed.server.state_dir / 'keys'}")
    return records


def _make_directory(directory: Path) -> None:
    try:
        directory.mkdir(mode=0o750, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{directory}: cannot be made ({error.strerror}), expected a directory") from None


def _write_configuration(file: Path, directory: Path, name: str | None, state_dir: Path) -> None:
    if file.exists():
        click.echo(f"configuration: kept {file}")
        return
    host = _host_name(name) if name is not None else _name_of_machine()
    _write(file, configuration(host or SAMPLE_NAME, directory, state_dir).encode(), 0o640)
    click.echo(f"configuration: made {file}")
    if not host:
        click.echo(
            f"server.name: {SAMPLE_NAME}, this machine has no full name; set your own, as --name would have done"
        )


def _host_name(name: str) -> str:
    try:
        return parse_host_name(name)
    except ValueError:
        raise ConfigError(f"--name: found {name!r}, expected the gateway's host name such as gw.example") from None


def _name_of_machine() -> str:
    """Its full name, or nothing: a single word or localhost is no name to receive mail by."""
    try:
        host = parse_host_name(socket.getfqdn())
    except ValueError:
        return ""
    return host if "." in host and not host.startswith("localhost") else ""


def _write_certificate(installed: Config) -> None:
    """A self-signed one, so that TLS works until a real one is put in its place."""
    certificate, key = installed.tls.certificate, installed.tls.key
    if certificate.exists() and key.exists():
        click.echo(f"certificate: kept {certificate}")
        return
    for there, other in ((certificate, key), (key, certificate)):
        if there.exists():
            raise ConfigError(f"{installed.source}: found {there} without {other}, expected both or neither")
    certificate_pem, key_pem = self_signed(installed.server.name)
    _write(key, key_pem, 0o600)
    _write(certificate, certificate_pem, 0o644)
    click.echo(f"certificate: made {certificate}, self-signed; replace it by a real one")


def _write(path: Path, octets: bytes, mode: int) -> None:
    """A new file; never in the place of another."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        with os.fdopen(handle, "wb") as file:
            file.write(octets)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written ({error.strerror}), expected a writable directory") from None


def _files_of(installed: Config) -> list[Path]:
    """What `_complete` may make."""
    state_dir = installed.server.state_dir
    paths = [installed.tls.certificate, installed.tls.key, *(state_dir / "keys" / name for name in FIRST_FILES)]
    url = make_url(installed.database.url)
    if url.get_backend_name() == "sqlite":
        paths += [Path(f"{url.database}{suffix}") for suffix in ("", "-wal", "-shm", ".writer")]
    return [*paths, state_dir / "keys"]


@contextmanager
def _undone_on_failure(paths: list[Path], directories: list[Path]) -> Iterator[None]:
    """Remove what the block made, if it fails; what was there before stays."""
    new = [path for path in paths if not path.exists()]
    new_directories = [path for path in directories if not path.exists()]
    try:
        yield
    except BaseException:
        for path in new:
            _remove(path)
        for path in new_directories:
            with suppress(OSError):  # somebody else's files are in it
                path.rmdir()
        raise


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()
