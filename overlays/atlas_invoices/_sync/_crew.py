"""Some threads that work through a list, and can be told to stop: prompt even while one waits for a slow server."""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

T = TypeVar("T")
R = TypeVar("R")

# In steps: on Windows a wait without end is deaf to Ctrl-C.
_STEP_SECONDS = 0.5


class Crew(Generic[T, R]):
    """Threads that call `work` with each item, in order, some at a time.

    They are daemons: an interrupted program needn't wait until the last server has answered.
    """

    def __init__(self, work: Callable[[T], R], items: Iterable[T], size: int) -> None:
        """Nothing runs yet."""
        self._work = work
        self._items = deque(items)
        self._stop = threading.Event()
        # A result, an exception that `work` should not have raised, or None for a thread that has ended.
        self._out: queue.SimpleQueue[tuple[R] | BaseException | None] = queue.SimpleQueue()
        self._threads = [
            threading.Thread(target=self._run, name=f"atlas-invoices-sync-{n}", daemon=True)
            for n in range(min(size, len(self._items)))
        ]
        self._running = 0

    def start(self) -> None:
        """Let them begin."""
        for thread in self._threads:
            thread.start()
            self._running += 1

    def results(self, seconds: float | None = None, *, raising: bool = True) -> Iterator[R]:
        """Yield what `work` returned, as it comes, until all threads have ended or the time is up.

        What it should not have raised is raised here, but not without `raising`: where something has been already.
        """
        end = None if seconds is None else time.monotonic() + seconds
        while self._running and (end is None or time.monotonic() < end):
            try:
                got = self._out.get(timeout=_STEP_SECONDS if end is None else max(0.0, end - time.monotonic()))
            except queue.Empty:
                continue
            if got is None:
                self._running -= 1
            elif isinstance(got, BaseException):
                if raising:
                    raise got
            else:
                yield got[0]

    def stop(self) -> None:
        """Begin nothing more; what is under way goes on to its end."""
        self._stop.set()

    @property
    def at_work(self) -> bool:
        """Whether a thread hasn't ended."""
        return self._running > 0

    def when_ended(self, then: Callable[[], object]) -> None:
        """Call `then` when the last thread has ended, without waiting for that."""

        def wait() -> None:
            for thread in self._threads:
                thread.join()
            then()

        threading.Thread(target=wait, name="atlas-invoices-sync-end", daemon=True).start()

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                try:
                    item = self._items.popleft()
                except IndexError:
                    break
                self._out.put((self._work(item),))
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that waits for results
            self._out.put(error)
        finally:
            self._out.put(None)
