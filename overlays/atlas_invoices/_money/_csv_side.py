"""The CSV's side of a reconciliation: its lines, their sums, and the unit of their discounts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from decimal import ROUND_HALF_DOWN, ROUND_HALF_UP, Decimal
from typing import NamedTuple

from atlas_invoices._csv import CURRENCY, LineItem, currency_code
from atlas_invoices._utils import pluralize, single_line

from ._amounts import EXACT, HALF_CENT
from ._line_match import CsvEntry, Key, LineMatcher
from ._reconciliation import DiscountUnit, Totals

_ZERO = Decimal(0)


class CentRange(NamedTuple):
    """Whole cents from `low` to `high`; more than one value only if half cents can be rounded either way."""

    low: Decimal
    high: Decimal

    def plus(self, other: CentRange) -> CentRange:
        """Return the range of the sum of both."""
        return CentRange(EXACT.add(self.low, other.low), EXACT.add(self.high, other.high))

    def __contains__(self, cents: object) -> bool:
        return isinstance(cents, (int, Decimal)) and self.low <= cents <= self.high


class Sum:
    """An exact sum of cents that also knows its value with each term rounded to a cent.

    A tolerance of half a cent per term would hide a missing line, so only terms of exactly half a cent may be rounded
    either way.
    """

    __slots__ = ("cents", "drift", "fractional", "lines", "ties")

    def __init__(self, cents: Decimal = _ZERO) -> None:
        self.cents = cents
        self.lines = 0
        self.fractional = 0
        # The effect of rounding on the sum: half cents are counted, the rest is added up.
        self.ties = 0
        self.drift = _ZERO

    @classmethod
    def of(cls, *sums: Sum) -> Sum:
        """Return the sum of the terms of all."""
        total = cls()
        for each in sums:
            total.cents = EXACT.add(total.cents, each.cents)
            total.lines += each.lines
            total.fractional += each.fractional
            total.ties += each.ties
            total.drift = EXACT.add(total.drift, each.drift)
        return total

    def add(self, cents: Decimal, rounding: Decimal = _ZERO) -> None:
        """Add a term; `rounding` is what rounding it to a cent adds."""
        self.cents = EXACT.add(self.cents, cents)
        self.lines += 1
        if rounding:
            self.fractional += 1
            if rounding.copy_abs() == HALF_CENT:
                self.ties += 1
            else:
                self.drift = EXACT.add(self.drift, rounding)

    def negated(self) -> Sum:
        """Return it with the opposite sign."""
        negated = Sum.of(self)
        negated.cents = self.cents.copy_negate()
        negated.drift = self.drift.copy_negate()
        return negated

    def as_reduction(self) -> Sum:
        """Return it as a sum of 0 or less, which reduces the amount billed."""
        return self.negated() if self.cents > 0 else self

    @property
    def of_rounded_terms(self) -> CentRange:
        """Its value if every term is rounded first."""
        middle = EXACT.add(self.cents, self.drift)
        ties = EXACT.multiply(Decimal(self.ties), HALF_CENT)
        return CentRange(EXACT.subtract(middle, ties), EXACT.add(middle, ties))

    @property
    def rounded(self) -> CentRange:
        """Its value if it is rounded once, at the end."""
        one, other = (self.cents.to_integral_value(mode) for mode in (ROUND_HALF_DOWN, ROUND_HALF_UP))
        return CentRange(min(one, other), max(one, other))


_HUNDRED = Decimal(100)
_HALF_CENT_IN_DOLLARS = Decimal("0.005")
# Unit prices are shown with few digits, so price times quantity is only approximately the amount.
_THOUSANDTH = Decimal("0.001")


class DiscountVotes:
    """Each row with a discount votes for the unit with which price, quantity and discount give its amount."""

    def __init__(self) -> None:
        self._percent = 0
        self._fraction = 0
        self._undecided = 0

    def add(self, line: LineItem) -> None:
        """Let a line vote if it has a discount and everything needed to check it."""
        discount, price, quantity, amount = line.discount_percent, line.unit_price, line.quantity, line.amount
        if not discount or price is None or quantity is None or amount is None:
            return
        gross = EXACT.multiply(price, quantity)
        tolerance = EXACT.add(_HALF_CENT_IN_DOLLARS, EXACT.multiply(gross.copy_abs(), _THOUSANDTH))

        def fits(factor: Decimal) -> bool:
            return EXACT.subtract(EXACT.multiply(gross, factor), amount).copy_abs() <= tolerance

        percent = fits(EXACT.subtract(_HUNDRED, discount).scaleb(-2, EXACT))
        fraction = fits(EXACT.subtract(Decimal(1), discount))
        if percent == fraction:
            self._undecided += 1
        elif percent:
            self._percent += 1
        else:
            self._fraction += 1

    def result(self, notes: list[str]) -> DiscountUnit | None:
        """Return the unit with most votes; add a contradiction, or rows that don't decide it, to `notes`."""
        if self._percent and self._fraction:
            notes.append(
                "Discount Percent contradicts itself: "
                f"{pluralize(self._percent, 'line fits', 'lines fit')} a percentage, "
                f"{pluralize(self._fraction, 'line fits', 'lines fit')} a fraction"
            )
        if self._percent != self._fraction:
            return "percent" if self._percent > self._fraction else "fraction"
        if self._undecided:
            lines = pluralize(self._undecided, "line has", "lines have")
            notes.append(f"{lines} a discount, but the amounts don't show whether it is a percentage or a fraction")
        return None


_TO_CENTS = Decimal(2)
_NO_TAGS: frozenset[tuple[str, str]] = frozenset()


class CsvSide:
    """Sums by kind, project and SKU; the lines themselves aren't kept."""

    def __init__(self) -> None:
        self.positive = Sum()
        self.negative = Sum()
        self.credits = Sum()
        self._credit_signs: set[bool] = set()
        self.by_project: defaultdict[str | None, Decimal] = defaultdict(Decimal)
        self.by_sku: defaultdict[str, Sum] = defaultdict(Sum)
        self.project_names: dict[str, str] = {}
        self.discounts = DiscountVotes()
        self.currencies: set[str] = set()
        self.without_amount = 0
        self.last_line_number = 0
        self.last_amount: Decimal | None = None

    def read(self, lines: Iterable[LineItem], matchers: Iterable[LineMatcher]) -> None:
        """Add every line and pass it to every matcher. If the reader fails, the lines before the error are kept."""
        matchers = tuple(matchers)
        for line in lines:
            entry = self._add(line)
            for matcher in matchers:
                matcher.add(entry)

    def _add(self, line: LineItem) -> CsvEntry:
        amount, sku, project_id, is_credit = line.amount, line.sku, line.project_id, line.is_credit
        if amount is None:
            self.without_amount += 1
            cents = _ZERO
        else:
            cents = EXACT.scaleb(amount, _TO_CENTS)
        # A tie may be rounded up or down; only the other side shows which.
        whole = cents.to_integral_value(ROUND_HALF_UP)
        rounding, is_tie = _ZERO, False
        if cents != whole:
            rounding = EXACT.subtract(whole, cents)
            is_tie = rounding.copy_abs() == HALF_CENT
        by_kind = self.credits if is_credit else self.negative if cents < 0 else self.positive
        by_kind.add(cents, rounding)
        if sku is not None:
            self.by_sku[sku].add(cents, rounding)
        if is_credit and cents:
            self._credit_signs.add(cents > 0)
        self.by_project[project_id] = EXACT.add(self.by_project[project_id], cents)
        if project_id is not None and line.project is not None:
            self.project_names.setdefault(project_id, line.project)
        self.discounts.add(line)
        if CURRENCY in line.extra:
            self.currencies.add(currency_code(line.extra[CURRENCY]))
        self.last_line_number = line.line_number
        self.last_amount = amount
        tags = frozenset(line.tags.items()) if line.tags else _NO_TAGS
        key = Key(project_id, int(whole), line.usage_date, tags, line.quantity, line.unit_price, line.cluster)
        return CsvEntry(key, is_credit, is_tie, line.line_number)

    @property
    def reductions(self) -> Sum:
        """The credits, as they lower the amount billed.

        The sign of a credit isn't documented, so credits that all have the same sign are subtracted. With both signs,
        one credit takes back another, and they count as sent.
        """
        return self.credits if len(self._credit_signs) > 1 else self.credits.as_reduction()

    @property
    def everything(self) -> Sum:
        """The sum of all lines."""
        return Sum.of(self.positive, self.negative, self.credits)

    @property
    def mixed_currencies(self) -> str:
        """Names several currencies, whose amounts can't be added up; empty if there is only one."""
        names = [single_line(name, 20) for name in sorted(self.currencies)]
        return " and ".join(names) if len(names) > 1 else ""

    @property
    def totals(self) -> Totals:
        """The sums for the caller; none of amounts in several currencies."""
        everything = self.everything
        if self.mixed_currencies:
            return Totals(lines=everything.lines, total_cents=None, subtotal_cents=None, credits_cents=None)
        return Totals(
            lines=everything.lines,
            total_cents=everything.cents,
            subtotal_cents=self.positive.cents,
            credits_cents=self.credits.cents,
        )
