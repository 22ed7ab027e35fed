# SPDX-License-Identifier: Apache-2.0
"""The documents agree with the code: keys, verbs, environment, responses and links that they name are there."""

import re
from pathlib import Path

import click
import pytest

from gateway.cli import cli
from gateway.config import ENVIRONMENT, Config
from storage import response
from storage.response import Response

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
SECTIONS = {name: set(field.annotation.model_fields) for name, field in Config.model_fields.items()}
KEY = re.compile(rf"`({'|'.join(SECTIONS)})\.(?!pem`)([a-z_]+)(?:\[\d+\])?(?: = [^`]*)?`")
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")
VERB = re.compile(r"(?:`|^ {4,})(?:casegate|cg) (?!-c)([a-z][a-z ]*[a-z])", re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_names_only_what_exists(page):
    text = page.read_text("utf-8")
    assert [f"{section}.{key}" for section, key in KEY.findall(text) if key not in SECTIONS[section]] == []
    assert [link for link in LINK.findall(text) if not (page.parent / link).exists()] == []
    assert [words for words in VERB.findall(text) if not _is_verb(words.split())] == []
    assert set(re.findall(r"CASEGATE_[A-Z_]+_PASSWORD", text)) <= set(ENVIRONMENT)


def _is_verb(words: list[str]) -> bool:
    """Whether the words begin with a verb; what follows one are its arguments."""
    command: click.Command = cli
    for word in words:
        if not isinstance(command, click.Group):
            return True
        found = command.get_command(click.Context(command), word)
        if found is None:
            return False
        command = found
    return True


def test_troubleshooting_explains_every_refusal():
    table = (ROOT / "docs" / "troubleshooting.md").read_text("utf-8")
    explained = {code: re.findall(rf"^\| {code} (.*?)\|", table, re.MULTILINE) for code in range(400, 600)}
    for name, value in vars(response).items():
        if isinstance(value, Response) and value.code >= 400:
            assert any(value.enhanced in words for words in explained[value.code]), name


def test_decisions_are_numbered_one_by_one():
    names = sorted(path.name for path in (ROOT / "docs" / "decisions").glob("*.md"))
    assert [int(name[:4]) for name in names] == list(range(1, len(names) + 1))
