"""The command load: invoices of Atlas and of folders in DuckDB, its summary, its failures."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path

import pytest

from atlas_invoices.sandbox import Sandbox
from command import COMMAND, Run
from load_targets import invoice, invoice_id, query, save

TOTALS = "SELECT invoice_id, sum(amount) AS amount FROM invoice_lines GROUP BY ALL"


def totals(path: Path) -> dict[str, Decimal]:
    return {row["invoice_id"]: row["amount"] for row in query(path, TOTALS)}


def test_without_a_source_every_invoice_is_loaded_and_nothing_the_second_time(
    run: Run, server: Sandbox, tmp_path: Path
) -> None:
    done = run("load", "duckdb:costs.db")
    assert (done.returncode, done.stdout) == (0, "")
    count = len(server.invoices)
    for each in server.invoices:
        assert f"{each.start:%Y-%m} {each.id} fetched, " in done.stderr
        assert f"{each.start:%Y-%m} {each.id} added, " in done.stderr
    assert f"duckdb:costs.db: {count} added, 0 replaced, 0 unchanged; " in done.stderr
    statuses = {row["invoice_id"]: row["status"] for row in query(tmp_path / "costs.db", "SELECT * FROM invoices")}
    assert statuses == {invoice.id: invoice.status for invoice in server.invoices}
    done = run("load", "duckdb:costs.db", "--format", "json", "-q")
    assert (done.returncode, done.stderr) == (0, "")
    report = json.loads(done.stdout)
    pending = {invoice.id for invoice in server.invoices if invoice.status == "PENDING"}
    assert (report["added"], report["unchanged"]) == (0, count - len(pending))
    assert {each["id"] for each in report["invoices"] if each["outcome"] == "replaced"} == pending
    assert sum(totals(tmp_path / "costs.db").values()) == sum(
        row["amount"] for row in query(tmp_path / "costs.db", "SELECT amount FROM invoices")
    )


def test_sources_are_those_of_the_other_commands(run: Run, server: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "one.csv").write_bytes(server.csv_bytes(server.invoices[5].id))
    assert run("sync", "--dir", "kept", "--since", "2026-08", "--until", "2026-08").returncode == 0
    done = run("load", "duckdb:costs.db", "latest", "one.csv", "kept", "--format", "json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["added"] == 3
    assert {each["id"]: Decimal(each["amount"]) for each in report["invoices"]} == totals(tmp_path / "costs.db")
    # The manifest has the status, so the JSON beside it isn't read.
    (document,) = (tmp_path / "kept").glob("2026-08-*.json")
    document.write_text("[")
    assert "1 unchanged" in run("load", "duckdb:costs.db", "kept", env={}).stderr
    data = (tmp_path / "one.csv").read_bytes()
    command = [COMMAND, "load", "duckdb:costs.db", "-"]
    stdin = subprocess.run(command, input=data, cwd=tmp_path, capture_output=True, check=False)
    assert (stdin.returncode, b"1 unchanged" in stdin.stderr) == (0, True)


def test_failures_leave_the_database_as_it_was(run: Run, server: Sandbox, tmp_path: Path) -> None:
    good = server.csv_bytes(server.invoices[1].id)
    (tmp_path / "good.csv").write_bytes(good)
    (tmp_path / "bad.csv").write_bytes(good[:-20] + b"x\n")
    assert run("load", "duckdb:costs.db", "good.csv", env={}).returncode == 0
    before = totals(tmp_path / "costs.db")
    assert run("load", "duckdb:costs.db", "bad.csv", env={}).returncode == 6
    (tmp_path / "text.db").write_text("text" * 1000)
    for arguments, status, what in (
        (("load", "costs.db", "good.csv"), 2, "isn't a target (did you mean duckdb:costs.db?)"),
        (("load", "duck:costs.db", "good.csv"), 2, "(did you mean duckdb:costs.db?)"),
        (("load", "s3://bucket/costs", "good.csv"), 2, "(did you mean delta:s3://bucket/costs?)"),
        (("load", "duckdb:text.db", "good.csv"), 1, "text.db"),
        (("load", "duckdb:costs.db", "nothing.csv"), 2, "neither an existing file"),
        (("load",), 2, "TARGET"),
        (("load", "duckdb:costs.db", "good.csv", "--storage-option", "secret"), 2, "write it as KEY=VALUE"),
        (("load", "duckdb:costs.db", "good.csv", "--storage-option", "nonesuch=secret"), 1, "nonesuch"),
        (("load", "duckdb:costs.db", "0" * 24), 4, "not found"),
    ):
        done = run(*arguments)
        assert (done.returncode, what in done.stderr, "secret" in done.stderr) == (status, True, False), done.stderr
    assert totals(tmp_path / "costs.db") == before


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="has no such signals")
def test_ctrl_c_leaves_whole_invoices_and_says_so(tmp_path: Path) -> None:
    save(tmp_path / "in", invoice(1, "1"), invoice(2, *["1"] * 300_000))
    with subprocess.Popen(
        [COMMAND, "load", "duckdb:costs.db", "in"], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr
        assert process.stderr.readline() == f"2024-01 {invoice_id(1)} added, 1 line\n"
        # In the midst of the second, which takes longer.
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=20)
    assert process.returncode == 130
    assert stderr == (
        "invoices that are loaded are kept; run the same command again for the rest\nerror: interrupted\n"
    )
    assert totals(tmp_path / "costs.db") == {invoice_id(1): 1}


def test_an_invoice_that_cannot_be_fetched_does_not_keep_the_others_out(
    run: Run, server: Sandbox, tmp_path: Path
) -> None:
    server.fail(500, path=server.invoices[2].id)
    done = run("load", "duckdb:costs.db", "--max-retries", "0")
    assert done.returncode == 5
    assert "1 invoice failed" in done.stderr
    loaded = {row["invoice_id"] for row in query(tmp_path / "costs.db", "SELECT invoice_id FROM invoices")}
    assert loaded == {invoice.id for invoice in server.invoices} - {server.invoices[2].id}


def test_without_its_extra_it_says_how_to_get_it(tmp_path: Path) -> None:
    code = (
        "import importlib.util as u, sys; find = u.find_spec;"
        "u.find_spec = lambda name, *a: None if name == 'duckdb' else find(name, *a);"
        "from atlas_invoices.cli import main; sys.exit(main())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "load", "duckdb:x", "latest"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "pip install 'atlas-invoices[duckdb]'" in done.stderr
