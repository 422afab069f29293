"""Invoice CSVs for tests, made without the package's own code: strategies, a writer and an oracle."""

from __future__ import annotations

import csv
import datetime as dt
import io
from decimal import Context, Decimal, Inexact
from difflib import SequenceMatcher
from typing import Any

from attrs import frozen
from hypothesis import strategies as st

TEXTS = {
    "Description": "description",
    "Note": "note",
    "Organization Name": "organization_name",
    "Organization ID": "organization_id",
    "Project": "project",
    "Project ID": "project_id",
    "SKU": "sku",
    "Region": "region",
    "Cluster": "cluster",
    "Replica Set": "replica_set",
    "Config Server": "config_server",
    "Application": "application",
    "Unit": "unit",
}
DAYS = {"Date": "date", "Usage Date": "usage_date"}
NUMBERS = {
    "Unit Price": "unit_price",
    "Quantity": "quantity",
    "Discount Percent": "discount_percent",
    "Amount": "amount",
}
FIELDS = DAYS | TEXTS | NUMBERS
PREAMBLE = (
    b"Invoice Number,666acb8787ba43606905dcae,\n"
    b'Billing Period,"June 1, 2024 - July 1, 2024",\n'
    b"Organization Name,Test 2,\n"
    b"Organization ID,666acb8787ba43606905dcac,\n"
    b"\n"
)
# The example of the Atlas Admin API document: a header and no lines.
HEADER = (
    b"Date,Usage Date,Description,Note,Organization Name,Organization ID,Project,Project ID,SKU,Region,Cluster,"
    b"Replica Set,Config Server,Application,Unit,Unit Price,Quantity,Discount Percent,Amount"
)
EXAMPLE = PREAMBLE + HEADER + b"\n"


@frozen
class Invoice:
    """A file, and the lines it must give: each one's fields, by LineItem's names."""

    data: bytes
    lines: list[dict[str, Any]]


def simple_invoice(*rows: dict[str, str], ending: bytes = b"\n") -> bytes:
    """A file with the usual header and rows given by column name; cells not given are empty, the days are filled in."""
    out = [*PREAMBLE.split(b"\n")[:-1], HEADER]
    for row in rows:
        cells = {"Date": "07/01/2024", "Usage Date": "06/30/2024", **row}
        out.append(b",".join(quote(cells.get(name, "")) for name in HEADER.decode().split(",")))
    return ending.join(out) + ending


def quote(cell: str, *, always: bool = False) -> bytes:
    """A cell as CSV, in quotes where it must be, or always."""
    if always or any(character in cell for character in ',"\r\n'):
        cell = '"' + cell.replace('"', '""') + '"'
    return cell.encode()


def oracle(data: bytes) -> list[dict[str, str]]:
    """The rows below the header, as csv reads them."""
    rows = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""))
    for names in rows:
        if "Usage Date" in names:
            return [dict(zip(names, row, strict=True)) for row in rows if row]
    raise AssertionError("no header")


def oracle_sum(data: bytes, column: str = "Amount") -> Decimal:
    """The exact sum of a column."""
    exact = Context(prec=200, traps=[Inexact])
    total = Decimal(0)
    for row in oracle(data):
        total = exact.add(total, Decimal(row[column] or "0"))
    return total


_text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=12)
texts = st.one_of(
    _text, st.sampled_from(["Credit", "CreditCheck", 'say "x", y', "two\nlines", "a\r\nb", "é", "NaN", "null"])
)
days = st.dates(dt.date(1, 1, 1), dt.date(9999, 12, 31)) | st.dates(dt.date(2024, 6, 1), dt.date(2024, 6, 5))
numbers = st.one_of(
    st.decimals(-(10**6), 10**6, places=7),
    st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**15), max_value=10**15, places=2),
    st.integers(0, 3).map(Decimal),
    st.sampled_from(["1E-7", "+5", ".5", "5.", "-0", "0E+3", "1e3", "99999999999999999999", "0.000000000000000001"]),
    # More than the usual column of a table holds.
    st.sampled_from(["123456789012345678901", "0.1234567890123456789", "9" * 38, "-0." + "1" * 38]),
)


def _folded(name: str) -> str:
    return "".join(name.split()).casefold()


def _is_unknown(name: str) -> bool:
    folded = _folded(name)
    # A file is refused if it lacks a column but has one with a similar name.
    is_near = any(SequenceMatcher(None, folded, _folded(field)).ratio() > 0.5 for field in FIELDS)
    return folded not in {"", "currency"} and not folded.startswith(("tag/", "tags/")) and not is_near


@st.composite
def invoices(draw: st.DrawFn) -> Invoice:
    """Any lines, with any legal quoting, column order, line ending, tag and unknown columns."""
    tags = draw(st.lists(_text, unique_by=str.strip, max_size=3))
    extra = draw(st.lists(_text.filter(_is_unknown), unique_by=_folded, max_size=2))
    optional = draw(st.lists(st.sampled_from(sorted(set(FIELDS) - {"Date", "Usage Date", "SKU"})), unique=True))
    columns = draw(st.permutations(["Date", "Usage Date", "SKU", *optional, *("Tag/" + tag for tag in tags), *extra]))
    ending = draw(st.sampled_from([b"\n", b"\r\n"]))
    blank = draw(st.booleans())
    out: list[bytes] = []
    if draw(st.booleans()):
        out.extend(line for line in PREAMBLE.split(b"\n")[:-1])
    out.append(b",".join(quote(name, always=draw(st.booleans())) for name in columns))
    lines = []
    number = ending.join(out).count(b"\n") + 2
    for _ in range(draw(st.integers(0, 6))):
        cells, values = _row(draw, columns)
        if blank and draw(st.booleans()):
            out.append(b"")
            number += 1
        row = b",".join(quote(cells[name], always=draw(st.booleans())) for name in columns)
        lines.append({**values, "line_number": number})
        out.append(row)
        number += row.count(b"\n") + 1
    data = ending.join(out)
    if draw(st.booleans()):
        data += ending
    return Invoice((b"\xef\xbb\xbf" if draw(st.booleans()) else b"") + data, lines)


def _row(draw: st.DrawFn, columns: list[str]) -> tuple[dict[str, str], dict[str, Any]]:
    cells: dict[str, str] = {}
    values: dict[str, Any] = dict.fromkeys(FIELDS.values()) | {"tags": {}, "extra": {}}
    filled = draw(st.sampled_from(["Date", "Usage Date"]))
    for name in columns:
        if name != filled and draw(st.booleans()):
            cells[name] = ""
        elif name in DAYS:
            day = draw(days)
            cells[name] = f"{day.month:02}/{day.day:02}/{day.year:04}"
            values[DAYS[name]] = day
        elif name in NUMBERS:
            cells[name] = str(draw(numbers))
            values[NUMBERS[name]] = Decimal(cells[name])
        else:
            cells[name] = draw(texts)
            if name in TEXTS:
                values[TEXTS[name]] = cells[name]
            elif name.startswith("Tag/"):
                key = name.removeprefix("Tag/")
                values["tags"] = {**values["tags"], key.strip() or key: cells[name]}
            else:
                values["extra"] = {**values["extra"], name: cells[name]}
    return cells, values


_pieces = [
    b"06/01/2024", b"13/01/2024", b",", b",", b",", b'"', b'"', b'""', b"\n", b"\n", b"\r\n", b"\r", b"\0",
    b"1.5", b"e", b" ", b"a", b"\xff", b"\xc3\xa9", b"\xef\xbb\xbf", b"06/01/2024,x,06/02/2024,1,t,\n",
    b'06/01/2024,x,06/02/2024,-1,"t\n\n",\n', b"Total,\n", b",,,,,\n", b"1e5", b"-", b"NaN", b'x"y', b"9" * 22,
]  # fmt: skip
_header = b"Date,SKU,Usage Date,Amount,Tag/a,X\n"
_other_files = [
    b"{",
    b'{"error":1,\n',
    b"<html>\n",
    b"\x1f\x8b",
    b"\xff\xfeD\0",
    b"D\0",
    b"Date;SKU;Usage Date\n",
    b"x\r",
]
# Bytes that are nearly an invoice.
fragments = st.builds(
    bytes.__add__,
    st.sampled_from([b"", *[_header] * len(_other_files), *_other_files]),
    st.lists(st.sampled_from(_pieces), max_size=30).map(b"".join),
)
