"""Every snippet of the README runs, so that what newcomers are told is true."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from typing import TYPE_CHECKING

import pytest

from atlas_invoices.cli._main import COMMANDS
from command import COMMAND
from environment import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from atlas_invoices.sandbox import Sandbox

README = (ROOT / "README.md").read_text(encoding="utf-8")
SNIPPETS = re.findall(r"```(\w+)\n(.*?)```", README, flags=re.DOTALL)
PYTHON = [text for language, text in SNIPPETS if language == "python"]
SHELL = [text for language, text in SNIPPETS if language == "sh"]
COMMAND_LINES = [line for text in SHELL for line in text.splitlines() if line.startswith("atlas-invoices ")]
# The ID that the README's examples use, wherever an invoice of the local Atlas has to stand.
EXAMPLE_ID = "666acb8787ba43606905dcae"


def example(server: Sandbox, text: str) -> str:
    return text.replace(EXAMPLE_ID, next(i.id for i in server.invoices if i.status == "PAID"))


def test_there_are_snippets_of_both_kinds_and_no_other() -> None:
    assert PYTHON
    assert SHELL
    assert {language for language, _ in SNIPPETS} == {"python", "sh"}


@pytest.fixture
def june(server: Sandbox, tmp_path: Path) -> Path:
    """A folder with the file that the examples read."""
    (tmp_path / "june.csv").write_bytes(server.csv_bytes(example(server, EXAMPLE_ID)))
    return tmp_path


@pytest.mark.parametrize("number", range(len(PYTHON)))
def test_python_snippets_run(server: Sandbox, june: Path, number: int) -> None:
    env = {**os.environ, **server.environment("service-account")}
    done = subprocess.run(
        [sys.executable, "-c", PYTHON[number]], env=env, cwd=june, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


def test_python_snippets_type_check(tmp_path: Path) -> None:
    paths = [tmp_path / f"snippet_{number}.py" for number in range(len(PYTHON))]
    for path, text in zip(paths, PYTHON, strict=True):
        path.write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache"), *map(str, paths)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_command_table_is_the_commands() -> None:
    listed = re.findall(r"^\| `atlas-invoices (\w+)", README, flags=re.MULTILINE)
    assert sorted(listed) == sorted(COMMANDS)


def test_the_first_snippet_leaves_the_invoices(server: Sandbox, tmp_path: Path) -> None:
    env = {**os.environ, **server.environment("api-key")}
    subprocess.run([sys.executable, "-c", PYTHON[0]], env=env, cwd=tmp_path, check=True)
    paid = {f"{i.id}.csv" for i in server.invoices if i.status == "PAID"}
    saved = {path.name for path in tmp_path.iterdir()}
    assert saved
    assert saved <= paid


def test_command_lines_run_one_after_the_other(server: Sandbox, tmp_path: Path) -> None:
    env = {
        **os.environ,
        **server.environment("service-account"),
        "PATH": f"{COMMAND.parent}{os.pathsep}{os.environ['PATH']}",
    }
    assert COMMAND_LINES
    for line in COMMAND_LINES:
        command = ["sh", "-c", example(server, line)]
        done = subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


def test_every_other_shell_line_is_one_of_a_known_kind() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for line in (line for text in SHELL for line in text.splitlines()):
        if line.startswith("pip install "):
            asked = re.search(r'"atlas-invoices\[([\w,]+)\]"', line)
            assert asked, line
            assert set(asked[1].split(",")) <= project["optional-dependencies"].keys()
        elif line.startswith("scripts/"):
            assert os.access(ROOT / line.split()[0], os.X_OK), line
        elif line.startswith("export "):
            assert all(name.startswith("MONGODB_ATLAS_") for name in re.findall(r"(\w+)=", line)), line
        else:
            assert line.startswith("atlas-invoices "), line


def test_extras_in_the_text_exist() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for extras in re.findall(r"atlas-invoices\[([\w,]+)\]", README):
        assert set(extras.split(",")) <= project["optional-dependencies"].keys()
