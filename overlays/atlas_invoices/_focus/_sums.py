"""Add up a conversion, and warn where the invoices lack facts that FOCUS needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

import pyarrow as pa
from attrs import define, field

from atlas_invoices._csv import CREDIT_SKU, DEFAULT_CURRENCY, EXACT
from atlas_invoices._csv._arrow import ArrowArray, pc, scalar
from atlas_invoices._csv._invoices import OpenInvoice
from atlas_invoices._utils import pluralize, single_line

from ._facts import InvoiceFacts

_ZERO = Decimal(0)
_CENT = Decimal("0.01")
_MAX_NAMES = 3


@define
class Amounts:
    """Sums of BilledCost by ChargeCategory, in dollars, or the currency of the lines."""

    usage: Decimal = _ZERO
    credits: Decimal = _ZERO
    tax: Decimal = _ZERO

    @property
    def billed(self) -> Decimal:
        """The sum of all."""
        return EXACT.add(EXACT.add(self.usage, self.credits), self.tax)


@define
class FocusSums:
    """Sums and findings of one conversion."""

    lines: int = 0
    invoices: int = 0
    by_currency: dict[str, Amounts] = field(factory=dict)
    without_amount: int = 0
    without_account: int = 0
    unknown_discounts: int = 0
    unknown_units: set[str] = field(factory=set)
    rounded: Mapping[str, int] = field(factory=dict)
    _of_source: dict[int, Amounts] = field(factory=dict)
    _without_json: list[str] = field(factory=list)
    _notes: list[str] = field(factory=list)
    _checks: list[tuple[str, int, InvoiceFacts]] = field(factory=list)

    def add_lines(self, source: OpenInvoice, cost: ArrowArray, sku: ArrowArray, currency: ArrowArray | None) -> None:
        """Add the lines of a batch; without `currency`, all are in dollars."""
        credit = is_credit(sku)
        self.lines += len(cost)
        names = [DEFAULT_CURRENCY] if currency is None else pc.unique(currency).to_pylist()
        for name in names:
            here = None if currency is None else pc.equal(currency, name)
            for kind in ("usage", "credits"):
                mask = credit if kind == "credits" else pc.invert(credit)
                mask = mask if here is None else pc.and_(mask, here)
                total = pc.sum(cost.filter(mask)).as_py() or _ZERO
                self._add(kind, total, source, name)

    def add_tax(self, source: OpenInvoice, tax: Decimal) -> None:
        """Add an invoice's tax."""
        self._add("tax", tax, source, DEFAULT_CURRENCY)

    def _add(self, kind: str, amount: Decimal, source: OpenInvoice, currency: str) -> None:
        for amounts in (
            self.by_currency.setdefault(currency, Amounts()),
            self._of_source.setdefault(id(source), Amounts()),
        ):
            setattr(amounts, kind, EXACT.add(getattr(amounts, kind), amount))

    def add_invoice(self, source: OpenInvoice, facts: InvoiceFacts | None) -> None:
        """Add an invoice whose lines have all been added; its sums are compared with its JSON once tax is added."""
        self.invoices += 1
        name = single_line(source.name or source.header.invoice_id or "the invoice", 100)
        if facts is None:
            self._without_json.append(name)
            return
        self._checks.append((name, id(source), facts))
        if facts.text("statusName") == "PREPAID" and self._of_source.get(id(source), Amounts()).credits:
            self._notes.append(
                f"{name} is prepaid: what was drawn from the prepaid amount stays a Credit, as in the CSV, where FOCUS "
                "expects a commitment"
            )
        if foreign := sorted(facts.currencies - {DEFAULT_CURRENCY}):
            self._notes.append(
                f"{name} is paid in {' and '.join(foreign)}; its lines and these costs are in {DEFAULT_CURRENCY}, and "
                "the rate is in the invoice's payments (`owed`)"
            )

    def warnings(self) -> Iterator[str]:
        """Yield warnings: where FOCUS can't be met, and where sums differ from the JSON."""
        for name, source, facts in self._checks:
            yield from self._difference(name, self._of_source.get(source, Amounts()).billed, facts)
        yield from self._notes
        if self._without_json:
            yield f"no sales tax for {_some(self._without_json)}: only the invoice's JSON has it, which is missing"
        if self.unknown_units:
            yield f"units that FOCUS doesn't have were kept as sent: {_some(sorted(self.unknown_units))}"
        if self.unknown_discounts:
            lines = pluralize(self.unknown_discounts, "line has", "lines have")
            yield (
                f"{lines} a discount, but the amounts don't show whether it is a percentage or a fraction, so "
                "ContractedUnitPrice is empty there, and ContractedCost is the amount"
            )
        if self.without_amount:
            yield f"{pluralize(self.without_amount, 'line has', 'lines have')} no Amount, which counts as 0"
        if self.without_account:
            yield (
                f"{pluralize(self.without_account, 'line has', 'lines have')} no Organization ID, so BillingAccountId, "
                "which FOCUS needs, is empty"
            )
        if self.rounded:
            numbers = pluralize(sum(self.rounded.values()), "number", "numbers")
            yield f"{' and '.join(sorted(self.rounded))}: {numbers} rounded to 38 digits, the most that tables have"

    def _difference(self, name: str, billed: Decimal, facts: InvoiceFacts) -> Iterator[str]:
        stated = facts.cents("amountBilledCents")
        if stated is None or len(self.by_currency) > 1:
            return
        balance = facts.cents("startingBalanceCents") or 0
        # It isn't documented whether the balance has been subtracted.
        possible = [Decimal(cents) * _CENT for cents in (stated, stated + balance)]
        if not any(EXACT.subtract(billed, each).copy_abs() < _CENT for each in possible):
            yield (
                f"{name}: BilledCost adds up to {billed:,f}, the invoice's amountBilledCents to {possible[0]:,f}; run "
                "`atlas-invoices reconcile` to see why"
            )


def _some(names: list[str]) -> str:
    shown: Any = names[:_MAX_NAMES]
    rest = len(names) - len(shown)
    return ", ".join(shown) + (f" and {rest} more" if rest else "")


def is_credit(sku: ArrowArray) -> ArrowArray:
    """Return which rows are credits; none is null."""
    return is_true(pc.equal(sku, scalar(CREDIT_SKU, pa.string())))


def is_true(mask: ArrowArray) -> ArrowArray:
    """Return a mask with False for null. Constants are our own scalars, because pa.scalar would import pandas."""
    return pc.and_kleene(mask.is_valid(), mask)
