"""The real command in a subprocess, against a local Atlas."""

from __future__ import annotations

import contextlib
import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from atlas_invoices.sandbox import Sandbox, Settings
from command import COMMAND, Run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
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
    # Tables would fit the terminal that the tests run in.
    monkeypatch.delenv("COLUMNS", raising=False)


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


@pytest.fixture
def on_a_terminal(tmp_path: Path) -> Callable[..., tuple[int, str]]:
    """Run the command with a terminal as its stdout; returns the exit status and what the terminal got."""

    def run(*arguments: str, env: Mapping[str, str]) -> tuple[int, str]:
        import pty  # noqa: PLC0415 - isn't there on Windows

        ours, theirs = pty.openpty()
        try:
            with subprocess.Popen(
                [COMMAND, *arguments], env={**os.environ, **env}, cwd=tmp_path, stdout=theirs, stderr=subprocess.PIPE
            ) as process:
                os.close(theirs)
                got = b""
                # Linux answers EIO, and others an end, when the last writer is gone.
                with contextlib.suppress(OSError):
                    while piece := os.read(ours, 65536):
                        got += piece
                process.communicate(timeout=60)
        finally:
            os.close(ours)
        return process.returncode, got.decode()

    return run
