"""The worker pool of a sync: threads or tasks that work through a list of items, some at a time."""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Generic, TypeVar

from atlas_invoices._http._steps import Steps, run, run_async

T = TypeVar("T")
R = TypeVar("R")

# Windows doesn't interrupt a wait without a timeout on Ctrl-C.
_POLL_SECONDS = 0.5

# How long an interrupted run waits for items in progress; a person who pressed Ctrl-C waits no longer than that.
_GRACE_SECONDS = 0.2


class WorkerPool(Generic[T, R]):
    """A step that works through `items` in order, `size` at a time: with threads, or with asyncio's tasks.

    A worker runs `work(item)`. Each result goes to `on_result`, which returns whether to start more items, and then
    `checkpoint()` is run: both in the caller's thread, or in the worker's task.

    Threads are daemons, so an interrupted program doesn't wait for the last reply. A cancelled task waits until its
    workers have cleaned up.
    """

    def __init__(
        self,
        items: Iterable[T],
        size: int,
        *,
        work: Callable[[T], Steps[R]],
        on_result: Callable[[R], bool],
        checkpoint: Callable[[], Steps[None]],
    ) -> None:
        self._items = deque(items)
        self._size = min(size, len(self._items))
        self._work = work
        self._on_result = on_result
        self._checkpoint = checkpoint
        self._stopped = False
        self._threads: list[threading.Thread] = []
        self._running = 0
        # A result, an unexpected exception of `work`, or None when a thread ends.
        self._results: queue.SimpleQueue[tuple[R] | BaseException | None] = queue.SimpleQueue()

    @property
    def busy(self) -> bool:
        """Whether a thread is still at work, after an interrupt."""
        return self._running > 0

    def when_idle(self, then: Callable[[], object]) -> None:
        """Call `then` after the last thread has ended: now, or from a thread that waits for it."""
        if not self.busy:
            then()
            return

        def wait() -> None:
            for thread in self._threads:
                thread.join()
            then()

        threading.Thread(target=wait, name="atlas-invoices-sync-end", daemon=True).start()

    def run(self) -> None:
        try:
            for number in range(self._size):
                thread = threading.Thread(target=self._run_thread, name=f"atlas-invoices-sync-{number}", daemon=True)
                thread.start()
                self._threads.append(thread)
                self._running += 1
            for result in self._collect():
                self._take(result)
                run(self._checkpoint())
        except BaseException:
            self._stopped = True
            for result in self._collect(time.monotonic() + _GRACE_SECONDS):
                self._take(result)
            raise

    async def run_async(self) -> None:
        async def worker() -> None:
            for item in self._next_items():
                self._take(await run_async(self._work(item)))
                await run_async(self._checkpoint())

        tasks = [asyncio.create_task(worker()) for _ in range(self._size)]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                # Only once: a second time would interrupt what it cleans up.
                if not task.cancelling():
                    task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _next_items(self) -> Iterator[T]:
        with suppress(IndexError):
            while not self._stopped:
                yield self._items.popleft()

    def _take(self, result: R) -> None:
        if not self._on_result(result):
            self._stopped = True

    def _run_thread(self) -> None:
        try:
            for item in self._next_items():
                self._results.put((run(self._work(item)),))
        except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
            self._results.put(error)
        finally:
            self._results.put(None)

    def _collect(self, until: float | None = None) -> Iterator[R]:
        """Yield results until all threads have ended; or until this time, and then without raising exceptions."""
        while self._running and (until is None or time.monotonic() < until):
            try:
                result = self._results.get(
                    timeout=_POLL_SECONDS if until is None else max(0.0, until - time.monotonic())
                )
            except queue.Empty:
                continue
            if result is None:
                self._running -= 1
            elif not isinstance(result, BaseException):
                yield result[0]
            elif until is None:
                raise result
