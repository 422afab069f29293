"""Delta Lake on a local S3: credentials, and who can read the table. tests/unit/test_load.py has the rest of `load`."""

from __future__ import annotations

import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pytest

import atlas_invoices as ai
from load_targets import invoice, save

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.warehouse


def test_storage_options_reach_the_store(tmp_path: Path, s3: dict[str, str]) -> None:
    uri = f"s3://costs/{tmp_path.name}"
    assert len(ai.load(f"delta:{uri}", invoice(6, "1"), storage_options=s3).added) == 1
    options = [part for name, value in s3.items() for part in ("--storage-option", f"{name}={value}")]
    command = [sys.executable, "-m", "atlas_invoices", "load", f"delta:{uri}", save(tmp_path / "in", invoice(6, "2"))]
    done = subprocess.run([*command, *options], capture_output=True, text=True, check=True)
    assert "0 added, 1 replaced" in done.stderr
    wrong = {**s3, "AWS_ENDPOINT_URL": "http://127.0.0.1:9", "retry_timeout": "1s", "max_retries": "0"}
    with pytest.raises(ai.LoadError) as failed:
        ai.load(f"delta:{uri}", invoice(6, "1"), storage_options=wrong)
    assert "made-up" not in str(failed.value)
    assert "x1b" not in str(failed.value)


def test_duckdb_reads_the_table_by_itself(tmp_path: Path, s3: dict[str, str]) -> None:
    """By DuckDB's own extensions, which know nothing of delta-rs."""
    delta = pytest.importorskip("duckdb_extension_delta")
    httpfs = pytest.importorskip("duckdb_extension_httpfs")
    uri = f"s3://costs/{tmp_path.name}"
    target = f"delta:{uri}"
    ai.load(target, [invoice(1, "1", "2.5"), invoice(2, "7", **{"Tag/team": "data"})], storage_options=s3)
    ai.load(target, invoice(1, "3", "4", "5.25"), storage_options=s3)
    with duckdb.connect() as connection:
        for package in (httpfs, delta):
            (extension,) = Path(package.__file__).parent.rglob("*.duckdb_extension")
            connection.load_extension(str(extension))
        endpoint = s3["AWS_ENDPOINT_URL"].removeprefix("http://")
        connection.execute(
            f"CREATE SECRET (TYPE s3, KEY_ID 'made-up', SECRET 'made-up', REGION 'us-east-1', "
            f"ENDPOINT '{endpoint}', USE_SSL false, URL_STYLE 'path')"
        )
        sums = "month(period_start) AS period, count(*), sum(amount), max(tags['team'])"
        sql = f"SELECT {sums} FROM delta_scan(?) GROUP BY period ORDER BY period"
        found = connection.execute(sql, [uri]).fetchall()
    assert found == [(1, 3, Decimal("12.25"), None), (2, 1, Decimal(7), "data")]


def test_spark_reads_the_table_through_delta_rs(spark: SparkSession, tmp_path: Path, s3: dict[str, str]) -> None:
    """Delta Lake's and S3's jars aren't on PyPI, so delta-rs hands the table over as Arrow."""
    deltalake = pytest.importorskip("deltalake")
    uri = f"s3://costs/{tmp_path.name}"
    ai.load(f"delta:{uri}", [invoice(1, "1", "2.5"), invoice(2, "7", **{"Tag/team": "data"})], storage_options=s3)
    frame = spark.createDataFrame(deltalake.DeltaTable(uri, storage_options=s3).to_pyarrow_table())
    rows = frame.groupBy("period_start").agg({"amount": "sum", "*": "count"}).orderBy("period_start").collect()
    assert [(row["sum(amount)"], row["count(1)"]) for row in rows] == [(Decimal("3.5"), 2), (Decimal(7), 1)]
    assert frame.where("tags['team'] = 'data'").count() == 1
