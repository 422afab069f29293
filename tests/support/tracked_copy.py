"""Copy a folder of the repository as a new clone has it: only the files that git tracks, whatever ran here before."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from environment import ROOT


def copy_tracked(folder: str, target: Path) -> Path:
    """Copy a folder such as `openapi` to `target`, which must not exist yet, and return `target`."""
    for name in _tracked(folder):
        path = target / name.removeprefix(f"{folder}/")
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, path)
    return target


def _tracked(folder: str) -> list[str]:
    if not (ROOT / ".git").exists():
        # An unpacked archive: all its files are the repository's, except Python's caches.
        files = (path for path in (ROOT / folder).rglob("*") if path.is_file() and path.parent.name != "__pycache__")
        return [path.relative_to(ROOT).as_posix() for path in files]
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--", folder], cwd=ROOT, check=True, capture_output=True, text=True
    )
    return [name for name in listed.stdout.split("\0") if (ROOT / name).is_file()]
