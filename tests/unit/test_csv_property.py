"""Any lines written as any legal CSV read back equal; any bytes give lines or an InvoiceFormatError in every way."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atlas_invoices import InvoiceFormatError
from atlas_invoices._csv import (
    _arrow,
    _parser,
    _rows,
    _sources,
    _summary,
    read_csv,
    summarize,
    to_arrow,
)
from atlas_invoices._csv._split import split_rows
from invoice_lines import Invoice, fragments, invoices

# Most of these inputs have rows after the last item, or a name twice.
pytestmark = pytest.mark.filterwarnings("ignore:.*(after the last item|in `extra`):UserWarning")

NUMBERS = ("unit_price", "quantity", "discount_percent", "amount")
# A file is parsed in blocks; tiny ones put their borders everywhere.
SIZES = st.sampled_from([1, 7, 60, 64 * 1024])
# A row may have so many bytes; with few, rows are too long everywhere.
LIMITS = st.sampled_from([50, 1024 * 1024])
KEYS = st.lists(
    st.sampled_from(["project", "note", "sku", "date", "day", "month", "tag:a", "extra:X"]), min_size=1, max_size=3
)


@contextmanager
def blocks_of(size: int, limit: int = 1024 * 1024) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for module, name in [
            (_sources, "CHUNK_SIZE"),
            (_sources, "BLOCK_SIZE"),
            (_arrow, "_BLOCK_SIZE"),
        ]:
            patch.setattr(module, name, size)
        for module in (_sources, _rows, _parser):
            patch.setattr(module, "MAX_ROW", limit)
        # What tells other files apart is never more than a row may have.
        patch.setattr(_parser, "_START_SIZE", min(limit, 64 * 1024))
        yield


def chunks(data: bytes, size: int) -> Iterator[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))


def typed(data: bytes, size: int, limit: int = 1024 * 1024) -> tuple[Any, ...]:
    """The lines and trailing rows, or the error."""
    with blocks_of(size, limit):
        try:
            inv = read_csv(chunks(data, size))
            return [line._asdict() for line in inv], inv.trailing
        except InvoiceFormatError as error:
            refused = str(error), error.line_number, error.column
    assert len(refused[0]) < 400
    assert refused[0].isprintable()
    return refused


def arrow(data: bytes, size: int, limit: int = 1024 * 1024) -> tuple[Any, ...]:
    """The same by pyarrow."""
    with blocks_of(size, limit):
        try:
            inv = read_csv(chunks(data, size))
            table = to_arrow(inv)
        except InvoiceFormatError as error:
            return str(error), error.line_number, error.column
    table.validate(full=True)
    rows = table.drop_columns(["invoice_id", "period_start", "period_end"]).to_pylist()
    return [{**row, "tags": dict(row["tags"]), "extra": dict(row["extra"])} for row in rows], inv.trailing


def collected(data: bytes, size: int, limit: int = 1024 * 1024) -> tuple[Any, ...]:
    """The good lines, the errors and the trailing rows of a collecting reader."""
    with blocks_of(size, limit):
        try:
            inv = read_csv(chunks(data, size), on_error="collect")
        except InvoiceFormatError as error:
            return str(error), error.line_number, error.column
        return list(inv), [(str(error), error.line_number, error.column) for error in inv.errors], inv.trailing


@settings(max_examples=100, deadline=None)
@given(invoices(), SIZES)
def test_any_invoice_reads_back_equal(invoice: Invoice, size: int) -> None:
    assert typed(invoice.data, size) == (invoice.lines, ())


@settings(max_examples=100, deadline=None)
@given(invoices(), SIZES)
def test_a_table_has_the_same_rows(invoice: Invoice, size: int) -> None:
    read = arrow(invoice.data, size)
    if any(digits_together(invoice, name) > 38 for name in NUMBERS):
        assert 'pass decimals="round"' in read[0]
    else:
        assert read == (invoice.lines, ())


def digits_together(invoice: Invoice, name: str) -> int:
    """The digits of a type that holds all numbers of a column."""
    texts = [f"{line[name]:f}".lstrip("-") for line in invoice.lines if line[name] is not None]
    parts = [text.partition(".") for text in texts]
    whole = max([len(before.lstrip("0")) for before, _, _ in parts], default=0)
    decimals = max([len(after.rstrip("0")) for _, _, after in parts], default=0)
    return whole + decimals


@settings(max_examples=300, deadline=None)
@given(fragments, SIZES, SIZES, LIMITS)
def test_any_bytes_give_lines_or_one_error_and_a_table_gives_the_same(
    data: bytes, size: int, other: int, limit: int
) -> None:
    result = typed(data, 64 * 1024, limit)

    assert typed(data, size, limit) == result
    assert arrow(data, other, limit) == result


_cells = st.sampled_from(
    [
        '"',
        '"',
        '""',
        ",",
        ",",
        "\n",
        "a",
        "b c",
        "\r\n",
        "\r",
        '"a,b"',
        '"c\nd"',
        '"c\r\nd"',
        ',"e""f",',
        '""""',
        "\u2028",
        "\x85",
    ]
)


@settings(max_examples=1000, deadline=None)
@given(st.lists(_cells, min_size=1, max_size=14).map("".join))
def test_a_block_is_split_as_csv_reads_it_or_not_at_all(text: str) -> None:
    split = split_rows(text.encode())
    if split is not None:
        rows, breaks = split
        assert rows == [row or [""] for row in csv.reader(io.StringIO(text, newline="\n"), strict=True)]
        assert [sum(cell.count("\n") for cell in row) for row in rows] == (breaks or [0] * len(rows))


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_random_bytes_give_an_error(data: bytes) -> None:
    assert isinstance(typed(data, 64 * 1024)[0], str)


@settings(max_examples=100, deadline=None)
@given(fragments)
def test_the_first_collected_error_is_the_one_that_is_raised(data: bytes) -> None:
    strict = typed(data, 64 * 1024)
    refused: str | None = None
    try:
        inv = read_csv(data, on_error="collect")
    except InvoiceFormatError as error:
        refused = str(error)
    if refused is not None:
        assert strict[0] == refused
        return
    lines = [line._asdict() for line in inv]
    if inv.errors:
        assert strict == (str(inv.errors[0]), inv.errors[0].line_number, inv.errors[0].column)
    else:
        assert strict == (lines, inv.trailing)


@settings(max_examples=300, deadline=None)
@given(fragments, SIZES, LIMITS)
def test_collecting_gives_the_same_in_chunks_of_any_size(data: bytes, size: int, limit: int) -> None:
    assert collected(data, size, limit) == collected(data, 64 * 1024, limit)


@settings(max_examples=60, deadline=None)
@given(invoices().filter(lambda invoice: "Amount" in read_csv(invoice.data).columns), KEYS, SIZES)
def test_sums_are_the_same_with_and_without_pyarrow(invoice: Invoice, by: list[str], size: int) -> None:
    slow = summarize(invoice.data, by=by)
    with pytest.MonkeyPatch.context() as patch, blocks_of(size):
        patch.setattr(_summary, "MIN_ARROW_SIZE", 0)
        assert summarize(invoice.data, by=by) == slow
