#!/usr/bin/env python3
"""Create .venv, so that every script runs in a new clone with nothing but Python.

Standard library only, because it runs before anything is installed. As a program it creates .venv, or .venv-NAME from
requirements-NAME.txt with the argument NAME. The Python scripts in this folder call `ensure()` before they import
anything else: it creates .venv if needed and restarts them in it.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
REQUIREMENTS = ROOT / "scripts" / "requirements.txt"
OLDEST = (3, 11)
_STAMP = ".stamp"


def ensure() -> None:
    """Return if this program runs in an up-to-date .venv; otherwise create .venv and restart the program in it."""
    if Path(sys.prefix).resolve() == VENV.resolve() and _is_current(VENV, REQUIREMENTS):
        return
    make()
    os.execve(PYTHON, [str(PYTHON), *sys.argv], _variables())  # noqa: S606 - the same program, in our own environment


def make(venv: Path = VENV, requirements: Path = REQUIREMENTS) -> None:
    """Create an environment, unless it is up to date."""
    if sys.version_info < OLDEST:
        have, need = (".".join(map(str, version[:2])) for version in (sys.version_info, OLDEST))
        _stop(f"Python {need} or newer is needed, this is {have}; put a newer python3 first in PATH")
    if _is_current(venv, requirements):
        return
    print(f"creating {venv.name} (takes a minute or two)", file=sys.stderr, flush=True)
    pip = (venv / "bin" / "python", "-m", "pip", "install", "-qq", "--disable-pip-version-check", "--no-deps")
    try:
        _run(sys.executable, "-m", "venv", "--clear", venv)
        _run(*pip, "--require-hashes", "-r", requirements)
        _run(*pip, "--no-build-isolation", "-e", ROOT)
        (venv / _STAMP).write_text(_digest(requirements), encoding="ascii")
    except (OSError, subprocess.CalledProcessError) as error:
        _stop(f"can't create {venv}: {error}")


def _run(*command: str | Path) -> None:
    # Standard output is for a script's own.
    subprocess.run(command, check=True, stdout=sys.stderr, cwd=ROOT, env=_variables())  # noqa: S603 - a fixed command line


def _variables() -> dict[str, str]:
    """The environment variables except those that would put another environment's packages before ours."""
    return {k: v for k, v in os.environ.items() if k not in {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"}}


def _stop(problem: str) -> NoReturn:
    print(f"error: {problem}", file=sys.stderr)
    sys.exit(2)  # as for everything that a script can't do; 1 would mean drift, or a difference


def _digest(requirements: Path) -> str:
    """Return a digest of the interpreter, the folder and what is installed; if it changes, all is created again."""
    import tomllib  # noqa: PLC0415 - missing before Python 3.11, which make() reports

    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    installed = project.get("build-system"), project.get("project"), project.get("tool", {}).get("hatch")
    parts = (sys.version, str(ROOT), requirements.read_text("utf-8"), repr(installed))
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _is_current(venv: Path, requirements: Path) -> bool:
    # The stamp is written last, so an interrupted installation has none.
    stamp = venv / _STAMP
    return stamp.exists() and stamp.read_text("ascii") == _digest(requirements)


if __name__ == "__main__":
    suffix = "".join(f"-{name}" for name in sys.argv[1:2])
    make(ROOT / f".venv{suffix}", REQUIREMENTS.with_stem(f"requirements{suffix}"))
