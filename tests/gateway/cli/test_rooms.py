# SPDX-License-Identifier: Apache-2.0
"""A call loads what its verb needs: an operator does not wait for the libraries of the others."""

import os
import subprocess
import sys
from importlib import metadata

import click
import pytest

from gateway.cli import cli
from gateway.cli_rooms import Rooms
from tests.gateway.cli.test_program import ROOT
from tests.support.waiting import PATIENCE_S

# What takes a tenth of a second each, and serves mail, migrations or keys.
HEAVY = {"aiosmtpd", "aiosmtplib", "alembic", "cryptography", "dkim", "dns", "mailparser", "nacl", "nh3", "redis", "rq"}


def loaded_by(*words: object) -> set[str]:
    """The packages that a call loads; it must succeed."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONPROFILEIMPORTTIME": "1"}
    command = [sys.executable, "-P", "-m", "gateway", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd="/", timeout=PATIENCE_S)
    assert done.returncode == 0, done.stderr[-400:]
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    return {line.rpartition("|")[2].strip().partition(".")[0] for line in lines}


@pytest.mark.parametrize("words", [["--help"], ["--version"]])
def test_help_and_version_load_neither_store_nor_configuration(words):
    found = loaded_by(*words)
    assert "click" in found
    assert found & (HEAVY | {"pydantic", "sqlalchemy", "storage", "handlers"}) == set()


@pytest.mark.parametrize("words", [["case", "list"], ["contact", "list"], ["account", "list"], ["session", "list"]])
def test_a_list_loads_the_store_and_no_library_of_mail(installation, words):
    found = loaded_by("-c", installation.file, *words)
    assert {"sqlalchemy", "storage"} <= found
    assert found & HEAVY == set()


def groups(group=cli):
    """Every group that has verbs elsewhere."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from groups(command)
    if isinstance(group, Rooms):
        yield group


def test_help_says_of_a_verb_what_its_room_says():
    for group in groups():
        context = click.Context(group)
        for name, elsewhere in group._elsewhere.items():
            verb = group.get_command(context, name)
            assert verb is not None, name
            assert verb.get_short_help_str(200) == elsewhere.help


def test_the_version_is_the_packages(installation):
    assert installation.out("--version") == f"casegate {metadata.version('casegate')}\n"
