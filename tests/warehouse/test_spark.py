"""The Spark data source: each line once and exactly, on several cores and executors; no secret anywhere."""

from __future__ import annotations

import importlib.util
import json
import os
import pickle
import re
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import atlas_invoices as ai
from atlas_invoices.sandbox import Sandbox, Settings
from environment import ROOT
from load_targets import invoice, invoice_id, save

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

pytestmark = pytest.mark.warehouse
JOB = ROOT / "tests" / "support" / "spark_job.py"


def lines(spark: SparkSession, **options: object) -> DataFrame:
    return spark.read.format("atlas_invoices").options(**{name: str(value) for name, value in options.items()}).load()


def sums(frame: DataFrame) -> dict[str, tuple[int, int, Decimal]]:
    """The number of lines, of different lines, and the sum of each invoice."""
    found = frame.groupBy("invoice_id").agg({"*": "count", "amount": "sum"})
    distinct = frame.select("invoice_id", "line_number").distinct().groupBy("invoice_id").count()
    rows = found.join(distinct, "invoice_id").collect()
    return {row["invoice_id"]: (row["count(1)"], row["count"], row["sum(amount)"]) for row in rows}


def expected(sandbox: Sandbox, months: slice = slice(None)) -> dict[str, tuple[int, int, Decimal]]:
    found = {}
    for each in sandbox.invoices[months]:
        with ai.read_csv(sandbox.csv_bytes(each.id)) as csv:
            amounts = [line.amount or Decimal(0) for line in csv]
        if amounts:
            found[each.id] = (len(amounts), len(amounts), sum(amounts, Decimal(0)))
    return found


def csv_requests(sandbox: Sandbox) -> Counter[str]:
    return Counter(request.path.split("/")[-2] for request in sandbox.requests if request.path.endswith("/csv"))


def test_200_invoices_are_read_once_each_with_one_token(spark: SparkSession, sandbox: Sandbox) -> None:
    sandbox.clear_requests()
    frame = lines(spark)
    (row,) = frame.selectExpr("count(*)", "count(DISTINCT invoice_id, line_number)", "sum(amount)").collect()
    right = expected(sandbox)
    assert tuple(row) == (*[sum(each[0] for each in right.values())] * 2, sum(each[2] for each in right.values()))
    assert csv_requests(sandbox) == Counter([each.id for each in sandbox.invoices])
    others = [request.path for request in sandbox.requests if not request.path.endswith("/csv")]
    assert len(others) <= 3
    assert others.count("/api/oauth/token") <= 1
    assert frame.rdd.getNumPartitions() == len(sandbox.invoices) == 200


def test_a_token_that_was_revoked_is_replaced_when_a_read_is_planned(spark: SparkSession, sandbox: Sandbox) -> None:
    sandbox.expire_tokens()
    frame = lines(spark, since="2026-09", org=sandbox.org_id)
    assert sums(frame) == expected(sandbox, slice(3))


def test_a_task_that_fails_is_retried_without_a_line_twice(spark: SparkSession, sandbox: Sandbox) -> None:
    # 400 isn't retried by the client.
    sandbox.fail(400, path="/csv", times=3)
    assert sums(lines(spark, since="2026-06").cache()) == expected(sandbox, slice(6))


def test_months_and_filters_leave_out_what_need_not_be_read(spark: SparkSession, sandbox: Sandbox) -> None:
    some = sandbox.invoices[3:6]
    name = "spark.sql.python.filterPushdown.enabled"

    def read(condition: str, *, push: bool = True, **options: str) -> int:
        sandbox.clear_requests()
        spark.conf.set(name, push)
        frame = lines(spark, **options).where(condition)
        found = {row[0] for row in frame.select("invoice_id").distinct().collect()}
        assert found <= set(csv_requests(sandbox))
        return len(csv_requests(sandbox))

    try:
        assert read("true", since="2026-06", until="2026-08") == 3
        assert read(f"invoice_id = '{some[0].id}'") == 1
        assert read(f"invoice_id IN ('{some[0].id}', '{some[1].id}', 'x') AND sku <> 'x'") == 2
        assert read("period_start >= DATE '2026-06-01' AND period_end < '2026-09-01'") == 2
        assert read("period_start > '2030-01-01'") == 0
        assert read(f"invoice_id = '{some[0].id}' OR amount < 0", since="2026-06") == 6
        assert read(f"invoice_id = '{some[0].id}'", since="2026-06", push=False) == 6
    finally:
        spark.conf.unset(name)


def test_a_folder_gives_the_rows_of_to_arrow(spark: SparkSession, tmp_path: Path) -> None:
    cells = {"SKU": "M10 äöü 東京", "Unit Price": "0.00000000000001", "Tag/team": "data", "Future": "x"}
    folder = save(tmp_path / "in", invoice(1, "1.92", "-12345678901234567890.5", **cells), invoice(2, "3"), invoice(3))
    rows = lines(spark, path=folder).orderBy("invoice_id", "line_number").collect()
    table = ai.to_arrow(folder)
    assert rows[0].__fields__ == table.column_names
    maps = ("tags", "extra")
    assert [row.asDict() for row in rows] == [
        {name: dict(value) if name in maps else value for name, value in row.items()} for row in table.to_pylist()
    ]
    (total,) = lines(spark, path=folder / "2.csv").selectExpr("sum(amount)").collect()
    assert total[0] == 3


def test_a_folder_that_sync_keeps_has_what_atlas_has(spark: SparkSession, sandbox: Sandbox, tmp_path: Path) -> None:
    auth = ai.ServiceAccountAuth(sandbox.client_id, sandbox.client_secret)
    with ai.Client(auth, base_url=sandbox.base_url) as atlas:
        ai.sync_invoices(atlas, sandbox.org_id, tmp_path / "in", since=date(2026, 9, 1))
    (tmp_path / "in" / "another.csv").write_text("not an invoice")
    assert sums(lines(spark, path=tmp_path / "in")) == expected(sandbox, slice(3))


def test_products_are_exact_without_precision_loss(spark: SparkSession, tmp_path: Path) -> None:
    from pyspark.errors import PySparkException  # noqa: PLC0415 - see conftest

    folder = save(tmp_path / "in", invoice(1, "1", "2", **{"Unit Price": "0.00034722222222", "Quantity": "744.123456"}))
    product = Decimal("0.00034722222222") * Decimal("744.123456")
    frame = lines(spark, path=folder)
    name = "spark.sql.decimalOperations.allowPrecisionLoss"
    spark.conf.set(name, "false")
    try:
        assert frame.selectExpr("sum(unit_price * quantity)").first() == (2 * product,)
        with pytest.raises(PySparkException, match="NUMERIC_VALUE_OUT_OF_RANGE"):
            frame.selectExpr("sum((quantity + 1000000) * (quantity + 1000000))").first()
    finally:
        spark.conf.unset(name)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"orgs": "x"}, "no option 'orgs'; did you mean org"),
        ({"since": "June 2026"}, "the option since is 'June 2026', which isn't a month; write it as 2026-06"),
        ({"since": "2026-06", "until": "2026-05"}, "since (2026-06) is later than until (2026-05); swap them"),
        ({"org": "x"}, "organization ID 'x' isn't 24 hexadecimal digits"),
        ({"org": "x", "path": "x"}, "path and org exclude each other"),
        ({"decimals": "float"}, "decimals is 'exact' or 'round'"),
        ({"path": "/no/such/folder"}, "No such file or directory: '/no/such/folder'"),
    ],
)
def test_options_that_cannot_be_used_are_clear_errors(
    spark: SparkSession, options: dict[str, str], message: str
) -> None:
    from pyspark.errors import PySparkException  # noqa: PLC0415 - see conftest

    with pytest.raises(PySparkException, match=re.escape(message)):
        lines(spark, **options).count()


def test_an_invoice_that_cannot_be_read_fails_with_its_name_and_line(spark: SparkSession, tmp_path: Path) -> None:
    from pyspark.errors import PySparkException  # noqa: PLC0415 - see conftest

    folder = save(tmp_path / "in", invoice(1, "1"), invoice(2, "0.123456789012345"))
    with pytest.raises(PySparkException, match=r"2\.csv: line 6, column 'Amount': more than 14 decimals"):
        lines(spark, path=folder).count()
    assert lines(spark, path=folder, decimals="round").count() == 2
    save(folder, invoice(1, "1"), invoice(2, "1", "one"))
    with pytest.raises(PySparkException, match=r"2\.csv: line 7, column 'Amount': not a number: 'one'"):
        lines(spark, path=folder).count()
    save(folder, invoice(1, "1"), invoice(1, "2"))
    with pytest.raises(PySparkException, match=f"invoice '{invoice_id(1)}' twice"):
        lines(spark, path=folder).count()


def test_a_million_lines_stream_and_a_killed_worker_repeats_none(spark: SparkSession, tmp_path: Path) -> None:
    make = importlib.util.spec_from_file_location("big_invoice", ROOT / "tests" / "benchmarks" / "big_invoice.py")
    assert make
    assert make.loader
    module = importlib.util.module_from_spec(make)
    make.loader.exec_module(module)
    path = module.write_invoice(tmp_path)
    (row,) = ai.summarize(path, by=["invoice_id"]).groups
    with watched_workers() as peak:
        (found,) = lines(spark, path=path).selectExpr("count(*)", "max(line_number)", "sum(amount)").collect()
    assert tuple(found) == (1_000_000, 1_000_006, row.amount)
    assert peak["killed"] == 1
    # The file has 200 MB.
    assert 50 < peak["megabytes"] < 400


@contextmanager
def watched_workers() -> Iterator[dict[str, int]]:
    """The most memory that one of Spark's Python workers has; the first that gets large is killed."""
    found = {"megabytes": 0, "killed": 0}
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.05):
            for status in Path("/proc").glob("[0-9]*/status"):
                try:
                    if b"pyspark.daemon" not in (status.parent / "cmdline").read_bytes():
                        continue
                    peak = int(dict(line.split(":", 1) for line in status.read_text().splitlines())["VmHWM"].split()[0])
                    found["megabytes"] = max(found["megabytes"], peak // 1024)
                    if peak > 120 * 1024 and not found["killed"]:
                        os.kill(int(status.parent.name), signal.SIGKILL)
                        found["killed"] = 1
                except OSError:
                    continue

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield found
    finally:
        done.set()
        thread.join()


def test_executors_in_other_processes_get_a_token_that_nothing_shows(java: None, tmp_path: Path) -> None:  # noqa: ARG001 - a condition
    """With all logs at DEBUG, the event log, plans as text and JSON, and tracebacks with their locals."""
    with Sandbox(Settings(months=2, typical_lines=20)) as sandbox:
        sandbox.fail(400, path=f"/{sandbox.invoices[0].id}/csv", after=1)
        environ = {**os.environ, **sandbox.environment(), "XDG_CACHE_HOME": str(tmp_path / "cache")}
        command = [sys.executable, JOB, tmp_path / "shown"]
        done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
        right = expected(sandbox)
        used = {request.path for request in sandbox.requests}
    (cached,) = (tmp_path / "cache").rglob("*.json")
    token = json.loads(cached.read_text())["access_token"]
    count, total = done.stdout.split()
    assert (int(count), Decimal(total)) == (sum(each[0] for each in right.values()), sum(e[2] for e in right.values()))
    assert "/api/oauth/token" in used
    shown = {path.name: path.read_bytes() for path in (tmp_path / "shown").rglob("*") if path.is_file()}
    assert b"BadRequestError" in shown["shown.txt"]
    assert sum(name.startswith("log-") for name in shown) == 3
    assert any(name.startswith("events_") and b"SparkListenerTaskEnd" in data for name, data in shown.items())
    shown["output"] = (done.stdout + done.stderr).encode()
    for secret in (token, sandbox.client_secret):
        for form in (secret, ", ".join(str(byte) for byte in secret.encode())):
            assert [name for name, data in shown.items() if form.encode() in data] == []


def test_the_snippets_of_the_page_run_in_its_order(
    spark: SparkSession, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    page = (ROOT / "overlays" / "docs" / "spark.md").read_text(encoding="utf-8")
    snippets = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    assert len(snippets) == 5
    save(tmp_path / "invoices", invoice(1, "1.50", "2"))
    ai.load(f"delta:{tmp_path}/costs", tmp_path / "invoices")
    names: dict[str, Any] = {}
    try:
        for text in snippets:
            exec(text.replace("/shared", str(tmp_path)), names)  # noqa: S102 - our own page
    finally:
        for name in ("python.filterPushdown.enabled", "decimalOperations.allowPrecisionLoss"):
            spark.conf.unset(f"spark.sql.{name}")
    said = capfd.readouterr().out
    assert "3.50000000000000" in said
    assert re.search(r"2026-06-01\|\s*web\|", said), said
    assert names["table"].count() == 2


class TestReader:
    """What Spark pickles, without Spark."""

    @pytest.fixture
    def source(self, java: None) -> Callable[..., Any]:  # noqa: ARG002 - a condition
        from atlas_invoices.spark import AtlasInvoices  # noqa: PLC0415 - see conftest

        return lambda **options: AtlasInvoices(options).reader(None)  # type: ignore[arg-type] # it isn't used

    def test_without_credentials_it_says_when_to_set_them(self, source: Callable[..., Any]) -> None:
        with pytest.raises(ai.ConfigError, match=r"no credentials: .* before the first session started"):
            source(org=invoice_id(1))

    def test_an_organization_is_needed(self, source: Callable[..., Any]) -> None:
        with pytest.raises(ai.ConfigError, match="option org or MONGODB_ATLAS_ORG_ID, or a folder with path"):
            source()

    def test_an_api_key_stays_where_it_is(
        self, source: Callable[..., Any], sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name, value in sandbox.environment("api-key").items():
            monkeypatch.setenv(name, value)
        pickled = pickle.dumps(source(since="2026-11"))
        assert sandbox.private_key.encode() not in pickled
        reader = pickle.loads(pickled)  # noqa: S301 - our own
        (partition,) = reader.partitions()
        rows = sum(batch.num_rows for batch in reader.read(partition))
        assert rows == expected(sandbox, slice(1))[partition.value][0]

    def test_a_token_is_in_no_repr(
        self, source: Callable[..., Any], sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        for name, value in {**sandbox.environment(), "XDG_CACHE_HOME": str(tmp_path)}.items():
            monkeypatch.setenv(name, value)
        reader = source(since="2026-11")
        copy = pickle.loads(pickle.dumps(reader))  # noqa: S301 - our own
        assert copy._access == reader._access
        assert copy._access.token.secret.reveal() not in f"{reader!r}{vars(reader)!r}{copy._access!r}{vars(copy)!r}"


def test_types_are_right() -> None:
    """Here, because pyspark's types are needed; `scripts/check` leaves this module out."""
    pytest.importorskip("pyspark")
    command = [sys.executable, "-m", "mypy", "-m", "atlas_invoices.spark"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
