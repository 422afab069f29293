"""Sums of a large file by pyarrow: they are used, and exactly those of the typed lines, errors too."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from decimal import Context, Decimal, Inexact
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from atlas_invoices import InvoiceFormatError
from atlas_invoices._csv import _summary, read_csv, summarize
from invoice_lines import EXAMPLE, HEADER, oracle_sum, quote

# Most of these inputs have rows after the last item, or a name twice.
pytestmark = pytest.mark.filterwarnings("ignore:.*(after the last item|in `extra`):UserWarning")

COLUMNS = HEADER.decode().split(",")
ITEM = {
    "Date": "07/01/2024",
    "Usage Date": "06/30/2024",
    "Description": "d" * 200,
    "Project": "P",
    "SKU": "Atlas M10 Instance - AWS",
    "Unit Price": "0.08",
    "Quantity": "24",
    "Discount Percent": "0.0",
    "Amount": "1.92",
}
ROWS = 60
BY = ["project", "sku"]


def _row(**cells: str) -> bytes:
    named = ITEM | {name.replace("_", " "): cell for name, cell in cells.items()}
    return b",".join(quote(named.get(name, "")) for name in COLUMNS) + b"\n"


@pytest.fixture(autouse=True)
def _any_file_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read small files as large ones are read, which takes a twentieth of the time."""
    monkeypatch.setattr(_summary, "MIN_ARROW_SIZE", 0)


def _invoice(odd: bytes = b"", place: int = ROWS // 2) -> bytes:
    """An invoice with something odd at a place among its rows."""
    return EXAMPLE + _row() * place + odd + _row() * (ROWS - place)


def test_a_sum_that_only_several_blocks_together_make_too_long_is_exact() -> None:
    row = _row(Amount="9000000000000000", Description="d" * 200)
    summary = summarize(EXAMPLE + row * 40_000, by="sku")
    assert summary.total == 9_000_000_000_000_000 * 40_000


def _typed(data: bytes, by: list[str]) -> Any:
    """The result of a plain loop over the typed lines."""
    exact = Context(prec=5000, traps=[Inexact])
    groups: dict[tuple[object, ...], tuple[Decimal, Decimal, int]] = {}
    try:
        for line in read_csv(data):
            key = tuple(getattr(line, name) for name in by)
            amount, quantity, count = groups.get(key, (Decimal(0), Decimal(0), 0))
            amount, quantity = exact.add(amount, line.amount or 0), exact.add(quantity, line.quantity or 0)
            groups[key] = (amount, quantity, count + 1)
    except InvoiceFormatError as error:
        return str(error), error.line_number, error.column
    return groups


def _summarized(data: bytes, by: list[str]) -> Any:
    try:
        summary = summarize(data, by=by)
    except InvoiceFormatError as error:
        return str(error), error.line_number, error.column
    return {group.key: (group.amount, group.quantity, group.lines) for group in summary.groups}


DAYS = [
    *("2024-06-02", "6/2/2024", "00/02/2024", "01/01/0000", "02/30/2024", "06/30/24", "06-30-2024", "45473", "12:00"),
    *(" 06/30/2024", "06/30/2024 ", "\u0660\u0666/30/2024", "06/30/2024\n", "x", "Total", "NaN", "null", "NA", " ", ""),
]
NUMBERS = [
    *("x", "NaN", "nan", "null", "NA", "Infinity", "-inf", "1,000.00", "1_000", " 1", "1 ", "$1", "(1)", "1%", "True"),
    *("--1", "1-2", "1.2.3", ".", "-", "", "+1", "-0", "0E+3", ".5", "5.", "1e3", "1E-7", "1e", "0x10", "\u0661"),
    *("9" * 20, "9" * 21, "9" * 38, "9" * 39, "-0." + "1" * 19, "0." + "1" * 39, "9" * 1000, "1e37", "1e38"),
    *("1e-38", "1e-39", "1e999", "1e-999", "1e1000", "-" + "7" * 600 + "." + "3" * 600, "06/30/2024"),
]
FULL = b"," * (len(COLUMNS) - 1)
SHAPES = {
    "a total with a text for a day": b"Total" + FULL[:-1] + b",115200.00\n",
    "a total without days": FULL + b"115200.00\n",
    "a total in quotes": b'"Total, all"' + FULL + b"115200.00\n",
    "a short total": b"Total,115200.00\n",
    "a short row without a first cell": b",5\n",
    "a short item": b"07/01/2024,06/30/2024,5\n",
    "nothing": b"\n",
    "blanks": b"  \n",
    "a wide row": _row()[:-1] + b",5\n",
    "the header again": HEADER + b"\n",
    "a preamble again": EXAMPLE,
    "words": b"garbage" * 30 + b"\n",
    "words in every cell": b",".join([b"garbage"] * len(COLUMNS)) + b"\n",
    "NUL": _row(Note="a\0b"),
    "NUL in a number": _row(Amount="1\0"),
    "not UTF-8": _row(Note="?").replace(b"?", b"\xff"),
    "half a character": _row(Note="?").replace(b"?", b"\xc3"),
    "an open quote": _row(Note="?").replace(b"?", b'"?'),
    "a quote inside": _row(Note="?").replace(b"?", b'a"b'),
    "text behind a quote": _row(Note="?").replace(b"?", b'"a"b'),
    "CRLF": _row()[:-1] + b"\r\n",
    "CR": _row()[:-1] + b"\r",
    "a BOM": b"\xef\xbb\xbf" + _row(),
    "a break in a cell": _row(Note="a\nb"),
    "a long cell": _row(SKU="x" * 140_000),
    "a credit": _row(SKU="Credit", Amount="-5"),
}


@pytest.mark.parametrize("value", DAYS)
@pytest.mark.parametrize("column", ["Date", "Usage Date"])
@pytest.mark.parametrize("other", [True, False], ids=["the other day there", "the other day empty"])
def test_a_day_is_read_as_for_the_typed_lines(column: str, value: str, other: bool) -> None:
    cells = {column.replace(" ", "_"): value}
    if not other:
        cells["Usage_Date" if column == "Date" else "Date"] = ""
    for place in (0, ROWS):
        data = _invoice(_row(**cells), place)
        assert _summarized(data, BY) == _typed(data, BY)


@pytest.mark.parametrize("value", NUMBERS)
@pytest.mark.parametrize("column", ["Amount", "Quantity"])
def test_a_number_is_read_as_for_the_typed_lines(column: str, value: str) -> None:
    data = _invoice(_row(**{column: value}))
    assert _summarized(data, BY) == _typed(data, BY)


@pytest.mark.parametrize("value", NUMBERS)
@pytest.mark.parametrize("column", ["Unit Price", "Discount Percent", "Amount"])
def test_a_number_is_a_key_as_for_the_typed_lines(column: str, value: str) -> None:
    data = _invoice(_row(**{column.replace(" ", "_"): value}))
    by = ["sku", column.lower().replace(" ", "_")]
    assert _summarized(data, by) == _typed(data, by)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("place", [0, ROWS // 2, ROWS])
def test_a_row_is_an_item_or_not_as_for_the_typed_lines(shape: str, place: int) -> None:
    data = _invoice(SHAPES[shape], place)
    assert _summarized(data, BY) == _typed(data, BY)


@pytest.mark.parametrize("by", ["day", "project", "date", "note"])
def test_a_total_at_the_end_is_never_counted(by: str, tmp_path: Path) -> None:
    saved = tmp_path / "june.csv"
    saved.write_bytes(_invoice(SHAPES["a total without days"], ROWS))
    expected = Decimal("1.92") * ROWS
    assert summarize(saved, by=by).total == summarize(saved.read_bytes(), by=by).total == expected


def test_numbers_and_sums_of_any_length_are_exact() -> None:
    numbers = ["9" * 38, "8" * 38, "-" + "9" * 20, "9" * 19 + "." + "9" * 18, "1e37", "1e-38", "0.000000000000000001"]
    data = EXAMPLE + b"".join(_row(Amount=n, Quantity=n, SKU=sku) for n in numbers for sku in ("a", "Credit")) * 50
    summary = summarize(data, by="sku")
    assert summary.total == oracle_sum(data)
    assert Fraction(summary.total) == 2 * Fraction(summary.credits)
    assert [group.quantity for group in summary.groups] == [summary.credits, summary.credits]


# A user can tell by two things: pyarrow is loaded, and mistakes in columns that aren't needed pass.
@pytest.mark.parametrize(
    ("make", "large"),
    [
        ("path", True),
        ("str(path)", True),
        ("path.read_bytes()", True),
        ("bytearray(path.read_bytes())", True),
        ("memoryview(path.read_bytes())", True),
        ("ai.read_csv(path)", True),
        ("path.open('rb')", False),
        ("small", False),
    ],
)
def test_only_a_large_file_loads_pyarrow(make: str, large: bool, tmp_path: Path) -> None:
    (tmp_path / "large.csv").write_bytes(EXAMPLE + _row() * 5000)
    (tmp_path / "small.csv").write_bytes(EXAMPLE + _row())
    code = (
        "import pathlib, sys, atlas_invoices as ai\n"
        "path, small = pathlib.Path(sys.argv[1]) / 'large.csv', pathlib.Path(sys.argv[1]) / 'small.csv'\n"
        f"ai.summarize({make}, by='sku')\n"
        f"assert ('pyarrow' in sys.modules) is {large}\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)


@pytest.mark.parametrize("make", [lambda path: path, lambda path: path.read_bytes(), read_csv])
def test_only_the_needed_columns_of_a_large_file_are_read(make: Callable[[Path], Any], tmp_path: Path) -> None:
    saved = tmp_path / "june.csv"
    saved.write_bytes(_invoice(_row(Unit_Price="x")))
    with pytest.raises(InvoiceFormatError, match=f"line {7 + ROWS // 2}, column 'Unit Price'"):
        list(read_csv(saved))
    assert summarize(make(saved), by=BY).groups[0].lines == ROWS + 1
    with pytest.raises(InvoiceFormatError, match=f"line {7 + ROWS // 2}, column 'Unit Price'"):
        summarize(make(saved), by="unit_price")


def test_no_thread_waits_for_a_slow_import(tmp_path: Path) -> None:
    """An interrupt would wait for it; pyarrow.acero brings pandas where that is installed."""
    (tmp_path / "june.csv").write_bytes(_invoice())
    script = """if True:
        import sys
        from concurrent.futures import ThreadPoolExecutor
        from atlas_invoices._csv import _summary, summarize

        submit, seen = ThreadPoolExecutor.submit, []
        def watched(self, *arguments):
            seen.append("pyarrow.acero" in sys.modules)
            return submit(self, *arguments)
        ThreadPoolExecutor.submit, _summary.MIN_ARROW_SIZE = watched, 0
        summarize(sys.argv[1], by="sku")
        print(seen)
    """
    shown = subprocess.check_output([sys.executable, "-c", script, tmp_path / "june.csv"], text=True)
    assert shown == "[True]\n"
