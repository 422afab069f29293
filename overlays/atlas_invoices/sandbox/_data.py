"""What the sandbox knows: organizations, invoices, lines and payments, as frozen data that tests can compare with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Protocol

from attrs import field, frozen


@frozen
class Organization:
    """An organization; `id` is 24 hexadecimal digits."""

    id: str
    name: str


@frozen
class Line:
    """One line of an invoice, in the CSV and (mirrored) in the JSON.

    `gross_cents` is unit price times quantity, `amount_cents` the same less the discount: both rounded half up to
    whole cents. `discount_percent` is a percentage, 12.5 for an eighth.
    """

    bill_date: date
    usage_date: date
    description: str
    note: str
    project: str
    project_id: str
    sku: str
    sku_code: str
    provider: str
    region: str
    cluster: str
    replica_set: str
    config_server: str
    application: str
    unit: str
    unit_price: Decimal
    quantity: Decimal
    discount_percent: Decimal
    gross_cents: int
    amount_cents: int
    tags: Mapping[str, str]


@frozen
class Block:
    """Some lines of an invoice, in order. `day`, if set, stands for the usage date of each of them."""

    lines: Sequence[Line]
    day: date | None = None


class Lines(Protocol):
    """An invoice's lines: in memory for ordinary invoices, repeated patterns for a huge one."""

    @property
    def subtotal_cents(self) -> int:
        """Sum of the positive amounts."""

    @property
    def credits_cents(self) -> int:
        """Sum of the negative amounts, so zero or less."""

    def __len__(self) -> int:
        """How many lines there are."""

    def blocks(self) -> Iterator[Block]:
        """All lines, in order, some at a time."""


@frozen
class Payment:
    """One payment towards an invoice. Cents are of a US dollar; `unit_price` is the rate into `currency`."""

    id: str
    status: str
    subtotal_cents: int
    sales_tax_cents: int
    amount_billed_cents: int
    amount_paid_cents: int
    unit_price: str
    currency: str
    created: datetime
    updated: datetime


@frozen
class Refund:
    """Money given back for a payment."""

    payment_id: str
    amount_cents: int
    reason: str
    created: datetime


@frozen
class Invoice:
    """One monthly invoice. `end` is exclusive: the first day of the next month.

    Credits are negative in every place: their lines' amounts, and `credits_cents` as their sum (not documented by
    Atlas). So `amount_billed_cents` = `subtotal_cents` + `credits_cents` + `sales_tax_cents`. The payments' subtotals
    and taxes each add up to the invoice's, and their billed amounts, which are without tax, do so together with it.
    """

    id: str
    organization: Organization
    start: date
    end: date
    status: str
    lines: Lines = field(repr=False, eq=False)
    tag_keys: tuple[str, ...]
    subtotal_cents: int
    credits_cents: int
    sales_tax_cents: int
    amount_billed_cents: int
    amount_paid_cents: int
    starting_balance_cents: int
    payments: tuple[Payment, ...]
    refunds: tuple[Refund, ...]
    linked: tuple[Invoice, ...]
    created: datetime
    updated: datetime

    @property
    def line_count(self) -> int:
        """How many lines the CSV has below its header."""
        return len(self.lines)


def plain(number: Decimal) -> str:
    """Without an exponent: 1E+2 is "100"."""
    return format(number, "f")


def timestamp(moment: datetime | date) -> str:
    """ISO 8601 in UTC with a Z; a day is its midnight."""
    if not isinstance(moment, datetime):
        moment = datetime(moment.year, moment.month, moment.day, tzinfo=UTC)
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
