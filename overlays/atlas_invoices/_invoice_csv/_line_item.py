"""One line of an invoice, as a tuple class, because a million of them are made for one file."""

from __future__ import annotations

import datetime as dt  # noqa: TC003 - typing.get_type_hints(LineItem) needs these three at run time
from collections.abc import Mapping  # noqa: TC003 - likewise
from decimal import Decimal  # noqa: TC003 - likewise
from typing import NamedTuple

from atlas_invoices._frozen_dict import FrozenDict

CREDIT_SKU = "Credit"
EMPTY: FrozenDict[str] = FrozenDict()


class LineItem(NamedTuple):
    """One row of an invoice CSV; every field is `None` where its cell is empty or the file lacks the column.

    `date` is the bill date, `usage_date` the day of use, which may lie before the invoice's period. Money is in the
    price currency (USD), with the sign as sent. Whether `discount_percent` is a percentage or a fraction is not
    documented. `tags` holds the non-empty `Tag/<key>` columns by key; `extra` the non-empty columns this version
    doesn't know, by name. `line_number` is the physical line the row starts on, from 1.

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

    @property
    def is_credit(self) -> bool:
        """True where the SKU is exactly `Credit`; a project called CreditCheck is none."""
        return self.sku == CREDIT_SKU
