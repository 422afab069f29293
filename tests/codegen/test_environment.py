"""scripts/environment.py where it can't do its work: status 2, as 1 would mean drift, or a client that differs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from environment import ROOT

SCRIPTS = ROOT / "scripts"


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder with the one script in it."""
    (tmp_path / "scripts").mkdir()
    shutil.copy2(SCRIPTS / "environment.py", tmp_path / "scripts")
    return tmp_path


def make(clone: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, clone / "scripts" / "environment.py"]
    return subprocess.run(command, env={**os.environ, **variables}, capture_output=True, text=True, check=False)


def test_a_folder_that_cannot_be_written_to_is_told(clone: Path) -> None:
    (clone / ".venv.lock").mkdir()  # holds for root too

    done = make(clone)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: .venv can't be made in {clone}: ")
    assert done.stderr.count("\n") == 1


def test_an_installer_that_fails_is_told(clone: Path) -> None:
    (clone / "uv").write_text("#!/bin/sh\nexit 9\n")
    (clone / "uv").chmod(0o755)

    done = make(clone, PATH=f"{clone}:{os.environ['PATH']}")

    assert (done.returncode, done.stdout) == (2, "")
    assert "failed with status 9; is the package index reachable?" in done.stderr


def test_packages_of_another_environment_are_not_taken(tmp_path: Path, small_upstream: Path) -> None:
    (tmp_path / "yaml.py").write_text("raise SystemExit('another yaml')\n")
    # The interpreter outside .venv, as the first line of each script finds it.
    outside = Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info.minor}"
    command: list[str | Path] = [
        outside,
        SCRIPTS / "vendor_spec.py",
        "--upstream",
        small_upstream,
        "--output",
        tmp_path / "made.json",
    ]

    done = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": str(tmp_path)}, capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
