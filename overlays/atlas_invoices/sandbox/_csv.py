"""Writes an invoice as Atlas's CSV, about 64 KiB at a time, at a speed that makes the reader the slower side."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

from ._formats import plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ._data import Invoice, Line

CHUNK_BYTES = 64 * 1024
_ROWS_AT_ONCE = 256

_COLUMNS = (
    "Date,Usage Date,Description,Note,Organization Name,Organization ID,Project,Project ID,SKU,Region,Cluster,"
    "Replica Set,Config Server,Application,Unit,Unit Price,Quantity,Discount Percent,Amount"
)
# Stand for a pattern's dates until its day is known; no text of the catalogue has them.
_BILL_MARK, _USAGE_MARK = "\x01", "\x02"
_SPECIAL = frozenset(',"\r\n')


def csv_chunks(invoice: Invoice) -> Iterator[bytes]:
    """The whole file, in chunks of `CHUNK_BYTES` (the last one is shorter).

    The format is that of the API document's example: preamble lines that end in a comma, a blank line, the header, LF
    ends. Tag columns come last (where they stand isn't documented). Dates are MM/DD/YYYY.
    """
    waiting = bytearray()
    for piece in _pieces(invoice):
        waiting += piece
        done = len(waiting) - len(waiting) % CHUNK_BYTES
        for begin in range(0, done, CHUNK_BYTES):
            yield bytes(waiting[begin : begin + CHUNK_BYTES])
        del waiting[:done]
    if waiting:
        yield bytes(waiting)


def _pieces(invoice: Invoice) -> Iterator[bytes]:
    yield _head(invoice).encode()
    organization = f"{_cell(invoice.organization.name)},{invoice.organization.id}"
    patterns: dict[int, bytes] = {}
    for block in invoice.lines.blocks():
        if block.day is None:
            for begin in range(0, len(block.lines), _ROWS_AT_ONCE):
                rows = (
                    _row(line, _day(line.bill_date), _day(line.usage_date), organization, invoice.tag_keys)
                    for line in block.lines[begin : begin + _ROWS_AT_ONCE]
                )
                yield "".join(rows).encode()
        else:
            key = id(block.lines)
            if key not in patterns:
                patterns[key] = _pattern(block.lines, organization, invoice.tag_keys)
            bill, usage = _day(block.day + timedelta(days=1)), _day(block.day)
            yield (
                patterns[key].replace(_BILL_MARK.encode(), bill.encode()).replace(_USAGE_MARK.encode(), usage.encode())
            )


def _head(invoice: Invoice) -> str:
    period = f"{_long_day(invoice.start)} - {_long_day(invoice.end)}"
    preamble = (
        ("Invoice Number", invoice.id),
        ("Billing Period", period),
        ("Organization Name", invoice.organization.name),
        ("Organization ID", invoice.organization.id),
    )
    columns = ",".join([_COLUMNS, *(_cell(f"Tag/{key}") for key in invoice.tag_keys)])
    return "".join(f"{name},{_cell(value)},\n" for name, value in preamble) + f"\n{columns}\n"


def _pattern(lines: Iterable[Line], organization: str, tag_keys: Sequence[str]) -> bytes:
    return "".join(_row(line, _BILL_MARK, _USAGE_MARK, organization, tag_keys) for line in lines).encode()


def _row(line: Line, bill: str, usage: str, organization: str, tag_keys: Sequence[str]) -> str:
    cells = [
        bill,
        usage,
        _cell(line.description),
        _cell(line.note),
        organization,
        _cell(line.project),
        line.project_id,
        _cell(line.sku),
        line.region,
        line.cluster,
        line.replica_set,
        line.config_server,
        _cell(line.application),
        line.unit,
        plain(line.unit_price),
        plain(line.quantity),
        plain(line.discount_percent) if line.discount_percent else "",
        dollars(line.amount_cents),
        *(_cell(line.tags.get(key, "")) for key in tag_keys),
    ]
    return ",".join(cells) + "\n"


def dollars(cents: int) -> str:
    """Whole cents as dollars with two decimals: -1205 is "-12.05"."""
    whole, rest = divmod(abs(cents), 100)
    return f"{'-' if cents < 0 else ''}{whole}.{rest:02d}"


def _cell(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if not _SPECIAL.isdisjoint(text) else text


def _day(day: date) -> str:
    return f"{day.month:02d}/{day.day:02d}/{day.year:04d}"


def _long_day(day: date) -> str:
    # Not strftime: month names must not follow the machine's locale.
    return f"{_MONTHS[day.month - 1]} {day.day}, {day.year}"


_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
