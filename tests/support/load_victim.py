"""Load in processes that kill themselves: `python load_victim.py`, with `[target, folder, step]` in JSON on stdin.

A process kills itself at the given step: each batch of lines that a table takes is one, and so is the end of an
invoice, before it's committed, and after. The answer is `killed`, `done` or `failed`. Forked, to save the imports.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import atlas_invoices as ai
from atlas_invoices._csv import _arrow
from atlas_invoices._load import _rows


def work(target: str, folder: str, step: int) -> None:
    steps = 0

    def count(*_: object) -> None:
        nonlocal steps
        steps += 1
        if steps == step:
            os.kill(os.getpid(), signal.SIGKILL)

    # Several batches for each invoice.
    _arrow._BLOCK_SIZE = 1024
    batches = _rows.InvoiceRows.batches

    def counted(self: _rows.InvoiceRows) -> Iterator[Any]:
        for batch in batches(self):
            count()
            yield batch
        count()

    _rows.InvoiceRows.batches = counted  # type: ignore[method-assign] # the steps are counted
    ai.load(target, folder, on_progress=count)


def answer(work: Callable[..., None]) -> None:
    """Do the work of each line of stdin in a fork, and say how that ended."""
    # Of forks in a process with threads, which pyarrow may have; a child starts its own.
    warnings.simplefilter("ignore", DeprecationWarning)
    while line := sys.stdin.readline():
        _, status = os.waitpid(_fork_and_work(work, json.loads(line)), 0)
        print("killed" if os.WIFSIGNALED(status) else "failed" if os.WEXITSTATUS(status) else "done", flush=True)  # noqa: T201 - what the test reads


def _fork_and_work(work: Callable[..., None], arguments: list[Any]) -> int:
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        work(*arguments)
        status = 0
    finally:
        os._exit(status)


if __name__ == "__main__":
    answer(work)
