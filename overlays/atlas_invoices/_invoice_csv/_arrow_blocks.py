"""Blocks through pyarrow on every core, in file order, with the parser of record for those it must not have."""

from __future__ import annotations

import os
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

from ._arrow_columns import RefusedError
from ._exact_blocks import exact_length

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ._line_item import LineItem
    from ._parser import Parser
    from ._reader import Pass

T = TypeVar("T")
# Blocks that wait, so that no thread is idle while the caller writes a group of them: a tenth faster.
_AHEAD = 2
# pyarrow takes some kilobytes for each column of each block; a file with so many is read in less by the parser.
_MOST_COLUMNS = 1000


class _Task(NamedTuple, Generic[T]):
    block: bytes
    final: bool
    breaks: int
    future: Future[tuple[T, int]]


def convert_blocks(
    reading: Pass, fast: Callable[[bytes], tuple[T, int]], exact: Callable[[Sequence[LineItem]], T], *, block_size: int
) -> Iterator[T]:
    """One result for each block of the file, in order: by `fast`, or by `exact` from the typed lines.

    `fast` runs in threads and gives its number of rows, too; it raises RefusedError for a block that the parser of
    record must read.
    """
    workers = min(4, os.cpu_count() or 1)
    tasks: deque[_Task[T]] = deque()
    parser = reading.parser
    parser.buffer.block_size = block_size
    narrow = reading.layout.width <= _MOST_COLUMNS
    try:
        with ThreadPoolExecutor(workers, thread_name_prefix="atlas-invoices") as pool:
            for block, final in reading.blocks():
                length, breaks = exact_length(block) if parser.fast and narrow else (0, 0)
                if length:
                    if length < len(block):
                        parser.buffer.unread(block[length:])
                        block = block[:length]  # noqa: PLW2901 - the rest comes back with the next block
                    tasks.append(_Task(block, final, breaks, pool.submit(fast, block)))
                else:
                    while tasks:
                        yield _result(parser, tasks.popleft(), exact)
                    yield exact([line for lines in parser.parse(block, final=final) for line in lines])
                if len(tasks) > workers + _AHEAD:
                    yield _result(parser, tasks.popleft(), exact)
            while tasks:
                yield _result(parser, tasks.popleft(), exact)
    finally:
        for task in tasks:
            task.future.cancel()
        reading.close()


def _result(parser: Parser, task: _Task[T], exact: Callable[[Sequence[LineItem]], T]) -> T:
    """A block's result; the parser's line goes on to the block behind it."""
    if parser.fast:
        try:
            result, rows = task.future.result()
        except RefusedError:
            pass
        else:
            # Counting the line breaks would take longer than many of the columns.
            parser.line += rows + task.breaks
            return result
    # The rows of this block are whole, so nothing of it goes back to the buffer.
    return exact([line for lines in parser.parse(task.block, final=task.final) for line in lines])
