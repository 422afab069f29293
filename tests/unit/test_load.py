"""Load: invoices whole and once, unchanged ones skipped, pending ones replaced; a failure leaves what was there."""

from __future__ import annotations

import datetime as dt
import io
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

import atlas_invoices as ai
from atlas_invoices._load import _rows
from load_targets import (
    LoadTarget,
    amounts,
    delta_target,
    duckdb_target,
    iceberg_options,
    iceberg_target,
    invoice,
    invoice_id,
    local_s3,
    query,
    s3_target,
    save,
)

VICTIM = Path(__file__).parent.parent / "support" / "load_victim.py"


HEAVY = pytest.mark.lakehouse
WAREHOUSE = pytest.mark.warehouse


@pytest.fixture(scope="module")
def s3() -> Iterator[dict[str, str]]:
    with local_s3() as environment:
        yield environment


@pytest.fixture(
    params=[
        duckdb_target,
        pytest.param(delta_target, marks=HEAVY),
        pytest.param(iceberg_target, marks=HEAVY),
        pytest.param(s3_target, marks=WAREHOUSE),
    ],
    ids=["duckdb", "delta", "iceberg", "s3"],
)
def target(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LoadTarget:
    for name, value in iceberg_options(tmp_path).items():
        monkeypatch.setenv(f"PYICEBERG_CATALOG__TEST__{name.upper()}", value)
    if request.param is s3_target:
        for name, value in request.getfixturevalue("s3").items():
            monkeypatch.setenv(name, value)
    made: LoadTarget = request.param(tmp_path)
    return made


def outcomes(report: ai.LoadReport) -> list[str]:
    return [each.outcome for each in report.invoices]


def test_lines_arrive_with_every_column_and_to_the_last_digit(target: LoadTarget) -> None:
    cells = {
        "SKU": "M10 äöü 東京",
        "Quantity": "24",
        "Unit Price": "0.00000000000001",
        "Tag/team": "data",
        "Future": "x",
    }
    report = target.load([invoice(6, "1.92", "-12345678901234567890.5", **cells)])
    (loaded,) = report.added
    assert (loaded.id, loaded.period_start, loaded.lines) == (invoice_id(6), dt.date(2024, 6, 1), 2)
    assert loaded.amount == Decimal("-12345678901234567888.58")
    rows = target.read()
    (expected, _) = ai.to_arrow(invoice(6, "1.92", "-12345678901234567890.5", **cells)).to_pylist()
    assert list(rows[0])[:25] == list(expected)
    (tags, extra) = (dict(rows[0].pop(name)) for name in ("tags", "extra"))
    assert (tags, extra) == ({"team": "data"}, {"Future": "x"})
    assert rows[0].items() >= {name: value for name, value in expected.items() if name in rows[0]}.items()
    assert amounts(rows) == [Decimal("1.92"), Decimal("-12345678901234567890.5")]


def test_what_is_there_is_skipped_and_what_has_changed_is_replaced(target: LoadTarget, tmp_path: Path) -> None:
    folder = save(tmp_path / "in", invoice(1, "1", "2"), invoice(2, "3"))
    assert outcomes(target.load(folder)) == ["added", "added"]
    assert outcomes(target.load(folder)) == ["unchanged", "unchanged"]
    save(folder, invoice(1, "1", "2"), invoice(2, "4", "5", **{"Tag/new": "tag"}))
    report = target.load(folder)
    assert outcomes(report) == ["unchanged", "replaced"]
    assert [each.lines for each in report.replaced] == [2]
    assert amounts(target.read()) == [1, 2, 4, 5]
    # A later part of the folder neither removes nor repeats the rest.
    assert outcomes(target.load(folder / "1.csv")) == ["unchanged"]
    assert target.counts() == {invoice_id(1): 2, invoice_id(2): 2}


def test_a_pending_invoice_is_replaced_each_time_and_a_new_status_once(target: LoadTarget, tmp_path: Path) -> None:
    folder = save(tmp_path / "in", invoice(1, "1"))
    document = folder / "1.json"
    for status, expected in (
        ("PENDING", "added"), ("PENDING", "replaced"), ("INVOICED", "replaced"), ("INVOICED", "unchanged"),
        ("PAID", "replaced"),
    ):  # fmt: skip
        document.write_text(json.dumps({"id": invoice_id(1), "statusName": status, "lineItems": [{}]}))
        assert outcomes(target.load(folder)) == [expected], status
    # Without the JSON, nothing new is known.
    document.unlink()
    assert outcomes(target.load(folder)) == ["unchanged"]
    assert target.counts() == {invoice_id(1): 1}


def test_any_source_does_even_one_that_can_be_read_once(target: LoadTarget, tmp_path: Path) -> None:
    data = invoice(1, "1", "2")
    (tmp_path / "one.csv").write_bytes(data)
    sources: list[Callable[[], object]] = [
        lambda: data,
        lambda: io.BytesIO(data),
        lambda: iter([data[:100], data[100:]]),
        lambda: tmp_path / "one.csv",
        lambda: str(tmp_path / "one.csv"),
        lambda: ai.read_csv(data),
        lambda: [io.BytesIO(data)],
    ]
    reports = [target.load(make()) for make in sources]
    assert [outcomes(report) for report in reports] == [["added"], *[["unchanged"]] * (len(sources) - 1)]
    with pytest.raises(ai.ConfigError, match="pass the stream"):
        target.load(ai.read_csv(io.BytesIO(data)))


def test_an_invoice_that_fails_leaves_what_was_there(target: LoadTarget) -> None:
    good = invoice(1, *["1"] * 2000)
    target.load(good)
    damaged = good.replace(b",1\n", b",one\n").replace(b",one\n", b",1\n", 1999)
    with pytest.raises(ai.InvoiceFormatError, match="one") as failed:
        target.load([invoice(2, "7"), damaged, invoice(3, "8")])
    assert failed.value.column == "Amount"
    assert target.counts() == {invoice_id(1): 2000, invoice_id(2): 1}
    assert outcomes(target.load([good])) == ["unchanged"]


@pytest.mark.parametrize(
    ("amount", "what"),
    [("0.123456789012345", "more than 14 decimals"), ("1" + "0" * 24, "more than 24 digits before the point")],
)
def test_a_number_that_does_not_fit_is_an_error_with_its_line(target: LoadTarget, amount: str, what: str) -> None:
    with pytest.raises(ai.InvoiceFormatError, match=what) as failed:
        target.load(invoice(1, "1", amount, "2"))
    assert (failed.value.line_number, failed.value.column) == (7, "Amount")


def test_zeros_at_the_end_fit_and_the_rest_is_rounded_on_request(target: LoadTarget) -> None:
    target.load(invoice(1, "1.50000000000000000000"))
    with pytest.warns(UserWarning, match="amount: 1 number rounded to 14 decimals"):
        target.load(invoice(2, "0.000000000000005", "2"), decimals="round")
    assert amounts(target.read()) == [Decimal("1.5"), 0, 2]


def test_an_invoice_without_lines_empties_what_was_there(target: LoadTarget) -> None:
    target.load([invoice(1, "1", "2"), invoice(2, "3")])
    report = target.load(invoice(1))
    assert [(each.outcome, each.lines, each.amount) for each in report.invoices] == [("replaced", 0, 0)]
    target.load(invoice(3))
    assert target.counts() == {invoice_id(2): 1}


def test_a_csv_without_its_number_is_refused_and_so_is_one_twice(target: LoadTarget) -> None:
    data = invoice(1, "1")
    with pytest.raises(ai.InvoiceFormatError, match="no Invoice Number"):
        target.load(data.partition(b"\n")[2])
    with pytest.raises(ai.InvoiceFormatError, match="twice"):
        target.load([data, data])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the victims are forked")
def test_killed_at_any_step_it_leaves_whole_invoices_and_the_next_run_completes(
    target: LoadTarget, tmp_path: Path
) -> None:
    """Each invoice has one amount on all lines, which tells how many there must be."""
    lines = {1: 40, 2: 50, 3: 60, 4: 70, 5: 1, 6: 2}
    states = [
        [invoice(month, *[str(part)] * lines[part]) for month, part in enumerate(parts, 1)]
        for parts in ((1, 3, 5), (2, 4, 6))
    ]
    ends = []
    with subprocess.Popen([sys.executable, VICTIM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as victim:
        assert victim.stdin
        assert victim.stdout
        for number, step in enumerate((1, 3, 4, 7, 100)):
            folder = save(tmp_path / "in", *states[number % 2])
            print(json.dumps([target.name, str(folder), step]), file=victim.stdin, flush=True)
            ends.append(victim.stdout.readline().strip())
            parts = {(row["invoice_id"], row["amount"]) for row in target.read()}
            assert target.counts() == {id_: lines[int(amount)] for id_, amount in parts}
            target.load(folder)
            assert target.counts() == {invoice_id(month): lines[2 * month - 1 + number % 2] for month in (1, 2, 3)}
        victim.communicate()
    assert ends == [*["killed"] * 4, "done"]


def test_two_at_once_leave_each_invoice_once(target: LoadTarget, tmp_path: Path) -> None:
    folder = save(tmp_path / "in", *(invoice(number, *["1"] * 30) for number in range(1, 9)))
    command = [sys.executable, "-c", f"import atlas_invoices as ai; ai.load({target.name!r}, {str(folder)!r})"]
    both = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    errors = [process.communicate(timeout=60)[1] for process in both]
    assert 0 in [process.returncode for process in both]
    assert all(process.returncode == 0 or "LoadError" in text for process, text in zip(both, errors, strict=True))
    target.load(folder)
    assert target.counts() == {invoice_id(number): 30 for number in range(1, 9)}


@pytest.mark.parametrize("there_before", [False, True])
def test_of_two_runs_that_write_the_same_invoice_at_once_one_is_refused(
    target: LoadTarget, monkeypatch: pytest.MonkeyPatch, there_before: bool
) -> None:
    """The second writes while the first has begun, and one of them has its lines in the table."""
    batches = _rows.InvoiceRows.batches
    refused: list[str] = []

    def load(*amounts: str) -> None:
        try:
            target.load(invoice(1, *amounts))
        except ai.LoadError as error:
            refused.append(str(error))

    target.load(invoice(1, "1") if there_before else invoice(2))
    seconds = iter([threading.Thread(target=load, args=["3"] * 3)])

    def interrupted(rows: _rows.InvoiceRows) -> Iterator[Any]:
        for batch in batches(rows):
            for second in seconds:
                second.start()
                second.join()
            yield batch

    monkeypatch.setattr(_rows.InvoiceRows, "batches", interrupted)
    load("2", "2")
    assert len(refused) == 1
    assert "another run is writing the same table; run it again" in refused[0]
    assert amounts(target.read()) in ([2, 2], [3, 3, 3])


def test_duckdb_writes_each_group_of_rows_by_itself_so_that_ctrl_c_is_answered(tmp_path: Path) -> None:
    """Five at once, its default from 1.5 on, take half a second, in which it answers nothing."""
    found = []

    def look(_: str) -> None:
        with duckdb.connect(str(tmp_path / "costs.db")) as connection:
            found.extend(connection.execute("SELECT current_setting('write_buffer_row_group_count')").fetchall())

    ai.load(duckdb_target(tmp_path).name, invoice(1, "1"), on_progress=look)
    assert found == [(1,)]


@pytest.mark.lakehouse
class TestLakehouse:
    """Tables of lines that others have made or changed."""

    def test_a_delta_table_of_an_earlier_version_gets_the_columns_it_lacks(self, tmp_path: Path) -> None:
        target = delta_target(tmp_path)
        deltalake = pytest.importorskip("deltalake")
        earlier = pa.table({"invoice_id": ["x"], "note_of_ours": ["kept"]})
        deltalake.write_deltalake(str(tmp_path / "delta"), earlier)
        target.load(invoice(6, "1"))
        rows = [(row["note_of_ours"], row["amount"], row["status"]) for row in target.read()]
        assert rows == [(None, 1, None), ("kept", None, None)]
        deltalake.DeltaTable(str(tmp_path / "delta")).optimize.compact()
        target.load(invoice(6, "2"))
        assert [row["amount"] for row in target.read()] == [2, None]

    def test_a_delta_column_of_another_type_is_an_error(self, tmp_path: Path) -> None:
        target = delta_target(tmp_path)
        deltalake = pytest.importorskip("deltalake")
        deltalake.write_deltalake(str(tmp_path / "delta"), pa.table({"amount": [1.5]}))
        with pytest.raises(ai.LoadError, match=r"amount is double in .*delta, not decimal128\(38, 14\)"):
            target.load(invoice(6, "1"))
        deltalake.write_deltalake(
            str(tmp_path / "delta"), pa.table({"id": [1]}), mode="overwrite", schema_mode="overwrite"
        )
        with pytest.raises(ai.LoadError, match="delta has no column invoice_id, so load didn't make it"):
            target.load(invoice(6, "1"))
        assert deltalake.DeltaTable(str(tmp_path / "delta")).version() == 1

    def test_an_iceberg_table_of_an_earlier_version_gets_the_columns_it_lacks(self, tmp_path: Path) -> None:
        target = iceberg_target(tmp_path)
        catalog = pytest.importorskip("pyiceberg.catalog").load_catalog("test", **target.options)
        catalog.create_namespace("billing")
        earlier = pa.table({"invoice_id": ["x"], "note_of_ours": ["kept"], "line_number": pa.array([1], pa.int64())})
        catalog.create_table("billing.lines", earlier.schema).append(earlier)
        target.load(invoice(6, "1"))
        rows = [(row["note_of_ours"], row["amount"], row["status"]) for row in target.read()]
        assert rows == [(None, 1, None), ("kept", None, None)]
        (tmp_path / "catalog.db").unlink()
        other = pytest.importorskip("pyiceberg.catalog").load_catalog("test", **target.options)
        other.create_namespace("billing")
        other.create_table("billing.lines", pa.schema([("invoice_id", pa.string()), ("amount", pa.float64())]))
        with pytest.raises(ai.LoadError, match="amount"):
            target.load(invoice(6, "1"))
        other.drop_table("billing.lines")
        other.create_table("billing.lines", pa.schema([("id", pa.string())]))
        with pytest.raises(ai.LoadError, match="lines has no column invoice_id, so load didn't make it"):
            target.load(invoice(6, "1"))

    def test_iceberg_needs_a_catalog_a_namespace_and_a_table(self) -> None:
        pytest.importorskip("pyiceberg")
        for name in ("iceberg:x", "iceberg:x.y", "iceberg:.x.y", "iceberg:x.y."):
            with pytest.raises(ai.ConfigError, match="write iceberg:CATALOG"):
                ai.load(name, invoice(6, "1"))


class TestDuckDB:
    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        return tmp_path / "costs.db"

    def test_invoices_have_header_sums_and_what_their_json_says(self, path: Path, tmp_path: Path) -> None:
        data = invoice(6, "1.92", "3")
        folder = save(tmp_path / "in", data.replace(b",3\n", b",-3\n").replace(b"M10", b"Credit", 1))
        (folder / "1.json").write_text(
            json.dumps({"id": invoice_id(6), "statusName": "PAID", "salesTaxCents": 7, "amountBilledCents": 99})
        )
        ai.load(f"duckdb:{path}", folder)
        (row,) = query(path, "SELECT * FROM invoices")
        assert (row["invoice_id"], row["period_end"]) == (invoice_id(6), dt.date(2024, 7, 1))
        assert (row["lines"], row["amount"]) == (2, Decimal("-1.08"))
        assert (row["status"], row["sales_tax_cents"], row["amount_billed_cents"]) == ("PAID", 7, 99)
        assert len(row["source_sha256"]) == 64
        assert query(path, "SELECT sum(unit_price * quantity), any_value(tags['team']) FROM invoice_lines")

    def test_a_json_of_another_invoice_is_left_out_with_a_warning(self, path: Path, tmp_path: Path) -> None:
        folder = save(tmp_path / "in", invoice(6, "1"))
        for text in (json.dumps({"id": invoice_id(7), "statusName": "PAID"}), "[", '{"id": 3}'):
            (folder / "1.json").write_text(text)
            with pytest.warns(UserWarning, match=r"1\.json isn't the JSON of invoice"):
                ai.load(f"duckdb:{path}", folder)
        assert query(path, "SELECT status FROM invoices") == [{"status": None}]

    def test_a_table_of_an_earlier_version_gets_the_columns_it_lacks(self, path: Path) -> None:
        with duckdb.connect(str(path)) as connection:
            connection.execute(
                "CREATE TABLE invoice_lines (note_of_ours VARCHAR, amount DECIMAL(38,14), invoice_id VARCHAR)"
            )
            connection.execute("INSERT INTO invoice_lines VALUES ('kept', 5, 'x')")
        ai.load(f"duckdb:{path}", invoice(6, "1"))
        rows = query(path, "SELECT note_of_ours, amount, sku FROM invoice_lines ORDER BY invoice_id DESC")
        assert rows[0] == {"note_of_ours": "kept", "amount": 5, "sku": None}
        assert rows[1]["amount"] == 1

    def test_the_view_of_another_version_is_replaced_and_a_table_of_the_users_own_is_left_alone(
        self, path: Path, tmp_path: Path
    ) -> None:
        with duckdb.connect(str(path)) as connection:
            connection.execute("CREATE VIEW focus AS SELECT 1 AS earlier")
            connection.execute("COMMENT ON VIEW focus IS 'Created by atlas-invoices load of last year'")
        ai.load(f"duckdb:{path}", invoice(6, "1.5"))
        assert query(path, "SELECT BilledCost, InvoiceId FROM focus") == [
            {"BilledCost": Decimal("1.5"), "InvoiceId": invoice_id(6)}
        ]
        own = tmp_path / "own.db"
        with duckdb.connect(str(own)) as connection:
            connection.execute("CREATE TABLE focus AS SELECT 7 AS n")
        with pytest.warns(UserWarning, match=r"own\.db has something else called focus"):
            ai.load(f"duckdb:{own}", invoice(6, "1"))
        assert query(own, "FROM focus") == [{"n": 7}]

    def test_a_column_of_another_type_is_an_error_and_changes_nothing(self, path: Path) -> None:
        with duckdb.connect(str(path)) as connection:
            connection.execute("CREATE TABLE invoice_lines (amount DOUBLE)")
        with pytest.raises(ai.LoadError, match=r"invoice_lines.amount in .* is DOUBLE, not DECIMAL\(38,14\)"):
            ai.load(f"duckdb:{path}", invoice(6, "1"))
        assert [row["column_name"] for row in query(path, "DESCRIBE invoice_lines")] == ["amount"]

    @pytest.mark.parametrize(
        ("column", "missing"), [("invoice_id VARCHAR", "primary key invoice_id"), ("total INT", "column invoice_id")]
    )
    def test_a_table_that_is_not_of_load_is_an_error_and_stays_as_it_was(
        self, path: Path, column: str, missing: str
    ) -> None:
        with duckdb.connect(str(path)) as connection:
            connection.execute(f"CREATE TABLE invoices ({column})")
        with pytest.raises(ai.LoadError, match=f"invoices in .* has no {missing}, so load didn't make it"):
            ai.load(f"duckdb:{path}", invoice(6, "1"))
        assert [row["name"] for row in query(path, "SHOW TABLES")] == ["invoices"]
        assert len(query(path, "DESCRIBE invoices")) == 1

    @pytest.mark.skipif(os.name == "nt", reason="Windows has no limits")
    def test_a_full_disk_is_not_called_another_run(self, path: Path, tmp_path: Path) -> None:
        """A limit of the size of files does what a full disk does."""
        script = (
            "import resource, signal, sys; import atlas_invoices as ai; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000,) * 2); ai.load(sys.argv[1], sys.argv[2])"
        )
        folder = save(tmp_path / "in", invoice(6, *(str(number) for number in range(10_000))))
        command = [sys.executable, "-c", script, f"duckdb:{path}", folder]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert "costs.db: " in done.stderr.splitlines()[-1]
        assert "File too large" in done.stderr.splitlines()[-1]

    def test_what_is_no_database_is_an_error(self, path: Path, tmp_path: Path) -> None:
        path.write_text("something else" * 500)
        with pytest.raises(ai.LoadError, match=r"costs\.db"):
            ai.load(f"duckdb:{path}", invoice(6, "1"))
        with pytest.raises(ai.LoadError, match="nowhere"):
            ai.load(f"duckdb:{tmp_path}/nowhere/costs.db", invoice(6, "1"))

    def test_threads_of_one_process_leave_an_invoice_once(self, path: Path) -> None:
        data = invoice(6, *["1"] * 50)
        failures: list[Exception] = []

        def work() -> None:
            try:
                ai.load(f"duckdb:{path}", data)
            except ai.LoadError as error:
                failures.append(error)

        ai.load(f"duckdb:{path}", invoice(5, "1"))
        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(failures) < 4
        assert query(path, "SELECT count(*) AS n FROM invoice_lines") == [{"n": 51}]

    def test_a_database_that_is_open_elsewhere_is_waited_for(self, path: Path) -> None:
        holder = subprocess.Popen(
            [sys.executable, "-c", f"import duckdb; c = duckdb.connect({str(path)!r}); print(1, flush=True); input()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert holder.stdout
        holder.stdout.readline()
        with pytest.raises(ai.LoadError, match="lock"):
            ai.load(f"duckdb:{path}", invoice(6, "1"), lock_timeout=0)
        notes: list[str] = []

        def release(note: str) -> None:
            notes.append(note)
            if "waiting" in note:
                holder.communicate("\n")

        ai.load(f"duckdb:{path}", invoice(6, "1"), on_progress=release)
        assert notes == [
            f"waiting up to 60 s for {path}, which another process has open",
            f"2024-06 {invoice_id(6)} added, 1 line",
        ]


@pytest.mark.parametrize(
    ("name", "similar"),
    [("", ""), ("costs.db", "duckdb:costs.db"), ("duckdb:", ""), ("postgres:x", ""), ("Duckdb:x", "duckdb:x")],
)
def test_another_target_is_a_config_error(name: str, similar: str) -> None:
    hint = f" (did you mean {similar}?)" if similar else ""
    with pytest.raises(ai.ConfigError, match=re.escape(f"isn't a target{hint}: write duckdb:PATH")):
        ai.load(name, invoice(6, "1"))
