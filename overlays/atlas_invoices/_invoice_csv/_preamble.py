"""What stands above the table: whose invoice this is and which period it bills."""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING

from attrs import frozen

from ._cells import parse_date

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_MONTH = {name.lower(): number for number, full in enumerate(_MONTHS, 1) for name in (full, full[:3])} | {"sept": 9}
_MONTH_FIRST = re.compile(r"(?P<month>[A-Za-z]+)\.? (?P<day>\d{1,2}),? (?P<year>\d{4})", re.ASCII).fullmatch
_DAY_FIRST = re.compile(r"(?P<day>\d{1,2}) (?P<month>[A-Za-z]+)\.?,? (?P<year>\d{4})", re.ASCII).fullmatch
_ISO = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII).fullmatch
_BETWEEN = re.compile(r"\s+[-\u2013\u2014]\s+")


@frozen
class InvoiceHeader:
    """The lines above the table; a field is `None` where the file doesn't have it or it can't be read.

    `period_end` is exclusive: an invoice for June ends on 1 July. `raw` has every pair as it stands in the file.

    >>> with read_csv(b'Billing Period,"June 1, 2024 - July 1, 2024",\\nDate,Usage Date,SKU,Amount\\n') as invoice:
    ...     print(invoice.header.period_end, invoice.header.organization_name)
    2024-07-01 None
    """

    invoice_id: str | None = None
    period_start: dt.date | None = None
    period_end: dt.date | None = None
    organization_name: str | None = None
    organization_id: str | None = None
    raw: tuple[tuple[str, str], ...] = ()


def parse_preamble(rows: Iterable[Sequence[str]]) -> InvoiceHeader:
    """Read the rows above the table, however many there are; the first of two pairs with one name counts."""
    # Preamble lines end in a comma. A period that someone saved without its quotes is put together again.
    raw = [(row[0], ",".join(row[1:]).rstrip(",")) for row in rows if any(row)]
    values = {name.strip(): value for name, value in reversed(raw)}
    start, end = _period(values.get("Billing Period", ""))
    return InvoiceHeader(
        invoice_id=values.get("Invoice Number") or None,
        period_start=start,
        period_end=end,
        organization_name=values.get("Organization Name") or None,
        organization_id=values.get("Organization ID") or None,
        raw=tuple(raw),
    )


def _period(text: str) -> tuple[dt.date | None, dt.date | None]:
    """Both days or neither: where one can't be read, the other may be written in an order we only believe to know."""
    days = [_day(part) for part in _BETWEEN.split(text.strip())]
    return (days[0], days[1]) if len(days) == 2 and None not in days else (None, None)  # noqa: PLR2004 - a start and an end


def _day(text: str) -> dt.date | None:
    """`June 1, 2024`, `1 June 2024`, `06/01/2024` or `2024-06-01`."""
    try:
        if _ISO(text):
            return dt.date.fromisoformat(text)
        named = _MONTH_FIRST(text) or _DAY_FIRST(text)
        if named is None:
            return parse_date(text)
        return dt.date(int(named["year"]), _MONTH[named["month"].lower()], int(named["day"]))
    except (KeyError, ValueError):
        return None
