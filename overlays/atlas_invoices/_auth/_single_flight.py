"""One call for all threads and tasks: the first caller makes it, the others wait for its result."""

from __future__ import annotations

import asyncio
import sys
import threading
from concurrent.futures import Future
from typing import Any, Generic, TypeVar

from attrs import frozen

from atlas_invoices import _locks

T = TypeVar("T")


class Flight(Generic[T]):
    """One in-flight call. The leader sets the result once; the other callers wait for it."""

    def __init__(self, owner: SingleFlight[T]) -> None:
        self._owner = owner
        self.thread, self.task = threading.get_ident(), _current_task()
        self.result: Future[T | None] = Future()
        # A running future can't be cancelled: a cancelled waiter must not take the result away from the others.
        self.result.set_running_or_notify_cancel()

    def set_result(self, result: T | None) -> None:
        """Hand the result to all who wait; None if there isn't one, so that one of them goes next. Idempotent."""
        if self._owner.clear(self):
            self.result.set_result(result)


def _current_task() -> asyncio.Task[Any] | None:
    if "asyncio.tasks" not in sys.modules:  # the command loads asyncio when it's used
        return None
    try:
        return asyncio.current_task()
    except RuntimeError:  # no event loop runs in this thread
        return None


@frozen
class Wait(Generic[T]):
    """Wait for a flight's result; None if its leader gave up, takes too long, or can't go on before this caller."""

    flight: Flight[T]
    seconds: float

    def run(self) -> T | None:
        if self.flight.thread == threading.get_ident():
            return None  # The leader is a task of this thread's event loop, or further up this stack: it waits for us.
        try:
            return self.flight.result.result(self.seconds)
        except TimeoutError:
            return None

    async def run_async(self) -> T | None:
        if self.flight.thread == threading.get_ident() and self.flight.task in {None, asyncio.current_task()}:
            return None  # The leader is further up this stack: it waits for us.
        try:
            async with asyncio.timeout(self.seconds):
                return await asyncio.wrap_future(self.flight.result)
        except TimeoutError:
            return None


class SingleFlight(Generic[T]):
    """Where callers meet: the first to join leads a flight, the others join it. Thread-safe."""

    def __init__(self) -> None:
        self.after_fork()
        _locks.watch(self)

    def after_fork(self) -> None:
        """Start without a flight: in a forked child, its leader stayed in the parent."""
        self._lock = threading.Lock()
        self._flight: Flight[T] | None = None

    def join(self) -> tuple[Flight[T], bool]:
        """Return the flight, and whether the caller leads it and must set its result."""
        with self._lock:
            if self._flight is not None:
                return self._flight, False
            self._flight = Flight(self)
            return self._flight, True

    def clear(self, flight: Flight[T]) -> bool:
        """Make room for the next flight; false if this one has its result already."""
        with self._lock:
            if self._flight is not flight:
                return False
            self._flight = None
            return True
