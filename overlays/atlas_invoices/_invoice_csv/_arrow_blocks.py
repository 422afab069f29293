"""Blocks through pyarrow on every core, in file order, with the parser of record for those it must not have."""

from __future__ import annotations

import os
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from atlas_invoices._invoice_csv._arrow_columns import RefusedError
from atlas_invoices._invoice_csv._exact_blocks import exact_length

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from atlas_invoices._invoice_csv._line_item import LineItem
    from atlas_invoices._invoice_csv._reader import Pass

T = TypeVar("T")


class _Task(NamedTuple):
    block: bytes
    final: bool
    line: int
    future: Future[object]


def convert_blocks(
    reading: Pass, fast: Callable[[bytes], T], exact: Callable[[Sequence[LineItem]], T], *, block_size: int
) -> Iterator[T]:
    """One result for each block of the file, in order: by `fast`, or by `exact` from the typed lines.

    `fast` runs in threads and raises RefusedError for a block that the parser of record must read.
    """
    workers = min(4, os.cpu_count() or 1)
    tasks: deque[_Task] = deque()
    try:
        with ThreadPoolExecutor(workers, thread_name_prefix="atlas-invoices") as pool:
            for block, final in _blocks(reading, block_size):
                parser = reading.parser
                length = exact_length(block) if parser.fast else 0
                if length:
                    if length < len(block):
                        parser.buffer.unread(block[length:])
                        block = block[:length]  # noqa: PLW2901 - the rest comes back with the next block
                    tasks.append(_Task(block, final, parser.line, pool.submit(fast, block)))
                    parser.line += block.count(b"\n")
                else:
                    while tasks:
                        yield _result(reading, tasks.popleft(), exact)
                    yield exact([line for lines in parser.parse(block, final=final) for line in lines])
                if len(tasks) > workers:
                    yield _result(reading, tasks.popleft(), exact)
            while tasks:
                yield _result(reading, tasks.popleft(), exact)
    finally:
        for task in tasks:
            task.future.cancel()
        reading.close()


def _result(reading: Pass, task: _Task, exact: Callable[[Sequence[LineItem]], T]) -> T:
    parser = reading.parser
    if parser.fast:
        try:
            return task.future.result()  # type: ignore[return-value] # a _Task can't be generic in Python 3.11's typing
        except RefusedError:
            pass
    # The rows of this block are whole, so nothing of it goes back to the buffer.
    ahead, parser.line = parser.line, task.line
    lines = [line for lines in parser.parse(task.block, final=task.final) for line in lines]
    parser.line = ahead
    return exact(lines)


def _blocks(reading: Pass, block_size: int) -> Iterator[tuple[bytes, bool]]:
    buffer = reading.parser.buffer
    buffer.block_size = block_size
    for piece in reading.pieces:
        buffer.push(piece)
        while (block := buffer.take()) is not None:
            yield block, False
    while (block := buffer.take(final=True)) is not None:
        yield block, True
