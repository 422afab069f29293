"""The invoice as data: its header and its lines."""

import datetime as dt
import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from attrs import frozen

from atlas_invoices._preamble import preamble_values
from atlas_invoices._utils import FrozenDict

from ._cells import parse_date

CREDIT_SKU = "Credit"
EMPTY: FrozenDict[str] = FrozenDict()


class LineItem(NamedTuple):
    """One row of an invoice CSV; a field is `None` if its cell is empty or the file lacks the column.

    `date` is the bill date, `usage_date` the day of use, which may be before the invoice's period. Money is in the
    price currency (USD), with the sign as sent. Whether `discount_percent` is a percentage or a fraction isn't
    documented. `tags` has the non-empty `Tag/<key>` columns by key; `extra` the non-empty columns that this version
    doesn't know, by name. `line_number` is the line of the file on which the row starts, from 1.

    >>> from decimal import Decimal
    >>> line = LineItem(sku="Credit", amount=Decimal("-5.00"), line_number=8)
    >>> line.is_credit, line.amount, line.project
    (True, Decimal('-5.00'), None)
    """

    date: dt.date | None = None
    usage_date: dt.date | None = None
    description: str | None = None
    note: str | None = None
    organization_name: str | None = None
    organization_id: str | None = None
    project: str | None = None
    project_id: str | None = None
    sku: str | None = None
    region: str | None = None
    cluster: str | None = None
    replica_set: str | None = None
    config_server: str | None = None
    application: str | None = None
    unit: str | None = None
    unit_price: Decimal | None = None
    quantity: Decimal | None = None
    discount_percent: Decimal | None = None
    amount: Decimal | None = None
    tags: Mapping[str, str] = EMPTY
    extra: Mapping[str, str] = EMPTY
    line_number: int = 0

    def __repr__(self) -> str:
        fields = zip(self._fields, self, strict=True)
        return f"LineItem({', '.join(f'{name}={value!r}' for name, value in fields if value not in (None, EMPTY))})"

    @property
    def is_credit(self) -> bool:
        """Whether the SKU is exactly `Credit` (a project named CreditCheck doesn't count)."""
        return self.sku == CREDIT_SKU


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
    """The lines above the table; a field is `None` if the file lacks it or it can't be read.

    `period_end` is exclusive: an invoice for June ends on 1 July. `raw` has every pair as the file has it.

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
    """Read the rows above the table, however many there are; of two values of one name, the first counts."""
    rows = list(rows)
    values = preamble_values(rows)
    start, end = _period(values.get("billingperiod", ""))
    return InvoiceHeader(
        invoice_id=values.get("invoicenumber"),
        period_start=start,
        period_end=end,
        organization_name=values.get("organizationname"),
        organization_id=values.get("organizationid"),
        # Preamble lines end in a comma.
        raw=tuple((row[0], ",".join(row[1:]).rstrip(",")) for row in rows if any(row)),
    )


def _period(text: str) -> tuple[dt.date | None, dt.date | None]:
    """Return both days or neither: if one can't be read, the other's order of day and month is a guess."""
    days = [_day(part) for part in _BETWEEN.split(text.strip())]
    return (days[0], days[1]) if len(days) == 2 and None not in days else (None, None)  # noqa: PLR2004 - a start and an end


def _day(text: str) -> dt.date | None:
    """Read `June 1, 2024`, `1 June 2024`, `06/01/2024` or `2024-06-01`."""
    try:
        if _ISO(text):
            return dt.date.fromisoformat(text)
        named = _MONTH_FIRST(text) or _DAY_FIRST(text)
        if named is None:
            return parse_date(text)
        return dt.date(int(named["year"]), _MONTH[named["month"].lower()], int(named["day"]))
    except (KeyError, ValueError):
        return None
