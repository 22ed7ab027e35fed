# SPDX-License-Identifier: Apache-2.0
"""The command line in this process, over an installation of its own."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway import keys
from gateway.cli import cli
from tests.support import stores
from tests.support.office import World

DESK = """
[[team]]
name = "support"
display_name = "Firm Support"
sender = "support@firm.example"
[[agent]]
login = "ann"
name = "Ann Doe"
address = "ann.doe@private.example"
teams = ["support"]
[[address]]
address = "support@firm.example"
team = "support"
verified = true
[[contact]]
name = "Carl Customer"
addresses = ["carl@customer.example"]
"""


@dataclass(frozen=True, slots=True)
class Installation:
    """A directory with a configuration, and calls with it."""

    directory: Path

    @property
    def file(self) -> Path:
        return self.directory / "casegate.toml"

    @property
    def desk(self) -> Path:
        return self.directory / "desk.toml"

    def call(self, *words: str, stdin: str | bytes = "") -> Result:
        """One call; standard output and error are apart."""
        return CliRunner().invoke(cli, ["-c", str(self.file), *words], input=stdin)

    def out(self, *words: str, stdin: str | bytes = "") -> str:
        """What a call that must succeed prints."""
        result = self.call(*words, stdin=stdin)
        assert (result.exit_code, result.stderr) == (0, ""), (words, result.exit_code, result.output)
        return result.stdout

    def json(self, *words: str):
        """The document of a call with --json."""
        return json.loads(self.out(*words, "--json"))

    def refused(self, code: int, *words: str, stdin: str | bytes = "") -> str:
        """The one line of a call that must end with this code."""
        result = self.call(*words, stdin=stdin)
        assert (result.exit_code, result.stdout) == (code, ""), (words, result.exit_code, result.output)
        assert result.stderr.startswith("casegate: ")
        assert result.stderr.count("\n") == 1
        return result.stderr


@pytest.fixture(scope="session")
def made_keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The keys that a fresh installation makes itself; making them takes a while."""
    place = tmp_path_factory.mktemp("keys")
    keys.load(place, "gw.example", make=True)
    return place / "keys"


@pytest.fixture
def is_fresh() -> bool:
    """Whether store and keys are still to be made; the tests of that say so."""
    return False


@pytest.fixture
def installation(tmp_path: Path, made_keys: Path, is_fresh: bool) -> Installation:
    """As small as a configuration can be, with a desk that is not applied yet."""
    made = Installation(tmp_path / "gw")
    made.directory.mkdir()
    made.file.write_text(
        f'[server]\nname = "gw.example"\nstate_dir = "{made.directory}"\n[queue]\nredis_url = ""\n'
        f'[tls]\ncertificate = "{made.directory}/tls.pem"\nkey = "{made.directory}/tls.key"\n'
    )
    made.desk.write_text(DESK)
    if not is_fresh:
        stores.prepare(f"sqlite:///{made.directory}/casegate.db")
        shutil.copytree(made_keys, made.directory / "keys")
    return made


@pytest.fixture
def world(installation: Installation) -> Iterator[World]:
    """An office that writes into the installation's database."""
    made = World(f"sqlite:///{installation.directory}/casegate.db")
    yield made
    made.close()
