"""Sum a large file with pyarrow: only the needed columns, block by block, with the same results."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from attrs import frozen

from ._arrow import convert_blocks
from ._arrow_columns import (
    CODED,
    NUMBER,
    TEXT,
    ArrowArray,
    RefusedError,
    different_dates,
    integer_array,
    numbers,
    pc,
    read_block,
)
from ._cells import EXACT, ZERO
from ._group_by import Sums
from ._model import CREDIT_SKU

if TYPE_CHECKING:
    from ._group_by import GroupBy
    from ._layout import Layout
    from ._model import LineItem
    from ._parser import SyncState


try:
    # The public module, which Table.group_by uses, imports pandas if that's installed: longer than most sums take.
    _acero: Any = import_module("pyarrow._acero")
except ImportError:
    _acero = import_module("pyarrow.acero")

# Large enough that the costs of each block don't show.
_BLOCK = 2 * 1024 * 1024
# The groups of several blocks are merged once there are this many.
_MAX_GROUPS = 64 * 1024
# pyarrow doesn't notice when a sum overflows its 38 digits, 18 of them after the point.
_MAX_SUM = 10**20
_VALUES = ("amount", "quantity", "lines")
# A row's days tell whether it's an item, so they are always read and checked.
_DAYS = ("Date", "Usage Date")


@frozen
class _BlockSums:
    """The sums of one block: a row for each group, the credits of all, and an upper bound for any of its sums."""

    groups: pa.Table
    credits: Decimal
    bound: Decimal


def add_blocks(sums: Sums, state: SyncState, by: Sequence[GroupBy]) -> None:
    """Add all lines of a file."""

    def exact(lines: Sequence[LineItem]) -> Sums | _BlockSums:
        block = Sums()
        block.add_lines(lines, by)
        return block

    fast = partial(_from_block, layout=state.layout, by=by)
    waiting: list[pa.Table] = []
    groups, bound = 0, ZERO
    for block in convert_blocks(state, fast, exact, block_size=_BLOCK):
        if isinstance(block, Sums):
            sums.merge(block)
            continue
        if groups > _MAX_GROUPS or EXACT.add(bound, block.bound) >= _MAX_SUM:
            _add(sums, waiting, by)
            waiting, groups, bound = [], 0, ZERO
        waiting.append(block.groups)
        groups, bound = groups + len(block.groups), EXACT.add(bound, block.bound)
        sums.add_credits(block.credits)
    if waiting:
        _add(sums, waiting, by)


def _from_block(block: bytes | bytearray, layout: Layout, by: Sequence[GroupBy]) -> tuple[Sums | _BlockSums, int]:
    """Read the needed columns and sum them."""
    names = dict.fromkeys([*_DAYS, *(part.column for part in by), "SKU", "Amount", "Quantity"])
    columns = read_block(block, layout, [name for name in names if name in layout.names])
    for name in _DAYS:
        different_dates(columns[name])
    rows = len(columns["Usage Date"])
    keys = [_coded(columns.get(part.column), rows) for part in by]
    try:
        for part, key in zip(by, keys, strict=True):
            if part.from_cell is not str:
                for text in key.dictionary.to_pylist():
                    part.from_cell(text)
    except ValueError as error:
        raise RefusedError from error
    amount, quantity = (_summable(columns.get(name), rows) for name in ("Amount", "Quantity"))
    bound = EXACT.multiply(Decimal(rows), max(_largest(amount), _largest(quantity)))
    if bound >= _MAX_SUM:
        raise RefusedError
    groups = _group([*keys, amount, quantity], len(by), ([], "hash_count_all", None, "lines"))
    return _BlockSums(groups, _credits(columns["SKU"], amount), bound), rows


def _add(sums: Sums, tables: Sequence[pa.Table], by: Sequence[GroupBy]) -> None:
    """Add the groups of several blocks, which have many keys in common."""
    columns: Any = pa.concat_tables(tables).columns
    table: Any = _group(columns, len(by), ("lines", "hash_sum", None, "lines"))
    parts = [
        [None if cell is None else part.from_cell(cell) for cell in table[str(number)].to_pylist()]
        for number, part in enumerate(by)
    ]
    keys = zip(*parts, strict=True)
    for key, amount, quantity, lines in zip(keys, *(table[name].to_pylist() for name in _VALUES), strict=True):
        sums.add(key, amount or ZERO, quantity or ZERO, lines)


def _group(columns: Sequence[ArrowArray], keys: int, lines: tuple[object, ...]) -> pa.Table:
    """Return a row for each combination of the first `keys` columns: the sums of the next two, and its lines."""
    names = [*(str(number) for number in range(keys)), *_VALUES]
    table: Any = pa.Table.from_arrays(list(columns), names[: len(columns)])
    aggregates = [(name, "hash_sum", None, name) for name in ("amount", "quantity")]
    steps = [
        _acero.Declaration("table_source", _acero.TableSourceNodeOptions(table)),
        _acero.Declaration("aggregate", _acero.AggregateNodeOptions([*aggregates, lines], names[: -len(_VALUES)])),
    ]
    groups: Any = _acero.Declaration.from_sequence(steps).to_table(use_threads=False)
    # The index of a null key may be any number, and unify_dictionaries would look there.
    found = [groups[name].cast(TEXT) for name in names[:keys]] + [groups[name] for name in _VALUES]
    return pa.Table.from_arrays(found, names)


def _coded(column: ArrowArray | None, rows: int) -> ArrowArray:
    if column is None:
        return pa.nulls(rows, CODED)
    return column if pa.types.is_dictionary(column.type) else column.dictionary_encode()


def _summable(column: ArrowArray | None, rows: int) -> ArrowArray:
    if column is None:
        return pa.nulls(rows, NUMBER)
    values = numbers(column)
    if values.type != NUMBER:
        raise RefusedError
    return values


def _largest(values: ArrowArray) -> Decimal:
    ends: dict[str, Decimal | None] = pc.min_max(values).as_py()
    return max((end or ZERO).copy_abs() for end in ends.values())


def _credits(sku: ArrowArray, amount: ArrowArray) -> Decimal:
    names = sku.dictionary.to_pylist()
    if CREDIT_SKU not in names:
        return ZERO
    (code,) = integer_array([names.index(CREDIT_SKU)]).cast(pa.int32())
    total: Decimal | None = pc.sum(amount.filter(pc.equal(sku.indices, code))).as_py()
    return total or ZERO
