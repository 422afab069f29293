"""The table of `show` fits whoever looks at it, and its money is right to the last digit."""

from __future__ import annotations

import re
import sys
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from rich.cells import cell_len

from atlas_invoices._utils import escape_controls

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from atlas_invoices.sandbox import Sandbox
    from command import Run

SKUS = ["Atlas M10 Instance - AWS", "Atlas M10 Instance - Azure"]


def write(folder: Path, *amounts: str) -> None:
    lines = "".join(f"07/01/2024,06/30/2024,S{n},{amount}\n" for n, amount in enumerate(amounts))
    (folder / "a.csv").write_text(f"Date,Usage Date,SKU,Amount\n{lines}", encoding="utf-8")


def amounts_of(table: str) -> list[str]:
    """The column USD, with the total and what was left out."""
    cells = [re.search(r"-?[0-9,]+\.[0-9]{2}(?= )", line) for line in table.splitlines()[2:-1]]
    return [cell[0] for cell in cells if cell]


def test_what_was_left_out_is_added_exactly(run: Run, tmp_path: Path) -> None:
    write(tmp_path, "9" * 38, "0.01", "8" * 38 + ".01")
    _, rest, total = amounts_of(run("show", "a.csv", "--by", "sku", "--top", "1").stdout)
    assert rest == f"{int('8' * 38):,}.02"
    assert total == f"{int('9' * 38) + int('8' * 38):,}.02"


def test_halves_of_a_cent_are_rounded_up_as_on_an_invoice(run: Run, tmp_path: Path) -> None:
    write(tmp_path, "0.145", "0.125", "-0.004", "-0.005")
    shown = amounts_of(run("show", "a.csv", "--by", "sku").stdout)
    assert shown == ["0.15", "0.13", "0.00", "-0.01", "0.26"]


def test_long_numbers_keep_every_digit(run: Run, tmp_path: Path) -> None:
    long = Decimal("7" * 300 + "." + "7" * 300)
    write(tmp_path, *[f"{long:f}"] * 3)
    _, rest, total = amounts_of(run("show", "a.csv", "--by", "sku", "--top", "1").stdout)
    assert rest.replace(",", "") == f"{int('7' * 300) * 2 + 1}.56"
    assert total.replace(",", "") == f"{int('7' * 300) * 3 + 2}.33"


@pytest.mark.skipif(sys.platform == "win32", reason="has no such terminals")
@pytest.mark.parametrize(("columns", "bar"), [(120, 12), (80, 11), (75, 6), (60, 0), (48, 0)])
def test_bars_shrink_and_go_before_names_are_cut(
    on_a_terminal: Callable[..., tuple[int, str]], tmp_path: Path, columns: int, bar: int
) -> None:
    lines = "".join(f"07/01/2024,06/30/2024,A Project of Ours,{sku},9\n" for sku in SKUS)
    (tmp_path / "a.csv").write_text(f"Date,Usage Date,Project,SKU,Amount\n{lines}", encoding="utf-8")
    _, styled = on_a_terminal("show", "a.csv", env={"COLUMNS": str(columns), "TERM": "xterm"})
    shown = re.sub(r"\x1b\[[0-9;]*m", "", styled)
    assert shown != styled
    assert all(f" {sku} " in shown for sku in SKUS) == (columns >= 75)
    assert max(map(len, re.findall("█+", shown)), default=0) == bar
    assert all(len(line) <= columns for line in shown.split("\r\n"))
    # Whatever is cut, the two stay different.
    assert len({line.split("9.00")[0] for line in shown.split("\r\n") if "9.00" in line and "18.00" not in line}) == 2


@pytest.mark.parametrize("columns", [30, 50, 60, 80, 100])
def test_an_invoice_of_the_sandbox_fits(run: Run, server: Sandbox, tmp_path: Path, columns: int) -> None:
    invoice = next(i for i in server.invoices if i.status == "PAID" and i.credits_cents and i.line_count)
    (tmp_path / "june.csv").write_bytes(server.csv_bytes(invoice.id))
    # No terminal, but its width is known: somebody looks at it through a pager.
    shown = run("show", "june.csv", env={"COLUMNS": str(columns)}).stdout
    head = shown[: shown.index("project ")]
    assert head.split()[:2] == ["Invoice", invoice.id]
    assert head.split()[-1] == f"{invoice.start:%Y-%m}"
    widest = max(map(cell_len, shown.splitlines()))
    # Two names of eight, and money whole, need that much.
    assert widest <= max(columns, 44)
    assert ("██████" in shown) == (columns >= 100)
    assert shown.replace("\n", " ").rstrip().isprintable()
    assert escape_controls(shown, keep="\n") == shown


def test_a_tag_with_control_characters_is_escaped_in_its_heading(run: Run, tmp_path: Path) -> None:
    csv = "Date,Usage Date,SKU,Tag/a\x1b[31m,Amount\n07/01/2024,06/30/2024,M10,x,9\n"
    (tmp_path / "a.csv").write_text(csv, encoding="utf-8")
    heading, row, _ = run("show", "a.csv", "--by", "tag:a\x1b[31m").stdout.splitlines()[1:4]
    assert heading.startswith(r"tag:a\x1b[31m   USD"), "as wide as it looks"
    assert row.startswith("x              9.00")


@pytest.mark.parametrize("columns", ["", "0", "-3", "wide"])
def test_a_width_that_is_none_is_ignored(run: Run, tmp_path: Path, columns: str) -> None:
    write(tmp_path, "1")
    assert run("show", "a.csv", env={"COLUMNS": columns}).stdout == run("show", "a.csv", env={}).stdout
