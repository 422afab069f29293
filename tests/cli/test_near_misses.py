"""A near miss gets a suggestion: commands, options, words, columns, tags, months, files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from atlas_invoices.sandbox import Sandbox
    from command import Run

CSV = "Date,Usage Date,SKU,Project,Tag/team,Amount\n07/01/2024,06/30/2024,M10,Alpha,search,1.50\n"


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("lst", "no command 'lst'; did you mean `atlas-invoices list`?"),
        ("ls", "did you mean `atlas-invoices list`?"),
        ("download all -o inv", "`atlas-invoices sync --dir DIR` saves every invoice"),
        ("download 2026-09 june.csv", "write -o june.csv to save"),
        ("reconcile june.csv", "`reconcile latest --csv june.csv`"),
        ("help", "did you mean `atlas-invoices --help`?"),
        ("frobnicate", "no command 'frobnicate' (see `atlas-invoices --help`)"),
        ("list --json", "atlas-invoices list has no option --json; did you mean --format json?"),
        ("list -o json", "did you mean --format json?"),
        ("list --output csv", "did you mean --format csv?"),
        ("list -o june.csv", "download, export, focus and report have it"),
        ("export june.csv --parquet", "did you mean --format parquet?"),
        ("list --statu PAID", "did you mean --status?"),
        ("list --from 2026-05", "did you mean --since?"),
        ("show --since 2026-01", "show has no option --since; name each month, such as 2026-05 2026-06, or the folder"),
        ("owed --since 2026-01", "atlas-invoices owed has no option --since; list and sync have it"),
        ("list --nonesuch", "see `atlas-invoices list --help`"),
        ("list --status payd", "INVOICED; did you mean PAID?"),
        ("list --status PAID,unpaid", "'unpaid' isn't one of PENDING, "),
        ("list --status unpaid", "did you mean PENDING,CLOSED,INVOICED,FAILED?"),
        ("list 202610", "did you mean --since 2026-10 --until 2026-10?"),
        ("list --status nonesuch", "'nonesuch' isn't one of PENDING, CLOSED, "),
        ("show june.csv --by projct", "did you mean project?"),
        ("show june.csv --by project sku", "'sku' is a column; did you mean --by project,sku?"),
        ("show june.csv --by team", "did you mean tag:team?"),
        ("show june.csv --by tags.Teams", "did you mean tag:team?"),
        ("show june.csv --by department", "can't group by 'department': choose from"),
        ("show 2026-10 --by team", "'team' (if it's a tag, write tag:team): choose from"),
        ("show 2026-10 --by tags.team", "did you mean tag:team?"),
        ("show june.csv --by project,service", "did you mean sku?"),
        ("show jun.csv", "did you mean june.csv?"),
        ("show 2026-6", "did you mean 2026-06?"),
        ("show 202610", "did you mean 2026-10?"),
        ("show 2026-13", "(13 isn't a month)"),
        ("owed 06/2026", "did you mean 2026-06?"),
        ("owed lates", "did you mean latest?"),
        ("owed nonesuch", "'nonesuch' doesn't name an invoice: write"),
        ("list --since 2026/6", "write it as 2026-06"),
    ],
)
def test_a_near_miss_gets_a_suggestion(line: str, hint: str, run: Run, tmp_path: Path) -> None:
    (tmp_path / "june.csv").write_text(CSV, encoding="utf-8")
    (tmp_path / "inv2026").mkdir()
    done = run(*line.split())
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert hint in done.stderr


def test_a_tag_that_the_file_lacks_is_compared_with_its_tags(run: Run, tmp_path: Path) -> None:
    (tmp_path / "june.csv").write_text(CSV, encoding="utf-8")
    assert (
        "no column for tag:taem; its tags are: team; did you mean tag:team?"
        in run("show", "june.csv", "--by", "tag:taem").stderr
    )


def test_reconcile_of_another_invoice_says_so_and_no_more(run: Run, server: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "june.csv").write_bytes(server.csv_bytes(server.invoices[1].id))
    done = run("reconcile", server.invoices[2].id, "--csv", "june.csv")
    assert done.returncode == 6
    assert [line.split(":")[1] for line in done.stdout.splitlines()] == [" invoice ID", " billing period"]
    assert done.stderr == f"error: june.csv doesn't match invoice {server.invoices[2].id}: 2 differences\n"
