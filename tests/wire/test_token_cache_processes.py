"""One token for every process, thread and task of an account: real processes, a real server, a real folder."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

import atlas_invoices as ai
import token_process
from atlas_invoices import _config as _settings
from atlas_invoices.sandbox import Sandbox, Settings
from client_twin import Kind, twin

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from atlas_invoices._locks import FileLock

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox(Settings(seed=11, months=2)) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: Sandbox) -> Sandbox:
    running.clear_requests()
    running.expire_tokens()
    return running


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "tokens"


def auth(sandbox: Sandbox) -> ai.ServiceAccountAuth:
    return ai.ServiceAccountAuth(sandbox.client_id, sandbox.client_secret)


def token_requests(sandbox: Sandbox) -> int:
    return sum(request.path == "/api/oauth/token" for request in sandbox.requests)


def lock_of(sandbox: Sandbox, folder: Path) -> FileLock:
    folder.mkdir(mode=0o700, exist_ok=True)
    return token_process.account_lock(sandbox.base_url, sandbox.client_id, folder)


def start(sandbox: Sandbox, folder: Path, plan: str = "ask") -> subprocess.Popen[str]:
    """A process that prints "ready" when it is."""
    return subprocess.Popen(
        [sys.executable, token_process.__file__, sandbox.base_url, sandbox.client_id, folder, plan],
        env={**os.environ, "TOKEN_PROCESS_SECRET": sandbox.client_secret},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ready(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"


def finish(process: subprocess.Popen[str]) -> str:
    out, err = process.communicate("\n", timeout=60)
    assert err == ""
    return out.strip()


def ask(sandbox: Sandbox, folder: Path, kind: Kind) -> None:
    with twin(kind, auth(sandbox), base_url=sandbox.base_url, token_cache=folder) as atlas:
        assert len(atlas.call("list_organizations")) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_twelve_processes_at_once_make_one_token_request(sandbox: Sandbox, folder: Path) -> None:
    sandbox.faults.delay(0.3, path="/api/oauth/token")
    crowd = start(sandbox, folder, "crowd")
    ready(crowd)
    assert finish(crowd).splitlines() == ["1 organizations, warnings: []"] * 12
    assert token_requests(sandbox) == 1
    secret = sandbox.client_secret.encode()
    assert not [path for path in folder.iterdir() if secret in path.read_bytes() or sandbox.client_id in path.name]


def test_processes_that_share_nothing_else_make_one_token_request(sandbox: Sandbox, folder: Path) -> None:
    sandbox.faults.delay(0.3, path="/api/oauth/token")
    processes = [start(sandbox, folder) for _ in range(3)]
    for process in processes:
        ready(process)
    with ThreadPoolExecutor(3) as together:
        assert list(together.map(finish, processes)) == ["1 organizations, warnings: []"] * 3
    assert token_requests(sandbox) == 1


def test_one_after_the_other_makes_one_token_request(sandbox: Sandbox, folder: Path, kind: Kind) -> None:
    for _ in range(3):
        ask(sandbox, folder, kind)
    assert token_requests(sandbox) == 1


def test_without_the_setting_nothing_is_written(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with ai.Client(auth(sandbox), base_url=sandbox.base_url) as atlas:
        assert len(list(atlas.list_organizations())) == 1
    assert list(tmp_path.iterdir()) == []


def test_threads_tasks_and_clients_share_it_too(sandbox: Sandbox, folder: Path) -> None:
    barrier = threading.Barrier(9)

    def worker() -> int:
        with ai.Client(auth(sandbox), base_url=sandbox.base_url, token_cache=folder) as atlas:
            barrier.wait()
            return len(list(atlas.list_organizations()))

    async def one(atlas: ai.AsyncClient) -> int:
        return len([org async for org in atlas.list_organizations()])

    async def tasks() -> list[int]:
        async with (
            ai.AsyncClient(auth(sandbox), base_url=sandbox.base_url, token_cache=folder) as a,
            ai.AsyncClient(auth(sandbox), base_url=sandbox.base_url, token_cache=folder) as b,
        ):
            await asyncio.to_thread(barrier.wait)
            return await asyncio.gather(*(one(atlas) for atlas in (a, b) for _ in range(8)))

    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(worker) for _ in range(8)]
        assert asyncio.run(tasks()) + [future.result() for future in asked] == [1] * 24
    assert token_requests(sandbox) == 1


def test_a_refused_token_is_replaced_by_one_process_for_all(sandbox: Sandbox, folder: Path, kind: Kind) -> None:
    settings: dict[str, Any] = {"base_url": sandbox.base_url, "token_cache": folder}
    with twin(kind, auth(sandbox), **settings) as one, twin(kind, auth(sandbox), **settings) as other:
        for atlas in (one, other):
            atlas.call("list_organizations")
        sandbox.expire_tokens()
        for atlas in (one, other, one, other):
            atlas.call("list_organizations")
    assert token_requests(sandbox) == 2
    assert [r.status for r in sandbox.requests if r.path.endswith("/orgs")].count(401) == 2


def test_where_every_token_is_refused_it_ends(sandbox: Sandbox, folder: Path) -> None:
    sandbox.fail(401, path="/orgs", times=2)
    with (
        ai.Client(auth(sandbox), base_url=sandbox.base_url, token_cache=folder) as atlas,
        pytest.raises(ai.AuthenticationError),
    ):
        next(atlas.list_organizations())
    assert token_requests(sandbox) == 2


def test_a_killed_process_leaves_nothing_locked(sandbox: Sandbox, folder: Path) -> None:
    folder.mkdir(mode=0o700)
    holder = start(sandbox, folder, "hold")
    ready(holder)
    assert not lock_of(sandbox, folder).acquire()
    holder.kill()
    holder.communicate()
    started = time.monotonic()
    ask(sandbox, folder, "sync")
    assert time.monotonic() - started < 5


def test_a_lock_that_is_never_released_is_waited_for_only_so_long(
    sandbox: Sandbox, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_settings, "TOKEN_SECONDS", 1.5)
    lock = lock_of(sandbox, folder)
    with ThreadPoolExecutor(1) as another_thread:
        assert another_thread.submit(lock.acquire).result()
        ask(sandbox, folder, "sync")
        assert [path.suffix for path in folder.iterdir()] == [".lock"], "no process writes without the lock"
        lock.release()


def test_a_coroutine_that_waits_for_the_lock_lets_its_loop_run(sandbox: Sandbox, folder: Path) -> None:
    lock = lock_of(sandbox, folder)

    async def main() -> int:
        async with ai.AsyncClient(auth(sandbox), base_url=sandbox.base_url, token_cache=folder) as atlas:
            asking = asyncio.ensure_future(anext(aiter(atlas.list_organizations())))
            ticks = 0
            while not asking.done():
                await asyncio.sleep(0.02)
                ticks += 1
                if ticks == 20:
                    lock.release()
            await asking
            return ticks

    assert lock.acquire()
    assert asyncio.run(main()) >= 20
    assert token_requests(sandbox) == 1


def test_a_cancelled_coroutine_releases_the_lock(folder: Path) -> None:
    async def main(slow: Sandbox) -> None:
        async with ai.AsyncClient(auth(slow), base_url=slow.base_url, token_cache=folder) as atlas:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(anext(aiter(atlas.list_organizations())), 0.3)

    with Sandbox(Settings(months=2, latency=1)) as slow:
        asyncio.run(main(slow))
        lock = lock_of(slow, folder)
    assert lock.acquire()
    lock.release()


def test_sync_code_in_a_coroutine_does_not_wait_for_its_own_loop(sandbox: Sandbox, folder: Path) -> None:
    sandbox.faults.delay(0.5, path="/api/oauth/token")
    settings: dict[str, Any] = {"base_url": sandbox.base_url, "token_cache": folder}

    async def main() -> None:
        async with ai.AsyncClient(auth(sandbox), **settings) as atlas:
            asking = asyncio.ensure_future(anext(aiter(atlas.list_organizations())))
            await asyncio.sleep(0.2)  # It has the lock, and waits for its token.
            started = time.monotonic()
            with ai.Client(auth(sandbox), **settings) as blocking:
                assert len(list(blocking.list_organizations())) == 1
            assert time.monotonic() - started < 5
            await asking

    asyncio.run(main())
    assert token_requests(sandbox) == 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_waits_for_no_thread_that_its_parent_has(sandbox: Sandbox, folder: Path) -> None:
    sandbox.faults.delay(1, path="/api/oauth/token")
    process = start(sandbox, folder, "fork")
    ready(process)
    assert finish(process).splitlines() == ["child: 1 organizations, soon", "1 organizations, warnings: []"]
    assert token_requests(sandbox) == 1, "the child waits for the lock, and takes the token that its parent got"


def test_on_a_full_disk_it_goes_on_with_a_warning(sandbox: Sandbox, folder: Path) -> None:
    process = start(sandbox, folder, "full")
    ready(process)
    outcome = finish(process)
    assert outcome.startswith("1 organizations, warnings: [\"access tokens aren't shared through ")
    assert outcome.endswith('File too large"]')
    assert [path.suffix for path in folder.iterdir()] == [".lock"]


def test_other_credentials_have_nothing_to_share(sandbox: Sandbox, folder: Path) -> None:
    key = ai.DigestAuth(sandbox.public_key, sandbox.private_key)
    with ai.Client(key, base_url=sandbox.base_url, token_cache=folder) as atlas:
        assert len(list(atlas.list_organizations())) == 1
    assert not folder.exists()
