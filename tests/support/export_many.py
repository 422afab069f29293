"""Exports every CSV of a folder in each format with the real command's `main`, in one process: a start takes longer.

Run as `export_many.py FOLDER`: FOLDER/1.csv becomes FOLDER/1.csv.csv, .jsonl and .parquet, and FOLDER/1.csv.status has
the three exit statuses.
"""

from __future__ import annotations

import sys
from pathlib import Path

from atlas_invoices.cli import main

FORMATS = ("csv", "jsonl", "parquet")


def export(source: Path) -> list[int]:
    """The exit status of each format."""
    statuses = []
    for form in FORMATS:
        raw = ["--raw"] if form == "csv" else []
        sys.argv = ["atlas-invoices", "export", str(source), "--format", form, "-o", f"{source}.{form}", "-q", *raw]
        try:
            statuses.append(main())
        except SystemExit as stop:
            statuses.append(int(stop.code or 0))
    return statuses


if __name__ == "__main__":
    for path in sorted(Path(sys.argv[1]).glob("*.csv")):
        (path.with_name(f"{path.name}.status")).write_text(" ".join(map(str, export(path))))
