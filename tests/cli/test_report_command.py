"""The command report: its file, its sources, its failures."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import atlas_invoices as ai
from command import COMMAND
from report_page import ReportPage

if TYPE_CHECKING:
    from atlas_invoices.sandbox import Sandbox
    from command import Run

pytestmark = pytest.mark.slow


def read(path: Path) -> ReportPage:
    return ReportPage(path.read_text(encoding="utf-8"))


def cents(number: int) -> str:
    return f"{Decimal(number) / 100:,.2f}"


def test_an_invoice_of_atlas_has_its_tax_and_what_is_outstanding(run: Run, server: Sandbox, tmp_path: Path) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    done = run("report", "latest", env={**server.environment("api-key"), "TMPDIR": str(temporary)})
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.startswith("saved report.html: ")
    assert not list(temporary.iterdir())
    page = read(tmp_path / "report.html")
    invoice = server.invoices[1]
    document = json.loads(run("list", "--format", "json").stdout)
    (listed,) = (each for each in document if each["id"] == invoice.id)
    tax, billed, paid = (listed[name] for name in ("salesTaxCents", "amountBilledCents", "amountPaidCents"))
    (row,) = page.rows("invoices")
    assert row[1] == invoice.id
    assert row[4:9] == [listed["statusName"], *map(cents, (tax, billed, paid, billed - paid))]
    shown = json.loads(run("show", "latest", "--by", "project", "--format", "json").stdout)
    assert page.texts["figure-total"] == f"{ai.summarize(server.csv_bytes(invoice.id), by='sku').total:,.2f}"
    assert len(page.rows("project")) - 1 == len(shown["groups"])


@pytest.mark.slow
def test_a_synced_folder_has_every_month(run: Run, tmp_path: Path) -> None:
    assert run("sync", "--dir", "kept", "--since", "2026-08", "--until", "2026-09").returncode == 0
    done = run("report", "kept", "-o", "months.html", "-q", env={})
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    page = read(tmp_path / "months.html")
    assert [row[0] for row in page.rows("period")] == ["2026-08", "2026-09", "Total"]
    assert all(row[6] for row in page.rows("invoices")), "billed, from the JSON"
    for path in (tmp_path / "kept").glob("2026-08*.json"):
        path.write_bytes(b"[]")
    done = run("report", "kept", "-o", "months.html", "--force", env={})
    assert done.returncode == 0
    assert "isn't the JSON of an invoice" in done.stderr
    assert [bool(row[6]) for row in read(tmp_path / "months.html").rows("invoices")] == [False, True]


@pytest.mark.slow
def test_a_csv_may_come_from_stdin(server: Sandbox, tmp_path: Path) -> None:
    data = server.csv_bytes(server.invoices[1].id)
    command = [COMMAND, "report", "-", "-o", "in.html"]
    done = subprocess.run(command, input=data, cwd=tmp_path, capture_output=True, check=False, timeout=60)
    assert done.returncode == 0
    assert read(tmp_path / "in.html").texts["figure-total"] == f"{ai.summarize(data, by='sku').total:,.2f}"


def test_nothing_is_replaced_or_left_by_accident(run: Run, server: Sandbox, tmp_path: Path) -> None:
    good = server.csv_bytes(server.invoices[1].id)
    (tmp_path / "june.csv").write_bytes(good)
    (tmp_path / "bad.csv").write_bytes(good.replace(b",Amount", b",Sum", 1))
    (tmp_path / "report.html").write_text("mine")
    done = run("report", "june.csv", env={})
    assert (done.returncode, done.stderr) == (1, "error: report.html exists; use --force to replace it\n")
    done = run("report", "bad.csv", "--force", env={})
    assert done.returncode == 6
    assert "Amount" in done.stderr
    assert (tmp_path / "report.html").read_text() == "mine"
    done = run("report", "june.csv", "-o", "june.csv", "--force", env={})
    assert (done.returncode, (tmp_path / "june.csv").read_bytes()) == (2, good)
    assert run("report", "june.csv", "--force", "-q", env={}).returncode == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.csv", "june.csv", "report.html"]
    assert run("report", "nothing.csv", "-o", "other.html", env={}).returncode == 2
    assert run("report", env={}).returncode == 2


def test_an_invoice_that_fails_leaves_no_page(run: Run, server: Sandbox, tmp_path: Path) -> None:
    assert run("report", "0" * 24).returncode == 4
    server.fail(503, path=server.invoices[1].id)
    assert run("report", server.invoices[1].id, "--max-retries", "0").returncode == 5
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="the browser is a shell script")
def test_open_shows_the_page_in_the_browser(run: Run, server: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "june.csv").write_bytes(server.csv_bytes(server.invoices[1].id))
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\nprintf %s "$1" > {tmp_path}/opened\n')
    browser.chmod(0o700)
    assert run("report", "june.csv", "--open", env={"BROWSER": f"{browser} %s"}).returncode == 0
    assert (tmp_path / "opened").read_text() == (tmp_path / "report.html").as_uri()


def test_without_its_extra_it_says_how_to_get_it(tmp_path: Path) -> None:
    code = (
        "import importlib.util as u, sys; find = u.find_spec;"
        "u.find_spec = lambda name, *a: None if name == 'vl_convert' else find(name, *a);"
        "from atlas_invoices.cli import main; sys.exit(main())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "report", "x.csv"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert 'pip install "atlas-invoices[report]"' in done.stderr
