#!/usr/bin/env python3
"""Upgrade the generator: its pin, the lock of .venv, the generated client and the version in openapi/lock.json.

All or nothing: if the new version fails, the old one is back. Exit status: 0 upgraded, or there is nothing newer; 2
error. Standard library only, because it replaces the environment that the other scripts run in.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import environment

NAME: Final = "openapi-python-client"
_PIN: Final = re.compile(rf'"{NAME}==([^"]+)"')
# Also in README.md, for other changes of the lock.
_LOCK: Final = (
    "--universal", "--python-version", "3.11", "--generate-hashes", "--group", "dev",
    "--extra", "all", "--extra", "delta", "--extra", "dlt", "--extra", "iceberg",
    "--no-emit-package", "atlas-invoices", "--no-annotate", "--custom-compile-command", "see scripts/README.md",
)  # fmt: skip


def newest() -> str:
    """The newest version that the package index has for our oldest Python."""
    compiled = _uv("--no-deps", "--no-header", "--no-annotate", "--python-version", "3.11", "-", given=NAME)
    return compiled.partition("==")[2].split()[0]


def upgrade(version: str) -> None:
    """Pin a version, lock it, install it and generate with it. Raises CalledProcessError if a step fails."""
    project = environment.ROOT / "pyproject.toml"
    project.write_text(_PIN.sub(f'"{NAME}=={version}"', project.read_text("utf-8")), "utf-8")
    _uv(*_LOCK, "--quiet", "--output-file", str(environment.REQUIREMENTS), str(project))
    _run(sys.executable, "scripts/environment.py")
    _run("scripts/regenerate.py")


def _uv(*arguments: str, given: str = "") -> str:
    return _run("uv", "pip", "compile", *arguments, given=given)


def _run(*command: str, given: str = "") -> str:
    done = subprocess.run(  # noqa: S603 - a fixed command line and a version
        command, cwd=environment.ROOT, input=given, stdout=subprocess.PIPE, text=True, check=True
    )
    return done.stdout


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--version", help="this one instead of the newest")
    options = parser.parse_args(arguments)
    files: dict[Path, bytes] = {}
    for name in ("pyproject.toml", "scripts/requirements.txt"):
        files[environment.ROOT / name] = (environment.ROOT / name).read_bytes()
    (old,) = _PIN.findall(files[environment.ROOT / "pyproject.toml"].decode())
    try:
        version = options.version or newest()
        print(
            f"{NAME} {old} is the newest" if version == old else f"Upgrade {NAME} from {old} to {version}", flush=True
        )
        if version != old:
            upgrade(version)
    except (OSError, subprocess.CalledProcessError, IndexError) as error:
        missing = isinstance(error, FileNotFoundError) and error.filename == "uv"
        reason = "uv not found; install it (https://docs.astral.sh/uv/)" if missing else str(error)
        print(f"error: {NAME} stays at {old}: {reason}", file=sys.stderr)
        for path, content in files.items():
            path.write_bytes(content)
        environment.make()
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
