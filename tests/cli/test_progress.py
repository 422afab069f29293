"""What a person sees while the command works: bars on a terminal only, waits with their end, an answer to Ctrl-C."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import pytest

from atlas_invoices.sandbox import Sandbox, Settings
from command import COMMAND, Run
from wire_sandbox import WireSandbox

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform == "win32", reason="has no such terminals")]


@pytest.fixture
def slow() -> Iterator[WireSandbox]:
    """Each CSV takes about two seconds."""
    with WireSandbox(Settings(seed=7, months=3, lines=60, typical_lines=60)) as server:
        server.drip(500, 0.08, path="/csv", times=9)
        yield server


def with_terminal(*arguments: str, env: Mapping[str, str], folder: Path, stop_after: float = 0) -> tuple[int, str]:
    """Run the command with a terminal as its stderr; optionally press Ctrl-C after some seconds."""
    import pty  # noqa: PLC0415 - missing on Windows

    ours, theirs = pty.openpty()
    try:
        environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100", **env}
        with subprocess.Popen(
            [COMMAND, *arguments], env=environment, cwd=folder, stdout=subprocess.DEVNULL, stderr=theirs
        ) as process:
            os.close(theirs)
            if stop_after:
                time.sleep(stop_after)
                process.send_signal(signal.SIGINT)
            shown = b""
            with suppress(OSError):
                while piece := os.read(ours, 65536):
                    shown += piece
    finally:
        os.close(ours)
    return process.returncode, re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode())


def test_a_download_shows_size_and_speed(slow: WireSandbox, tmp_path: Path) -> None:
    status, shown = with_terminal("download", "latest", env=slow.environment("api-key"), folder=tmp_path)
    assert status == 0
    assert re.search(r"download .*\d+(\.\d+)?/\d+(\.\d+)? (bytes|kB) .*B/s 0:00:0\d", shown), shown
    assert shown.rstrip().splitlines()[-1].strip().startswith("saved ")
    (file,) = tmp_path.iterdir()
    assert file.read_bytes() == slow.csv_bytes(slow.invoices[1].id)


def test_a_sync_shows_how_many_of_how_many(slow: WireSandbox, tmp_path: Path) -> None:
    status, shown = with_terminal("sync", "--dir", "all", env=slow.environment("api-key"), folder=tmp_path)
    assert status == 0
    assert re.search(r"sync .*\d of 3", shown), shown


@pytest.mark.parametrize("extra", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_there_is_no_bar_without_a_terminal_for_it(extra: dict[str, str], slow: WireSandbox, tmp_path: Path) -> None:
    env = {**slow.environment("api-key"), **extra}
    _, shown = with_terminal("download", "latest", env=env, folder=tmp_path)
    assert shown.splitlines()[0].startswith("saved ")


def test_a_wait_says_until_when(run: Run, server: Sandbox) -> None:
    for arguments in ([], ["-q"]):
        server.fail(status=429, times=1, path="/orgs", headers={"Retry-After": "1"})
        done = run("orgs", *arguments)
        assert done.returncode == 0
        line = r"attempt 1 failed, retrying in 1\.\d s: .*429.* \(until \d\d:\d\d:\d\d\)\n"
        assert re.fullmatch("" if arguments else line, done.stderr), done.stderr


def test_verbose_shows_the_request_for_a_token(run: Run) -> None:
    assert re.search(r"POST /api/oauth/token: 200 after \d", run("orgs", "-v").stderr)


def test_ctrl_c_says_what_is_kept(slow: WireSandbox, tmp_path: Path) -> None:
    env = slow.environment("api-key")
    status, shown = with_terminal("sync", "--dir", "all", env=env, folder=tmp_path, stop_after=1.5)
    assert status == 130
    assert re.search(r"\d of 3 invoices done, and kept; run the same command again for the rest", shown)
    status, shown = with_terminal("download", "latest", env=env, folder=tmp_path, stop_after=1.5)
    assert status == 130
    assert "nothing was saved" in shown
    assert [path.name for path in tmp_path.iterdir()] == ["all"]
