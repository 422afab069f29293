"""The targets of `load`, read back without our code: each with its name, and its rows as the engine has them."""

from __future__ import annotations

import datetime as dt
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import duckdb
import httpx
import pyarrow as pa
import pytest
from attrs import frozen

import atlas_invoices as ai
from invoice_lines import HEADER


@frozen
class LoadTarget:
    """A target in a folder of the test; `read` returns its lines as dictionaries."""

    name: str
    read: Callable[[], list[dict[str, Any]]]
    options: Mapping[str, str] = {}

    def load(self, source: object, *, decimals: Literal["exact", "round"] = "exact") -> ai.LoadReport:
        """Load any source."""
        return ai.load(self.name, source, storage_options=self.options, decimals=decimals)  # type: ignore[arg-type] # each is one

    def counts(self) -> dict[str, int]:
        """The number of lines of each invoice."""
        found: dict[str, int] = {}
        for row in self.read():
            found[row["invoice_id"]] = found.get(row["invoice_id"], 0) + 1
        return found


def query(path: Path, sql: str) -> list[dict[str, Any]]:
    """The rows of a query to a DuckDB database."""
    with duckdb.connect(str(path), read_only=True) as connection:
        done = connection.execute(sql)
        names = [column[0] for column in done.description or []]
        return [dict(zip(names, row, strict=True)) for row in done.fetchall()]


def assert_same_focus(path: Path, expected: pa.Table) -> None:
    """Check that a database's view `focus` has the columns and rows of `to_focus`; its times have no zone."""
    with duckdb.connect(str(path), read_only=True) as connection:
        found = connection.sql("FROM focus").to_arrow_table()
    assert found.column_names == expected.column_names
    key = [("InvoiceId", "ascending"), ("x_LineNumber", "ascending")]
    for ours, theirs in zip(found.sort_by(key).to_pylist(), expected.sort_by(key).to_pylist(), strict=True):
        assert ours == {
            name: value.replace(tzinfo=None) if isinstance(value, dt.datetime) else value
            for name, value in theirs.items()
        }


def duckdb_target(folder: Path) -> LoadTarget:
    path = folder / "costs.db"
    return LoadTarget(
        f"duckdb:{path}", lambda: query(path, "SELECT * FROM invoice_lines ORDER BY invoice_id, line_number")
    )


def delta_target(folder: Path) -> LoadTarget:
    deltalake = pytest.importorskip("deltalake")

    def read() -> list[dict[str, Any]]:
        lines = deltalake.QueryBuilder().register("lines", deltalake.DeltaTable(str(folder / "delta")))
        found = lines.execute("SELECT * FROM lines ORDER BY invoice_id, line_number").read_all()
        return list(pa.table(found).to_pylist())

    return LoadTarget(f"delta:{folder / 'delta'}", read)


def s3_target(folder: Path) -> LoadTarget:
    """A Delta table on the S3 that the environment describes."""
    deltalake = pytest.importorskip("deltalake")
    uri = f"s3://costs/{folder.parent.name}/{folder.name}"

    def read() -> list[dict[str, Any]]:
        lines = deltalake.DeltaTable(uri).to_pyarrow_dataset()
        with duckdb.connect() as connection:
            found = connection.from_arrow(lines).order("invoice_id, line_number").to_arrow_table()
        return list(found.to_pylist())

    return LoadTarget(f"delta:{uri}", read)


@contextmanager
def local_s3() -> Iterator[dict[str, str]]:
    """Run moto's S3 with a bucket `costs`; the environment to use it."""
    if find_spec("moto") is None:
        pytest.skip("no local S3: run scripts/test --warehouse")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            bucket = httpx.HTTPTransport(retries=8)
            with httpx.Client(transport=bucket, trust_env=False, timeout=60) as client:
                client.put(f"{url}/costs").raise_for_status()
            yield {
                "AWS_ENDPOINT_URL": url,
                "AWS_ALLOW_HTTP": "true",
                "AWS_REGION": "us-east-1",
                "AWS_ACCESS_KEY_ID": "made-up",
                "AWS_SECRET_ACCESS_KEY": "made-up",
            }
        finally:
            server.terminate()


def iceberg_target(folder: Path) -> LoadTarget:
    """A table of a catalog in SQLite; pyiceberg reads the environment when it's imported, for other processes."""
    catalogs = pytest.importorskip("pyiceberg.catalog")
    options = iceberg_options(folder)

    def read() -> list[dict[str, Any]]:
        found = catalogs.load_catalog("test", **options).load_table("billing.lines").scan().to_arrow()
        return list(found.sort_by([("invoice_id", "ascending"), ("line_number", "ascending")]).to_pylist())

    return LoadTarget("iceberg:test.billing.lines", read, options)


def iceberg_options(folder: Path) -> dict[str, str]:
    return {"type": "sql", "uri": f"sqlite:///{folder}/catalog.db", "warehouse": f"file://{folder}/warehouse"}


def invoice(number: int, *amounts: str, **cells: str) -> bytes:
    """The CSV of the invoice of a month of 2024, with a line for each amount."""
    start, end = dt.date(2024, number, 1), dt.date(2024, number + 1, 1)
    names = list(dict.fromkeys([*HEADER.decode().split(","), *cells]))
    usual = {"Date": f"{end:%m/%d/%Y}", "Usage Date": f"{start:%m/%d/%Y}", "SKU": "M10", "Project": "web", **cells}
    rows = [",".join({**usual, "Amount": amount}.get(name, "") for name in names) for amount in amounts]
    period = f"{start:%B} 1, 2024 - {end:%B} 1, 2024"
    preamble = f'Invoice Number,{invoice_id(number)},\nBilling Period,"{period}",\nOrganization Name,Test 2,\n\n'
    return (preamble + "\n".join([",".join(names), *rows, ""])).encode()


def invoice_id(number: int) -> str:
    return f"{number:024x}"


def save(folder: Path, *invoices: bytes) -> Path:
    """Write invoices as 1.csv, 2.csv and so on; return the folder."""
    folder.mkdir(exist_ok=True)
    for number, data in enumerate(invoices, 1):
        (folder / f"{number}.csv").write_bytes(data)
    return folder


def amounts(rows: list[dict[str, Any]]) -> list[Decimal]:
    return [row["amount"] for row in rows]
