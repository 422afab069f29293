"""Progress for people: a bar on stderr while the command works, and a line when it waits for the server."""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import NamedTuple

from . import _output

# A bar that is gone at once only flickers.
_DELAY = 0.5
_REFRESH = 0.1
# Shorter waits need no line.
_LONG_WAIT = 1.0


class Measure(NamedTuple):
    """How far the work has come: bytes and, if known, how many there will be; or invoices of how many, too."""

    size: int = 0
    total_size: int | None = None
    done: int = 0
    total: int | None = None


def shows_bars() -> bool:
    """Whether somebody looks at stderr and wants to see bars."""
    dull = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return sys.stderr.isatty() and not (dull or _output.verbosity.quiet or _output.verbosity.verbose)


@contextmanager
def bar(title: str, measure: Callable[[], Measure] | None = None, *, to_stdout: bool = False) -> Iterator[None]:
    """Show a bar while the block runs, if that takes longer than a moment; without `measure`, only for how long.

    Nothing is shown if the block writes `to_stdout` and that is a terminal, which would mix both.
    """
    if not shows_bars() or (to_stdout and sys.stdout.isatty()):
        yield
        return
    ended, drawing = threading.Event(), threading.Event()
    arguments = (title, measure, ended, drawing)
    thread = threading.Thread(target=_draw, args=arguments, name="atlas-invoices-progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        # Importing rich takes longer than an interrupt should, so don't wait for a bar that isn't drawn yet.
        if drawing.is_set():
            thread.join()


def _draw(title: str, measure: Callable[[], Measure] | None, ended: threading.Event, drawing: threading.Event) -> None:
    if ended.wait(_DELAY):
        return
    from rich import progress as rich
    from rich.console import Console

    columns: list[rich.ProgressColumn] = [rich.TextColumn("{task.description}", markup=False), rich.BarColumn(None)]
    if measure:
        columns.append(rich.TextColumn("{task.fields[count]}", markup=False))
        columns += [rich.DownloadColumn(), rich.TransferSpeedColumn(), rich.TimeRemainingColumn()]
    else:
        columns.append(rich.TimeElapsedColumn())
    # Messages meanwhile are printed above the bar; what goes to stdout is data.
    progress = rich.Progress(
        *columns, console=Console(stderr=True), transient=True, auto_refresh=False, redirect_stdout=False, expand=True
    )
    drawing.set()
    if ended.is_set():
        return
    with progress:
        task = progress.add_task(title, total=None, count="")
        while not ended.wait(_REFRESH):
            now = measure() if measure else Measure()
            count, total = "", now.total_size
            if now.total is not None:
                count = f"{now.done} of {now.total}"
                # What the others weigh isn't known; they are about as large as those that are there.
                total = round(now.size / now.done * now.total) if now.done else None
            progress.update(task, completed=now.size, total=total, count=count, refresh=True)


def announce_waits() -> None:
    """Print a line when a request has to wait for longer than a moment; -v prints more than that."""
    logger = logging.getLogger("atlas_invoices")
    if not _output.verbosity.verbose and not any(isinstance(each, _WaitHandler) for each in logger.handlers):
        logger.addHandler(_WaitHandler())
        logger.setLevel(logging.INFO)


class _WaitHandler(logging.Handler):
    """Prints a line when a request waits for the rate limit or its next attempt, and until when; and warnings."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self._until = 0.0

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.WARNING:
            _output.warning(record.getMessage())
            return
        wait = getattr(record, "wait", 0.0)
        until = time.time() + wait
        # Parallel requests wait for the same moment.
        if wait >= _LONG_WAIT and until > self._until + _LONG_WAIT:
            self._until = until
            _output.note(f"{record.getMessage()} (until {datetime.fromtimestamp(until):%H:%M:%S})")  # noqa: DTZ006 - the time on the person's clock
