"""scripts/upgrade_generator.py: one command changes the pin, the lock, the client and the recorded version."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from openapi_tools import lock
from tracked_copy import copy_tracked

VERSIONS = "openapi-python-client==9.9.9"


@pytest.fixture
def repository(root: Path, tmp_path: Path) -> Path:
    """Our scripts and what they write, with an environment that is always there."""
    for folder in ("scripts", "openapi", "generated"):
        copy_tracked(folder, tmp_path / "repository" / folder)
    made = tmp_path / "repository"
    (made / "pyproject.toml").write_text((root / "pyproject.toml").read_text())
    (made / "scripts" / "environment.py").write_text(
        "from pathlib import Path\nROOT = Path(__file__).resolve().parent.parent\n"
        "REQUIREMENTS = ROOT / 'scripts' / 'requirements.txt'\n"
        "def ensure(): pass\ndef make(): pass\n"
    )
    return made


def run(repository: Path, uv: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command with a `uv` that knows one version, and writes a lock."""
    folder = repository.parent / "bin"
    folder.mkdir(exist_ok=True)
    if uv:
        (folder / "uv").write_text(f"#!/bin/sh\n{uv}\n")
        (folder / "uv").chmod(0o755)
    path = f"{folder}:{Path(sys.executable).parent}:/usr/bin:/bin"
    command = [sys.executable, "scripts/upgrade_generator.py", *arguments]
    environment = {**os.environ, "PATH": path}
    return subprocess.run(command, cwd=repository, env=environment, capture_output=True, text=True, check=False)


UV = f"""case "$*" in
*--no-deps*) echo {VERSIONS} ;;
*) while [ "$1" != --output-file ]; do shift; done; echo "{VERSIONS} --hash" > "$2" ;;
esac"""


def contents(repository: Path) -> list[str]:
    return [(repository / name).read_text() for name in ("pyproject.toml", "scripts/requirements.txt")]


@pytest.mark.slow
def test_one_command_changes_pin_lock_and_recorded_version(repository: Path) -> None:
    recorded = repository / "openapi" / "lock.json"
    version = lock.installed_tools()["openapi-python-client"]
    recorded.write_text(
        recorded.read_text().replace(f'"openapi-python-client": "{version}"', '"openapi-python-client": "0"')
    )

    done = run(repository, UV)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"Upgrade openapi-python-client from {version} to 9.9.9\n"
    project, requirements = contents(repository)
    assert f'"{VERSIONS}"' in project
    assert requirements == f"{VERSIONS} --hash\n"
    # This environment still has the old one; the lock says what generated.
    assert lock.read_lock(repository / "openapi")["tools"] == lock.installed_tools()


def test_nothing_newer_changes_nothing(repository: Path) -> None:
    before = contents(repository)
    version = lock.installed_tools()["openapi-python-client"]

    done = run(repository, f"echo openapi-python-client=={version}")

    assert (done.returncode, done.stdout) == (0, f"openapi-python-client {version} is the newest\n")
    assert contents(repository) == before


@pytest.mark.parametrize(
    ("uv", "breaks", "problem"),
    [
        ("exit 1", "", "returned non-zero exit status 1"),
        (UV, "raise SystemExit(2)", "scripts/regenerate.py"),
    ],
)
def test_a_failure_brings_the_old_one_back(repository: Path, uv: str, breaks: str, problem: str) -> None:
    if breaks:
        (repository / "scripts" / "regenerate.py").write_text(f"#!/usr/bin/env python3\n{breaks}\n")
    before = contents(repository)

    done = run(repository, uv)

    assert done.returncode == 2
    assert problem in done.stderr
    assert "stays at" in done.stderr
    assert contents(repository) == before


def test_without_uv_it_says_what_to_install(repository: Path) -> None:
    before = contents(repository)

    done = run(repository, "", "--version", "9.9.9")

    assert done.returncode == 2
    assert "uv not found; install it" in done.stderr
    assert contents(repository) == before
