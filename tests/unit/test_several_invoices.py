"""Several invoices as one table: keys, periods, tags united, the one that fails named, none twice; currencies apart."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import atlas_invoices as ai
from atlas_invoices._csv import _arrow, _summary, write_csv, write_jsonl, write_parquet
from invoice_lines import simple_invoice

KEY = ["invoice_id", "line_number", "period_start", "period_end"]
JUNE = simple_invoice({"Project": "web", "Amount": "1.92"}, {"SKU": "Credit", "Amount": "-5"})
JULY = JUNE.replace(b"666acb8787ba43606905dcae", b"666acb8787ba43606905dcaf").replace(
    b"June 1, 2024 - July 1, 2024", b"July 1, 2024 - August 1, 2024"
)
TAGGED = b"Date,Usage Date,SKU,Amount,Quantity,Tag/%s\n07/01/2024,06/30/2024,M10,1.5,0.00034722222222222224,%s\n"


def numbered(invoice_id: bytes, data: bytes) -> bytes:
    return b"Invoice Number," + invoice_id + b",\n" + data


@pytest.fixture(params=[0, 1024 * 1024], ids=["arrow", "lines"])
def each_way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sums by pyarrow and line by line."""
    monkeypatch.setattr(_summary, "MIN_ARROW_SIZE", request.param)


def test_rows_say_which_invoice_they_are_from() -> None:
    table = ai.to_arrow([JUNE, JULY])

    assert table.column_names[:4] == KEY
    assert table["invoice_id"].to_pylist() == ["666acb8787ba43606905dcae"] * 2 + ["666acb8787ba43606905dcaf"] * 2
    assert table["line_number"].to_pylist() == [7, 8, 7, 8]
    assert [str(day) for day in table["period_end"].to_pylist()] == ["2024-07-01"] * 2 + ["2024-08-01"] * 2


@pytest.mark.usefixtures("each_way")
def test_periods_and_invoices_are_keys() -> None:
    by = ["invoice_id", "period", "period_start", "project", "line_number"]
    keys = [group.key for group in ai.summarize([JUNE, JULY], by=by).groups]
    assert [(key[0][-1], key[1], str(key[2]), *key[3:]) for key in keys] == [  # type: ignore[index] # an ID is text
        ("e", "2024-06", "2024-06-01", "web", 7),
        ("f", "2024-07", "2024-07-01", "web", 7),
        ("e", "2024-06", "2024-06-01", None, 8),
        ("f", "2024-07", "2024-07-01", None, 8),
    ]
    summary = ai.summarize([JUNE, JULY], by="period")
    assert [(group.key, group.amount) for group in summary.groups] == [
        (("2024-06",), Decimal("-3.08")),
        (("2024-07",), Decimal("-3.08")),
    ]
    assert (summary.total, summary.credits) == (Decimal("-6.16"), Decimal(-10))


WAYS: dict[str, Callable[[Any], Any]] = {
    "summarize": lambda source: ai.summarize(source, by="sku"),
    "to_arrow": ai.to_arrow,
    "to_pandas": ai.to_pandas,
    "to_polars": ai.to_polars,
    "iter_batches": lambda source: list(ai.iter_batches(source)),
    "write_csv": lambda source: write_csv(source, io.BytesIO()),
    "write_jsonl": lambda source: write_jsonl(source, io.BytesIO()),
    "write_parquet": lambda source: write_parquet(source, io.BytesIO()),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.usefixtures("each_way")
def test_the_invoice_that_fails_is_named_and_so_are_two_copies(way: str, tmp_path: Path) -> None:
    (tmp_path / "june.csv").write_bytes(JUNE)
    (tmp_path / "july.csv").write_bytes(JULY.replace(b"1.92", b"x"))
    with pytest.raises(ai.InvoiceFormatError, match=r"july\.csv: line 7, column 'Amount'") as caught:
        WAYS[way](tmp_path)
    assert (caught.value.line_number, caught.value.column) == (7, "Amount")
    (tmp_path / "july.csv").write_bytes(JUNE)
    with pytest.raises(ai.InvoiceFormatError, match=r"invoice '666.*' twice: .*july\.csv and .*june\.csv"):
        WAYS[way](tmp_path)
    with pytest.raises(ai.InvoiceFormatError, match="twice: source 1 and source 2"):
        WAYS[way]([JUNE, JUNE])


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.usefixtures("each_way")
def test_rows_without_an_id_are_never_mixed_but_can_be_summed(way: str) -> None:
    data = TAGGED % (b"team", b"core")
    WAYS[way]([data, JUNE])
    if way == "summarize":
        assert WAYS[way]([data, data]).total == 3
        return
    with pytest.raises(ai.InvoiceFormatError, match="source 1 and source 3 have no Invoice Number"):
        WAYS[way]([data, JUNE, data])


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.usefixtures("each_way")
def test_warnings_name_the_invoice_as_errors_do(way: str) -> None:
    with pytest.warns(UserWarning, match="after the last item") as caught:
        WAYS[way]([JUNE, JULY + b"Total,-3.08\n"])
    expected = "source 2: 1 row after the last item isn't counted: line 9 ('Total', '-3.08')"
    assert [str(each.message) for each in caught] == [expected]


def test_a_folder_of_sync_is_what_its_manifest_says(tmp_path: Path) -> None:
    ids = ["666acb8787ba43606905dcae", "666acb8787ba43606905dcaf"]
    csvs: list[dict[str, str]] = [{}, {"name": f"{ids[1]}.csv"}]
    invoices = [{"id": id_, "startDate": "2024-06-01", "csv": csv} for id_, csv in zip(ids, csvs, strict=True)]
    (tmp_path / "manifest.json").write_text(json.dumps({"format": "atlas-invoices sync", "invoices": invoices}))
    (tmp_path / f"2024-06-{ids[0]}.csv").write_bytes(JUNE)
    for name in ("notes.csv", f"copy-{ids[0]}.csv", f"x{ids[1]}.csv"):
        (tmp_path / name).write_bytes(b"not an invoice")
    with pytest.raises(ai.ConfigError, match=f"lacks the CSV of invoice {ids[1]}"):
        ai.to_arrow(tmp_path)
    (tmp_path / f"{ids[1]}.csv").write_bytes(JULY)
    assert ai.to_arrow(tmp_path).num_rows == 4
    assert ai.summarize(str(tmp_path), by="period").total == Decimal("-6.16")


def test_a_folder_without_a_csv_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ai.ConfigError, match="no invoice CSV"):
        ai.to_arrow(tmp_path)


def test_tags_and_types_are_united(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_arrow, "_BLOCK_SIZE", 64)
    sources = [numbered(b"a", TAGGED % (b"team", b"core")), numbered(b"b", TAGGED % (b"env", b"")), JUNE]
    table = ai.to_arrow(sources)
    assert [dict(tags) for tags in table["tags"].to_pylist()] == [{"team": "core"}, {}, {}, {}]
    assert table.schema.field("quantity").type == pa.decimal128(38, 20)
    assert pa.Table.from_batches(ai.iter_batches(sources)) == table
    assert [batch.num_rows for batch in ai.iter_batches(JUNE, batch_size=1)] == [1, 1]
    out = io.BytesIO()
    write_jsonl(sources, out)
    assert [json.loads(line)["tags"] for line in out.getvalue().splitlines()] == [
        {"team": "core", "env": ""},
        *[{"team": "", "env": ""}] * 3,
    ]


@pytest.mark.usefixtures("each_way")
def test_currencies_are_never_added_up() -> None:
    data = (
        b"Date,Usage Date,SKU,Amount,Currency\n07/01/2024,06/30/2024,M10,1.92,USD\n"
        b"07/01/2024,06/30/2024,M10,10.08,EUR\n07/01/2024,06/30/2024,Credit,-1,EUR\n"
    )
    summary = ai.summarize(data, by="sku")
    assert [(group.currency, group.key, group.amount) for group in summary.groups] == [
        ("EUR", ("M10",), Decimal("10.08")),
        ("EUR", ("Credit",), Decimal(-1)),
        ("USD", ("M10",), Decimal("1.92")),
    ]
    assert summary.totals == {"EUR": Decimal("9.08"), "USD": Decimal("1.92")}
    for name in ("total", "credits"):
        with pytest.raises(ai.ConfigError, match=r"EUR and USD.*\.by_currency"):
            getattr(summary, name)
    assert summary.by_currency["EUR"].credits == Decimal(-1)
    assert float(sum(group.share or 0 for group in summary.by_currency["EUR"].groups)) == pytest.approx(1)
    assert ai.to_arrow(summary)["currency"].to_pylist() == ["EUR", "EUR", "USD"]


def test_a_summary_is_a_table() -> None:
    summary = ai.summarize([JUNE, JULY], by=["period", "day", "amount"])
    assert list(summary.rows()[0]) == ["period", "day", "by_amount", "currency", "amount", "quantity", "lines", "share"]
    table = ai.to_arrow(summary)
    assert table.schema.field("amount").type == pa.decimal128(18, 2)
    assert table["lines"].to_pylist() == [1, 1, 1, 1]
    assert ai.to_pandas(summary)["amount"].sum() == summary.total
    assert ai.to_polars(summary)["amount"].sum() == summary.total
    assert ai.to_arrow(ai.summarize([], by="sku")).schema.field("amount").type == pa.decimal128(18, 2)


@pytest.mark.usefixtures("each_way")
def test_a_tag_in_another_case_is_found_with_a_warning() -> None:
    data = TAGGED % (b"team", b"core")
    with pytest.warns(UserWarning, match="no tag is called 'TEAM'; grouped by tag:team"):
        summary = ai.summarize(data, by="tag:TEAM")
    assert (summary.by, summary.groups[0].key) == (("tag:team",), ("core",))


def test_the_same_sums_in_every_format(tmp_path: Path) -> None:
    june = numbered(b"a", TAGGED % (b"team", b"core") + b"07/01/2024,06/30/2024,M30,0.1234567890123,3,\n")
    path = tmp_path / "a.csv"
    path.write_bytes(june)
    expected = sum(line.amount or 0 for line in ai.read_csv(path))
    as_csv, as_json, as_parquet = io.BytesIO(), io.BytesIO(), io.BytesIO()
    write_csv(path, as_csv, bom=True)
    write_jsonl(path, as_json)
    write_parquet(path, as_parquet)
    assert as_csv.getvalue().startswith(b"\xef\xbb\xbfinvoice_id,line_number,")
    rows = list(csv.DictReader(io.StringIO(as_csv.getvalue().decode("utf-8-sig"))))
    assert json.loads(rows[0]["tags"]) == {"team": "core"}
    parquet = pa.parquet.read_table(io.BytesIO(as_parquet.getvalue()))
    assert parquet == ai.to_arrow(path)
    assert {
        ai.summarize(path, by="sku").total,
        sum(ai.to_arrow(path)["amount"].to_pylist()),
        sum(Decimal(row["amount"]) for row in rows),
        sum(Decimal(json.loads(line)["amount"]) for line in as_json.getvalue().splitlines()),
        sum(parquet["amount"].to_pylist()),
    } == {expected}
