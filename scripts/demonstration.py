"""Show the main job on a local Atlas: list invoices, download one with both kinds of credentials, check the totals.

`scripts/demo` runs it after creating .venv. It uses the real command, as a person would.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Literal

COMMAND = str(Path(sys.executable).with_name("atlas-invoices"))
KINDS: dict[Literal["api-key", "service-account"], str] = {"api-key": "digest", "service-account": "service account"}


def main() -> int:
    """Run the demonstration; returns the exit status."""
    folder = Path(tempfile.mkdtemp(prefix="atlas-invoices-demo-"))
    try:
        return demonstrate(folder)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def demonstrate(folder: Path) -> int:
    """Show everything, with the downloads in `folder`; returns the exit status."""
    from atlas_invoices.sandbox import Sandbox, Settings  # noqa: PLC0415 - scripts import neither package at start-up

    # The command caches its access token in the user's cache folder, so give it one that is deleted afterwards.
    with Sandbox(Settings()) as server, tempfile.TemporaryDirectory() as home:
        print(f"A local Atlas with made-up invoices runs at {server.base_url}.\n")
        private = {"HOME": home, "XDG_CACHE_HOME": home}
        environments = {kind: {**server.environment(kind), **private} for kind in KINDS}
        invoices = json.loads(run(environments["service-account"], "list", "--format", "json"))
        print(run(environments["service-account"], "list"))
        invoice = next(i for i in invoices if i["statusName"] == "PAID" and i["subtotalCents"])
        billed = Decimal(invoice["subtotalCents"] + invoice["creditsCents"]) / 100
        good = True
        for kind, name in KINDS.items():
            path = folder / f"{invoice['id']}-{kind}.csv"
            run(environments[kind], "download", invoice["id"], "-o", str(path), "--quiet")
            total, lines = add_up(path)
            good &= total == billed
            verdict = "adds up to" if total == billed else "DIFFERS FROM"
            print(f"{name}: {path.name}: {lines:,} lines, {total:,.2f} USD, {verdict} the invoice's {billed:,.2f} USD")
        if len({path.read_bytes() for path in folder.iterdir()}) != 1:
            print("the two downloads DIFFER")
            good = False
    print(f"\nThe files are in {folder}; delete the folder when you are done.")
    print(
        "With your own key: export MONGODB_ATLAS_CLIENT_ID and MONGODB_ATLAS_CLIENT_SECRET (service account), or\n"
        "MONGODB_ATLAS_PUBLIC_API_KEY and MONGODB_ATLAS_PRIVATE_API_KEY (API key), then run\n"
        "    .venv/bin/atlas-invoices doctor\n"
        "    .venv/bin/atlas-invoices list"
    )
    return 0 if good else 1


def run(environment: Mapping[str, str], *arguments: str) -> str:
    """Run the command against the local Atlas; returns its output."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("MONGODB_ATLAS_")}
    done = subprocess.run(  # noqa: S603 - our own command
        [COMMAND, *arguments], env={**clean, **environment}, check=True, stdout=subprocess.PIPE, text=True
    )
    return done.stdout


def add_up(path: Path) -> tuple[Decimal, int]:
    """The exact sum of the Amount column and the number of lines, using only the standard library."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        header: list[str] = next(row for row in rows if "Usage Date" in row)
        amounts = [Decimal(row[header.index("Amount")]) for row in rows if row]
    return sum(amounts, Decimal(0)), len(amounts)


if __name__ == "__main__":
    sys.exit(main())
