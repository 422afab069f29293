"""The amount owed, term by term: the data, and a table of it for people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from functools import reduce
from typing import NamedTuple

from attrs import field, frozen

from atlas_invoices._utils import FrozenDict, html_table, plain, single_line

from ._amounts import EXACT, money


@frozen(kw_only=True)
class PaymentOwed:
    """One payment of an invoice and what it adds to the total, in cents of `currency` unless noted.

    Attributes:
        payment_id: the payment's ID, or `None` if Atlas sent none.
        status: the payment's status as Atlas sent it; Atlas may add new ones at any time.
        currency: ISO 4217 code. `USD` if Atlas sent none, `XXX` if it sent a rate without a currency.
        total_billed_cents: the amount billed, in US cents (`amountBilledCents`).
        unit_price: the exchange rate from US dollars to `currency` (`unitPrice`).
        billed_in_currency: `total_billed_cents * unit_price`, unrounded.
        sales_tax_cents: the sales tax, added (`salesTaxCents`).
        starting_balance_cents: the payment's own starting balance, subtracted; `None` if it has none.
        owed_cents: the result, unrounded; `None` if it can't be computed (a warning of the `Owed` says why).
        paid_cents: the amount paid, in US cents (`amountPaidCents`); `None` if Atlas sent none.
        outstanding_cents: what is left to pay of `owed_cents`; `None` if that isn't known (see `owed`).
        missing: API names of the fields that were not sent or could not be read.

    Example:
        >>> from atlas_invoices_client.models import BillingInvoice
        >>> payment = {"amountBilledCents": 10000, "unitPrice": "0.92", "currency": "EUR"}
        >>> [term] = owed(BillingInvoice.from_dict({"payments": [payment]})).payments
        >>> term.total_billed_cents, term.unit_price, term.billed_in_currency
        (10000, Decimal('0.92'), Decimal('9200.00'))
        >>> term.sales_tax_cents, term.owed_cents, term.missing
        (0, Decimal('9200.00'), ('salesTaxCents',))

    """

    payment_id: str | None
    status: str | None
    currency: str
    total_billed_cents: int | None
    unit_price: Decimal | None
    billed_in_currency: Decimal | None
    sales_tax_cents: int
    starting_balance_cents: int | None
    owed_cents: Decimal | None
    paid_cents: int | None
    outstanding_cents: Decimal | None
    missing: tuple[str, ...]


def _read_only(sums: Mapping[str, Decimal]) -> FrozenDict[Decimal]:
    return FrozenDict(sums)


@frozen(kw_only=True, repr=False)
class Owed:
    """The amounts owed on an invoice, by currency, and the terms they were computed from.

    Attributes:
        by_currency: cents owed in each currency, unrounded; currencies are never added together. Read-only.
        payments: every payment of the invoice, in the order sent.
        starting_balance_cents: the invoice's own starting balance in cents; `None` if Atlas sent none.
        starting_balance_applied: whether that balance was subtracted in `by_currency`.
        starting_balance_currency: the currency it was subtracted in; `None` if it wasn't.
        status: the invoice's status as Atlas sent it.
        outstanding: cents left to pay in each currency, unrounded; a currency in which that isn't known is missing.
        warnings: what to know before relying on the sums; empty if nothing was missing or unclear.

    Example:
        >>> from atlas_invoices_client.models import BillingInvoice
        >>> payment = {"amountBilledCents": 10001, "unitPrice": "0.925", "salesTaxCents": 0, "currency": "EUR"}
        >>> result = owed(BillingInvoice.from_dict({"payments": [payment], "startingBalanceCents": 500}))
        >>> result.by_currency, result.rounded()
        ({'EUR': Decimal('8750.925')}, {'EUR': Decimal('8751')})
        >>> result.starting_balance_cents, result.starting_balance_applied
        (500, True)
        >>> result.warnings[0].split(",")[0]
        "the invoice's starting balance of 5.00 USD was subtracted in EUR without conversion"

    """

    by_currency: Mapping[str, Decimal] = field(converter=_read_only)
    payments: tuple[PaymentOwed, ...]
    starting_balance_cents: int | None
    starting_balance_applied: bool
    starting_balance_currency: str | None
    status: str | None
    outstanding: Mapping[str, Decimal] = field(converter=_read_only)
    warnings: tuple[str, ...]

    def rounded(self) -> dict[str, Decimal]:
        """Return `by_currency` in whole cents, with half a cent rounded away from zero."""
        return round_cents(self.by_currency)

    def __repr__(self) -> str:
        owed = " and ".join(f"{money(cents)} {currency}" for currency, cents in self.by_currency.items())
        left = " and ".join(f"{money(cents)} {currency}" for currency, cents in self.outstanding.items())
        return f"<Owed {owed or _UNKNOWN}, outstanding {left or _UNKNOWN}>"

    def _repr_html_(self) -> str:
        headings, rows, _ = statement(self)
        return html_table(headings, rows, right=range(1, len(headings)))


def round_cents(by_currency: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """Return the amounts in whole cents, with half a cent rounded away from zero."""
    return {currency: cents.to_integral_value(rounding=ROUND_HALF_UP) for currency, cents in by_currency.items()}


_UNKNOWN = "unknown"
_Cents = Decimal | int | None


class _Terms(NamedTuple):
    """The cells of one column."""

    currency: str
    status: str
    billed_usd: str
    rate: str
    billed: str
    tax: str
    balance: str
    owed: str
    paid: str
    outstanding: str


class Statement(NamedTuple):
    """A table: its headings, its rows (a label, then cells), and which columns are parts of a total beside them."""

    headings: list[str]
    rows: list[list[str]]
    parts: list[int]


def statement(result: Owed) -> Statement:
    """Return the terms of each payment, and their sums in a currency that has several payments.

    Rows without a cell are left out, as are the rate and the converted amount if every payment is in US dollars.
    """
    columns: list[_Terms] = []
    parts: list[int] = []
    for currency in dict.fromkeys(payment.currency for payment in result.payments):
        payments = [payment for payment in result.payments if payment.currency == currency]
        if len(payments) > 1:
            parts += range(len(columns) + 1, len(columns) + 1 + len(payments))
            columns += [_terms([payment], payment.owed_cents, payment.outstanding_cents) for payment in payments]
        balance = result.starting_balance_cents if currency == result.starting_balance_currency else None
        columns.append(_terms(payments, result.by_currency.get(currency), result.outstanding.get(currency), balance))
    foreign = any(payment.unit_price != 1 for payment in result.payments)
    settled = bool(result.outstanding) and not any(result.outstanding.values())
    rows = [
        ["payment", *(column.status for column in columns)],
        ["billed USD", *(column.billed_usd for column in columns)],
        ["x rate", *(column.rate for column in columns if foreign)],
        ["= billed", *(column.billed for column in columns if foreign)],
        ["+ sales tax", *(column.tax for column in columns)],
        ["- starting balance", *(column.balance for column in columns)],
        ["= total" if settled else "= owed", *(column.owed for column in columns)],
        ["- paid", *(column.paid for column in columns)],
        ["= outstanding", *(column.outstanding for column in columns)],
    ]
    return Statement(["", *(column.currency for column in columns)], [row for row in rows if any(row[1:])], parts)


def _terms(payments: Sequence[PaymentOwed], owed: _Cents, outstanding: _Cents, balance: int | None = None) -> _Terms:
    """Return one payment's column, or that of several payments in one currency and their balance."""
    first = payments[0]
    balances = [balance or 0, *(payment.starting_balance_cents or 0 for payment in payments)]
    return _Terms(
        currency=single_line(first.currency, 10),
        status=single_line(first.status or "", 20) if len(payments) == 1 else "all",
        billed_usd=_sum(payment.total_billed_cents for payment in payments),
        rate="" if len(payments) > 1 else _UNKNOWN if first.unit_price is None else plain(first.unit_price),
        billed=_sum(payment.billed_in_currency for payment in payments),
        tax=_sum(payment.sales_tax_cents for payment in payments),
        balance=_sum(balances) if any(balances) else "",
        owed=_sum([owed]),
        paid=_sum([owed, None if outstanding is None else -outstanding]),
        outstanding=_sum([outstanding]),
    )


def _sum(cents: Iterable[_Cents]) -> str:
    """Add cents and format them in the currency's main unit, half a cent rounded away from zero."""
    known = [None if each is None else Decimal(each) for each in cents]
    if None in known:
        return _UNKNOWN
    total = reduce(EXACT.add, filter(None, known), Decimal(0))
    return money(total.to_integral_value(rounding=ROUND_HALF_UP))
