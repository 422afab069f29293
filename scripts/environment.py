#!/usr/bin/env python3
"""Make the project's own .venv, so that every script runs in a new clone with nothing but Python.

Standard library only, because it runs before anything is installed. Run as a program it makes the environment; a
Python script in this folder calls `ensure()` first, which makes it and then runs that script again inside it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
OLDEST = (3, 11)
# The environment is made anew when one of these, or the interpreter, is another one.
INPUTS = (ROOT / "scripts" / "requirements.txt", ROOT / "pyproject.toml")


def ensure() -> None:
    """Return at once inside an up-to-date .venv; elsewhere make it and run this program again inside it."""
    inside = Path(sys.prefix).resolve() == VENV.resolve()
    if inside and _stamp_is_current():
        return
    make()
    if inside:
        return
    os.execve(PYTHON, [str(PYTHON), *sys.argv], _variables())  # noqa: S606 - the same program and arguments, in the environment just made


def make() -> None:
    """Make or bring up to date the environment; one process at a time, the others wait."""
    if sys.version_info[:2] < OLDEST:
        need = ".".join(map(str, OLDEST))
        have = ".".join(map(str, sys.version_info[:2]))
        _stop(f"Python {need} or newer is needed, this is {have}; put a newer python3 first in PATH")
    if _stamp_is_current():
        return
    try:
        with _only_one():
            if not _stamp_is_current():
                _install()
    except OSError as error:
        _stop(f"{VENV.name} can't be made in {ROOT}: {error}")


def _install() -> None:
    # Made in place, because a virtual environment can't be moved; the stamp, written last, says that it is whole.
    print(f"making {VENV.name} (once; a minute or two)", file=sys.stderr, flush=True)
    uv = shutil.which("uv")
    requirements = str(INPUTS[0])
    if not _interpreter_is_ours():
        shutil.rmtree(VENV, ignore_errors=True)
        if uv:
            _run([uv, "venv", "--quiet", "--no-project", "--python", sys.executable, str(VENV)])
        else:
            _run([sys.executable, "-m", "venv", str(VENV)])
    if uv:
        pip = [uv, "pip", "install", "--quiet", "--python", str(PYTHON)]
    else:
        pip = [str(PYTHON), "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
    _run([*pip, "--require-hashes", "--no-deps", "-r", requirements])
    _run([*pip, "--no-deps", "--no-build-isolation", "-e", str(ROOT)])
    (VENV / ".stamp").write_text(_stamp(), encoding="ascii")


def _interpreter_is_ours() -> bool:
    """Whether .venv already runs this very Python, so that bringing its packages up to date is enough."""
    show = [str(PYTHON), "-c", "import sys; print(sys.version)"]
    try:
        shown = subprocess.run(show, check=True, capture_output=True, text=True)  # noqa: S603 - our own interpreter, fixed words
    except (OSError, subprocess.CalledProcessError):
        return False
    return shown.stdout.strip() == sys.version


def _run(command: list[str]) -> None:
    # What pip prints is no data.
    try:
        subprocess.run(command, check=True, stdout=sys.stderr, cwd=ROOT, env=_variables())  # noqa: S603 - fixed words and our own paths
    except subprocess.CalledProcessError as error:
        shown = " ".join(command[:4])
        _stop(f"{shown} … failed with status {error.returncode}; is the package index reachable?")


def _variables() -> dict[str, str]:
    """The environment variables, without those that would put another environment's packages before ours."""
    return {k: v for k, v in os.environ.items() if k not in {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"}}


def _stop(problem: str) -> NoReturn:
    # 2 as for everything a script cannot do: 1 would say "drift", or "differs".
    print(f"error: {problem}", file=sys.stderr)
    sys.exit(2)


def _stamp() -> str:
    digest = hashlib.sha256(".".join(map(str, sys.version_info[:3])).encode())
    digest.update(str(ROOT).encode())
    for path in INPUTS:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _stamp_is_current() -> bool:
    try:
        return (VENV / ".stamp").read_text(encoding="ascii") == _stamp() and PYTHON.exists()
    except (OSError, UnicodeDecodeError):
        return False


@contextmanager
def _only_one() -> Iterator[None]:
    lock_path = ROOT / ".venv.lock"
    with lock_path.open("a") as lock:
        if os.name != "nt":
            import fcntl  # noqa: PLC0415 - not on Windows

            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    make()
