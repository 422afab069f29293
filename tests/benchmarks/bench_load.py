"""`load` into DuckDB beside DuckDB's own `read_csv` and `INSERT` of text, and beside itself with nothing changed.

    python tests/benchmarks/bench_load.py [--invoices N] [--lines N] [--runs N]

Each run is a process of its own, start included; the two take turns, so a busy machine slows both.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from big_invoice import write_invoice

_TEXT = """
import duckdb, glob, sys
with duckdb.connect(sys.argv[2]) as connection:
    for number, path in enumerate(sorted(glob.glob(f"{sys.argv[1]}/*.csv"))):
        rows = f"SELECT * FROM read_csv('{path}', skip = 5, header = true, all_varchar = true)"
        connection.execute(f"INSERT INTO lines {rows}" if number else f"CREATE TABLE lines AS {rows}")
"""
# Times the speed of DuckDB's own, and of the first run.
_AT_LEAST, _AGAIN_AT_LEAST = 0.5, 20


def timed(*command: object) -> float:
    start = time.perf_counter()
    subprocess.run([str(part) for part in command], check=True, stderr=subprocess.DEVNULL)
    return time.perf_counter() - start


def main() -> bool:
    parser = argparse.ArgumentParser()
    parser.add_argument("--invoices", type=int, default=36)
    parser.add_argument("--lines", type=int, default=30_000)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    load = (Path(sys.executable).with_name("atlas-invoices"), "load")
    theirs, first, again = [], [], []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "invoices"
        folder.mkdir()
        for month in range(1, options.invoices + 1):
            write_invoice(folder, options.lines, month=month)
        for run in range(options.runs):
            theirs.append(timed(sys.executable, "-c", _TEXT, folder, f"{name}/text{run}.db"))
            target = f"duckdb:{name}/ours{run}.db"
            first.append(timed(*load, target, folder))
            again.append(timed(*load, target, folder))
    print(f"{options.invoices} invoices of {options.lines:,} lines, load average {os.getloadavg()[0]:.1f}; medians:")
    speed, speed_again = median(theirs) / median(first), median(first) / median(again)
    print(f"  load {median(first):.2f} s, DuckDB's text {median(theirs):.2f} s: {speed:.2f} times its speed")
    print(f"  again, nothing changed: {median(again):.2f} s, {speed_again:.0f} times as fast")
    return speed >= _AT_LEAST and speed_again >= _AGAIN_AT_LEAST


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
