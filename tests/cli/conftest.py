"""The real command in a subprocess, against a local Atlas."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from atlas_invoices.sandbox import Sandbox, Settings
from command import COMMAND, Run

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


@pytest.fixture(scope="session")
def server() -> Iterator[Sandbox]:
    """A local Atlas that all tests of this folder share."""
    with Sandbox(Settings(seed=7)) as sandbox:
        yield sandbox


@pytest.fixture(autouse=True)
def _home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home of its own for every test: the command keeps tokens in its user's cache folder."""
    home = str(tmp_path_factory.mktemp("home"))
    monkeypatch.setenv("HOME", home)
    monkeypatch.setenv("XDG_CACHE_HOME", home)


@pytest.fixture
def run(server: Sandbox, tmp_path: Path) -> Run:
    """Run the command as a service account of the local Atlas, in a folder of its own."""

    def run(
        *arguments: str, env: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, **(server.environment("service-account") if env is None else env)}
        return subprocess.run(
            [COMMAND, *arguments],
            env=environment,
            cwd=cwd or tmp_path,
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
            timeout=60,
        )

    return run
