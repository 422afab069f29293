"""Reading, tables and sums beside the tools people would use instead, in one run: a table of medians and ratios.

    python tests/benchmarks/bench_csv.py [--lines N] [--runs N] [--only NAME]

Each row is two tasks measured in turn, so that a busy machine slows both. Whole commands and memory are measured in
processes of their own, memory on Linux alone.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from attrs import frozen
from big_invoice import LINES, write_invoice

if TYPE_CHECKING:
    from collections.abc import Callable


@frozen
class Row:
    """One line of the table: ours beside theirs, and how much faster ours has to be."""

    name: str
    beside: str
    ours: str
    theirs: str
    at_least: float
    command: bool = False


_SKIP = "5"  # lines above the header
ROWS = (
    Row(
        "lines",
        "csv.DictReader",
        """
        from atlas_invoices._invoice_csv import read_csv
        for line in read_csv(path): pass
        """,
        f"""
        import csv
        with open(path, newline="", encoding="utf-8") as file:
            for _ in range({_SKIP}): file.readline()
            for row in csv.DictReader(file): pass
        """,
        1.0,
    ),
    Row(
        "to_arrow",
        "pyarrow.csv.read_csv",
        """
        from atlas_invoices._invoice_csv import to_arrow
        to_arrow(path)
        """,
        # The body alone; pyarrow reads such days as timestamps only, and has no maps for the tags.
        f"""
        import pyarrow as pa
        from pyarrow import csv
        exact, coded, days = pa.decimal128(38, 18), pa.dictionary(pa.int32(), pa.string()), pa.timestamp("s")
        with open(path, encoding="utf-8") as file:
            names = [file.readline() for _ in range({_SKIP} + 1)][-1].strip().split(",")
        types = {{name: coded for name in names}} | {{"Note": pa.string(), "Date": days, "Usage Date": days}}
        types |= {{name: exact for name in ("Unit Price", "Quantity", "Discount Percent", "Amount")}}
        csv.read_csv(
            path,
            read_options=csv.ReadOptions(skip_rows={_SKIP}),
            convert_options=csv.ConvertOptions(
                column_types=types, null_values=[""], strings_can_be_null=True, timestamp_parsers=["%m/%d/%Y"]
            ),
        )
        """,
        0.8,
    ),
    Row(
        "summarize",
        "pandas read_csv + groupby().sum()",
        """
        from atlas_invoices._invoice_csv import summarize
        summarize(path, by=["project", "sku"])
        """,
        f"""
        import pandas as pd
        pd.read_csv(path, skiprows={_SKIP}).groupby(["Project", "SKU"])["Amount"].sum()
        """,
        1.5,
    ),
    Row(
        "parquet",
        "pandas read_csv + to_parquet (process)",
        """
        from atlas_invoices._invoice_csv import write_parquet
        with open(path + ".ours.parquet", "wb") as file: write_parquet(path, file)
        """,
        f"""
        import pandas as pd
        pd.read_csv(path, skiprows={_SKIP}).to_parquet(path + ".theirs.parquet")
        """,
        1.2,
        command=True,
    ),
)
MEMORY = {
    "lines": ROWS[0].ours,
    "summarize": ROWS[2].ours,
    "parquet": ROWS[3].ours,
    "csv": """
        from atlas_invoices._invoice_csv import read_csv, write_csv
        with open(os.devnull, "wb") as file: write_csv(read_csv(path), file)
        """,
}
# A process's own peak: getrusage would also count its parent's, from before it was another program.
_PEAK = """
print(next(int(line.split()[1]) // 1024 for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Measure reading, tables and sums of a large invoice.")
    parser.add_argument("--lines", type=int, default=LINES)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--only", choices=[*(row.name for row in ROWS), "memory"])
    parser.add_argument("--dir", type=Path, default=Path(tempfile.gettempdir()) / "atlas-invoices-bench")
    arguments = parser.parse_args()
    arguments.dir.mkdir(exist_ok=True)
    large = write_invoice(arguments.dir / f"{arguments.lines}.csv", arguments.lines)
    small = write_invoice(arguments.dir / "10000.csv", 10_000)
    megabytes = large.stat().st_size / 1e6
    print(f"{arguments.lines:,} lines, {megabytes:.0f} MB; {platform.python_version()}, {os.cpu_count()} cores")
    for row in ROWS:
        if arguments.only in {None, row.name}:
            _measure(row, large, arguments.runs)
    if arguments.only in {None, "memory"}:
        for name, code in MEMORY.items():
            least, most = _peak(code, small), _peak(code, large)
            print(f"memory of {name}: {most} MB, {most - least} MB more than for 10,000 lines")


def _measure(row: Row, path: Path, runs: int) -> None:
    run: Callable[[str, Path], float] = _process_seconds if row.command else _seconds
    ours, theirs = [], []
    for _ in range(runs):
        theirs.append(run(row.theirs, path))
        ours.append(run(row.ours, path))
    ratio = median(theirs) / median(ours)
    print(
        f"{row.name}: {median(ours):.2f} s, {row.beside}: {median(theirs):.2f} s; {ratio:.2f} times its speed"
        f" (at least {row.at_least})"
    )
    if row.command:
        print(f"{row.name}: peak {_peak(row.ours, path)} MB, {row.beside}: {_peak(row.theirs, path)} MB")


def _seconds(code: str, path: Path) -> float:
    program = compile(textwrap.dedent(code), "benchmark", "exec")
    start = time.perf_counter()
    exec(program, {"path": str(path)})  # noqa: S102 - the tasks are written above
    return time.perf_counter() - start


def _process_seconds(code: str, path: Path) -> float:
    start = time.perf_counter()
    _run(code, path)
    return time.perf_counter() - start


def _peak(code: str, path: Path) -> int:
    return int(_run(textwrap.dedent(code) + _PEAK, path).split()[-1])


def _run(code: str, path: Path) -> str:
    program = f"import os, sys\npath = {str(path)!r}\n" + textwrap.dedent(code)
    return subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    main()
