# SPDX-License-Identifier: Apache-2.0
"""The rules of the house that a machine can check: layers, sizes, names, line ends, the README's RFC table."""

import ast
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = ("gateway", "handlers", "storage")
FUNCTION_LINES = 50
FILE_LINES = 400

# Written in pieces, for this file is tracked too.
MACHINE_PATH = re.compile(r"(?<![\w.])/(?:wo" + r"rk|fa" + r"rm)/")
REGISTRY_HOST = re.compile(
    r"pypi\." + r"org|python" + r"hosted\.|registry\." + r"npmjs|index\." + r"crates\.io|deb\." + r"debian\.org"
)
RFC = re.compile(r"RFC\s*(\d{3,5})")
RFC_ROW = re.compile(r"^\|\s*(\d{3,5})\s*\|.*\|\s*(?:yes|partial|no)\s*\|\s*$", re.MULTILINE)


@cache
def _tracked() -> tuple[str, ...]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip(f"not a git checkout: {listed.stderr.strip()}")
    return tuple(name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file())


@cache
def _modules() -> tuple[Path, ...]:
    return tuple(sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py")))


def _lint_imports(directory: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).parent / "lint-imports"
    return subprocess.run([program, "--no-cache"], cwd=directory, capture_output=True, text=True)


def _copy_rooms(directory: Path) -> None:
    for room in ROOMS:
        shutil.copytree(ROOT / room, directory / room, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", directory)


def test_imports_go_one_way():
    done = _lint_imports(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("module", "line"),
    [
        # A lower room that reaches back up.
        ("storage/planted.py", "import handlers.ports"),
        ("handlers/planted.py", "import gateway"),
        ("storage/planted.py", "from gateway import planted"),
        # A verb that knows a wire.
        ("handlers/planted.py", "import sqlalchemy"),
        ("handlers/planted.py", "from redis import Redis"),
    ],
)
def test_a_planted_import_is_found(tmp_path, module, line):
    _copy_rooms(tmp_path)
    (tmp_path / "gateway" / "planted.py").touch()
    (tmp_path / module).write_text(f"{line}\n")
    done = _lint_imports(tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "BROKEN" in done.stdout


def test_no_function_and_no_file_is_too_long():
    found = []
    for path in _modules():
        text = path.read_text("utf-8")
        if text.count("\n") > FILE_LINES:
            found.append(f"{path.relative_to(ROOT)}: {text.count(chr(10))} lines")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = node.end_lineno - node.lineno + 1
                if lines > FUNCTION_LINES:
                    found.append(f"{path.relative_to(ROOT)}:{node.lineno} {node.name}: {lines} lines")
    assert not found


def test_every_package_is_only_a_docstring():
    for path in (path for path in _modules() if path.name == "__init__.py"):
        body = ast.parse(path.read_text("utf-8")).body
        assert len(body) == 1, path
        assert isinstance(body[0], ast.Expr), path
        assert isinstance(body[0].value, ast.Constant), path


def test_conf_and_systemd_hold_no_python():
    assert not [name for name in _tracked() if name.startswith(("conf/", "systemd/")) and name.endswith(".py")]


def test_no_tracked_file_names_a_path_of_one_machine_or_a_package_registry():
    found = []
    for name in _tracked():
        text = (ROOT / name).read_bytes().decode("utf-8", "replace")
        found += [f"{name}: {match[0]}" for rule in (MACHINE_PATH, REGISTRY_HOST) if (match := rule.search(text))]
    assert not found


def test_git_keeps_the_line_ends_of_mail():
    names = [name for name in _tracked() if name.endswith(".eml")]
    bare = [name for name in names if re.search(rb"(?<!\r)\n", (ROOT / name).read_bytes())]
    assert not bare
    # A file that does not exist yet will be kept too.
    asked = subprocess.run(
        ["git", "check-attr", "text", "--", "tests/messages/any.eml"], cwd=ROOT, capture_output=True, text=True
    )
    assert asked.stdout.strip().endswith("text: unset")


def test_the_readmes_table_names_every_rfc_that_the_code_cites():
    table = set(RFC_ROW.findall((ROOT / "README.md").read_text("utf-8")))
    cited: dict[str, str] = {}
    for path in _modules():
        for number in RFC.findall(path.read_text("utf-8")):
            cited.setdefault(number, str(path.relative_to(ROOT)))
    missing = {number: where for number, where in cited.items() if number not in table}
    assert not missing, f"README.md's RFC table lacks {missing}; it has {sorted(table, key=int)}"
