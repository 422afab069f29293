"""Steps mean the same in a thread and in a task: results, errors, and what cleans up after them."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from attrs import frozen

from atlas_invoices._http._steps import Blocking, Sleep, Steps, run, run_async


def run_in_a_task(steps: Steps[Any]) -> Any:
    return asyncio.run(run_async(steps))


RUNNERS = pytest.mark.parametrize("runner", [run, run_in_a_task])
Runner = Callable[[Steps[Any]], Any]


@frozen
class Answer:
    """A step with a known result."""

    value: object

    def run(self) -> object:
        if isinstance(self.value, BaseException):
            raise self.value
        return self.value

    async def run_async(self) -> object:
        return self.run()


@RUNNERS
def test_each_step_hands_its_result_back(runner: Runner) -> None:
    def steps() -> Steps[object]:
        first = yield Answer(1)
        yield Sleep(0)
        second = yield Answer(first + 1)
        return first, second

    assert runner(steps()) == (1, 2)


@RUNNERS
def test_an_error_is_raised_where_the_generator_waits(runner: Runner) -> None:
    def steps() -> Steps[object]:
        try:
            yield Answer(OSError("broken"))
        except OSError as error:
            again = yield Answer("again")
            return str(error), again
        return None

    assert runner(steps()) == ("broken", "again")


@RUNNERS
@pytest.mark.parametrize("error", [ValueError("nobody's"), KeyboardInterrupt()], ids=["error", "interrupt"])
def test_an_error_nobody_handles_ends_it_after_its_cleaning_up(runner: Runner, error: BaseException) -> None:
    done = []

    def steps() -> Steps[None]:
        try:
            yield Answer(error)
        finally:
            done.append((yield Answer("closed")))

    with pytest.raises(type(error)):
        runner(steps())
    assert done == ["closed"]


@RUNNERS
def test_an_interrupt_between_two_steps_reaches_the_generator(runner: Runner) -> None:
    class Interrupted:
        def __getattribute__(self, name: str) -> Any:
            raise KeyboardInterrupt

    done = []

    def steps() -> Steps[None]:
        try:
            yield Interrupted()
        finally:
            done.append((yield Answer("closed")))

    with pytest.raises(KeyboardInterrupt):
        runner(steps())
    assert done == ["closed"]


def test_what_blocks_runs_here_or_in_another_thread() -> None:
    def steps() -> Steps[int]:
        return (yield Blocking(threading.get_ident))

    assert run(steps()) == threading.get_ident()
    assert run_in_a_task(steps()) != threading.get_ident()


def test_what_blocks_has_ended_when_its_cancellation_is_raised() -> None:
    done = []

    def work() -> None:
        time.sleep(0.3)
        done.append("worked")

    def steps() -> Steps[None]:
        try:
            yield Blocking(work)
        finally:
            done.append((yield Answer("closed")))

    async def main() -> None:
        task = asyncio.create_task(run_async(steps()))
        for _ in range(2):  # cancelled once more while it waits
            await asyncio.sleep(0.05)
            task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert done == ["worked", "closed"]


def test_what_only_reads_can_be_left_at_once() -> None:
    goes_on = threading.Event()

    def steps() -> Steps[bool]:
        return (yield Blocking(lambda: goes_on.wait(5), abandon_on_cancel=True))

    async def main() -> float:
        task = asyncio.create_task(run_async(steps()))
        await asyncio.sleep(0.05)
        began = time.monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        took = time.monotonic() - began
        goes_on.set()
        return took

    assert asyncio.run(main()) < 1


@RUNNERS
def test_an_error_that_stands_for_a_step_s_shows_nothing_of_it(runner: Runner) -> None:
    def steps() -> Steps[None]:
        try:
            yield Answer(OSError("with a secret in its frames"))
        except OSError:
            failure = ValueError("plain")
        raise failure

    with pytest.raises(ValueError, match="plain") as caught:
        runner(steps())
    assert caught.value.__context__ is None


def test_a_cancelled_task_cleans_up() -> None:
    done = []

    def steps() -> Steps[None]:
        try:
            yield Sleep(60)
        finally:
            done.append((yield Answer("closed")))

    async def main() -> None:
        task = asyncio.create_task(run_async(steps()))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert done == ["closed"]
