"""Runs the command in a process, against a sandbox."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from atlas_invoices.sandbox import Sandbox, Settings
from command import COMMAND, Run
from command_server import run_command


@pytest.fixture(scope="session")
def server() -> Iterator[Sandbox]:
    """A sandbox for all tests of this folder."""
    with Sandbox(Settings(seed=7, odd=True)) as sandbox:
        yield sandbox


@pytest.fixture(autouse=True)
def _home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """A separate home for each test, because the command keeps tokens in the user's cache folder."""
    home = str(tmp_path_factory.mktemp("home"))
    monkeypatch.setenv("HOME", home)
    monkeypatch.setenv("XDG_CACHE_HOME", home)
    # Otherwise the width of tables would depend on the terminal that runs the tests.
    monkeypatch.delenv("COLUMNS", raising=False)


@pytest.fixture
def run(server: Sandbox, tmp_path: Path) -> Run:
    """Run the command with the sandbox's service account, in the test's folder."""

    def run(
        *arguments: str, env: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, **(server.environment("service-account") if env is None else env)}
        return run_command(arguments, environment, cwd or tmp_path)

    return run


@pytest.fixture
def on_a_terminal(tmp_path: Path) -> Callable[..., tuple[int, str]]:
    """Run the command with a terminal as its stdout; return its exit status and output."""

    def run(*arguments: str, env: Mapping[str, str]) -> tuple[int, str]:
        import pty  # noqa: PLC0415 - missing on Windows

        ours, theirs = pty.openpty()
        try:
            with subprocess.Popen(
                [COMMAND, *arguments], env={**os.environ, **env}, cwd=tmp_path, stdout=theirs, stderr=subprocess.PIPE
            ) as process:
                os.close(theirs)
                got = b""
                # After the last writer has closed the terminal, Linux raises EIO; other systems return an empty read.
                with contextlib.suppress(OSError):
                    while piece := os.read(ours, 65536):
                        got += piece
                process.communicate(timeout=60)
        finally:
            os.close(ours)
        return process.returncode, got.decode()

    return run
