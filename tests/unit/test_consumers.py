"""Ordinary use of a table in DuckDB, polars, pandas and pyarrow: sums, products, joins, days. The rest: consumers/."""

from __future__ import annotations

from decimal import Context, Decimal
from pathlib import Path

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pytest

import atlas_invoices as ai
from atlas_invoices._csv import write_csv, write_jsonl, write_parquet
from invoice_lines import simple_invoice

PRODUCT = simple_invoice(
    {"Project": "web", "Unit Price": "10.5", "Quantity": "720", "Amount": "7560"},
    {"Project": "web", "Unit Price": "0.08", "Quantity": "24", "Amount": "1.92"},
)
TOTAL = Decimal("7561.92")
OWNERS = {"project": ["web", "api"], "owner": ["ann", "bob"]}


@pytest.fixture
def parquet(tmp_path: Path) -> str:
    path = tmp_path / "a.parquet"
    with path.open("wb") as file:
        write_parquet(PRODUCT, file)
    return str(path)


def query(sql: str, *paths: object) -> list[tuple[object, ...]]:
    with duckdb.connect() as connection:
        return connection.execute(sql, [str(path) for path in paths]).fetchall()


def test_duckdb(parquet: str, tmp_path: Path) -> None:
    owners = tmp_path / "owners.csv"
    pd.DataFrame(OWNERS).to_csv(owners, index=False)
    sql = "SELECT owner, sum(unit_price * quantity), sum(amount) FROM read_parquet(?) JOIN read_csv(?) USING (project)"
    assert query(f"{sql} GROUP BY owner", parquet, owners) == [("ann", TOTAL, TOTAL)]


@pytest.mark.parametrize("quantity", ["24", "12345678.12345678901", "123456789012345.12345678901"])
def test_duckdb_is_right_or_refuses_long_numbers(quantity: str, tmp_path: Path) -> None:
    price = "0.00034722222222222224"
    path = tmp_path / "b.parquet"
    with path.open("wb") as file:
        write_parquet(simple_invoice({"Unit Price": price, "Quantity": quantity}), file)
    expected = Context(prec=60).multiply(Decimal(price), Decimal(quantity))
    try:
        assert query("SELECT sum(unit_price * quantity) FROM read_parquet(?)", path) == [(expected,)]
    except duckdb.Error:
        assert len(quantity) > 20


def test_polars(parquet: str) -> None:
    for frame in (pl.read_parquet(parquet), ai.to_polars(PRODUCT)):
        joined = frame.join(pl.DataFrame(OWNERS), on="project").sort("project")
        assert joined["owner"].to_list() == ["ann", "ann"]
        assert joined.select((pl.col("unit_price") * pl.col("quantity")).sum()).item() == TOTAL
        assert joined["amount"].sum() == TOTAL
        assert joined.describe().height > 0


def test_polars_multiplies_exactly_with_decimals_for_the_product() -> None:
    frame = ai.to_polars(simple_invoice(*[{"Unit Price": "0.015", "Quantity": "0.125"}] * 4))
    exact = pl.col("unit_price").cast(pl.Decimal(38, 6)) * pl.col("quantity")
    assert frame.select(exact.sum()).item() == Decimal("0.0075")


def test_pandas(parquet: str) -> None:
    frame = ai.to_pandas(PRODUCT)
    joined = frame.merge(pd.DataFrame(OWNERS), on="project").sort_values("project")
    assert joined["owner"].tolist() == ["ann", "ann"]
    assert (joined["unit_price"] * joined["quantity"]).sum() == joined["amount"].sum() == TOTAL
    assert str(frame["amount"].sum()) == "7561.92"
    assert (frame["usage_date"] < pd.Timestamp("2024-07-01")).all()
    assert (frame["usage_date"] < frame["date"]).all()
    assert frame.describe()["usage_date"]["max"] == pd.Timestamp("2024-06-30")
    assert frame.astype({"amount": float}).describe()["amount"]["max"] == 7560
    assert pd.read_parquet(parquet, dtype_backend="pyarrow")["amount"].sum() == TOTAL


def test_pyarrow(tmp_path: Path) -> None:
    table = pa.Table.from_batches(ai.iter_batches(PRODUCT))
    some = table.select(["project", "amount"]).sort_by("project")
    assert some.join(pa.table(OWNERS), "project", join_type="inner").num_rows == 2
    assert pc.sum(pc.multiply(table["unit_price"], table["quantity"])).as_py() == TOTAL  # type: ignore[call-overload] # the stubs' decimals
    assert table.group_by("project").aggregate([("amount", "sum")])["amount_sum"].to_pylist() == [TOTAL]
    with pa.ipc.new_file(tmp_path / "a.arrow", table.schema) as writer:
        writer.write_table(table)
    assert pa.ipc.open_file(tmp_path / "a.arrow").read_all() == table


def test_a_late_tag_survives_readers_that_look_at_the_first_lines(tmp_path: Path) -> None:
    row = "07/01/2024,06/30/2024,M10,1,{}\n"
    lines = [row.format("")] * 25_000 + [row.format("late")]
    data = "".join(["Date,Usage Date,SKU,Amount,Tag/x\n", *lines]).encode()
    out = tmp_path / "a.jsonl"
    with out.open("wb") as file:
        write_jsonl(data, file)
    assert pl.read_ndjson(out)["tags"].struct.field("x")[-1] == "late"
    assert query("SELECT count(*) FROM read_json(?) WHERE tags.x = 'late'", out) == [(1,)]


def test_tags_in_csv_are_json_for_every_reader(tmp_path: Path) -> None:
    data = b'Date,Usage Date,SKU,Amount,Tag/x,Tag/y\n07/01/2024,06/30/2024,M10,1,"say ""hi"", all",b\n'
    out = tmp_path / "a.csv"
    with out.open("wb") as file:
        write_csv(data, file, bom=True)
    assert query("SELECT json_extract_string(tags, '$.x') FROM read_csv(?)", out) == [('say "hi", all',)]
    assert pd.read_csv(out).columns[0] == "invoice_id"
    assert pd.read_csv(out)["tags"].tolist() == ['{"x":"say \\"hi\\", all","y":"b"}']
