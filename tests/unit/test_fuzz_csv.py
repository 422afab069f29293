"""Mutated CSVs: lines, sums, Arrow and exports agree, or all of them raise `InvoiceFormatError`.

A few hundred in the suite; `ATLAS_INVOICES_FUZZ=20000` for as many.
"""

from __future__ import annotations

import csv
import io
import itertools
import json
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Context, Decimal, Inexact
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import atlas_invoices as ai
from atlas_invoices._csv import _summary
from invoice_lines import PREAMBLE, simple_invoice
from mutations import cases, mutate_bytes
from scripted_atlas import invoice_csv

# Most of these inputs have rows after the last item, or a name twice.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:.*(after the last item|in `extra`):UserWarning")]

ROWS = [
    {"SKU": "Atlas M10 Instance - AWS", "Project": "web, \"app\"", "Quantity": "24", "Amount": "1.92"},
    {"SKU": "Credit", "Note": "Promotional", "Amount": "-5.00"},
    {"SKU": "Atlas Backup", "Project": "two\nlines", "Unit Price": "0.00034722", "Quantity": "1E+3", "Amount": "0.35"},
    {"SKU": "NaN", "Project": "CreditCheck", "Amount": ""},
]  # fmt: skip
TAGGED = (
    b"Date,Usage Date,SKU,Amount,Tag/team,Tag/env,Other\n07/01/2024,06/01/2024,a,1.5,core,,x\n"
    b'07/01/2024,06/02/2024,"b, c",-2,,prod,\n\n07/01/2024,,d,3,"say ""hi""",prod,y\n'
)
SEEDS = (
    invoice_csv(),
    simple_invoice(*ROWS),
    simple_invoice(*ROWS, ending=b"\r\n"),
    b"\xef\xbb\xbf" + PREAMBLE + TAGGED,
    TAGGED,
    simple_invoice(*ROWS * 40),
    PREAMBLE + TAGGED + b"Total,,,2.5,,,\n,,,,,,\nremark\n",
)

Outcome = Any
"""The rows of one way to read a file, or None where it raised."""


def lines_of(data: bytes) -> Outcome:
    return list(ai.read_csv(data))


def pieces_of(data: bytes) -> Outcome:
    """In pieces of seven bytes, as from a slow network."""
    return list(ai.read_csv(data[begin : begin + 7] for begin in range(0, len(data), 7)))


def table_of(data: bytes) -> Outcome:
    return ai.to_arrow(data).to_pylist()


def batches_of(data: bytes) -> Outcome:
    return [row for batch in ai.iter_batches(data) for row in batch.to_pylist()]


# All columns of numbers, so that pyarrow, which reads only the columns it needs, meets every mistake.
BY = ["sku", "unit_price", "discount_percent"]


def summary_of(data: bytes) -> Outcome:
    return ai.summarize(data, by=BY)


def arrow_summary_of(data: bytes) -> Outcome:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_summary, "MIN_ARROW_SIZE", 0)
        return ai.summarize(data, by=BY)


def outcome(read: Callable[[bytes], Outcome], data: bytes) -> tuple[Outcome, str]:
    """What it gives, or None and the message."""
    try:
        return read(data), ""
    except ai.InvoiceFormatError as error:
        return None, str(error)


def plain(value: Any) -> Any:
    """A value as every way has it: maps as dicts, numbers without their zeros."""
    if isinstance(value, Decimal):
        return value.normalize() if value else Decimal(0)
    if isinstance(value, list):
        return dict(value)
    return dict(value) if hasattr(value, "items") else value


def fields_of(line: Any) -> dict[str, Any]:
    names = [name for name in dir(type(line)) if not name.startswith("_") and not callable(getattr(line, name))]
    return {name: plain(getattr(line, name)) for name in names}


def in_table(row: dict[str, Any], line: dict[str, Any]) -> dict[str, Any]:
    """The columns of a table that are a line's fields."""
    return {name: plain(value) for name, value in row.items() if name in line}


def too_wide(lines: list[Any]) -> bool:
    """Whether a column has numbers that fit no decimal column together: more than 38 digits."""
    for name in ("unit_price", "quantity", "discount_percent", "amount"):
        numbers = [value for line in lines if (value := getattr(line, name)) is not None]
        scale = max((max(0, -int(value.as_tuple().exponent)) for value in numbers), default=0)
        whole = max((value.adjusted() + 1 for value in numbers if value), default=0)
        if scale + max(whole, 0) > 38:
            return True
    return False


def check(data: bytes) -> list[Any] | None:
    """Compare all ways in this process; returns the lines."""
    lines: list[Any] | None
    lines, message = outcome(lines_of, data)
    wide = lines is not None and too_wide(lines)
    expected = None if lines is None else [fields_of(line) for line in lines]
    for read in (pieces_of, table_of, batches_of):
        got, other = outcome(read, data)
        if got is None and wide and read is not pieces_of:
            continue
        assert (got is None) == (lines is None), (read.__name__, message, other)
        if got is not None and expected is not None:
            rows = [fields_of(row) if read is pieces_of else row for row in got]
            assert len(rows) == len(expected), read.__name__
            for row, line in zip(rows, expected, strict=True):
                have = in_table(row, line)
                assert have == {name: line[name] for name in have}, read.__name__
                assert len(have) > 15
    (summary, other), by_arrow = outcome(summary_of, data), outcome(arrow_summary_of, data)
    assert by_arrow == (summary, other)
    if summary is None and lines is not None and "no such column" in other:
        # Without a column Amount there are lines, but nothing to sum.
        assert "Amount" not in ai.read_csv(data).columns
        return lines
    assert (summary is None) == (lines is None), ("summary", message, other)
    if lines is not None:
        assert summary.total == total(lines)
        assert sum(group.lines for group in summary.groups) == len(lines)
        assert summary.credits == total([line for line in lines if line.is_credit])
    return lines


def total(lines: list[Any]) -> Decimal:
    exact, found = Context(prec=500, traps=[Inexact]), Decimal(0)
    for line in lines:
        found = exact.add(found, line.amount or Decimal(0))
    return found


def check_exports(path: Path, lines: list[Any] | None) -> None:
    """What the command wrote has the lines; where they can't be read, it wrote nothing and ended with 6."""
    statuses = [int(each) for each in path.with_name(f"{path.name}.status").read_text().split()]
    wide = lines is not None and too_wide(lines)
    for form, status in zip(("csv", "jsonl", "parquet"), statuses, strict=True):
        out = Path(f"{path}.{form}")
        if form == "parquet" and wide and status == 6:
            continue
        assert status == (6 if lines is None else 0), form
        assert out.exists() == (lines is not None), form
        if lines is None:
            continue
        if form == "csv":
            rows = list(csv.DictReader(io.StringIO(out.read_text(encoding="utf-8"), newline="")))
            amounts = [Decimal(row["amount"]) if row["amount"] else None for row in rows]
        elif form == "jsonl":
            rows = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
            amounts = [None if row["amount"] is None else Decimal(row["amount"]) for row in rows]
        else:
            amounts = pq.read_table(out).column("amount").to_pylist()
        assert amounts == [line.amount for line in lines], form


def data_of(choose: Any) -> bytes:
    return mutate_bytes(choose, choose.choice(SEEDS))


def test_every_way_reads_a_mutated_file_alike(tmp_path: Path) -> None:
    """Exports of a thousand at a time, so that a long run fills neither memory nor disk."""
    numbered = cases(300)
    while some := list(itertools.islice(numbered, 1000)):
        with tempfile.TemporaryDirectory(dir=tmp_path) as folder:
            check_some({number: data_of(choose) for number, choose in some}, Path(folder))


def check_some(files: dict[int, bytes], folder: Path) -> None:
    found: dict[int, list[Any] | None] = {}
    for number, data in files.items():
        with naming(number, data), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found[number] = check(data)
        (folder / f"{number}.csv").write_bytes(data)
    program = Path(__file__).resolve().parent.parent / "support" / "export_many.py"
    done = subprocess.run([sys.executable, program, folder], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    for number, lines in found.items():
        with naming(number, files[number]):
            check_exports(folder / f"{number}.csv", lines)


@contextmanager
def naming(number: int, data: bytes) -> Iterator[None]:
    """Say which case it was."""
    try:
        yield
    except Exception as error:
        raise AssertionError(f"case {number}: {error!r} of {data[:2000]!r}") from error


@pytest.mark.parametrize("data", SEEDS, ids=range(len(SEEDS)))
def test_every_way_reads_what_is_mutated(data: bytes) -> None:
    """Or the fuzz test would compare errors only."""
    assert check(data)
