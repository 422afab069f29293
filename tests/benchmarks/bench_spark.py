"""Read 200 invoices with Spark on two cores, beside one core: from a folder, and from a sandbox that takes its time.

    .venv-warehouse/bin/python tests/benchmarks/bench_spark.py [--invoices N] [--lines N] [--latency SECONDS] [--runs N]

Each measurement is a Spark of its own, which reads once before the clock starts; one core and two take turns, so a busy
machine slows both.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from atlas_invoices.sandbox import Sandbox, Settings

_READ = """
import json, sys, time
from pyspark.sql import SparkSession
from atlas_invoices.spark import AtlasInvoices

cores, options = sys.argv[1], json.loads(sys.argv[2])
builder = SparkSession.builder.master(f"local[{cores}]").config("spark.ui.enabled", "false")
for name in ("spark.driver.host", "spark.driver.bindAddress"):
    builder = builder.config(name, "127.0.0.1")
spark = builder.config("spark.sql.shuffle.partitions", cores).getOrCreate()
spark.sparkContext.setLogLevel("OFF")
spark.dataSource.register(AtlasInvoices)

def read():
    start = time.perf_counter()
    frame = spark.read.format("atlas_invoices").options(**options).load()
    lines, amount = frame.selectExpr("count(*)", "sum(amount)").first()
    return lines, time.perf_counter() - start

read()
print(json.dumps(read()))
spark.stop()
"""
# Times the speed of one core.
_AT_LEAST = 1.6


def main() -> bool:
    parser = argparse.ArgumentParser()
    parser.add_argument("--invoices", type=int, default=200)
    parser.add_argument("--lines", type=int, default=500)
    parser.add_argument("--latency", type=float, default=0.1, help="of the sandbox's replies, in seconds")
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    settings = Settings(months=options.invoices, typical_lines=options.lines, latency=options.latency)
    print(f"{options.invoices} invoices, load average {os.getloadavg()[0]:.1f}; medians of {options.runs}:")
    with Sandbox(settings) as sandbox, tempfile.TemporaryDirectory() as name:
        environment = {**os.environ, **sandbox.environment(), "PYSPARK_PYTHON": sys.executable}
        environment["XDG_CACHE_HOME"] = f"{name}/cache"
        folder = Path(name) / "invoices"
        folder.mkdir()
        for each in sandbox.invoices:
            (folder / f"{each.id}.csv").write_bytes(sandbox.csv_bytes(each.id))
        ratios = {}
        for source, given in (("folder", {"path": str(folder)}), ("sandbox", {})):
            seconds: dict[str, list[float]] = {"1": [], "2": []}
            lines = 0
            for _ in range(options.runs):
                for cores, found in seconds.items():
                    command = [sys.executable, "-c", _READ, cores, json.dumps(given)]
                    done = subprocess.run(
                        command, env=environment, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
                    )
                    lines, took = json.loads(done.stdout)
                    found.append(took)
            one, two = median(seconds["1"]), median(seconds["2"])
            ratios[source] = one / two
            speeds = f"one core {one:.2f} s ({lines / one:,.0f} lines/s), two {two:.2f} s ({lines / two:,.0f} lines/s)"
            print(f"  {source}, {lines:,} lines: {speeds}: {ratios[source]:.2f} times as fast", flush=True)
    return ratios["sandbox"] >= _AT_LEAST


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
