"""Every command's table fits the terminal from 60 columns up: no line is wider, and no row wraps."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from pathlib import Path

import pytest
from rich.cells import cell_len

from atlas_invoices.sandbox import Sandbox
from command import Run

WIDTHS = [60, 80, 120, 200]
EVERYTHING = "tag:team,project,project_id,region,cluster,sku,application,unit,day"


@pytest.fixture(scope="module")
def folder(server: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("invoices")
    for invoice in server.invoices[:3]:
        (folder / f"{invoice.id}.csv").write_bytes(server.csv_bytes(invoice.id))
    return folder


@pytest.mark.parametrize("width", WIDTHS)
def test_a_summary_fits(width: int, run: Run, folder: Path) -> None:
    for by in ("project,sku", "period,project,sku,region,cluster", EVERYTHING):
        done = run("show", str(folder), "--by", by, "--top", "4", env={"COLUMNS": str(width)})
        lines = done.stdout.splitlines()
        assert max(map(cell_len, lines)) <= width
        table = lines[next(number for number, line in enumerate(lines) if " USD" in line) :]
        total = next(number for number, line in enumerate(table) if line.startswith("total "))
        assert total == 1 + 4 + 1, "headings, rows, the rest, and the total have a line each"
        assert re.match(r"\d+ more ", table[total - 1])
        assert all(re.search(r"-?[0-9,]+\.[0-9]{2}( |$)", line) for line in table[1 : total + 1])
        assert ("hidden to fit" in done.stderr) == ("lines" not in table[0])


@pytest.mark.parametrize("width", WIDTHS)
def test_tables_of_atlas_fit(width: int, run: Run, server: Sandbox) -> None:
    environment = {**server.environment("api-key"), "COLUMNS": str(width)}
    listed = run("list", "--limit", "3", env=environment)
    headings, *rows, total = listed.stdout.splitlines()
    assert [row.split()[:2] for row in rows] == [[f"{each.start:%Y-%m}", each.id] for each in server.invoices[:3]]
    assert total.startswith("total ")
    assert ("hidden to fit: Paid USD, Open USD; see --format\n" in listed.stderr) == (width == 60)
    assert headings.split()[:3] == ["Month", "Invoice", "Status"]
    others = (
        "orgs",
        "pending",
        "doctor",
        "owed latest",
        "reconcile latest",
        "pending --forecast",
        "list --linked --limit 3",
    )
    texts = [listed.stdout, *(run(*command.split(), env=environment).stdout for command in others)]
    texts.append(run("list", "--linked", "--limit", "3", env=environment).stdout)
    for text in texts:
        assert max(map(cell_len, text.splitlines())) <= width
        assert "False" not in text
    assert f"\n{rows[0][:33]}" in texts[-1]
    pending = texts[others.index("pending") + 1].replace("\n", " ")
    assert f"{server.invoices[0].id}  {server.organizations[0].name[:4]}" in pending
    assert pending.endswith("no total: an invoice may include the amounts of those linked to it ")


def test_list_shows_what_is_open_and_adds_it_up(run: Run, server: Sandbox) -> None:
    open_, paid = server.invoices[:2]
    _, first, second, total = run("list", "--limit", "2").stdout.splitlines()
    assert first.split()[2:] == ["PENDING", money(open_.amount_billed_cents), "0.00", money(open_.amount_billed_cents)]
    assert second.split()[2:] == ["PAID", *[money(paid.amount_billed_cents)] * 2]
    both = open_.amount_billed_cents + paid.amount_billed_cents
    assert total.split()[1:] == list(map(money, (both, paid.amount_billed_cents, open_.amount_billed_cents)))


def money(cents: int) -> str:
    return f"{cents / 100:,.2f}"


def test_a_forecast_over_an_amount_is_status_6(run: Run, server: Sandbox) -> None:
    document = json.loads(run("pending", "--forecast", "--format", "json").stdout)
    total, latest = document["total"], server.invoices[1]
    assert document["invoiceId"] == server.invoices[0].id
    assert Decimal(total["monthBefore"]) * 100 == latest.subtotal_cents + latest.credits_cents
    assert Decimal(total["soFar"]) * 100 == server.invoices[0].subtotal_cents + server.invoices[0].credits_cents
    forecast = Decimal(total["forecast"])
    assert forecast > Decimal(total["soFar"])
    under = run("pending", "--fail-over", str(forecast + 1), "-q")
    assert (under.returncode, under.stdout, under.stderr) == (0, "", "")
    done = run("pending", "--fail-over", f"{forecast - 1:,.2f}")
    assert done.returncode == 6
    assert done.stdout == run("pending", "--forecast", "-q").stdout
    csv = run("pending", "--fail-over", "1", "-q", "--format", "csv").stdout
    (credit,) = [project for project in document["projects"] if Decimal(project["soFar"]) < 0]
    assert f",{credit['soFar']},{credit['perDay']},{credit['forecast']},{credit['monthBefore']}\n" in csv
    assert done.stderr == (
        "1 linked organization isn't in the forecast; see `atlas-invoices pending`\n"
        f"error: the forecast of {forecast:,.2f} USD for 2026-11 is over {forecast - 1:,.2f} USD\n"
    )
    assert run("pending", "--fail-over", "much").returncode == 2
