"""Let one caller do what many need at the same moment, across threads and asyncio tasks of any event loops."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from typing import Generic, TypeVar

from atlas_invoices import _forks

T = TypeVar("T")


class Flight(Generic[T]):
    """One caller's go at it. Whoever leads lands it exactly once; the others wait for what it brings."""

    def __init__(self, owner: SingleFlight[T], task: asyncio.Task[object] | None) -> None:
        """Remember who leads: this thread and, where it is a coroutine, its task."""
        self._owner = owner
        self._thread = threading.get_ident()
        self._task = task
        self._result: Future[T | None] = Future()
        # A running future can't be cancelled: a waiting task that is must not take the result from the others.
        self._result.set_running_or_notify_cancel()

    def land(self, result: T | None) -> None:
        """Hand the result to all who wait; None says that nobody has it, so one of them goes next. Idempotent."""
        if self._owner.clear(self):
            self._result.set_result(result)

    def wait(self, seconds: float) -> T | None:
        """Block until it lands and return the result; None if the leader gave up, takes too long, or can't go on."""
        if self._thread == threading.get_ident():
            return None  # The leader is a coroutine of this thread's loop, or further up this stack: it waits for us.
        try:
            return self._result.result(seconds)
        except TimeoutError:
            return None

    async def wait_async(self, seconds: float) -> T | None:
        """Like `wait`, without blocking the event loop."""
        if self._thread == threading.get_ident() and self._task in {None, asyncio.current_task()}:
            return None  # The leader is further up this very stack: it waits for us.
        try:
            async with asyncio.timeout(seconds):
                return await asyncio.wrap_future(self._result)
        except TimeoutError:
            return None


class SingleFlight(Generic[T]):
    """Where callers meet: the first to join leads, the others get the flight that is under way."""

    def __init__(self) -> None:
        """Nothing is under way."""
        self._lock = threading.Lock()
        self._flight: Flight[T] | None = None
        _forks.watch(self)

    def after_fork(self) -> None:
        """In a forked child: the flight's leader stayed behind with the parent."""
        self._lock, self._flight = threading.Lock(), None

    def join(self, task: asyncio.Task[object] | None = None) -> tuple[Flight[T], bool]:
        """Return the flight, and whether the caller leads it and must land it; a coroutine passes its task."""
        with self._lock:
            if self._flight is not None:
                return self._flight, False
            self._flight = Flight(self, task)
            return self._flight, True

    def clear(self, flight: Flight[T]) -> bool:
        """Make room for the next flight; false if this one has landed before."""
        with self._lock:
            if self._flight is not flight:
                return False
            self._flight = None
            return True
