"""Logic that waits, written once for threads and for asyncio.

A function that has to wait is a generator of steps: it yields what to wait for and receives the result. `run` waits in
the calling thread, `run_async` in the running task; nothing else differs between the two. A test needs neither: it
answers the steps itself, so nothing sleeps.

    def fetch(...) -> Steps[bytes]:
        response = yield Send(...)
        yield Sleep(0.5)
        return ...

    run(fetch(...))  # or: await run_async(fetch(...))
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Generator
from typing import Any, Protocol, TypeAlias, TypeVar

from attrs import frozen

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Step(Protocol[T_co]):
    """Something to wait for, and how: by blocking the thread, or by awaiting."""

    def run(self) -> T_co:
        """Block until it is done; returns its result."""

    async def run_async(self) -> T_co:
        """Wait without blocking the event loop; returns its result."""


Steps: TypeAlias = Generator[Step[Any], Any, T]


@frozen
class Sleep:
    """Wait for a number of seconds."""

    seconds: float

    def run(self) -> None:
        time.sleep(self.seconds)

    async def run_async(self) -> None:
        await asyncio.sleep(self.seconds)


def run(steps: Steps[T]) -> T:
    """Run to the end in this thread. A step's exception is raised where the generator waits for it."""
    advance: Callable[[Any], Step[Any]] = steps.send
    value: Any = None
    try:
        while True:
            # Outside the except block: what the generator raises instead must not show the step's exception.
            step = advance(value)
            try:
                advance, value = steps.send, step.run()
            except BaseException as error:  # noqa: BLE001 - the generator decides what becomes of it
                advance, value = steps.throw, error
    except StopIteration as stop:
        result: T = stop.value
        return result
    finally:
        value = None  # An exception and the frame it passed through would keep each other alive.


async def run_async(steps: Steps[T]) -> T:
    """Run to the end in this task. A step's exception, a cancellation too, is raised where the generator waits."""
    advance: Callable[[Any], Step[Any]] = steps.send
    value: Any = None
    try:
        while True:
            # Outside the except block: what the generator raises instead must not show the step's exception.
            step = advance(value)
            try:
                advance, value = steps.send, await step.run_async()
            except BaseException as error:  # noqa: BLE001 - the generator decides what becomes of it
                advance, value = steps.throw, error
    except StopIteration as stop:
        result: T = stop.value
        return result
    finally:
        value = None  # An exception and the frame it passed through would keep each other alive.
