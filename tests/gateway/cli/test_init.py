# SPDX-License-Identifier: Apache-2.0
"""`init`: a directory becomes an installation, once; whatever is there stays."""

import re
import socket
import stat

import pytest
from click.testing import CliRunner
from cryptography import x509

from gateway import cli_install, config
from gateway.cli import cli
from gateway.keys import FIRST_FILES
from storage.states import Move
from tests.support.office import World

MADE = {"casegate.toml", "tls.pem", "tls.key", "keys", "casegate.db"}


@pytest.fixture
def is_fresh() -> bool:
    return True


def init(*words):
    return CliRunner().invoke(cli, ["init", *words])


def files(directory):
    """What lies there, without the traces of an open SQLite database."""
    found = {path.name for path in directory.iterdir()}
    return {name for name in found if not re.search(r"\.db[-.]", name)}


def test_one_call_makes_a_whole_installation(tmp_path):
    result = init(str(tmp_path / "gw"), "--name", "gw.example")
    assert result.exit_code == 0, result.output
    directory = tmp_path / "gw"
    assert files(directory) == MADE
    assert stat.S_IMODE(directory.stat().st_mode) == 0o750
    assert stat.S_IMODE((directory / "tls.key").stat().st_mode) == 0o600
    assert {path.name for path in (directory / "keys").iterdir()} == set(FIRST_FILES)
    made = config.load(directory / "casegate.toml", {})
    assert (made.server.name, made.server.state_dir) == ("gw.example", directory)
    assert (made.tls.certificate, made.tls.key) == (directory / "tls.pem", directory / "tls.key")


def test_apart_from_name_and_paths_the_configuration_is_the_sample(tmp_path):
    made = cli_install.configuration("mail.firm.example", tmp_path / 'a "quoted" place', tmp_path)
    changed = [
        new
        for old, new in zip(cli_install.sample("casegate.toml").splitlines(), made.splitlines(), strict=True)
        if old != new
    ]
    assert [line.partition(" ")[0] for line in changed] == ["name", "state_dir", "certificate", "key"]
    (tmp_path / "c.toml").write_text(made)
    assert config.load(tmp_path / "c.toml", {}).tls.key == tmp_path / 'a "quoted" place' / "tls.key"


def test_state_and_configuration_may_lie_apart(tmp_path):
    assert init(str(tmp_path / "etc"), "--name", "gw.example", "--state-dir", str(tmp_path / "lib")).exit_code == 0
    assert files(tmp_path / "etc") == {"casegate.toml", "tls.pem", "tls.key"}
    assert files(tmp_path / "lib") == {"keys", "casegate.db"}


def test_a_second_init_changes_nothing(tmp_path):
    init(str(tmp_path), "--name", "gw.example")
    before = {
        path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file() and "casegate.db" not in path.name
    }
    again = init(str(tmp_path))
    assert again.exit_code == 0, again.output
    assert {path: path.read_bytes() for path in before} == before
    assert again.stdout.count("kept") == 3


def test_a_prepared_directory_is_completed(installation):
    before = installation.file.read_bytes()
    installation.out("init", str(installation.directory))
    assert installation.file.read_bytes() == before
    assert files(installation.directory) == MADE | {"desk.toml"}


def test_the_certificate_is_for_the_host_name(tmp_path):
    init(str(tmp_path), "--name", "gw.example")
    certificate = x509.load_pem_x509_certificate((tmp_path / "tls.pem").read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["gw.example"]


def test_the_records_are_lines_of_a_zone_file(tmp_path):
    lines = init(str(tmp_path), "--name", "gw.example").stdout.partition("publish:\n\n")[2].splitlines()
    records = [line for line in lines if not line.startswith(";")]
    assert [line.split(" ", 3)[:3] for line in records] == [
        ["gw.example.", "IN", "MX"],
        ["gw.example.", "IN", "TXT"],
        ["casegate._domainkey.gw.example.", "IN", "TXT"],
        ["_dmarc.gw.example.", "IN", "TXT"],
    ]
    strings = re.findall(r'"([^"]*)"', records[2])
    assert max(map(len, strings)) <= 255
    assert "".join(strings).startswith("v=DKIM1; k=rsa; p=MII")


def test_the_records_name_the_domains_that_teams_send_from(installation):
    installation.out("apply", str(installation.desk))
    assert "casegate._domainkey.firm.example. IN TXT" in installation.out("init", str(installation.directory))


# A full name is taken; a word, localhost and what is no name are not, and the operator is told.
@pytest.mark.parametrize(
    ("machine", "name", "is_told"),
    [
        ("mail.firm.example", "mail.firm.example", False),
        ("localhost", "gw.example", True),
        ("localhost.localdomain", "gw.example", True),
        ("3f2a77c1", "gw.example", True),
        ("under_score.example", "gw.example", True),
        ("172.17.0.2", "gw.example", True),
    ],
)
def test_without_a_name_init_takes_the_machines_or_the_samples(tmp_path, monkeypatch, machine, name, is_told):
    monkeypatch.setattr(socket, "getfqdn", lambda: machine)
    result = init(str(tmp_path / "gw"))
    assert result.exit_code == 0, result.output
    assert config.load(tmp_path / "gw" / "casegate.toml", {}).server.name == name
    assert ("server.name: gw.example" in result.stdout) == is_told
    assert ("--name" in result.stdout) == is_told


def test_a_name_that_the_configuration_does_not_have_is_refused(tmp_path):
    init(str(tmp_path), "--name", "gw.example")
    result = init(str(tmp_path), "--name", "other.example")
    assert result.exit_code == 2
    assert "found gw.example, expected other.example" in result.stderr
    assert init(str(tmp_path), "--name", "no name").exit_code == 2


# Where the disk or the operator stops init: nothing of it stays.
@pytest.mark.parametrize(
    "obstacle",
    [
        lambda directory: (directory / "tls.pem").write_text("a certificate without its key"),
        lambda directory: (directory / "casegate.db").mkdir(),
        lambda directory: (directory / "keys").write_text("a file where a directory should be"),
    ],
)
def test_a_failed_init_leaves_nothing_behind(tmp_path, obstacle):
    obstacle(tmp_path)
    before = {path.name for path in tmp_path.iterdir()}
    result = init(str(tmp_path), "--name", "gw.example")
    assert result.exit_code in (2, 75)
    assert result.stderr.count("\n") == 1
    assert {path.name for path in tmp_path.iterdir()} == before


def test_lost_keys_of_a_used_installation_are_not_made_anew(installation, world: World):
    installation.out("init", str(installation.directory))
    world.carl()
    for key in (installation.directory / "keys").iterdir():
        key.unlink()
    result = installation.call("init", str(installation.directory))
    assert result.exit_code == 2
    assert "restore keys/ from the backup" in result.stderr
    assert list((installation.directory / "keys").iterdir()) == []


def test_migrate_says_which_version_the_database_has(installation):
    assert re.fullmatch(r"version none -> \d+\n", installation.out("migrate"))
    assert re.fullmatch(r"already at version \d+\n", installation.out("migrate"))


def test_an_old_database_waits_for_migrate(installation, world: World):
    with world.database.move(Move.APPLY) as unit:
        unit.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    assert "install a newer one" in installation.refused(2, "message", "list")
