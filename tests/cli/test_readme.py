"""Every snippet of the README runs, so that what newcomers are told is true."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from typing import TYPE_CHECKING

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
SHELL_LINES = [line for text in SHELL for line in text.splitlines()]
# They start a local Atlas, and what they are instead of.
SANDBOX_LINES = [line for line in SHELL_LINES if "sandbox.env" in line]
COMMAND_LINES = [line for line in SHELL_LINES if line.startswith("atlas-invoices ")]


def test_there_are_snippets_of_both_kinds_and_no_other() -> None:
    assert PYTHON
    assert SHELL
    assert {language for language, _ in SNIPPETS} == {"python", "sh"}


def type_in(script: str, folder: Path, environment: dict[str, str]) -> str:
    path = f"{COMMAND.parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", "-euc", script],
        env={**os.environ, **environment, "PATH": path, "XDG_CACHE_HOME": str(folder.parent / "cache")},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_all_can_be_typed_from_the_top_to_the_end_on_the_sandbox(tmp_path: Path) -> None:
    """Shell and Python in the README's order, with nothing but what it says."""
    assert len(SANDBOX_LINES) == 2
    script = []
    for language, text in SNIPPETS:
        if language == "python":
            (tmp_path / f"{len(script)}.py").write_text(text, encoding="utf-8")
            script.append(f"'{sys.executable}' {len(script)}.py 2>> stderr || {{ cat stderr >&2; false; }}")
        else:
            script += [line for line in text.splitlines() if line in SANDBOX_LINES or line in COMMAND_LINES]
            script += ["trap 'kill $!' EXIT"] * (SANDBOX_LINES[0] in script and script[-1] == SANDBOX_LINES[1])
    said = type_in("\n".join(script), tmp_path, {})
    # What `show` and `sync` have said, and the reconciliation of a saved CSV with its JSON.
    assert "before sales tax" in said
    assert "14 saved" in said
    assert "\nTrue\n" in said
    assert (tmp_path / "stderr").read_text(encoding="utf-8") == ""


def test_python_snippets_type_check(tmp_path: Path) -> None:
    """With the cache of `scripts/check`, which has checked the packages just before."""
    paths = [tmp_path / f"snippet_{number}.py" for number in range(len(PYTHON))]
    for path, text in zip(paths, PYTHON, strict=True):
        path.write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "mypy", "--strict", *map(str, paths)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_command_table_is_the_commands() -> None:
    listed = re.findall(r"^\| `atlas-invoices (\w+)", README, flags=re.MULTILINE)
    assert sorted(listed) == sorted(COMMANDS)


def test_the_first_snippet_leaves_the_invoice(server: Sandbox, tmp_path: Path) -> None:
    env = {**os.environ, **server.environment("api-key")}
    subprocess.run([sys.executable, "-c", PYTHON[0]], env=env, cwd=tmp_path, check=True)
    june = {f"{i.id}.csv" for i in server.invoices if (i.start.year, i.start.month) == (2026, 6)}
    assert {path.name for path in tmp_path.iterdir()} == june


def test_every_other_shell_line_is_one_of_a_known_kind() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for line in SHELL_LINES:
        if line.startswith("pip install "):
            asked = re.search(r'"atlas-invoices\[([\w,]+)\]"', line)
            assert asked, line
            assert set(asked[1].split(",")) <= project["optional-dependencies"].keys()
        elif line.startswith("scripts/"):
            assert os.access(ROOT / line.split()[0], os.X_OK), line
        elif line.startswith("export "):
            assert all(name.startswith("MONGODB_ATLAS_") for name in re.findall(r"(\w+)=", line)), line
        else:
            assert line in COMMAND_LINES or line in SANDBOX_LINES, line


def test_extras_in_the_text_exist() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for extras in re.findall(r"atlas-invoices\[([\w,]+)\]", README):
        assert set(extras.split(",")) <= project["optional-dependencies"].keys()
