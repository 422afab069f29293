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
import inspect
import time
from collections.abc import Callable, Generator
from typing import Any, Generic, Protocol, TypeAlias, TypeVar, cast

from attrs import frozen

from atlas_invoices._errors import ConfigError

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


@frozen
class Blocking(Generic[T]):
    """Call a function that blocks; under asyncio in another thread, so that the event loop goes on.

    A cancellation waits until the function has returned; with `abandon_on_cancel` it doesn't, which is for functions
    that only read.
    """

    function: Callable[[], T]
    abandon_on_cancel: bool = False

    def run(self) -> T:
        return self.function()

    async def run_async(self) -> T:
        work = running_loop().run_in_executor(None, self.function)
        return await (work if self.abandon_on_cancel else wait_to_the_end(work))


def running_loop() -> asyncio.AbstractEventLoop:
    """Return the event loop; raises `ConfigError` under trio and the like."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        raise ConfigError(
            "no asyncio event loop is running, and AsyncClient needs one; under trio, use Client in a thread"
        ) from None


async def wait_to_the_end(work: asyncio.Future[T]) -> T:
    """Return the result of work in a thread, which can't be cancelled: a cancellation is raised after its end."""
    cancelled: asyncio.CancelledError | None = None
    while not work.done():
        try:
            await asyncio.wait([work])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        if not work.cancelled():
            work.exception()  # retrieved, or asyncio would log it
        raise cancelled
    return work.result()


def run(steps: Steps[T]) -> T:
    """Run to the end in this thread.

    A step's exception is raised where the generator waits for it, and so is an interrupt between two steps: a
    generator that is dropped instead couldn't wait for anything while it cleans up.
    """
    result: Any = None
    error: BaseException | None = None
    while True:
        try:
            while True:
                # Outside the except block: what the generator raises instead must not show the step's exception.
                step = steps.send(result) if error is None else steps.throw(error)
                result = error = None
                result = step.run()
        except BaseException as raised:
            error = raised if inspect.getgeneratorstate(steps) != inspect.GEN_CLOSED else None
            if error is None:
                if isinstance(raised, StopIteration):
                    return cast("T", raised.value)
                raise


async def run_async(steps: Steps[T]) -> T:
    """Run to the end in this task. A step's exception, a cancellation too, is raised where the generator waits."""
    result: Any = None
    error: BaseException | None = None
    while True:
        try:
            while True:
                # Outside the except block: what the generator raises instead must not show the step's exception.
                step = steps.send(result) if error is None else steps.throw(error)
                result = error = None
                result = await step.run_async()
        except BaseException as raised:
            error = raised if inspect.getgeneratorstate(steps) != inspect.GEN_CLOSED else None
            if error is None:
                if isinstance(raised, StopIteration):
                    return cast("T", raised.value)
                raise
