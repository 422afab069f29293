"""Some of the fault table through the real command: its exit status, one line that says what to do, no harm done."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import fault_scenes
from command import COMMAND, Run
from fault_kinds import Raises
from fault_scenes import CSV, PAGE, TOKEN, Bench, Scene
from fault_sync import check_all_but_struck, files, leave_earlier_copy
from fault_table import FAULTS

STATUS_OF = {
    "nobody listens": 5,
    "a self-signed certificate": 5,
    "reset in the body": 6,
    "no answer": 5,
    "silence in the body": 5,
    "401 with JSON": 3,
    "403 with JSON": 3,
    "404 with JSON": 4,
    "429, back in an hour": 5,
    "503 with HTML": 5,
    "a web page": 6,
    "JSON of another kind": 6,
    "a length too long, hung up": 6,
    "gzip with a damaged byte": 6,
    "302 with no body": 6,
    "too many tokens": 3,
    "the token endpoint fails": 5,
}
FAULT = {fault.name: fault for fault in FAULTS}
# Each against `download`, and, to be quick, `list` and `sync` in turn.
CASES = [(name, command) for turn, name in enumerate(STATUS_OF) for command in ("download", ("list", "sync")[turn % 2])]


@pytest.fixture(scope="module")
def fault_bench() -> Iterator[Bench]:
    with fault_scenes.bench() as ready:
        yield ready


def environment(scene: Scene, name: str) -> dict[str, str]:
    credentials = (
        {"MONGODB_ATLAS_CLIENT_ID": "mdb_sa_id_of_a_fault", "MONGODB_ATLAS_CLIENT_SECRET": "canary-secret-of-the-fault"}
        if "token" in name
        else {"MONGODB_ATLAS_ACCESS_TOKEN": TOKEN}
    )
    return {"MONGODB_ATLAS_BASE_URL": scene.base_url, "MONGODB_ATLAS_ORG_ID": scene.org, **credentials}


def check_error_line(stderr: str, says: str) -> None:
    *warnings, last = stderr.splitlines()
    assert last.startswith("error: "), stderr
    assert all(line.startswith("warning: ") for line in warnings)
    assert says in stderr
    assert len(last) < 1000
    assert stderr.replace("\n", "").isprintable()
    assert "canary" not in stderr


@pytest.mark.parametrize(("name", "command"), CASES)
def test_a_fault_is_an_exit_status_and_one_line(
    name: str, command: str, run: Run, fault_bench: Bench, tmp_path: Path
) -> None:
    fault, struck = FAULT[name], PAGE if command == "list" else CSV
    outcome = fault.outcome(struck)
    assert isinstance(outcome, Raises)
    at_once = name.startswith("429")
    folder = tmp_path / "invoices"
    with fault.stage(fault_bench, struck) as scene:
        leave_earlier_copy(folder, scene)
        before = files(folder)
        arguments = {
            "download": ("download", scene.invoice, "-o", f"{folder}/{scene.invoice}.csv", "--force"),
            "list": ("list", "--format", "json"),
            "sync": ("sync", "--dir", str(folder), "-q"),
        }[command]
        began = time.monotonic()
        # What Atlas asks to wait for too long is not tried again, however often it may be.
        retries = "4" if at_once else "0"
        limits = ("--timeout", "0.5" if scene.timeout < 1 else "10", "--max-retries", retries)
        done = run(*arguments, *limits, env=environment(scene, name), cwd=folder)
        assert done.returncode == STATUS_OF[name], done.stderr
        assert not at_once or (time.monotonic() - began < 30 and scene.tries() == 1)
        check_error_line(done.stderr, outcome.says)
        if command != "sync" or scene.strikes_all:
            assert (done.stdout, len(done.stderr.splitlines())) == ("", 1)
            assert files(folder) == before
        else:
            (warning, _) = done.stderr.splitlines()
            assert warning.startswith(f"warning: invoice {scene.invoice}: ")
            assert done.stdout.count("\n") == 1
            assert "1 failed" in done.stdout
            check_all_but_struck(
                folder, scene, also_without=set(scene.invoices) if "not tried" in done.stdout else set()
            )
    assert [path.name for path in tmp_path.iterdir()] == ["invoices"]
    assert not fault_bench.elsewhere.requests


LIMITED = (
    "import os, resource, sys\n"
    "resource.setrlimit(resource.RLIMIT_FSIZE, (2048, 2048))\n"
    "os.execv(sys.argv[1], sys.argv[1:])\n"
)


@pytest.mark.skipif(sys.platform == "win32", reason="has no limit for the size of a file")
@pytest.mark.parametrize("command", ["download", "sync"])
def test_a_full_disk_is_status_1_and_leaves_what_was_there(command: str, fault_bench: Bench, tmp_path: Path) -> None:
    """No file may be larger than 2 KB, which is what a full disk is like."""
    folder = tmp_path / "invoices"
    with FAULT["chunks, all well"].stage(fault_bench, CSV) as scene:
        leave_earlier_copy(folder, scene)
        before = files(folder)
        arguments = {
            "download": ("download", scene.invoice, "-o", f"{folder}/{scene.invoice}.csv", "--force"),
            "sync": ("sync", "--dir", str(folder), "-q"),
        }[command]
        done = subprocess.run(
            [sys.executable, "-c", LIMITED, COMMAND, *arguments],
            env={**os.environ, **environment(scene, "")},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 1, done.stderr
        check_error_line(done.stderr, "File too large")
        if command == "download":
            assert (done.stdout, len(done.stderr.splitlines())) == ("", 1)
            assert files(folder) == before
        else:
            assert "2 failed" in done.stdout
            check_all_but_struck(folder, scene, also_without=set(scene.invoices))
