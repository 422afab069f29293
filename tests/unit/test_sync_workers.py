"""The worker pool of a sync: threads and tasks, and how both end early."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from atlas_invoices._http._steps import Sleep, Steps
from atlas_invoices._sync._workers import WorkerPool

Pool = WorkerPool[str, str]
RUNNERS = pytest.mark.parametrize(
    "runner", [Pool.run, lambda pool: asyncio.run(pool.run_async())], ids=["threads", "tasks"]
)
Runner = Callable[[Pool], None]


def no_checkpoint() -> Steps[None]:
    yield from ()


def pool(items: Iterable[str], size: int, work: Callable[[str], Steps[str]], on_result: Callable[[str], Any]) -> Pool:
    return WorkerPool(items, size, work=work, on_result=on_result, checkpoint=no_checkpoint)


@RUNNERS
def test_items_are_started_in_order_and_only_some_at_a_time(runner: Runner) -> None:
    started: list[str] = []
    finished: list[str] = []
    at_work: set[str] = set()
    most = 0

    def work(item: str) -> Steps[str]:
        nonlocal most
        started.append(item)
        at_work.add(item)
        most = max(most, len(at_work))
        yield Sleep(0.01)
        at_work.remove(item)
        return item

    def on_result(result: str) -> bool:
        finished.append(result)
        return True

    runner(pool("abcdefgh", 3, work, on_result))
    assert "".join(started) == "abcdefgh"
    assert sorted(finished) == started
    assert most == 3


@RUNNERS
def test_a_result_can_stop_it(runner: Runner) -> None:
    finished: list[str] = []

    def work(item: str) -> Steps[str]:
        yield Sleep(0.05)
        return item

    def on_result(result: str) -> bool:
        finished.append(result)
        return result != "b"

    runner(pool("abcdefgh", 1, work, on_result))
    assert finished in (["a", "b"], ["a", "b", "c"]), "a thread may have begun on one more"


@RUNNERS
def test_a_checkpoint_follows_each_result(runner: Runner) -> None:
    log: list[str] = []

    def work(item: str) -> Steps[str]:
        yield Sleep(0)
        return item

    def on_result(result: str) -> bool:
        log.append(result)
        return True

    def checkpoint() -> Steps[None]:
        yield Sleep(0)
        log.append("saved")

    runner(WorkerPool("ab", 1, work=work, on_result=on_result, checkpoint=checkpoint))
    assert log == ["a", "saved", "b", "saved"]


def test_those_still_at_work_are_waited_for_though_more_than_one_fails() -> None:
    failures = threading.Semaphore(0)
    finished: list[str] = []

    def work(item: str) -> Steps[str]:
        yield from ()
        if item != "slow":
            failures.release()
            raise ZeroDivisionError
        for _ in "ab":
            failures.acquire()
        time.sleep(0.05)
        return item

    threads = pool(["slow", "a", "b"], 3, work, finished.append)
    with pytest.raises(ZeroDivisionError):
        threads.run()
    assert finished == ["slow"]
    assert not threads.busy


def test_an_interrupt_does_not_wait_for_a_slow_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("atlas_invoices._sync._workers._GRACE_SECONDS", 0.05)
    go_on, ended = threading.Event(), threading.Event()

    def work(item: str) -> Steps[str]:
        yield from ()
        if item == "slow":
            go_on.wait(10)
        return item

    def interrupt(_: str) -> bool:
        raise KeyboardInterrupt

    threads = pool(["slow", "a"], 2, work, interrupt)
    with pytest.raises(KeyboardInterrupt):
        threads.run()
    assert threads.busy
    threads.when_idle(ended.set)
    assert not ended.is_set()
    go_on.set()
    assert ended.wait(10)


def test_a_cancelled_run_waits_until_its_tasks_have_cleaned_up() -> None:
    cleaned_up: list[str] = []

    def work(item: str) -> Steps[str]:
        try:
            yield Sleep(60)
        finally:
            yield Sleep(0.01)
            cleaned_up.append(item)
        return item

    async def main() -> None:
        tasks = pool("abc", 2, work, cleaned_up.append)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await tasks.run_async()
        assert not tasks.busy

    asyncio.run(main())
    assert sorted(cleaned_up) == ["a", "b"]
