"""The command focus: files and folders of FOCUS, MongoDB's own report, and what differs between both."""

from __future__ import annotations

import csv
import io
import os
import signal
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pyarrow import dataset
from pyarrow import parquet as pq

from command import COMMAND
from load_targets import invoice, save
from sync_folder import age_leftovers

if TYPE_CHECKING:
    from atlas_invoices.sandbox import Sandbox
    from command import Run


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def billed(text: str) -> Decimal:
    return sum((Decimal(row["BilledCost"]) for row in rows(text)), Decimal(0))


def test_an_invoice_of_atlas_adds_up_to_what_is_billed(run: Run, server: Sandbox) -> None:
    invoice = server.invoices[4]
    done = run("focus", invoice.id)

    assert done.returncode == 0
    assert billed(done.stdout) * 100 == invoice.amount_billed_cents
    assert f"billed {Decimal(invoice.amount_billed_cents) / 100:,.2f} USD" in done.stderr


def test_csv_is_plain_with_times_in_utc_and_no_apostrophes(run: Run, server: Sandbox) -> None:
    text = run("focus", "latest", "-q").stdout

    found = rows(text)
    assert {row["SubAccountName"] for row in found} >= {"=SUM(A1:A9)", "Große Daten, Wien"}
    assert all(row["BillingPeriodStart"] == f"{server.invoices[1].start}T00:00:00Z" for row in found)
    costs = [row[name] for row in found for name in ("BilledCost", "ListCost", "ContractedCost", "ListUnitPrice")]
    assert not [cost for cost in costs if "E" in cost or "," in cost]
    note = next(row["x_Note"] for row in found if row["ChargeCategory"] == "Credit")
    assert note == 'Promotional credit "SPRING,26"\nsee contract 4711'


def test_a_folder_of_sync_becomes_a_folder_with_a_file_for_each_invoice(run: Run, tmp_path: Path) -> None:
    assert run("sync", "--dir", "kept", "--since", "2026-07", "--until", "2026-09").returncode == 0

    done = run("focus", "kept", "-o", "out/", "--focus-version", "1.3", env={})

    assert done.returncode == 0
    assert "no sales tax" not in done.stderr
    files = sorted(path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.parquet"))
    assert [name.split("/")[0] for name in files] == [f"billing_period=2026-0{month}" for month in (7, 8, 9)]
    table = dataset.dataset(tmp_path / "out", partitioning="hive").to_table()
    assert sum(table["BilledCost"].to_pylist()) * 100 == sum(
        int(Decimal(row["amountBilledCents"]))
        for row in csv.DictReader(
            io.StringIO(run("list", "--since", "2026-07", "--until", "2026-09", "--format", "csv").stdout)
        )
    )
    before = {name: (tmp_path / "out" / name).stat().st_mtime_ns for name in files}
    month = next((tmp_path / "kept").glob("2026-08*.csv"))
    assert run("focus", str(month), "-o", "out", env={}).returncode == 1
    assert run("focus", str(month), "-o", "out", "--force", "--focus-version", "1.3", env={}).returncode == 0
    after = {name: (tmp_path / "out" / name).stat().st_mtime_ns for name in files}
    assert [name for name in files if before[name] != after[name]] == [files[1]]
    assert sorted(path.suffix for path in (tmp_path / "out").rglob("*.*")) == [".parquet"] * 3


# Runs the command, which kills itself before it puts the file of the number on stdin in place. Forked, to save imports.
VICTIMS = """
import os, signal, sys
from atlas_invoices._files import AtomicFile
from atlas_invoices.cli import main

def commit(file, commit=AtomicFile.commit):
    global left
    left -= 1
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)
    commit(file)

AtomicFile.commit = commit
while line := sys.stdin.readline():
    left = int(line)
    if not os.fork():
        sys.exit(main())
    print(os.wait()[1], flush=True)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the victims are forked")
def test_killed_between_files_of_a_folder_it_leaves_whole_invoices_and_the_next_run_completes(
    run: Run, tmp_path: Path
) -> None:
    old, new = ([invoice(month, *[f"{part}"] * (part * month)) for month in (1, 2, 3)] for part in (2, 3))
    kept = save(tmp_path / "in", *old)
    assert run("focus", "in", "-o", "out/", env={}).returncode == 0
    save(kept, *new)

    def parts() -> list[int]:
        """Whether each file has the old lines or the new ones; all must be there."""
        found = []
        for month in (1, 2, 3):
            costs = pq.read_table(tmp_path / f"out/billing_period=2024-0{month}", partitioning=None)[
                "BilledCost"
            ].to_pylist()
            assert costs == costs[:1] * int(costs[0] * month)
            found.append(int(costs[0]))
        return found

    command = [sys.executable, "-c", VICTIMS, "focus", "in", "-o", "out/", "--force", "-q"]
    with subprocess.Popen(command, cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as victims:
        assert victims.stdin
        assert victims.stdout
        for step, expected in ((2, [3, 2, 2]), (4, [3, 3, 3])):
            print(step, file=victims.stdin, flush=True)
            assert int(victims.stdout.readline()) == (signal.SIGKILL if step < 4 else 0)
            assert parts() == expected
            for place in (tmp_path / "out").iterdir():
                age_leftovers(place)
        victims.communicate()
    assert [path for path in (tmp_path / "out").rglob("*") if path.suffix == ".part"] == []


def test_parquet_and_csv_have_the_same_values(run: Run, tmp_path: Path) -> None:
    text = run("focus", "latest", "-q").stdout
    assert run("focus", "latest", "-o", "one.parquet", "-q").returncode == 0

    table = pq.read_table(tmp_path / "one.parquet")

    assert table.column_names == list(rows(text)[0])
    for name in ("BilledCost", "ListCost", "ContractedCost", "PricingQuantity", "ContractedUnitPrice"):
        texts = [row[name] for row in rows(text)]
        assert table[name].to_pylist() == [Decimal(cell) if cell else None for cell in texts], name


def test_a_csv_alone_has_no_tax_and_says_so(run: Run, server: Sandbox, tmp_path: Path) -> None:
    invoice = next(each for each in server.invoices if each.sales_tax_cents)
    (tmp_path / "june.csv").write_bytes(server.csv_bytes(invoice.id))

    done = run("focus", "june.csv", env={})

    assert billed(done.stdout) * 100 == invoice.amount_billed_cents - invoice.sales_tax_cents
    assert "warning: no sales tax for june.csv: only the invoice's JSON has it" in done.stderr
    piped = subprocess.run(
        [COMMAND, "focus", "-", "-q"], input=server.csv_bytes(invoice.id), capture_output=True, check=True, timeout=60
    )
    assert piped.stdout.decode() == done.stdout


def test_mongodbs_own_report_is_typed_and_named_as_focus_says(run: Run, server: Sandbox, tmp_path: Path) -> None:
    paid_in_euros = server.invoices[2]
    text = run("focus", paid_in_euros.id, "--from", "atlas").stdout
    done = run("focus", paid_in_euros.id, "--from", "atlas", "-o", "own.parquet")

    assert "MongoDB's reports have no tax and no credits" in done.stderr
    found = rows(text)
    assert {row["InvoiceIssuerName"] for row in found} == {"MongoDB"}
    assert {row["BillingCurrency"] for row in found} == {"EUR"}
    table = pq.read_table(tmp_path / "own.parquet")
    assert [Decimal(row["BilledCost"]) for row in found] == table["BilledCost"].to_pylist()
    assert sum(table["PricingCurrencyEffectiveCost"].to_pylist()) * 100 == paid_in_euros.subtotal_cents


def test_reports_in_a_folder_have_a_file_each(run: Run, server: Sandbox, tmp_path: Path) -> None:
    assert run("focus", "latest", "pending", "--from", "atlas", "-o", "own/").returncode == 0

    found = sorted(path.relative_to(tmp_path / "own").as_posix() for path in (tmp_path / "own").rglob("*.parquet"))
    assert found == sorted(f"billing_period={each.start:%Y-%m}/{each.id}.parquet" for each in server.invoices[:2])


def test_lines_and_report_agree(run: Run) -> None:
    done = run("focus", "latest", "--compare")
    assert (done.returncode, done.stdout) == (0, "")
    assert "USD; 0 of " in done.stderr.splitlines()[-1]


def test_a_line_that_the_report_lacks_and_a_changed_one_are_shown(run: Run, server: Sandbox, tmp_path: Path) -> None:
    data = server.csv_bytes(server.invoices[1].id).decode()
    lines = data.splitlines(keepends=True)
    place = next(number for number, line in enumerate(lines) if "M30 Instance" in line)
    cells = next(csv.reader([lines[place]]))
    amount, cells[18] = cells[18], "1000.00"
    lines[place] = ",".join(f'"{cell}"' for cell in cells) + "\n"
    support = next(number for number, line in enumerate(lines) if "Developer Support" in line)
    lines[support] = lines[support].replace("Developer Support", "Premium Support")
    (tmp_path / "changed.csv").write_text("".join(lines), encoding="utf-8")

    done = run("focus", "changed.csv", "--compare", "--format", "csv")

    assert done.returncode == 6
    assert "differ by more than rounding" in done.stderr
    found = {(row["sku"], row["reason"]): row for row in rows(done.stdout)}
    assert set(found) == {
        ("Atlas M30 Instance - AWS", "amount"),
        ("Premium Support", "only in the lines"),
        ("Developer Support", "only in the report"),
    }
    changed = found["Atlas M30 Instance - AWS", "amount"]
    assert Decimal(changed["difference"]) == Decimal(1000) - Decimal(amount)


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (("june.csv", "-o", "june.xlsx"), 2, "choose --format csv or parquet"),
        (("june.csv", "-o", "june.csv", "--force"), 2, "is the invoice itself"),
        (("june.csv", "--from", "atlas"), 2, "MongoDB's reports come from Atlas"),
        (("june.csv", "--issuer", "AWS", "--compare"), 2, "--issuer only works with --from lines"),
        (("june.csv", "--compare", "-o", "x.csv"), 2, "--compare prints a table"),
        (("bad.csv", "-o", "x.parquet"), 6, "no Billing Period above its header row"),
        (("sums.csv", "-o", "x.csv"), 6, "Amount"),
    ],
)
def test_what_can_not_be_done_leaves_no_file(
    run: Run, server: Sandbox, tmp_path: Path, arguments: tuple[str, ...], status: int, message: str
) -> None:
    good = server.csv_bytes(server.invoices[1].id)
    (tmp_path / "june.csv").write_bytes(good)
    (tmp_path / "bad.csv").write_bytes(good.partition(b"\n\n")[2])
    (tmp_path / "sums.csv").write_bytes(good.replace(b",Amount", b",Sum", 1))

    done = run("focus", *arguments, env={})

    assert done.returncode == status
    assert message in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.csv", "june.csv", "sums.csv"]
    assert (tmp_path / "june.csv").read_bytes() == good
