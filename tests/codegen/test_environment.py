"""scripts/environment.py: exit status 2 when it fails, because 1 would mean drift, and no packages from elsewhere."""

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
    """A folder with what the script reads, and requirements that pip refuses without asking an index."""
    (tmp_path / "scripts").mkdir()
    shutil.copy2(SCRIPTS / "environment.py", tmp_path / "scripts")
    (tmp_path / "scripts" / "requirements.txt").write_text("a-package-without-a-hash==1\n")
    (tmp_path / "pyproject.toml").touch()
    return tmp_path


def make(clone: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, clone / "scripts" / "environment.py"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_folder_that_cannot_be_written_is_an_error(clone: Path) -> None:
    (clone / ".venv").touch()  # this stops root too

    done = make(clone)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-1].startswith(f"error: can't create {clone}/.venv: ")


@pytest.mark.slow
def test_a_failed_installation_is_an_error_and_leaves_no_stamp(clone: Path) -> None:
    done = make(clone)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[0].startswith("creating .venv ")
    assert done.stderr.splitlines()[-1].startswith(f"error: can't create {clone}/.venv: ")
    assert not (clone / ".venv" / ".stamp").exists()


@pytest.mark.slow
def test_packages_of_another_environment_are_ignored(tmp_path: Path, root: Path) -> None:
    (tmp_path / "yaml.py").write_text("raise SystemExit('another yaml')\n")
    # The interpreter outside .venv, which a script's first line finds.
    outside = Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info.minor}"
    output = tmp_path / "made.json"
    fragment = root / "openapi" / "fragment.json"
    command = [outside, SCRIPTS / "vendor_spec.py", "--upstream", fragment, "--output", output]

    done = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": str(tmp_path)}, capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
