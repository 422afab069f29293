"""`show`, `export`, `owed` and `reconcile` as a person or a pipeline runs them."""

from __future__ import annotations

import csv
import io
import json
from decimal import Decimal
from typing import TYPE_CHECKING

import pyarrow.parquet as pq
import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from atlas_invoices.sandbox import Invoice, Sandbox
    from command import Run


@pytest.fixture
def invoice(server: Sandbox) -> Invoice:
    return next(i for i in server.invoices if i.status == "PAID" and i.credits_cents and i.line_count)


@pytest.fixture
def saved(server: Sandbox, invoice: Invoice, tmp_path: Path) -> Path:
    path = tmp_path / "june.csv"
    path.write_bytes(server.csv_bytes(invoice.id))
    return path


def rows(content: bytes) -> list[dict[str, str]]:
    """An independent reading: whatever follows the header."""
    lines = list(csv.reader(io.StringIO(content.decode())))
    start = next(n for n, row in enumerate(lines) if "Usage Date" in row)
    return [dict(zip(lines[start], row, strict=True)) for row in lines[start + 1 :] if row]


def test_show_from_a_file_needs_no_credentials_and_sums_exactly(run: Run, saved: Path) -> None:
    done = run("show", str(saved), "--by", "project", "--format", "json", env={})
    assert done.returncode == 0, done.stderr
    shown = json.loads(done.stdout)
    expected: dict[str | None, Decimal] = {}
    for row in rows(saved.read_bytes()):
        expected[row["Project"] or None] = expected.get(row["Project"] or None, Decimal(0)) + Decimal(row["Amount"])
    assert {group["key"][0]: Decimal(group["amount"]) for group in shown["groups"]} == expected
    assert Decimal(shown["total"]) == sum(expected.values())
    assert Decimal(shown["credits"]) < 0


def test_show_straight_from_atlas_says_the_same(run: Run, saved: Path, invoice: Invoice) -> None:
    for form in ("json", "csv", "table"):
        assert run("show", invoice.id, "--format", form).stdout == run("show", str(saved), "--format", form).stdout


def test_show_as_a_table_has_the_total_the_credits_and_what_was_left_out(
    run: Run, saved: Path, invoice: Invoice
) -> None:
    table = run("show", str(saved), "--by", "sku", "--top", "2").stdout
    total = Decimal(invoice.subtotal_cents + invoice.credits_cents) / 100
    assert f"{total:,.2f}" in table
    assert f"{Decimal(invoice.credits_cents) / 100:,.2f}" in table
    assert "more)" in table
    assert "█" in table
    assert "\x1b" not in table


def test_show_by_a_tag_keeps_the_untagged_apart(run: Run, saved: Path) -> None:
    assert "(untagged)" in run("show", str(saved), "--by", "tag:team").stdout
    groups = json.loads(run("show", str(saved), "--by", "tag:team", "--format", "json").stdout)["groups"]
    assert None in {group["key"][0] for group in groups}


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (("show", "june.csv", "--by", "nonesuch"), 2),
        (("show", "nonesuch.csv"), 2),
        (("export", "june.csv"), 2),
        (("export", "june.csv", "--format", "jsonl", "--raw"), 2),
        (("show", "0" * 24), 4),
        (("reconcile", "0" * 24), 4),
        (("reconcile", "0" * 24, "--csv", "nonesuch.csv"), 2),
    ],
)
def test_failures(run: Run, saved: Path, arguments: tuple[str, ...], status: int) -> None:
    done = run(*arguments, cwd=saved.parent)
    assert done.returncode == status, done.stderr
    assert done.stderr.startswith("error: ")
    assert len(done.stderr.strip().splitlines()) == 1
    assert done.stdout == ""


def test_exports_have_every_line_with_types(run: Run, saved: Path, invoice: Invoice) -> None:
    original = rows(saved.read_bytes())
    amounts = [Decimal(row["Amount"]) for row in original]
    jsonl = [json.loads(line) for line in run("export", str(saved), "--format", "jsonl").stdout.splitlines()]
    assert [Decimal(line["amount"]) for line in jsonl] == amounts
    typed = list(csv.DictReader(io.StringIO(run("export", str(saved), "--format", "csv").stdout)))
    assert [Decimal(line["amount"]) for line in typed] == amounts
    assert all(line["usage_date"][4] == "-" for line in typed)
    done = run("export", invoice.id, "--format", "parquet", "-o", "june.parquet")
    assert done.returncode == 0, done.stderr
    table = pq.read_table(saved.parent / "june.parquet")
    assert table.column("amount").to_pylist() == amounts


def test_text_that_a_spreadsheet_would_run_is_escaped_unless_raw(run: Run, saved: Path) -> None:
    formula = next(row["Project"] for row in rows(saved.read_bytes()) if row["Project"].startswith("="))
    escaped = {
        line["project"] for line in csv.DictReader(io.StringIO(run("export", str(saved), "--format", "csv").stdout))
    }
    raw = {
        line["project"]
        for line in csv.DictReader(io.StringIO(run("export", str(saved), "--format", "csv", "--raw").stdout))
    }
    assert f"'{formula}" in escaped
    assert formula not in escaped
    assert formula in raw
    shown = list(csv.DictReader(io.StringIO(run("show", str(saved), "--by", "project", "--format", "csv").stdout)))
    assert {line["project"] for line in shown} == escaped
    assert any(line["amount"].startswith("-") for line in shown)


def test_a_bad_file_leaves_no_export_and_an_existing_one_as_it_was(run: Run, saved: Path) -> None:
    bad = saved.with_name("bad.csv")
    bad.write_bytes(saved.read_bytes() + b"06/01/2024,not a day\n")
    for form in ("csv", "jsonl", "parquet"):
        out = saved.with_name(f"out.{form}")
        done = run("export", str(bad), "--format", form, "-o", str(out))
        assert done.returncode == 6, done.stderr
        assert "line" in done.stderr
        assert not out.exists()
        out.write_bytes(b"old")
        assert run("export", str(saved), "--format", form, "-o", str(out)).returncode == 1
        assert run("export", str(bad), "--format", form, "-o", str(out), "--force").returncode == 6
        assert out.read_bytes() == b"old"
        assert run("export", str(saved), "--format", form, "-o", str(out), "--force").returncode == 0
        assert out.read_bytes() != b"old"
    assert not [path for path in saved.parent.iterdir() if path.name.endswith(".part")]


def test_owed_shows_every_term_and_exact_sums(run: Run, server: Sandbox) -> None:
    several = next(i for i in server.invoices if len({p.currency for p in i.payments}) > 1)
    result = json.loads(run("owed", several.id, "--format", "json").stdout)
    assert set(result["by_currency"]) == {p.currency for p in several.payments}
    for payment, sent in zip(result["payments"], several.payments, strict=True):
        expected = sent.amount_billed_cents * Decimal(sent.unit_price) + sent.sales_tax_cents
        assert Decimal(payment["owed_cents"]) == expected
    table = run("owed", several.id).stdout
    assert all(f"{Decimal(cents) / 100:,f} {currency}" in table for currency, cents in result["by_currency"].items())


def test_reconcile_matches_and_says_why_where_it_does_not(run: Run, saved: Path, invoice: Invoice) -> None:
    assert "matches" in run("reconcile", invoice.id).stdout
    assert run("reconcile", invoice.id, "--csv", str(saved)).returncode == 0
    content = saved.read_bytes().splitlines(keepends=True)
    saved.write_bytes(b"".join(content[:-1]))
    done = run("reconcile", invoice.id, "--csv", str(saved))
    assert done.returncode == 6
    assert "differs: " in done.stdout
    assert done.stderr == f"error: the CSV doesn't match invoice {invoice.id}: 3 differences\n"
    report = json.loads(run("reconcile", invoice.id, "--csv", str(saved), "--format", "json").stdout)
    assert report["matches"] is False
    assert report["differences"]
    assert "note: " in run("reconcile", invoice.id, "-v").stderr
