"""Sync under what stops it: killed, twice at once, out of disk, interrupted, cancelled. The folder is always right."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import random
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest

import atlas_invoices as ai
from atlas_invoices._sync import SyncOptions, run
from atlas_invoices._sync._folder import FolderLock
from atlas_invoices.sandbox import Sandbox, Settings
from sync_folder import age_leftovers, change_manifest, check_complete, check_valid, entries

VICTIM = Path(__file__).parent.parent / "support" / "sync_victim.py"
# SYNC_KILLS=50 for the long version.
KILLS = int(os.environ.get("SYNC_KILLS", "10"))


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(Settings(seed=5, months=8, typical_lines=40, latency=0.01, token_limit=1000)) as running:
        yield running


@pytest.fixture
def ids(sandbox: Sandbox) -> list[str]:
    own = [invoice.id for invoice in sandbox.invoices]
    return own + [each.id for invoice in sandbox.invoices for each in invoice.linked]


def client(sandbox: Sandbox) -> ai.Client:
    auth = ai.ServiceAccountAuth(sandbox.client_id, sandbox.client_secret)
    return ai.Client(auth=auth, base_url=sandbox.base_url)


class Victims:
    """Processes that sync, to be killed, one after the other."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._who = [sandbox.base_url, sandbox.client_id, sandbox.client_secret, sandbox.org_id]

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, VICTIM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def begin(self, folder: Path) -> None:
        assert self._ask(json.dumps([*self._who, str(folder)])) == "begun"

    def kill(self) -> str:
        """How it ended: `killed`, or `done` if that was too late."""
        return self._ask("kill")

    def wait(self) -> str:
        return self._ask("wait")

    def _ask(self, line: str) -> str:
        assert self._process.stdin
        assert self._process.stdout
        print(line, file=self._process.stdin, flush=True)
        return self._process.stdout.readline().strip()


def complete(sandbox: Sandbox, folder: Path) -> None:
    with client(sandbox) as atlas:
        report = ai.sync_invoices(atlas, sandbox.org_id, folder, linked=True)
    assert report.ok, [invoice.error for invoice in report.failed]


@pytest.mark.slow
def test_killed_at_any_moment_it_leaves_a_folder_that_the_next_run_completes(
    sandbox: Sandbox, tmp_path: Path, ids: list[str]
) -> None:
    full = tmp_path / "full"
    complete(sandbox, full)
    chance = random.Random(2026)  # noqa: S311 - the same moments each time
    requests = 1 + 1 + 2 * len(ids)
    ends = []
    with Victims(sandbox) as victims:
        for number in range(KILLS):
            folder = tmp_path / str(number)
            if number % 2:
                # Every other one has everything, and all of it is fetched again.
                shutil.copytree(full, folder)
                change_manifest(folder, None, updated="2020-01-01T00:00:00+00:00")
            sandbox.clear_requests()
            after = chance.randrange(requests)
            victims.begin(folder)
            while len(sandbox.requests) < after:
                time.sleep(0.0005)
            time.sleep(chance.uniform(0, 0.02))
            ends.append(victims.kill())
            if folder.exists():
                check_valid(folder, sandbox)
                age_leftovers(folder)
            complete(sandbox, folder)
            check_complete(folder, sandbox, ids)
            shutil.rmtree(folder)
    assert set(ends) <= {"killed", "done"}
    assert ends.count("killed") >= KILLS * 0.7, "the moments are in the run"


def test_two_at_once_in_threads(sandbox: Sandbox, tmp_path: Path, ids: list[str]) -> None:
    told: list[str] = []
    reports = []
    sandbox.clear_requests()

    def work() -> None:
        with client(sandbox) as atlas:
            options = SyncOptions(atlas.base_url, sandbox.org_id, tmp_path, linked=True, workers=4)
            reports.append(run(atlas, options, told.append))

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    check_complete(tmp_path, sandbox, ids)
    assert all(report.ok for report in reports)
    assert sorted(len(report.saved) for report in reports) == [2, len(ids)], "the second fetched what isn't final"
    (waiting,) = [line for line in told if "waiting" in line]
    assert re.fullmatch(
        rf"another sync( \(process {os.getpid()} on .+\))? is running in {re.escape(str(tmp_path))}; "
        "waiting up to 600 s for it to end",
        waiting,
    )


def test_two_at_once_in_processes_and_as_a_task(sandbox: Sandbox, tmp_path: Path, ids: list[str]) -> None:
    async def ours() -> None:
        auth = ai.ServiceAccountAuth(sandbox.client_id, sandbox.client_secret)
        async with ai.AsyncClient(auth=auth, base_url=sandbox.base_url) as atlas:
            both = [ai.sync_invoices_async(atlas, sandbox.org_id, tmp_path, linked=True) for _ in range(2)]
            assert all(report.ok for report in await asyncio.gather(*both))

    with Victims(sandbox) as others:
        others.begin(tmp_path)
        asyncio.run(ours())
        assert others.wait() == "done"
    check_complete(tmp_path, sandbox, ids)


def test_without_file_locks_it_warns_and_goes_on(
    sandbox: Sandbox, tmp_path: Path, ids: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_locks(_: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("atlas_invoices._locks._lock", no_locks)
    somebodys = tmp_path / f".{ids[0]}.csv.{'0' * 16}.part"
    somebodys.touch()
    with pytest.warns(UserWarning, match="has no file locks; make sure that only one sync"):
        complete(sandbox, tmp_path)
    somebodys.unlink()  # it might be another run's: nobody knows, so it stayed
    check_complete(tmp_path, sandbox, ids)


def test_the_lock_is_free_again_after_a_failure(sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(ai.ConfigError, match="damaged"):
        complete(sandbox, tmp_path)
    lock = FolderLock(tmp_path)
    assert lock.acquire()
    assert lock.held
    lock.release()
    lock.release()


def limited(sandbox: Sandbox, folder: Path, most_bytes: int) -> subprocess.CompletedProcess[str]:
    """Sync in a process that can't write more than so much to one file, which is what a full disk is like."""
    code = (
        "import resource, sys, json\n"
        "import atlas_invoices as ai\n"
        "url, id_, secret, org, folder, most = json.loads(sys.argv[1])\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))\n"
        "with ai.Client(auth=ai.ServiceAccountAuth(id_, secret), base_url=url) as atlas:\n"
        "    report = ai.sync_invoices(atlas, org, folder, linked=True)\n"
        "print(len(report.saved), sorted({type(each.error).__name__ for each in report.failed}))\n"
    )
    job = [sandbox.base_url, sandbox.client_id, sandbox.client_secret, sandbox.org_id, str(folder), most_bytes]
    return subprocess.run(
        [sys.executable, "-c", code, json.dumps(job)], capture_output=True, text=True, check=False, timeout=60
    )


def test_files_that_do_not_fit_are_absent_and_the_next_run_completes(
    sandbox: Sandbox, tmp_path: Path, ids: list[str]
) -> None:
    ended = limited(sandbox, tmp_path, 14_000)
    assert ended.returncode == 0, ended.stderr
    saved, failed = ended.stdout.split(maxsplit=1)
    assert 0 < int(saved) < len(ids)
    assert failed.strip() == "['OSError']"
    check_valid(tmp_path, sandbox)
    assert len(entries(tmp_path)) == int(saved)
    assert not list(tmp_path.glob(".*.part"))
    complete(sandbox, tmp_path)
    check_complete(tmp_path, sandbox, ids)


def test_a_manifest_that_does_not_fit_leaves_the_one_before(sandbox: Sandbox, tmp_path: Path, ids: list[str]) -> None:
    with client(sandbox) as atlas:
        ai.sync_invoices(atlas, sandbox.org_id, tmp_path)
    before = (tmp_path / "manifest.json").read_bytes()
    ended = limited(sandbox, tmp_path, 1_000)
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1].endswith(f"File too large: '{tmp_path / 'manifest.json'}'")
    assert (tmp_path / "manifest.json").read_bytes() == before
    check_valid(tmp_path, sandbox)
    complete(sandbox, tmp_path)
    check_complete(tmp_path, sandbox, ids)


def test_a_folder_that_cannot_be_written_stops_the_run(sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        complete(sandbox, tmp_path / "file")
    with pytest.raises(OSError, match="file"):
        complete(sandbox, tmp_path / "file" / "folder")


@pytest.mark.parametrize("after", [0.05, 0.2, 0.4])
def test_a_cancelled_task_leaves_a_valid_folder(sandbox: Sandbox, tmp_path: Path, ids: list[str], after: float) -> None:
    async def cancelled() -> None:
        auth = ai.ServiceAccountAuth(sandbox.client_id, sandbox.client_secret)
        async with ai.AsyncClient(auth=auth, base_url=sandbox.base_url) as atlas:
            async with asyncio.timeout(after):
                await ai.sync_invoices_async(atlas, sandbox.org_id, tmp_path, linked=True, workers=2)

    # One reply takes longer than anybody waits, so that the run can't have ended before.
    sandbox.faults.delay(30.0, path="/csv", after=4)
    with pytest.raises(TimeoutError):
        asyncio.run(cancelled())
    sandbox.faults.clear()
    check_valid(tmp_path, sandbox)
    assert not list(tmp_path.glob(".*.part"))
    complete(sandbox, tmp_path)
    check_complete(tmp_path, sandbox, ids)


def test_an_interrupt_keeps_what_is_there_and_does_not_wait_for_a_slow_server(
    sandbox: Sandbox, tmp_path: Path, ids: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    complete(sandbox, tmp_path)
    change_manifest(tmp_path, None, updated="2020-01-01T00:00:00+00:00")
    before = entries(tmp_path)
    sandbox.faults.delay(20, path=f"/{ids[0]}/csv")
    monkeypatch.setattr("atlas_invoices._sync._workers._GRACE_SECONDS", 0.5)
    monkeypatch.setattr("atlas_invoices._sync._progress._SAVE_EVERY_SECONDS", 0.0)
    saved: list[str] = []

    def interrupt_after_three(text: str) -> None:
        saved.append(text)
        if len(saved) == 3:
            raise KeyboardInterrupt

    with client(sandbox) as atlas:
        options = SyncOptions(atlas.base_url, sandbox.org_id, tmp_path, linked=True, workers=4)
        with pytest.raises(KeyboardInterrupt):
            run(atlas, options, interrupt_after_three)
        check_valid(tmp_path, sandbox)
        after = entries(tmp_path)
        assert len(saved) >= 3
        assert set(before) - set(after) <= {ids[0]}, "only what was under way is unknown"
        # Who is still at work keeps the folder locked until it has ended.
        lock = FolderLock(tmp_path)
        assert not lock.acquire()
        lock.release()
    sandbox.faults.clear()
