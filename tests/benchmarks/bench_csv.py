"""Compare reading, tables, sums and exports with the tools people would use instead: medians and ratios from one run.

    python tests/benchmarks/bench_csv.py [--lines N] [--runs N] [--only NAME]

Each comparison is run on files of four shapes: see `big_invoice`. The two tasks of a comparison take turns, so a busy
machine slows both. Commands run as processes of their own; measuring their memory needs Linux or macOS.
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

from attrs import frozen
from big_invoice import LINES, PLAIN, SHAPES, write_invoice


@frozen
class Row:
    """One comparison: our code, the other tool's code, and how many times its speed ours must reach.

    Both run in this process. With `command`, `ours` is the arguments of the installed command, and both run as
    processes of their own. On other files than the plain one, only a row with `every_shape` has to reach its ratio.
    """

    name: str
    beside: str
    ours: str
    theirs: str
    at_least: float
    command: bool = False
    every_shape: bool = False


_SKIP = "5"  # lines above the header
ROWS = (
    Row(
        "lines",
        "csv.DictReader",
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
        every_shape=True,
    ),
    Row(
        "to_arrow",
        "pyarrow.csv.read_csv",
        """
        from atlas_invoices._csv import to_arrow
        to_arrow(path)
        """,
        # Only the table below the header; pyarrow reads these days as timestamps only, and tags as plain columns.
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
        from atlas_invoices._csv import summarize
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
        "pandas read_csv + to_parquet script",
        "export {path} --format parquet -o {path}.ours.parquet --force",
        f"""
        import pandas as pd
        pd.read_csv(path, skiprows={_SKIP}).to_parquet(path + ".theirs.parquet")
        """,
        1.2,
        command=True,
    ),
)
# Commands whose memory must not grow with the file.
MEMORY = (
    "show {path}",
    "export {path} --format csv -o {path}.out --force",
    "export {path} --format jsonl -o {path}.out --force",
    "export {path} --format parquet -o {path}.out --force",
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
# More than 10,000 lines need.
MAX_EXTRA_MEGABYTES = 64
MIN_MEMORY_RATIO = 4


@frozen
class Cost:
    """What one run took: seconds, CPU seconds, and for a process its peak memory in megabytes."""

    seconds: float
    cpu: float
    peak: float = 0


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Measure reading, tables, sums and exports of a large invoice.")
    parser.add_argument("--lines", type=int, default=LINES)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--only", choices=[*(row.name for row in ROWS), "memory"])
    parser.add_argument("--dir", type=Path, default=Path(tempfile.gettempdir()) / "atlas-invoices-bench")
    arguments = parser.parse_args()
    arguments.dir.mkdir(exist_ok=True)
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    for shape in SHAPES:
        path = write_invoice(arguments.dir, arguments.lines, shape)
        print(f"\n{arguments.lines:,} lines, {shape}, {path.stat().st_size / 1e6:.0f} MB", flush=True)
        for row in ROWS:
            if arguments.only in {None, row.name}:
                _measure(row, path, arguments.runs, required=row.every_shape or shape == PLAIN)
    if arguments.only in {None, "memory"}:
        print()
        small, large = (write_invoice(arguments.dir, lines) for lines in (10_000, arguments.lines))
        for command in MEMORY:
            least, most = (_process(_command(command, path)).peak for path in (small, large))
            name = command.replace(" {path}", "").split(" -o")[0]
            more = f"{most - least:.0f} more than 10,000 lines (at most {MAX_EXTRA_MEGABYTES})"
            print(f"memory of {name}: {most:.0f} MB, {more}", flush=True)


def _measure(row: Row, path: Path, runs: int, *, required: bool) -> None:
    ours, theirs = [], []
    for _ in range(runs):
        theirs.append(_process(_script(row.theirs, path)) if row.command else _here(row.theirs, path))
        ours.append(_process(_command(row.ours, path)) if row.command else _here(row.ours, path))
    seconds, cpu = (
        [median(values) for values in ([cost.seconds for cost in ours], [cost.seconds for cost in theirs])],
        [median(values) for values in ([cost.cpu for cost in ours], [cost.cpu for cost in theirs])],
    )
    print(
        f"{row.name}: {seconds[0]:.2f} s, {row.beside}: {seconds[1]:.2f} s; {seconds[1] / seconds[0]:.2f} times its"
        f" speed{f' (at least {row.at_least})' if required else ''}; CPU {cpu[0]:.2f} s, {cpu[1]:.2f} s",
        flush=True,
    )
    if row.command:
        mine, other = median([cost.peak for cost in ours]), median([cost.peak for cost in theirs])
        part = f"{mine / other:.0%} (at most {1 / MIN_MEMORY_RATIO:.0%})"
        print(f"{row.name}: peak {mine:.0f} MB, {row.beside}: {other:.0f} MB; {part}")


def _here(code: str, path: Path) -> Cost:
    program = compile(textwrap.dedent(code), "benchmark", "exec")
    start, cpu = time.perf_counter(), time.process_time()
    exec(program, {"path": str(path)})  # noqa: S102 - the tasks are written above
    return Cost(time.perf_counter() - start, time.process_time() - cpu)


def _command(words: str, path: Path) -> list[str]:
    return [str(Path(sys.executable).with_name("atlas-invoices")), *(word.format(path=path) for word in words.split())]


def _script(code: str, path: Path) -> list[str]:
    return [sys.executable, "-c", f"path = {str(path)!r}\n" + textwrap.dedent(code)]


def _process(arguments: list[str]) -> Cost:
    done = subprocess.run([sys.executable, "-c", _SMALL_PARENT, *arguments], check=True, capture_output=True, text=True)
    seconds, cpu, peak = map(float, done.stdout.split()[-3:])
    return Cost(seconds, cpu, peak)


if __name__ == "__main__":
    main()
