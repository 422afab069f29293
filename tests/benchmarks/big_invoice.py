"""A large invoice for benchmarks: 1,000,000 lines are about 200 MB. The same arguments always give the same file.

It comes in four shapes. Every 50th note has a comma, so that it's in quotes; in the others every line has quotes, every
50th note has a line break, or the projects' names aren't ASCII.
"""

from __future__ import annotations

import random
from decimal import Decimal
from pathlib import Path
from typing import BinaryIO

LINES = 1_000_000
PLAIN, QUOTED, MULTI_LINE, NON_ASCII = SHAPES = ("plain", "quoted", "multi-line", "non-ASCII")
HEADER = (
    "Date,Usage Date,Description,Note,Organization Name,Organization ID,Project,Project ID,SKU,Region,Cluster,"
    "Replica Set,Config Server,Application,Unit,Unit Price,Quantity,Discount Percent,Amount,"
    "Tag/team,Tag/env,Tag/cost-center"
)
_PREAMBLE = (
    "Invoice Number,666acb8787ba43606905dcae,\n"
    'Billing Period,"June 1, 2024 - July 1, 2024",\n'
    "Organization Name,{organization},\n"
    "Organization ID,666acb8787ba43606905dcac,\n"
    "\n"
)
# SKU, description, unit, unit price
_SKUS = [
    ("Atlas M10 Instance - Azure", "Instance", "server hours", "0.08"),
    ("Atlas M30 Instance - AWS", "Instance", "server hours", "0.54"),
    ("Atlas Storage 32 GB - Azure", "Storage", "GB hours", "0.000211"),
    ("Atlas Cloud Backup Storage - Azure", "Backup", "GB days", "0.0046667"),
    ("Atlas Azure Data Transfer", "Data Transfer", "GB", "0.02"),
]


def write_invoice(folder: Path, lines: int = LINES, shape: str = PLAIN) -> Path:
    """Write an invoice with this many lines into a folder, unless it is there already; return its path."""
    path = folder / f"{shape} {lines}.csv"
    if not path.exists():
        partial = path.with_suffix(".partial")
        with partial.open("wb") as file:
            _write(file, lines, shape)
        partial.rename(path)
    return path


def _write(file: BinaryIO, lines: int, shape: str) -> None:
    organization = '"Acme, Inc."' if shape == QUOTED else "Test 2"
    project_name = "Größe 規模" if shape == NON_ASCII else "Project"
    note_in_quotes = '"reserved,\none year"' if shape == MULTI_LINE else '"reserved, one year"'
    chance = random.Random(4)  # noqa: S311 - the same file each time
    projects = [(f"{project_name} {number}", f"{chance.getrandbits(96):024x}") for number in range(200)]
    file.write((_PREAMBLE.format(organization=organization) + HEADER + "\n").encode())
    rows = []
    for number in range(lines):
        project, project_id = chance.choice(projects)
        sku, description, unit, price = chance.choice(_SKUS)
        hours = unit == "server hours"
        quantity = Decimal("24.0") if hours else Decimal(chance.randrange(10**9)).scaleb(-6)
        cluster = chance.randrange(10)
        note = note_in_quotes if number % 50 == 0 else ""
        if number % 1000 == 999:
            sku, description, note, quantity = "Credit", "Credit", "Promotion", -quantity
        amount = quantity * Decimal(price)
        cells = (
            *("07/01/2024", f"06/{number * 30 // lines + 1:02}/2024", description, note),
            *(organization, "666acb8787ba43606905dcac", project, project_id, sku, "US_EAST_2"),
            *(f"Cluster{cluster}", f"atlas-{cluster}-shard-0", "", "", unit, price, str(quantity), "0.0", str(amount)),
            *(f"team{cluster % 4}", "prod" if cluster % 2 else "", ""),
        )
        rows.append(",".join(cells) + "\n")
        if len(rows) == 10_000:
            file.write("".join(rows).encode())
            rows.clear()
    file.write("".join(rows).encode())
