"""Compare reading, tables, sums and exports with the tools people would use instead: medians and ratios from one run.

    python tests/benchmarks/bench_csv.py [--lines N] [--runs N] [--only NAME]

Each comparison is run on a file of each shape (see big_invoice); the table has the ratio for each, and the lowest. The
two tasks of a comparison take turns, so a busy machine slows both. Measuring the memory of commands needs Linux or
macOS.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from attrs import frozen
from big_invoice import LINES, SHAPES, write_invoice


@frozen
class Row:
    """One comparison: our code, the other tool's code, and how many times its speed ours must reach on every shape.

    Each runs in a process of its own, which keeps what it imported. With `command`, `ours` is the arguments of the
    installed command, and each run is a new process; then `memory` is the most of the other's peak that ours may take.
    With `folder`, `path` is a folder of 36 invoices that together have a little more lines.
    """

    name: str
    beside: str
    ours: str
    theirs: str
    at_least: float
    command: bool = False
    memory: float | None = None
    folder: bool = False


_SKIP = "5"  # lines above the header
_SUMMARIZE = """
        from atlas_invoices._csv import summarize
        summarize(path, by=["project", "sku"])
        """
_EXPORT = "export {path} --format parquet -o {path}.ours.parquet --force"
ROWS = (
    Row(
        "lines",
        "csv.DictReader, untyped",
        """
        from atlas_invoices._csv import read_csv
        for line in read_csv(path): pass
        """,
        f"""
        import csv
        with open(path, newline="", encoding="utf-8") as file:
            for _ in range({_SKIP}): file.readline()
            for row in csv.DictReader(file): pass
        """,
        1.1,
    ),
    Row(
        "to_arrow",
        "pyarrow read_csv, same types",
        """
        from atlas_invoices._csv import to_arrow
        to_arrow(path)
        """,
        # Only the table below the header; pyarrow reads these days as timestamps only, and tags as plain columns.
        f"""
        import pyarrow as pa
        from pyarrow import csv
        exact, days = pa.decimal128(18, 13), pa.timestamp("s")
        with open(path, encoding="utf-8") as file:
            names = [file.readline() for _ in range({_SKIP} + 1)][-1].strip().split(",")
        types = {{name: pa.string() for name in names}} | {{"Date": days, "Usage Date": days}}
        types |= {{name: exact for name in ("Unit Price", "Quantity", "Discount Percent", "Amount")}}
        csv.read_csv(
            path,
            read_options=csv.ReadOptions(skip_rows={_SKIP}),
            parse_options=csv.ParseOptions(newlines_in_values=True),
            convert_options=csv.ConvertOptions(
                column_types=types, null_values=[""], strings_can_be_null=True, timestamp_parsers=["%m/%d/%Y"]
            ),
        )
        """,
        0.8,
    ),
    Row(
        "summarize",
        "polars read_csv, floats",
        _SUMMARIZE,
        f"""
        import polars as pl
        pl.read_csv(path, skip_rows={_SKIP}).group_by("Project", "SKU").agg(pl.col("Amount").sum())
        """,
        1.2,
    ),
    Row(
        "summarize",
        "polars scan_csv, three columns",
        _SUMMARIZE,
        f"""
        import polars as pl
        pl.scan_csv(path, skip_rows={_SKIP}).group_by("Project", "SKU").agg(pl.col("Amount").sum()).collect()
        """,
        0.5,
    ),
    Row(
        "summarize",
        "pandas read_csv + groupby().sum()",
        _SUMMARIZE,
        f"""
        import pandas as pd
        pd.read_csv(path, skiprows={_SKIP}).groupby(["Project", "SKU"])["Amount"].sum()
        """,
        1.5,
    ),
    Row(
        "parquet",
        "DuckDB COPY of text columns",
        _EXPORT,
        f"""
        import duckdb
        source = f"read_csv('{{path}}', skip={_SKIP}, header=true, all_varchar=true, null_padding=false)"
        duckdb.sql(f"COPY (FROM {{source}}) TO '{{path}}.theirs.parquet' (FORMAT parquet)")
        """,
        0.8,
        command=True,
        memory=0.5,
    ),
    Row(
        "parquet",
        "pandas script",
        _EXPORT,
        f"""
        import pandas as pd
        pd.read_csv(path, skiprows={_SKIP}).to_parquet(path + ".theirs.parquet")
        """,
        1.2,
        command=True,
    ),
    Row(
        "focus",
        "our export --format parquet",
        "focus {path} -o {path}.focus.parquet --force",
        """
        import sys
        from atlas_invoices.cli import main
        sys.argv = ["", "export", path, "-o", path + ".theirs.parquet", "--force"]
        main()
        """,
        0.5,
        command=True,
        memory=1.5,
    ),
    Row(
        "36 invoices",
        "our loop, one after the other",
        _SUMMARIZE,
        """
        from pathlib import Path
        from atlas_invoices._csv import summarize
        for each in sorted(Path(path).glob("*.csv")): summarize(each, by=["project", "sku"])
        """,
        1.5,
        folder=True,
    ),
)
# Commands whose memory must not grow with the file.
MEMORY = (
    "show {path}",
    "export {path} --format csv -o {path}.out --force",
    "export {path} --format jsonl -o {path}.out --force",
    "export {path} --format parquet -o {path}.out --force",
    "focus {path} --format csv -o {path}.out --force",
    "focus {path} --format parquet -o {path}.out --force",
)
# A child's peak memory includes that of the process it was forked from, so its parent must be small.
_SMALL_PARENT = """
import os, sys, time
start = time.perf_counter()
silent = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
process = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, file_actions=silent)
_, status, used = os.wait4(process, 0)
seconds = time.perf_counter() - start
if status: sys.exit("failed")
unit = 1e6 if sys.platform == "darwin" else 1e3
print(seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / unit)
"""
# The task's code and path come as arguments; each line of stdin runs it once.
_REPEATED = """
import sys, time
program = compile(sys.argv[1], "benchmark", "exec")
for _ in sys.stdin:
    start = time.perf_counter()
    exec(program, {"path": sys.argv[2]})
    print(time.perf_counter() - start, flush=True)
"""
# More than 10,000 lines need.
MAX_EXTRA_MEGABYTES = 64
INVOICES = 36


@frozen
class Cost:
    """What a process took: seconds, CPU seconds, and its peak memory in megabytes."""

    seconds: float
    cpu: float
    peak: float


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Measure reading, tables, sums and exports of a large invoice.")
    parser.add_argument("--lines", type=int, default=LINES)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--only", choices=sorted({*(row.name for row in ROWS), "memory"}))
    parser.add_argument("--shape", choices=SHAPES, action="append")
    parser.add_argument("--dir", type=Path, default=Path(tempfile.gettempdir()) / "atlas-invoices-bench")
    arguments = parser.parse_args()
    arguments.dir.mkdir(exist_ok=True)
    shapes = arguments.shape or SHAPES
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    print(f"{arguments.lines:,} lines, medians of {arguments.runs}; how many times the other's speed\n")
    print("| work | beside | " + " | ".join(shapes) + " | lowest | at least |")
    print("| --- " * (len(shapes) + 4) + "|")
    for row in ROWS:
        if arguments.only in {None, row.name}:
            paths = [_path(arguments.dir, arguments.lines, shape, row) for shape in shapes]
            found = [_measure(row, path, arguments.runs) for path in paths]
            _print_row(row, f"{row.beside}", [speed for speed, _ in found], row.at_least)
            if row.memory:
                _print_row(row, "its peak memory", [memory for _, memory in found], row.memory, most=True)
    if arguments.only in {None, "memory"}:
        print()
        small, large = (write_invoice(arguments.dir, lines) for lines in (10_000, arguments.lines))
        folder = _folder(arguments.dir, arguments.lines, SHAPES[0])
        for command in MEMORY:
            least, most, several = (run_process(_command(command, path)).peak for path in (small, large, folder))
            name = command.replace(" {path}", "").split(" -o")[0]
            more = f"{most - least:+.0f}, folder {several - least:+.0f} (at most {MAX_EXTRA_MEGABYTES})"
            print(f"memory of {name}: 10,000 lines {least:.0f} MB; {arguments.lines:,} lines {more}", flush=True)


def _path(folder: Path, lines: int, shape: str, row: Row) -> Path:
    return _folder(folder, lines, shape) if row.folder else write_invoice(folder, lines, shape)


def _folder(folder: Path, lines: int, shape: str) -> Path:
    """Write 36 invoices: 30,000 lines each where a single file has a million."""
    several = folder / f"{shape} {lines}"
    several.mkdir(exist_ok=True)
    for month in range(INVOICES):
        write_invoice(several, lines * 3 // 100, shape, month)
    return several


def _print_row(row: Row, beside: str, ratios: list[float], limit: float, *, most: bool = False) -> None:
    worst = max(ratios) if most else min(ratios)
    cells = [f"{ratio:.2f}" for ratio in [*ratios, worst]]
    print(f"| {row.name} | {beside} | {' | '.join(cells)} | {'at most ' * most}{limit} |", flush=True)


def _measure(row: Row, path: Path, runs: int) -> tuple[float, float]:
    """Return how many times the other's speed ours is, and which part of its memory it takes."""
    if not row.command:
        with _worker(row.theirs, path) as theirs, _worker(row.ours, path) as ours:
            seconds = [(theirs(), ours()) for _ in range(runs)]
        return median(their for their, _ in seconds) / median(our for _, our in seconds), 0
    costs = [(run_process(_script(row.theirs, path)), run_process(_command(row.ours, path))) for _ in range(runs)]
    speed = median(their.seconds for their, _ in costs) / median(our.seconds for _, our in costs)
    return speed, median(our.peak for _, our in costs) / median(their.peak for their, _ in costs)


@contextmanager
def _worker(code: str, path: Path) -> Iterator[Callable[[], float]]:
    """Start a process, and yield what runs the code in it once and returns the seconds.

    In a process of its own, neither task disturbs the other's memory.
    """
    command = [sys.executable, "-c", _REPEATED, textwrap.dedent(code), str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        stdin, stdout = process.stdin, process.stdout

        def run() -> float:
            stdin.write("run\n")
            stdin.flush()
            return float(stdout.readline())

        yield run


def _command(words: str, path: Path) -> list[str]:
    return [
        str(Path(sys.executable).with_name("atlas-invoices")),
        *(word.format(path=path) for word in words.split(" ")),
    ]


def _script(code: str, path: Path) -> list[str]:
    return [sys.executable, "-c", f"path = {str(path)!r}\n" + textwrap.dedent(code)]


def run_process(arguments: list[str]) -> Cost:
    done = subprocess.run([sys.executable, "-c", _SMALL_PARENT, *arguments], check=True, capture_output=True, text=True)
    seconds, cpu, peak = map(float, done.stdout.split()[-3:])
    return Cost(seconds, cpu, peak)


if __name__ == "__main__":
    main()
