"""The records that the sandbox's CSV and JSON are made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Protocol

from attrs import Factory, field, frozen


@frozen
class Organization:
    """An organization; `id` is 24 hexadecimal digits."""

    id: str
    name: str


@frozen(kw_only=True)
class Line:
    """One line of an invoice, the same in the CSV and the JSON.

    `gross_cents` is unit price times quantity, `amount_cents` is that less the discount; both are rounded half up.
    `discount_percent` is a percentage: 12.5 for an eighth.
    """

    bill_date: date
    usage_date: date
    description: str = ""
    note: str = ""
    project: str = ""
    project_id: str = ""
    sku: str
    sku_code: str
    provider: str
    region: str = ""
    cluster: str = ""
    replica_set: str = ""
    config_server: str = ""
    application: str = ""
    unit: str = ""
    unit_price: Decimal
    quantity: Decimal
    discount_percent: Decimal
    gross_cents: int
    amount_cents: int
    tags: Mapping[str, str] = Factory(dict)


@frozen
class Block:
    """Consecutive lines of an invoice. `day`, if set, replaces the usage date of each of them."""

    lines: Sequence[Line]
    day: date | None = None


class Lines(Protocol):
    """An invoice's lines in blocks, so that a million of them need little memory, and their sums."""

    @property
    def subtotal_cents(self) -> int:
        """Sum of the positive amounts, in cents."""

    @property
    def credits_cents(self) -> int:
        """Sum of the negative amounts, in cents: zero or less."""

    def __len__(self) -> int: ...

    def blocks(self) -> Iterator[Block]:
        """Yield all lines, in the order of the CSV."""


@frozen
class Payment:
    """One payment towards an invoice, in US cents. `unit_price` is the exchange rate to `currency`."""

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
    """Money paid back for a payment, in US cents, as a positive amount."""

    payment_id: str
    amount_cents: int
    reason: str
    created: datetime


@frozen
class Invoice:
    """One monthly invoice. `end` is exclusive: the first day of the next month.

    Credits are negative: the amounts of their lines, and `credits_cents`, their sum (not documented by Atlas). So
    `amount_billed_cents` = `subtotal_cents` + `credits_cents` + `sales_tax_cents`. The subtotals and taxes of the
    payments add up to the invoice's. Their billed amounts exclude tax; with the taxes they add up to the invoice's.
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
        """Number of lines below the CSV's header row."""
        return len(self.lines)
