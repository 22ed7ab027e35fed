# SPDX-License-Identifier: Apache-2.0
"""The files a role reads are looked at before it starts: what is wrong is one line with file, key and both sides."""

from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives import serialization

from gateway import config, credentials
from gateway.certificate import self_signed
from gateway.cli import cli
from gateway.config_errors import ConfigError

OTHERS_CERTIFICATE, OTHERS_KEY = self_signed("other.example")
CERTIFICATE = 'tls.certificate: found "{}/tls.pem"{}, expected a certificate in PEM, its chain behind it'
KEY = 'tls.key: found "{}/tls.key"{}, expected the private key of tls.certificate in PEM, without a passphrase'


def with_passphrase(pem: bytes) -> bytes:
    key = serialization.load_pem_private_key(pem, None)
    secret = serialization.BestAvailableEncryption(b"hunter2")
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, secret)


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The directory of a whole installation."""
    assert CliRunner().invoke(cli, ["init", str(tmp_path), "--name", "gw.example"]).exit_code == 0
    return tmp_path


@pytest.mark.parametrize(
    ("name", "change", "line"),
    [
        ("tls.pem", lambda _: b"not a certificate\n", CERTIFICATE),
        ("tls.pem", lambda _: b"", CERTIFICATE),
        # The two files, exchanged; DER; a key of another certificate; one that would be asked a passphrase for.
        ("tls.pem", lambda _: OTHERS_KEY, CERTIFICATE),
        ("tls.pem", lambda _: b"\x30\x82\x01\x00", CERTIFICATE),
        ("tls.key", lambda _: OTHERS_KEY, KEY),
        ("tls.key", with_passphrase, KEY),
        ("tls.key", lambda _: b"not a key\n", KEY),
    ],
)
@pytest.mark.parametrize("verb", [["serve"], ["run", "submission"]], ids=" ".join)
def test_a_certificate_that_cannot_be_used_stops_the_start(installed, name, change, line, verb):
    file = installed / name
    file.write_bytes(change(file.read_bytes()))
    result = CliRunner().invoke(cli, ["-c", str(installed / "casegate.toml"), *verb])
    assert result.exit_code == 2
    said = next(text for text in result.stderr.splitlines() if "tls." in text)
    found = said.partition(f'"{file}"')[2].partition(", expected")[0]
    assert said.endswith(f"{installed}/casegate.toml: {line.format(installed, found)}")
    assert "Traceback" not in result.stderr


def test_the_mx_starts_without_a_certificate_that_can_be_used(installed):
    (installed / "tls.pem").write_text("not a certificate")
    credentials.check_files(config.load(installed / "casegate.toml", {}), "mx")


def test_a_certificate_that_is_not_there_is_one_line(installed):
    (installed / "tls.pem").unlink()
    with pytest.raises(ConfigError, match="expected a readable file"):
        credentials.check_files(config.load(installed / "casegate.toml", {}), "submission")
