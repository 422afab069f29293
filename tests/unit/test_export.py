"""Typed lines for the next tool: exact, in order, and no formula for a spreadsheet to run."""

from __future__ import annotations

import csv
import gc
import io
import json
import threading
from collections.abc import Callable
from decimal import Decimal
from functools import partial

import pyarrow as pa
import pytest
from hypothesis import given, settings
from pyarrow import parquet as pq

from atlas_invoices import ConfigError, InvoiceFormatError
from atlas_invoices._csv import LineItem, _arrow, _sources, read_csv, to_arrow, write_csv, write_jsonl, write_parquet
from invoice_lines import EXAMPLE, Invoice, invoices, simple_invoice

TAGGED = (
    b"Date,Usage Date,SKU,Note,Amount,Tag/team,New\n"
    b'07/01/2024,06/30/2024,M10,"a, ""b""\nc",1E+2,r\xc3\xa9d,x\n'
    b"07/01/2024,,Credit,,-0.10,,\n"
)


def _csv(data: bytes, *, raw: bool = False) -> list[dict[str, str]]:
    out = io.BytesIO()
    write_csv(read_csv(data), out, raw=raw)
    return list(csv.DictReader(io.StringIO(out.getvalue().decode(), newline=""), strict=True))


def test_csv_is_typed() -> None:
    first, second = _csv(TAGGED)

    assert (first["date"], first["usage_date"], first["amount"], first["note"]) == (
        "2024-07-01",
        "2024-06-30",
        "100",
        'a, "b"\nc',
    )
    assert json.loads(first["tags"]) == {"team": "réd"}
    assert json.loads(first["extra"]) == {"New": "x"}
    assert (second["usage_date"], second["amount"], second["tags"]) == ("", "-0.10", "{}")


@pytest.mark.parametrize(
    "cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "  =1", "\n-1", "\uff1d1", "\t", '=HYPERLINK("x","y")']
)
def test_formulas_are_escaped_unless_raw(cell: str) -> None:
    data = simple_invoice({"Project": cell, "Amount": "-1"})

    assert _csv(data)[0]["project"] == "'" + cell
    assert _csv(data, raw=True)[0]["project"] == cell
    # A negative number is one.
    assert _csv(data)[0]["amount"] == "-1"


@pytest.mark.parametrize("cell", ["a=1", "1-2", "M10", "'x", "(=1)"])
def test_other_text_is_left_alone(cell: str) -> None:
    assert _csv(simple_invoice({"Project": cell}))[0]["project"] == cell


@pytest.mark.parametrize("write", [write_csv, partial(write_csv, bom=True), write_jsonl])
def test_an_export_says_that_it_is_one(write: Callable[[bytes, io.BytesIO], None]) -> None:
    out = io.BytesIO()
    write(TAGGED, out)
    with pytest.raises(InvoiceFormatError, match="this is an export of atlas-invoices, not an invoice CSV"):
        read_csv(out.getvalue())


def test_jsonl_keeps_numbers_exact() -> None:
    out = io.BytesIO()
    write_jsonl(read_csv(TAGGED), out)
    first, second = map(json.loads, out.getvalue().splitlines())

    assert (first["date"], first["amount"], first["tags"], first["extra"]) == (
        "2024-07-01",
        "100",
        {"team": "réd"},
        {"New": "x"},
    )
    assert (second["usage_date"], second["note"], second["amount"]) == (None, None, "-0.10")
    fields = [name for name in LineItem._fields if name != "line_number"]
    assert list(first) == ["invoice_id", "line_number", "period_start", "period_end", *fields]
    # Every key is on every line: a reader that looks at the first lines only would miss a late one.
    assert (second["tags"], second["extra"]) == ({"team": ""}, {"New": ""})


@settings(max_examples=50, deadline=None)
@given(invoices())
def test_every_line_comes_back(invoice: Invoice) -> None:
    json_lines, raw_csv = io.BytesIO(), io.BytesIO()
    write_jsonl(read_csv(invoice.data), json_lines)
    write_csv(read_csv(invoice.data), raw_csv, raw=True)
    objects = [json.loads(line) for line in json_lines.getvalue().split(b"\n")[:-1]]
    rows = list(csv.DictReader(io.StringIO(raw_csv.getvalue().decode(), newline=""), strict=True))

    for line, item, row in zip(invoice.lines, objects, rows, strict=True):
        for name in ("unit_price", "amount"):
            exact = line[name]
            assert (None if item[name] is None else Decimal(item[name])) == exact
            assert (Decimal(row[name]) if row[name] else None) == exact
        known = [{key: cell for key, cell in item[name].items() if cell} for name in ("tags", "extra")]
        assert (item["sku"], *known) == (line["sku"], line["tags"], line["extra"])
        assert ((row["sku"] or None), json.loads(row["tags"])) == (line["sku"], line["tags"])
        assert row["usage_date"] == (line["usage_date"].isoformat() if line["usage_date"] else "")


@pytest.mark.parametrize("streams", [True, False])
@pytest.mark.parametrize(("late", "scale"), [("1.5", 2), ("0.0000005", 7), ("5E-7", 7), ("0E900", 2)])
def test_parquet_is_the_table(streams: bool, late: str, scale: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_arrow, "_BLOCK_SIZE", 300)
    monkeypatch.setattr(_sources, "BLOCK_SIZE", 100)
    rows = [{"Amount": f"{n}.5", "Project": f"P{n % 50}", "Note": "a\nb"} for n in range(200)]
    data = simple_invoice(*rows[:150], {"Amount": late}, *rows[150:])
    out = io.BytesIO()
    gc.disable()
    try:
        # What can be read again is written with the types of the first rows, until others are needed.
        write_parquet((data[start : start + 99] for start in range(0, len(data), 99)) if streams else data, out)
        assert not [thread for thread in threading.enumerate() if thread.name.startswith("atlas-invoices_")]
    finally:
        gc.enable()
    table = pq.read_table(pa.BufferReader(out.getvalue()))

    assert table.to_pylist() == to_arrow(data).to_pylist()
    assert table.schema.field("amount").type == pa.decimal128(18, scale)
    assert table.schema.metadata[b"invoice_id"] == b"666acb8787ba43606905dcae"
    assert pq.read_metadata(pa.BufferReader(out.getvalue())).num_row_groups > 2


def test_an_empty_invoice_exports() -> None:
    for write in (write_csv, write_jsonl, write_parquet):
        out = io.BytesIO()
        write(read_csv(EXAMPLE), out)
        if write is write_parquet:
            assert pq.read_table(pa.BufferReader(out.getvalue())).num_rows == 0
        else:
            assert out.getvalue().count(b"\n") == (write is write_csv)


def test_parquet_refuses_what_its_columns_cannot_hold() -> None:
    with pytest.raises(InvoiceFormatError, match="line 7, column 'Amount'"):
        write_parquet(simple_invoice({"Amount": "0." + "1" * 39}), io.BytesIO())


def test_parquet_without_pyarrow_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("atlas_invoices._csv._export.find_spec", lambda _name: None)
    with pytest.raises(ConfigError, match=r"atlas-invoices\[arrow\]"):
        write_parquet(EXAMPLE, io.BytesIO())
