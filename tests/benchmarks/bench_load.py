"""`load` into DuckDB beside DuckDB's own `read_csv` and `INSERT` of text, and beside itself with nothing changed.

    python tests/benchmarks/bench_load.py [--invoices N] [--lines N] [--runs N] [--engine duckdb|delta|iceberg]

Each run is a process of its own, start included; the two take turns, so a busy machine slows both. Then, for each
engine, how many lines a second one core loads, and in how much memory. Measuring memory needs Linux or macOS.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from statistics import median

from bench_csv import Cost, run_process
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
_ENGINES = {"duckdb": "duckdb", "delta": "deltalake", "iceberg": "pyiceberg"}


def load(target: str, source: Path) -> Cost:
    return run_process([str(Path(sys.executable).with_name("atlas-invoices")), "load", target, str(source), "-q"])


def target_in(engine: str, folder: Path) -> str:
    """A new target; the environment has Iceberg's catalog."""
    if engine == "iceberg":
        folder.mkdir()
        catalog = {"type": "sql", "uri": f"sqlite:///{folder}/catalog.db", "warehouse": f"file://{folder}/warehouse"}
        os.environ.update({f"PYICEBERG_CATALOG__BENCH__{name.upper()}": value for name, value in catalog.items()})
        return "iceberg:bench.billing.lines"
    return f"{engine}:{folder}"


def main() -> bool:
    parser = argparse.ArgumentParser()
    parser.add_argument("--invoices", type=int, default=36)
    parser.add_argument("--lines", type=int, default=30_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--engine", choices=_ENGINES, action="append")
    options = parser.parse_args()
    engines = options.engine or [engine for engine, package in _ENGINES.items() if find_spec(package)]
    costs: dict[str, list[Cost]] = {engine: [] for engine in engines}
    again: dict[str, list[Cost]] = {engine: [] for engine in engines}
    theirs = []
    with tempfile.TemporaryDirectory() as name:
        # An installed package has its bytecode.
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        os.environ["PYTHONPYCACHEPREFIX"] = f"{name}/bytecode"
        one, folder = Path(name) / "one", Path(name) / "invoices"
        for place, lines, invoices in ((one, 10, 1), (folder, options.lines, options.invoices)):
            place.mkdir()
            for month in range(1, invoices + 1):
                write_invoice(place, lines, month=month)
        for run in range(-1, options.runs):
            source = folder if run >= 0 else one
            script = [sys.executable, "-c", _TEXT, str(source), f"{name}/text{run}.db"]
            theirs.append(run_process(script))
            for engine in engines:
                target = target_in(engine, Path(name) / f"{engine}{run}")
                costs[engine].append(load(target, source))
                again[engine].append(load(target, source))
    print(f"{options.invoices} invoices of {options.lines:,} lines, load average {os.getloadavg()[0]:.1f}; medians:")
    lines = options.invoices * options.lines
    met = True
    for engine in engines:
        # The first run has made bytecode.
        first, second = (found[engine][1:] for found in (costs, again))
        seconds = median(cost.seconds for cost in first)
        repeated = median(cost.seconds for cost in second)
        cpu, peak = median(cost.cpu for cost in first), median(cost.peak for cost in first)
        print(f"  {engine}: {seconds:.2f} s, {lines / cpu:,.0f} lines a second and core, at most {peak:.0f} MB")
        print(f"    again, nothing changed: {repeated:.2f} s, {seconds / repeated:.0f} times as fast")
        if engine == "duckdb":
            text = median(cost.seconds for cost in theirs[1:])
            print(f"    DuckDB's text: {text:.2f} s, so load has {text / seconds:.2f} times its speed")
            met = text / seconds >= _AT_LEAST and seconds / repeated >= _AGAIN_AT_LEAST
    return met


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
