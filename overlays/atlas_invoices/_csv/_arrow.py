"""Read invoices with pyarrow, block by block, in threads. A block that it might read differently goes to the parser.

The parser of record (`_parser`) finds the header row, cuts the blocks and alone decides what a damaged file means. Here
pyarrow reads whole blocks, and each is checked: the quotes around its cells, line ends, UTF-8, the width of its rows
(by pyarrow), days, numbers. Whatever fails a check is parsed again, and if it's wrong, the parser's error says where.
"""

from __future__ import annotations

import datetime as dt
import re
from array import array
from codecs import BOM_UTF8
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import lru_cache, partial
from itertools import accumulate, chain
from typing import Any, Generic, NamedTuple, TypeAlias, TypeVar

import pyarrow as pa
import pyarrow.compute
from pyarrow import csv as arrow_csv

from ._cells import MAX_CELL, parse_date
from ._columns import COLUMNS, Kind
from ._invoices import OpenInvoice, naming
from ._layout import Layout
from ._model import LineItem
from ._parser import SyncState
from ._sources import Block, BlockCutter, end_of_rows, has_long_row

# The stubs know neither which kind of array a column is nor most of these functions' parameters.
ArrowArray: TypeAlias = Any
pc: Any = pyarrow.compute
# The stubs want the type as a literal.
nulls: Any = pa.nulls

TEXT = pa.string()
CODED = pa.dictionary(pa.int32(), TEXT)
DAY = pa.date32()
_INTEGER: pa.DataType = pa.int64()
_BYTE, _OFFSET = pa.uint8(), pa.int32()
_EPOCH = dt.date(1970, 1, 1).toordinal()
_AFTER_CELL, _BEFORE_CELL = (
    pa.Array.from_buffers(_BYTE, len(ends), [None, pa.py_buffer(ends)]) for ends in (b",\r\n", b",\n")
)
T = TypeVar("T")

# Numbers that repeat are converted once.
_REPEATED = {"unit_price", "discount_percent"}
# Each block costs a millisecond whatever is in it, and each takes several times its size in every thread.
_BLOCK_SIZE = 4 * 1024 * 1024
SUM_BLOCK_SIZE = 1792 * 1024
STREAM_BLOCK_SIZE = 1024 * 1024
# Blocks that wait, so that no thread is idle while the caller reads or works on a result.
_AHEAD = 3
# pyarrow needs some kilobytes for each column of each block; with more columns the parser needs less.
_MAX_COLUMNS = 1000


class RefusedError(Exception):
    """Only the parser may read this block: pyarrow can't, or might read it differently."""


class Piece(NamedTuple, Generic[T]):
    """The result of one block, whose line numbers count from `first_line`."""

    source: OpenInvoice
    first_line: int
    result: T


class _Task(NamedTuple, Generic[T]):
    source: OpenInvoice
    state: SyncState
    # `None` at the end of the invoice.
    block: Block | None
    # How to read the block, and its result and number of lines; `None` for a block that only the parser may read.
    call: Callable[[], tuple[T, int]] | None = None
    future: Future[tuple[T, int]] | None = None


# From a block's layout, its bytes, and the number of newlines in its cells: the result, and its number of lines.
Fast: TypeAlias = Callable[[Layout, Block, int], tuple[T, int]]


def convert_blocks(
    sources: Iterable[OpenInvoice],
    fast: Fast[T],
    exact: Callable[[Sequence[LineItem]], T],
    *,
    block_size: int | None = None,
) -> Generator[Piece[T], None, None]:
    """Yield one result for each block of each invoice, in order: by `fast`, or by `exact` from the typed lines.

    `fast` runs in threads, and raises RefusedError for a block that only the parser may read. Errors name the invoice.
    """
    # All cores, unless OMP_NUM_THREADS says otherwise, as Spark does for its tasks; one is the caller's.
    workers = max(1, min(4, pa.cpu_count()) - 1)
    block_size = min(block_size or _BLOCK_SIZE, _BLOCK_SIZE)
    tasks: deque[_Task[T]] = deque()
    pool = ThreadPoolExecutor(workers, thread_name_prefix="atlas-invoices")
    try:
        for source in sources:
            for task in _tasks(source, fast, pool, block_size):
                tasks.append(task)
                # The parser may put the end of its block back, so no later one is taken before.
                in_order = task.block is not None and task.future is None
                yield from _finish_all(tasks, exact, keep=0 if in_order else workers + _AHEAD)
        yield from _finish_all(tasks, exact)
    finally:
        # After an interrupt, blocks that haven't begun would keep the user waiting.
        pool.shutdown(cancel_futures=True)


def _tasks(
    source: OpenInvoice, fast: Fast[T], pool: ThreadPoolExecutor, block_size: int
) -> Generator[_Task[T], None, None]:
    with naming(source.name):
        state = source.invoice.start_pass()
        layout = state.layout
        state.cutter.block_size = block_size
        simple = layout.width <= _MAX_COLUMNS and layout.is_regular
        try:
            for block in state.blocks():
                fits = simple and block.may_have_columns(layout.width)
                breaks = None
                if state.only_items and fits:
                    block, breaks = _whole_rows(block, state.cutter)  # noqa: PLW2901 - the rest comes next
                if breaks is None and state.recut(block):
                    continue
                if breaks is None:
                    yield _Task(source, state, block)
                else:
                    call = partial(fast, layout, block, breaks)
                    yield _Task(source, state, block, call, pool.submit(call))
            yield _Task(source, state, None)
        finally:
            state.close()


def _finish_all(
    tasks: deque[_Task[T]], exact: Callable[[Sequence[LineItem]], T], *, keep: int = 0
) -> Iterator[Piece[T]]:
    """Yield the results in order, all but the last `keep`."""
    while len(tasks) > keep:
        first = tasks[0].future
        # The caller helps: with a thread more than there are cores, one that holds the GIL may have to wait for a core.
        if first is None or first.done() or not _help(tasks):
            yield from _finish(tasks, exact)


def _help(tasks: deque[_Task[T]]) -> bool:
    """Read the last block that no thread has begun to read, if there is one."""
    for number in reversed(range(len(tasks))):
        task = tasks[number]
        if task.call and task.future and task.future.cancel():
            done: Future[tuple[T, int]] = Future()
            try:
                done.set_result(task.call())
            except RefusedError as error:
                done.set_exception(error)
            tasks[number] = task._replace(future=done)
            return True
    return False


def _finish(tasks: deque[_Task[T]], exact: Callable[[Sequence[LineItem]], T]) -> Iterator[Piece[T]]:
    """Yield the first block's result, and count its lines."""
    source, state, block, _, future = tasks.popleft()
    if block is None:
        state.finish()
        return
    if future is not None and state.only_items:
        with suppress(RefusedError):
            result, lines = future.result()
            first_line = state.line_number
            state.line_number += lines
            yield Piece(source, first_line, result)
            return
    held = state.cutter.size
    if future is not None and block.data.count(b'"') % 2:
        state.cutter.counts_quotes = True
        state.cutter.put_back(block.data)
    else:
        yield _parse(source, state, block, exact)
    rest = state.cutter.size - held
    if future is not None and rest:
        # To the parser, a quote within a cell may open one that ends in a later block, which was taken before.
        later = []
        while tasks and tasks[0].source is source:
            later.append(tasks.popleft().block)
        is_last = bool(later) and later[-1] is None
        state.cutter.put_back(b"".join(each.data for each in later if each), after=rest)
        while again := state.cutter.take(final=is_last):
            yield _parse(source, state, again, exact)
        if is_last:
            state.finish()


def _parse(source: OpenInvoice, state: SyncState, block: Block, exact: Callable[[Sequence[LineItem]], T]) -> Piece[T]:
    with naming(source.name):
        return Piece(source, 0, exact(list(chain.from_iterable(state.parse(block)))))


_has_newline = re.compile(b"\n").search
# A cell in quotes, from its first one. Unlike the parser, pyarrow accepts text after the last.
_quoted_cell = re.compile(rb'(?<![^,\n])"[^"]*+(?:""[^"]*+)*+"(?=[,\r\n]|\Z)').match
# With more quotes than this at the beginning of a block, it takes longer to look at them one by one.
_FEW_QUOTES, _BEGINNING = 100, 64 * 1024


def _whole_rows(block: Block, cutter: BlockCutter) -> tuple[Block, int | None]:
    """Return the block, without a row that it cuts, which is put back, and the number of newlines in its cells.

    That is `None` if these still aren't whole rows or have a quote where none belongs.
    """
    while block.is_whole:
        data = block.data
        few = data.count(b'"', 0, _BEGINNING) <= _FEW_QUOTES
        if few and (places := _find_quotes(data)) is not None:
            breaks = sum(data.count(b"\n", *cell) for cell in zip(places[::2], places[1::2], strict=True))
            return block, None if breaks and has_long_row(data) else breaks
        # By turns outside of quotes and within. Other threads run meanwhile, which they wouldn't with `re`.
        texts = pc.split_pattern(_single_value(data), b'"').values
        if not _are_around_cells(texts):
            break
        if len(texts) % 2:
            breaks = _breaks_in_cells(texts)
            return block, None if breaks and has_long_row(data) else breaks
        # The last cell goes on in the next block.
        start = end_of_rows(data, 0, len(data))
        if not start or cutter.counts_quotes:
            break
        cutter.put_back(data[start:])
        block = Block(data[:start], is_last=False)
    return block, None


def _find_quotes(data: bytes | bytearray) -> list[int] | None:
    """Return the places of the quotes around cells; `None` if a cell is cut, or has a quote where none belongs."""
    places: list[int] = []
    end = 0
    while (start := data.find(b'"', end)) >= 0:
        cell = _quoted_cell(data, start)
        if cell is None:
            return None
        end = cell.end()
        places += (start, end - 1)
    return places


def _are_around_cells(texts: ArrowArray) -> bool:
    """Whether the quotes between these texts are around whole cells, or doubled in them."""
    count, (_, offsets, data) = len(texts), texts.buffers()
    characters = pa.Array.from_buffers(_BYTE, data.size, [None, data])
    places = pa.Array.from_buffers(_OFFSET, count + 1, [None, offsets])
    places = places[: (count + 1) // 2 * 2]
    starts, ends = _every_second(places, 0), _every_second(places, 1)
    # Doubled quotes have nothing between them. Anything may stand before the first quote and after the last.
    filled = pc.not_equal(starts, ends)
    after = starts[1:].filter(filled[1:])
    before = pc.subtract(ends.filter(filled), scalar(1, _OFFSET))
    if count % 2 and filled[-1].as_py():
        before = before[:-1]
    return all(
        pc.all(pc.is_in(characters.take(where), value_set=allowed), min_count=0).as_py()
        for where, allowed in ((after, _AFTER_CELL), (before, _BEFORE_CELL))
    )


def _breaks_in_cells(texts: ArrowArray) -> int:
    """Return the number of newlines in the texts that are within quotes."""
    cells: bytes = _every_second(texts, 1).buffers()[2].to_pybytes()
    return cells.count(b"\n")


def _every_second(values: ArrowArray, first: int) -> ArrowArray:
    bits = bytes([0b01010101 << first]) * (len(values) // 8 + 1)
    return values.filter(pa.Array.from_buffers(pa.bool_(), len(values), [None, pa.py_buffer(bits)]))


def read_block(
    layout: Layout, block: Block, breaks: int, positions: Iterable[int], *, coded: bool = False
) -> list[ArrowArray]:
    """Return the columns at these positions as text, null where empty.

    Days, and numbers that repeat, are dictionaries; with `coded` also the known columns of text. A row's days tell
    whether it's an item, so both are always read and checked.
    """
    data = block.data
    # pyarrow keeps NUL, skips a BOM at the start of whatever it is given, and ends a row at a lone CR.
    if b"\0" in data or data.startswith(BOM_UTF8) or not _is_utf8(data):
        raise RefusedError
    if b"\r" in data and data.count(b"\r") != data.count(b"\r\n"):
        raise RefusedError
    known = [(column, place) for column, place in zip(COLUMNS, layout.known, strict=True) if place is not None]
    dates = [place for column, place in known if column.kind is Kind.DATE]
    repeats = {*dates, *(place for column, place in known if column.field in _REPEATED)}
    if coded:
        repeats |= {place for column, place in known if column.kind is Kind.TEXT}
    wanted = list(dict.fromkeys([*dates, *positions]))
    try:
        buffer: Any = pa.BufferReader(data)
        table: Any = arrow_csv.read_csv(
            buffer,
            read_options=arrow_csv.ReadOptions(
                use_threads=False, block_size=len(data) + 1, column_names=[str(place) for place in range(layout.width)]
            ),
            # Blank lines are errors, so the lines of a block are its rows and the newlines in its cells.
            parse_options=arrow_csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
            convert_options=arrow_csv.ConvertOptions(
                include_columns=[str(position) for position in wanted],
                column_types={str(position): CODED if position in repeats else TEXT for position in wanted},
                # By default, NaN, NA and null are empty cells, too.
                null_values=[""],
                strings_can_be_null=True,
                check_utf8=False,  # the whole block was checked before
            ),
        )
    except pa.ArrowException as error:
        raise RefusedError from error
    has_long = bool(breaks) or _has_long_line(data)
    columns = {position: _only_chunk(table.column(str(position)), has_long) for position in wanted}
    try:
        for position in dates:
            for text in columns[position].dictionary.to_pylist():
                parse_date(text)
    except ValueError as error:
        raise RefusedError from error
    # A row without either day may be a trailing one.
    date, usage_date = (columns[position] for position in dates)
    if date.null_count and usage_date.null_count and pc.any(pc.and_(date.is_null(), usage_date.is_null())).as_py():
        raise RefusedError
    return [columns[position] for position in positions]


def _is_utf8(data: bytes | bytearray) -> bool:
    if data.isascii():
        return True
    try:
        _single_value(data).cast(TEXT)
    except pa.ArrowInvalid:
        return False
    return True


def _single_value(data: bytes | bytearray) -> ArrowArray:
    ends = (0).to_bytes(4, "little") + len(data).to_bytes(4, "little")
    return pa.Array.from_buffers(pa.binary(), 1, [None, pa.py_buffer(ends), pa.py_buffer(data)])


def _has_long_line(data: bytes | bytearray) -> bool:
    """Whether a line may have more than MAX_CELL bytes: none has if there is a newline in every half of that."""
    half = MAX_CELL // 2
    return any(data.find(b"\n", start, start + half) < 0 for start in range(0, len(data), half))


def _only_chunk(column: ArrowArray, has_long: bool) -> ArrowArray:
    if column.num_chunks != 1:
        raise RefusedError
    array = column.chunk(0)
    # These bytes may be more characters than csv allows in a cell; the parser decides.
    if has_long:
        texts = array.dictionary if pa.types.is_dictionary(array.type) else array
        if (pc.max(pc.binary_length(texts)).as_py() or 0) > MAX_CELL:
            raise RefusedError
    return array


def days(column: ArrowArray) -> ArrowArray:
    """Return an array of days, which `read_block` has checked."""
    return pc.strptime(column.dictionary, format="%m/%d/%Y", unit="s").cast(DAY).take(column.indices)


def text_array(values: Sequence[str]) -> ArrowArray:
    """Return an array of text. pa.array and pa.scalar would import pandas, which takes as long as many lines."""
    data = [value.encode() for value in values]
    ends = array("i", accumulate(map(len, data), initial=0))
    return pa.Array.from_buffers(TEXT, len(data), [None, pa.py_buffer(ends), pa.py_buffer(b"".join(data))])


def scalar(value: int | str | dt.date, kind: pa.DataType = _INTEGER) -> Any:  # noqa: ANN401 - see ArrowArray
    """Return a scalar."""
    if isinstance(value, str):
        return text_array([value])[0]
    number = value.toordinal() - _EPOCH if isinstance(value, dt.date) else value
    buffer = pa.py_buffer(number.to_bytes(kind.bit_width // 8, "little", signed=True))
    return pa.Array.from_buffers(kind, 1, [None, buffer])[0]


def row_numbers(rows: int, kind: pa.DataType = _INTEGER) -> ArrowArray:
    """Return 0, 1, 2 and so on."""
    return _row_numbers(1 << rows.bit_length(), kind)[:rows]


@lru_cache(maxsize=4)
def _row_numbers(rows: int, kind: pa.DataType) -> ArrowArray:
    one = scalar(1, kind)
    return pc.subtract(pc.cumulative_sum(pa.repeat(one, rows)), one)


def starting_lines(columns: Sequence[ArrowArray], rows: int, breaks: int) -> ArrowArray:
    """Return the line on which each row starts, from 0; `breaks` is the number of newlines in these columns."""
    lines = row_numbers(rows)
    for column in columns:
        if not breaks:
            break
        is_coded = pa.types.is_dictionary(column.type)
        texts = column.dictionary if is_coded else column
        characters = texts.buffers()[2]
        if characters is not None and _has_newline(characters):
            found = pc.count_substring(texts, "\n").cast(_INTEGER)
            found = pc.fill_null(found.take(column.indices) if is_coded else found, scalar(0))
            lines = pc.add(lines, pc.subtract(pc.cumulative_sum(found), found))
            breaks -= pc.sum(found).as_py() or 0
    return lines
