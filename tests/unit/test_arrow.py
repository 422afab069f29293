"""The invoice as a table: exact types, the header in its metadata, the parser's own errors, constant memory."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import polars as pl
import pyarrow as pa
import pytest

from atlas_invoices import ConfigError, InvoiceFormatError
from atlas_invoices._csv import (
    _arrow,
    _sources,
    _summary,
    iter_batches,
    read_csv,
    summarize,
    to_arrow,
    to_pandas,
    to_polars,
)
from invoice_lines import EXAMPLE, oracle_sum, simple_invoice

ROWS = [
    {"Project": "a, b", "SKU": "M10", "Amount": "1.10", "Quantity": "24"},
    {"Project": "", "SKU": "Credit", "Amount": "-0.10", "Note": "NaN"},
    {"Project": "null", "SKU": "M10", "Amount": "1E-7", "Note": "two\nlines"},
]
TAGGED = (
    b"Date,Usage Date,SKU,Amount,Tag/team,Tag/env,New\n"
    b"07/01/2024,06/30/2024,M10,1,red,,x\n"
    b"07/01/2024,06/30/2024,M10,2,red,prod,\n"
    b"07/01/2024,06/30/2024,M10,3,,,\n"
)


def test_types_and_values() -> None:
    table = to_arrow(simple_invoice(*ROWS))

    assert table.schema.field("date").type == pa.date32()
    assert table.schema.field("amount").type == pa.decimal128(18, 7)
    assert table.schema.field("quantity").type == pa.decimal128(18, 0)
    assert table.schema.field("sku").type == pa.string()
    assert table.schema.field("tags").type == pa.map_(pa.string(), pa.string())
    assert table["usage_date"].to_pylist() == [dt.date(2024, 6, 30)] * 3
    assert table["amount"].to_pylist() == [Decimal("1.10"), Decimal("-0.10"), Decimal("1E-7")]
    # By default, pyarrow reads these as empty cells.
    assert table["note"].to_pylist() == [None, "NaN", "two\nlines"]
    assert table["project"].to_pylist() == ["a, b", None, "null"]
    assert table["unit_price"].null_count == 3


def test_the_header_is_in_the_metadata() -> None:
    metadata = to_arrow(EXAMPLE).schema.metadata

    assert metadata[b"invoice_id"] == b"666acb8787ba43606905dcae"
    assert metadata[b"period_start"] == b"2024-06-01"
    assert metadata[b"period_end"] == b"2024-07-01"
    assert json.loads(metadata[b"header"])[2] == ["Organization Name", "Test 2"]


def test_tags_and_unknown_columns_are_maps_and_missing_columns_null() -> None:
    table = to_arrow(TAGGED)

    assert table["tags"].to_pylist() == [[("team", "red")], [("team", "red"), ("env", "prod")], []]
    assert table["extra"].to_pylist() == [[("New", "x")], [], []]
    assert table["project"].null_count == table["quantity"].null_count == 3


TOO_LONG = ["1E-50", "1E+40", "9" * 39, "-0." + "1" * 39, "1E+999", "9" * 1000]


@pytest.mark.parametrize("number", TOO_LONG)
def test_a_number_too_long_for_a_table_is_named_and_summed(number: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = simple_invoice({"Amount": "1.5"}, {"Amount": number, "Quantity": "1"})
    way = "read_csv reads it" if abs(Decimal(number)) > 1 else 'pass decimals="round"'
    for read in (to_arrow, to_pandas, to_polars, lambda data: list(iter_batches(data))):
        with pytest.raises(InvoiceFormatError, match=f"line 8, column 'Amount': .*{way}") as caught:
            read(data)
        assert caught.value.line_number == 8
    for worth in (0, 1024 * 1024):
        monkeypatch.setattr(_summary, "MIN_ARROW_SIZE", worth)
        assert Fraction(summarize(data, by="sku").total) == Fraction("1.5") + Fraction(Decimal(number))


@pytest.mark.parametrize(
    ("number", "digits"),
    [
        ("12345678901234567", (38, 2)),
        ("1234567890123456", (18, 2)),
        ("0.00034722222222222224", (38, 20)),
        ("0.123456789012345678", (38, 18)),
        ("0.12345678901234567", (18, 17)),
        ("9" * 36, (38, 2)),
        ("1e35", (38, 2)),
        ("-0." + "1" * 37, (38, 37)),
        ("1.50000000000000000000", (18, 2)),
        ("1." + "0" * 50, (18, 2)),
        ("0E+3", (18, 2)),
        ("1E+3", (18, 2)),
        ("-.5", (18, 2)),
        ("5.", (18, 2)),
    ],
)
def test_a_column_has_the_narrowest_type_that_holds_its_numbers(
    number: str, digits: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_arrow, "_BLOCK_SIZE", 64)
    data = simple_invoice({"Amount": "1"}, {"Amount": number}, {"Amount": "2", "Quantity": "1"})
    table = to_arrow(data)

    assert table["amount"].to_pylist() == [1, Decimal(number), 2]
    assert table.schema.field("amount").type == pa.decimal128(*digits)
    assert table.schema.field("quantity").type == pa.decimal128(18, 0)
    assert {batch.schema for batch in iter_batches(data)} == {table.schema}


def test_numbers_too_long_together_are_rounded_half_to_even_on_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_arrow, "_BLOCK_SIZE", 64)
    quantities = [
        "999." + "9" * 15,
        "0.000000000000005",
        "0.000000000000015",
        "0.00000000000000500000000001",
        "1E-60",
        "2",
    ]
    data = simple_invoice(*({"Quantity": quantity, "Amount": "1.92"} for quantity in quantities))
    with pytest.warns(UserWarning, match="^quantity: 5 numbers rounded to 14 decimals$"):
        table = to_arrow(data, decimals="round")

    assert table.schema.field("quantity").type == pa.decimal128(18, 14)
    unit = Decimal("0.00000000000001")
    assert table["quantity"].to_pylist() == [1000, 0, 2 * unit, unit, 0, 2]
    assert table["amount"].to_pylist() == [Decimal("1.92")] * 6
    with pytest.warns(UserWarning, match="5 numbers rounded"):
        assert pa.Table.from_batches(iter_batches(data, decimals="round")) == table


def test_batches_are_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_arrow, "_BLOCK_SIZE", 500)
    data = simple_invoice(*ROWS * 50)
    batches = list(iter_batches(data[start : start + 100] for start in range(0, len(data), 100)))

    assert len(batches) > 5
    assert len({batch.schema for batch in batches}) == 1
    assert [row for batch in batches for row in batch.to_pylist()] == to_arrow(data).to_pylist()


def test_an_empty_invoice_has_a_schema() -> None:
    (batch,) = iter_batches(EXAMPLE)

    assert batch.num_rows == 0
    assert batch.schema == to_arrow(EXAMPLE).schema
    assert len(to_pandas(EXAMPLE)) == len(to_polars(EXAMPLE)) == 0


@pytest.mark.parametrize(
    "row",
    [
        {"Amount": "NaN"},
        {"Amount": " 1"},
        {"Amount": "1-2"},
        {"Quantity": "0e-1001"},
        {"Quantity": "1" * 1001},
        {"Unit Price": "1_0"},
        {"Date": "6/1/2024"},
        {"Usage Date": "02/30/2024"},
        {"Note": "a\0b"},
    ],
)
def test_errors_are_those_of_the_typed_lines(row: dict[str, str]) -> None:
    data = simple_invoice({}, {"Note": "a\nb"}, row, {})
    with pytest.raises(InvoiceFormatError) as typed:
        list(read_csv(data))
    with pytest.raises(InvoiceFormatError) as table:
        to_arrow(data)

    assert str(table.value) == str(typed.value)
    assert table.value.line_number == 10


@pytest.mark.parametrize(
    "tail", [b'07/01/2024,"x"y' + b"," * 17 + b"\n", b"07/01/2024\r" + b"," * 18 + b"\n", b"\xff\n", b'"\n', b"1,2\n"]
)
def test_rows_that_pyarrow_reads_differently_are_refused(tail: bytes) -> None:
    with pytest.raises(InvoiceFormatError, match="line 8"):
        to_arrow(simple_invoice({}) + tail)


def test_line_numbers_count_blank_lines_and_newlines_in_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_arrow, "_BLOCK_SIZE", 200)
    good = [{}, {"Note": "a\nb"}, {}, {"Note": 'say "c",\r\n\n'}] * 10
    data = simple_invoice(*good) + b"\n" + simple_invoice(*good, {"Amount": "x"}).split(b"Amount\n")[1]
    with pytest.raises(InvoiceFormatError) as typed:
        list(read_csv(data))
    with pytest.raises(InvoiceFormatError) as table:
        to_arrow(data)

    assert str(table.value) == str(typed.value)
    assert table.value.line_number == typed.value.line_number == data[: data.rindex(b"\n", 0, -1)].count(b"\n") + 2


def test_tags_in_more_combinations_than_a_number_holds() -> None:
    keys = [f"Tag/{number}" for number in range(12)]
    rows = [
        [f"{key}{row * (number + 1) % 97}" if row % 5 else "" for number, key in enumerate(keys)] for row in range(200)
    ]
    lines = [",".join(["07/01/2024", "06/30/2024", "M10", *row]) for row in rows]
    data = "\n".join([",".join(["Date", "Usage Date", "SKU", *keys]), *lines]).encode()

    assert [dict(tags) for tags in to_arrow(data)["tags"].to_pylist()] == [line.tags for line in read_csv(data)]


def test_trailing_rows_are_kept_aside() -> None:
    inv = read_csv(simple_invoice({"Amount": "1"}) + b"Total,1\n")

    with pytest.warns(UserWarning, match="1 row after the last item isn't counted"):
        assert len(to_arrow(inv)) == 1
    assert inv.trailing == (("Total", "1"),)


def test_a_collecting_invoice_gives_its_good_rows() -> None:
    inv = read_csv(simple_invoice({"Amount": "1"}, {"Amount": "x"}), on_error="collect")

    assert len(to_arrow(inv)) == 1
    assert len(inv.errors) == 1


def test_a_large_file_has_the_oracles_sum(tmp_path: Path) -> None:
    data = simple_invoice(*({"Amount": f"{n}.{n % 1000:03}", "Note": "a,\n" * (n % 50 == 0)} for n in range(20000)))
    (tmp_path / "a.csv").write_bytes(data)
    table = to_arrow(tmp_path / "a.csv")

    assert len(table) == 20000
    assert sum(filter(None, table["amount"].to_pylist())) == oracle_sum(data)


def test_pandas_keeps_decimals_exact() -> None:
    frame = to_pandas(simple_invoice(*ROWS))

    assert frame["sku"].dtype == "string"
    assert frame["usage_date"].dtype.kind == "M"
    assert frame["amount"].sum() == Decimal("1.0000001")
    assert frame.groupby("sku", observed=True)["amount"].sum().to_dict()["M10"] == Decimal("1.1000001")
    assert (frame["usage_date"] == "2024-06-30").all()


def test_polars_keeps_decimals_exact() -> None:
    frame = to_polars(simple_invoice(*ROWS))

    assert frame.schema["amount"] == pl.Decimal(18, 7)
    assert frame["amount"].sum() == Decimal("1.0000001")
    assert frame["project"].to_list() == ["a, b", None, "null"]


@pytest.mark.parametrize(
    ("call", "package", "extra"),
    [
        (to_arrow, "pyarrow", "arrow"),
        (iter_batches, "pyarrow", "arrow"),
        (to_pandas, "pandas", "pandas"),
        (to_polars, "polars", "polars"),
    ],
)
def test_a_missing_extra_is_named(
    call: Callable[[bytes], object], package: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("atlas_invoices._csv._export.find_spec", lambda name: None if name == package else name)
    with pytest.raises(ConfigError, match=rf"needs {package}: pip install 'atlas-invoices\[{extra}\]'"):
        call(EXAMPLE)


def test_importing_needs_no_extra_and_a_table_no_pandas() -> None:
    breaks = simple_invoice({"Note": "two\nlines", "Amount": "1"}, {"Amount": "1E-7"})
    code = (
        "import sys; from atlas_invoices._csv import to_arrow\n"
        "assert not {'pyarrow', 'pandas', 'polars'} & set(sys.modules), sys.modules.keys()\n"
        f"to_arrow({TAGGED!r}); to_arrow({breaks!r})\n"
        "assert 'pandas' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


Ways = dict[str, "Callable[[object], int]"]


@pytest.fixture
def ways(monkeypatch: pytest.MonkeyPatch) -> Ways:
    """Every way of reading, as a number of lines; the sums by pyarrow, too."""
    monkeypatch.setattr(_summary, "MIN_ARROW_SIZE", 0)

    def summed(source: Any) -> int:
        return sum(group.lines for group in summarize(source, by="sku").groups)

    return {
        "lines": lambda source: len(list(read_csv(cast("bytes", source)))),
        "table": lambda source: len(to_arrow(cast("bytes", source))),
        "batches": lambda source: sum(batch.num_rows for batch in iter_batches(cast("bytes", source))),
        "sums": summed,
        "collect": lambda source: len(list(read_csv(cast("bytes", source), on_error="collect"))),
    }


@pytest.mark.parametrize("row", [b"Subtotal" + b"," * 17 + b"1.92\n", b"," * 17 + b"9,9\n"])
@pytest.mark.filterwarnings("ignore:.* after the last item:UserWarning")
@pytest.mark.parametrize("items", [0, 1, 500])
def test_a_full_width_row_with_neither_day_is_never_counted(row: bytes, items: int, ways: Ways) -> None:
    data = simple_invoice(*[{"SKU": "a", "Amount": "1"}] * items)
    for name, read in ways.items():
        assert (name, read(data + row)) == (name, items)
        for item in (simple_invoice({"Note": "x"}), simple_invoice({"Date": "", "SKU": "b"})):
            if name != "collect":
                with pytest.raises(InvoiceFormatError, match=f"after the trailing line {items + 7}, "):
                    read(data + row + row + item.split(b"\n", 6)[6])


def test_a_row_with_only_one_day_is_always_counted(ways: Ways) -> None:
    data = simple_invoice({"Usage Date": ""}, {"Date": ""}, {})
    for read in ways.values():
        assert read(data) == 3


@pytest.mark.parametrize(("size", "reads"), [(1024 * 1024, True), (1024 * 1024 + 1, False)])
@pytest.mark.parametrize("before", [0, 30, 1700])
@pytest.mark.parametrize("ending", [b"\n", b""])
def test_rows_have_the_same_limit_everywhere(
    size: int, reads: bool, before: int, ending: bytes, ways: Ways, tmp_path: Path
) -> None:
    names = [f"x{number}" for number in range(12)]
    # Long rows, so that few of them are more than a block.
    plain = b"07/01/2024,06/30/2024,S,1.00" + b"," * len(names) + b"x" * 900 + b"\n"
    start = b"07/01/2024,06/30/2024,S,1.00"
    room = size - len(start) - 3 * len(names)
    cells = [b"y" * 99 + b"\n"] * (room // 100 - 12)
    each = len(cells) // len(names)
    texts = [b"".join(cells[:each]) for _ in names]
    texts[0] += b"z" * (room - sum(map(len, texts)))
    row = b",".join([start, *(b'"' + text + b'"' for text in texts)])
    assert len(row) == size
    assert max(map(len, texts)) <= 128 * 1024
    data = ",".join(["Date,Usage Date,SKU,Amount", *names]).encode() + b"\n" + plain * before + row + ending
    (tmp_path / "a.csv").write_bytes(data)
    sources: list[Callable[[], object]] = [
        lambda: data,
        lambda: tmp_path / "a.csv",
        *[
            lambda size=size: (data[at : at + size] for at in range(0, len(data), size))
            for size in ((1000, 20_001, 65_000) if before < 1000 else (65_000,))
        ],
    ]
    for name, read in ways.items():
        for source in sources:
            if reads or name == "collect":
                # Every line of the refused row is an error, too.
                assert read(source()) == before + reads
            else:
                with pytest.raises(InvoiceFormatError, match=f"line {before + 2}: a row of more than 1,048,576 bytes"):
                    read(source())


def test_a_doubled_quote_at_the_limit_of_a_row_is_no_end_of_a_cell(ways: Ways) -> None:
    names = [f"x{number}" for number in range(10)]
    row = b"07/01/2024,06/30/2024,S,1.00," + b",".join([b'"' + b"y" * 120_000 + b'"'] * 8) + b',"\n'
    row += b"z" * (1024 * 1024 - len(row)) + b'""z",\n'
    short = b"07/01/2024,06/30/2024,S,1.00" + b"," * len(names) + b"\n"
    data = ",".join(["Date,Usage Date,SKU,Amount", *names]).encode() + b"\n" + row + short
    for name, read in ways.items():
        if name != "collect":
            with pytest.raises(InvoiceFormatError, match="line 2: a row of more than 1,048,576 bytes"):
                read(data)


@pytest.mark.parametrize(("size", "reads"), [(128 * 1024, True), (128 * 1024 + 1, False)])
@pytest.mark.parametrize("character", ["x", "é"])
@pytest.mark.parametrize("column", ["Note", "Region", "Tag/a"])
def test_cells_have_the_same_limit_everywhere(size: int, reads: bool, character: str, column: str, ways: Ways) -> None:
    names = ["Date", "Usage Date", "SKU", column]
    rows = [["07/01/2024", "06/30/2024", "S", character * length] for length in (1, size, 1)]
    data = "".join(",".join(row) + "\n" for row in [names, *rows]).encode()
    for name, read in ways.items():
        # Sums read no other columns.
        if reads or name == "sums":
            continue
        if name == "collect":
            assert read(data) == 2
        else:
            with pytest.raises(InvoiceFormatError, match="line 3: a cell of more than 131,072 characters"):
                read(data)
    if reads:
        assert [ways[name](data) for name in ("lines", "table", "batches")] == [3, 3, 3]
        assert to_arrow(data).num_rows == 3


def test_a_file_of_very_many_columns_is_read_by_the_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(_block: object) -> None:
        raise AssertionError("not to pyarrow")

    names = [f"Tag/{number}" for number in range(1500)]
    data = ",".join(["Date,Usage Date,SKU,Amount", *names]).encode() + b"\n07/01/2024,06/30/2024,S,1.00" + b",v" * 1500
    monkeypatch.setattr(_arrow, "read_block", never)
    monkeypatch.setattr(_arrow, "_whole_rows", never)

    (row,) = to_arrow(data).to_pylist()
    assert len(row["tags"]) == 1500


@pytest.mark.parametrize(
    "read", [to_arrow, lambda data: list(iter_batches(data)), lambda data: summarize(data, by="sku")]
)
@pytest.mark.parametrize("block", [1, 2, 4])
def test_a_line_longer_than_a_block_is_not_cut(read: Callable[[bytes], object], block: int) -> None:
    # So that the first block ends after "12", which would be an amount, too.
    head = ",".join(["Date,Usage Date,SKU", *map(str, range(60)), "Amount"]).encode() + b"\n"
    start = b"06/01/2024,06/01/2024,S,"
    size = (
        -(-(block * 1024 * 1024 + len(head)) // _sources.CHUNK_SIZE) * _sources.CHUNK_SIZE
        - len(head)
        - len(start)
        - len(b"12")
        - 60
    )
    cells = [b"x" * (size // 60 + (number < size % 60)) for number in range(60)]
    data = head + start + b",".join(cells) + b",12e3\n"
    with pytest.raises(InvoiceFormatError, match="line 2: a row of more than"):
        list(read_csv(data))
    with pytest.raises(InvoiceFormatError, match="line 2: a row of more than"):
        read(data)


def test_zeros_after_the_point_need_no_digits() -> None:
    """They don't make a column too long that has a number of 38 digits elsewhere."""
    lines = [{"SKU": "a", "Amount": amount} for amount in ("0E-7", "1.50", "9" * 38, "2.000")]
    with pytest.raises(InvoiceFormatError, match="line 8, column 'Amount'"):
        to_arrow(simple_invoice(*lines))
    del lines[1]
    assert to_arrow(simple_invoice(*lines))["amount"].to_pylist() == [0, int("9" * 38), 2]


@pytest.mark.parametrize("block_size", [150, 250, 4096])
@pytest.mark.parametrize(
    "notes",
    [
        # To the parser, a quote in a cell may open one that ends in a later block.
        ['x"x', '" "', "", '\r"\n', '" """'],
        [' a"\r', '" """'],
        ['"\na\n\n,\r"', " ", '""', 'x"', '\r"\n'],
        ['xa"\rxa', '"', 'a" ",', '""a"x,', '"\r\n\n', '""'],
        # Text after a closing quote, and a doubled quote that looks like an empty cell.
        ['"a"b'],
        ['"\n""\n""'],
        ['5" disk', '3" disk', '"5"" disk"'],
    ],
)
def test_quotes_mean_the_same_to_pyarrow(notes: list[str], block_size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_arrow, "_BLOCK_SIZE", block_size)
    rows = [f"07/01/2024,06/30/2024,S,{note},1.5" for note in notes]
    data = "\n".join(["Date,Usage Date,SKU,Note,Amount", *rows]).encode()

    def found(read: Callable[[], list[object]]) -> object:
        try:
            return read()
        except InvoiceFormatError as error:
            return str(error)

    lines = found(lambda: [(line.line_number, line.note) for line in read_csv(data)])
    assert found(lambda: [(row["line_number"], row["note"]) for row in to_arrow(data).to_pylist()]) == lines
