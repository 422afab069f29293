"""Several invoices as one: files, folders and invoices of Atlas, in `show` and `export`."""

from __future__ import annotations

import codecs
import json
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.parquet as pq
import pytest

import atlas_invoices as ai

if TYPE_CHECKING:
    from atlas_invoices.sandbox import Sandbox
    from command import Run


@pytest.fixture
def saved(server: Sandbox, tmp_path: Path) -> Path:
    path = tmp_path / "june.csv"
    path.write_bytes(server.csv_bytes(server.invoices[3].id))
    return path


def test_several_invoices_are_one_table(run: Run, server: Sandbox, tmp_path: Path) -> None:
    assert run("sync", "--dir", "kept", "--since", "2026-08", "--until", "2026-09").returncode == 0
    invoices = {f"{each.start:%Y-%m}": each for each in server.invoices[1:4]}
    lines = {month: list(ai.read_csv(server.csv_bytes(each.id))) for month, each in invoices.items()}
    (tmp_path / "tmp").mkdir()
    environment = {**server.environment("api-key"), "TMPDIR": str(tmp_path / "tmp")}
    shown = run("show", "kept", "latest", "--by", "period,project", "--format", "json", "-q", env=environment)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert not list((tmp_path / "tmp").iterdir())
    document = json.loads(shown.stdout)
    assert [each["invoice_id"] for each in document["invoices"]] == [invoices[m].id for m in sorted(invoices)]
    sums: dict[str, Decimal] = {}
    for group in document["groups"]:
        sums[group["key"][0]] = sums.get(group["key"][0], Decimal(0)) + Decimal(group["amount"])
    assert sums == {month: sum((line.amount or Decimal(0) for line in lines[month]), Decimal(0)) for month in lines}
    table = run("show", "kept", "latest", "--by", "period,project").stdout.splitlines()
    assert table[0] == "3 invoices of Müller,Söhne&Co., 2026-08 to 2026-10"
    # Of Atlas, from a folder, in either order: the same rows.
    for sources in (("kept", "2026-10"), ("2026-10", "2026-09", "2026-08")):
        done = run("export", *sources, "-o", "all.jsonl", "--force", "-q")
        assert (done.returncode, done.stderr) == (0, "")
        rows = [json.loads(line) for line in (tmp_path / "all.jsonl").read_text(encoding="utf-8").splitlines()]
        assert len({(row["invoice_id"], row["line_number"]) for row in rows}) == len(rows)
        assert sum(Decimal(row["amount"]) for row in rows) == sum(sums.values())


def test_the_invoice_that_fails_is_named(run: Run, server: Sandbox, saved: Path) -> None:
    failing = server.invoices[2].id
    server.fail(403, path=f"/{failing}/csv")
    done = run("show", "june.csv", "2026-10", failing, cwd=saved.parent)
    assert (done.returncode, done.stdout) == (3, "")
    assert failing in done.stderr.splitlines()[-1]
    (saved.parent / "again.csv").write_bytes(saved.read_bytes())
    done = run("export", "june.csv", "again.csv", "-o", "all.csv", cwd=saved.parent)
    assert done.returncode == 6
    assert done.stderr.startswith("error: ")
    assert "june.csv and again.csv" in done.stderr, "the same invoice"
    assert not (saved.parent / "all.csv").exists()


def test_an_export_guesses_its_format_and_marks_utf8_for_excel(run: Run, saved: Path) -> None:
    for ending in ("csv", "jsonl", "ndjson", "parquet", "CSV"):
        assert run("export", "june.csv", "-o", f"out.{ending}", cwd=saved.parent).returncode == 0
    plain = (saved.parent / "out.csv").read_bytes()
    assert (saved.parent / "out.CSV").read_bytes() == plain
    assert (saved.parent / "out.jsonl").read_bytes() == (saved.parent / "out.ndjson").read_bytes()
    lines = (saved.parent / "out.jsonl").read_bytes().count(b"\n")
    assert pq.read_table(saved.parent / "out.parquet").num_rows == lines > 1
    assert run("export", "june.csv", "--bom", "-o", "excel.csv", cwd=saved.parent).returncode == 0
    assert (saved.parent / "excel.csv").read_bytes() == codecs.BOM_UTF8 + plain


def test_numbers_with_too_many_digits_are_rounded_on_request(run: Run, tmp_path: Path) -> None:
    rows = f"07/01/2024,06/30/2024,M10,{'1' * 30},1\n07/01/2024,06/30/2024,M10,0.{'1' * 30},1\n"
    (tmp_path / "a.csv").write_text(f"Date,Usage Date,SKU,Quantity,Amount\n{rows}", encoding="utf-8")
    refused = run("export", "a.csv", "-o", "a.parquet")
    assert (refused.returncode, refused.stdout) == (6, "")
    assert "round" in refused.stderr
    done = run("export", "a.csv", "-o", "a.parquet", "--decimals", "round")
    assert done.returncode == 0
    assert "warning: quantity: 1 number rounded to " in done.stderr


def test_currencies_have_a_table_each(run: Run, tmp_path: Path) -> None:
    rows = "".join(f"07/01/2024,06/30/2024,M{n},{n},{currency}\n" for n, currency in enumerate(["USD", "EUR", "USD"]))
    (tmp_path / "a.csv").write_text(f"Date,Usage Date,SKU,Amount,Currency\n{rows}", encoding="utf-8")
    lines = [line.split() for line in run("show", "a.csv", "--by", "sku").stdout.splitlines()]
    assert [line[1] for line in lines if line[0] == "sku"] == ["EUR", "USD"]
    assert [line[1] for line in lines if line[0] == "total"] == ["1.00", "2.00"]
    document = json.loads(run("show", "a.csv", "--by", "sku", "--format", "json").stdout)
    assert (document["total"], document["totals"]) == (None, {"USD": "2", "EUR": "1"})
    header, *rest = run("show", "a.csv", "--by", "sku", "--format", "csv", "--top", "1").stdout.splitlines()
    assert (header, rest) == (
        "sku,currency,amount,quantity,lines,share",
        ["M1,EUR,1,0,1,1.000000", "M2,USD,2,0,1,1.000000"],
    )
