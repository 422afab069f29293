"""`show`, `export`, `owed` and `reconcile` as a person or a pipeline runs them."""

from __future__ import annotations

import csv
import io
import json
import re
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.parquet as pq
import pytest

from atlas_invoices import LineItem
from invoice_lines import simple_invoice

if TYPE_CHECKING:
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


def test_show_from_atlas_is_the_same(run: Run, saved: Path, invoice: Invoice) -> None:
    for form in ("json", "csv", "table"):
        assert run("show", invoice.id, "--format", form).stdout == run("show", str(saved), "--format", form).stdout


def test_show_as_a_table_has_the_total_the_credits_and_what_was_left_out(
    run: Run, saved: Path, invoice: Invoice
) -> None:
    table = run("show", str(saved), "--by", "sku", "--top", "2").stdout
    total = Decimal(invoice.subtotal_cents + invoice.credits_cents) / 100
    assert f"\ntotal {total:,.2f} " in re.sub(" +", " ", table)
    of_credits = f"{Decimal(invoice.credits_cents) / 100:,.2f}"
    assert table.endswith(f"total: before sales tax, which `list` adds; includes credits of {of_credits}\n")
    assert " more  " in table
    assert "█" in table
    assert "\x1b" not in table


def test_show_by_a_tag_keeps_the_untagged_apart(run: Run, saved: Path) -> None:
    assert "(untagged)" in run("show", str(saved), "--by", "tag:team").stdout
    groups = json.loads(run("show", str(saved), "--by", "tag:team", "--format", "json").stdout)["groups"]
    assert None in {group["key"][0] for group in groups}


@pytest.mark.parametrize(
    ("by", "missing", "meant"),
    [
        ("tag:nope", "tag:nope", ""),
        ("sku,tag:Teams", "tag:Teams", "; did you mean tag:team?"),
        ("Tag/Teams", "tag:Teams", "; did you mean tag:team?"),
    ],
)
def test_a_tag_that_the_file_does_not_have_is_a_warning_with_those_it_has(
    run: Run, saved: Path, invoice: Invoice, by: str, missing: str, meant: str
) -> None:
    done = run("show", str(saved), "--by", by, "--format", "json")
    assert done.returncode == 0
    tags = ", ".join(invoice.tag_keys)
    assert done.stderr == f"warning: this invoice has no column for {missing}; its tags are: {tags}{meant}\n"
    assert run("show", str(saved), "--by", "tag:team").stderr == ""


def test_a_file_without_tags_has_none_to_name(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "untagged.csv"
    path.write_text("Date,Usage Date,SKU,Amount\n07/01/2024,06/30/2024,M10,1\n", encoding="utf-8")
    done = run("show", str(path), "--by", "tag:team")
    assert done.returncode == 0
    assert done.stderr == "warning: this invoice has no column for tag:team; it has no tags\n"


@pytest.mark.parametrize("by", ["project", "Project", "extra:Project Code"])
def test_a_column_that_the_file_does_not_have_is_a_warning_with_those_it_has(run: Run, tmp_path: Path, by: str) -> None:
    (tmp_path / "a.csv").write_text("Date,Usage Date,SKU,Amount\n07/01/2024,06/30/2024,M10,1\n", encoding="utf-8")
    done = run("show", "a.csv", "--by", by, "--format", "json")
    assert done.returncode == 0
    name = by if ":" in by else by.lower()
    columns = "Date, Usage Date, SKU, Amount"
    assert done.stderr == f"warning: this invoice has no column for {name}; its columns are: {columns}\n"
    both = run("show", "a.csv", "--by", f"{by},tag:team,sku").stderr
    assert both.endswith(f"no column for {name}, tag:team; its columns are: {columns}; it has no tags\n")


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_a_file_without_amounts_cannot_be_summed_and_is_a_warning_in_an_export(
    run: Run, tmp_path: Path, form: str
) -> None:
    (tmp_path / "a.csv").write_text("Date,Usage Date,SKU\n07/01/2024,06/30/2024,M10\n", encoding="utf-8")
    done = run("export", "a.csv", "--format", form, "-o", "out", "-q")
    assert done.returncode == 0
    assert done.stderr == "warning: a.csv has no Amount column, so every amount is empty\n"
    shown = run("show", "a.csv", "--by", "sku")
    assert (shown.returncode, shown.stdout, shown.stderr.count("\n")) == (6, "", 1)


def test_a_comma_in_a_name_is_escaped(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(
        'Date,Usage Date,SKU,Amount,"Tag/a,b"\n07/01/2024,06/30/2024,M10,1,x\n', encoding="utf-8"
    )
    done = run("show", "a.csv", "--by", "sku,tag:a\\,b", "--format", "json")
    assert done.stderr == ""
    assert json.loads(done.stdout)["by"] == ["sku", "tag:a,b"]


def test_the_csv_s_own_spelling_is_the_same(run: Run, saved: Path) -> None:
    ours = run("show", str(saved), "--by", "usage_date,project,tag:team").stdout
    assert run("show", str(saved), "--by", "Usage Date,Project,Tag/team,project").stdout == ours
    in_time = run("show", str(saved), "--by", "usage_date").stdout
    assert run("show", str(saved), "--by", "Usage Date").stdout == in_time


def test_help_names_what_a_table_can_be_by(run: Run) -> None:
    text = " ".join(run("show", "--help").stdout.split())
    for field in LineItem._fields[: LineItem._fields.index("tags")]:
        assert f" {field}," in text or f" {field};" in text, field
    assert "before sales tax" in text
    assert "--org" not in run("orgs", "--help").stdout
    assert run("orgs", "--org", "0" * 24).returncode == 0


def test_by_can_be_repeated_and_a_name_counts_once(run: Run, saved: Path) -> None:
    together = run("show", str(saved), "--by", "region,sku", "--format", "json").stdout
    assert run("show", str(saved), "--by", "region", "--by", "sku,region", "--format", "json").stdout == together


@pytest.mark.parametrize("by", ["day", "month", "date", "usage_date"])
def test_a_table_by_time_is_in_its_order_and_whole(run: Run, saved: Path, by: str) -> None:
    days = [line.split()[0] for line in run("show", str(saved), "--by", by).stdout.splitlines()[2:]]
    groups = json.loads(run("show", str(saved), "--by", by, "--format", "json").stdout)["groups"]
    assert days[: len(groups)] == sorted(group["key"][0] for group in groups)
    if by == "day":
        assert len(groups) > 20
    amounts = [Decimal(group["amount"]) for group in groups]
    assert amounts == sorted(amounts, reverse=True), "for programs the largest comes first, as ever"
    largest = run("show", str(saved), "--by", by, "--top", "1").stdout.splitlines()[2]
    assert largest.split()[0] == groups[0]["key"][0]
    done = run("show", str(saved), "--by", f"{by},sku")
    rows = [(line.split()[0], re.findall(r" (-?[\d,]+\.\d\d) ", line)[0]) for line in done.stdout.splitlines()[2:-2]]
    assert len(rows) > 20
    assert [time for time, _ in rows] == sorted(time for time, _ in rows)
    last = [Decimal(amount.replace(",", "")) for time, amount in rows if time == rows[-1][0]]
    assert last == sorted(last, reverse=True), "within a time, the largest comes first"
    assert done.stderr.startswith("`month` is the month of usage; `--by period` has the") == (by == "month")


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (("show", "june.csv", "--by", "nonesuch"), 2),
        (("show", "june.csv", "--by", "tag:"), 2),
        (("show", "june.csv", "--by", "sku,extra:"), 2),
        (("show", "june.csv", "--by", ""), 2),
        (("show", "nonesuch.csv"), 2),
        (("show", "june.csv", "june.csv"), 2),
        (("export", "june.csv", "--format", "jsonl", "--bom"), 2),
        (("export", "june.csv", "--format", "csv", "--decimals", "round"), 2),
        (("export", "june.csv", "-o", "june.txt"), 2),
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
        assert done.stderr.startswith(f"error: {bad}: line ")
        assert run("show", str(bad)).stderr == done.stderr
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
    for currency, cents in result["by_currency"].items():
        assert f" {Decimal(cents).quantize(Decimal(1), ROUND_HALF_UP) / 100:,f}" in table
        assert f" {currency}" in table
    title, *rest = table.splitlines()
    assert title == f"Invoice {several.id}, {several.start:%Y-%m}, {several.status}"
    assert rest[-1].split() == ["=", "outstanding", *["0.00"] * len(result["by_currency"])]
    pending = run("owed", "pending")
    billed = f"{server.invoices[0].amount_billed_cents / 100:,.2f}"
    assert (pending.stdout.splitlines()[1], pending.stderr) == (f"not billed yet: {billed} USD so far, with tax", "")


def test_reconcile_matches_and_says_why_where_it_does_not(run: Run, saved: Path, invoice: Invoice) -> None:
    total = Decimal(invoice.subtotal_cents + invoice.credits_cents) / 100
    assert run("reconcile", invoice.id).stdout == f"matches: {invoice.line_count:,} lines, {total:,.2f} USD\n"
    assert run("reconcile", invoice.id, "--csv", str(saved)).returncode == 0
    content = saved.read_bytes().splitlines(keepends=True)
    saved.write_bytes(b"".join(content[:-1]))
    done = run("reconcile", invoice.id, "--csv", str(saved))
    assert done.returncode == 6
    assert "differs: " in done.stdout
    assert done.stderr == f"error: {saved} doesn't match invoice {invoice.id}: 3 differences\n"
    report = json.loads(run("reconcile", invoice.id, "--csv", str(saved), "--format", "json").stdout)
    assert report["matches"] is False
    assert report["differences"]
    assert "note: " in run("reconcile", invoice.id, "-v").stderr


def test_reconcile_says_how_what_matches_and_what_is_billed_go_together(run: Run, server: Sandbox) -> None:
    invoice = next(i for i in server.invoices if i.sales_tax_cents)
    billed, tax = Decimal(invoice.amount_billed_cents) / 100, Decimal(invoice.sales_tax_cents) / 100
    expected = f" lines, {billed - tax:,.2f} USD; plus {tax:,.2f} USD of sales tax makes the {billed:,.2f} USD billed\n"
    assert run("reconcile", invoice.id).stdout.endswith(expected)


@pytest.mark.parametrize("command", [("show",), ("export", "--format", "csv"), ("export", "--format", "parquet")])
def test_rows_after_the_last_item_are_named_with_their_amounts(
    run: Run, tmp_path: Path, command: tuple[str, ...]
) -> None:
    path, out = tmp_path / "june.csv", tmp_path / "out"
    path.write_bytes(simple_invoice({"Amount": "1.92"}) + b"Total,1.92\nPrices exclude tax\n")
    output = () if command == ("show",) else ("-o", str(out))
    done = run(command[0], str(path), *command[1:], *output, env={})
    assert done.returncode == 0
    named = "line 8 ('Total', '1.92'), line 9 ('Prices exclude tax')"
    assert f"warning: {path}: 2 rows after the last item aren't counted: {named}\n" in done.stderr
