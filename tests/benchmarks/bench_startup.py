"""How long the command takes to start, beside `python -c "import httpx"` in the same run.

Exits with 1 if a goal is missed: a third of it for `--version` and `--help`, 1.3 of it for `list` on a local Atlas with
a cached token.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from atlas_invoices.sandbox import Sandbox

COMMAND = Path(sys.executable).with_name("atlas-invoices")
ROUNDS = 15
CASES = {
    "import httpx": [sys.executable, "-c", "import httpx"],
    "--version": [str(COMMAND), "--version"],
    "--help": [str(COMMAND), "--help"],
    "list": [str(COMMAND), "list", "--format", "json"],
}


GOALS = {"--version": 1 / 3, "--help": 1 / 3, "list": 1.3}


def main() -> int:
    with Sandbox() as server:
        # Compiled modules, as an installed package has them.
        env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        env |= server.environment("service-account")
        seconds: dict[str, list[float]] = {name: [] for name in CASES}
        for round_ in range(ROUNDS + 1):
            for name, arguments in CASES.items():
                began = time.perf_counter()
                subprocess.run(arguments, env=env, stdout=subprocess.DEVNULL, check=True)
                if round_:  # the first one compiles
                    seconds[name].append(time.perf_counter() - began)
    peer = statistics.median(seconds["import httpx"])
    medians = {name: statistics.median(each) for name, each in seconds.items()}
    for name, median in medians.items():
        print(f"{name:<14}{median * 1000:6.0f} ms  {median / peer:.2f}")
    return int(any(medians[name] / peer > goal for name, goal in GOALS.items()))


if __name__ == "__main__":
    sys.exit(main())
