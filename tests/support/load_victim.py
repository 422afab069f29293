"""Load in processes that kill themselves: `python load_victim.py`, with `[target, folder, step]` in JSON on stdin.

A process kills itself at the given step: each batch of lines that a table takes is one, and so is the end of an
invoice, before it's committed, and after.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import Any

import atlas_invoices as ai
from atlas_invoices._csv import _arrow
from atlas_invoices._load import _rows
from forks import answer


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


if __name__ == "__main__":
    answer(work)
