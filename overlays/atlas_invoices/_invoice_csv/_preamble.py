"""What stands above the table: whose invoice this is and which period it bills."""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING

from attrs import frozen
from dateutil import parser as dateutil_parser

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# dateutil alone would make a day of almost anything, today's where the text says nothing.
_WHOLE_DAY = re.compile(
    r"[A-Za-z]{3,9}\.? \d{1,2},? \d{4}|\d{1,2} [A-Za-z]{3,9}\.? \d{4}|\d{1,2}/\d{1,2}/\d{4}|\d{4}-\d\d-\d\d", re.ASCII
).fullmatch
_BETWEEN = re.compile(r"\s+[-\u2013\u2014]\s+")


@frozen
class InvoiceHeader:
    """The lines above the table; a field is `None` where the file doesn't have it or it can't be read.

    `period_end` is exclusive: an invoice for June ends on 1 July. `raw` has every pair as it stands in the file.
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
    days = [_day(part) for part in _BETWEEN.split(text.strip())]
    return (days[0], days[1]) if len(days) == 2 else (None, None)  # noqa: PLR2004 - a start and an end


def _day(text: str) -> dt.date | None:
    if _WHOLE_DAY(text) is None:
        return None
    try:
        return dateutil_parser.parse(text, ignoretz=True, default=dt.datetime(1, 1, 1)).date()  # noqa: DTZ001 - a day has no zone
    except (ValueError, OverflowError):
        return None
