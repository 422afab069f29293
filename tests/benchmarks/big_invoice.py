"""A large invoice for benchmarks: 1,000,000 lines are about 200 MB. The same arguments always give the same file.

It comes in four shapes: few lines have quotes; an organization called "Acme, Inc.", so that every line has them; a line
break in every 50th note; projects whose names aren't ASCII.
"""

from __future__ import annotations

import datetime as dt
import random
from decimal import Decimal
from pathlib import Path
from typing import BinaryIO

LINES = 1_000_000
SHAPES = ("plain", "quoted", "multiline", "unicode")
HEADER = (
    "Date,Usage Date,Description,Note,Organization Name,Organization ID,Project,Project ID,SKU,Region,Cluster,"
    "Replica Set,Config Server,Application,Unit,Unit Price,Quantity,Discount Percent,Amount,"
    "Tag/team,Tag/env,Tag/cost-center"
)
_PREAMBLE = (
    "Invoice Number,666acb8787ba43606905{number:04x},\n"
    'Billing Period,"{start} - {end}",\n'
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


def write_invoice(folder: Path, lines: int = LINES, shape: str = SHAPES[0], month: int = 6) -> Path:
    """Write an invoice with this many lines into a folder, unless it is there already; return its path."""
    path = folder / f"{shape} {lines} {month:02}.csv"
    if not path.exists():
        partial = path.with_suffix(".partial")
        with partial.open("wb") as file:
            _write(file, lines, shape, month)
        partial.rename(path)
    return path


def _write(file: BinaryIO, lines: int, shape: str, month: int) -> None:
    chance = random.Random(4)  # noqa: S311 - the same file each time
    organization = '"Acme, Inc."' if shape == "quoted" else "Test 2"
    name = "Prüfung größer 東京" if shape == "unicode" else "Project"
    projects = [(f"{name} {number}", f"{chance.getrandbits(96):024x}") for number in range(200)]
    usual_note = '"reserved\none year"' if shape == "multiline" else '"reserved, one year"'
    start, end = (
        dt.date(2021 + month // 12, month % 12 + 1, 1),
        dt.date(2021 + (month + 1) // 12, (month + 1) % 12 + 1, 1),
    )
    preamble = _PREAMBLE.format(number=month, start=_long(start), end=_long(end), organization=organization)
    file.write((preamble + HEADER + "\n").encode())
    rows = []
    for number in range(lines):
        project, project_id = chance.choice(projects)
        sku, description, unit, price = chance.choice(_SKUS)
        hours = unit == "server hours"
        quantity = Decimal("24.0") if hours else Decimal(chance.randrange(10**9)).scaleb(-6)
        cluster = chance.randrange(10)
        note = usual_note if number % 50 == 0 else ""
        if number % 1000 == 999:
            sku, description, note, quantity = "Credit", "Credit", "Promotion", -quantity
        amount = quantity * Decimal(price)
        cells = (
            *(f"{end:%m/%d/%Y}", f"{start:%m}/{number * 28 // lines + 1:02}/{start:%Y}", description, note),
            *(organization, "666acb8787ba43606905dcac", project, project_id, sku, "US_EAST_2"),
            *(f"Cluster{cluster}", f"atlas-{cluster}-shard-0", "", "", unit, price, str(quantity), "0.0", str(amount)),
            *(f"team{cluster % 4}", "prod" if cluster % 2 else "", ""),
        )
        rows.append(",".join(cells) + "\n")
        if len(rows) == 10_000:
            file.write("".join(rows).encode())
            rows.clear()
    file.write("".join(rows).encode())


def _long(day: dt.date) -> str:
    return f"{day:%B} {day.day}, {day.year}"
